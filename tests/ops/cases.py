"""Calls of every row, made from the row: its examples, or its signature where it has none."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from gradcli.errors import AutogradFault, Source
from gradcli.execute import new_graph
from gradcli.graph import Node
from gradcli.ops import Primitive, Row
from gradcli.ops.table import every_row
from gradcli.rule.dtypes import FLOAT64, Array, DType
from gradcli.rule.rule import REAL, Elementwise, Interval
from gradcli.rule.signature import REQUIRED
from gradcli.session import Request, run
from gradcli.trace import Binding, Options
from gradcli.trace.values import Results
from tests.ops.checks import Build, Built

Shape = tuple[int, ...]

# what the letters of an example are
LETTERS: dict[str, Shape] = {"s": (), "v": (3,), "M": (2, 3), "A": (3, 3), "T": (2, 3, 3)}

# rows whose examples would have to name what a letter cannot be: conditions, indices, classes
MORE: dict[str, tuple[str, ...]] = {
    "where.self": ("where(v > 0, v, v ** 2)",),
    "gather": ("M.gather(1, tensor([[0, 0], [2, 1]]))",),
    "nll_loss": (
        "F.nll_loss(M, tensor([2, 0]))",
        "F.nll_loss(M, tensor([2, 0]), weight=tensor([1., 2., 3.]), reduction='sum')",
        "F.nll_loss(A, tensor([2, -100, 1]), reduction='none')",
    ),
    "cross_entropy": (
        "F.cross_entropy(M, tensor([2, 0]))",
        "F.cross_entropy(M, tensor([2, 0]), label_smoothing=0.1)",
        "F.cross_entropy(M, softmax(A[:2], 1))",
    ),
    "linear": ("F.linear(M, A, v)", "F.linear(T, M)"),
    "contiguous": ("M.T.contiguous()",),
    "view_as": ("M.view_as(M * 2)",),
    "squeeze": ("v.unsqueeze(0).squeeze()", "M[None, :, None].squeeze((0, 2))"),
    "reshape": ("M[:, ::2].reshape(4)", "(A.T @ A).mT.reshape(9)"),
    "softmax": ("softmax(s, 0)",),
    "max": ("s.max(0).values", "M.max(1, keepdim=True).values"),
    "prod": ("prod(s)", "M.prod(0, keepdim=True)"),
    "matmul": ("T @ v", "v @ T", "M @ T", "T[0] @ T.mT"),
    "div": ("div(v, v * v + 1, rounding_mode='floor')", "div(v, 0.3, rounding_mode='trunc')"),
    "t_": ("(M * 1).t_()",),
    "squeeze_.all": ("(M[:1] * 1).squeeze_()",),
    "fill.Scalar": ("fill(v, 2.0)",),
    "fill_.Scalar": ("(v * 1).fill_(2.0) + v",),
    "fill_.Tensor": ("(v * 1).fill_(s)",),
    "_scaled_dot_product_flash_attention_for_cpu": (
        "F.scaled_dot_product_attention(T[None], T[None], T[None])",
    ),
    "_ctc_posterior": (
        "grad(lambda a: F.ctc_loss(a.unsqueeze(1), tensor([[1, 2]]), (3,), (2,)))(A)",
    ),
    "_normal": ("normal(v, v * v)", "normal(v, 2.0)", "normal(1.0, v * v)"),
    "fmod": ("fmod(v, v * v + 1)",),
}

# elementwise rows whose first operand gives the shape: the others must fit it
ONE_WAY = {"fill.Tensor", "fill_.Tensor", "copy_"}


class Case(NamedTuple):
    """A call: of an example's text, or of a row itself on operands of some shapes.

    What is `fixed` is a constant: a detached operand, one that PyTorch has no derivative for.
    """

    row: Row
    text: str
    shapes: Mapping[str, Shape]
    domains: Mapping[str, Interval]
    fixed: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.row.name}: {self.text}"


def examples(row: Row) -> tuple[str, ...]:
    """Return the calls of a row in the language."""
    return row.examples + MORE.get(row.name, ())


def direct(row: Row) -> bool:
    """Say whether a row can be called on tensors of any shape, with defaults for the rest."""
    return (
        isinstance(row, Primitive)
        and isinstance(row.derivative, Elementwise)
        and all(p.default not in (REQUIRED, None) for p in row.signature.attributes)
        and None not in row.derivative.bodies
        and len(row.derivative.bodies) == len(row.signature.tensors)
        and row.grad_fn != "NotImplemented"
        and row.name not in ONE_WAY
    )


def domain(row: Row, slot: int) -> Interval:
    """Return the interval from which an argument is drawn."""
    return row.domain[slot] if slot < len(row.domain) else REAL


def letters_of(text: str) -> dict[str, Shape]:
    """Return the letters that stand as names of their own in a text."""
    names = set("".join(c if c.isalnum() or c in "_." else " " for c in text).split())
    return {k: shape for k, shape in LETTERS.items() if any(n.split(".")[0] == k for n in names)}


def cases() -> list[Case]:
    """Return all calls of the table."""
    found = []
    for row in every_row():
        for text in examples(row):
            held = frozenset(k for k in LETTERS if f"{k}.detach()" in text)
            for k in held:  # a letter of its own, which differences do not move
                text = text.replace(f"{k}.detach()", f"{k}0")
            shapes = letters_of(text) | {f"{k}0": LETTERS[k] for k in held}
            domains = dict.fromkeys(shapes, domain(row, 0))
            found.append(Case(row, text, shapes, domains, frozenset(f"{k}0" for k in held)))
        if direct(row):
            found.append(on_shapes(row, ((2, 3), (3,), (2, 1))))
    return found


def on_shapes(row: Row, shapes: tuple[Shape, ...]) -> Case:
    """Return the call of a row on tensors of some shapes, as many as it takes."""
    names = row.signature.tensors
    return Case(
        row,
        "",
        dict(zip(names, shapes, strict=False)),
        {name: domain(row, i) for i, name in enumerate(names)},
        frozenset(name for i, name in enumerate(names) if undefined(row, i)),
    )


@cache
def undefined(row: Row, slot: int) -> bool:
    """Say whether PyTorch has no derivative for an argument, and the row says so."""
    assert isinstance(row, Primitive), "only primitives have rules"
    assert row.derivative is not None
    x = np.full((1,), 0.5)
    attrs = {p.name: p.default for p in row.signature.attributes}
    try:
        with np.errstate(all="ignore"):
            row.derivative.vjp(slot, x, x, (x,) * len(row.signature.tensors), attrs)
    except AutogradFault:
        return True
    return False


def draw(rng: np.random.Generator, shape: Shape, interval: Interval) -> Array:
    """Draw a tensor from the inside of an interval, away from its ends and from 0."""
    low, high = interval
    unit = rng.uniform(0.15, 0.85, shape)
    if np.isinf(low) and np.isinf(high):
        return np.asarray((0.1 + 2 * unit) * rng.choice([-1.0, 1.0], shape))
    if np.isinf(high):
        return np.asarray(low + 0.1 + 2 * unit)
    if np.isinf(low):
        return np.asarray(high - 0.1 - 2 * unit)
    return np.asarray(low + (high - low) * unit)


def values_of(case: Case) -> dict[str, Array]:
    """Draw the operands of a call: always the same ones."""
    rng = np.random.default_rng(zlib.crc32(str(case).encode()))
    return {k: draw(rng, shape, case.domains[k]) for k, shape in case.shapes.items()}


def build(case: Case, values: Mapping[str, Array]) -> Built:
    """Run a call on parameters with some values."""
    moving = {k: k not in case.fixed and x.dtype.kind in "fc" for k, x in values.items()}
    if case.text:
        return _run(case.text, values, moving)
    dtype = next(iter(values.values())).dtype
    graph = new_graph(dtype if dtype.kind == "f" else FLOAT64)
    operands = {k: graph.leaf(x, moving[k]) for k, x in values.items()}
    assert isinstance(case.row, Primitive), "only primitives are called on any shapes"
    result = case.row(*operands.values())
    return Built(graph, _differentiable(result), [operands[k] for k in values if moving[k]])


def builder(case: Case) -> tuple[Build, list[Array]]:
    """Return what runs a call on the values of its parameters, and the values that it has."""
    drawn = values_of(case)
    names = [k for k in drawn if k not in case.fixed]
    return (
        lambda values: build(case, drawn | dict(zip(names, values, strict=True))),
        [drawn[k] for k in names],
    )


def _run(text: str, values: Mapping[str, Array], moving: Mapping[str, bool]) -> Built:
    default: DType = next((x.dtype for x in values.values() if x.dtype.kind == "f"), FLOAT64)
    bindings = {k: Binding(x, moving[k], optional=True) for k, x in values.items()}
    session = run(
        Source("case", f"result = {text}"),
        Options(default_dtype=default, bindings=bindings),
        Request(backward=False),
    )
    scope = session.tracer.scope
    inputs = [scope[k] for k in values if moving[k]]
    return Built(session.graph, _differentiable(scope["result"]), inputs)


def _differentiable(result: Any) -> list[Node]:
    results = tuple(result) if isinstance(result, tuple | Results) else (result,)
    return [y for y in results if y.dtype.kind in "fc"]
