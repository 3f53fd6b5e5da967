"""Training that goes up: steps against the gradient that are too long for the loss."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, takewhile
from math import floor, inf, isfinite, log10
from typing import NamedTuple

import numpy as np

from gradcli.diagnose.findings import Edit, Rewrite, Severity, Sighting
from gradcli.diagnose.subject import Subject
from gradcli.diagnose.trial import Comparison
from gradcli.errors import Span
from gradcli.rule.dtypes import Array
from gradcli.syntax import tree
from gradcli.syntax.tree import nodes_of

FEWEST = 3  # losses of a training: of two nobody can say where it goes
# A loss that grows at every step to twice its value has gone up, if a step is longer than the
# curvature allows, 2/c; where batches differ it may grow without. 100 times its value is too much
# for any batch.
GROWN = 2.0
OVER = 1.9
LEFT = 100.0
BLOWN = 1e3  # and then no parameter is of any use
CLOSE = 1e-4  # of a learning rate: what rounding leaves of a step
RATES = {"lr", "learning_rate", "rate", "eta", "step_size"}
SMALLER = (1 / 3, 0.1, 1e-2, 1e-3, 1e-4)  # of a learning rate, beside what the curvature allows


class Pass(NamedTuple):
    """A differentiation of a training: its root, and gradients by the name of the parameter."""

    root: int
    grads: dict[str, tuple[int, Array]]


class Training(NamedTuple):
    """Losses by turn, and what the first step tells: its length over the gradient's, curvature."""

    roots: list[int]
    losses: list[float]
    rate: float
    curvature: float


def trainings(subject: Subject) -> Iterator[Training]:
    """Yield the training of a run: the losses that it differentiates, and its first step."""
    roots = [start.root for start in subject.session.passes]
    steps = subject.graph.autograd.steps
    if len(roots) < FEWEST:
        roots = [next(iter(s.given)) for s in steps if s.mode == "reverse" and not s.batched]
    spans = {subject.span(i) for i in roots}
    if len(roots) < FEWEST or len(spans) != 1 or subject.fault is not None:
        return
    if any(subject.graph.metas[i].shape for i in roots):
        return
    first, second = _first_passes(subject)
    moves = [(b[1], a[1], b[0], a[0]) for name, b in first.items() if (a := second.get(name))]
    g0 = _flat([m[0] for m in moves])
    g1 = _flat([m[1] for m in moves])
    before = _flat([subject.value(m[2]) for m in moves])
    delta = _flat([subject.value(m[3]) for m in moves]) - before
    length = float(delta @ delta)
    if not length or not float(g0 @ g0):
        return
    rate = -float(delta @ g0) / float(g0 @ g0)
    losses = [float(subject.value(i)) for i in roots]
    yield Training(roots, losses, rate, float((g1 - g0) @ delta) / length)


def _first_passes(subject: Subject) -> tuple[dict[str, tuple[int, Array]], ...]:
    """Return the parameters and gradients of the first two differentiations, by name."""
    graph, found = subject.graph, []
    if len(subject.session.passes) >= FEWEST:
        for flow in subject.flows[:2]:
            leaves = [i for i in flow.order if graph.ops[i] is None and i in flow.cotangents]
            found.append({_name(subject, i): (i, np.asarray(flow.cotangents[i])) for i in leaves})
    else:
        for step in graph.autograd.steps[:2]:
            pairs = zip(step.wanted, step.found, strict=True)
            grads = {_name(subject, i): (i, subject.value(g)) for i, g in pairs if g is not None}
            found.append(grads)
    return tuple(found)


def _name(subject: Subject, row: int) -> str:
    return subject.graph.notes.names.get(row, "")


def _flat(arrays: list[Array]) -> Array:
    return np.concatenate([np.ravel(x).astype(float) for x in arrays]) if arrays else np.zeros(0)


def grows(found: Training) -> float:
    """Return how many times its value a loss has grown to, 0 where steps are not to blame."""
    losses = found.losses
    first, last = losses[0], losses[-1]
    if not isfinite(first) or first <= 0 or found.rate <= 0:  # along the gradient it is to grow
        return 0.0
    if not isfinite(last):
        finite = [*takewhile(isfinite, losses)]
        beyond = losses[len(finite)]  # a loss that went down before has left its domain
        return inf if beyond == inf or finite[-1] >= GROWN * first else 0.0
    ratio = last / first
    steady = all(b > a for a, b in pairwise(losses)) and ratio >= GROWN
    over = found.rate * found.curvature > OVER
    return ratio if (steady and over) or ratio >= LEFT else 0.0


def diverging(subject: Subject) -> Iterator[Sighting]:
    """Yield where each step against the gradient makes the loss larger."""
    for found in trainings(subject):
        growth = grows(found)
        if not growth:
            continue
        shown = [f"{x:.4g}" for x in found.losses]
        if len(shown) > 5:
            shown = [*shown[:3], "…", shown[-1]]
        words = (
            f"The loss `{subject.text(found.roots[0])}` grows over {len(found.losses)} steps: "
            f"{', '.join(shown)}. The first step is {found.rate:.3g} times the gradient"
        )
        if found.curvature > 0 and found.rate * found.curvature > 1:
            words += (
                f"; along it the loss curves by {found.curvature:.3g}, and a step of more than "
                f"2/{found.curvature:.3g} = {2 / found.curvature:.3g} goes further up on the other "
                "side than it was."
            )
        else:
            words += ", and too long for the loss."
        severity = Severity.ERROR if growth >= BLOWN else Severity.WARNING
        yield Sighting(words, row=found.roots[0], severity=severity, key=("training",),
                       spoils=tuple(_name(subject, i) for i in subject.parameters))  # fmt: skip


def shorter(subject: Subject, _: Sighting) -> Iterator[Rewrite]:
    """Propose smaller learning rates."""
    for found in trainings(subject):
        places = list(_rates(subject, found.rate))
        allowed = [1 / found.curvature] if found.curvature > 0 else []
        for rate in (*allowed, *(found.rate * x for x in SMALLER)):
            if rate < found.rate:
                for place in places:
                    yield Rewrite((Edit(place, _rounded(rate)),), "shorter steps")


def _rates(subject: Subject, rate: float) -> Iterator[Span]:
    """Yield where the file has the learning rate as a number."""
    for node in nodes_of(subject.statements):
        if isinstance(node, tree.Assign) and isinstance(node.value, tree.Constant):
            names = {target.id for target in node.targets if isinstance(target, tree.Name)}
            if names & RATES:  # what an optimiser makes of it is no multiple of the gradient
                yield node.value.span
        elif isinstance(node, tree.Constant) and abs(_number(node) - rate) <= CLOSE * rate:
            yield node.span


def _number(node: tree.Constant) -> float:
    """Return the value of a literal number, infinity where it is none."""
    plain = isinstance(node.value, int | float) and not isinstance(node.value, bool)
    return float(node.value) if plain and isinstance(node.value, int | float) else inf


def _rounded(rate: float) -> str:
    """Return a number of one digit that is no larger."""
    power = floor(log10(rate))
    digit = floor(rate / 10.0**power * (1 + 1e-9))
    return f"{digit}e{power}" if power < -4 else f"{digit * 10.0**power:.10g}"


def goes_down(comparison: Comparison) -> str:
    """Judge shorter steps: from the same loss it falls at every step, or swings down to half."""
    before = next(trainings(comparison.before), None)
    after = next(trainings(comparison.after), None)
    if before is None or after is None or len(before.losses) != len(after.losses):
        return ""
    losses = after.losses
    same = abs(losses[0] - before.losses[0]) <= 1e-9 * abs(before.losses[0])
    steady = all(b <= a for a, b in pairwise(losses)) and losses[-1] < losses[0]
    swings = max(losses) <= losses[0] and losses[-1] <= losses[0] / 2  # as momentum makes it
    if not same or not (steady or swings):
        return ""
    return f"the loss falls from {losses[0]:.4g} to {losses[-1]:.4g} over {len(losses)} steps"
