"""A divergence of two distributions by hand: the teacher is certain, and log(0) is -inf."""

import torch
from torch import nn

torch.manual_seed(12)
student = nn.Linear(4, 3)
optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
for step in range(3):
    x = torch.randn(5, 4)
    teacher = torch.softmax(torch.randn(5, 3) * 50.0**step, dim=1)
    predicted = torch.softmax(student(x), dim=1)
    divergence = predicted * (torch.log(predicted) - torch.log(teacher))
    loss = divergence.sum(dim=1).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
