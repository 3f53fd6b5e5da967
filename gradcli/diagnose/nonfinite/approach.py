"""What a file goes to at its own point, from around: a rewriting is to have that value there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gradcli.diagnose.findings import Judge
from gradcli.diagnose.trial import Bindings, Comparison, Outcome, outcome, replayed
from gradcli.rule.dtypes import Array

WIDE = {"float64": 1e-3, "float32": 1e-2}  # the larger step, relative and absolute
RATIO = 10  # of both steps
WAYS = 3  # in which parameters are moved, there and back
NEAR, APART = 0.02, 0.05  # of a value: where it has a limit, and what is another one


def in_the_limit(judge: Judge) -> Judge:
    """Return a judge that refuses also what has another number where the file goes to one."""

    def judged(comparison: Comparison) -> str:
        words = judge(comparison)
        return "" if words and another_limit(comparison) else words

    return judged


def another_limit(comparison: Comparison) -> bool:
    """Say whether a rewriting has another number where the file has none, but goes to one.

    Each element of the root and of the gradients is looked at by itself. Nothing is said of one
    that goes to different numbers on different ways, or has none on one side.
    """
    before, after = (_flat(x) for x in comparison.outcomes)
    if before.shape != after.shape:
        return False
    open_ = ~np.isfinite(before) & np.isfinite(after)
    name = next((x.dtype.name for x in _arrays(comparison.outcomes[1])), "")
    affordable = comparison.trials.affords(4 * WAYS)
    if not open_.any() or name not in WIDE or not affordable:
        return False
    limits, sizes = [], []
    for way in range(WAYS):
        for sign in (1, -1):
            steps = [sign * WIDE[name], sign * WIDE[name] / RATIO]
            near = [_flat(x) for h in steps if (x := _moved(comparison, way, h)) is not None]
            if len(near) < 2 or any(x.shape != before.shape for x in near):
                return False
            far, close = near
            limits.append((RATIO * close - far) / (RATIO - 1))
            sizes.append(np.maximum(np.abs(far), np.abs(close)))
    found, size = np.array(limits), np.max(sizes, axis=0)
    has_one = np.isfinite(found).all(axis=0) & (np.ptp(found, axis=0) <= NEAR * size)
    other = np.abs(found.mean(axis=0) - after) > APART * size
    return bool((open_ & has_one & other).any())


def _moved(comparison: Comparison, way: int, step: float) -> Outcome | None:
    """Return what the file comes to with all parameters moved a step in some direction."""
    trials, generator = comparison.trials, np.random.default_rng(way)
    leaves = {name: b for name, b in trials.leaves().items() if b.parameter}

    def shifted(value: Array) -> Array:
        size = np.maximum(np.abs(value), 1) * generator.choice([-1, 1], value.shape)
        size = size * generator.uniform(0.5, 1, value.shape)
        return np.asarray(np.where(np.isfinite(value), value + step * size, value), value.dtype)

    if comparison.before.root is None:
        return replayed(comparison.before, shifted)
    bindings: Bindings = {
        name: replace(b, value=shifted(np.asarray(b.value))) for name, b in leaves.items()
    }
    found = trials.run(comparison.before.source, bindings)
    return None if found is None else outcome(found)


def _arrays(found: Outcome) -> Iterator[Array]:
    if found.root is not None:
        yield found.root
    yield from (found.grads[name] for name in sorted(found.grads))


def _flat(found: Outcome) -> Array:
    """Return all numbers that a run comes to, those that are no reals left out."""
    arrays = [np.ravel(x) for x in _arrays(found) if x.dtype.kind == "f"]
    return np.concatenate([np.zeros(0), *arrays])
