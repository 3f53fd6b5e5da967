"""A step under autocast: matrix products in bfloat16, parameters in float32."""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 3))
optimizer = torch.optim.AdamW(model.parameters())
x, target = torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1])
with torch.autocast("cpu", dtype=torch.bfloat16):
    loss = F.cross_entropy(model(x), target)
loss.backward()
optimizer.step()
