"""`check --against torch`: the same file in PyTorch, value by value."""

from pathlib import Path
from typing import Any

import pytest

from gradcli.against.sides import Comparison, against
from gradcli.api import options_for
from gradcli.errors import GradcliError, InputFault, Source
from gradcli.session import run
from tests.verify import test_command
from tests.verify.checking import with_wrong_rule

pytestmark = pytest.mark.usefixtures("torch")

MLP = """
x = tensor([[1., 2.], [3., 4.]])
W = randn(2, 3, requires_grad=True)
h = tanh(x @ W)
loss = mean(h**2)
"""
LOOP = """
import torch
import torch.nn.functional as F
w = torch.tensor([1., 2.], requires_grad=True)
for i in range(3):
    loss = F.softplus(w).sum()
    loss.backward()
    with torch.no_grad():
        w -= 0.1*w.grad
    w.grad.zero_()
"""
HOSTILE = (
    "y = param(1.)*2\nif False:\n    y.__class__\n",
    "y = param(1.)*2\nif False:\n    y.tofile('x')\n",
    "import torch\ny = torch.ones(2)\nif False:\n    torch.load('x')\n",
    "y = param(1.)*2\nif False:\n    open('x', 'w')\n",
)


def compared(text: str, **options: Any) -> dict[str, Comparison]:
    session = run(Source("<test>", text), options_for(**options))
    return {c.name: c for c in against(session, "torch").tensors}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("text", [MLP, LOOP])
def test_both_sides_are_the_same(text: str, dtype: str) -> None:
    found = compared(text) if text is LOOP else compared(text, dtype=dtype)
    loose = {c.name: c.differs for c in found.values() if c.differs}
    assert "loss" in found
    assert text is LOOP or loose == {}
    assert found["loss"].ours.grad_fn == found["loss"].theirs.grad_fn


def test_bound_inputs_are_bound_there_too() -> None:
    found = compared("y = sum(w*x)", param={"w": [1.0, 2.0]}, set={"x": [3.0, 4.0]})
    assert found["w"].theirs.grad is not None
    assert found["w"].theirs.grad.tolist() == [3, 4]
    assert not any(c.differs for c in found.values())


def test_a_difference_is_said() -> None:
    session = run(Source("<test>", "w = param([1., 2.])\ny = sum(exp(w))\n"), options_for())
    graph = session.graph
    graph.autograd.grads[next(i for i, name in graph.notes.names.items() if name == "w")] *= 2
    assert with_wrong_rule(graph, "exp", lambda body: body) == 1
    found = {c.name: c.differs for c in against(session, "torch").tensors}
    assert found == {"w": ("gradient",), "y": ()}


@pytest.mark.parametrize("text", HOSTILE)
def test_what_the_language_has_no_name_for_is_not_run(text: str) -> None:
    with pytest.raises(GradcliError, match=r"not run as Python|not part of the language"):
        compared(text)


def test_an_unknown_library_is_refused() -> None:
    session = run(Source("<test>", "w = param(1.)\n"), options_for())
    with pytest.raises(InputFault, match="not a library"):
        against(session, "numpy")


def test_a_missing_library_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("gradcli.against.sides.import_module", missing)
    session = run(Source("<test>", "w = param(1.)\n"), options_for())
    with pytest.raises(InputFault, match="PyTorch is not installed") as caught:
        against(session, "torch")
    assert "pip install torch==2.13.0" in str(caught.value.hint)


def test_the_command_shows_a_table() -> None:
    status, text = test_command.run(
        "--against", "torch", "-e", "w = param([1., 2.])\ny = sum(w**2)"
    )
    assert status == 0
    assert "2 tensors compared, all the same" in text


def test_several_files_make_one_output_and_those_that_need_inputs_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    texts = {"a": MLP, "b": LOOP, "c": "y = sum(w*x)\n", "d": "v: float64[3]\ny = sum(log(v))\n"}
    for name, text in texts.items():
        (tmp_path / f"{name}.expr").write_text(text)
    written = tmp_path / "out.txt"
    assert test_command.run("--against", "torch", tmp_path, "-o", written)[0] == 0
    text = written.read_text()
    assert [f"{name}.expr: gradcli against" in text for name in texts] == [True, True, False, True]


def test_pythons_own_sum_is_the_tensors_operation() -> None:
    found = compared("import torch\nw = torch.ones(3, requires_grad=True)\ny = sum(w)\n")
    assert found["y"].theirs.grad_fn == "SumBackward0"
