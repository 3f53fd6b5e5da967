"""A classifier whose loss is the log of its own softmax: the probability of a class underflows."""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(8):
    x = torch.randn(8, 4) * (1 + 40 * step)  # features that nobody has normalised
    labels = torch.randint(0, 3, (8,))
    probabilities = torch.softmax(model(x), dim=1)
    picked = probabilities.gather(1, labels[:, None]).squeeze(1)
    loss = -torch.log(picked).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
