"""A variational autoencoder: the reparametrised sample, and the divergence from the prior."""

import torch
from torch import nn
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4))
        self.decoder = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 6))

    def forward(self, x):
        mean, log_scale = self.encoder(x).chunk(2, dim=1)
        posterior = Normal(mean, log_scale.exp())
        z = posterior.rsample()
        return self.decoder(z), posterior


torch.manual_seed(0)
vae = VAE()
optimizer = torch.optim.Adam(vae.parameters())
x = torch.rand(5, 6)
logits, posterior = vae(x)
reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
divergence = kl_divergence(posterior, Normal(0.0, 1.0)).sum(1)
loss = (reconstruction + divergence).mean()
loss.backward()
optimizer.step()
