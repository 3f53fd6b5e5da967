"""What JAX says of a file with debug_nans.

JAX computes the tape of gradcli's run and differentiates each backward pass as a whole, as
`check --against jax` does. Each row is a call on the row's line, so that JAX's own traceback leads
there: of what goes wrong in a backward pass, to the operation that it is the derivative of.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.diagnosers import Said, line_of
from gradcli import autodiff
from gradcli.against.jax_rows import ROWS
from gradcli.against.jax_tape import Gap, Tape
from gradcli.diagnose.subject import Subject, examined
from gradcli.errors import GradcliError, Source
from gradcli.session import Request, Start
from gradcli.trace import Options

NAN = "invalid value (nan)"
X64 = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64


class Lined(Tape):
    """A tape each of whose rows JAX computes in a call on the row's line."""

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject.graph)
        self.subject = subject

    def apply(self, id: int, operands: Sequence[Any]) -> Any:
        """Return JAX's value of a row, or the gap where there is none.

        Raises: FloatingPointError where JAX finds a nan.
        """
        op, subject = self.graph.ops[id], self.subject
        if op is None or op.name not in ROWS or any(isinstance(x, Gap) for x in operands):
            return super().apply(id, operands)
        text = "\n" * (subject.line(id) - 1) + "found = row()"
        scope = {"row": partial(ROWS[op.name], *operands, **self.graph.attrs[id])}
        try:
            exec(compile(text, subject.source.name, "exec"), scope)
        except FloatingPointError:
            raise
        except Exception as error:  # what the library cannot compute
            return Gap(id, str(error))
        return scope["found"]


def says(source: Source, options: Options) -> list[Said] | None:
    """Return what JAX says of a file; None where it cannot be run there."""
    try:
        subject = examined(source, options, Request())
    except GradcliError:
        return None
    tape = Lined(subject)
    jax.clear_caches()  # what it has compiled for other files: gigabytes, in the end
    with X64(True), jax.debug_nans(True), redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            gaps = [_differentiated(tape, start) for start in subject.session.passes]
        except FloatingPointError as error:
            return [Said(str(error), line_of(error, source))]
    gap = next((gap for gap in gaps if gap is not None), None)
    if gap is not None:  # a nan in what the file itself differentiates is told as one
        return [Said(gap.why, subject.line(gap.row))] if NAN in gap.why else None
    return [] if gaps else None


def _differentiated(tape: Tape, start: Start) -> Gap | None:
    """Compute a root and its gradients; return the gap where JAX cannot.

    Raises: FloatingPointError where JAX finds a nan.
    """
    graph, root = tape.graph, start.root
    rows = autodiff.reachable(graph, (root,))
    leaves = [i for i in rows if graph.ops[i] is None]
    tape.compute(tape.values, [root, *leaves])
    value = tape.values.of[root]
    if isinstance(value, Gap):
        return value
    function = tape.function(tape.values, (root,), leaves, autodiff.towards(graph, rows, leaves))
    cotangent = 1.0 if start.cotangent is None else start.cotangent
    try:
        _, pull = jax.vjp(function, *[tape.values.of[i] for i in leaves])
        pull((jnp.broadcast_to(jnp.asarray(cotangent, value.dtype), value.shape),))
    except FloatingPointError:
        raise
    except Exception as error:  # what the library cannot differentiate
        return Gap(root, str(error))
    return None
