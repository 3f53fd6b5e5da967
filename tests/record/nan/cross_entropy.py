"""A cross entropy by hand: 0 · log(0) of a certain prediction is nan, and the loss should be 0."""

import torch
from torch import nn


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(5, 12)
        self.out = nn.Linear(12, 4)

    def forward(self, x):
        return torch.softmax(self.out(torch.tanh(self.hidden(x))) * self.sharpness, dim=-1)

    sharpness = 1.0


def cross_entropy(predicted, one_hot):
    return -(one_hot * torch.log(predicted)).sum(dim=-1).mean()


torch.manual_seed(1)
model = Classifier()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for step in range(6):
    model.sharpness = 10.0**step
    x = torch.randn(6, 5)
    one_hot = torch.eye(4)[torch.randint(0, 4, (6,))]
    loss = cross_entropy(model(x), one_hot)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
