"""The derivatives of operations as text: the rules of the table, run on symbols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcli import autodiff
from gradcli.errors import AutogradFault, GradcliError
from gradcli.formula.expressions import Formula, Name
from gradcli.formula.points import close, evaluated
from gradcli.formula.reading import Symbol, read
from gradcli.formula.simplify import Simplifier
from gradcli.formula.text import text
from gradcli.graph import Graph
from gradcli.rule.dtypes import FLOAT64
from gradcli.rule.meta import Meta
from gradcli.rule.rule import Primitive
from gradcli.rule.signature import REQUIRED

NOT_IMPLEMENTED = "not implemented"  # PyTorch's words


@dataclass(frozen=True)
class Rule:
    """The cotangent of one argument; `g` is the result's, `y` the result.

    `formula` is None where PyTorch has none either.
    """

    argument: str
    text: str
    formula: Formula | None = None


def rules(row: Primitive, metas: list[Any] | None = None, **attrs: Any) -> tuple[Rule, ...]:
    """Return the derivative of an operation with respect to each differentiable argument.

    `metas` are shapes and dtypes of the operands (or numbers, or None where an operand is
    missing) and `attrs` the attributes of an example; an elementwise operation needs neither.
    """
    derivative = row.derivative
    if derivative is None:
        return ()
    names = row.signature.tensors
    if metas is None:
        metas = [Meta((), FLOAT64)] * len(names)
    if len(metas) != len(names):  # a list of tensors
        names = tuple(f"{names[0]}[{i}]" for i in range(len(metas)))
    operands = tuple(
        _symbol(n, m) if isinstance(m, Meta) else m for n, m in zip(names, metas, strict=True)
    )
    complete = {p.name: attrs.get(p.name, _standing_for(p)) for p in row.signature.attributes}
    complete = row.complete(operands, complete)
    meta = row.meta(*operands, **complete)
    y: Any = _results("y", row, meta)
    g: Any = _results("g", row, meta)
    found = []
    for slot, name in enumerate(names):
        if derivative.body(slot) is not None and isinstance(metas[slot], Meta):
            try:
                passed = derivative.vjp(slot, g, y, operands, complete).formula
            except AutogradFault:
                found.append(Rule(name, NOT_IMPLEMENTED))
                continue
            formula = Simplifier(masks=False).simplified(passed)
            found.append(Rule(name, text(formula), formula))
    return tuple(found)


def _symbol(name: str, meta: Meta) -> Symbol:
    return Symbol(Name(name, meta.shape), meta)


def _results(name: str, row: Primitive, meta: Any) -> Any:
    """Return the result of an operation, or its several results, by name or by number."""
    if not row.outputs:
        return _symbol(name, meta)
    named = len(row.outputs) == len(meta)
    parts = (f".{n}" for n in row.outputs) if named else (f"[{i}]" for i in range(len(meta)))
    return tuple(_symbol(name + part, m) for part, m in zip(parts, meta, strict=True))


def _standing_for(parameter: Any) -> Any:
    """Return an attribute's default, or a symbol where it is a number without one."""
    if parameter.kind in ("number", "real") or parameter.default is REQUIRED:
        return _symbol(parameter.name, Meta((), FLOAT64))
    return parameter.default


def whole(graph: Graph, root: int, names: Mapping[int, str]) -> tuple[Rule, ...]:
    """Return the gradients of a row by named leaves, `g` standing for that of the row.

    For what takes several operations. A leaf that no gradient flows to is left out, and what is not
    said in functions that a file can call.
    """
    tape = graph.copy()
    known: dict[int, Formula] = {i: Name(n, tape.metas[i].shape) for i, n in names.items()}
    found = []
    with tape.settings("gradient", True):
        value = tape.value(root)
        g = tape.leaf(
            np.asarray(np.random.default_rng(0).uniform(0.5, 1, value.shape), value.dtype)
        )
        known[g.id] = Name("g", g.shape)
        for leaf, name in names.items():
            try:
                row = autodiff.gradients(tape, {root: g}, (leaf,))[0]
                if row is None:
                    continue
                (plain,) = read(tape, [row.id], known)
                formula = Simplifier(masks=False).simplified(plain)
                bindings = {n: tape.value(i) for i, n in {**names, g.id: "g"}.items()}
                if close(evaluated(text(formula), bindings), np.asarray(row.value)):
                    found.append(Rule(name, text(formula), formula))
            except GradcliError:  # it is not in the language
                continue
    return tuple(found)
