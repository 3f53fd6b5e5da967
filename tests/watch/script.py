"""A clock, files and runs that follow a script: no test of the loop waits for anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gradcli.watch.loop import Result
from gradcli.watch.saves import Saves, Stamp, Stamps

FILE = "m.expr"


def saved(number: int, size: int = 1) -> Stamp:
    """Return what is seen of a file after its save of this number."""
    return Stamp(modified=number, size=size, inode=1)


class OverError(Exception):
    """The script is over."""


class Disk:
    """Files that are saved at given seconds of a clock, which only waiting moves."""

    def __init__(self, script: Mapping[float, Mapping[str, Stamp | None]], until: float) -> None:
        self.script, self.until, self.now = script, until, 0.0
        self.saves = Saves(interval=0.1, look=self.look, sleep=self.sleep)

    def look(self, path: str) -> Stamp | None:
        """Return what is seen of a file now."""
        done = [found[path] for when, found in sorted(self.script.items())
                if when <= self.now and path in found]  # fmt: skip
        return done[-1] if done else None

    def sleep(self, seconds: float) -> None:
        """Move the clock."""
        self.now = round(self.now + seconds, 6)
        if self.now > self.until:
            raise OverError


class Run:
    """A run that takes some seconds of the disk's clock and reads some files."""

    def __init__(self, disk: Disk, told: list[str], seconds: float, reads: tuple[str, ...]) -> None:
        self.disk, self.told, self.end = disk, told, disk.now + seconds
        self.read: Stamps = {path: disk.look(path) for path in reads}
        found = disk.look(FILE)
        assert found is not None
        self.name = f"run of {found.modified}"
        told.append(f"{self.name} at {disk.now:g}")

    def reads(self) -> Stamps:
        """Return what it has read."""
        return self.read

    def ended(self, within: float) -> bool:
        """Wait, and say whether it is over."""
        if self.end > self.disk.now:
            self.disk.sleep(min(within, self.end - self.disk.now))
        return self.disk.now >= self.end

    def result(self) -> Result:
        """Return what it gave."""
        return Result(0, self.name, "", "12:00:00", 0.0)

    def close(self) -> None:
        """Note whether it was over."""
        if self.disk.now < self.end:
            self.told.append(f"{self.name} ended at {self.disk.now:g}")


class Shown:
    """What is shown, noted."""

    def __init__(self, told: list[str], resized: Callable[[], bool] = lambda: False) -> None:
        self.told, self.resized = told, resized

    def began(self) -> None:
        """Note nothing: the run does."""

    def ended(self, result: Result) -> None:
        """Note what is shown."""
        self.told.append(f"{result.page} shown")

    def missing(self) -> None:
        """Note that there is no file."""
        self.told.append("missing")
