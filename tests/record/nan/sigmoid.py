"""A binary cross entropy by hand on a sigmoid that has come to be 1 exactly."""

import torch
from torch import nn

torch.manual_seed(10)
discriminator = nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
optimizer = torch.optim.SGD(discriminator.parameters(), lr=5.0)
for step in range(12):
    real, fake = torch.randn(8, 2) + 20 * step, torch.randn(8, 2) * 9
    on_real = torch.sigmoid(discriminator(real))
    on_fake = torch.sigmoid(discriminator(fake))
    loss = -(torch.log(on_real) + torch.log(1 - on_fake)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
