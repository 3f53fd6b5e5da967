"""In which calls the rows of a module are made."""

from __future__ import annotations

import pytest

from gradcli.errors import Source
from gradcli.session import run

NET = """import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 3)
    def forward(self, x):
        return self.scaled(torch.tanh(self.fc(x)))
    def scaled(self, x):
        return torch.sin(x)
net = Net()
"""
# how the module is called, and the calls that an operation stands in, the innermost first
CALLS = {
    ("net(torch.ones(1, 2))", "tanh"): ["net"],
    ("net(torch.ones(1, 2))", "addmm"): ["net.fc", "net"],
    ("net(torch.ones(1, 2))", "sin"): ["scaled", "net"],
    ("net.forward(torch.ones(1, 2))", "tanh"): ["forward"],
}


@pytest.mark.parametrize(("call", "op"), CALLS)
def test_the_forward_that_a_module_calls_has_no_frame_beside_the_modules(
    call: str, op: str
) -> None:
    graph = run(Source("test.expr", f"{NET}loss = {call}.sum()\n")).graph
    (row,) = (i for i in range(len(graph)) if graph.ops[i] is not None and graph.label(i) == op)
    found, frame = [], graph.notes.calls.get(row)
    while frame is not None:
        found.append(frame.name)
        frame = frame.outer
    assert found == CALLS[call, op]
