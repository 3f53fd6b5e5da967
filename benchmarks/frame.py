"""The frame of every benchmark: a workload is a name, its aims, and peers that do the same work.

Each peer works in a fresh process of its own. All do the work once, and their results must agree
before anything is timed; then they take turns (A B C A B C), so that a machine that slows down
slows all of them.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
import time
import traceback
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from statistics import median
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Result = Mapping[str, npt.ArrayLike]  # what must agree: a value or gradient by its name
Work = Callable[[], Result]
Memory = Literal["", "process", "traced"]  # how it is measured
PAUSE = 0.03  # seconds: threads of a peer that has just worked spin for about as long
ROUND = 0.1  # seconds: a round repeats shorter work, and its shortest time counts
MEMORY = 8 << 30  # bytes that a peer may take: beyond it ends in a MemoryError, not in swapping


@dataclass(frozen=True)
class Peer:
    """One way to do the work: `make` is given the size, and returns what is timed.

    `make` is a function of a module, for it is sent to another process. `needs` is the library
    without which the peer is missing.
    """

    name: str
    make: Callable[[int], Work]
    needs: str = ""


@dataclass(frozen=True)
class Aim:
    """The time of the first peer may be at most `ratio` times that of the peer named."""

    ratio: float
    peer: str


@dataclass(frozen=True)
class Workload:
    """A row: what is done, by whom, and what is aimed at; the first peer is the one measured.

    `size` is given to every peer, `tiny` is the size of `--quick` and of the round that warms up.
    `each` names what there are `size` of, where the time of one is shown. Results agree within
    `tolerance`, relative to the largest element. Memory is what the process takes beyond what it
    has after warming up, or what Python has allocated (`traced`), each at its peak and with the
    inputs; `most_bytes` is the aim for a size. `environment` holds for every peer.
    """

    name: str
    title: str
    peers: Sequence[Peer]
    size: int
    tiny: int
    aims: Sequence[Aim] = ()
    tolerance: float = 1e-9
    each: str = ""
    memory: Memory = ""
    most_bytes: Callable[[int], float] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Measured:
    """What came of one peer: times in seconds, bytes at the peak, or why there is none."""

    peer: str
    times: list[float] = field(default_factory=list)
    bytes: int | None = None
    missing: str = ""

    @property
    def seconds(self) -> float | None:
        """The median of the times."""
        return median(self.times) if self.times else None


@dataclass
class Row:
    """What came of a workload at a size; `error` says where peers disagree or fail."""

    workload: Workload
    size: int
    measured: list[Measured]
    error: str = ""

    def ratio(self, peer: str) -> float | None:
        """Return how many times as long as a peer the first one takes, None if not measured."""
        ours, theirs = self.measured[0].seconds, self.of(peer).seconds
        return ours / theirs if ours and theirs else None

    def of(self, peer: str) -> Measured:
        """Return what came of a peer."""
        return next(m for m in self.measured if m.peer == peer)


class BenchmarkError(Exception):
    """Two peers disagree, or one of them failed."""


# ---- in the process of a peer ---------------------------------------------------------------


def serve(connection: Connection, peer: Peer, sizes: tuple[int, int], memory: Memory) -> None:
    """Warm up, do the work once and send its result and peak; then once more for each request."""
    os.setsid()  # so that what the peer starts ends with it
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    try:
        tiny, size = sizes
        peer.make(tiny)()
        gc.collect()
        with peak_of(memory) as peak:
            work = peer.make(size)
            result = work()
        connection.send(({name: np.asarray(value) for name, value in result.items()}, peak()))
        del result
        while connection.recv():
            connection.send(shortest(work))
    except EOFError:  # nobody asks any more
        return
    except Exception:
        connection.send(BenchmarkError(traceback.format_exc()))


def shortest(work: Work) -> float:
    """Return how long the work takes, in seconds: what is short is done again for a while."""
    until = time.perf_counter() + ROUND
    times = []
    while True:
        started = time.perf_counter()
        work()
        ended = time.perf_counter()
        times.append(ended - started)
        if ended >= until:
            return min(times)


@contextmanager
def peak_of(kind: Memory) -> Iterator[Callable[[], int | None]]:
    """Measure the peak of memory within, in bytes beyond what is taken on entry."""
    found: int | None = None
    before = resident()
    if kind == "traced":
        tracemalloc.start()
    yield lambda: found
    if kind == "traced":
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    elif kind == "process":
        found = resident() - before


def resident() -> int:
    """Return the most memory that this process has had, in bytes.

    On Linux `ru_maxrss` will not do: a process begins with that of the one that has started it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].removesuffix("kB")) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


# ---- in the process that asks ---------------------------------------------------------------


class Worker:
    """A process in which a peer works when asked."""

    def __init__(self, workload: Workload, peer: Peer, size: int) -> None:
        spawn = get_context("spawn")
        self.connection, theirs = spawn.Pipe()
        self.process: SpawnProcess = spawn.Process(
            target=serve, args=(theirs, peer, (workload.tiny, size), workload.memory)
        )
        before = dict(os.environ)
        os.environ.update(workload.environment)
        try:
            self.process.start()
        finally:
            os.environ.clear()
            os.environ.update(before)
        theirs.close()

    def answer(self, seconds: float) -> Any:
        """Wait so long for an answer.

        Raises: TimeoutError; BenchmarkError where the peer failed.
        """
        if not self.connection.poll(max(seconds, 0)):
            raise TimeoutError
        try:
            answer = self.connection.recv()
        except EOFError:
            raise BenchmarkError("its process ended: out of memory?") from None
        if isinstance(answer, BenchmarkError):
            raise answer
        return answer

    def time(self, seconds: float) -> float:
        """Have the work done once more, and return how long it took."""
        self.connection.send(True)
        answer: float = self.answer(seconds)
        return answer

    def end(self) -> None:
        """End the process, and what it has started."""
        if self.process.is_alive() and self.process.pid is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:  # it has no group of its own yet
                self.process.kill()
        self.process.join()
        self.connection.close()


def measure(workload: Workload, rounds: int = 5, quick: bool = False, limit: float = 120.0) -> Row:
    """Run a workload, and return what came of it.

    A peer whose first run takes more than `limit` seconds is left out; rounds go on until there
    are enough or so much time has passed.
    """
    size = workload.tiny if quick else workload.size
    row = Row(workload, size, [Measured(peer.name) for peer in workload.peers])
    workers: dict[str, Worker] = {}
    try:
        results: dict[str, dict[str, npt.NDArray[Any]]] = {}
        for peer, measured in zip(workload.peers, row.measured, strict=True):
            if peer.needs and find_spec(peer.needs) is None:
                measured.missing = "not installed"
                continue
            worker = Worker(workload, peer, size)
            try:
                results[peer.name], measured.bytes = worker.answer(limit)
                workers[peer.name] = worker
            except TimeoutError:
                measured.missing = f"more than {limit:.0f} s"
            except BenchmarkError as error:
                measured.missing = "failed"
                row.error += f"{peer.name}: {error}\n"
            finally:
                if peer.name not in workers:
                    worker.end()
        compare(results, workload.tolerance)
        take_turns(workers, row, rounds, limit)
    except BenchmarkError as error:
        row.error += f"{error}\n"
    finally:
        for worker in workers.values():
            worker.end()
    return row


def take_turns(workers: Mapping[str, Worker], row: Row, rounds: int, limit: float) -> None:
    """Time every peer once a round, one after the other."""
    until = time.monotonic() + limit
    for _ in range(rounds):
        for name, worker in workers.items():
            time.sleep(PAUSE)
            try:
                row.of(name).times.append(worker.time(limit))
            except TimeoutError:
                row.of(name).missing = f"more than {limit:.0f} s"
                return
            except BenchmarkError as error:
                raise BenchmarkError(f"{name}: {error}") from None
        if time.monotonic() > until:
            return


def compare(results: Mapping[str, Mapping[str, npt.NDArray[Any]]], tolerance: float) -> None:
    """Hold the results of all peers that have any to those of the first.

    Raises: BenchmarkError where names, shapes or numbers differ.
    """
    found = [(name, result) for name, result in results.items() if result]
    for name, result in found[1:]:
        first, expected = found[0]
        if result.keys() != expected.keys():
            raise BenchmarkError(f"{first} has {sorted(expected)}, {name} {sorted(result)}")
        for key, value in result.items():
            right = expected[key]
            if value.shape != right.shape:
                raise BenchmarkError(f"{key}: {first} {right.shape}, {name} {value.shape}")
            size = np.abs(right).max(initial=0.0)
            distance = np.abs(value - right).max(initial=0.0)
            if not distance <= tolerance * max(size, np.finfo(float).tiny):
                raise BenchmarkError(
                    f"{key}: {first} and {name} differ by {distance:.3g}, of numbers up to "
                    f"{size:.3g}"
                )
