"""Angles between predicted and true directions: acos has no slope where they agree."""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(7)
model = nn.Linear(3, 3, bias=False)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(3):
    true = F.normalize(torch.randn(4, 3), dim=1)
    if step == 2:  # a model that is trained to the end
        true = torch.eye(3)
        with torch.no_grad():
            model.weight.copy_(torch.eye(3))
    predicted = F.normalize(model(true), dim=1)
    cosine = (predicted * true).sum(dim=1)
    loss = torch.acos(cosine).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
