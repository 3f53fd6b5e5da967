"""Where a gradient's way back ends, and why: what a value leads to and no gradient returns from."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from gradcli.graph import OUTPUT, Graph
from gradcli.inspection import Inspection, NodeFacts
from gradcli.rule.dtypes import is_differentiable


@dataclass(frozen=True)
class Cut:
    """A row through which nothing flows back to what it is made of: its id, and the reason."""

    row: int
    why: str


def cuts(graph: Graph, target: int, root: int) -> tuple[Cut, ...]:
    """Return the rows between a target and a root at which ways back to the target end."""
    moved = _moved(graph, target)
    between = moved & _behind(graph, (root,))
    carrying, found = {target} if graph.requires_grad[target] else set(), []
    for id in sorted(between - {target}):
        if graph.is_tuple(id):
            if any(i in carrying for i in graph.inputs[id]) and graph.requires_grad[id]:
                carrying.add(id)
            continue
        sources = [i for i in made_from(graph, id) if i in carrying]
        if not sources:
            continue
        if any(_flows(graph, id, i) for i in sources):
            carrying.add(id)
        if not all(_flows(graph, id, i) for i in sources):
            found.append(Cut(id, reason(graph, id)))
    return (*found, *(Cut(i, NUMBER) for i in _read(graph, moved, root)))


def _read(graph: Graph, moved: Collection[int], root: int) -> list[int]:
    """Return the rows that became numbers on the way; a loss is read to be printed."""
    names, top = graph.notes.names, graph.notes.names.get(root)
    read = dict.fromkeys(i for i in graph.notes.numbers if i in moved and graph.requires_grad[i])
    return [i for i in read if i < root and (top is None or names.get(i) != top)]


NUMBER = (
    "is read as a Python number (item(), float(), an index): nothing that is computed from that "
    "leads back"
)


def reason(graph: Graph, id: int) -> str:
    """Return why no gradient flows back through a row, as the end of a sentence about it."""
    op, dtype = graph.ops[id], graph.metas[id].dtype
    if op is None:
        return "takes over the values alone, as a new tensor"
    op = graph.ops[graph.producer(id)] or op
    if op.view == "detached":
        return "is cut off: detach() and .data give the values without their history"
    if dtype.kind == "b":
        return "is true or false: a comparison has no derivative"
    if not is_differentiable(dtype):
        return f"has integers ({dtype.name}): these have no derivative"
    if op.derivative is None:
        return f"is made by {op.label}(), which has no derivative"
    if graph.requires_grad[id]:
        return f"is not differentiated by that argument of {op.label}()"
    mode = "inference_mode()" if id in graph.autograd.inferred else "no_grad()"
    return f"is computed under {mode}: nothing is recorded there"


def silence(graph: Graph, inspection: Inspection, node: NodeFacts, root: int) -> list[str]:
    """Return sentences that say why no gradient flows from a root to a node."""
    label, dtype = node.label, graph.metas[node.id].dtype
    if not is_differentiable(dtype):
        mask = dtype.kind == "b"
        holds = "is a mask" if mask else f"holds integers ({dtype.name})"
        way = "" if mask else " Write 1.0 for 1, or convert it: x.double()."
        return [
            f"`{label}` has no gradient: it {holds}, and only floating point and complex tensors "
            f"have one.{way}"
        ]
    if not node.requires_grad:
        return [_without(graph, inspection, node)]
    top = inspection.node(root).label
    moved = _moved(graph, node.id)
    if root not in moved and _read(graph, moved, root):
        return [f"No gradient flows to `{label}`: no operation leads from it to `{top}`."]
    if root not in moved:
        return [f"No gradient flows to `{label}`: `{top}` does not depend on it."]
    return [f"`{top}` depends on `{label}`, and yet no gradient comes back: each way is cut."]


def _without(graph: Graph, inspection: Inspection, node: NodeFacts) -> str:
    """Return why a node does not require a gradient."""
    label = node.label
    if graph.ops[node.id] is None and node.id not in graph.notes.sources:
        return (
            f"`{label}` has no gradient: it is data. It was made without requires_grad=True, so "
            f"nothing is recorded of it (--wrt {node.name or 'NAME'} differentiates by it all the "
            "same)."
        )
    for id in sorted(_behind(graph, (node.id,)), reverse=True):
        made_of = made_from(graph, id)
        if not graph.requires_grad[id] and any(graph.requires_grad[i] for i in made_of):
            if id == node.id:
                return f"`{label}` has no gradient: it {reason(graph, id)}."
            facts = next((n for n in inspection.nodes if n.id == id), None)
            if facts is not None:
                return (
                    f"`{label}` has no gradient: it is made of `{facts.label}` (line "
                    f"{facts.line}), which {reason(graph, id)}."
                )
    return (
        f"`{label}` has no gradient: nothing that it is made of requires one, so it is a leaf "
        "without grad_fn."
    )


def made_from(graph: Graph, id: int) -> list[int]:
    """Return what the value of a row is made of, the row whose value it took over among it."""
    found = [i for i in graph.inputs[id] if i >= 0]
    return [*found, graph.notes.sources[id]] if id in graph.notes.sources else found


def _flows(graph: Graph, id: int, operand: int) -> bool:
    """Say whether a gradient flows from a row to one of its operands."""
    op = graph.ops[id]
    if op is OUTPUT:
        return graph.requires_grad[id]
    if op is None or op.derivative is None or not graph.requires_grad[id]:
        return False
    slots = [k for k, i in enumerate(graph.inputs[id]) if i == operand]
    return any(op.derivative.body(k) is not None for k in slots)


def _moved(graph: Graph, target: int) -> set[int]:
    """Return the rows whose values depend on a row's, as far as the tape knows."""
    found = {target}
    for id in range(target + 1, len(graph)):
        if any(i in found for i in made_from(graph, id)):
            found.add(id)
    return found


def _behind(graph: Graph, ids: Iterable[int]) -> set[int]:
    """Return some rows and all that their values depend on."""
    found: set[int] = set()
    pending = list(ids)
    while pending:
        id = pending.pop()
        if id not in found:
            found.add(id)
            pending.extend(made_from(graph, id))
    return found
