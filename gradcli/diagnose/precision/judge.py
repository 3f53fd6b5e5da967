"""The judge of rewritings that are to keep digits: both runs are computed to many digits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import log10

import numpy as np

from gradcli.diagnose.precision.exact import Exact, errors, isfinite
from gradcli.diagnose.precision.remedies import Analysis
from gradcli.diagnose.precision.roundoff import digits, threshold
from gradcli.diagnose.subject import Subject
from gradcli.diagnose.trial import Comparison
from gradcli.execute.extended import DigitsFault
from gradcli.graph import Node
from gradcli.rule.dtypes import Array
from gradcli.trace import Binding

BETTER = 1e-2  # of the error that there was: two digits more
LOOSE = 1e4  # roundings by which other values may be off in any case
LEAST = 13  # digits to which a rewritten formula is the same
MOST = 50  # digits that are said
POINTS = 8  # around at which both are compared
SPREADS = (1e-3, 0.1, 0.5, 0.0)  # how far they are, relative; 0: of the size of 1


def keeps(comparison: Comparison) -> str:
    """Judge a rewriting by digits: the same function, more exact here, no worse around.

    Returns what was checked, "" where it is no remedy.
    """
    before, after = comparison.before, comparison.after
    analysis = before.once(Analysis)
    reference = analysis.losses.exact
    if reference is None or reference.exact is None:
        return ""
    gained = []
    for target in dict.fromkeys(x.target for x in analysis.losses.found):
        row = _row(before, after, target)
        if row is None or after.value(row).shape != before.value(target).shape:
            return ""
        was = _worst(before.value(target), reference.value(target))
        now = _worst(after.value(row), reference.value(target))
        dtype = before.graph.metas[target].dtype
        if now > was:
            return ""
        if now <= BETTER * was:
            gained.append(f"`{before.label(target)}` keeps {digits(now, dtype)} digits here "
                          f"({digits(was, dtype)} before)")  # fmt: skip
    if not gained or not _gradients(reference.exact, before, after):
        return ""
    agreed = _around(comparison, tuple(x.target for x in analysis.losses.found))
    if not agreed:
        return ""
    return (
        f"{', '.join(gained)}; the same function there and at {len(agreed) - 1} points around to "
        f"{min(agreed)} digits; gradients compared too"
    )


def gradients_kept(comparison: Comparison, exact: Exact) -> str:
    """Judge a rewriting by the digits of its gradients: more exact here, the same function around.

    `exact` has the file's own. Returns what was checked, "" where it is no remedy.
    """
    before, after = comparison.before, comparison.after
    if before.root is None or not _gradients(exact, before, after):
        return ""
    names = after.graph.notes.names
    now = {names[i]: after.graph.grad(i) for i in after.parameters if i in names}
    gained = ""
    for i, row in exact.gradients.items():
        old, label = before.graph.grad(i), before.graph.notes.names.get(i, "")
        new = now.get(label)
        if old is None or new is None or np.shape(old) != np.shape(new):
            return ""
        was, will = (_worst(np.asarray(x), exact.value(row)) for x in (old, new))
        if will <= BETTER * was and was > threshold(old.dtype):
            gained = (f"the gradient by `{label}` keeps {digits(will, old.dtype)} digits here "
                      f"({digits(was, old.dtype)} before)")  # fmt: skip
    agreed = _around(comparison, (before.root,)) if gained else []
    if not agreed:
        return ""
    return (
        f"{gained}; the same function there and at {len(agreed) - 1} points around to "
        f"{min(agreed)} digits"
    )


def _row(before: Subject, after: Subject, target: int) -> int | None:
    """Return the row of another run that is what a row of the file was."""
    scope = before.session.tracer.scope
    name = next((n for n, x in scope.items() if isinstance(x, Node) and x.id == target), "")
    found = after.session.tracer.scope.get(name)
    if isinstance(found, Node):
        return found.id
    return after.root if target == before.root else None


def _worst(values: Array, exact: Array) -> float:
    return float(np.nan_to_num(errors(values, exact), nan=0.0).max(initial=0.0))


def _gradients(exact: Exact, before: Subject, after: Subject) -> bool:
    """Say whether no gradient is further from the exact one than it was."""
    names = after.graph.notes.names
    now = {names[i]: after.graph.grad(i) for i in after.parameters if i in names}
    for i, row in exact.gradients.items():
        old, new = before.graph.grad(i), now.get(before.graph.notes.names.get(i, ""))
        if old is None:
            continue
        new = np.zeros_like(old) if new is None else np.asarray(new)  # nothing depends on it now
        if new.shape != old.shape:
            return False
        meant = exact.value(row)
        room = LOOSE * float(np.finfo(old.dtype).eps if old.dtype.kind == "f" else 1e-2)
        if _apart(new, meant) > max(2 * _apart(np.asarray(old), meant), room):
            return False
    return True


def _apart(values: Array, exact: Array) -> float:
    """Return how far values are from exact ones, relative to the largest of those."""
    pairs = zip(values.ravel().tolist(), exact.ravel().tolist(), strict=True)
    largest = max((abs(y) for y in exact.ravel() if isfinite(y)), default=0)
    if not largest:
        return 0.0
    return max((float(abs(y - x) / largest) if np.isfinite(x) else 1.0
                for x, y in pairs if isfinite(y)), default=0.0)  # fmt: skip


def _around(comparison: Comparison, targets: tuple[int, ...]) -> list[int]:
    """Return to how many digits both are the same, here and at points around; [] where not."""
    found = []
    before, after = comparison.before, comparison.after
    pairs: Iterator[tuple[Subject, Subject]] = _pairs(comparison)
    for one, other in [(before, after), *pairs]:
        for target in dict.fromkeys(targets):
            place, row = _row(before, one, target), _row(before, other, target)
            if place is None or row is None:
                return []
            try:
                meant = Exact(one, [place], False).value(place)
                made = Exact(other, [row], False).value(row)
            except DigitsFault:
                continue
            agreed = _agreed(meant, made)
            now, was = _worst(other.value(row), meant), _worst(one.value(place), meant)
            epsilon = float(np.finfo(np.asarray(other.value(row)).dtype).eps)
            if agreed < LEAST or now > max(8 * was, LOOSE * epsilon):
                return []
            found.append(agreed)
    return found if len(found) > 1 else []


def _pairs(comparison: Comparison) -> Iterator[tuple[Subject, Subject]]:
    trials, generator = comparison.trials, np.random.default_rng(0)
    for k in range(POINTS):
        bindings = {n: _moved(b, SPREADS[k % len(SPREADS)], generator)
                    for n, b in trials.leaves().items()}  # fmt: skip
        one = trials.run(comparison.before.source, bindings)
        other = trials.run(comparison.after.source, bindings)
        if one is not None and other is not None:
            yield one, other


def _moved(binding: Binding, spread: float, generator: np.random.Generator) -> Binding:
    """Return another value, close by or, where the spread is 0, of about the size of 1."""
    value, noise = binding.value, generator.uniform(-0.5, 1, binding.value.shape)
    size = np.where(value == 0, 1, np.abs(value))
    moved = value + spread * size * noise if spread else value / size * (1 + noise)
    return replace(binding, value=np.asarray(moved, value.dtype))


def _agreed(a: Array, b: Array) -> int:
    """Return to how many digits two arrays of exact numbers agree."""
    least = float(MOST)
    for x, y in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True):
        if isfinite(x) and (not isfinite(y) or x != y):
            apart = float(abs(x - y) / abs(x)) if isfinite(y) and x else 1.0
            least = min(least, -log10(apart) if apart else MOST)
    return int(least)
