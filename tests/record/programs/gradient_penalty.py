"""The gradient penalty of a Wasserstein critic: a gradient of a gradient."""

import torch
from torch import nn

torch.manual_seed(0)
critic = nn.Sequential(nn.Linear(3, 5), nn.Softplus(), nn.Linear(5, 1))
optimizer = torch.optim.Adam(critic.parameters())
real, fake = torch.randn(4, 3), torch.randn(4, 3)
weight = torch.rand(4, 1)
between = (weight * real + (1 - weight) * fake).requires_grad_()
score = critic(between)
(slope,) = torch.autograd.grad(score.sum(), between, create_graph=True)
penalty = ((slope.norm(2, dim=1) - 1) ** 2).mean()
loss = critic(fake).mean() - critic(real).mean() + 10 * penalty
loss.backward()
optimizer.step()
