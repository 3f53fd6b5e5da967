"""A step of a denoising diffusion model with an embedding of time."""

import math

import torch
from torch import nn
from torch.nn import functional as F


class Denoiser(nn.Module):
    def __init__(self, width=6):
        super().__init__()
        self.width = width
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU())
        self.conv1 = nn.Conv1d(1, width, 3, padding=1)
        self.norm = nn.GroupNorm(2, width)
        self.conv2 = nn.Conv1d(width, 1, 3, padding=1)

    def forward(self, x, t):
        half = self.width // 2
        rates = torch.exp(-math.log(10000) * torch.arange(half) / half)
        angles = t[:, None] * rates[None]
        time = self.time(torch.cat([angles.sin(), angles.cos()], dim=-1))
        h = self.norm(self.conv1(x)) + time[:, :, None]
        return self.conv2(F.silu(h))


torch.manual_seed(0)
model = Denoiser()
optimizer = torch.optim.AdamW(model.parameters())
betas = torch.linspace(1e-4, 0.02, 100)
kept = torch.cumprod(1 - betas, 0)
x0 = torch.randn(3, 1, 8)
t = torch.randint(0, 100, (3,))
noise = torch.randn_like(x0)
a = kept[t].view(-1, 1, 1)
noisy = a.sqrt() * x0 + (1 - a).sqrt() * noise
loss = F.mse_loss(model(noisy, t), noise)
loss.backward()
optimizer.step()
