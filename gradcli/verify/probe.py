"""What is differentiated, as a real vector function of the elements of one parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from math import prod
from typing import Any

import numpy as np

from gradcli.errors import GradcliError
from gradcli.execute import Replay, apply
from gradcli.execute.stack import Stack
from gradcli.graph import Graph
from gradcli.rule.dtypes import Array, is_differentiable
from gradcli.verify.differences import EPSILON, SUBNORMAL

FULL = 256  # a root with more elements is projected on random directions,
PROJECTIONS = 4  # so many of them,
DERIVATIVES = 1 << 16  # and so is one with more derivatives than this by one parameter
TRIALS, NEAR = 3, 2.0**-30  # points at which a stack is tried, and how far they are, relatively


@dataclass(frozen=True)
class Outputs:
    """The real numbers that are differentiated: rows of `matrices` times the roots' elements.

    A complex number y counts as two, the real parts of y and of y / i. `matrices[i]` has one row
    for each output of root i; None is the identity. PyTorch's gradient for the cotangent v is
    that of Re(conj(v) · y), so that a row is a cotangent too.
    """

    roots: tuple[int, ...]
    labels: tuple[str, ...]
    matrices: tuple[Array | None, ...]

    def read(self, values: Sequence[Array]) -> Array:
        """Return the outputs, shape (k, m), from the values of the roots at k points.

        They are a copy: a root may be a view of the parameter, whose points are used again.
        """
        parts = [_rows(m, y) for m, y in zip(self.matrices, values, strict=True)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def root_of(self, graph: Graph, output: int) -> int:
        """Return the row that one of the outputs is read from."""
        first = 0
        for root, matrix in zip(self.roots, self.matrices, strict=True):
            first += prod(graph.metas[root].shape) if matrix is None else len(matrix)
            if output < first:
                return root
        raise AssertionError("there are as many outputs as labels")

    def cotangents(self, graph: Graph) -> Iterable[dict[int, Array]]:
        """Yield the cotangent of every output, in order, by root."""
        for root, matrix in zip(self.roots, self.matrices, strict=True):
            meta = graph.metas[root]
            rows = np.eye(prod(meta.shape)) if matrix is None else matrix
            for row in rows:
                yield {root: row.astype(meta.dtype).reshape(meta.shape)}


def _rows(matrix: Array | None, values: Array) -> Array:
    flat = values.reshape(len(values), -1)
    if matrix is None:
        return flat.astype(np.float64)
    if matrix.dtype.kind == "c" or flat.dtype.kind == "c":
        result: Array = (flat @ matrix.conj().T).real
        return result
    return np.asarray(flat @ matrix.T)


def outputs_of(
    graph: Graph,
    roots: Sequence[int],
    names: Sequence[str],
    generator: np.random.Generator,
    elements: int = 1,
) -> Outputs:
    """Return the outputs of some roots: each element of a small one, projections of a large.

    `elements` is how many elements of a parameter are compared.
    """
    labels: list[str] = []
    matrices: list[Array | None] = []
    for root, name in zip(roots, names, strict=True):
        shape, dtype = graph.metas[root].shape, graph.metas[root].dtype
        size, is_complex = prod(shape), dtype.kind == "c"
        if size > max(PROJECTIONS, min(FULL, DERIVATIVES // max(elements, 1))):
            matrix = generator.standard_normal((PROJECTIONS, size)).astype(dtype)
            if is_complex:
                matrix = matrix + 1j * generator.standard_normal((PROJECTIONS, size))
            matrices.append(matrix)
            labels += [f"{name}·v{k + 1}" for k in range(PROJECTIONS)]
            continue
        places = [name + place(index) for index in np.ndindex(shape)]
        matrices.append(np.vstack([np.eye(size), 1j * np.eye(size)]) if is_complex else None)
        labels += (
            [f"{p}.re" for p in places] + [f"{p}.im" for p in places] if is_complex else places
        )
    return Outputs(tuple(roots), tuple(labels), tuple(matrices))


def place(index: Sequence[int]) -> str:
    """Return an index as it is written: `[1, 2]`, nothing for a scalar."""
    return f"[{', '.join(map(str, index))}]" if index else ""


def _held_rows(graph: Graph, leaf: int) -> frozenset[int]:
    """Return the rows that differentiation takes for constants though a parameter moves them.

    These are `detach`, what `no_grad` recorded, and what PyTorch has no derivative for; comparisons
    and indices are not among them: they are constant between kinks by themselves. In the code of
    an operation of the file nothing is taken for constant: its derivative is to be that of all.
    """
    found, coded = set(), graph.notes.coded
    for id in range(leaf + 1, len(graph)):
        if graph.ops[id] is None or graph.requires_grad[id] or id in coded:
            continue
        if is_differentiable(graph.metas[id].dtype) and any(
            i >= 0 and graph.requires_grad[i] for i in graph.inputs[id]
        ):
            found.add(id)
    return frozenset(found)


def held_elements(graph: Graph, id: int) -> Array | None:
    """Return the mask of a row's first operand that its derivative takes for constant, if any."""
    op = graph.ops[id]
    if op is None or op.held is None:
        return None
    operands = [graph.values[i] if i >= 0 else graph.scalars[~i] for i in graph.inputs[id]]
    mask: Array | None = op.held(*operands, **graph.attrs[id])
    return mask


def as_taken(
    graph: Graph, id: int, operands: list[Any], attrs: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Return operands and attributes with which a row is the function its derivative is of."""
    op = graph.ops[id]
    if op is None or op.taken is None:
        return operands, attrs
    at = [graph.values[i] if i >= 0 else graph.scalars[~i] for i in graph.inputs[id]]
    found: tuple[list[Any], dict[str, Any]] = op.taken(operands, at, attrs)
    return found


def _as_differentiated(graph: Graph, id: int, operands: list[Any], attrs: dict[str, Any]) -> Any:
    """Return the value of a row, where what its derivative takes for constant does not move."""
    mask = held_elements(graph, id)
    if mask is not None:
        operands[0] = np.where(mask, graph.values[graph.inputs[id][0]], operands[0])
    return apply(graph, id, *as_taken(graph, id, operands, attrs))


Evaluate = Callable[[Graph, int, list[Any], dict[str, Any]], Any]


def _or_undefined(
    evaluate: Evaluate, graph: Graph, id: int, operands: list[Any], attrs: dict[str, Any]
) -> Any:
    """Return the value of a row, nan where it refuses its operands: a step left its domain."""
    try:
        return evaluate(graph, id, operands, attrs)
    except GradcliError:
        results = range(id + 1, id + 1 + graph.widths[id]) if graph.is_tuple(id) else [id]
        metas = [graph.metas[i] for i in results]
        nothing = tuple(
            np.full(m.shape, np.nan if m.dtype.kind in "fc" else 0, m.dtype) for m in metas
        )
        return nothing if graph.is_tuple(id) else nothing[0]


class Probe:
    """The outputs as a function of one parameter; only what depends on it is computed again.

    A complex parameter counts as its real and imaginary parts, interleaved as in memory. What is
    detached keeps its value, unless differences are to see through it.
    """

    def __init__(
        self, graph: Graph, leaf: int, outputs: Outputs, through_detach: bool = False
    ) -> None:
        self.graph = graph
        self.leaf = leaf
        self.outputs = outputs
        self.through_detach = through_detach
        self.held = held = frozenset[int]() if through_detach else _held_rows(graph, leaf)
        evaluate = partial(_or_undefined, apply if through_detach else _as_differentiated)
        self.replay = Replay(graph, (leaf,), outputs.roots, held)
        self.evaluations = 0
        value = np.array(graph.values[leaf], order="C")
        self.dtype, self.shape = value.dtype, value.shape
        self.base: Array = value.reshape(-1).view(np.float64)
        self.evaluate = partial(evaluate, graph)  # a row's value from operands and attributes
        self.stack = Stack(graph, leaf, self.replay.plan, self.evaluate, self._trial())
        self.start: Array = self.at_points(self.base[None])[0]

    @property
    def depends(self) -> bool:
        """Whether any output depends on the parameter."""
        return bool(self.replay.plan) or self.leaf in self.outputs.roots

    def at(self, element: int, steps: Array) -> Array:
        """Return the outputs, shape (k, m), where one element is moved by each of k steps."""
        return self.at_elements(np.full(len(steps), element), steps)

    def at_elements(self, elements: Array, steps: Array) -> Array:
        """Return the outputs, shape (k, m), at k points: one element is moved at each."""
        points = np.tile(self.base, (min(self.stack.width, len(elements)), 1))
        found = []
        for k in range(0, len(elements), self.stack.width):
            moved, step = elements[k : k + self.stack.width], steps[k : k + self.stack.width]
            rows = np.arange(len(moved))
            points[rows, moved] += step
            found.append(self._outputs(points[: len(moved)]))
            points[rows, moved] = self.base[moved]
        return np.concatenate(found) if found else np.zeros((0, len(self.outputs.labels)))

    def rows_at(self, element: int, steps: Array) -> dict[int, Any]:
        """Return the values of all rows that move, a leading axis for the steps of one element."""
        points = np.tile(self.base, (len(steps), 1))
        points[:, element] += steps
        return self.rows_of(points)

    def rows_of(self, points: Array) -> dict[int, Any]:
        """Return the values of all rows that move, at k points, shape (k, n)."""
        self.evaluations += len(points)
        return self.stack.run(self._shaped(points))

    def at_points(self, points: Array) -> Array:
        """Return the outputs, shape (k, m), at k points, shape (k, n)."""
        width = self.stack.width
        parts = [self._outputs(points[k : k + width]) for k in range(0, len(points), width)]
        return np.concatenate(parts)

    def _outputs(self, points: Array) -> Array:
        found = self.rows_of(points)
        return self.outputs.read([self._root(i, found, len(points)) for i in self.outputs.roots])

    def _root(self, id: int, found: Mapping[int, Array], count: int) -> Array:
        if id in found:
            return found[id]
        value = self.graph.values[id]
        return np.broadcast_to(value, (count, *value.shape))

    def _shaped(self, points: Array) -> Array:
        """Return points, shape (k, n), as values of the parameter."""
        return np.ascontiguousarray(points).view(self.dtype).reshape(len(points), *self.shape)

    def _trial(self) -> Array:
        """Return a few points near by, each of them another."""
        move = np.random.default_rng(0).uniform(0.5, 1.5, (TRIALS, self.base.size))
        return self._shaped(self.base + NEAR * move * self.size)

    @cached_property
    def reach(self) -> float:
        """What counts as an ordinary size of an element: the median magnitude, 1 for zeros."""
        usual = np.isfinite(self.base) & (np.abs(self.base) >= SUBNORMAL)
        sizes = np.sort(np.abs(self.base[usual]))
        return float(sizes[sizes.size // 2]) if sizes.size else 1.0  # the mean of two may overflow

    @cached_property
    def size(self) -> Array:
        """The natural unit of every element: its magnitude, an ordinary one for zeros."""
        size = np.where(np.abs(self.base) < SUBNORMAL, self.reach, np.abs(self.base))
        return np.where(np.isfinite(size), size, 1.0)

    def noise(self, generator: np.random.Generator, tame: Array) -> Array:
        """Return the round-off of the outputs, shape (m,), where every `tame` element moves."""
        move = self.size * generator.uniform(0.5, 1.5, self.base.shape) * 2.0**-47
        return self._noise(np.where(tame, move, 0.0))

    def noise_of(self, element: int) -> Array:
        """Return the round-off of the outputs, shape (m,), where one element moves.

        What is not finite or jumps elsewhere in the tensor does not enter.
        """
        x, move = self.base[element], np.zeros(self.base.shape)
        move[element] = 4 * np.spacing(abs(x)) if abs(x) >= SUBNORMAL else 2.0**-47 * self.reach
        return self._noise(move)

    def _noise(self, direction: Array) -> Array:
        """Return the round-off of the outputs along a direction.

        Source: Moré and Wild, Estimating Computational Noise (2011): the higher differences of
        values at neighbouring points are noise. The point itself is left out: a jump may be there.
        """
        table = self.at_points(self.base + np.arange(9)[:, None] * direction)
        with np.errstate(all="ignore"):
            # sums of many points at once may add up in another order
            levels, factor = [np.abs(table[0] - self.start)], 1.0
            table = table[1:]
            levels.append(0.5 * EPSILON * np.max(np.abs(table), axis=0))
            for j in range(1, 7):
                table = np.diff(table, axis=0)
                factor *= j / (2 * (2 * j - 1))  # (j!)² / (2j)!
                if j >= 4:
                    levels.append(np.sqrt(factor * np.mean(table**2, axis=0)))
            levels.append(np.full(len(self.start), np.finfo(np.float64).smallest_subnormal))
            return np.asarray(np.nanmax(np.nan_to_num(levels, posinf=0.0), axis=0))


class Points:
    """The outputs as a function of several parameters that move together."""

    def __init__(
        self, graph: Graph, leaves: Sequence[int], outputs: Outputs, through_detach: bool
    ) -> None:
        self.graph, self.leaves, self.outputs = graph, leaves, outputs
        first = min(leaves)
        self.held = frozenset[int]() if through_detach else _held_rows(graph, first)
        taken = apply if through_detach else _as_differentiated
        self.evaluate = partial(_or_undefined, taken, graph)
        self.replay = Replay(graph, leaves, outputs.roots, self.held)
        values = {leaf: np.array(graph.values[leaf], order="C") for leaf in leaves}
        self.base: dict[int, Array] = {i: x.reshape(-1).view(np.float64) for i, x in values.items()}

    def size(self, leaf: int) -> Array:
        """Return the natural unit of every element: its magnitude, an ordinary one for zeros."""
        base = np.abs(self.base[leaf])
        usual = base[np.isfinite(base) & (base >= SUBNORMAL)]
        ordinary = float(np.median(usual)) if usual.size else 1.0
        return np.where((base >= SUBNORMAL) & np.isfinite(base), base, ordinary)

    def along(self, directions: Mapping[int, Array], step: float) -> Array:
        """Return the outputs, shape (m,), so many steps along a direction."""
        graph, now = self.graph, dict[int, Any]()
        for leaf, direction in directions.items():
            meta = graph.metas[leaf]
            now[leaf] = (self.base[leaf] + step * direction).view(meta.dtype).reshape(meta.shape)
        for id in self.replay.plan:
            if graph.ops[id] is not None:
                operands = [
                    graph.scalars[~i] if i < 0 else now[i] if i in now else graph.values[i]
                    for i in graph.inputs[id]
                ]
                now[id] = self.evaluate(id, operands, graph.attrs[id])
        values = [np.asarray(now.get(i, graph.values[i])) for i in self.outputs.roots]
        found: Array = self.outputs.read([x[None] for x in values])[0]
        return found
