"""A classifier in PyTorch, whose run becomes a file: gradcli record samples/train.py."""

import argparse

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=3)
parser.add_argument("--rate", type=float, default=0.1)
options = parser.parse_args()


class Net(nn.Module):
    """Two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(2, 8)
        self.fc2 = nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a score for each class."""
        h = torch.relu(self.fc1(x))
        return self.fc2(h)


torch.manual_seed(0)
x = torch.randn(16, 2)
target = (x[:, 0] * x[:, 1] > 0).long()
net = Net()
optimizer = torch.optim.AdamW(net.parameters(), lr=options.rate)
for _ in range(options.steps):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(net(x), target)
    loss.backward()
    optimizer.step()
print(f"loss {loss.item():.4f} after {options.steps} steps")
