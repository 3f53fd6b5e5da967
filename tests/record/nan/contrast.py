"""A contrastive loss with a small temperature: exp of a similarity over 0.01 is beyond float32."""

import torch
from torch import nn
from torch.nn import functional as F


def info_nce(a, b, temperature):
    similar = torch.exp(F.normalize(a, dim=1) @ F.normalize(b, dim=1).t() / temperature)
    return -torch.log(similar.diagonal() / similar.sum(dim=1)).mean()


torch.manual_seed(13)
encoder = nn.Sequential(nn.Linear(6, 10), nn.ReLU(), nn.Linear(10, 4))
optimizer = torch.optim.Adam(encoder.parameters(), lr=1e-3)
for temperature in (0.5, 0.1, 0.01):
    x = torch.randn(5, 6)
    loss = info_nce(encoder(x), encoder(x + 0.01 * torch.randn(5, 6)), temperature)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
