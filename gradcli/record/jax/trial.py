"""A proposal is run by gradcli, and taken only if it does what JAX has done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gradcli.errors import GradcliError, Source
from gradcli.graph import Node
from gradcli.record.jax.alike import near
from gradcli.rule.dtypes import Array
from gradcli.session import Request, run
from gradcli.trace import Binding, Options


class Case(NamedTuple):
    """What a step has done: its operands by name, its results, and what JAX sends back.

    `backs` are cotangents of the results that are differentiated, and what came of each for each
    of the `moved` operands. `scale` is the size of numbers that may have cancelled.
    """

    operands: Mapping[str, Array]
    moved: Sequence[str]
    results: Sequence[Array]
    backs: Sequence[tuple[Sequence[Array | None], Mapping[str, Array]]]
    scale: float = 0.0
    factor: float = 0.0


def words(case: Case, texts: Sequence[str]) -> tuple[str, ...] | None:
    """Return the texts of a proposal, made to be of the right dtypes, None where it is wrong.

    An empty text proposes nothing for its result.
    """
    found = _values(case, texts)
    if found is None:
        return None
    fitted = []
    for text, value, result in zip(texts, found, case.results, strict=True):
        if text and value.dtype != result.dtype:
            text = f"({text}).to({result.dtype.name})"
        fitted.append(text)
    if fitted != list(texts):
        found = _values(case, fitted)
    if found is None:
        return None
    for text, value, result in zip(fitted, found, case.results, strict=True):
        if text and not (value.dtype == result.dtype and near(value, result, case.scale)):
            return None
    return tuple(fitted) if _derivatives_agree(case, fitted) else None


def _derivatives_agree(case: Case, texts: Sequence[str]) -> bool:
    if not case.moved:
        return True
    for given, expected in case.backs:
        parts = [k for k, (text, g) in enumerate(zip(texts, given, strict=True)) if text]
        parts = [k for k in parts if given[k] is not None]
        if not parts or any(g is not None and not texts[k] for k, g in enumerate(given)):
            return not parts
        found = _gradients(case, texts, {k: g for k in parts if (g := given[k]) is not None})
        if found is None:
            return False
        largest = max(float(np.max(np.abs(g), initial=0)) for g in given if g is not None)
        for name, g in expected.items():
            back = found.get(name)
            back = np.zeros_like(g) if back is None else back
            if not near(back, g, largest * case.factor):
                return False
    return True


def _values(case: Case, texts: Sequence[str]) -> list[Array] | None:
    lines = [f"_y{k} = {text}" for k, text in enumerate(texts) if text]
    scope = _run(case, lines, {})
    if scope is None:
        return None
    found = [scope.get(f"_y{k}") if text else r
             for k, (text, r) in enumerate(zip(texts, case.results, strict=True))]  # fmt: skip
    return None if any(x is None for x in found) else [np.asarray(x) for x in found]


def _gradients(
    case: Case, texts: Sequence[str], given: Mapping[int, Array]
) -> dict[str, Array | None] | None:
    lines = [f"_y{k} = {texts[k]}" for k in given]
    results = "".join(f"_y{k}, " for k in given)
    cotangents = "".join(f"_c{k}, " for k in given)
    lines.append(
        f"_g = torch.autograd.grad(({results}), ({', '.join(case.moved)},), "
        f"grad_outputs=({cotangents}), allow_unused=True)"
    )
    lines += [f"_g{i} = _g[{i}]" for i in range(len(case.moved))]
    scope = _run(case, lines, {f"_c{k}": g for k, g in given.items()})
    if scope is None:
        return None
    return {name: scope.get(f"_g{i}") for i, name in enumerate(case.moved)}


def _run(
    case: Case, lines: Sequence[str], more: Mapping[str, Array]
) -> dict[str, Array | None] | None:
    """Run lines at the operands; return the values of their names, None where they fail."""
    bindings = {
        name: Binding(np.asarray(value), name in case.moved, optional=True)
        for name, value in {**case.operands, **more}.items()
    }
    try:
        with np.errstate(all="ignore"):
            session = run(
                Source("<proposal>", "\n".join(lines) + "\n"),
                Options(bindings=bindings),
                Request(backward=False),
            )
            scope = session.tracer.scope  # values may be computed only when they are read
            return {name: x.value if isinstance(x, Node) else None for name, x in scope.items()}
    except GradcliError:  # a proposal that cannot be run is none
        return None
