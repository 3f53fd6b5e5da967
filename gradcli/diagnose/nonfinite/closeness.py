"""Judges of remedies for what the general one cannot compare."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcli.diagnose.findings import Judge
from gradcli.diagnose.subject import Subject
from gradcli.diagnose.trial import Comparison, Outcome, close, same
from gradcli.graph import Node
from gradcli.rule.dtypes import Array, is_differentiable

LEAST = 1e-8  # what is smaller is rounding
AROUND = 1e-2  # by which values may differ where a small number was added


def either(*judges: Judge) -> Judge:
    """Return a judge that has the words of the first judge that has some."""

    def judge(comparison: Comparison) -> str:
        return next((words for one in judges if (words := one(comparison))), "")

    return judge


def beside(comparison: Comparison) -> str:
    """Judge by the elements beside those that are nan: they must be what they were.

    It is for files that are fine at no other point, because a mask is written into them.
    """
    before, after = comparison.outcomes
    if not after.fine or not same(before, after):
        return ""
    partly = 0
    for x, y in _named(comparison.before, comparison.after):
        fine = np.isfinite(x)
        if x.shape == y.shape and fine.any() and not fine.all() and np.isnan(x).any():
            if not close(x, y):
                return ""
            partly += 1
    if not partly or not comparison.differentiates():
        return ""
    return "finite here, what was finite is as it was, and its gradients agree with differences"


def _named(before: Subject, after: Subject) -> Iterator[tuple[Array, Array]]:
    """Yield the values of the names that both files have in the end."""
    scopes = before.session.tracer.scope, after.session.tracer.scope
    for name, x in scopes[0].items():
        y = scopes[1].get(name)
        if isinstance(x, Node) and isinstance(y, Node):
            values = before.value(x.id), after.value(y.id)
            if all(is_differentiable(v.dtype) for v in values):
                yield values


def nearly(comparison: Comparison) -> str:
    """Judge what adds a small number, or ends an error: finite here, nearly the same elsewhere."""
    here, after = comparison.outcomes
    if not after.fine or not _near(here.root, after.root):
        return ""
    apart = [_apart(before, now) for before, now in comparison.around()]
    near = [x for x in apart if x <= AROUND]  # points that are close to this one are far apart
    if not near or 2 * len(near) < len(apart) or not comparison.differentiates():
        return ""
    return (
        f"finite here, within {max(*near, 1e-12):.0e} of what the file gives at {len(near)} of "
        f"{len(apart)} other points, and its gradients agree with differences"
    )


def _near(before: Array | None, after: Array | None) -> bool:
    """Say whether a value is nearly what it was, where it was anything."""
    if before is None or after is None or before.shape != after.shape:
        return before is None
    fine = np.isfinite(before)
    return bool(np.allclose(after[fine], before[fine], rtol=AROUND, atol=1e-4))


def _apart(before: Outcome, after: Outcome) -> float:
    """Return by how much two runs differ, relative to the largest element of each part."""
    if before.root is None or after.root is None or before.grads.keys() - after.grads.keys():
        return np.inf
    pairs = [(before.root, after.root), *((g, after.grads[n]) for n, g in before.grads.items())]
    found = 0.0
    for x, y in pairs:
        if x.shape != y.shape or not np.isfinite(y).all():
            return np.inf
        scale = max(float(np.abs(x).max(initial=0.0)), LEAST)
        found = max(found, float(np.abs(x - y).max(initial=0.0)) / scale)
    return found
