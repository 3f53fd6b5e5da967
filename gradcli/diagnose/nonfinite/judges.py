"""Judges of rewritten formulas that say the same, where the one in the file has lost it.

What a formula comes to is computed to many digits: there 1 - sigmoid(40) is no 0 and exp(800) a
number. So a rewriting can be judged also at points where the file as it stands gives nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

from gradcli.diagnose.subject import Subject
from gradcli.diagnose.trial import Comparison, Outcome, Trials, close, heals, outcome, same
from gradcli.execute import Replay
from gradcli.execute.extended import DigitsFault, ExtendedTape
from gradcli.rule.dtypes import Array
from gradcli.verify.wide import double

DIGITS = 60
LARGE = 30_000  # elements on a tape from which it is not computed to many digits
CHANGE = 2e-3  # of a value, by which a clamp at an edge may move it
STEP, NUMERIC = 1e-5, 1e-5  # of differences, and how far a gradient may be from them
NEAR, JUMP = 1e-7, 1e-4  # a step, and from which change of the value on it is a jump
MANY = 256  # elements of a parameter that are moved one by one
ROUNDING = 1e-6  # of a quotient, that it may have lost close to 0/0
SAME = "its gradients agree with differences"


def restores(comparison: Comparison) -> str:
    """Judge a formula that is to have the value that the file's has in exact arithmetic.

    Where that cannot be computed, it is judged as `heals` does. Returns what was checked, "" where
    it is no remedy.
    """
    after = comparison.outcomes[1]
    true = exact(comparison.before)
    if true is None or not np.isfinite(true).all():
        return heals(comparison)
    if not after.fine or after.root is None or not close(true, after.root):
        return ""
    if not comparison.differentiates():
        return ""
    count = _agreed(comparison)
    if count is None:
        return ""
    others = f", the same at {count} other point{'s' * (count > 1)}" if count else ""
    return f"the value of the formula to {DIGITS} digits{others}, and {SAME}"


def exact(subject: Subject) -> Array | None:
    """Return the root's value to many digits, as doubles; None where it cannot be computed."""
    graph, root = subject.graph, subject.root
    if root is None:
        return None
    if (
        sum(prod(graph.metas[i].shape) for i in subject.behind_root if not graph.is_tuple(i))
        > LARGE
    ):
        return None
    try:
        tape = ExtendedTape(graph, DIGITS)
        value = tape.base([root])[0]
    except DigitsFault:
        return None
    numbers = [float(tape.arithmetic.context.nstr(x, 20)) for x in value.view(np.ndarray).flat]
    return np.array(numbers).reshape(value.shape)


def _points(comparison: Comparison) -> Iterator[tuple[Outcome, Outcome, Subject]]:
    trials = comparison.trials
    for bindings, before in trials.points:
        run = trials.run(comparison.before.source, bindings)
        after = trials.run(comparison.after.source, bindings)
        if run is None or after is None:
            return
        yield before, outcome(after), run


def _agreed(comparison: Comparison) -> int | None:
    """Return at how many points both formulas are the same, None where they are not at one.

    Where rounding has taken digits from the one in the file, more digits decide. A sum of
    logarithms has no value where factors of a product are negative, though that may have one: such
    points do not count where the file's own have other signs.
    """
    count = 0
    for before, after, run in _points(comparison):
        if not after.defined and _other_signs(comparison, run):
            continue
        if not same(before, after):
            true = exact(run)
            if true is None or after.root is None or not close(true, after.root):
                return None
        count += 1
    return count


def _other_signs(comparison: Comparison, run: Subject) -> bool:
    """Say whether an element that is positive in the file is not at a point."""
    own, there = comparison.trials.leaves(), Trials(run).leaves()
    pairs = [(np.asarray(own[k].value), np.asarray(there[k].value)) for k in own.keys() & there]
    return any(bool(((x > 0) & (y <= 0)).any()) for x, y in pairs)


def leaves_out(comparison: Comparison) -> str:
    """Judge a safe operand: `heals`, or else with the masks held as they are.

    A function such as where(x != 0, 1/x, 0) has no derivative at the edge of its mask; its gradient
    is that of the branch taken. Returns what was checked, "" where it is no remedy.
    """
    if words := heals(comparison):
        return words
    before, after = comparison.outcomes
    if not after.fine or not same(before, after) or not _masked_differences(comparison.after):
        return ""
    count = comparison.agrees()
    words = f"finite here, the same at {count} other point{'s' * (count > 1)}, and its gradients "
    return f"{words}agree with differences for the masks as they are" if count else ""


def _masked_differences(subject: Subject) -> bool:
    """Say whether gradients are those of the root while every mask keeps its value."""
    graph, root = double(subject.graph), subject.root
    if root is None or len(subject.flows) != 1 or graph.metas[root].shape:
        return False
    masks = [i for i in subject.rows if graph.metas[i].dtype.kind == "b"]
    for leaf in subject.parameters:
        value, grad = np.asarray(graph.value(leaf)), subject.graph.grad(leaf)
        if value.dtype != np.float64 or value.size > MANY or grad is None:
            return False
        replay = Replay(graph, (leaf,), (root,), masks)
        for k, g in enumerate(np.asarray(grad).flat):
            move = np.zeros(value.size)
            move[k] = STEP * max(1.0, abs(float(value.flat[k])))
            moved = move.reshape(value.shape)
            up, down = (replay.run({leaf: value + sign * moved})[0] for sign in (1, -1))
            numeric = float(up - down) / (2 * float(move[k]))
            if not abs(numeric - g) <= NUMERIC * (1 + abs(g)):
                return False
    return True


def defines(comparison: Comparison) -> str:
    """Judge an operand that is kept in the domain: `heals`, but for gradients of what is nan.

    A derivative such as 1/x has a number where log(x) has none. Returns what was checked, "" where
    it is no remedy.
    """
    before, after = comparison.outcomes
    if before.root is None or np.isfinite(before.root).any():
        return heals(comparison)
    count = comparison.agrees()
    if not after.fine or not count or not comparison.differentiates():
        return ""
    return f"finite here, the same at {count} other point{'s' * (count > 1)}, and {SAME}"


def eases(comparison: Comparison) -> str:
    """Judge an operand that is kept off an edge: the value may change a little close to it.

    Returns what was checked, "" where it is no remedy.
    """
    before, after = comparison.outcomes
    moved = _change(before, after)
    if not after.fine or moved is None or not comparison.differentiates():
        return ""
    count = 0
    for old, new in comparison.around():
        if _change(old, new) is None:
            return ""
        count += same(old, new)
    if not count:
        return ""
    words = f"the value moves by {moved:.2g}" if moved else "finite here"
    return f"{words}, the same at {count} other point{'s' * (count > 1)}, and {SAME}"


def _change(before: Outcome, after: Outcome) -> float | None:
    """Return by how much a value is another one, None where that is too much."""
    if before.root is None or after.root is None or before.root.shape != after.root.shape:
        return None
    finite = np.isfinite(before.root)
    change = np.abs(before.root - after.root)[finite]
    small = change <= CHANGE * (1 + np.abs(before.root[finite]))
    return float(change.max(initial=0.0)) if small.all() else None


def continues(comparison: Comparison) -> str:
    """Judge a function that has the limit in it: the same as the quotient, up to its rounding.

    Close to 0/0 a quotient has lost digits, which the function has not. Returns what was checked,
    "" where it is no remedy.
    """
    after = comparison.outcomes[1]
    if not after.fine or _jumps(comparison.after) or not comparison.differentiates():
        return ""
    count = 0
    for old, new, run in _points(comparison):
        if not same(old, new):
            true = exact(run)
            if true is None or new.root is None or true.shape != new.root.shape:
                return ""
            if not (np.abs(true - new.root) <= ROUNDING * (1 + np.abs(true))).all():
                return ""
        count += 1
    words = f"finite here, the same at {count} other point{'s' * (count > 1)}, and {SAME}"
    return words if count else ""


def _jumps(subject: Subject) -> bool:
    """Say whether the root is another number close to the file's own point than at it."""
    graph, root = subject.graph, subject.root
    if root is None:
        return True
    leaves = [i for i in subject.parameters if graph.metas[i].dtype.kind == "f"]
    replay, value = Replay(graph, leaves, (root,)), subject.value(root)
    for sign in (1, -1):
        moved = {i: subject.value(i) + sign * NEAR * (1 + abs(subject.value(i))) for i in leaves}
        change = np.abs(replay.run(moved)[0] - value)
        if not (change <= JUMP * (1 + np.abs(value))).all():
            return True
    return False
