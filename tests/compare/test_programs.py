"""Pairs of programs: whether they are the same, from where on they differ, and why.

What is expected follows from the programs by hand.
"""

from __future__ import annotations

from pathlib import Path
from re import sub
from typing import NamedTuple

import numpy as np
import pytest

import gradcli
from gradcli.compare import Differences, Tolerance, compared
from gradcli.errors import Source
from gradcli.session import Session, run
from gradcli.trace import Options

LINEAR = "x = tensor([1., 2.])\ny = tensor([5., 7.])\nw = param(1.0)\nb = param(2.0)\n"
LOSS = LINEAR + "loss = sum((w*x + b - y)**2)\n"
KINK = "x = param([-1., 0., 2.])\n"
THREE = "x = param([1., 2., 4.])\n"
TRAIN = """w = tensor(1.0, requires_grad=True)
x = tensor([1., 2.])
for i in range(3):
    loss = sum((w*x - 1)**2)
    loss.backward()
    with no_grad():
        w -= 0.1*w.grad
    w.grad.zero_()
"""
MATRIX = "A = param([[1., 2.], [3., 5.]])\nC = tensor([[1., 2.], [3., 4.]])\n"
CANCELLING = "w = param(0.1)\nx = w + 1e8\nloss = x - 1e8"
SQUARE = "w = param(300.)\nh = w**2\nloss = h/2"
DRAWN = "x = randn(3)\nw = param(1.)\nloss = sum(w*x)"
UPDATE = """w = tensor(1., requires_grad=True)
b = tensor(0., requires_grad=True)
with no_grad():
"""
HIDDEN = "w = param(2.)\nv = param(3.)\nh = w*v\nv.data.mul_(2)\n"
FLOAT16, FLOAT32 = (Options(default_dtype=np.dtype(name)) for name in ("float16", "float32"))


class Same(NamedTuple):
    """Programs that compute the same numbers."""

    left: str
    right: str
    other: Options = Options()
    exact: bool | None = True  # None: as NumPy happens to round


SAME = {
    "a program and itself": Same(LOSS, LOSS),
    "two empty files": Same("", ""),
    "a file with comments alone": Same("# one\n", "# other\n\n"),
    "a renamed intermediate": Same(
        LINEAR + "p = w*x + b\nloss = sum((p - y)**2)",
        LINEAR + "q = w*x + b\nloss = sum((q - y)**2)",
    ),
    "a renamed parameter": Same(LOSS, LOSS.replace("b =", "c =").replace("+ b", "+ c")),
    "two renamed parameters of one shape": Same(
        LOSS, LOSS.replace("b =", "c =").replace("+ b", "+ c").replace("w", "v")
    ),
    "a renamed root": Same(LOSS, LOSS.replace("loss", "total")),
    "an expression in several lines": Same(
        LOSS, LINEAR + "p = w*x\nq = p + b\nr = q - y\nloss = sum(r**2)"
    ),
    "a line more that nothing uses": Same(LOSS, LOSS.replace("loss", "z = w*x*3\nloss")),
    "a square as a product": Same(LOSS, LINEAR + "r = w*x + b - y\nloss = sum(r*r)"),
    "factors that have changed places": Same(LOSS, LOSS.replace("w*x", "x*w")),
    "lines that have changed places": Same(
        "a = param(2.)\nb = param(3.)\nloss = a*b", "b = param(3.)\na = param(2.)\nloss = a*b"
    ),
    "a loop written out": Same(
        "w = param(2.)\nx = w\nfor i in range(3):\n    x = x*w\nloss = x",
        "w = param(2.)\nx = w\nx = x*w\nx = x*w\nx = x*w\nloss = x",
    ),
    "a function and its body": Same(
        "w = param(2.)\ndef f(a):\n    return a*a + 1\nloss = f(w)", "w = param(2.)\nloss = w*w + 1"
    ),
    "nan on both sides": Same("x = param(-1.)\ny = log(x)", "x = param(-1.)\nz = log(x)"),
    "infinity on both sides": Same("x = param(0.)\ny = log(x)", "x = param(0.)\ny = log(x)"),
    "float32, which rounds": Same(
        "w = param(0.1)\nloss = sin(w)", "w = param(0.1)\nloss = sin(w)", FLOAT32, exact=False
    ),
    "a mean as a sum by its count": Same(
        THREE + "loss = mean(x**2)", THREE + "loss = sum(x**2)/3"
    ),
    "relu as a maximum where there is no kink": Same(
        "x = param([-1., 2.])\nloss = sum(relu(x))",
        "x = param([-1., 2.])\nloss = sum(maximum(x, tensor(0.)))",
    ),
    "a sign that a square undoes": Same(
        LINEAR + "loss = sum((w*x - y)**2)", LINEAR + "loss = sum((y - w*x)**2)"
    ),
    "a dead result that is cut off": Same(LOSS + "z = w*2\n", LOSS + "z = (w*2).detach()\n"),
    "a name that is bound once more, in other words": Same(
        "w = param(2.)\nx = w*2\nx = x + 1\nloss = x*x",
        "w = param(2.)\nx = w*2\nx = x*1\nx = 1 + x\nloss = x*x",
    ),
    "a sum in a loop": Same(
        "x = param([1., 2.])\ntotal = 0\nfor i in range(2):\n    total = total + x[i]",
        "x = param([1., 2.])\ntotal = sum(x)",
    ),
    "softmax written out": Same(
        THREE + "loss = softmax(x, 0)[0]",
        THREE + "e = exp(x)\np = e/sum(e)\nloss = p[0]", exact=None,
    ),
    "a training loop": Same(TRAIN, sub(r"\bw\b", "v", TRAIN)),
}  # fmt: skip


class Differ(NamedTuple):
    """Programs that do not: where they begin to differ, left's line and right's, what and why.

    `said` is in the explanation.
    """

    left: str
    right: str
    label: str
    lines: tuple[int, int]
    what: str
    kind: str
    said: str = ""
    other: Options = Options()


DIFFER = {
    "a mean for a sum": Differ(
        LOSS, LOSS.replace("sum", "mean"), "loss", (5, 5), "value", "factor",
        "right is 1/2 times left (2 is the number of elements of"),
    "a mean for a sum in an earlier line": Differ(
        LINEAR + "s = sum(w*x)\nloss = s**2 + b", LINEAR + "s = mean(w*x)\nloss = s**2 + b",
        "s", (5, 5), "value", "factor", "1/2 times"),
    "a mean for a sum of a matrix": Differ(
        "A = param([[1., 2., 3.], [4., 5., 7.]])\nloss = sum(A)",
        "A = param([[1., 2., 3.], [4., 5., 7.]])\nloss = mean(A)", "loss", (2, 2), "value",
        "factor",
        "1/6 times left (6 is the number of elements of `A`)"),
    "other data": Differ(
        LOSS, LOSS.replace("5.", "6."), "y", (2, 2), "value", "input", "another input"),
    "data twice as large": Differ(
        LOSS, LOSS.replace("[5., 7.]", "[10., 14.]"), "y", (2, 2), "value", "input", "2 times"),
    "data in another order": Differ(
        LOSS, LOSS.replace("[5., 7.]", "[7., 5.]"), "y", (2, 2), "value", "input", "another order"),
    "another parameter": Differ(
        LOSS, LOSS.replace("1.0", "1.5"), "w", (3, 3), "value", "input", "3/2 times"),
    "data of another shape": Differ(
        THREE + "loss = sum(x)", "x = param([1., 2.])\nloss = sum(x)", "x", (1, 1), "value",
        "input", "shape [3] on the left, [2] on the right"),
    "another exponent": Differ(
        LOSS, LOSS.replace("**2", "**4"), "(w*x + b - y)**2", (5, 5), "value", "constant",
        "exponent=2 on the left, exponent=4 on the right"),
    "another number": Differ(
        "w = param(3.)\nloss = w*0.5", "w = param(3.)\nloss = w*0.25", "loss", (2, 2), "value",
        "constant", "the number 0.5 on the left is 0.25 on the right"),
    "a number that has a name": Differ(
        "rate = 0.5\nw = param(3.)\nloss = w*rate", "rate = 0.25\nw = param(3.)\nloss = w*rate",
        "loss", (3, 3), "value", "constant", "`rate` is 0.5 | 0.25, line 1"),
    "a comparison beside what agrees": Differ(
        "x = param([1., 2.])\nm = x > 1.5\nloss = sum(x*m)",
        "x = param([1., 2.])\nm = x > 2.5\nloss = sum(x*m)",
        "m", (2, 2), "value", "constant", "1.5 on the left is 2.5 on the right"),
    "the unbiased variance": Differ(
        THREE + "loss = var(x)", THREE + "loss = var(x, correction=0)", "loss", (2, 2), "value",
        "argument", "2/3 times left (3 is the number of elements of `x`)"),
    "another base of a logarithm": Differ(
        THREE + "h = log(x)\nloss = sum(h)", THREE + "h = log2(x)\nloss = sum(h)", "h", (2, 2),
        "value", "factor", "0.693147 is the natural logarithm of 2"),
    "another sign": Differ(
        LINEAR + "loss = sum(w*x) - b", LINEAR + "loss = b - sum(w*x)", "loss", (5, 5), "value",
        "operand", "changed places"),
    "minus": Differ(
        THREE + "h = sin(x)\nloss = sum(h)", THREE + "h = -sin(x)\nloss = sum(h)", "h", (2, 2),
        "value", "sign", "minus"),
    "a transpose": Differ(
        MATRIX + "y = A\nloss = sum(C*y)", MATRIX + "y = A.T\nloss = sum(C*y)", "C*y", (4, 4),
        "value", "transpose", "transpose"),
    "another operation": Differ(
        THREE + "h = sin(x)\nloss = sum(h)", THREE + "h = cos(x)\nloss = sum(h)", "h", (2, 2),
        "value", "operation", "sin on the left, cos on the right"),
    "another operand": Differ(
        LINEAR + "h = w*x\nloss = sum(h)", LINEAR + "h = b*x\nloss = sum(h)", "h", (5, 5), "value",
        "operand", "another operand: `w` on the left, `b` on the right"),
    "another dimension": Differ(
        MATRIX + "h = A.sum(dim=0)\nloss = sum(h**2)",
        MATRIX + "h = A.sum(dim=1)\nloss = sum(h**2)",
        "h", (3, 3), "value", "argument", "dim=(0,) on the left, dim=(1,) on the right"),
    "a shape more": Differ(
        THREE + "h = x*2\nloss = sum(h)", THREE + "h = x.unsqueeze(0)*2\nloss = sum(h)", "h",
        (2, 2), "value", "shape", "the same elements in another shape"),
    "nan on one side": Differ(
        THREE + "h = log(x)\nloss = sum(h)", THREE + "h = log(x - 2)\nloss = sum(h)", "h", (2, 2),
        "value", "finite", "nan on the right alone: it begins in `log(x - 2)` (line 2)"),
    "infinity on one side": Differ(
        "x = param(0.)\nh = 1/(x + 1)\nloss = h*2", "x = param(0.)\nh = 1/x\nloss = h*2",
        "reciprocal(x + 1)", (2, 2), "value", "finite",
        "inf on the right alone: it begins in `1/x` (line 2)"),
    "an exponential that overflows": Differ(
        "x = param([1000., 2.])\nloss = logsumexp(x, 0)",
        "x = param([1000., 2.])\nloss = log(sum(exp(x)))", "loss", (2, 2), "value", "finite",
        "begins in `exp(x)` (line 2); elsewhere both are the same function"),
    "a tie of maxima": Differ(
        "x = param([3., 3., 2.])\nloss = amax(x, 0)",
        "x = param([3., 3., 2.])\nloss = max(x, 0)[0]",
        "x", (1, 1), "gradient", "convention", "a tie is shared evenly"),
    "updates in place in another order": Differ(
        THREE + "y = x*1\ny.mul_(2)\ny.add_(1)\nloss = sum(y)",
        THREE + "y = x*1\ny.add_(1)\ny.mul_(2)\nloss = sum(y)", "y:3", (3, 3), "value", "order",
        "the same steps that make `y`, in another order"),
    "a parameter that is read before its update": Differ(
        UPDATE + "    w *= 2\n    b += w\nloss = w*b*3",
        UPDATE + "    b += w\n    w *= 2\nloss = w*b*3",
        "b += w", (5, 4), "value", "operand", "another operand"),
    "a gradient that is kept": Differ(
        THREE + "y = x*2\ny.retain_grad()\nloss = sum(y)", THREE + "y = x*2\nloss = sum(y)", "y",
        (2, 2), "gradient", "passes", ".grad does not keep it on the right"),
    "integers": Differ(
        "x = tensor([1, 2])\ny = x*2", "x = tensor([1, 2])\ny = x*3", "y", (2, 2), "value",
        "constant", "the number 2 on the left is 3 on the right"),
    "a mask": Differ(
        "x = tensor([True, False])", "x = tensor([True, True])", "x", (1, 1), "value", "input"),
    "complex numbers": Differ(
        "x = param(1. + 2j)\nh = x*2\ny = abs(h)", "x = param(1. + 2j)\nh = x*3\ny = abs(h)", "h",
        (2, 2), "value", "constant"),
    "a sum in another order": Differ(
        "x = param([1e16, 1., -1e16])\nloss = x[0] + x[1] + x[2]",
        "x = param([1e16, 1., -1e16])\nloss = x[0] + x[2] + x[1]",
        "loss", (2, 2), "value", "order", "no digit agrees: larger numbers cancel"),
    "float32 where large numbers cancel": Differ(
        CANCELLING, CANCELLING, "loss", (3, 3), "value", "dtype",
        "rounding in float32", FLOAT32),
    "a number beyond float16": Differ(
        SQUARE, SQUARE, "h", (2, 2), "value", "dtype",
        "the range of float16", FLOAT16),
    "another seed": Differ(
        DRAWN, DRAWN, "x", (1, 1), "value", "seed",
        "drawn with seed 0 on the left, 7 on the right", Options(seed=7)),
    "a draw before": Differ(
        "x = randn(3)\nw = param(1.)\nloss = sum(w*x)",
        "u = rand(2)\nx = randn(3)\nw = param(1.)\nloss = sum(w*x)",
        "x", (1, 2), "value", "draws", "draw 1 of random numbers on the left, 2 on the right"),
    "relu as a maximum at the kink": Differ(
        KINK + "h = relu(x)\nloss = sum(h)", KINK + "h = maximum(x, tensor(0.))\nloss = sum(h)",
        "x", (1, 1), "gradient", "convention", "within the slopes around it"),
    "relu as a choice at the kink": Differ(
        KINK + "loss = sum(relu(x))", KINK + "loss = sum(where(x >= 0, x, 0*x))",
        "x", (1, 1), "gradient", "convention", "`relu(x)` (line 2): 0 at 0"),
    "relu by the absolute value at the kink": Differ(
        KINK + "loss = sum(relu(x))", KINK + "loss = sum((x + abs(x))/2)",
        "x", (1, 1), "gradient", "convention", "another convention at a kink"),
    "a detached intermediate": Differ(
        LINEAR + "h = w*x\nloss = sum((h + b - y)**2)",
        LINEAR + "h = (w*x).detach()\nloss = sum((h + b - y)**2)",
        "h", (5, 5), "gradient", "cut", "on the right `(w*x).detach()` (line 5) is cut off"),
    "one of two paths that is cut off": Differ(
        "w = param(3.)\nh = w*2\nloss = h*w", "w = param(3.)\nh = w*2\nloss = h*w.detach()",
        "w", (1, 1), "gradient", "cut", "`w.detach()` (line 3)"),
    "no_grad": Differ(
        LINEAR + "h = w*x\nloss = sum((h + b - y)**2)",
        LINEAR + "with no_grad():\n    h = w*x\nloss = sum((h + b - y)**2)",
        "h", (5, 6), "gradient", "cut", "is computed under no_grad()"),
    "a leaf without requires_grad": Differ(
        LOSS, LOSS.replace("b = param(2.0)", "b = tensor(2.0)"), "b", (4, 4), "gradient",
        "requires_grad", "`b` requires no gradient on the right"),
    "a sign that shows in the gradient alone": Differ(
        LOSS.replace("2.0", "0.0"), LOSS.replace("2.0", "0.0").replace("+ b", "- b"), "b", (4, 4),
        "gradient", "operation", "add on the left, sub on the right"),
    "a second backward": Differ(
        LOSS + "loss.backward()", LOSS + "loss.backward(retain_graph=True)\nloss.backward()",
        "b", (4, 4), "gradient", "passes", "once on the left, twice on the right"),
    "a gradient behind a write that autograd does not see": Differ(
        HIDDEN + "loss = h*1\nloss.backward()",
        HIDDEN + "loss = h.detach() + 0*w\nloss.backward()", "v:4", (4, 4), "gradient",
        "operation", "what flowed on the way cannot be told here"),
    "a number before backward in a line": Differ(
        THREE + "(x*2).sum().backward()", THREE + "(x*3).sum().backward()", "x*2", (2, 2), "value",
        "constant", "2 on the left is 3 on the right"),
    "another result that is differentiated": Differ(
        "w = param(2.)\nloss = w*3", "w = param(2.)\nloss = w*3\ntotal = loss + w**2", "w", (1, 1),
        "gradient", "root", "`loss` is differentiated on the left, `total` on the right"),
    "the first of two passes": Differ(
        THREE + "h = x*2\nsum(h).backward()\nloss = sum(x*x)\nloss.backward()",
        THREE + "h = x.detach()*2 + 0*x\nsum(h).backward()\nloss = sum(x*x)\nloss.backward()",
        "x", (1, 1), "gradient", "cut", "`x.detach()` (line 2)"),
    "a rate of learning": Differ(
        TRAIN, TRAIN.replace("0.1", "0.2"), "0.1*w.grad", (7, 7), "value", "constant",
        "the number 0.1 on the left is 0.2 on the right"),
    "a gradient that is not cleared": Differ(
        TRAIN, TRAIN.replace("    w.grad.zero_()\n", ""), "w.grad", (5, 5), "value", "passes",
        "on the left .grad holds that alone, on the right a sum"),
    "more turns of a loop": Differ(
        TRAIN, TRAIN.replace("range(3)", "range(5)"), "loss:4#3", (4, 4), "gradient", "passes",
        "backward runs 3 times on the left, 5 times on the right"),
    "a cut in a training loop": Differ(
        TRAIN, TRAIN.replace("(w*x - 1)", "(w.detach()*x - 1 + 0*w)"), "w:1", (1, 1), "gradient",
        "cut", "`w.detach()` (line 4)"),
    "a turn of a loop that differs": Differ(
        "w = param(2.)\nx = w\nfor i in range(4):\n    x = x*w + (0 if i < 2 else 1)\nloss = x",
        "w = param(2.)\nx = w\nfor i in range(4):\n    x = x*w + (0 if i < 2 else 3)\nloss = x",
        "x:4#3", (4, 4), "value", "constant", "the number 1 on the left is 3 on the right"),
}  # fmt: skip


def session(text: str, name: str, options: Options | None = None) -> Session:
    return run(Source(name, text), options)


def differences(left: str, right: str, other: Options | None = None) -> Differences:
    return compared(session(left, "left"), session(right, "right", other))


@pytest.mark.parametrize("case", SAME.values(), ids=SAME)
def test_programs_that_compute_the_same_are_the_same(case: Same) -> None:
    found = differences(case.left, case.right, case.other)
    assert found.divergence is None
    assert found.same
    assert case.exact in (None, found.exact)


@pytest.mark.parametrize("case", DIFFER.values(), ids=DIFFER)
def test_programs_that_differ_are_explained_from_where_on_and_why(case: Differ) -> None:
    found = differences(case.left, case.right, case.other)
    first = found.divergence
    assert not found.same
    assert first is not None
    assert first.row.left is not None
    assert first.row.right is not None
    assert (first.row.left.label, first.row.left.line, first.row.right.line) == (
        case.label, *case.lines,
    )  # fmt: skip
    assert (first.what, first.kind) == (case.what, case.kind)
    assert case.said in first.why


@pytest.mark.parametrize("case", DIFFER.values(), ids=DIFFER)
def test_sides_that_change_places_begin_to_differ_in_the_same_lines(case: Differ) -> None:
    there = differences(case.left, case.right, case.other).divergence
    back = compared(session(case.right, "left", case.other), session(case.left, "right")).divergence
    assert there is not None
    assert back is not None
    sides = [(side.row.left, side.row.right) for side in (there, back)]
    lines = [[spot.line for spot in pair if spot is not None] for pair in sides]
    assert lines[0] == lines[1][::-1]


def test_a_loop_with_a_line_more_keeps_its_turns_together() -> None:
    loop = "w = param(2.)\nx = w\nfor i in range(4):\n    x = sin(x)\n    y = x*w\nloss = y"
    longer = loop.replace("    y =", "    x = x*1.0\n    y =")
    found = differences(loop, longer)
    pairs = [(row.left.label, row.right.label) for row in found.pairs if row.left and row.right]
    assert found.same
    assert [right for left, right in pairs if left.startswith("x:4")] == [
        f"x:4#{turn}" for turn in range(1, 5)
    ]


def test_of_a_gradient_the_lines_that_pass_it_back_are_shown() -> None:
    rest = "loss = sum(h)"
    found = differences(KINK + f"h = relu(x)\n{rest}", KINK + f"k = 1\nh = clamp(x, min=0)\n{rest}")
    assert found.divergence is not None
    spots = found.divergence.left, found.divergence.right
    assert [(spot.line, spot.text) for spot in spots] == [
        (2, "h = relu(x)"), (3, "h = clamp(x, min=0)"),
    ]  # fmt: skip


def test_what_begins_independently_is_named_apart() -> None:
    found = differences(LOSS, LOSS.replace("5.", "6.").replace("1.0", "3.0"))
    assert found.divergence is not None
    assert [row.spot.label for row in (found.divergence.row, *found.others)] == ["y", "w"]


def test_gradients_have_their_largest_difference_and_its_place() -> None:
    text = "x = param([1., 2., 3.])\nloss = sum(x**2)"
    found = differences(text, text.replace("2., 3.]", "2., 5.]"))
    row = next(row for row in found.pairs if row.spot.label == "x")
    assert row.gradient is not None
    assert (row.gradient.at, row.gradient.left, row.gradient.right) == ((2,), 6, 10)  # 2x
    assert (row.gradient.absolute, row.gradient.relative) == (4, 0.4)


def test_a_parameter_that_one_run_alone_has_is_a_difference_with_its_gradient() -> None:
    found = differences("w = param(1.)\nloss = w*2", "w = param(1.)\nloss = w*2\nv = param(1.)\n"
                        "v.sum().backward()\nloss.backward()")  # fmt: skip
    assert [row.spot.label for row in found.lost] == ["v"]
    assert not found.same


@pytest.mark.parametrize(
    ("tolerance", "same"),
    [(Tolerance(), False), (Tolerance(rtol=1e-3), True), (Tolerance(atol=1e-2), True),
     (Tolerance(rtol=1e-6, atol=0.0), False)],
)  # fmt: skip
def test_a_tolerance_decides(tolerance: Tolerance, same: bool) -> None:
    left, right = (session(f"w = param({value})\nloss = w*1.0", "w") for value in (1.0, 1.0001))
    assert compared(left, right, tolerance=tolerance).same is same


SQUARES = LINEAR + "loss = mean((w*x + b - y)**2)\n"
NAMED = "e = w*x + b - y\nmse = mean(e*e)\n"
WHOLE = {  # left, right, how right follows from left: by hand
    "a factor beside a new name": (
        SQUARES, LINEAR + NAMED + "loss = 0.25*mse", "right is 0.25 times left at the root",
    ),
    "a loop beside a sum": (
        SQUARES,
        LINEAR + "total = 0.0\nfor i in range(2):\n    total = total + (w*x[i] + b - y[i])**2\n"
        "loss = 3*total/4",
        "right is 3/2 times left at the root",
    ),
    "the other sign": (SQUARES, LINEAR + NAMED + "loss = -mse", "right is minus left at the root"),
    "a term more": (
        SQUARES, LINEAR + NAMED + "loss = mse + 0.01*w**2", "right is left plus `0.01*w**2`",
    ),
    "two terms more": (
        SQUARES, LINEAR + NAMED + "loss = mse + 0.01*w**2 - b/9",
        "right is left plus `0.01*w**2` minus `b/9`",
    ),
    "a term in front": (SQUARES, LINEAR + NAMED + "loss = w**2 + mse", "right is left plus `w**2`"),
    "a term less": (LINEAR + NAMED + "loss = mse + w**2", SQUARES, "left is right plus `w**2`"),
    "a factor in one gradient alone": (SQUARES, LINEAR + NAMED + "loss = mse*w", ""),
    "another loss": (SQUARES, LINEAR + "loss = mean(log(1 + (w*x + b - y)**2))", ""),
}  # fmt: skip


@pytest.mark.parametrize(("left", "right", "said"), WHOLE.values(), ids=WHOLE)
def test_the_roots_are_compared_before_what_leads_to_them(left: str, right: str, said: str) -> None:
    found = differences(left, right)
    assert found.whole.startswith(said)
    assert bool(found.whole) == bool(said)


@pytest.mark.parametrize(("left", "right"), [case[:2] for case in WHOLE.values()], ids=WHOLE)
def test_no_pair_has_another_operation_shape_and_operands(left: str, right: str) -> None:
    one, other = session(left, "left"), session(right, "right")
    found = compared(one, other)
    pairs = {row.left.id: row.right.id for row in found.pairs if row.left and row.right}
    for row in found.pairs:
        assert row.left is not None
        assert row.right is not None
        i, j = row.left.id, row.right.id
        if row.kind == "root" or one.graph.label(i) == other.graph.label(j):
            continue
        operands = {pairs.get(k) for k in one.graph.inputs[i] if k >= 0}
        assert row.shapes[0] == row.shapes[1] or operands & set(other.graph.inputs[j])


@pytest.mark.parametrize("tolerance", [Tolerance(rtol=-1.0), Tolerance(atol=float("nan"))])
def test_a_tolerance_that_is_none_is_refused(tolerance: Tolerance) -> None:
    side = session(LOSS, "w")
    with pytest.raises(gradcli.GradcliError, match="a tolerance is 0 or more, and finite"):
        compared(side, side, tolerance=tolerance)


SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*.expr"))


@pytest.mark.parametrize(
    "path", [p for p in SAMPLES if p.stem != "one_liner"], ids=lambda p: p.stem
)
def test_a_sample_is_the_same_as_itself(path: Path) -> None:
    found = gradcli.diff(path, path)
    assert found.exact
    assert found.unpaired == ()
    assert [row.left.id for row in found.pairs if row.left] == [
        row.right.id for row in found.pairs if row.right
    ]


def test_the_library_compares_runs_and_files() -> None:
    left, right = gradcli.loads(LOSS), gradcli.loads(LOSS.replace("sum", "mean"))
    found = gradcli.diff(left, right)
    assert isinstance(found, gradcli.Differences)
    assert found.divergence is not None
    assert found.divergence.kind == "factor"
    assert gradcli.diff(left, left).exact
    assert gradcli.diff("samples/mlp.expr", "samples/mlp.expr", of="loss").exact
