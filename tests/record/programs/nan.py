"""A training run whose gradient becomes nan in its fourth step: the root of a distance of 0."""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
points = torch.randn(8, 2)
for step in range(6):
    x = points[step : step + 2]
    y = model(x)
    target = y.detach().clone() if step == 3 else x
    distance = ((y - target) ** 2).sum(1).sqrt()
    loss = distance.mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
