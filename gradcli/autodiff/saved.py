"""Which tensors of the forward pass a backward pass uses, and whether they are still there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcli.errors import AutogradFault
from gradcli.execute import apply, compute, new_graph
from gradcli.graph import OUTPUT, Graph, short_name
from gradcli.ops.shape.shapes import ones_like, zeros_like
from gradcli.rule.dtypes import SCALAR_NAMES
from gradcli.rule.meta import shown

INFERRED = (
    "Inference tensors cannot be saved for backward. Please do not use Tensors created in "
    "inference mode in computation tracked by autograd. To work around this, you can make a clone "
    "to get a normal tensor and use it in autograd, or use `torch.no_grad()` instead of "
    "`torch.inference_mode()`."
)


def free_saved(graph: Graph, order: Sequence[int], *, retain_graph: bool) -> None:
    """Check that a backward pass finds its saved tensors, and free them unless they are retained.

    Raises: AutogradFault, in PyTorch's words, where an earlier pass has freed one, or where one
    was changed in place.
    """
    kept, freed = graph.autograd, graph.autograd.freed
    if kept.versions or kept.inferred or freed:
        freed.extend(bytes(len(graph) - len(freed)))
        for id in sorted(order, reverse=True):  # as PyTorch goes: what was made last comes first
            if kept.versions:
                _check_unchanged(graph, id)
            if kept.inferred and not kept.inferred.isdisjoint(saved_rows(graph, id)):
                raise AutogradFault(INFERRED, graph.notes.spans[id])
            if freed[id] and saved_rows(graph, id):
                raise _second_time(graph, id)
    if not retain_graph:
        freed.extend(bytes(len(graph) - len(freed)))
        for id in order:
            freed[id] = 1


def _second_time(graph: Graph, id: int) -> AutogradFault:
    return AutogradFault(
        "Trying to backward through the graph a second time (or directly access saved "
        "tensors after they have already been freed). Saved intermediate values of the "
        "graph are freed when you call .backward() or autograd.grad(). Specify "
        "retain_graph=True if you need to backward through the graph a second time or if "
        "you need to access saved tensors after calling backward.",
        hint=f"`{graph.label(id)}` needs its saved tensors again: keep them in the first "
        "pass with backward(retain_graph=True)",
    )


def _check_unchanged(graph: Graph, id: int) -> None:
    """Check that what a row has saved is still in memory.

    Raises: AutogradFault, in PyTorch's words, where it was changed in place.
    """
    own = _kept(graph, id) or set()
    written = {
        i
        for i in (*graph.inputs[id], *results(graph, id), *own)
        if i >= 0 and _is_written(graph, i)
    }
    if not written:
        return
    saved = saved_rows(graph, id)
    for i in (*_operands(graph, id), *results(graph, id), *sorted(own)):
        if i in written and i in saved:
            raise _changed(graph, id, i)


def _kept(graph: Graph, id: int) -> set[int] | None:
    """Return the rows that code of the file has saved for a row's derivative, None of others."""
    op = graph.ops[id]
    return None if op is None or op.derivative is None else op.derivative.kept()


def _operands(graph: Graph, id: int) -> list[int]:
    """Return what a row was computed from, in the order in which PyTorch looks at it: by name.

    What an operation in place has changed is not among them.
    """
    op, inputs = graph.ops[id], graph.inputs[id]
    if op is None:
        return []
    names = ["self" if name == "input" else name for name in op.signature.tensors]
    slots = range(1 if id in graph.autograd.in_place else 0, len(inputs))
    return [inputs[i] for i in sorted(slots, key=lambda i: names[min(i, len(names) - 1)])]


def _base(graph: Graph, id: int) -> int:
    """Return the row in whose memory a row lies: itself, unless it is a view."""
    while id not in graph.autograd.versions and (op := graph.ops[id]) is not None:
        row = id
        if op is OUTPUT:
            row = graph.inputs[id][0]
            op = graph.ops[row]
        if op is None or not op.view:
            break
        id = graph.inputs[row][0]
    return id


def in_memory(graph: Graph, order: Sequence[int]) -> Callable[[int], Any]:
    """Return what gives the value of a row as the memory has it when backward runs."""
    if not graph.autograd.uncounted:
        return graph.value
    found = unseen(graph, order)
    return lambda row: found[row] if row in found else graph.values[row]


def unseen(graph: Graph, order: Sequence[int]) -> dict[int, Any]:
    """Return the values that rows have now, after changes that autograd has not counted.

    Such a change, through `.data`, reaches what was saved: PyTorch computes with the new values,
    and so does gradcli, with a warning.
    """
    found: dict[int, Any] = {}
    if not graph.autograd.uncounted:
        return found
    compute(graph, order)
    for id in order:
        for i in (*graph.inputs[id], id):
            if i < 0 or i in found or (base := _base(graph, i)) not in graph.autograd.uncounted:
                continue
            if i == base or not graph.autograd.changes[base].replaced:
                found[i] = _now(graph, i)
                if np.shape(found[i]) != graph.metas[i].shape:
                    raise _reshaped(graph, i, found[i])
        stale = [i for i in graph.inputs[id] if i in found] + [id] * (id in found)
        if stale and _read_rows(graph, id) & set(stale):
            name = next(
                (f"`{graph.notes.names[i]}`" for i in stale if i in graph.notes.names),
                "what it saved",
            )
            message = (
                f"{name} was changed behind autograd's back: the gradient of `{graph.label(id)}` "
                "is computed with the new values, as in PyTorch, and is not that of what was "
                "computed"
            )
            warning = graph.autograd.changes[_base(graph, stale[0])].span, message
            if warning not in graph.notes.warnings:
                graph.notes.warnings.append(warning)
    return found


def saw_uncounted(graph: Graph, order: Sequence[int], at: int) -> bool:
    """Say whether a pass found values in memory that autograd has not counted.

    `at` is how many rows the tape had then: what has changed since is a later row.
    """
    uncounted, changes = graph.autograd.uncounted, graph.autograd.changes
    if not uncounted:
        return False
    return any(
        i >= 0 and (base := _base(graph, i)) in uncounted and changes[base].row < at
        for id in order
        for i in (*graph.inputs[id], id)
    )


def _reshaped(graph: Graph, id: int, now: Any) -> AutogradFault:
    name = graph.notes.names.get(id)
    return AutogradFault(
        f"{f'`{name}`' if name else 'what it saved'} was given data of another shape behind "
        f"autograd's back: its gradient has the shape {list(graph.metas[id].shape)}, and it has "
        f"{list(np.shape(now))} now",
        graph.autograd.changes[_base(graph, id)].span,
        "differentiate before, or make a new tensor of the data",
    )


def _now(graph: Graph, id: int) -> Any:
    """Return what the memory of a row holds now."""
    path = []
    while id not in graph.autograd.versions:
        path.append(id)
        id = graph.inputs[id][0]
    while id in graph.autograd.uncounted:
        id = graph.autograd.changes[id].row
    compute(graph, (id,))
    value = graph.values[id]
    for step in reversed(path):
        value = apply(graph, step, [value], graph.attrs[step])
    return value


def _is_written(graph: Graph, id: int) -> bool:
    """Say whether a row's memory has been written since, as autograd counts."""
    versions, op = graph.autograd.versions, graph.ops[id]
    held = versions.get(id)
    if held is None and op is not None and (op.view or op is OUTPUT):
        held = versions.get(_base(graph, id))
    return held is not None and held[0].count != held[1]


def _changed(graph: Graph, id: int, saved: int) -> AutogradFault:
    base = _base(graph, saved)
    version, count = graph.autograd.versions[base]
    span = graph.autograd.changes[base].span if base in graph.autograd.changes else version.span
    meta, name = graph.metas[saved], _made_by(graph, saved, base, saved in results(graph, id))
    copied = (
        f"copy, `{graph.notes.names[base]}.clone()`" if base in graph.notes.names else "clone()"
    )
    position = graph.attrs[saved]["position"] if graph.ops[saved] is OUTPUT else 0
    made = f", which is output {position} of {short_name(name)}," if name else ""
    return AutogradFault(
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [torch.{SCALAR_NAMES[meta.dtype.name]}Tensor {shown(meta.shape)}]{made} is at "
        f"version {version.count}; expected version {count} instead.",
        span,
        f"change a {copied}, or make a new tensor: `y = y * 2` instead of `y *= 2`",
        notes=(
            (
                graph.notes.spans[id],
                f"the gradient of `{graph.label(id)}` needs what it was here",
            ),
        ),
    )


def results(graph: Graph, id: int) -> tuple[int, ...]:
    """Return the rows of what an operation gives: its own, or one for each of several results."""
    return tuple(range(id + 1, id + 1 + graph.widths[id])) if graph.is_tuple(id) else (id,)


def _made_by(graph: Graph, saved: int, base: int, result: bool) -> str | None:
    """Return the grad_fn that an error names: of a result its own, else what the tensor has now."""
    if result:
        return graph.grad_fn(saved)
    while base in graph.autograd.changes:
        base = graph.autograd.changes[base].row
    now = graph.grad_fn(base)
    return "AsStridedBackward0" if now and saved not in graph.autograd.versions else now


def saved_rows(graph: Graph, id: int) -> set[int]:
    """Return the rows that PyTorch saves for an operation's gradient; -1: a number.

    They are those that its rules use, unless its row says otherwise.
    """
    op = graph.ops[id]
    if op is None:
        return set()
    if (own := _kept(graph, id)) is not None:
        return own
    if op.in_place and id in graph.autograd.in_place:
        return set(results(graph, id))
    if not op.saves:
        return _read_rows(graph, id)
    known = dict(zip(op.signature.tensors, graph.inputs[id], strict=False))
    if graph.is_tuple(id):
        known |= zip(op.outputs, results(graph, id), strict=False)
    saved: set[int] = set()
    for name in op.saves:
        if name == "result":
            saved.update(results(graph, id))
        else:  # what is no tensor is saved too, and cannot change
            saved.add(known.get(name, -1))
    return saved


def _read_rows(graph: Graph, id: int) -> set[int]:
    """Return the rows whose values a row's rules use; -1: a number.

    Found by running the rules once on a scratch graph, and looking at what they read.
    """
    op, scratch = graph.ops[id], new_graph(graph.default_dtype)
    if op is None or op is OUTPUT or op.derivative is None:
        return set()
    inputs = graph.inputs[id]
    wrapped = op.wraps and op.numbers  # PyTorch makes tensors of the numbers, and saves those
    places: list[int] = []  # of the scratch graph's first rows: what they stand for

    def leaf(i: int, value: Any) -> Any:
        places.append(i)
        return scratch.leaf(np.asarray(value))

    operands = tuple(
        leaf(i, graph.values[i]) if i >= 0
        else leaf(-1, graph.scalars[~i]) if wrapped and graph.scalars[~i] is not None
        else graph.scalars[~i]
        for i in inputs
    )  # fmt: skip
    value = graph.values[id]
    given = value if graph.is_tuple(id) else (value,)
    y = tuple(leaf(i, v) for i, v in zip(results(graph, id), given, strict=True))
    g = tuple(scratch.leaf(np.asarray(v)) for v in given)
    whole = graph.is_tuple(id)
    for slot, i in enumerate(inputs):
        if i >= 0 and graph.requires_grad[i] and op.derivative.body(slot) is not None:
            op.derivative.vjp(
                slot, g if whole else g[0], y if whole else y[0], operands, graph.attrs[id]
            )
    read = {
        i
        for row, inputs in zip(scratch.ops, scratch.inputs, strict=True)
        if row not in (zeros_like, ones_like)  # they read a shape
        for i in inputs
    }
    return {places[i] for i in read if 0 <= i < len(places)}
