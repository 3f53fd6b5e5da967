"""A bar on standard error, for people only, that appears when the work takes a while."""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Self

from gradcli.cli.interrupt import deaf

if TYPE_CHECKING:
    from threading import Thread

PATIENCE = 1.0  # seconds after which a bar is shown
INTERVAL = 0.1  # seconds between two looks at the work

Count = tuple[int, int | None]  # how much is done, of how much where that is known


class Progress:
    """How far some work is, drawn by a thread as long as the context lasts.

    `what` is counted. The work tells its count with `advance`, or the thread asks for it: `watch`.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self.count: Callable[[], Count] = lambda: (0, None)
        self._thread: Thread | None = None

    def advance(self, done: int, total: int | None = None) -> None:
        """Say how much is done."""
        self.count = lambda: (done, total)

    def watch(self, count: Callable[[], int]) -> None:
        """Say what to ask for how much is done."""
        self.count = lambda: (count(), None)

    def __enter__(self) -> Self:
        self._began = monotonic()
        if sys.stderr.isatty():
            from threading import Event, Thread

            self._ended = Event()
            self._thread = Thread(target=self._draw, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is not None:
            self._ended.set()
            self._thread.join()

    def _draw(self) -> None:
        deaf()
        if self._ended.wait(PATIENCE):
            return
        from rich import progress
        from rich.console import Console

        columns = ("{task.description}", progress.BarColumn())
        console = Console(stderr=True)
        with progress.Progress(
            *columns, console=console, transient=True, redirect_stdout=False
        ) as bar:
            task = bar.add_task("", total=None)
            while True:
                done, total = self.count()
                said = f"{done / total:.0%} of the" if total else f"{done:,}"
                text = f"{said} {self.what}, {monotonic() - self._began:.0f} s"
                bar.update(task, description=text, completed=done, total=total, refresh=True)
                if self._ended.wait(INTERVAL):
                    return
