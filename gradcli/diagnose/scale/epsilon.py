"""Gradients that an epsilon makes: 1/1e-12 where something is 0."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import NamedTuple

import numpy as np

from gradcli import autodiff
from gradcli.autodiff.reverse import fit
from gradcli.diagnose.findings import Edit, Index, Rewrite, Sighting
from gradcli.diagnose.operands import bracketed, operand
from gradcli.diagnose.subject import Edge, Flow, Subject
from gradcli.diagnose.tape import is_elementwise, tensors, users
from gradcli.diagnose.trial import Comparison, close
from gradcli.errors import Span
from gradcli.rule.dtypes import Array
from gradcli.syntax import tree

MOST = 1e-4  # what is added or clamped at: a larger number is none that guards a division
# How many times what arrives is passed on. With 1e-5 and 1e-6, the epsilons of normalisation
# layers, dividing by the root of a variance that is 0 multiplies by 316 and 1000, and is meant to.
MADE = 2e3
PLACES = 3  # of a file that are followed to the parameters
GUARDS = ("add", "clamp_min", "clamp", "maximum", "clone")


class Guarded(NamedTuple):
    """A row with elements that are an epsilon and little else, and the row that was guarded."""

    row: int
    mask: Array
    epsilon: float
    guard: int
    given: int


class Made(NamedTuple):
    """A use of a guarded row, an element of it there, and how many times the gradient it makes.

    `reaches` is the largest of a parameter's gradient that comes of it, `parameter` its row.
    """

    edge: Edge
    guarded: Guarded
    element: Index
    factor: float
    reaches: float
    parameter: int


# ---- where an epsilon stands alone ---------------------------------------------------------------


def guards(subject: Subject) -> Iterator[Guarded]:
    """Yield the rows that an epsilon keeps from 0, where it is all that there is."""
    graph = subject.graph
    if subject.fault is not None:
        return
    for row, op in enumerate(graph.ops):
        if op is None or op.label not in GUARDS or graph.notes.origins[row] != "file":
            continue
        found = _epsilon(subject, row)
        if found is None:
            continue
        given, epsilon = found
        if graph.metas[row].dtype.kind != "f" or graph.metas[given].shape != graph.metas[row].shape:
            continue
        mask = np.abs(subject.value(given)) <= epsilon
        if mask.any():
            yield Guarded(row, mask, epsilon, row, given)


def _epsilon(subject: Subject, row: int) -> tuple[int, float] | None:
    """Return the operand that is guarded, and by how much."""
    graph, inputs = subject.graph, subject.graph.inputs[row]
    numbers: list[object] = [graph.attrs[row].get("min")]
    numbers += [graph.scalars[~i] for i in inputs if i < 0]
    moving = [i for i in inputs if i >= 0]
    if len(moving) == 2:  # a constant may be a tensor
        constants = [i for i in moving if graph.ops[i] is None and not graph.requires_grad[i]]
        if len(constants) != 1 or graph.metas[constants[0]].shape:
            return None
        numbers.append(float(subject.value(constants[0])))
        moving.remove(constants[0])
    small = [x for x in numbers if isinstance(x, int | float) and 0 < x <= MOST]
    return (moving[0], float(small[0])) if small and len(moving) == 1 else None


def spread(subject: Subject) -> Iterator[tuple[Guarded, int]]:
    """Yield each guarded row, and what is made of it alone, with the rows that use it."""
    found = {g.row: g for g in guards(subject)}
    if not found:
        return
    graph, using, queue = subject.graph, users(subject.graph), list(found)
    heapify(queue)
    while queue:
        row = heappop(queue)
        guarded = found[row]
        for user in using.get(row, ()):
            yield guarded, user
            op = graph.ops[user]
            if op is None or user in found or len(tensors(graph, user)) != 1:
                continue
            mask = guarded.mask
            if op.view:
                mask = np.asarray(op.forward(mask, **graph.attrs[user]))
            elif not is_elementwise(graph, user):
                continue
            found[user] = guarded._replace(row=user, mask=mask)
            heappush(queue, user)


# ---- what it makes -------------------------------------------------------------------------------


def made(subject: Subject) -> Iterator[Made]:
    """Yield gradients of parameters that are as large as they are for an epsilon alone."""
    count = 0
    for guarded, user in spread(subject):
        if not is_elementwise(subject.graph, user):
            continue
        for flow in subject.flows:
            if user not in flow.inside or count >= PLACES:
                continue
            for edge in flow.edges(user):
                found = _follow(flow, guarded, edge)
                if found is not None:
                    count += 1
                    yield found
                    break


def _follow(flow: Flow, guarded: Guarded, edge: Edge) -> Made | None:
    """Return what an edge makes of a gradient where its operand is an epsilon, down to leaves."""
    graph = flow.graph
    arrives = np.abs(np.asarray(flow.cotangents[edge.row]))
    part = flow.part(edge, whole=True)
    if part.shape != arrives.shape or not np.isfinite(part).all():
        return None
    there = np.broadcast_to(guarded.mask, arrives.shape) & (arrives > 0)
    large = there & (np.abs(part) >= MADE * arrives)
    if not large.any():
        return None
    op = edge.op
    assert op.derivative is not None, "an edge is differentiable"
    kept = fit(np.where(large, part, 0), graph, edge.operand, op.derivative.broadcasts)
    below = [i for i in flow.order if i <= edge.operand]
    reached = autodiff.pull(graph, {edge.operand: kept}, below, flow.read)
    leaves = {
        i: float(np.abs(np.asarray(g)).max(initial=0.0))
        for i, g in reached.items()
        if graph.ops[i] is None and not graph.is_tuple(i)
    }
    if not leaves:
        return None
    leaf = max(leaves, key=lambda i: leaves[i])
    if not leaves[leaf] >= MADE * float(arrives[large].max()):
        return None
    place = tuple(int(k) for k in np.argwhere(large)[0])
    factor = float(np.abs(part[place]) / arrives[place])
    return Made(edge, guarded, place, factor, leaves[leaf], leaf)


def epsilon_gradient(subject: Subject) -> Iterator[Sighting]:
    """Yield where a gradient is large only because an epsilon is small."""
    for found in made(subject):
        graph, guarded = subject.graph, found.guarded
        row, given = found.edge.row, guarded.given
        element = _element(subject, given, found.element, graph.metas[row].shape)
        words = (
            f"`{subject.label(given)}` is {element:.3g}{_place(found.element)}, so that "
            f"`{subject.text(row)}` stands on the {guarded.epsilon:g} alone: it multiplies the "
            f"gradient by {found.factor:.2g}, and ∂{_root(subject)}/∂"
            f"{subject.label(found.parameter)} is {found.reaches:.2g} because of it, not because "
            "of the data."
        )
        yield Sighting(words, row=row, index=found.element or None, moment=(1, -row),
                       key=("epsilon", subject.span(row)),
                       spoils=(subject.label(found.parameter),))  # fmt: skip


def _element(subject: Subject, given: int, index: Index, shape: tuple[int, ...]) -> float:
    value = subject.value(given)
    try:
        return float(np.broadcast_to(value, shape)[index])
    except ValueError:
        return float(np.abs(value).min())


def _place(index: Index) -> str:
    return f" at {list(index)}" if index else ""


def _root(subject: Subject) -> str:
    return "root" if subject.root is None else subject.root_text(subject.root)


def only_where(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose to divide by 1 where there is nothing to divide by."""
    found = next((m for m in made(subject) if m.edge.row == sighting.row), None)
    if found is None or found.edge.op.label not in ("div", "mul"):
        return
    node = subject.expression(subject.span(found.edge.row))
    place = _with_brackets(subject, subject.span(found.guarded.guard))
    given = operand(subject, found.guarded.guard, 0)
    if not isinstance(node, tree.Binary) or node.operator != "/" or given is None:
        return
    where, epsilon = subject.function("where"), found.guarded.epsilon
    text = bracketed(subject, given)
    for one in ("1.0", f"{subject.function('ones_like')}({subject.written(given)})"):
        guarded = f"{where}({text} > {epsilon:g}, {text}, {one})"
        yield Rewrite((Edit(place, guarded),), "divides by 1 where there is nothing to divide by")


def _with_brackets(subject: Subject, span: Span) -> Span:
    """Return the place of an expression with the brackets around it, which a call needs no more."""
    around = Span(span.start - 1, span.end + 1)
    return around if isinstance(subject.expression(around), tree.Group) else span


def bounded(comparison: Comparison) -> str:
    """Judge a division that is guarded: the same up to the epsilon, and no gradient made by it."""
    before, after = (o for o in comparison.outcomes)
    if not after.fine or before.root is None or after.root is None:
        return ""
    epsilon = max((m.guarded.epsilon for m in made(comparison.before)), default=0.0)
    if not _alike(before.root, after.root, epsilon) or any(True for _ in made(comparison.after)):
        return ""
    count = 0
    for old, new in comparison.around():
        if old.root is None or new.root is None or not _alike(old.root, new.root, epsilon):
            return ""
        count += 1
    most = max((float(np.abs(g).max(initial=0.0)) for g in after.grads.values()), default=0.0)
    if not count or not comparison.differentiates():
        return ""
    return (
        f"the same value here and at {count} other point{'s' * (count > 1)}, up to {epsilon:g}; "
        f"the largest gradient is {most:.3g}, and they agree with differences"
    )


def _alike(before: Array, after: Array, epsilon: float) -> bool:
    """Say whether two values differ by no more than what an epsilon does to a quotient."""
    return close(before, after) or bool(
        np.allclose(before, after, rtol=1e-6, atol=max(1e-9, 1e3 * epsilon))
    )
