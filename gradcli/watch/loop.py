"""The loop: run, show, wait for a save."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from gradcli.watch.saves import Saves, Stamps

_TURN = 0.05  # seconds between two looks at the files while a run lasts
_GOOD = (0, 1, 3)  # exit statuses of a run that has something to show


class Result(NamedTuple):
    """What a run gave: exit status, page, messages, the time of day, and how long it took in s."""

    status: int
    page: str
    messages: str
    at: str
    seconds: float

    @property
    def good(self) -> bool:
        """Whether there is a page: a claim may be false on it."""
        return self.status in _GOOD


class Run(Protocol):
    """A run that has begun."""

    def reads(self) -> Stamps:
        """Return the files that it has read or looked for, as they were then."""

    def ended(self, within: float) -> bool:
        """Say whether it is over, after so many seconds at most."""

    def result(self) -> Result:
        """Return what it gave."""

    def close(self) -> None:
        """End it, wherever it is."""


class Shown(Protocol):
    """Where runs are shown."""

    def began(self) -> None:
        """Say that a run has begun."""

    def ended(self, result: Result) -> None:
        """Show what a run gave."""

    def missing(self) -> None:
        """Say that there is no file."""

    def resized(self) -> bool:
        """Heed the terminal's size; say whether a run is to be laid out for another width."""


def follow(file: str, start: Callable[[], Run], shown: Shown, saves: Saves) -> None:
    """Run for a file now, and again whenever it, or what the run has read, is saved.

    Endless: what `saves` or `shown` raise ends it. A save during a run ends that run.
    """
    seen: Stamps = {file: saves.look(file)}
    while True:
        if seen[file] is None:
            shown.missing()
        else:
            seen = _once(seen, start, shown, saves)
        while not (saves.changed(seen) or shown.resized()):
            saves.pause()
        # the next run says anew what it reads
        seen = {file: saves.settled(seen)[file]}


def _once(seen: Stamps, start: Callable[[], Run], shown: Shown, saves: Saves) -> Stamps:
    """Run, to the end or to the next save; return the files that were read, as they were then."""
    run = start()
    try:
        shown.began()
        while not run.ended(_TURN):
            if saves.changed(seen | run.reads()) or shown.resized():
                return seen | run.reads()
        shown.ended(run.result())
        return seen | run.reads()
    finally:
        run.close()
