"""Whether the gradients of a rewritten file are those that differences give."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from gradcli.diagnose.subject import Subject
from gradcli.errors import GradcliError
from gradcli.execute.replay import Replay
from gradcli.graph import Graph
from gradcli.rule.dtypes import Array
from gradcli.session import Session
from gradcli.verify import analytic
from gradcli.verify.check import check
from gradcli.verify.probe import Probe
from gradcli.verify.target import Settings, target_of
from gradcli.verify.verdicts import Verdict
from gradcli.verify.wide import double

LARGE = 50_000  # numbers on a tape, above which differences are taken along directions alone
WORK = 1 << 23  # numbers computed for a parameter, element by element
LEAST, MOST = 16, 4096  # elements of a parameter that are compared
DIRECTIONS = 2
OUTPUTS = 4  # of a root with elements: random sums of them
STEP = 1e-6  # of differences along a direction
NEAR = 1e-4  # what they may differ by, of the parts that they are made of
ROUNDED = 1e-13  # of a value, that it is not known better than

Fine = Mapping[str, Array]


def numbers(graph: Graph) -> int:
    """Return how many numbers are on a tape."""
    return sum(prod(meta.shape) for meta in graph.metas)


def extent(graph: Graph) -> str:
    """Return in words how much of a large tape is compared, "" for all of it."""
    work = numbers(graph)
    if work > LARGE:
        return f"along {DIRECTIONS} random directions"
    most, largest = _most(work), max((prod(meta.shape) for meta in graph.metas), default=1)
    return f"at {most} elements of each parameter" if most < largest else ""


def _most(work: int) -> int:
    return max(LEAST, min(MOST, WORK // max(work, 1)))


def agree(session: Session, fine: Fine) -> bool:
    """Say whether the gradients of a run agree with differences.

    `fine` are the elements of parameters, by name, that were finite before. On a large tape no
    other ones are moved.
    """
    work = numbers(session.graph)
    try:
        if work > LARGE:
            return _agree_along(session, fine)
        settings = Settings(points=0, allow_nonfinite=True, max_elements=_most(work))
        report = check(session, settings)
    except GradcliError:
        return False
    return report.verdict not in (Verdict.WRONG, Verdict.ERROR)


def _agree_along(session: Session, fine: Fine) -> bool:
    """Say whether gradients agree with differences along random directions."""
    generator = np.random.default_rng(0)
    settings = Settings(points=0, max_elements=OUTPUTS)
    with np.errstate(all="ignore"):
        target = target_of(session, settings, generator)
        graph, names = target.graph, session.graph.notes.names
        for leaf in target.parameters:
            with session.tracer.placed():
                jacobian = analytic.reverse(graph, target.outputs, (leaf,))[leaf]
            if jacobian is None:
                continue
            probe = Probe(graph, leaf, target.outputs)
            size = np.where(probe.base == 0, 1.0, np.abs(probe.base))
            tame = np.all(np.isfinite(jacobian), axis=1)
            was = fine.get(names.get(leaf, ""))
            if was is not None and tame.size % was.size == 0:  # complex numbers count twice
                both: Array = np.repeat(was.ravel(), tame.size // was.size) & tame
                tame = both if np.any(both) else tame
            for _ in range(DIRECTIONS):
                way = STEP * size * generator.standard_normal(size.shape) * tame
                up, down = (probe.at_points((probe.base + s * way)[None])[0] for s in (1, -1))
                parts = np.where(tame[:, None], jacobian, 0) * way[:, None]
                room = NEAR * np.abs(parts).sum(axis=0) + ROUNDED * (np.abs(up) + np.abs(down))
                if not (np.abs((up - down) / 2 - parts.sum(axis=0)) <= room).all():
                    return False
    return True


def derived_agree(subject: Subject) -> bool:
    """Say whether gradients that are on the tape agree with differences, each in one direction."""
    graph, generator = double(subject.graph), np.random.default_rng(0)
    for one in subject.derived:
        flow = one.flow
        top, seed = flow.start.root, np.asarray(flow.start.cotangent)
        for leaf, row in zip(flow.start.inputs, one.step.found, strict=True):
            value, grad = graph.value(leaf), None if row is None else graph.value(row)
            if grad is None or value.dtype != np.float64:
                continue
            size = np.where(value == 0, 1.0, np.abs(value))
            way = STEP * size * generator.standard_normal(value.shape)
            replay = Replay(graph, (leaf,), (top,))
            up, down = (replay.run({leaf: value + s * way})[0] for s in (1, -1))
            difference, slope = np.sum(seed * (up - down)) / 2, np.sum(grad * way)
            if not abs(difference - slope) <= NEAR * np.abs(grad * way).sum() + 1e-9 * STEP:
                return False
    return True
