"""Judges of rewritings that are to let a gradient through."""

from __future__ import annotations

import numpy as np

from gradcli.diagnose.silent.result import result_value
from gradcli.diagnose.trial import Comparison, Outcome, close


def gained(comparison: Comparison) -> list[str]:
    """Return the parameters that get a gradient, and one that is not 0, only in the new file."""
    before, after = comparison.outcomes
    return [name for name, g in after.grads.items() if g.any() and not _has(before, name)]


def _has(outcome: Outcome, name: str) -> bool:
    return name in outcome.grads and bool(outcome.grads[name].any())


def listed(names: list[str] | tuple[str, ...]) -> str:
    """Return names in a row: `a`, `b` and `c`."""
    names = [f"`{name}`" for name in names]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def flows(comparison: Comparison) -> str:
    """Judge a rewriting that lets a gradient through: the value is the same, and it is right.

    Returns what was checked, "" where it is no remedy.
    """
    before, after = result_value(comparison.before), result_value(comparison.after)
    names, outcome = gained(comparison), comparison.outcomes[1]
    if before is None or after is None or not names or not outcome.fine:
        return ""
    if not close(np.asarray(before), np.asarray(after).reshape(before.shape)):
        return ""
    if not comparison.differentiates():
        return ""
    return (
        f"the value is the same, {listed(names)} get{'s' * (len(names) == 1)} a gradient, and the "
        "gradients agree with differences"
    )


def runs(comparison: Comparison) -> str:
    """Judge a rewriting of a file that ends with an error: it runs, and its gradients are right."""
    outcome = comparison.outcomes[1]
    if comparison.before.fault is None or not outcome.fine or not outcome.grads:
        return ""
    if not comparison.differentiates():
        return ""
    return "it runs to its end, and its gradients agree with differences"
