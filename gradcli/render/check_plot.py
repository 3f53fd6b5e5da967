"""The sweep over steps in the terminal: a line a step, the difference as a bar of decades."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite, log10

from gradcli.verify.report import Trial

_MOST = 24  # lines


def plot(trials: Sequence[Trial], width: int, *, ascii_only: bool = False) -> Iterator[str]:
    """Yield `step  estimate  difference  bar`; the bar's length is the logarithm.

    What is not finite has no bar.
    """
    trials = trials[:: max(1, -(-len(trials) // _MOST))]
    finite = [t.difference for t in trials if t.difference and isfinite(t.difference)]
    if all(t.difference == 0 for t in trials):
        yield "  the same at every step"
        return
    low, high = (log10(min(finite)), log10(max(finite))) if finite else (0.0, 0.0)
    room = max(width - 50, 8)
    block = "#" if ascii_only else "▇"
    yield f"  {'step':>9}  {'estimate':>16}  {'difference':>10}"
    for t in trials:
        length = 0
        if t.difference and isfinite(t.difference):
            share = (log10(t.difference) - low) / (high - low or 1.0)
            length = 1 + round(share * (room - 1))
        yield (
            f"  {t.step:9.1e}  {t.estimate:16.9g}  {t.difference:10.1e}  {block * length}".rstrip()
        )
