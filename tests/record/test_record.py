"""Programs are recorded: what is written, when, and what is refused. Needs PyTorch."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

import gradcli
from gradcli.errors import InputFault
from gradcli.inspection import RecordFacts
from tests.cli.runner import Outcome, run
from tests.record.make_records import held

torch: Any = pytest.importorskip("torch")

BEGIN = """
import torch
from torch import nn
from torch.nn import functional as F
torch.manual_seed(0)
"""
LOOP = """
model = nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for i in range(3):
    optimizer.zero_grad()
    loss = model(torch.full((1, 2), float(i))).pow(2).sum()
    loss.backward()
    optimizer.step()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    assert [x.name for x in tmp_path.iterdir() if x.name.startswith(".gradcli")] == []


def recorded(folder: Path, program: str, *options: str, arguments: tuple[str, ...] = ()) -> Outcome:
    """Record a program into run.expr and run.npz of a folder."""
    (folder / "train.py").write_text(BEGIN + dedent(program), encoding="utf-8")
    return run("record", *options, "train.py", *arguments, folder=folder)


def replayed(folder: Path) -> RecordFacts:
    """Return how the replay agrees, after holding it to the record."""
    found = held(folder / "run.expr")
    assert [words for row in found.rows.values() for words in row.differs] == []
    return found


def rows(folder: Path) -> list[str]:
    """Return the lines of the record without comments and blocks."""
    text = (folder / "run.expr").read_text(encoding="utf-8")
    lines = [line.partition("  #")[0].strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith(("#", "with ", "data ="))]


PROGRAMS = {
    "a tensor without a model": (
        "w = torch.ones(2, requires_grad=True)\nloss = (w * 3).sum()\nloss.backward()",
        ['w = param(data["w"])', "mul = w * 3", "loss = mul.sum()", "loss.backward()"],
    ),
    "what depends on no parameter is data": (
        "w = torch.ones(2, requires_grad=True)\nx = torch.randn(2) + 1\n(w * x).sum().backward()",
        ['w = param(data["w"])', 'x = data["x"]', "mul = w * x", "sum = mul.sum()",
         "sum.backward()"],
    ),
    "a gradient that is given to backward": (
        "w = torch.ones(2, requires_grad=True)\ng = torch.randn(2)\n(w * 2).backward(g)",
        ['w = param(data["w"])', 'g = data["g"]', "mul = w * 2", "mul.backward(gradient=g)"],
    ),
    "detached and read back": (
        """
        w = torch.ones(2, requires_grad=True)
        y = w.exp()
        loss = (y * y.detach()).sum()
        loss.backward()
        """,
        ['w = param(data["w"])', "y = w.exp()", "detach = y.detach()", "mul = y * detach",
         "loss = mul.sum()", "loss.backward()"],
    ),
    "a gradient of a gradient": (
        """
        w = torch.ones(2, requires_grad=True)
        g, = torch.autograd.grad((w ** 3).sum(), w, create_graph=True)
        (g ** 2).sum().backward()
        """,
        ['w = param(data["w"])', "pow = w ** 3", "sum = pow.sum()",
         "g = torch.autograd.grad([sum], [w], create_graph=True)[0]",
         "pow_2 = g ** 2", "sum_2 = pow_2.sum()", "sum_2.backward()"],
    ),
    "a gradient that was there before": (
        """
        w = torch.ones(2, requires_grad=True)
        w.grad = torch.tensor([5.0, 7.0])
        (w * 2).sum().backward()
        """,
        ['w = param(data["w"])', 'w_grad = data["w_grad"]', "mul = w * 2", "sum = mul.sum()",
         "w.grad = w_grad.clone()", "sum.backward()"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_becomes_the_rows_that_it_computes(name: str, folder: Path) -> None:
    program, lines = PROGRAMS[name]
    assert recorded(folder, program).status == 0
    assert rows(folder) == lines
    replayed(folder)


FAITHFUL = {
    "a lambda's, a comprehension's and a decorated function's rows": """
        w = torch.ones(3, requires_grad=True)
        parts = [f(w) for f in (lambda x: x.sin(), torch.cos)]
        loss = torch.stack(parts).sum()
        loss.backward()
        """,
    "modules that PyTorch computes at once": """
        net = nn.Sequential(nn.Embedding(5, 4), nn.LSTM(4, 3, bidirectional=True))
        net(torch.tensor([[1, 2], [3, 4]]))[0].pow(2).mean().backward()
        """,
    "dropout of all kinds": """
        w = torch.randn(2, 3, 4, 4, requires_grad=True)
        y = F.dropout(w) + F.dropout2d(w, 0.4) + F.alpha_dropout(w, 0.3, training=True)
        (y * nn.Dropout3d(0.5)(w[None])[0]).sum().backward()
        """,
    "results in a tuple": """
        w = torch.randn(3, 4, requires_grad=True)
        value, index = w.max(dim=1)
        a, b = w.chunk(2, 1)
        (value.sum() + (a * b).sum() + torch.topk(w, 2).values.sum()).backward()
        """,
    "a model in a trainer": """
        class Trainer:
            def __init__(self):
                self.model = nn.Linear(3, 1)
            def loss(self, x):
                return self.model(x).mean()
        Trainer().loss(torch.randn(4, 3)).backward()
        """,
    "a hook that changes a gradient, and one that looks": """
        w = torch.randn(3, requires_grad=True)
        y = w.sin()
        y.register_hook(lambda g: g * 2)
        y.register_hook(lambda g: None)
        y.sum().backward()
        """,
    "LBFGS, whose closure runs within its step": """
        w = torch.randn(3, requires_grad=True)
        optimizer = torch.optim.LBFGS([w], max_iter=2)
        def closure():
            optimizer.zero_grad()
            loss = ((w - 1) ** 4).sum()
            loss.backward()
            return loss
        optimizer.step(closure)
        """,
    "a function compiled without a compiler": """
        w = torch.randn(3, requires_grad=True)
        torch.compile(lambda x: x.sin().sum(), backend="eager")(w).backward()
        """,
    "a checkpoint that runs its function again": """
        from torch.utils.checkpoint import checkpoint
        w = torch.randn(3, requires_grad=True)
        y = checkpoint(lambda x: x.exp().sin(), w, use_reentrant=True)
        checkpoint(lambda x: x.exp().cos(), y, use_reentrant=False).sum().backward()
        """,
    "a parameter changed without gradients between its uses": """
        w = torch.randn(3, requires_grad=True)
        (w * 2).sum().backward()
        with torch.no_grad():
            w.copy_(torch.zeros(3))
        w.grad = None
        w.exp().sum().backward()
        """,
}


@pytest.mark.parametrize("name", FAITHFUL)
def test_a_replay_gives_what_pytorch_has_given(name: str, folder: Path) -> None:
    outcome = recorded(folder, FAITHFUL[name], "--steps", "1:")
    assert outcome.status == 0, outcome.errors
    found = replayed(folder)
    assert found.compared["gradient"] >= 1


REFUSED = {
    "vmap": (
        "w = torch.ones(2, requires_grad=True)\n"
        "loss = (w * 2).sum() + torch.func.vmap(torch.sin)(w).sum()\nloss.backward()",
        "vmap and the other transforms of torch.func cannot be recorded",
    ),
    "a hook on accumulation": (
        "w = torch.ones(2, requires_grad=True)\ny = w * 2\n"
        "w.register_post_accumulate_grad_hook(lambda p: None)\ny.sum().backward()",
        "a hook that runs when a gradient has been accumulated cannot be recorded",
    ),
    "a sparse gradient, cleared after its step": (
        "e = nn.Embedding(5, 3, sparse=True)\no = torch.optim.SGD(e.parameters(), 0.1)\n"
        "for i in range(2):\n    o.zero_grad()\n    e(torch.tensor([1])).sum().backward()\n"
        "    o.step()",
        "layout torch.sparse_coo cannot be recorded",
    ),
    "no parameter": ("torch.ones(2).sin()", "nothing was recorded"),
    "no Python": ("def f(:", "is no Python"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_recorded_is_refused_and_nothing_is_written(name: str, folder: Path) -> None:
    program, words = REFUSED[name]
    outcome = recorded(folder, program)
    assert outcome.status == 2
    assert words in outcome.errors
    assert not (folder / "run.expr").exists()
    assert not (folder / "run.npz").exists()


def test_a_parameter_that_is_given_other_data_is_followed(folder: Path) -> None:
    program = """
    w = torch.tensor([1.5, -0.5, 0.0], requires_grad=True)
    y = w.exp()
    w.data = torch.zeros(3)
    z = w.exp() * y
    w.data[0].add_(1)
    (z + w * 2 + w.sin()).sum().backward()
    """
    assert recorded(folder, program).status == 0
    given = gradcli.load(folder / "run.expr")["w"].grad
    assert given is not None
    expected = 2 * np.exp([1.5, -0.5, 0.0]) + 2 + np.cos([1.0, 0.0, 0.0])
    np.testing.assert_allclose(given, expected, rtol=1e-6)


def test_a_step_is_recorded_with_the_parameters_that_it_has(folder: Path) -> None:
    assert recorded(folder, LOOP, "--step", "3").status == 0
    assert "step 3" in (folder / "run.expr").read_text(encoding="utf-8")
    with np.load(folder / "run.npz") as data:
        x = data["full"] if "full" in data else data["constant"]
        np.testing.assert_array_equal(x, [[2.0, 2.0]])
        w, b = data["weight"], data["bias"]
        np.testing.assert_allclose(data["truth/value/loss"], (x @ w.T + b).sum() ** 2, rtol=1e-5)
    replayed(folder)


def test_several_steps_have_what_the_optimizer_has_left_as_data(folder: Path) -> None:
    assert recorded(folder, LOOP, "--steps", "1:3").status == 0
    lines = rows(folder)
    assert lines.count("weight.grad = None") == 2
    assert [x for x in lines if x.startswith("weight.copy_(")] == [
        "weight.copy_(weight_2)", "weight.copy_(weight_3)"]  # fmt: skip
    replayed(folder)


NAN = """
w = torch.tensor([1.0], requires_grad=True)
optimizer = torch.optim.SGD([w], lr=1.0)
for i in range({}):
    optimizer.zero_grad()
    loss = (w.detach() - w + 2 - i).sqrt().sum()
    loss.backward()
    optimizer.step()
"""


def test_on_nan_the_first_step_that_is_not_finite_is_written_alone(folder: Path) -> None:
    outcome = recorded(folder, NAN.format(5), "--on-nan")
    assert outcome.status == 0
    text = (folder / "run.expr").read_text(encoding="utf-8")
    assert "step 3" in text
    assert "The gradient of `w` is not finite." in text
    assert len([x for x in rows(folder) if x.endswith(".backward()")]) == 1


def test_on_nan_nothing_is_written_where_all_is_finite(folder: Path) -> None:
    outcome = recorded(folder, NAN.format(2), "--on-nan")
    assert (outcome.status, (folder / "run.expr").exists()) == (0, False)
    assert "finite in every step" in outcome.errors


def test_a_script_that_raises_is_recorded_and_its_traceback_is_pythons(folder: Path) -> None:
    program = "w = torch.ones(2, requires_grad=True)\n(w * 2).sum().backward()\nw @ torch.ones(3)\n"
    outcome = recorded(folder, program)
    assert outcome.status == 1
    assert 'File "train.py", line 8, in <module>' in outcome.errors
    assert "gradcli/" not in outcome.errors.partition("Traceback")[2]
    assert "what it had run is written" in outcome.errors
    replayed(folder)


def test_a_script_has_the_arguments_the_name_and_the_path_that_python_gives(folder: Path) -> None:
    program = "import sys\nprint(sys.argv, __name__, sys.path[0])\nsys.exit(7)"
    before = sys.argv, sys.path[:]
    outcome = recorded(folder, program, arguments=("--rate", "1", "-o"))
    assert outcome.output.split("\n")[0] == (
        f"['train.py', '--rate', '1', '-o'] __main__ {folder.resolve()}"
    )
    assert outcome.status == 7
    assert before[1] == sys.path


LATE = {
    ("--step", "2", "--rate", "1"): ["--step 2"],
    ("--steps=2:3", "--on-nan", "-o", "there"): ["--steps=2:3", "--on-nan", "-o there"],
    ("--save-data", "--verify"): ["--save-data", "--verify"],
    ("--rate", "1", "-x"): [],
    (): [],
}


@pytest.mark.parametrize("given", LATE)
def test_options_of_gradcli_that_stand_after_the_script_are_told(
    given: tuple[str, ...], folder: Path
) -> None:
    program = (
        "import sys\nprint(sys.argv[1:])\n(torch.ones(2, requires_grad=True) * 2).sum().backward()"
    )
    outcome = recorded(folder, program, arguments=given)
    assert outcome.output == f"{[*given]}\n"
    told = [line for line in outcome.errors.splitlines() if "program's own" in line]
    assert told == [
        f"gradcli: {words} stands after train.py and is the program's own: gradcli's options "
        "stand before it"
        for words in LATE[given]
    ]


def test_calls_of_a_function_are_recorded_and_what_backward_gives_them(folder: Path) -> None:
    program = """
    w, v = torch.randn(3, requires_grad=True), torch.randn(3, requires_grad=True)
    def layer(x):
        h = torch.tanh(w * x)
        return h, h * 2
    a, b = layer(torch.ones(3))
    ((a + b) * v).sum().backward()
    """
    assert recorded(folder, program, "--function", "layer").status == 0
    lines = rows(folder)
    assert lines[-1].startswith("torch.autograd.backward([")
    assert not any("v" in line.split() for line in lines)
    replayed(folder)
    expected = gradcli.load(folder / "run.expr")["w"].grad
    assert expected is not None
    program += "import numpy\n    numpy.save('w.npy', w.grad.numpy())"
    assert recorded(folder, program, "--function", "layer").status == 0
    np.testing.assert_allclose(expected, np.load(folder / "w.npy"), rtol=1e-5)


OWN = """
class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x ** 3
    @staticmethod
    def backward(ctx, g):
        return g * {} * ctx.saved_tensors[0] ** 2
w = torch.randn(4, requires_grad=True)
F.rrelu(Cube.apply(w), training=True).sin().sum().backward()
"""


@pytest.mark.parametrize(("factor", "sentences"), [(3, 0), (2, 1)])
def test_gradients_of_opaque_rows_are_held_against_differences(
    factor: int, sentences: int, folder: Path
) -> None:
    assert recorded(folder, OWN.format(factor), "--verify").status == 0
    text = (folder / "run.expr").read_text(encoding="utf-8")
    assert text.count("along a random direction its gradient gives") == sentences
    replayed(folder)


def test_a_function_that_the_script_lacks_is_refused(folder: Path) -> None:
    outcome = recorded(folder, "x = 1", "--function", "step")
    assert outcome.status == 2
    assert "defines no function `step`" in outcome.errors


def test_without_data_leaves_are_declared_by_their_shapes(folder: Path) -> None:
    program = "w = torch.ones(2, requires_grad=True)\n(w * 2).sum().backward()"
    assert recorded(folder, program, "--save-data", "none").status == 0
    assert rows(folder)[0] == "w: float32[2]"


def test_a_record_ends_at_the_most_rows_and_says_so(folder: Path) -> None:
    program = "w = torch.ones(2, requires_grad=True)\nfor i in range(9):\n    y = w * i"
    assert recorded(folder, program, "--max-rows", "4").status == 0
    assert "The record ends after 4 rows" in (folder / "run.expr").read_text(encoding="utf-8")
    assert len(rows(folder)) == 4


def test_a_block_and_a_decorated_function_are_recorded(folder: Path) -> None:
    w = torch.ones(2, requires_grad=True)
    with gradcli.record(folder / "run.safetensors", quiet=True) as made:
        (w.exp() * 2).sum().backward()
    assert made.listing is not None
    replayed(folder)

    @gradcli.record(folder / "run", quiet=True)
    def step() -> float:
        loss = (w.sin() * 2).sum()
        loss.backward()
        return float(loss.item())

    assert step() == pytest.approx(2 * 2 * np.sin(1), rel=1e-6)
    replayed(folder)


def test_a_block_whose_files_cannot_be_written_says_so_when_it_ends(folder: Path) -> None:
    w = torch.ones(2, requires_grad=True)
    with pytest.raises(InputFault, match="cannot write"):  # noqa: SIM117
        with gradcli.record(folder / "missing" / "run"):
            w.sum().backward()


def test_pytorch_is_as_it_was_after_a_record(folder: Path) -> None:
    before = (
        dict(vars(torch.autograd.Function)),
        torch.nn.modules.module._global_forward_hooks.copy(),
    )
    test_a_block_and_a_decorated_function_are_recorded(folder)
    assert dict(vars(torch.autograd.Function)) == before[0]
    assert torch.nn.modules.module._global_forward_hooks == before[1]
    assert torch.overrides._len_torch_function_stack() == 0
