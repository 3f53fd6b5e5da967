"""A file that updates its parameters: what its gradients are of, and which rows count."""

from __future__ import annotations

import pytest

from gradcli.api import checks, loads

START = """import torch
W = torch.tensor([1.0, 2.0], requires_grad=True)
optimizer = torch.optim.SGD([W], lr=0.1)
"""
PASS = "W.grad = None\n    loss = (W**3).sum()\n    loss.backward()\n    "
# how a loop updates W after its pass
UPDATES = (
    "W.data += -0.1 * W.grad",
    "W.data -= 0.1 * W.grad",
    "W.data = W.data - 0.1 * W.grad",
    "W.data.copy_(W.data - 0.1 * W.grad)",
    "W.data.sub_(0.1 * W.grad)",
    "W.data[0] = 0.5",
    "W.detach().sub_(0.1 * W.grad)",
    "with torch.no_grad():\n        W.copy_(W - 0.1 * W.grad)",
    "with torch.no_grad():\n        W -= 0.1 * W.grad",
    "optimizer.step()",
)
# programs of their own, each with a pass before the change
OTHERS = {
    "autograd.grad": "loss = (W**3).sum()\n(g,) = torch.autograd.grad(loss, W)\nW.data -= 0.1 * g",
    "two passes, of two parameters": """V = torch.tensor([1.5, 2.5], requires_grad=True)
for k in range(2):
    W.grad = V.grad = None
    first = (W**3).sum()
    first.backward()
    W.data -= 0.1 * W.grad
    second = (V**3).sum()
    second.backward()
    V.data -= 0.01 * V.grad""",
    "gathered gradients": """for k in range(3):
    loss = (W**3).sum()
    loss.backward()
    W.data -= 0.01 * W.grad""",
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("update", UPDATES)
def test_a_gradient_is_of_the_value_before_the_update(update: str, dtype: str) -> None:
    report = checks(f"{START}for k in range(3):\n    {PASS}{update}\n", dtype=dtype)
    assert str(report.verdict) == "OK"
    assert [finding.parameter for finding in report.findings] == ["W"]


@pytest.mark.parametrize("name", OTHERS)
def test_what_changes_after_a_pass_is_not_in_its_gradient(name: str) -> None:
    assert str(checks(START + OTHERS[name]).verdict) == "OK"


def test_what_changes_behind_autograds_back_before_the_pass_is_still_wrong() -> None:
    text = f"{START}loss = (W**3).sum()\nW.data *= 2\nloss.backward()\nW.data *= 0.5\n"
    assert str(checks(text).verdict) == "WRONG"


# modules whose parameters had other values, or stood elsewhere, before the file used them
SUPERSEDED = {
    "zeros_": "net = nn.Linear(2, 1)\nnn.init.zeros_(net.bias)",
    "normal_ of .data": "net = nn.Linear(2, 1)\nnet.weight.data.normal_(0.0, 0.02)",
    "another parameter": "net = nn.Linear(2, 1)\nnet.bias = nn.Parameter(torch.ones(1))",
    "a part before it has a path": """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 1)
        nn.init.zeros_(self.fc.bias)
        self.fc.weight = nn.Parameter(torch.ones(1, 2))
    def forward(self, x):
        return self.fc(x)
net = Net()""",
    "a state that is loaded": """net, other = nn.Linear(2, 1), nn.Linear(2, 1)
net.load_state_dict(other.state_dict())""",
    "a copy": "import copy\nnet = copy.deepcopy(nn.Linear(2, 1))",
    "steps before": """net = nn.Linear(2, 1)
for k in range(3):
    grads = torch.autograd.grad(net(x).sum(), list(net.parameters()))
    with torch.no_grad():
        for p, g in zip(net.parameters(), grads):
            p -= 0.1 * g""",
    "a teacher": """net, teacher = nn.Linear(2, 1), nn.Linear(2, 1)
with torch.no_grad():
    y = teacher(x)""",
    "a twin that is evaluated": """net, twin = nn.Linear(2, 1), nn.Linear(2, 1)
print(twin(x))""",
}
IDLE = {
    "a teacher": ["teacher"],
    "a twin that is evaluated": ["twin"],
    "a state that is loaded": ["other"],
}
LEARN = "\nloss = (net(x) - y).pow(2).mean()\nloss.backward()\n"


@pytest.mark.parametrize("name", SUPERSEDED)
def test_what_a_parameter_was_before_it_was_used_does_not_count(name: str) -> None:
    start = "import torch\nfrom torch import nn\nx, y = torch.ones(3, 2), torch.ones(3, 1)\n"
    run = loads(start + SUPERSEDED[name] + LEARN)
    report = run.check()
    assert [str(finding.verdict) for finding in report.findings] == ["OK", "OK"]
    evaluated = [note for note in report.notes if note.startswith("only evaluated")]
    assert evaluated == [f"only evaluated, and not checked: {m}" for m in IDLE.get(name, ())]
    assert [finding.name for finding in run.diagnose().findings] == []


def test_a_model_that_detach_cuts_off_is_still_cut() -> None:
    text = """import torch
from torch import nn
first, second, x = nn.Linear(2, 2), nn.Linear(2, 1), torch.ones(3, 2)
loss = second(first(x).detach()).sum()
loss.backward()
"""
    assert sorted(str(f.verdict) for f in checks(text).findings) == ["CUT", "CUT", "OK", "OK"]


def test_two_sums_of_one_name_have_names_of_their_own() -> None:
    text = """import torch
x, w = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
loss = (x * w).sum()
loss.backward()
w.grad = None
loss = (x.detach() * w**2).sum()
loss.backward()
"""
    report = checks(text, dtype="float32")
    assert (str(report.verdict), report.outputs) == ("OK", ("loss:3", "loss:6"))


def test_a_parameter_is_called_by_a_path_that_came_after_the_training() -> None:
    text = """import torch
from torch import nn
class Trainer:
    def __init__(self, model):
        self.model, self.optimizer = model, torch.optim.SGD(model.parameters(), lr=0.1)
    def fit(self, x):
        for _ in range(2):
            self.optimizer.zero_grad()
            loss = self.model(x).pow(2).mean()
            loss.backward()
            self.optimizer.step()
        return self
trainer = Trainer(nn.Linear(2, 1)).fit(torch.ones(3, 2))
"""
    names = {finding.parameter for finding in checks(text).findings}
    assert names == {"trainer.model.weight", "trainer.model.bias"}
