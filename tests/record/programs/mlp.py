"""A classifier of two layers with dropout, two steps of AdamW, gradients clipped."""

import torch
from torch import nn
from torch.nn import functional as F


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(4, 8)
        self.drop = nn.Dropout(0.25)
        self.fc2 = nn.Linear(8, 3)

    def forward(self, x):
        h = F.relu(self.fc1(x))
        return self.fc2(self.drop(h))


torch.manual_seed(0)
model = MLP()
optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
x, target = torch.randn(6, 4), torch.tensor([0, 1, 2, 0, 1, 2])
for _ in range(2):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), target)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.1)
    optimizer.step()
