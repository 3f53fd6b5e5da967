"""A call in a process of its own, within limits of time and memory that the system holds it to."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from time import monotonic
from typing import Any

from gradcli.errors import LimitFault
from gradcli.verify.workers import Processes, T

ROOM = 2 << 30  # bytes for the libraries themselves and their threads
_LOOK = 0.05  # seconds between two questions whether the result is still wanted


def _always() -> bool:
    return True


def limited(
    pool: Processes,
    what: str,
    seconds: float,
    memory: int,
    function: Callable[..., T],
    *arguments: Any,
    wanted: Callable[[], bool] = _always,
) -> T:
    """Return what a function returns, called by the one process of a pool; both are picklable.

    `memory` is in bytes, beside what libraries take. `what` says in an error what was done. When
    the result is `wanted` no more, the process is ended.

    Raises: LimitFault where time or memory are not enough, or the process ends otherwise;
    CancelledError where the result was not wanted any more; what the function raises.
    """
    try:
        future: Future[T] = pool.submit(_within, seconds, memory, function, arguments)
        return _awaited(future, monotonic() + seconds, wanted)
    except CancelledError:
        pool.end()
        raise
    except TimeoutError:
        pool.end()
        fault = f"{what} did not end within {seconds:g} s", "--max-seconds N gives it more"
    except MemoryError:
        fault = f"{what} takes too much memory", "--max-memory SIZE gives it more"
    except BrokenProcessPool:
        fault = (
            f"the process of {what} was ended from outside",
            "its memory may have run out: --max-memory SIZE",
        )
    raise LimitFault(fault[0], hint=fault[1])


def _awaited(future: Future[T], deadline: float, wanted: Callable[[], bool]) -> T:
    """Return a result when it is there; `deadline` is in seconds of the monotonic clock.

    Raises: TimeoutError after it, CancelledError where nobody wants the result any more.
    """
    while wanted():
        try:
            return future.result(min(_LOOK, deadline - monotonic()))
        except TimeoutError:
            if monotonic() > deadline:
                raise
    raise CancelledError


def _within(
    seconds: float, memory: int, function: Callable[..., T], arguments: tuple[Any, ...]
) -> T:
    """Call a function, the limits being those of this call alone: the process may have others."""
    try:
        import resource
    except ImportError:  # a system without them: the caller's clock remains
        return function(*arguments)
    # the caller's clock comes first, unless the caller is no more
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    processors = os.cpu_count() or 1
    for kind, limit in (
        (resource.RLIMIT_DATA, memory + ROOM),
        (resource.RLIMIT_CPU, int(used + seconds * processors) + 1),
    ):
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (limit if hard < 0 else min(limit, hard), hard))
    return function(*arguments)
