"""Gradients of many parameters at once: all are moved together, along random directions.

A record of a model has hundreds of parameters, and to check each takes a replay of all its rows.
Along one direction over all of them the derivative is the sum of what each contributes; where it is
what the gradients say, all of them are right. Where it is not, halves of them tell which.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np

from gradcli.graph import Graph
from gradcli.rule.dtypes import Array
from gradcli.verify import analytic
from gradcli.verify.differences import EPSILON, quick
from gradcli.verify.estimates import STENCIL
from gradcli.verify.probe import Outputs, Points
from gradcli.verify.target import SHARE

DIRECTIONS = 3
STEPS = (2.0**-16, 2.0**-22)  # of the parameters' sizes; the smaller one where a kink is near
TOLERANCE = 1e-6  # of the sum of the contributions' magnitudes
DECISIVE = 1e-3  # an error bar above this, of one parameter's contribution, decides nothing


class Sum(NamedTuple):
    """A derivative along a direction over several parameters, from both sides."""

    output: int
    analytic: float
    numeric: float
    error: float
    step: float


def alike(
    graph: Graph,
    outputs: Outputs,
    gradients: Mapping[int, Array],
    generator: np.random.Generator,
    through_detach: bool,
) -> dict[int, Sum]:
    """Return the parameters whose gradients are right, each with a direction that says so.

    `gradients` are Jacobians, shape (n, m), by parameter, finite and not 0.
    """
    values = {i: analytic.real(np.asarray(graph.values[i])) for i in gradients}
    weights = {i: float(np.abs(g * values[i][:, None]).max()) for i, g in gradients.items()}
    # halves are of like weight, so that what is lost beside the heaviest comes to stand alone
    waiting, found = [sorted(gradients, key=weights.__getitem__)], dict[int, Sum]()
    while waiting:
        group = waiting.pop()
        told = _told(Points(graph, group, outputs, through_detach), gradients, generator)
        if told is not None:
            found |= dict.fromkeys(group, told)
        elif len(group) > SHARE:
            middle = len(group) // 2
            waiting += [group[:middle], group[middle:]]
    return found


def _told(
    points: Points, gradients: Mapping[int, Array], generator: np.random.Generator
) -> Sum | None:
    """Return one of several directions along which both sides agree, None where they do not."""
    told = None
    for _ in range(DIRECTIONS):
        directions, parts = _direction(points, gradients, generator)
        found = (_compared(points, directions, parts, h) for h in STEPS)
        if (told := next((x for x in found if x is not None), None)) is None:
            return None
    return told


def _direction(
    points: Points, gradients: Mapping[int, Array], generator: np.random.Generator
) -> tuple[dict[int, Array], Array]:
    """Return a direction, and what each parameter contributes along it, shape (k, m).

    It is shorter where a parameter contributes more than most, which would drown the others.
    """
    directions = {
        leaf: generator.standard_normal(points.base[leaf].size) * points.size(leaf)
        for leaf in points.leaves
    }
    parts = np.array([directions[leaf] @ gradients[leaf] for leaf in points.leaves])
    weight = np.abs(parts).max(axis=1)
    factors = np.minimum(1.0, np.median(weight) / np.maximum(weight, 1e-300))
    scaled = {leaf: directions[leaf] * f for leaf, f in zip(points.leaves, factors, strict=True)}
    return scaled, parts * factors[:, None]


def _compared(
    points: Points, directions: Mapping[int, Array], parts: Array, h: float
) -> Sum | None:
    at = partial(points.along, directions)
    start, expected = at(0.0), parts.sum(axis=0)
    noise = 4 * EPSILON * np.abs(start) * max(len(points.replay.plan), 1) ** 0.5
    stencil = np.stack([at(k * h)[None] for k in STENCIL])
    value, error, settled = (
        x[0] for x in quick(start, stencil, np.array([h]), np.array([1 / h]), noise)
    )
    total = np.abs(parts).sum(axis=0)
    fine = settled & (error <= DECISIVE * total / len(parts))
    fine &= np.abs(expected - value) <= TOLERANCE * total + error
    if not np.all(fine):
        return None
    j = int(np.argmax(np.abs(expected - value)))
    return Sum(j, float(expected[j]), float(value[j]), float(error[j]), h)
