"""Gradients that lose digits although the value does not, and formulas whose gradients do not.

A loss is one only where another way to write the formula has been run and keeps the digits: a
gradient that is small because its terms cancel, as at the bottom of a loss, is what it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from gradcli import autodiff
from gradcli.diagnose.findings import Index, Rewrite
from gradcli.diagnose.precision.exact import MOST, Exact, behind
from gradcli.diagnose.precision.judge import gradients_kept
from gradcli.diagnose.precision.losses import is_written
from gradcli.diagnose.precision.reading import reading
from gradcli.diagnose.precision.remedies import Analysis
from gradcli.diagnose.precision.roundoff import threshold
from gradcli.diagnose.precision.search import Search
from gradcli.diagnose.precision.spelling import edit
from gradcli.diagnose.precision.terms import TermFault
from gradcli.diagnose.subject import Subject
from gradcli.diagnose.trial import Comparison, Trials, rewritten
from gradcli.execute.extended import DigitsFault
from gradcli.rule.costs import elements

PLACES = 3  # formulas of a run that are rewritten
TRIED = 40  # rewritings of each that are run
ROUNDINGS = 8  # by which numbers on the way are moved


class GradientLoss(NamedTuple):
    """A parameter's element whose gradient has lost digits, the row of the formula, the remedy."""

    parameter: int
    element: Index
    error: float
    got: float
    exact: float
    row: int
    rewrite: Rewrite


class Gradients:
    """The gradients of a run that lose digits, where another formula is known that keeps them."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.found = tuple(self._losses())

    def _losses(self) -> Iterator[GradientLoss]:
        subject = self.subject
        if subject.fault is not None or subject.once(Analysis).losses.found or not self._moves():
            return
        try:
            exact = Exact(subject, [subject.root] if subject.root is not None else [])
        except DigitsFault:
            return
        for parameter, row in exact.gradients.items():
            grad = np.asarray(subject.graph.grad(parameter))
            off = np.nan_to_num(exact.error(row, grad), nan=0.0)
            if not off.size or off.max() <= threshold(grad.dtype):
                continue
            index = tuple(map(int, np.unravel_index(int(np.argmax(off)), off.shape)))
            mended = self._mended(exact)
            if mended is not None:
                meant = float(exact.value(row)[index])
                yield GradientLoss(parameter, index, float(off[index]), float(grad[index]), meant,
                                   *mended)  # fmt: skip
                return

    def _moves(self) -> bool:
        """Say whether the gradients move by more than they may where every number on the way does.

        That is by some roundings, up or down at random.
        """
        graph, passes, generator = self.subject.graph, self.subject.session.passes, _generator()
        if len(passes) != 1 or passes[0].root != self.subject.root:
            return False
        (start,) = passes
        order = autodiff.reachable(graph, (start.root,))
        if sum(elements(graph.metas[i]) for i in behind(graph, order)) > MOST:
            return False

        def read(row: int) -> Any:
            x = graph.value(row)
            if graph.is_tuple(row) or x.dtype.kind != "f" or graph.ops[row] is None:
                return x
            moved = x * (1 + ROUNDINGS * np.finfo(x.dtype).eps * generator.uniform(-1, 1, x.shape))
            return np.asarray(moved, x.dtype)

        shape, dtype = graph.metas[start.root].shape, graph.metas[start.root].dtype
        seed = np.ones(shape, dtype) if start.cotangent is None else start.cotangent
        with np.errstate(all="ignore"):
            moved = autodiff.pull(graph, {start.root: np.asarray(seed, dtype)}, order, read)
        for i in self.subject.parameters:
            grad = graph.grad(i)
            if grad is not None and i in moved:
                apart = np.abs(np.asarray(moved[i]) - grad)
                if (apart > threshold(grad.dtype) * np.abs(grad)).any():
                    return True
        return False

    def _mended(self, exact: Exact) -> tuple[int, Rewrite] | None:
        """Return a formula of the run and what may be written there, run and compared."""
        trials = Trials(self.subject)
        for row, rewrite in self._rewrites():
            source = rewritten(self.subject.source, rewrite)
            after = None if source is None else trials.run(source)
            if after is not None and gradients_kept(Comparison(trials, after), exact):
                return row, rewrite
        return None

    def _rewrites(self) -> Iterator[tuple[int, Rewrite]]:
        subject, seen = self.subject, set[int]()
        rows = sorted(subject.behind_root, reverse=True)
        tops = (i for i in rows if is_written(subject, i))
        places = 0
        for row in tops:
            read = None if row in seen else reading(subject, row)
            if read is None:
                continue
            seen.update(read.inner)
            places += 1
            if places > PLACES:
                return
            index = (0,) * len(subject.graph.metas[row].shape)
            try:
                point, dtype = read.point(subject, index), subject.graph.metas[row].dtype
                search = Search(read.term, point, dtype)
            except (TermFault, IndexError):
                continue
            for candidate in islice(search.alternatives(), TRIED):
                made = edit(subject, read, candidate.term)
                if made is not None:
                    yield row, Rewrite((made,))


def _generator() -> np.random.Generator:
    return np.random.default_rng(0)
