"""A step of both sides of a GAN, with two models and two optimizers."""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
generator = nn.Sequential(nn.Linear(2, 6), nn.LeakyReLU(0.2), nn.Linear(6, 3))
discriminator = nn.Sequential(nn.Linear(3, 6), nn.LeakyReLU(0.2), nn.Linear(6, 1))
g_optimizer = torch.optim.Adam(generator.parameters(), lr=0.01, betas=(0.5, 0.999))
d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=0.01, betas=(0.5, 0.999))
real = torch.randn(4, 3)

fake = generator(torch.randn(4, 2))
d_optimizer.zero_grad()
real_score, fake_score = discriminator(real), discriminator(fake.detach())
d_loss = F.binary_cross_entropy_with_logits(real_score, torch.ones(4, 1))
d_loss = d_loss + F.binary_cross_entropy_with_logits(fake_score, torch.zeros(4, 1))
d_loss.backward()
d_optimizer.step()

g_optimizer.zero_grad()
g_loss = F.binary_cross_entropy_with_logits(discriminator(fake), torch.ones(4, 1))
g_loss.backward()
g_optimizer.step()
