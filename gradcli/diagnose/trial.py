"""Rewritten files, run and compared with the file as it stands: what is shown has been tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import cached_property
from itertools import islice

import numpy as np

from gradcli.diagnose import differences
from gradcli.diagnose.findings import Judge, Kind, Line, Remedy, Rewrite, Sighting
from gradcli.diagnose.nonfinite.elsewhere import no_gradient
from gradcli.diagnose.subject import Subject, examined
from gradcli.errors import GradcliError, Source
from gradcli.execute.replay import Replay
from gradcli.graph import Node
from gradcli.rule.dtypes import Array, is_differentiable
from gradcli.session import Request
from gradcli.trace import Binding

MOST = 12  # rewritings of a place that are tried
POINTS = 6  # further points at which a rewritten file is compared
DRAWS = 40  # points that are drawn until so many are found where the file is fine
SPREADS = (1e-3, 0.1, 1.0)  # how far points are from the file's own, relative and absolute
DIGITS = {"float64": 1e-9, "complex128": 1e-9, "float32": 1e-4, "complex64": 1e-4}
BUDGET = 100_000  # rows that are run for all rewritings of a file
ELEMENTS = 500  # that take as long as a row
HUGE = 20_000_000  # numbers on a tape, above which there is neither time nor memory for trials
LEAST = 16  # runs that there are in any case
FEW_DIGITS = 1e-2  # of narrower dtypes

Bindings = Mapping[str, Binding]


@dataclass(frozen=True)
class Outcome:
    """What a run comes to: the root's value, and the parameters' gradients by name."""

    root: Array | None
    grads: Mapping[str, Array]

    @property
    def fine(self) -> bool:
        """Whether all of it is finite."""
        return self.defined and all(bool(np.isfinite(x).all()) for x in self.grads.values())

    @property
    def defined(self) -> bool:
        """Whether the root's value is finite."""
        return self.root is not None and bool(np.isfinite(self.root).all())


def outcome(subject: Subject) -> Outcome:
    """Return what a run comes to; one without a root, to the gradients that are on its tape."""
    graph, root = subject.graph, subject.root
    if root is None and subject.derived:
        parts = [np.ravel(subject.value(i)) for one in subject.derived for i in one.gradients]
        return Outcome(np.concatenate(parts), {})
    grads = {}
    for i in subject.parameters:
        name, grad = graph.notes.names.get(i), graph.grad(i)
        if name is not None and grad is not None:
            grads[name] = np.asarray(grad)
    return Outcome(None if root is None else subject.value(root), grads)


def replayed(subject: Subject, moved: Callable[[Array], Array]) -> Outcome | None:
    """Return the gradients on a tape, of tensors that are moved; None where there are none."""
    parts = []
    for one in subject.derived:
        leaves = {i: moved(subject.value(i)) for i in one.flow.start.inputs}
        found = Replay(subject.graph, tuple(leaves), one.gradients).run(leaves)
        parts += [np.ravel(x) for x in found]
    return Outcome(np.concatenate(parts), {}) if parts else None


class Comparison:
    """A file and its rewriting, at the file's own point and at others."""

    def __init__(self, trials: Trials, after: Subject) -> None:
        self.trials, self.before, self.after = trials, trials.subject, after
        self.extent = ""  # how much was compared with differences, where it was not all

    @cached_property
    def outcomes(self) -> tuple[Outcome, Outcome]:
        """What both come to at the file's own point."""
        return outcome(self.before), outcome(self.after)

    def around(self) -> Iterator[tuple[Outcome, Outcome]]:
        """Yield what both come to at further points, where the file as it stands is fine."""
        source = self.after.source
        if not self.trials.leaves() and self.before.root is None:
            yield from self._replayed()
        for bindings, before in self.trials.points:
            after = self.trials.run(source, bindings)
            if after is None:
                return
            yield before, outcome(after)

    def _replayed(self) -> Iterator[tuple[Outcome, Outcome]]:
        """Yield what gradients by tensors that have no names come to, theirs moved."""
        for k in range(POINTS):

            def moved(value: Array, k: int = k) -> Array:
                generator = np.random.default_rng(k)
                return _moved(value, SPREADS[k % len(SPREADS)], generator, positive=k % 2 == 1)

            before, after = replayed(self.before, moved), replayed(self.after, moved)
            if before is not None and after is not None and before.fine:
                yield before, after

    def agrees(self, *, least: int = 1) -> int:
        """Return at how many points both come to the same; 0 where they differ at one.

        So it is where the file is fine at less than `least` points.
        """
        count = 0
        for before, after in self.around():
            if not same(before, after):
                return 0
            count += 1
        return count if count >= least else 0

    def differentiates(self) -> bool:
        """Say whether the gradients of the rewritten file agree with numeric derivatives."""
        if self.after.root is None and self.after.derived:
            if not self.trials.leaves():
                return differences.derived_agree(self.after)
            runs = [self.trials.run(self.after.source, point) for point, _ in self.trials.points]
            return bool(runs) and all(x is not None and differences.derived_agree(x) for x in runs)
        run = self.trials.run(self.after.source, backward=False)
        if run is None:
            return False
        self.extent = differences.extent(run.graph)
        fine = {name: np.isfinite(grad) for name, grad in self.outcomes[0].grads.items()}
        return differences.agree(run.session, fine)


class Trials:
    """Rewritings of one file; `doubt` has words of one that was judged, None to refuse it."""

    def __init__(
        self, subject: Subject, doubt: Callable[[Subject], str | None] = lambda _: ""
    ) -> None:
        self.subject, self.doubt = subject, doubt
        self._doubted = set[str]()  # texts, taken where there is no other
        self._points: list[tuple[Bindings, Outcome]] | None = None
        self._judged: dict[tuple[Judge, str], str] = {}
        numbers = differences.numbers(subject.graph)
        self.possible = numbers <= HUGE
        rows = len(subject.graph) + numbers // ELEMENTS
        self._left = max(LEAST, BUDGET // max(1, rows)) if self.possible else 0
        self._draws = min(DRAWS, self._left // 2)
        self._wanted = min(POINTS, max(1, self._left // 8))

    def remedy(self, kind: Kind, sighting: Sighting) -> Remedy | None:
        """Return the first rewriting that is one, without a doubt if there is such."""
        judge: Judge = kind.judge or heals
        doubtful = None
        for rewrite in islice(kind.rewrites(self.subject, sighting), MOST):
            source = rewritten(self.subject.source, rewrite)
            if source is None:
                continue
            if (judge, source.text) not in self._judged:  # several findings may have one remedy
                self._judged[judge, source.text] = self._checked(judge, source)
            if checked := self._judged[judge, source.text]:
                lines = changed(self.subject.source, source.text)
                remedy = Remedy(lines, source.text, rewrite.why, checked)
                if source.text not in self._doubted:
                    return remedy
                doubtful = doubtful or remedy
        return doubtful

    def affords(self, runs: int) -> bool:
        """Say whether so many runs are left, and as many for what else there is to try."""
        return self._left >= 2 * runs

    def _checked(self, judge: Judge, source: Source) -> str:
        """Return what was checked of a rewritten file, "" where it is no remedy."""
        if (after := self.run(source)) is None:
            return ""
        comparison = Comparison(self, after)
        with np.errstate(all="ignore"):
            checked = judge(comparison)
        if not checked or any(no_gradient(after)):  # in the file's own library
            return ""
        if (doubt := self.doubt(after)) is None:
            return ""
        if doubt:
            self._doubted.add(source.text)
        return f"{checked} {comparison.extent}".rstrip() + doubt

    def run(
        self, source: Source, bindings: Bindings | None = None, *, backward: bool = True
    ) -> Subject | None:
        """Run another text as the file was run, None where it cannot be.

        `bindings` are of names beside those that were given. It is not run where many have been.
        """
        if not self._left:
            return None
        self._left -= 1
        options = self.subject.session.tracer.options
        request = replace(self.subject.request, backward=backward)
        if not backward:
            request = Request(request.of, None, False)
        if bindings:
            options = replace(options, bindings={**options.bindings, **bindings})
        try:
            found = examined(source, options, request)
        except GradcliError:
            return None
        return None if found.fault else found

    @property
    def points(self) -> list[tuple[Bindings, Outcome]]:
        """Points at which the file as it stands is fine, and what it comes to there.

        Where there is none, those at which its value is, though not every gradient.
        """
        if self._points is None:
            fine, defined = self._found(masks=False)
            if not fine:  # then its masks, counts or infinities may have made it what it is
                fine, _ = self._found(masks=True)
            self._points = fine or defined[: self._wanted]
        return self._points

    def _found(self, *, masks: bool) -> tuple[list[tuple[Bindings, Outcome]], ...]:
        """Return points at which the file is fine, and others at which only its value is."""
        fine, defined = list[tuple[Bindings, Outcome]](), list[tuple[Bindings, Outcome]]()
        for bindings, found in self._drawn(masks=masks):
            (fine if found.fine else defined).append((bindings, found))
            if len(fine) == self._wanted:
                break
        return fine, defined

    def _drawn(self, *, masks: bool) -> Iterator[tuple[Bindings, Outcome]]:
        leaves = self.leaves(masks=masks)
        if not leaves:
            return
        generator = np.random.default_rng(0)
        for k in range(self._draws + self._draws // 4):
            spread, scale = SPREADS[k % len(SPREADS)], 1.0
            if k >= self._draws:  # for what is too large here, and would be so again far away
                spread, scale = SPREADS[k % 2], 0.1 ** (1 + k % 4)
            bindings = {
                name: replace(b, value=_masked(np.asarray(b.value), generator))
                if masks
                else replace(
                    b, value=_moved(b.value * scale, spread, generator, positive=k % 2 == 1)
                )
                for name, b in leaves.items()
            }
            subject = self.run(self.subject.source, bindings)
            if subject is not None and (found := outcome(subject)).defined:
                yield bindings, found

    def leaves(self, *, masks: bool = False) -> dict[str, Binding]:
        """Return the floating leaves that have names, as they were in the beginning.

        With `masks` those of truth values and integers too.
        """
        graph, found = self.subject.graph, dict[str, Binding]()
        scope = self.subject.session.tracer.scope
        for row, name in sorted(graph.notes.names.items()):
            plain = graph.ops[row] is None and (masks or is_differentiable(graph.metas[row].dtype))
            if plain and name not in found and isinstance(scope.get(name), Node):
                found[name] = Binding(self.subject.value(row), graph.requires_grad[row])
        return found


def _moved(value: Array, spread: float, generator: np.random.Generator, *, positive: bool) -> Array:
    """Return values close by, those that are no numbers left as they are."""
    noise = generator.standard_normal(value.shape)
    noise = np.abs(noise) if positive else noise
    if np.iscomplexobj(value):
        noise = noise + 1j * generator.standard_normal(value.shape)
    scale = np.where(np.isfinite(value), np.maximum(np.abs(value), spread), 0)
    with np.errstate(all="ignore"):
        return np.asarray(value + spread * scale * noise, value.dtype)


def _masked(value: Array, generator: np.random.Generator) -> Array:
    """Return other truth values and integers, and 0 for some of the infinities."""
    if value.dtype.kind == "b":
        return np.asarray(generator.random(value.shape) < 0.7)
    if value.dtype.kind in "iu":  # classes, lengths: small numbers, of which some will do
        most = max(int(value.max(initial=0)), 1) + 1
        return np.asarray(generator.integers(0, most, value.shape), value.dtype)
    chosen = np.isinf(value) & (generator.random(value.shape) < 0.7)
    return np.asarray(np.where(chosen, 0, value), value.dtype)


def rewritten(source: Source, rewrite: Rewrite) -> Source | None:
    """Return a text with its edits made, None where that changes nothing."""
    text = source.text
    for span, new in sorted(rewrite.edits, reverse=True):
        text = text[: span.start] + new + text[span.end :]
    return None if text == source.text else Source(source.name, text)


def changed(before: Source, after: str) -> tuple[Line, ...]:
    """Return the lines that differ; a line that is new stands with the one after it."""
    old, new = before.text.splitlines(), after.splitlines()
    first = next((k for k, (a, b) in enumerate(zip(old, new, strict=False)) if a != b),
                 min(len(old), len(new)))  # fmt: skip
    pairs = zip(reversed(old[first:]), reversed(new[first:]), strict=False)
    last = next((k for k, (a, b) in enumerate(pairs) if a != b), min(len(old), len(new)) - first)
    old_part, new_part = old[first : len(old) - last], new[first : len(new) - last]
    found = []
    matcher = SequenceMatcher(None, old_part, new_part, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            continue
        texts = [*new_part[c:d], *[None] * (b - a - (d - c))]
        if d - c > b - a:
            texts = ["\n".join(new_part[c:d]), *[None] * (b - a - 1)]
        befores = old_part[a:b] or [""]
        found += [Line(before.numbered(first + a + 1 + k), x, y)
                  for k, (x, y) in enumerate(zip(befores, texts, strict=True))]  # fmt: skip
    return tuple(found)


# ---- judges --------------------------------------------------------------------------------


def same(before: Outcome, after: Outcome) -> bool:
    """Say whether two runs come to the same wherever the first one is finite."""
    if before.root is None or after.root is None or before.root.shape != after.root.shape:
        return False
    if before.grads.keys() - after.grads.keys():
        return False
    pairs = [(before.root, after.root)]
    pairs += [(g, after.grads[name]) for name, g in before.grads.items()]
    return all(close(x, y) for x, y in pairs)


def close(before: Array, after: Array) -> bool:
    """Say whether two arrays are the same up to rounding wherever the first one is finite."""
    if before.shape != after.shape:
        return False
    fine = np.isfinite(before)
    if not is_differentiable(before.dtype):
        return bool(np.array_equal(before, after))
    digits = max(DIGITS.get(x.dtype.name, FEW_DIGITS) for x in (before, after))
    x, y = before[fine], after[fine]
    largest = float(np.abs(x).max(initial=0.0))
    with np.errstate(all="ignore"):
        return bool((np.abs(x - y) <= digits * (np.abs(x) + 1e-3 * largest + 1e-300)).all())


def heals(comparison: Comparison) -> str:
    """Judge a rewriting of what is not finite: the same where the file is fine, finite elsewhere.

    Returns what was checked, "" where it is no remedy.
    """
    before, after = comparison.outcomes
    if not after.fine or not same(before, after):
        return ""
    count = comparison.agrees()
    if not count or not comparison.differentiates():
        return ""
    return (
        f"finite here, the same at {count} other point{'s' * (count > 1)}, and its gradients agree "
        "with differences"
    )
