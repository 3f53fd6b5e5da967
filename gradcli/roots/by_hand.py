"""Which results of a file are gradients that it derives by hand, and the steps towards them.

A result is the gradient of an earlier scalar where it has the value of that scalar's derivative by
some tensor, and still has it where all parameters have other values. What leads to such a result
and is not made of the scalar is a step of the derivation: `s*(1 - s)`, `f(x + h)` of a difference.
A name (`dw`, `df_dx`, `grad_w`) counts only for what no value has settled. What is made of a
gradient alone, as its norm is, and a parameter's next value (`w = w - rate*dw`) go with it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from gradcli import autodiff
from gradcli.errors import GradcliError
from gradcli.execute import Replay, compute
from gradcli.graph import Graph
from gradcli.rule.dtypes import Array, is_half
from gradcli.trace import Tracer

WORK = 1 << 14  # rows that are gone over: a fraction of a second
ELEMENTS = 4096  # by a larger parameter, no single elements of a derivative are looked for
POINTS, SPREAD = 3, 0.25  # other points, and how far they are, relative to a parameter's size
CLOSE, CLOSE_IN_HALF = 1e-4, 3e-2  # differences by hand are no more exact
WORDS = r"(^|_)(grads?|gradients?|derivatives?)(_|$)"


def explained(tracer: Tracer, scalars: Sequence[int]) -> set[int]:
    """Return those of some scalars that are gradients by hand, or belong to one; never all."""
    graph = tracer.graph
    made = sorted({node.id for node in tracer.results})
    results = [
        i
        for i in lines(graph, [i for i in made if graph.notes.origins[i] == "file"])
        if graph.requires_grad[i] and graph.ops[i] is not None
    ]
    called = _called(graph, results)
    found, derived, work = set[int](), set[int](), WORK
    for root in _unused_first(graph, scalars):
        if root in found - derived:  # a derivative has one too, a step towards it has none
            continue
        later = [i for i in results if i > root and i not in found]
        if not later:
            continue
        order = autodiff.reachable(graph, (root,))
        work -= len(order)
        if (POINTS + 1) * len(order) > work:  # other points could not be tried
            break
        derivatives = _Derivatives(graph, root, order)
        gradients = [i for i in later if derivatives.has(i)]
        work -= derivatives.tried
        if gradients:
            derived.update(gradients)
            found.update(gradients, _company(graph, root, gradients, called).intersection(scalars))
    derived.update(i for step in graph.autograd.steps for i in step.found if i is not None)
    return found | _by_name(graph, [i for i in scalars if i not in found], called, derived)


def lines(graph: Graph, ids: Iterable[int]) -> list[int]:
    """Return the last row of each line's name: in a loop it is computed many times."""
    return sorted({(graph.notes.names.get(i), graph.notes.spans[i]): i for i in ids}.values())


def _unused_first(graph: Graph, scalars: Sequence[int]) -> list[int]:
    """Return scalars in their order, those first of which nothing is made: a loss is one."""
    used = {
        i
        for id, inputs in enumerate(graph.inputs)
        if graph.notes.origins[id] == "file"
        for i in inputs
    }
    return sorted(scalars, key=lambda i: (i in used, i))


def _company(graph: Graph, root: int, gradients: Sequence[int], called: set[int]) -> set[int]:
    """Return the steps towards the gradients of a root, and what is made of these alone."""
    named = called.intersection(gradients)
    near = upstream(graph, gradients, root + 1) | downstream(graph, named)
    return near - downstream(graph, (root,))


# ---- by name -------------------------------------------------------------------------------


def _called(graph: Graph, ids: Iterable[int]) -> set[int]:
    """Return rows with the name of a derivative by something that has a name: `dw`, `dL_dw`."""
    names = graph.notes.names
    ids = [i for i in ids if i in names]
    found = {i for i in ids if re.search(WORDS, names[i].lower())}
    if short := [i for i in ids if names[i].startswith(("_", "d", "g"))]:
        by = "|".join(re.escape(name) for name in sorted(set(names.values())))
        pattern = re.compile(rf"(d\w*?)?_?d_?({by})\d?|(g|grad)_?({by})\d?")
        found |= {i for i in short if pattern.fullmatch(names[i])}
    return found


def _by_name(graph: Graph, scalars: Sequence[int], called: set[int], derived: set[int]) -> set[int]:
    """Return the last ones that are called gradients, or a parameter's next value; never all.

    What leads to them is left out too, as far as something else is left.
    """
    parameters = {
        name
        for i, name in graph.notes.names.items()
        if graph.ops[i] is None and graph.requires_grad[i]
    }
    moved = downstream(graph, called | derived)
    found: set[int] = set()
    for i in reversed(scalars[1:]):
        next_value = graph.notes.names.get(i) in parameters and i in moved
        if not (i in called or next_value):
            break
        found.add(i)
    left = [i for i in scalars if i not in found]
    steps = upstream(graph, found & called, 0).intersection(left)
    return found | (steps if len(steps) < len(left) else set())


# ---- by value ------------------------------------------------------------------------------


class _Derivatives:
    """The derivatives of a scalar by every row behind it.

    `order` are these, the last first; `tried` is how many rows were gone over to try other points.
    """

    def __init__(self, graph: Graph, root: int, order: Sequence[int]) -> None:
        self.graph, self.root = graph, root
        self.near = CLOSE_IN_HALF if is_half(graph.metas[root].dtype) else CLOSE
        self.tried = 0
        compute(graph, (root,))
        ones = np.ones(graph.metas[root].shape, graph.metas[root].dtype)
        try:
            with np.errstate(all="ignore"):
                pulled = autodiff.pull(graph, {root: ones}, order, graph.value)
        except GradcliError:  # an operation without a derivative: nobody derived it by hand either
            pulled = {}
        self.of = {
            i: np.asarray(pulled[i])
            for i in order
            if i != root and i in pulled and not graph.is_tuple(i)
        }
        real = {
            i: g.reshape(-1)
            for i, g in self.of.items()
            if g.dtype.kind == "f" and g.size <= (1 if graph.ops[i] else ELEMENTS)
        }
        places = [(i, k) for i, g in real.items() for k in range(g.size)]
        numbers = np.concatenate([np.zeros(0), *real.values()])
        rising = np.argsort(numbers, kind="stable")
        self.numbers, self.places = numbers[rising], [places[k] for k in rising]

    def has(self, result: int) -> bool:
        """Say whether a result is one of them, or an element of one."""
        value = self.graph.value(result)
        if value.size == 1 and value.dtype.kind != "c":
            x = float(value.reshape(-1)[0])
            room = self.near * abs(x)
            first = int(np.searchsorted(self.numbers, x - room, "left"))
            last = int(np.searchsorted(self.numbers, x + room, "right"))
            return any(self._stays(result, *self.places[k]) for k in range(first, last))
        return any(
            g.shape == value.shape and self._alike(g, value) and self._stays(result, by)
            for by, g in self.of.items()
        )

    def _alike(self, a: Array, b: Array) -> bool:
        """Say whether two arrays are the same up to the rounding of the file's dtype."""
        a, b = a.reshape(-1), b.reshape(-1)
        with np.errstate(all="ignore"):
            room = self.near * np.abs(b).max(initial=0.0)
            if b.size and abs(a[0] - b[0]) > 2 * room:  # most pairs differ in all elements
                return False
            return bool(np.allclose(a, b, self.near, room))

    def _stays(self, result: int, by: int, at: int | None = None) -> bool:
        """Say whether a result is the derivative by a row at other points too, and moves.

        `at` is the element of the derivative that it is.
        """
        behind = upstream(self.graph, (self.root, result), 0)
        self.tried += (POINTS + 1) * len(behind)
        if self.tried > WORK:
            return False
        tape = self.graph.copy()
        with tape.settings("gradient", True):
            meta = tape.metas[self.root]
            start = tape.leaf(np.ones(meta.shape, meta.dtype))
            (gradient,) = autodiff.gradients(tape, {self.root: start}, (by,))
        if gradient is None:
            return False
        leaves = [i for i in behind if tape.ops[i] is None and tape.requires_grad[i]]
        replay = Replay(tape, leaves, (gradient.id, result))
        generator, moved = np.random.default_rng(0), False
        for _ in range(POINTS):
            try:
                a, b = replay.run({i: _moved(tape.values[i], generator) for i in leaves})
            except GradcliError:  # the point is outside what an operation takes
                continue
            a = a.reshape(-1) if at is None else a.reshape(-1)[at : at + 1]
            b = b.reshape(-1)
            if np.all(np.isfinite(a)) and np.all(np.isfinite(b)):
                if not self._alike(a, b):
                    return False
                moved = moved or not np.allclose(b, tape.values[result].reshape(-1))
        return moved


def _moved(value: Array, generator: np.random.Generator) -> Array:
    size = np.where(value == 0, 1.0, np.abs(value))
    return np.asarray(value + SPREAD * size * generator.uniform(-1, 1, value.shape), value.dtype)


# ---- the way to and from a row -------------------------------------------------------------


def upstream(graph: Graph, ids: Iterable[int], first: int) -> set[int]:
    """Return some rows and all that they depend on, from row `first` on."""
    return set(autodiff.behind(graph, ids, first))


def downstream(graph: Graph, ids: Collection[int]) -> set[int]:
    """Return some rows and all that depend on them."""
    found = set(ids)
    for i in range(min(found, default=0), len(graph)):
        if any(k in found for k in graph.inputs[i]):
            found.add(i)
    return found
