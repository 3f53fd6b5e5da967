"""A linear recurrence that is unrolled for long: its state grows beyond float32."""

import torch
from torch import nn


class Recurrent(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner = nn.Linear(width, width)
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        state = torch.zeros(x.shape[0], self.inner.in_features)
        for t in range(x.shape[1]):
            state = torch.relu(self.inner(state) + x[:, t])
        return self.out(state)


torch.manual_seed(14)
model = Recurrent(4)
optimizer = torch.optim.SGD(model.parameters(), lr=30.0)
for _ in range(10):
    x = torch.randn(3, 12, 4)
    loss = (model(x) - x.sum(dim=(1, 2))[:, None]).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
