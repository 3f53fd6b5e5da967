"""When files have been saved: they are looked at again and again.

Polling, and no package that is told of changes by the operating system: a look takes a microsecond,
and sees every kind of save on every kind of disk. `watchfiles` loses a file at the first save by
renaming unless its whole folder is watched, `watchdog` tells of one save four times, and both learn
nothing of what another machine writes: on NFS, in a folder that a container shares.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

INTERVAL = 0.1  # seconds between two looks
_STEP = 0.025  # seconds between two looks at a file that is being saved
_QUIET = 0.05  # seconds without a change, after which a save is over
# … where a file has become empty or is gone: editors and shells do so before they write it
_EMPTY = 0.3
_LONGEST = 2.0  # seconds after which a file that is written to all the time is taken as it is


class Stamp(NamedTuple):
    """What a save changes of a file: the time in ns, the size in bytes, which file it is."""

    modified: int
    size: int
    inode: int


Stamps = dict[str, Stamp | None]  # by path; None: there is no such file


def stamp(path: str) -> Stamp | None:
    """Return what a save would change, or None where there is no such file."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # a zero byte in the path
        return None
    return Stamp(found.st_mtime_ns, found.st_size, found.st_ino)


@dataclass(frozen=True)
class Saves:
    """How files are looked at: the interval in seconds, a look at one, and how to wait."""

    interval: float = INTERVAL
    look: Callable[[str], Stamp | None] = stamp
    sleep: Callable[[float], object] = time.sleep

    def pause(self) -> None:
        """Wait until it is time to look again."""
        self.sleep(self.interval)

    def changed(self, seen: Mapping[str, Stamp | None]) -> bool:
        """Say whether any file is another than when it was seen."""
        return any(self.look(path) != before for path, before in seen.items())

    def settled(self, before: Stamps) -> Stamps:
        """Wait until nobody writes to any of these files, and return what is seen then."""
        seen = {path: self.look(path) for path in before}
        still = waited = 0.0
        while still < self._quiet(before, seen) and waited < _LONGEST:
            self.sleep(_STEP)
            still, waited = still + _STEP, waited + _STEP
            if self.changed(seen):
                seen, still = {path: self.look(path) for path in before}, 0.0
        return seen

    def _quiet(self, before: Stamps, seen: Stamps) -> float:
        new = [found for path, found in seen.items() if found != before[path]]
        return _QUIET if all(found and found.size for found in new) else _EMPTY
