"""`gradcli.record`: what runs within it becomes a file that replays without PyTorch."""

from __future__ import annotations

import sys
from contextlib import ContextDecorator, ExitStack
from pathlib import Path
from typing import Any

from gradcli.errors import GradcliError, InputFault
from gradcli.record.files import paths, write
from gradcli.record.listing import Listing
from gradcli.record.settings import ROWS, settings


class record(ContextDecorator):  # noqa: N801  # reads as the function that it stands for
    """Record the PyTorch that runs within a `with` block, or in a function that this decorates.

    `record("run")` writes `run.expr` and `run.npz` (`"run.safetensors"` names the other kind) when
    the block ends, whole or not at all, also where it ends with an error. `step`, `steps` ("A:B")
    and `on_nan` choose what is recorded of several steps, as the command's options do; without them
    it is everything. `listing` is the record after it has been written, else None.

    Raises: InputFault where an argument is wrong, or where PyTorch is not installed; after the
    block, where something in it cannot be recorded.
    """

    def __init__(
        self,
        output: str | Path = "run",
        *,
        step: int | None = None,
        steps: str | None = None,
        on_nan: bool = False,
        max_rows: int = ROWS,
        save_data: str = "small",
        verify: bool = False,
        quiet: bool = False,
    ) -> None:
        self.output, self.quiet = Path(output), quiet
        paths(self.output)
        self.settings = settings(step, steps, on_nan, max_rows, save_data, verify)
        self.listing: Listing | None = None
        self.script, self.folder = "", Path.cwd()  # as the command knows them
        self.of_calls = False
        self._stack = ExitStack()
        self._fault: GradcliError | None = None

    def __enter__(self) -> record:
        try:
            from gradcli.record.hearing import recording
            from gradcli.record.steps import Steps
        except ImportError as error:
            raise InputFault(
                "PyTorch is not installed where gradcli runs",
                hint=f"{sys.executable} -m pip install torch",
            ) from error
        frame = sys._getframe(1)
        while frame.f_back and frame.f_code.co_filename in (__file__, _decorating()):
            frame = frame.f_back
        script = self.script or Path(frame.f_code.co_filename).name
        self.steps = Steps(
            self.settings, script, self.folder, self._written, of_calls=self.of_calls
        )
        self._stack = ExitStack()
        self._stack.enter_context(recording(self.steps))
        return self

    def __exit__(self, *raised: Any) -> None:
        self._stack.__exit__(None, None, None)
        fault = self._fault or self.steps.recorder.refusal
        if raised[0] is None and fault is not None:
            raise fault
        if raised[0] is None and self.listing is None and self.settings.on_nan:
            if not self.quiet:
                print("gradcli: losses and gradients are finite in every step: nothing is written",
                      file=sys.stderr)  # fmt: skip
        elif raised[0] is None and self.listing is None:
            raise InputFault("nothing was recorded: no step that was asked for has a row that "
                             "depends on a parameter",
                             hint="PyTorch's parameters have requires_grad=True")  # fmt: skip

    def _written(self, listing: Listing) -> None:
        try:
            self.text, self.data = write(listing, self.output)
        except GradcliError as error:  # told when the program has ended, not within it
            self._fault = error
            return
        self.listing = listing
        if not self.quiet:
            print(told(self), file=sys.stderr)


def told(done: record) -> str:
    """Return what is said of a record that has been written."""
    assert done.listing is not None, "it has been written"
    size = sum(path.stat().st_size for path in (done.text, done.data))
    lines = [f"gradcli: wrote {done.text} and {done.data.name} ({size / 1024:.0f} KiB)",
             *(f"  {line}" for line in done.listing.title[1:])]  # fmt: skip
    lines += [f"  opaque: {row.text}, {row.place}" for row in done.listing.opaque[:5]]
    return "\n".join(lines)


def _decorating() -> str:
    import contextlib

    return contextlib.__file__
