"""Ctrl-C where Python does not hear it: while a long computation of C runs."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread, current_thread, main_thread

from gradcli.cli import INTERRUPTED

GRACE = 0.5  # seconds that Python has to end by itself


@contextmanager
def heeded() -> Iterator[None]:
    """Let Ctrl-C end this process also within a product of matrices that takes a minute.

    Python answers between two instructions only. What it has begun to write to a file it has not
    put in its place; other processes end with this one.
    """
    # Python hears signals in no other thread, and Windows has no pipes for them
    if current_thread() is not main_thread() or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    left = Event()
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    before = signal.set_wakeup_fd(theirs, warn_on_full_buffer=False)
    Thread(target=_listen, args=(ours, left), daemon=True).start()
    try:
        yield
    finally:
        left.set()
        signal.set_wakeup_fd(before)
        os.close(theirs)


def _listen(pipe: int, left: Event) -> None:
    deaf()
    while signals := os.read(pipe, 1):  # nothing: the other end is closed
        if signal.SIGINT in signals and not left.wait(GRACE):
            if os.isatty(2):
                os.write(2, b"\x1b[?25h\n")  # a bar has hidden the cursor
            os._exit(INTERRUPTED)
    os.close(pipe)


def deaf() -> None:
    """Let this thread leave Ctrl-C to the main one, which may have put it off for a moment."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let a hang-up, or a request to end, end the run and put away its files as Ctrl-C does."""
    if current_thread() is not main_thread():  # Python hears signals in no other
        yield
        return
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        if before[number] is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, _end)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, before[number])


def _end(number: int, _: object) -> None:
    sys.exit(128 + number)
