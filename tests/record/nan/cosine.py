"""A similarity of directions: an embedding of zeros has none."""

import torch
from torch import nn


def similarity(a, b):
    a = a / a.norm(dim=1, keepdim=True)
    b = b / b.norm(dim=1, keepdim=True)
    return (a * b).sum(dim=1)


torch.manual_seed(6)
words = nn.Embedding(7, 4, padding_idx=0)
turn = nn.Linear(4, 4, bias=False)
optimizer = torch.optim.Adagrad([*words.parameters(), *turn.parameters()], lr=0.1)
for left, right in (([1, 2, 3], [4, 5, 6]), ([3, 0, 5], [1, 2, 6])):
    alike = similarity(turn(words(torch.tensor(left))), words(torch.tensor(right)))
    loss = (1 - alike).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
