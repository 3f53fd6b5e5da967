"""Runs in processes that stand ready and can be ended: a newer run of a page ends the older."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import BoundedSemaphore, Lock

from gradcli.play.evaluation import Failed, Reader, Shown, Text, evaluated_in, warm
from gradcli.verify.limited import limited
from gradcli.verify.workers import Processes

AT_ONCE = 4  # runs: one for each page that is open, of which more wait
SPARE = 2  # processes that stand ready
_LOOK = 0.05  # seconds between two questions whether a run is still wanted


class Runs:
    """The runs of all pages, each within so many seconds and bytes.

    `read` makes options of a line of words, in the process of the run.
    """

    def __init__(self, read: Reader, seconds: float, memory: int) -> None:
        self._read, self._seconds, self._memory = read, seconds, memory
        self._lock, self._room = Lock(), BoundedSemaphore(AT_ONCE)
        self._numbers, self._newest = count(), dict[str, int]()
        self._all, self._ready = set[Processes](), list[Processes]()
        self._closed = False
        self._folder = TemporaryDirectory(prefix="gradcli.", ignore_cleanup_errors=True)
        self._fill()

    def run(self, page: str, what: Text, wanted: Callable[[], bool]) -> Shown | Failed:
        """Run a text for a page, whose earlier run ends.

        Raises: CancelledError where that happens to this run, or it is not `wanted` any more.
        """
        with self._lock:
            number = self._newest[page] = next(self._numbers)

        def still() -> bool:
            return self._newest.get(page) == number and not self._closed and wanted()

        try:
            while not self._room.acquire(timeout=_LOOK):
                if not still():
                    raise CancelledError
            try:
                return self._run(what, still)
            finally:
                self._room.release()
        finally:
            with self._lock:
                if self._newest.get(page) == number:
                    del self._newest[page]

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            self._closed = True
            ended, self._all = self._all, set()
        for pool in ended:
            pool.end()
        self._folder.cleanup()

    def _run(self, what: Text, still: Callable[[], bool]) -> Shown | Failed:
        pool = self._taken(still)
        file = Path(self._folder.name) / f"{next(self._numbers)}.pickle"
        try:
            file.write_bytes(pickle.dumps(what))
            limited(
                pool, "the run", self._seconds, self._memory, evaluated_in, self._read, file,
                wanted=still,
            )  # fmt: skip
            found: Shown | Failed = pickle.loads(file.read_bytes())
        except BaseException as error:
            self._end(pool)
            self._fill()
            if isinstance(error, CancelledError) or not isinstance(error, Exception):
                raise
            return Failed(_words(error))
        finally:
            file.unlink(missing_ok=True)
        with self._lock:
            self._ready.append(pool)
        self._fill()
        return found

    def _taken(self, still: Callable[[], bool]) -> Processes:
        """Return a process that is ready: the one that was used last knows the most.

        Raises: CancelledError where nobody wants it any more.
        """
        while still():
            with self._lock:
                pool = self._ready.pop() if self._ready else self._started()
            try:
                ready = pool.submit(warm, self._read)
                while still():
                    try:
                        ready.result(_LOOK)
                    except TimeoutError:
                        continue
                    return pool
            except BrokenProcessPool:  # someone has ended it while it waited
                pass
            self._end(pool)
        raise CancelledError

    def _started(self) -> Processes:
        """Return a new process, which makes itself ready; called with the lock."""
        if self._closed:
            raise CancelledError
        pool = Processes(1)
        pool.submit(warm, self._read)
        self._all.add(pool)
        return pool

    def _end(self, pool: Processes) -> None:
        pool.end()
        with self._lock:
            self._all.discard(pool)

    def _fill(self) -> None:
        """Let as many processes stand ready as there should be."""
        with self._lock:
            while len(self._ready) < SPARE and not self._closed:
                self._ready.insert(0, self._started())
            spare = self._ready[:-SPARE]
            del self._ready[:-SPARE]
        for pool in spare:
            self._end(pool)


def _words(error: Exception) -> str:
    """Return what the terminal says of an error."""
    from gradcli.errors import GradcliError, visible

    if isinstance(error, GradcliError):
        return str(error)
    return (
        f"internal error: {type(error).__name__}: {visible(str(error))}\n"
        "hint: this is a fault of gradcli, please report it"
    )
