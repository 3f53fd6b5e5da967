"""A program being recorded: its steps, and when a record is written.

A step ends with `optimizer.step()`, of any optimizer; in a program without one, where it computes
again after a `backward()` and a change of the parameters or of their gradients. Where a function is
recorded, its calls are the steps.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from gradcli import __version__
from gradcli.record.labels import Labels
from gradcli.record.listing import Listing
from gradcli.record.mode import Recorder
from gradcli.record.settings import Settings
from gradcli.record.tape import Tape, tensors

TOLERANCE = 0.02  # of what is computed in half precision, relative


class Steps:
    """Records the wanted steps of what runs within it, and hands the record to `write`, once."""

    def __init__(self, settings: Settings, script: str, folder: Path,
                 write: Callable[[Listing], None], *, of_calls: bool) -> None:  # fmt: skip
        self.settings, self.script, self.folder, self.write = settings, script, folder, write
        self.of_calls = of_calls
        self.labels = Labels()
        self.recorder = Recorder()
        self.recorder.on_backward = self.after_backward
        self.recorder.on_row = self._before_row
        self.step = 1
        self.done = False
        self.passed = False  # whether a pass has run in this step
        self.optimized: bool | None = None  # whether the program has an optimizer, once asked
        self.not_finite = ""
        self.notes: list[str] = []
        self.modules: list[tuple[str, str]] = []  # which are being run
        self.between: Tape | None = None  # what has been recorded, between two calls

    def begin(self) -> None:
        """Begin to record, where this step is wanted and nothing is being recorded."""
        last = self.settings.last
        wanted = self.settings.on_nan or (
            self.settings.first <= self.step and (last is None or self.step <= last)
        )
        if wanted and not self.done and self.recorder.tape is None and not self.recorder.refusal:
            fresh = Tape(self.settings, self.labels, self.folder, self.modules)
            self.recorder.tape, self.between = self.between or fresh, None

    def ended(self) -> None:
        """End a step."""
        if self.settings.on_nan:
            if self.not_finite:
                self.finish()
            self.recorder.tape = None
        elif self.step == self.settings.last:
            self.finish()
        elif self.of_calls:
            self.between, self.recorder.tape = self.recorder.tape, None
        self.step += 1
        self.passed = False
        if not self.of_calls:
            self.begin()

    def finish(self) -> None:
        """Write what has been recorded."""
        tape, self.recorder.tape = self.recorder.tape or self.between, None
        if tape is None or self.done or (self.settings.on_nan and not self.not_finite):
            return
        with self.recorder.pause():
            listing = tape.finish()
        if listing.rows:
            self.done = True
            self._describe(listing)
            self.write(listing)

    def _describe(self, listing: Listing) -> None:
        first, last = self.settings.first, self.step
        last -= not self.passed and self.step > first  # nothing of this one has been differentiated
        one = self.settings.on_nan or last <= first
        what = "call" if self.of_calls else "step"
        of_steps = f"{what} {last}" if one else f"{what}s {first} to {last}"
        kinds = sorted({leaf.dtype for leaf in listing.leaves if leaf.requires_grad})
        counts = ((len(listing.rows), "row"), (sum(x.requires_grad for x in listing.leaves),
                  "parameter"), (len(listing.opaque), "opaque row"))  # fmt: skip
        listing.title = [
            f"Recorded by gradcli {__version__} from {self.script}, {of_steps}; "
            f"PyTorch {torch.__version__}, {' and '.join(kinds) or 'no parameters'}.",
            ", ".join(f"{count} {what}{'s' * (count != 1)}" for count, what in counts) + ".",
            *([f"{self.not_finite}."] if self.not_finite else []),
            *self.notes,
        ]
        listing.facts = {"torch": torch.__version__, "script": self.script, "step": last}
        names = {x.dtype for x in listing.leaves} | {"bfloat16" for x in listing.rows
                                                     if "bfloat16" in x.text}  # fmt: skip
        if names & {"bfloat16", "float16"}:  # results may be rounded to a neighbour
            listing.facts["tolerance"] = TOLERANCE

    # ---- what a program does -------------------------------------------------------------------

    def _before_row(self, forward: bool) -> Tape | None:
        """Return the tape that a row goes to; `forward` says that it can be differentiated."""
        tape = self.recorder.tape
        if tape is not None and tape.is_full:
            limit = self.settings.max_rows
            self.notes.append(
                f"The record ends after {limit} rows, the program went on: --max-rows."
            )
            self.finish()
        elif forward and tape and self._is_next(tape):
            self.ended()
        return self.recorder.tape

    def _is_next(self, tape: Tape) -> bool:
        """Say whether a program without optimizers computes its next step."""
        return self.passed and not (self.of_calls or self._has_optimizer()) and tape.is_updated()

    def _has_optimizer(self) -> bool:
        if self.optimized is None:
            self.optimized = any(
                issubclass(type(x), torch.optim.Optimizer) for x in gc.get_objects()
            )
        return self.optimized

    def after_backward(self, roots: Any) -> None:
        """Look whether what a pass has begun from, and what it has left, is finite."""
        self.passed = True
        tape = self.recorder.tape
        if tape is None or not self.settings.on_nan or self.not_finite:
            return
        for x in tensors(roots):
            if not bool(torch.isfinite(x).all()):
                known = tape.find(x)
                self.not_finite = f"`{known.name if known else 'the loss'}` is not finite"
                return
        for leaf in tape.leaves():
            grad = leaf.tensor.grad
            if grad is not None and not bool(torch.isfinite(grad).all()):
                name = leaf.leaf.key if leaf.leaf else leaf.name
                self.not_finite = f"The gradient of `{name}` is not finite"
                return
