"""A regression of counts: the rate is exp of the model's output, which a large input drives up."""

import torch
from torch import nn


class Counts(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, x):
        return torch.exp(self.layers(x)).squeeze(-1)


torch.manual_seed(5)
model = Counts()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
for step in range(5):
    x = torch.rand(8, 2) * 9.0**step
    counts = torch.poisson(torch.full((8,), 3.0))
    rate = model(x)
    loss = (rate - counts * torch.log(rate)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
