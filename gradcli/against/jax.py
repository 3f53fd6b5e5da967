"""A file's graph in JAX: the tape is computed again by JAX's functions, and differentiated by JAX.

A file has PyTorch's names, so that JAX cannot run it as it stands: what is run is what was
recorded. Leaves have gradcli's numbers, drawn ones and parameters after an update among them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from gradcli import autodiff
from gradcli.against.sides import (
    ROUNDING,
    Comparison,
    Comparisons,
    Side,
    Unstated,
    compared,
    root_of,
)
from gradcli.errors import InputFault
from gradcli.graph import Graph, Node
from gradcli.rule.dtypes import Array
from gradcli.session import Session

Gradients = dict[int, tuple[Array | None, Array | None]]  # of rows: gradcli's, and JAX's


def comparisons(session: Session, jax: Any) -> Comparisons:
    """Compare a run with JAX's values and gradients of the same rows.

    The gradients are of the root of the last backward pass, with respect to every named tensor
    that they flow to, the root's cotangent being ones: what `.grad` has gathered over several
    passes is not compared.

    Raises: InputFault where JAX can state nothing that the file names.
    """
    from gradcli.against.jax_reasons import Reasons
    from gradcli.against.jax_tape import Gap, Tape

    named = [(n, node) for n, node in session.tracer.scope.items() if isinstance(node, Node)]
    with _double(jax):
        tape = Tape(session.graph)
        tape.compute(tape.values, [node.id for _, node in named])
        gradients = _gradients(session, tape, [node.id for _, node in named])
        reasons = Reasons(session, tape)
        gap = gradients if isinstance(gradients, Gap) else None
        found, unstated = [], []
        for name, node in named:
            value = tape.values.of[node.id]
            if isinstance(value, Gap):
                unstated.append(_unstated(session, name, value))
                continue
            pair = (None, None) if isinstance(gradients, Gap) else gradients.get(node.id)
            found.append(_explained(reasons, node, _compared(name, node, value, pair)))
        if gap is not None:
            row = reasons.refused() if gap.row == session.root else None
            gap = gap if row is None else replace(gap, row=row)
            unstated.append(_unstated(session, f"gradients of {root_of(session)}", gap))
    if not found and unstated:
        raise _nothing(session, unstated[0])
    return Comparisons("jax", tuple(found), _what(session), tuple(unstated))


@contextmanager
def _double(jax: Any) -> Iterator[None]:
    """Let JAX have 64 bits where a file has them, for as long as this lasts."""
    x64 = getattr(jax, "enable_x64", None)
    if x64 is None:
        x64 = jax.experimental.enable_x64
    with x64(True), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of casts and devices: nothing that a file could change
        yield


# ---- gradients -----------------------------------------------------------------------------


def _gradients(session: Session, tape: Any, named: list[int]) -> Any:
    """Return gradcli's and JAX's gradients of the root by row, or the gap in JAX's."""
    from gradcli.against.jax_tape import Gap

    graph, root = session.graph, session.root
    if root is None:
        return {}
    rows = autodiff.reachable(graph, (root,))
    leaves = [i for i in rows if graph.ops[i] is None]
    between = _between(graph, rows, named)
    tape.compute(tape.values, [root, *leaves])
    order = autodiff.towards(graph, rows, leaves)
    theirs = tape.gradients(root, leaves, order, between)
    if isinstance(theirs, Gap):
        return theirs
    ids = [*leaves, *between]
    ones = np.ones(graph.metas[root].shape, graph.metas[root].dtype)
    ours = autodiff.gradient_values(graph, {root: ones}, ids)
    found: Gradients = {}
    for id, a, b in zip(ids, ours, theirs, strict=True):
        # every update in place has made a row of its own: a name's gradient is that of all of them
        now = graph.current(id)
        before = found.get(now, (None, None))
        found[now] = _sum(before[0], a), _sum(before[1], np.asarray(b))
    return found


def _between(graph: Graph, rows: list[int], named: list[int]) -> list[int]:
    """Return the named rows between the leaves and the root.

    What a step of differentiation goes through is a part of it for JAX, and has no gradient.
    """
    found = set(named) & {i for i in rows[1:] if graph.ops[i] is not None}
    for step in graph.autograd.steps:
        if not found.isdisjoint(step.rows) and not set(rows).isdisjoint(step.found):
            found -= set(step.rows) - set(step.wanted)
    return sorted(found)


def _sum(a: Array | None, b: Array | None) -> Array | None:
    return b if a is None else a if b is None else a + b


# ---- beside each other ---------------------------------------------------------------------


def _compared(name: str, node: Node, value: Any, gradients: Any) -> Comparison:
    ours, theirs = gradients or (None, None)
    there = np.asarray(value)
    # there are no nodes in JAX, so that there is no grad_fn to compare
    return compared(
        name,
        Side(np.asarray(node.value), ours, node.dtype.name),
        Side(there, theirs, there.dtype.name),
    )


def _explained(reasons: Any, node: Node, comparison: Comparison) -> Comparison:
    """Add from which row on the two differ, and take back what is no more than rounding."""
    differs, found = list(comparison.differs), []
    for what in {"value", "gradient"} & set(differs):
        of = reasons.of(node.id, (what,))
        found += of
        if not of and reasons.rounded(node.id, what, comparison.ours, comparison.theirs):
            differs.remove(what)
            found.append(f"{what}: {ROUNDING}")
        elif not of:
            found.append(f"{what}: no operation differs by itself")
    return replace(comparison, differs=tuple(differs), reasons=tuple(dict.fromkeys(found)))


def _unstated(session: Session, name: str, gap: Any) -> Unstated:
    graph, source = session.graph, session.source
    return Unstated(
        name,
        graph.label(gap.row),
        source.line_of(graph.notes.spans[gap.row]),
        gap.why.rstrip("."),
    )


def _nothing(session: Session, first: Unstated) -> InputFault:
    return InputFault(
        f"{session.source.name}, line {first.line}: `{first.op}` is not stated in JAX, and nothing "
        f"else is named: {first.why}",
        hint="--against torch runs the file in PyTorch; check without --against compares with "
        "differences",
    )


def _what(session: Session) -> str:
    """Say of what the gradients are, and which numbers are gradcli's on both sides."""
    if session.root is None:
        return "no gradients: nothing was differentiated"
    passes = len(session.tracer.passes.made)
    text = f"gradients of {root_of(session)}"
    if passes > 1:
        text += f", the last of {passes} backward passes"
    if session.graph.autograd.successors:
        text += "; each update in place goes on from gradcli's numbers"
    return text
