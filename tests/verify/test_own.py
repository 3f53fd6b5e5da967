"""Derivatives that a file states itself are compared with differences, and named if wrong."""

from __future__ import annotations

import pytest

from gradcli import loads
from gradcli.errors import DtypeFault, Source
from gradcli.session import run as session_of
from gradcli.verify.check import check
from gradcli.verify.target import Settings
from tests.cli.runner import run

CLASS = """import torch
from torch.autograd import Function
class Op(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        {forward}
    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        {backward}
x = torch.{x}
x.requires_grad_()
y = Op.apply(x)
loss = (y * y).sum()
"""
THREE = "tensor([1.0, 2.0, -0.5])"
RIGHT = {
    "a function": ("return x.sin()", "return g * x.cos()", THREE),
    "with an intermediate": (
        "s = torch.sigmoid(x); ctx.s = s; return x * s",
        "s = ctx.s; return g * s * (1 + x * (1 - s))",
        THREE,
    ),
    "by its values": (
        "return x * x if x.sum() > 0 else x",
        "return 2 * x * g if x.sum() > 0 else g",
        THREE,
    ),
    "with random numbers": (
        "ctx.m = torch.rand(3) > 0.3; return x * ctx.m",
        "return g * ctx.m",
        THREE,
    ),
    "with what float32 has created": (
        "return x[[0, 2, 2]]",
        "z = torch.zeros(3); z.index_add_(0, torch.tensor([0, 2, 2]), g); return z",
        THREE,
    ),
    "of many elements": (
        "return torch.softmax(x, 0) * x",
        "s = torch.softmax(x, 0); u = g * x; return g * s + s * (u - (u * s).sum())",
        "linspace(-1, 1, 40)",
    ),
    "of complex numbers": ("return x * x.conj()", "return 2 * g.real * x", "tensor([1 + 2j, 3j])"),
}
WRONG = {
    "a sign": ("return x.cos()", "return g * x.sin()", THREE),
    "a factor": ("return x * x", "return g * x", THREE),
    "a missing term": ("return x * x.exp()", "return g * x.exp()", THREE),
    "some elements only": ("return x.abs()", "return g", THREE),
    "a transpose": ("return x @ x", "return g @ x + x @ g", "tensor([[1.0, 2.0], [3.0, 5.0]])"),
    "nothing": ("return x * x", "return None", THREE),
    "a missing conjugate": ("return x * x", "return 2 * g * x", "tensor([1 + 2j, 3j])"),
}


def text_of(forward: str, backward: str, x: str) -> str:
    """Return a file whose class has these lines."""
    text = CLASS.format(forward=forward, backward=backward, x=x)
    return text.replace("(y * y)", "y.abs()") if "j" in x else text


@pytest.mark.parametrize("case", RIGHT)
def test_a_right_backward_passes(case: str) -> None:
    report = loads(text_of(*RIGHT[case])).check()
    assert [f.verdict.name for f in report.findings] == ["OK"]


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_backward_is_named_by_class_and_line(case: str) -> None:
    (finding,) = loads(text_of(*WRONG[case])).check().findings
    assert finding.verdict.name == "WRONG"
    assert finding.note.startswith(
        "`Op.backward` (line 9) is not the derivative of `Op.forward` that line 14 calls"
    )


SECOND = {
    "detached": ("return x ** 3", "return g * 3 * x.detach() ** 2", "WRONG"),
    "saved by forward": ("ctx.s = x ** 2; return x ** 3", "return g * 3 * ctx.s", "WRONG"),
    "right": ("return x ** 3", "return g * 3 * x ** 2", "OK"),
}


@pytest.mark.parametrize("case", SECOND)
def test_a_second_derivative_counts_what_backward_takes_for_constant(case: str) -> None:
    forward, backward, verdict = SECOND[case]
    text = text_of(forward, backward, THREE)
    assert [f.verdict.name for f in loads(text).check().findings] == ["OK"]
    assert [f.verdict.name for f in loads(text).check(Settings(order=2)).findings] == [verdict]


def test_a_straight_through_estimator_is_told_from_a_mistake() -> None:
    (finding,) = loads(text_of("return torch.round(x)", "return g", THREE)).check().findings
    assert finding.verdict.name == "WRONG"
    assert "a straight-through estimator states another derivative on purpose" in finding.note
    other = "import torch\nx = torch.tensor([1.2, 2.3], requires_grad=True)\n"
    other += "loss = ((x + (torch.round(x) - x).detach()) ** 2).sum()\n"
    assert [f.verdict.name for f in loads(other).check().findings] == ["OK"]


PAIR = """import torch
class Pair(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x, x.exp()
    @staticmethod
    def backward(ctx, g, h):
        (x,) = ctx.saved_tensors
        return 2 * x * g + h * {factor}
x = torch.tensor([1.0, 2.0], requires_grad=True)
p, q = Pair.apply(x)
loss = (p * q).sum()
"""


@pytest.mark.parametrize(("factor", "verdict"), [("x.exp()", "OK"), ("x", "WRONG")])
def test_several_results_have_one_derivative(factor: str, verdict: str) -> None:
    (finding,) = loads(PAIR.format(factor=factor)).check().findings
    assert finding.verdict.name == verdict
    assert ("`Pair.backward` (line 8)" in finding.note) == (verdict == "WRONG")


RULES = """import jax
import jax.numpy as jnp
@jax.custom_{kind}
def f(x):
    return jnp.sin(x)
{rule}
x = param([1.0, 2.0])
loss = f(x).sum()
"""
VJP = "f.defvjp(lambda x: (f(x), x), lambda x, g: ({} * g * jnp.cos(x),))"
JVP = "f.defjvp(lambda p, t: (f(p[0]), {} * jnp.cos(p[0]) * t[0]))"


@pytest.mark.parametrize(("kind", "rule"), [("vjp", VJP), ("jvp", JVP)])
@pytest.mark.parametrize(("factor", "verdict"), [(1, "OK"), (2, "WRONG")])
def test_the_rules_of_jax_are_checked(kind: str, rule: str, factor: int, verdict: str) -> None:
    (finding,) = loads(RULES.format(kind=kind, rule=rule.format(factor))).check().findings
    assert finding.verdict.name == verdict
    assert ("rule of `f` (line 6)" in finding.note) == (verdict == "WRONG")


def test_a_constant_of_float32_that_does_not_go_with_float64_is_told() -> None:
    text = text_of("return x @ W", "return W @ g", "tensor([1.0, 2.0])")
    text = text.replace("class Op", "W = torch.tensor([[1.0, 2.0], [3.0, 4.0]])\nclass Op")
    with pytest.raises(DtypeFault) as error:
        loads(text).check()
    assert error.value.hint is not None
    assert "--dtype float64" in error.value.hint


FILE = text_of("return x.sin()", "return g * x.cos()", THREE)


def test_the_code_of_an_operation_is_in_no_table() -> None:
    text = FILE.replace("return x.sin()", "z = x.sin(); return z")
    names = [node.label for node in loads(text).nodes]
    assert names == ["x", "y", "y * y", "loss"]


def test_replays_leave_nothing_on_the_tape() -> None:
    session = session_of(Source("<text>", FILE))
    rows, printed = len(session.graph), len(session.tracer.output)
    check(session)
    assert (len(session.graph), len(session.tracer.output)) == (rows, printed)


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        (("explain",), 0, "what the file's Op makes of g"),
        (("derive",), 3, "the derivative of `Op` is code of the file"),
        (("export", "--to", "numpy"), 2, "gradcli writes no NumPy for Op()"),
        (("check", "--mode", "forward"), 2, "You must implement the jvp function"),
        (("diagnose",), 0, "nothing found"),
    ],
)
def test_commands_say_where_they_meet_code_of_the_file(
    command: tuple[str, ...], status: int, said: str
) -> None:
    result = run(*command, "-e", FILE, columns=160)
    assert (result.status, said in result.output + result.errors) == (status, True)
