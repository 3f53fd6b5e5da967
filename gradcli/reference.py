"""What can be said of an operation: its row, with the derivatives printed from its rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from gradcli.errors import GradcliError, Source
from gradcli.formula.rules import Rule, rules, whole
from gradcli.graph import OUTPUT, Graph, Node
from gradcli.ops import FUNCTIONS, Primitive, Row
from gradcli.rule.dtypes import FLOAT64
from gradcli.rule.meta import Meta
from gradcli.rule.rule import Elementwise
from gradcli.session import Request, run
from gradcli.trace import Binding, Options

# the tensors that the examples of rows speak of: seeded, between 0.2 and 0.9
GRADIENTS, LONGEST = 3, 120  # examples whose gradients are shown, and characters of one
SHAPES = {"s": (), "v": (3,), "M": (2, 3), "A": (3, 3), "T": (2, 3, 3)}


@dataclass(frozen=True)
class Derivative:
    """The derivatives of one overload: PyTorch's class name and a formula for each argument."""

    grad_fn: str
    formulas: tuple[Rule, ...]


class Gradient(NamedTuple):
    """The gradients of an example by the tensors in it; `g` is that of its result."""

    example: str
    formulas: tuple[Rule, ...]


@dataclass(frozen=True)
class Entry:
    """An operation as the reference shows it.

    `steps` are the grad_fn classes of the nodes that an operation written with others makes, and
    `gradients` those of its examples;
    `domain` are intervals from which an argument is drawn where not every number will do, `needs`
    is an argument and the structure that its value needs.
    """

    name: str
    family: str
    signature: str
    doc: str
    aliases: tuple[str, ...]
    derivatives: tuple[Derivative, ...]
    steps: tuple[str, ...]
    gradients: tuple[Gradient, ...]
    kink: str
    domain: tuple[tuple[float, float], ...]
    examples: tuple[str, ...]
    needs: str


def entries() -> tuple[Entry, ...]:
    """Return every operation that a file can call, in the order of the table."""
    return _called(FUNCTIONS)


def matching(words: tuple[str, ...]) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """Return the operations that are called by some words, and others whose names contain one.

    Where no operation is called so, those that contain a word are the first.
    """
    if not words:
        return entries(), ()
    exact = _called(w for w in words if w in FUNCTIONS)
    contain = _called(n for n in FUNCTIONS if any(w.lower() in n.lower() for w in words))
    near = tuple(e for e in contain if e not in exact)
    return (exact, near) if exact else (near, ())


def _called(names: Iterable[str]) -> tuple[Entry, ...]:
    """Return the operations that have some names, each once, in order."""
    return tuple(_entry(name) for name in sorted({FUNCTIONS[name].name for name in names}))


@cache
def _entry(name: str) -> Entry:
    row = FUNCTIONS[name]
    graphs = [g for g in map(_example, row.examples) if g is not None]
    primitives = _made(row, graphs)
    own = [p for p in primitives if p[0] is row or p[0].label == row.name]
    steps = () if own else tuple(dict.fromkeys(name for _, name, _, _ in primitives if name))
    kinks = [row.kink, *(p[0].kink for p in own)]
    domains = [row.domain, *(p[0].domain for p in own)]
    needs = [row.needs, *(p[0].needs for p in own)]
    return Entry(
        row.name,
        FUNCTIONS.homes[name].rpartition(".")[2],
        str(row.signature),
        row.doc,
        row.aliases,
        tuple(_derivatives(own)),
        steps,
        tuple(_gradients(row)) if steps else (),
        next((k for k in kinks if k), ""),
        next((d for d in domains if d), ()),
        row.examples,
        next((n for n in needs if n), ""),
    )


def _gradients(row: Row) -> Iterator[Gradient]:
    """Yield the gradients of the first examples that are short enough to be read."""
    count = 0
    for example in row.examples:
        graph = _example(example)
        if graph is None or count == GRADIENTS:
            continue
        made = [i for i, op in enumerate(graph.ops) if op is not None and graph.requires_grad[i]]
        if not made or graph.ops[made[-1]] is OUTPUT:
            continue
        found = whole(graph, made[-1], {i: n for i, n in graph.notes.names.items() if n in SHAPES})
        if found and all(len(rule.text) <= LONGEST for rule in found):
            count += 1
            yield Gradient(example, found)


FLOAT = Meta((), FLOAT64)

# an operation as an example uses it: its row, grad_fn, the operands' shapes, and attributes
Use = tuple[Primitive, str, list[Any] | None, dict[str, Any]]


def _made(row: Row, graphs: list[Graph]) -> list[Use]:
    """Return the operations that a row's examples use, each class of grad_fn once."""
    found: dict[str, Use] = {}
    for graph in graphs:
        for id, op in enumerate(graph.ops):
            if op is None or op.derivative is None or not op.grad_fn:
                continue
            operands = graph.operands(id)
            name = op.grad_fn_name(operands, graph.attrs[id])
            metas = [graph.metas[x.id] if isinstance(x, Node) else x for x in operands]
            if isinstance(op.derivative, Elementwise):  # true of any shape and any attribute
                general = [Meta((), m.dtype) if isinstance(m, Meta) else FLOAT for m in metas]
                fixed = {
                    p.name for p in op.signature.attributes if p.kind not in ("number", "real")
                }
                attrs = {k: v for k, v in graph.attrs[id].items() if k in fixed}
                found.setdefault(name, (op, name, general, attrs))
            else:
                found.setdefault(name, (op, name, metas, graph.attrs[id]))
    if not found and isinstance(row, Primitive) and isinstance(row.derivative, Elementwise):
        found[_class(row)] = (row, _class(row), None, {})
    return list(found.values())


def _class(row: Primitive) -> str:
    if isinstance(row.grad_fn, str):
        return row.grad_fn
    defaults = row.signature.defaults
    return row.grad_fn(*[np.zeros(())] * len(row.signature.tensors), **defaults)


def _derivatives(uses: list[Use]) -> list[Derivative]:
    return [Derivative(name, rules(op, metas, **attrs)) for op, name, metas, attrs in uses]


def _example(text: str) -> Graph | None:
    """Return the graph of an example, None where it does not run on these tensors."""
    generator = np.random.default_rng(0)
    bindings = {
        name: Binding(generator.uniform(0.2, 0.9, shape), parameter=True, optional=True)
        for name, shape in SHAPES.items()
    }
    try:
        return run(
            Source("<example>", text), Options(bindings=bindings), Request(backward=False)
        ).graph
    except GradcliError:
        return None
