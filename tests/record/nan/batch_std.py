"""Features divided by their deviation over the batch: one of them is the same in all of a batch."""

import torch
from torch import nn

torch.manual_seed(2)
model = nn.Linear(3, 2)
head = nn.Linear(2, 1)
optimizer = torch.optim.SGD([*model.parameters(), *head.parameters()], lr=0.05)
for step in range(5):
    x = torch.randn(6, 3)
    if step == 3:
        x = x[:1].expand(6, 3)  # a batch of one sample, repeated
    h = model(x)
    scaled = (h - h.mean(0)) / h.std(0)
    loss = (head(scaled) - x.sum(1, keepdim=True)).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
