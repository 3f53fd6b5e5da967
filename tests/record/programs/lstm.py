"""An LSTM of two layers over a sequence, and a GRU that reads it both ways."""

import torch
from torch import nn


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.lstm = nn.LSTM(4, 5, num_layers=2, batch_first=True)
        self.gru = nn.GRU(5, 3, bidirectional=True, batch_first=True)
        self.out = nn.Linear(6, 2)

    def forward(self, tokens):
        h, _ = self.lstm(self.embed(tokens))
        h, last = self.gru(h)
        return self.out(h)


torch.manual_seed(0)
tagger = Tagger()
tokens, tags = torch.randint(0, 7, (2, 4)), torch.randint(0, 2, (2, 4))
scores = tagger(tokens)
loss = nn.CrossEntropyLoss()(scores.transpose(1, 2), tags)
loss.backward()
