"""The graph of grad_fns as a scene: what backward goes through, and what it has saved."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcli.autodiff import saved_rows
from gradcli.errors import cropped
from gradcli.inspection import FunctionFacts, Inspection, NodeFacts
from gradcli.picture.cards import (
    FOLD,
    SOURCE,
    TITLE,
    Asked,
    Card,
    Link,
    Scene,
    gradient_of,
    shape_of,
    weights,
)
from gradcli.picture.figures import figures, is_finite
from gradcli.render.numbers import grad_of
from gradcli.render.words import answer, one_line
from gradcli.session import Session

_SHIFT = 1 << 40  # of the ids of functions, beside those of the tensors that they have saved


def backward_scene(inspection: Inspection, asked: Asked, session: Session | None) -> Scene:
    """Return the graph of grad_fns: the root's first, each above those that it passes on to.

    Saved tensors stand beside the functions that keep them, on dotted edges.
    """
    functions = list(inspection.functions[: asked.most])
    nodes = {f.node: inspection.node(f.node) for f in functions}
    sizes = weights({i: gradient_of(node) for i, node in nodes.items()})
    cards = [_card(f, nodes[f.node], asked) for f in functions]
    known = {f.id for f in functions}
    links = [
        Link(f.id + _SHIFT, i + _SHIFT, sizes.get(_node(inspection, i)))
        for f in functions
        for i in f.next
        if i is not None and i in known
    ]
    saved = _saved(inspection, functions, session)
    tensors = {i: inspection.node(i) for _, i in saved}
    cards[:0] = [_tensor(node, asked) for node in tensors.values()]
    links += [Link(i, f + _SHIFT, None, saved=True) for f, i in saved]
    root = inspection.root
    name = "" if root is None else one_line(inspection.node(root).label)
    notes = [] if functions else ["no grad_fn: nothing requires grad"]
    if (left := len(inspection.functions) - len(functions)) > 0:
        notes.append(f"{left:,} functions are left out (--max-nodes shows more)")
    return Scene(
        inspection.file, answer(inspection), name, tuple(cards), tuple(links), tuple(notes)
    )


def _node(inspection: Inspection, function: int) -> int:
    """Return the node that a function belongs to."""
    return next((f.node for f in inspection.functions if f.id == function), FOLD)


def _card(function: FunctionFacts, node: NodeFacts, asked: Asked) -> Card:
    leaf = function.name == "AccumulateGrad"
    flow = grad_of(node)
    numbers = asked.values and flow.shown is not None
    said = one_line(node.label if leaf or node.name is None else f"{node.label} = {node.source}")
    return Card(
        function.id + _SHIFT, "parameter" if leaf else "root" if node.kind == "root" else
        "intermediate", cropped(function.name, TITLE), shape_of(node), cropped(said, SOURCE),
        node.line, (), figures(flow.shown, asked.precision) if numbers and flow.shown is not None
        else (), flow.passed, bad=not is_finite(gradient_of(node)), node=node.id,
    )  # fmt: skip


def _tensor(node: NodeFacts, asked: Asked) -> Card:
    value = node.value if asked.values else None
    return Card(
        node.id, "data", cropped(one_line(node.label), TITLE), shape_of(node), "", node.line,
        () if value is None else figures(np.asarray(value), asked.precision),
        bad=not is_finite(node.value), notes=("saved",),
    )  # fmt: skip


def _saved(
    inspection: Inspection, functions: list[FunctionFacts], session: Session | None
) -> list[tuple[int, int]]:
    """Return which functions have saved which nodes."""
    if session is None:
        return []
    shown = {node.id for node in inspection.nodes}
    return list(_pairs(session, functions, shown))


def _pairs(
    session: Session, functions: list[FunctionFacts], shown: set[int]
) -> Iterator[tuple[int, int]]:
    for function in functions:
        for i in sorted(saved_rows(session.graph, function.id)):
            if i in shown:
                yield function.id, i
