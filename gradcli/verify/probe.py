"""What is differentiated, as a real vector function of the elements of one parameter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from gradcli.execute import Replay
from gradcli.graph import Graph
from gradcli.ops.dtypes import Array
from gradcli.ops.shapes import detach

FULL = 256  # a root with more elements is projected on random directions,
PROJECTIONS = 4  # so many of them,
DERIVATIVES = 1 << 16  # and so is one with more derivatives than this by one parameter
EPSILON = float(np.finfo(np.float64).eps)


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
        """Return the outputs, shape (m,), from the values of the roots."""
        parts = [_rows(m, y) for m, y in zip(self.matrices, values, strict=True)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def cotangents(self, graph: Graph) -> Iterable[dict[int, Array]]:
        """Yield the cotangent of every output, in order, by root."""
        for root, matrix in zip(self.roots, self.matrices, strict=True):
            meta = graph.metas[root]
            rows = np.eye(prod(meta.shape)) if matrix is None else matrix
            for row in rows:
                yield {root: row.astype(meta.dtype).reshape(meta.shape)}


def _rows(matrix: Array | None, value: Array) -> Array:
    if matrix is None:
        return value.astype(np.float64).reshape(-1)
    flat = value.reshape(-1)
    if matrix.dtype.kind == "c" or flat.dtype.kind == "c":
        result: Array = (matrix.conj() @ flat).real
        return result
    return np.asarray(matrix @ flat)


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


def held_rows(graph: Graph, leaf: int) -> frozenset[int]:
    """Return the rows that differentiation takes for constants though a parameter moves them.

    These are `detach` and what `no_grad` recorded; comparisons and indices are not among them:
    they are constant between kinks by themselves.
    """
    found = set()
    for id in range(leaf + 1, len(graph)):
        op = graph.ops[id]
        if op is None or graph.requires_grad[id]:
            continue
        moving = [s for s, i in enumerate(graph.inputs[id]) if i >= 0 and graph.requires_grad[i]]
        flows = op.derivative is not None and any(op.derivative.body(s) for s in moving)
        if moving and graph.metas[id].dtype.kind in "fc" and (flows or op is detach):
            found.add(id)
    return frozenset(found)


class Probe:
    """The outputs as a function of one parameter; only what depends on it is computed again.

    A complex parameter counts as its real and imaginary parts, interleaved as in memory.
    """

    def __init__(
        self, graph: Graph, leaf: int, outputs: Outputs, held: frozenset[int] = frozenset()
    ) -> None:
        self.graph = graph
        self.leaf = leaf
        self.outputs = outputs
        self.held = held
        self.replay = Replay(graph, (leaf,), outputs.roots, held)
        self.evaluations = 0
        self._value = np.array(graph.values[leaf], order="C")
        self._flat = self._value.reshape(-1).view(np.float64)
        self.base = self._flat.copy()
        self.start = self._run()

    @property
    def depends(self) -> bool:
        """Whether any output depends on the parameter."""
        return bool(self.replay.plan) or self.leaf in self.outputs.roots

    def at(self, element: int, step: float) -> Array:
        """Return the outputs where one element is moved by a step."""
        self._flat[element] = self.base[element] + step
        result = self._run()
        self._flat[element] = self.base[element]
        return result

    def along(self, direction: Array) -> Array:
        """Return the outputs where all elements are moved."""
        self._flat[:] = self.base + direction
        result = self._run()
        self._flat[:] = self.base
        return result

    def _run(self) -> Array:
        self.evaluations += 1
        return self.outputs.read(self.replay.run({self.leaf: self._value}))

    @property
    def reach(self) -> float:
        """What counts as an ordinary size of an element: the median magnitude, 1 for zeros."""
        sizes = np.abs(self.base[np.isfinite(self.base) & (self.base != 0)])
        return float(np.median(sizes)) if sizes.size else 1.0

    def noise(self, generator: np.random.Generator) -> Array:
        """Return the round-off of the outputs, shape (m,).

        Source: Moré and Wild, Estimating Computational Noise (2011): the higher differences of
        values at neighbouring points are noise. The point itself is left out: a jump may be there.
        """
        size = np.where(self.base == 0, self.reach, self.base)
        direction = size * generator.uniform(0.5, 1.5, self.base.shape) * 2.0**-47
        table = np.stack([self.along(k * direction) for k in range(1, 9)])
        with np.errstate(all="ignore"):
            levels, factor = [0.5 * EPSILON * np.max(np.abs(table), axis=0)], 1.0
            for j in range(1, 7):
                table = np.diff(table, axis=0)
                factor *= j / (2 * (2 * j - 1))  # (j!)² / (2j)!
                if j >= 4:
                    levels.append(np.sqrt(factor * np.mean(table**2, axis=0)))
            return np.asarray(np.nanmax(np.nan_to_num(levels, posinf=0.0), axis=0))
