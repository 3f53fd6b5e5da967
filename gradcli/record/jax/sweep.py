"""The gradient that came to each value of a run, taken from JAX step by step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from gradcli.record.jax.alike import near
from gradcli.record.jax.steps import Step, Tape

Cotangents = dict[int, Any]


def sweep(tape: Tape, steps: Sequence[Step], cotangents: Cotangents) -> None:
    """Take cotangents back through steps, adding those of what the steps read.

    A function with a derivative of its own is opened where that is the derivative of its inside.
    """
    for step in reversed(steps):
        if not any(r in cotangents for r in step.results):
            continue
        back = pulled(tape, step, cotangents)
        if step.inside or step.ends:
            _open(tape, step, cotangents, back)
        for i, g in back.items():
            cotangents[i] = cotangents[i] + g if i in cotangents else g


def pulled(tape: Tape, step: Step, cotangents: Mapping[int, Any]) -> Cotangents:
    """Return what JAX sends to the values that a step reads, for cotangents of its results."""
    moved = [i for i in step.inputs if i in tape.active]
    parts = [k for k, r in enumerate(step.results) if r in cotangents]

    def function(*xs: Any) -> list[Any]:
        known = dict(zip(moved, xs, strict=True))
        found = step.call(*(known.get(i, tape.values[i]) for i in step.inputs))
        return [found[k] for k in parts]

    _, pull = jax.vjp(function, *(tape.values[i] for i in moved))
    given = [cotangents[step.results[k]] for k in parts]
    return {i: _symmetric(tape, step, i, g) for i, g in zip(moved, pull(given), strict=True)}


def _symmetric(tape: Tape, step: Step, id: int, g: Any) -> Any:
    """Return the symmetric part of what goes to a symmetric matrix that is decomposed.

    JAX sends another matrix there, of the same symmetric part: where the matrix is symmetric for
    all values of what it is made of, that makes no difference to these.
    """
    if not tape.symmetric or step.name not in ("cholesky", "eigh"):
        return g
    a = tape.values[id]
    turned = jnp.swapaxes(a, -1, -2)
    return (g + jnp.swapaxes(g, -1, -2)) / 2 if near(a, turned) else g


def _open(tape: Tape, step: Step, cotangents: Cotangents, back: Cotangents) -> None:
    """Open a step whose own derivative is that of its inside, and keep the cotangents there."""
    inner: Cotangents = {}
    for result, end in zip(step.results, step.ends, strict=True):
        if result in cotangents and isinstance(end, int):
            g = cotangents[result]
            inner[end] = inner[end] + g if end in inner else g
    sweep(tape, step.inside, inner)
    zero = {i: jnp.zeros_like(tape.values[i]) for i in back}
    step.opened = all(near(inner.get(i, zero[i]), back[i]) for i in back)
    if step.opened:
        made = _made(step.inside)
        cotangents.update({i: g for i, g in inner.items() if i in made})


def _made(steps: Iterable[Step]) -> set[int]:
    found: set[int] = set()
    for step in steps:
        found.update(step.results)
        if step.opened:
            found |= _made(step.inside)
    return found
