"""Peers for the tests of the frame: what they do is written to a file, in the order they do it."""

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.frame import Peer, Work

BYTES = 50 << 20


def noted(folder: str, name: str, size: int) -> Work:
    """Write the name down each time that the work is done at its size, not to warm up."""

    def work() -> dict[str, float]:
        if size > 1:
            with Path(folder, "log").open("a") as log:
                log.write(f"{name} {os.getpid()}\n")
        return {"y": 2.0 * size}

    return work


def returns(result: dict[str, Any], size: int) -> Work:  # noqa: ARG001
    """Return something, whatever the size."""
    return lambda: result


def fails(size: int) -> Work:
    """Fail when the work is done."""
    return lambda: {"y": 1 / (size - size)}


def ends(size: int) -> Work:  # noqa: ARG001
    """End the process when the work is done, as a system does that has no memory left."""
    return lambda: os._exit(1)


def sleeps(size: int) -> Work:  # noqa: ARG001
    """Take for ever, but not the first time."""
    times: list[int] = []

    def work() -> dict[str, float]:
        time.sleep(60 if times else 0)
        times.append(1)
        return {"y": 4.0}

    return work


def allocates(size: int) -> Work:
    """Hold so many bytes for a while, but not to warm up."""

    def work() -> dict[str, float]:
        return {"y": float(len(b"\1" * (BYTES * (size - 1))))}

    return work


def peer(name: str, make: Callable[..., Work], *first: Any, needs: str = "") -> Peer:
    """Return a peer whose function has arguments before the size."""
    return Peer(name, partial(make, *first), needs)
