"""Attention over padded sequences: one of them is all padding, and its softmax has no element."""

import torch
from torch import nn

torch.manual_seed(9)
embed = nn.Embedding(10, 6)
project = nn.Linear(6, 18)
optimizer = torch.optim.AdamW([*embed.parameters(), *project.parameters()], lr=1e-3)
batches = ([[1, 2, 3, 0], [4, 5, 0, 0]], [[6, 7, 0, 0], [0, 0, 0, 0]])
for batch in batches:
    tokens = torch.tensor(batch)
    q, k, v = project(embed(tokens)).chunk(3, dim=-1)
    scores = q @ k.transpose(1, 2) / 6**0.5
    scores = scores.masked_fill((tokens == 0)[:, None, :], float("-inf"))
    attended = torch.softmax(scores, dim=-1) @ v
    keep = (tokens != 0).unsqueeze(-1)
    loss = torch.where(keep, attended, torch.zeros(())).pow(2).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
