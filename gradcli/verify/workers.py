"""Differences of many elements: in this process, or in several where that pays."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from threading import Thread
from time import monotonic
from typing import Any, NamedTuple, TypeVar

import numpy as np

from gradcli.errors import LimitFault
from gradcli.rule.dtypes import Array

PAYS = 1.5  # seconds of work left from which processes are started: each runs the file anew
PIECE = 0.2  # seconds that a piece of the work should take


class Work(NamedTuple):
    """Which differences: of a parameter, by the complex step or by real ones."""

    leaf: int
    exact: bool


T = TypeVar("T")
Rows = Callable[[Array], Array]  # from elements, shape (k,), to a row for each
Prepare = Callable[..., Callable[[Work], Rows]]


@dataclass
class Workers:
    """Whatever computes rows, one for each element.

    With several `jobs`, other processes call `prepare(*arguments)` once, which must be picklable,
    and then what it returns for each work. `advance` is told how many elements are done.
    """

    jobs: int
    prepare: Prepare
    arguments: tuple[Any, ...]
    advance: Callable[[int], object] = id  # which does nothing
    pool: Processes | None = None

    def rows(self, work: Work, here: Rows, elements: Array, width: int) -> Array:
        """Return the rows of some elements, shape (k, ...); `width` go well together."""
        found, done, size, started = [], 0, width, monotonic()
        while done < len(elements):
            piece = elements[done : done + size]
            found.append(here(piece))
            done += len(piece)
            self.advance(len(piece))
            each = (monotonic() - started) / done
            size = width * max(1, int(PIECE / max(each * width, 1e-9)))
            if self.jobs > 1 and (len(elements) - done) * each > PAYS:
                rest = [elements[k : k + size] for k in range(done, len(elements), size)]
                found += self._elsewhere(work, rest)
                break
        return np.concatenate(found) if found else here(elements)

    def _elsewhere(self, work: Work, pieces: Sequence[Array]) -> list[Array]:
        if self.pool is None:
            self.pool = Processes(self.jobs, _make_ready, (self.prepare, self.arguments))
        found: list[Array] = []
        with none_lost():
            for rows in self.pool.map(_rows, [work] * len(pieces), pieces):
                found.append(rows)
                self.advance(len(rows))
        return found

    def close(self) -> None:
        """End the processes."""
        if self.pool is not None:
            self.pool.end()


class Processes(ProcessPoolExecutor):
    """A pool of processes that end with this one, whatever they do, and in silence on Ctrl-C.

    They are not forked off this one: its threads, numpy's or another library's, would be missing.
    """

    def __init__(
        self,
        count: int,
        initializer: Callable[..., None] | None = None,
        arguments: tuple[Any, ...] = (),
    ) -> None:
        available = multiprocessing.get_all_start_methods()
        context = multiprocessing.get_context(
            "forkserver" if "forkserver" in available else "spawn"
        )
        context.set_forkserver_preload(["gradcli.verify.run"])
        # nothing is ever sent: that the other end has closed is the message
        self._theirs, self._ours = context.Pipe(duplex=False)
        super().__init__(
            count, context, initializer=_begin, initargs=(self._theirs, initializer, arguments)
        )

    def submit(self, call: Callable[..., T], /, *arguments: Any, **keywords: Any) -> Future[T]:
        """Give them a call to do; it may start one of them."""
        with _uninterrupted():
            return super().submit(call, *arguments, **keywords)

    def end(self) -> None:
        """End them at once; what they had to do is lost."""
        self._ours.close()
        for process in dict(self._processes or {}).values():
            process.kill()  # whatever C code keeps it from hearing
        self.shutdown(cancel_futures=True)

    def __exit__(self, kind: type[BaseException] | None, *more: Any) -> None:
        """Wait for what they do, unless an error or a signal came meanwhile."""
        if kind is not None:
            self.end()
        self.shutdown()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put Ctrl-C off, here and for good in processes that are started meanwhile.

    A terminal sends it to all of them, Python answers with a traceback, and the parent ends them.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def none_lost() -> Iterator[None]:
    """Say in a person's words that a process has ended before its work was done.

    Raises: LimitFault.
    """
    try:
        yield
    except BrokenProcessPool:
        raise LimitFault(
            "a process ended before its work was done",
            hint="memory may have run out: use fewer with -j",
        ) from None


# ---- in another process --------------------------------------------------------------------


def _begin(
    parent: Connection, initializer: Callable[..., None] | None, arguments: tuple[Any, ...]
) -> None:
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # the parent says what there is to say
    Thread(target=_end_with, args=(parent,), daemon=True).start()
    if initializer is not None:
        initializer(*arguments)


def _end_with(parent: Connection) -> None:
    wait([parent])
    os._exit(1)


_made: dict[Work, Rows] = {}
_make: list[Callable[[Work], Rows]] = []


def _make_ready(prepare: Prepare, arguments: tuple[Any, ...]) -> None:
    _make[:] = [prepare(*arguments)]


def _rows(work: Work, elements: Array) -> Array:
    if work not in _made:
        _made.clear()  # one parameter comes after the other
        _made[work] = _make[0](work)
    return _made[work](elements)
