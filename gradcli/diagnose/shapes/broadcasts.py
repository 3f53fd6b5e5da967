"""Tensors that fit each other by chance: what was broadcast was not meant to be."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import starmap
from math import prod
from typing import NamedTuple

import numpy as np

from gradcli.diagnose.findings import Edit, Rewrite, Sighting
from gradcli.diagnose.operands import bracketed, call_of, operand
from gradcli.diagnose.subject import Subject
from gradcli.diagnose.tape import (
    before_views,
    has_data,
    is_elementwise,
    is_whole,
    matching,
    spoilt,
    tensors,
    users,
)
from gradcli.diagnose.trial import Comparison, close
from gradcli.errors import Span
from gradcli.graph import OUTPUT, Graph
from gradcli.rule.meta import Shape, broadcast
from gradcli.syntax import tree

LOSSES = ("mse_loss", "smooth_l1_loss", "huber_loss", "soft_margin_loss")
# what gives a tensor an axis of size 1 because somebody asked for it
AXES = ("unsqueeze", "view", "reshape", "expand", "permute", "t", "transpose", "repeat")
FEW = 1e-9  # of the largest value: two reductions that differ by no more are the same


# ---- (n,) with (n, 1) --------------------------------------------------------------------------


class Crossing(NamedTuple):
    """Two operands of as many elements that were broadcast to their square.

    `row` is the operation, `pair` its operands as they were; `total` the row that adds all up.
    """

    row: int
    pair: tuple[int, int]
    total: int
    shape: Shape


def crossings(subject: Subject) -> Iterator[Crossing]:
    """Yield the operations that pair each prediction with every target."""
    graph = subject.graph
    using: dict[int, list[int]] | None = None
    for row in range(len(graph)):
        op = graph.ops[row]
        if op is None or graph.notes.origins[row] != "file" or not graph.requires_grad[row]:
            continue
        inputs = tensors(graph, row)
        if len(inputs) != 2 or (not is_elementwise(graph, row) and op.label not in LOSSES):
            continue
        a, b = (_before_expand(subject, i, row) for i in inputs)
        shapes = graph.metas[a].shape, graph.metas[b].shape
        if prod(shapes[0]) != prod(shapes[1]) or shapes[0] == shapes[1]:
            continue
        shape = broadcast(*shapes)
        if prod(shape) <= prod(shapes[0]) or graph.requires_grad[a] == graph.requires_grad[b]:
            continue
        if any(_meant(subject, i, row) for i in (a, b)) or _akin(graph, a, b):
            continue
        if not has_data(graph, a if graph.requires_grad[a] else b):
            continue  # parameters beside data, as centres beside points: no prediction
        using = users(graph) if using is None else using
        total = row if op.label in LOSSES else _total(graph, row, using)
        if total is not None:
            yield Crossing(row, (a, b), total, shape)


def _before_expand(subject: Subject, row: int, user: int) -> int:
    """Return an operand as a loss was given it, which expands its operands itself."""
    op = subject.graph.ops[row]
    expands = op is not None and op.label == "expand" and subject.span(row) == subject.span(user)
    return subject.graph.inputs[row][0] if expands else row


def _total(graph: Graph, row: int, using: dict[int, list[int]]) -> int | None:
    """Return the row that adds up all elements of what is made of a row, element by element."""
    shape, pending, seen = graph.metas[row].shape, [row], set[int]()
    while pending:
        i = pending.pop()
        for user in using.get(i, ()):
            if is_whole(graph, user):
                return user
            if (
                user not in seen
                and graph.metas[user].shape == shape
                and is_elementwise(graph, user)
            ):
                seen.add(user)
                pending.append(user)
    return None


def _meant(subject: Subject, row: int, user: int) -> bool:
    """Say whether an operand's axis of size 1 was made where it is used: `x[:, None] - y`."""
    graph, around = subject.graph, subject.span(user)
    while (op := graph.ops[row]) is not None and len(tensors(graph, row)) == 1:
        span = subject.span(row)
        inside = around.start <= span.start and span.end <= around.end
        if not inside:
            return False
        if op.label in AXES or graph.attrs[row].get("keepdim"):
            return True
        row = tensors(graph, row)[0]
    return False


def _akin(graph: Graph, a: int, b: int) -> bool:
    """Say whether two operands are views of one tensor: all pairs of it are meant."""
    return before_views(graph, a) == before_views(graph, b)


def crossed(subject: Subject) -> Iterator[Sighting]:
    """Yield where predictions (n, 1) meet targets (n,): all pairs of them enter the loss."""
    for found in crossings(subject):
        graph, (a, b) = subject.graph, found.pair
        shapes = [str(tuple(graph.metas[i].shape)) for i in (a, b)]
        count, all_pairs = prod(graph.metas[a].shape), prod(found.shape)
        words = (
            f"`{subject.label(a)}` has shape {shapes[0]} and `{subject.label(b)}` {shapes[1]}: "
            f"broadcasting makes {tuple(found.shape)} of them, so that {all_pairs} pairs enter "
            f"`{subject.label(found.total)}`, and not the {count} that belong together."
        )
        key = "crossed", subject.line(found.row)
        yield Sighting(words, row=found.row, key=key, spoils=spoilt(subject))


def align(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose to take the axis of size 1 away, wherever a line has it."""
    assert sighting.row is not None, "a crossing is a row"
    line = subject.line(sighting.row)
    squeezed, reshaped = dict[Span, str](), dict[Span, str]()
    for found in crossings(subject):
        if subject.line(found.row) != line:
            continue
        shapes = [subject.graph.metas[i].shape for i in found.pair]
        k = int(len(shapes[1]) > len(shapes[0]) or shapes[1][-1:] == (1,) != shapes[0][-1:])
        place, partner = operand(subject, found.row, k), operand(subject, found.row, 1 - k)
        if place is None or partner is None:
            return
        text, mine, other = bracketed(subject, place), shapes[k], shapes[1 - k]
        axes = [n for n, size in enumerate(mine) if size == 1 and mine[:n] + mine[n + 1 :] == other]
        if axes:
            squeezed[place] = f"{text}.squeeze({-1 if axes[-1] == len(mine) - 1 else axes[-1]})"
        reshaped[place] = f"{text}.reshape({bracketed(subject, partner)}.shape)"
    for texts in (squeezed, reshaped):
        yield Rewrite(tuple(starmap(Edit, texts.items())), "one pair an element")


def aligned(comparison: Comparison) -> str:
    """Judge an alignment: each element meets the one that belongs to it, and no other."""
    before, after = comparison.before, comparison.after
    left, count = {c.row for c in crossings(after)}, 0
    first = {before.span(c.row): c for c in reversed(list(crossings(before)))}
    for found in first.values():  # in a training what comes later is at another point
        row, op = matching(before, after, found.row), before.graph.ops[found.row]
        if row is None or op is None or row in left:
            continue
        shape = min((before.graph.metas[i].shape for i in found.pair), key=len)
        values = [before.value(i).reshape(shape) for i in found.pair]
        expected = np.asarray(op.forward(*values, **before.graph.attrs[found.row]))
        if expected.size != after.value(row).size:
            return ""
        if not close(expected.ravel(), after.value(row).ravel()):
            return ""
        count = prod(shape)
    if not count or not comparison.differentiates():
        return ""
    return (
        f"the {count} pairs that belong together are what enters now, and the gradients agree with "
        "differences"
    )


# ---- a reduction that lies along another axis ------------------------------------------------


class Misfit(NamedTuple):
    """An operation `row` of a tensor and a reduction of it over the dimension `dim`.

    `slot` is the operand that goes back to the reduction; it lies along other axes than its own.
    """

    row: int
    slot: int
    reduction: int
    source: int
    dim: int


def misfits(subject: Subject) -> Iterator[Misfit]:
    """Yield where what was reduced over one axis is broadcast along it."""
    graph = subject.graph
    reduced: dict[int, tuple[int, int, int]] = {}  # a row: the reduction, of what, over which axis
    images: dict[int, int] = {}  # a row: the one that it is an elementwise image of
    for row in range(len(graph)):
        op = graph.ops[row]
        if op is None or graph.notes.origins[row] != "file":
            continue
        inputs = tensors(graph, row)
        if op is OUTPUT and inputs[0] in reduced:
            reduced[row] = reduced[inputs[0]]
        elif len(inputs) == 1:
            i = inputs[0]
            axis = _reduced_axis(graph, row)
            if axis is not None:
                reduced[row] = row, images.get(i, i), axis
            elif is_elementwise(graph, row) and graph.metas[row].shape == graph.metas[i].shape:
                images[row] = images.get(i, i)
                if i in reduced:
                    reduced[row] = reduced[i]
        elif len(inputs) == 2 and is_elementwise(graph, row):
            larger = max(inputs, key=lambda i: len(graph.metas[i].shape))
            if graph.metas[row].shape == graph.metas[larger].shape:
                images[row] = images.get(larger, larger)  # `x - mean` has the axes of `x`
            for slot, i in enumerate(graph.inputs[row]):
                other = graph.inputs[row][1 - slot] if len(graph.inputs[row]) == 2 else -1
                if i in reduced and other >= 0:
                    reduction, source, axis = reduced[i]
                    if images.get(other, other) == source and _lies_across(graph, i, other, axis):
                        found = Misfit(row, slot, reduction, other, axis)
                        if not _harmless(subject, found, i):
                            yield found


def _reduced_axis(graph: Graph, row: int) -> int | None:
    """Return the one axis that a row has reduced, None where it keeps it or takes several."""
    attrs = graph.attrs[row]
    dim = attrs.get("dim")
    dims = dim if isinstance(dim, tuple) else () if dim is None else (dim,)
    before, after = graph.metas[graph.inputs[row][0]].shape, graph.metas[row].shape
    if len(dims) != 1 or len(after) != len(before) - 1 or "keepdim" not in attrs:
        return None
    return int(dims[0])


def _lies_across(graph: Graph, part: int, whole: int, axis: int) -> bool:
    """Say whether a reduction meets the tensor along another axis than the one that it has."""
    small, large = graph.metas[part].shape, graph.metas[whole].shape
    if len(small) != len(large) - 1 or graph.metas[whole].shape != broadcast(small, large):
        return False
    # kept axes keep their places from the right only behind the one that is gone
    return any(small[k] > 1 for k in range(axis))


def _harmless(subject: Subject, found: Misfit, part: int) -> bool:
    """Say whether the reduction has the same values along the axis where it lies."""
    value = subject.value(part)
    right = np.broadcast_to(np.expand_dims(value, found.dim), subject.value(found.source).shape)
    left = np.broadcast_to(value, right.shape)
    if np.allclose(left, right, rtol=FEW, atol=0, equal_nan=True):
        return True
    whole = subject.value(found.source)  # a symmetric matrix has the same sums over either axis
    return whole.ndim == 2 and np.allclose(whole, whole.T, rtol=FEW, atol=0)


def across(subject: Subject) -> Iterator[Sighting]:
    """Yield the reductions that lost their axis and lie along another one."""
    graph = subject.graph
    for found in misfits(subject):
        shape, axis = graph.metas[found.source].shape, found.dim
        size = graph.metas[found.reduction].shape
        kept = next(k for k in range(axis) if shape[k] > 1)
        words = (
            f"`{subject.text(found.reduction)}` reduces dim {axis} of shape {tuple(shape)} and has "
            f"shape {tuple(size)}, one value for each index of dim {kept}. Broadcasting lines it "
            f"up from the right, with dim {kept + 1}, and only because the sizes coincide it fits."
        )
        key = "across", subject.line(found.row)
        yield Sighting(words, row=found.row, key=key, spoils=spoilt(subject))


def keep_axis(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose to keep the axis that is reduced, wherever a line has it."""
    assert sighting.row is not None, "a misfit is a row"
    line = subject.line(sighting.row)
    found = [m for m in misfits(subject) if subject.line(m.row) == line]
    calls = [call_of(subject, m.reduction) for m in found]
    for word in ("keepdim", "keepdims"):
        edits = {_kept(subject, call, word) for call in calls if call is not None}
        yield Rewrite(tuple(edits), "the axis stays")
    places = {(operand(subject, m.row, m.slot), m.dim) for m in found}
    yield Rewrite(
        tuple(Edit(place, f"{bracketed(subject, place)}.unsqueeze({dim})")
              for place, dim in places if place is not None), "the axis is back")  # fmt: skip


def _kept(subject: Subject, call: tree.Call, word: str) -> Edit:
    """Return a call of a reduction that keeps its axis."""
    for keyword in call.keywords:
        if keyword.name == word:
            return Edit(keyword.value.span, "True")
    text = subject.written(call.span)[:-1].rstrip()
    return Edit(call.span, f"{text}{' ' if text.endswith(',') else ', '}{word}=True)")


def fits(comparison: Comparison) -> str:
    """Judge a reduction that keeps its axis: each value meets what it was reduced from."""
    before, after = comparison.before, comparison.after
    left, mended = {m.row for m in misfits(after)}, 0
    for found in misfits(before):
        row, op = matching(before, after, found.row), before.graph.ops[found.row]
        if row is None or op is None or row in left:
            continue
        values = [after.value(i) for i in after.graph.inputs[row]]
        reduced = before.value(before.graph.inputs[found.row][found.slot])
        if values[found.slot].size == reduced.size:  # its own: not changed by another remedy
            values[found.slot] = values[found.slot].reshape(
                *reduced.shape[: found.dim], 1, *reduced.shape[found.dim :]
            )
        expected = np.asarray(op.forward(*values, **before.graph.attrs[found.row]))
        if not close(expected, after.value(row)):
            return ""
        mended += 1
    if not mended or not comparison.differentiates():
        return ""
    return "each value meets the elements that it is made of; the gradients agree with differences"
