"""Three steps of AdamW with a schedule and accumulated gradients."""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=0.05, weight_decay=0.1)
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
data = torch.randn(4, 2, 3)
for _ in range(3):
    for x in data.chunk(2):
        loss = (model(x) - x.sum(-1, keepdim=True)).abs().mean() / 2
        loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    schedule.step()
