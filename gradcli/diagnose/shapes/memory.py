"""Parameters that share memory: an update of one moves the other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np

from gradcli.diagnose.findings import Edit, Rewrite, Severity, Sighting
from gradcli.diagnose.subject import Subject
from gradcli.diagnose.tape import before_views, matching, tensors
from gradcli.diagnose.trial import Comparison, close
from gradcli.errors import Span
from gradcli.syntax import tree
from gradcli.syntax.tree import nodes_of
from gradcli.trace.storage import Memory, Tensor

COMPARED = ("sub", "ne", "eq")  # what a tensor and its earlier values are compared by


class Shared(NamedTuple):
    """Two names of one memory, both of them updated; `place` is where the second was made."""

    first: str
    second: str
    place: Span
    same: bool  # the very same tensor under two names


def memory_of(tensor: Tensor) -> Memory | Tensor:
    """Return what two tensors have in common that share memory."""
    return tensor if tensor.storage is None else tensor.storage.memory


def is_written(tensor: Tensor) -> bool:
    """Say whether the memory of a tensor has been changed in place."""
    return tensor.storage is not None and tensor.storage.memory.clock > 0


def shared(subject: Subject) -> Iterator[Shared]:
    """Yield parameters that lie in one memory and were changed in place."""
    found = _parameters(subject)
    updated, made = _updated(subject), _definitions(subject)
    for (first, a), (second, b) in combinations(found.items(), 2):
        if memory_of(a) is not memory_of(b) or not is_written(a) or second not in made:
            continue
        if a is not b or {first, second} <= updated:
            yield Shared(first, second, made[second].span, a is b)


def _parameters(subject: Subject) -> dict[str, Tensor]:
    """Return the leaves that require a gradient by their names, in the order of the file."""
    graph, scope = subject.graph, subject.session.tracer.globals
    return {
        name: value
        for name, value in scope.items()
        if isinstance(value, Tensor)
        and graph.ops[value.row] is None
        and graph.requires_grad[value.row]
    }


def _updated(subject: Subject) -> set[str]:
    """Return the names through which the file changes tensors in place."""
    found = set[str]()
    for node in nodes_of(subject.statements):
        target: object = None
        if isinstance(node, tree.Augmented):
            target = node.target
        elif isinstance(node, tree.Call) and isinstance(node.function, tree.Attribute):
            name = node.function.name
            target = node.function.value if name.endswith("_") and name[-2:] != "__" else None
        while isinstance(target, tree.Attribute | tree.Subscript):
            target = target.value
        if isinstance(target, tree.Name):
            found.add(target.id)
    for node in nodes_of(subject.statements):  # `for p in (a, b): p -= ...`
        if isinstance(node, tree.For) and isinstance(node.target, tree.Name):
            items = getattr(node.iterable, "items", ())
            if node.target.id in found and isinstance(items, tuple):
                found |= {item.id for item in items if isinstance(item, tree.Name)}
    return found


def _definitions(subject: Subject) -> dict[str, tree.Expression]:
    """Return what each name was first assigned, or its `.data`, which is memory, at any time."""
    found: dict[str, tree.Expression] = {}
    for node in nodes_of(subject.statements):
        for target in node.targets if isinstance(node, tree.Assign) else ():
            if isinstance(target, tree.Name):
                found.setdefault(target.id, node.value)
            elif isinstance(target, tree.Attribute) and target.name == "data":
                found[subject.written(target.value.span)] = node.value  # `b.data = a.data`
    return found


class Listed(NamedTuple):
    """A list of the file that has a tensor twice, and was gone through to update it."""

    name: str
    item: str
    place: Span


def listed_twice(subject: Subject) -> Iterator[Listed]:
    """Yield lists in which a parameter that was changed in place stands twice."""
    graph, made = subject.graph, _definitions(subject)
    updated = _updated(subject)
    turned = {
        (node.iterable.id, node.target.id)
        for node in nodes_of(subject.statements)
        if isinstance(node, tree.For)
        and isinstance(node.iterable, tree.Name)
        and isinstance(node.target, tree.Name)
    }
    for name, value in subject.session.tracer.globals.items():
        if not isinstance(value, list | tuple) or name not in made:
            continue
        items = [x for x in value if isinstance(x, Tensor) and graph.requires_grad[x.row]]
        if not any(of == name and item in updated for of, item in turned):
            continue
        for a, b in combinations(items, 2):
            if a is b and graph.ops[a.row] is None and is_written(a):
                yield Listed(name, _name(subject, a), made[name].span)


def multiplied(subject: Subject) -> Iterator[Listed]:
    """Yield lists of a new parameter that are multiplied: `[param(0.0)] * 3` has one."""
    scope = subject.session.tracer.globals
    for name, node in _definitions(subject).items():
        if not isinstance(node, tree.Binary) or node.operator != "*":
            continue
        value = scope.get(name)
        items = value if isinstance(value, list) else []
        first = items[0] if items else None
        if not isinstance(first, Tensor) or not subject.graph.requires_grad[first.row]:
            continue
        made = _single(node)
        if made is not None and len(items) > 1 and all(x is first for x in items):
            yield Listed(name, subject.written(made.span), node.span)


def _single(node: tree.Binary) -> tree.Call | None:
    """Return what a list of one new tensor has, which is multiplied with a number."""
    for side in (node.left, node.right):
        if isinstance(side, tree.ListDisplay) and len(side.items) == 1:
            return side.items[0] if isinstance(side.items[0], tree.Call) else None
    return None


def _name(subject: Subject, tensor: Tensor) -> str:
    """Return the first name that a tensor has in the file."""
    scope = subject.session.tracer.globals
    return next((n for n, x in scope.items() if x is tensor), subject.label(tensor.id))


def aliased(subject: Subject) -> Iterator[Sighting]:
    """Yield parameters that share memory, and lists that have one twice."""
    for found in shared(subject):
        line = subject.source.line_of(found.place)
        how = "are one tensor" if found.same else "lie in the same memory"
        words = (
            f"`{found.first}` and `{found.second}` {how}, since "
            f"`{subject.source.snippet(found.place)}` in line {line} copies nothing: each update "
            "of one moves the other as well."
        )
        row = subject.session.tracer.globals[found.second].row
        yield Sighting(words, row=row, span=found.place, key=("memory", found.place),
                       spoils=(found.first, found.second))  # fmt: skip
    for twice in listed_twice(subject):
        words = (
            f"`{twice.name}` has `{twice.item}` twice: what goes through it to update each "
            "parameter makes its step twice."
        )
        yield Sighting(words, span=twice.place, key=("memory", twice.place), spoils=(twice.item,))
    for one in multiplied(subject):
        count = len(subject.session.tracer.globals[one.name])
        words = (
            f"`{subject.source.snippet(one.place)}` makes one tensor and lists it {count} times: "
            f"the items of `{one.name}` are the same parameter, whose gradient is the sum of all."
        )
        yield Sighting(words, span=one.place, severity=Severity.WARNING,
                       key=("memory", one.place), spoils=(one.name,))  # fmt: skip


def apart(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose memory of its own."""
    assert sighting.span is not None, "it was made somewhere"
    node = subject.expression(sighting.span)
    if isinstance(node, tree.Name):
        text = f"{node.id}.detach().clone().requires_grad_()"
        yield Rewrite((Edit(node.span, text),), "a tensor of its own")
    elif isinstance(node, tree.ListDisplay | tree.TupleDisplay):
        yield from _once(subject, node)
    elif isinstance(node, tree.Binary) and (made := _single(node)) is not None:
        count = next(x for x in (node.right, node.left) if not isinstance(x, tree.ListDisplay))
        text = f"[{subject.written(made.span)} for _ in range({subject.written(count.span)})]"
        yield Rewrite((Edit(node.span, text),), "a tensor each")
    else:
        yield from cloned(subject, sighting.span)


def _once(subject: Subject, node: tree.ListDisplay | tree.TupleDisplay) -> Iterator[Rewrite]:
    """Propose a list without those names that stand in it before."""
    texts = [subject.written(item.span) for item in node.items]
    tensors_ = subject.session.tracer.globals
    kept = []
    for k, text in enumerate(texts):
        value = tensors_.get(text)
        if value is None or all(tensors_.get(other) is not value for other in texts[:k]):
            kept.append(text)
    left, right = subject.written(node.span)[0], subject.written(node.span)[-1]
    if len(kept) < len(texts) and left in "[(":
        yield Rewrite((Edit(node.span, f"{left}{', '.join(kept)}{right}"),), "each of them once")


def cloned(subject: Subject, span: Span) -> Iterator[Rewrite]:
    """Propose a copy of what is cut off without one: `w.detach().clone()`."""
    for node in nodes_of([x for x in (subject.expression(span),) if x is not None]):
        cut = isinstance(node, tree.Attribute) and node.name == "data"
        if isinstance(node, tree.Call) and isinstance(node.function, tree.Attribute):
            cut = node.function.name == "detach"
        if cut:
            yield Rewrite((Edit(node.span, f"{subject.written(node.span)}.clone()"),), "a copy")
    node = subject.expression(span)
    if isinstance(node, tree.Name):
        yield Rewrite((Edit(span, f"{node.id}.detach().clone()"),), "a copy")


def own_memory(comparison: Comparison) -> str:
    """Judge memory of its own: nothing is shared, and the first pass comes to the same."""
    before, after = comparison.before, comparison.after
    left = any(shared(after)) or any(listed_twice(after)) or any(multiplied(after))
    if left or not _same_start(before, after):
        return ""
    if not comparison.differentiates():
        return ""
    return "the first loss is the same, and each parameter makes its own step"


def _same_start(before: Subject, after: Subject) -> bool:
    """Say whether the first backward passes of two runs begin with the same value."""
    passes = before.session.passes, after.session.passes
    if not passes[0] or not passes[1]:
        return False
    return close(before.value(passes[0][0].root), after.value(passes[1][0].root))


# ---- values from before, which are not ----------------------------------------------------------


class Moved(NamedTuple):
    """A comparison `row` of a tensor with values that were to be earlier ones.

    `slot` is the operand that was to be kept, `origin` the row that it was, `name` its name.
    """

    row: int
    slot: int
    origin: int
    name: str


def moved(subject: Subject) -> Iterator[Moved]:
    """Yield where a tensor is compared with itself, under a name from before a change in place."""
    graph = subject.graph
    origins = {change.row: old for old, change in graph.autograd.changes.items()}
    if not origins:
        return
    made = _definitions(subject)
    for row, op in enumerate(graph.ops):
        inputs = tensors(graph, row)
        if op is None or op.label not in COMPARED or len(inputs) != 2:
            continue
        if before_views(graph, inputs[0]) != before_views(graph, inputs[1]):
            continue
        sides = _sides(subject, row)
        for slot in (1, 0) if sides else ():
            side, other = sides[slot], sides[1 - slot]
            if not isinstance(side, tree.Name) or inputs[slot] not in origins:
                continue
            kept_from = made.get(side.id)
            if kept_from is None or not _copies_name(kept_from):
                continue
            if not _names(kept_from) & _names(other):  # of something else that is the same by now
                continue
            origin = inputs[slot]
            while origin in origins:
                origin = origins[origin]
            yield Moved(row, slot, origin, side.id)
            break


def _sides(subject: Subject, row: int) -> tuple[tree.Expression, ...]:
    """Return what stands on both sides of a difference or a comparison, () of anything else."""
    node = subject.expression(subject.span(row))
    if isinstance(node, tree.Binary):
        return node.left, node.right
    if isinstance(node, tree.Compare) and len(node.rest) == 1:
        return node.first, node.rest[0][1]
    return ()


def _names(node: tree.Expression) -> set[str]:
    """Return the names that an expression reads."""
    return {x.id for x in nodes_of([node]) if isinstance(x, tree.Name)}


def _copies_name(node: tree.Expression) -> bool:
    """Say whether an expression is another tensor without a copy: `w`, `w.data`, `w.detach()`."""
    if isinstance(node, tree.Call) and isinstance(node.function, tree.Attribute):
        return node.function.name == "detach"
    return isinstance(node, tree.Name) or (isinstance(node, tree.Attribute) and node.name == "data")


def moved_along(subject: Subject) -> Iterator[Sighting]:
    """Yield names that were to keep earlier values, and show the new ones."""
    made = _definitions(subject)
    for found in moved(subject):
        text = subject.source.snippet(made[found.name].span)
        words = (
            f"`{found.name} = {text}` copies nothing: it shows the values as they are after the "
            f"update, so that `{subject.text(found.row)}` compares a tensor with itself."
        )
        yield Sighting(words, row=found.row, span=made[found.name].span, key=("moved", found.name))


def keep_copy(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose a copy, which stays as it is."""
    assert sighting.span is not None, "it was made somewhere"
    yield from cloned(subject, sighting.span)


def kept(comparison: Comparison) -> str:
    """Judge a copy: the comparison is with the values as they were."""
    before, after = comparison.before, comparison.after
    for found in moved(before):
        row, op = matching(before, after, found.row), before.graph.ops[found.row]
        if row is None or op is None or any(m.row == row for m in moved(after)):
            return ""
        values = [before.value(i) for i in tensors(before.graph, found.row)]
        values[found.slot] = before.value(found.origin)
        expected = np.asarray(op.forward(*values, **before.graph.attrs[found.row]))
        if close(expected, after.value(row)) and _same_start(before, after):
            return "the comparison is with the values from before the update"
    return ""
