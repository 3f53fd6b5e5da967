"""Checks of files: one run each, in one process or several."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, time

from gradcli.against.sides import Comparisons, against
from gradcli.errors import GradcliError, InputFault, LimitFault, Source
from gradcli.session import Request, run
from gradcli.trace import Options
from gradcli.verify import drawn
from gradcli.verify.check import check
from gradcli.verify.report import Report, merged, worst_of, worst_status
from gradcli.verify.target import Settings
from gradcli.verify.verdicts import FAULT, Verdict
from gradcli.verify.workers import Processes, none_lost

SUFFIX = ".expr"


@dataclass(frozen=True)
class Outcome:
    """What became of one file: a report, or the error that kept it from running.

    A file of a folder whose inputs are not bound is skipped; `needs` names them. `started` is when
    it was begun, in seconds since 1970, and `seconds` how long it took.
    """

    file: str
    report: Report | None
    error: str | None = None
    line: int | None = None
    needs: tuple[str, ...] = ()
    started: float = 0.0
    seconds: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """The report's verdict, ERROR or SKIPPED."""
        if self.needs:
            return Verdict.SKIPPED
        return Verdict.ERROR if self.report is None else self.report.verdict

    @property
    def status(self) -> int:
        """The exit status that this file alone would give."""
        if self.needs:
            return 0
        return FAULT.status if self.report is None else self.report.status


class Unbound(InputFault):
    """A file of a folder has inputs that nothing binds."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(f"needs inputs: {', '.join(names)}")
        self.names = names


def status_of(outcomes: Sequence[Outcome]) -> int:
    """Return the exit status of several files."""
    return worst_status(outcome.status for outcome in outcomes)


def verdict_of(outcomes: Sequence[Outcome]) -> Verdict:
    """Return the worst verdict of the files that were checked."""
    return worst_of(o.verdict for o in outcomes if not o.needs)


def check_source(
    source: Source,
    options: Options,
    settings: Settings | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    walked: bool = False,
) -> Report:
    """Run a text and check it, at several drawn points where it declares inputs by shape only.

    Raises: GradcliError where it is wrong; Unbound where it was found by walking a folder, and
    has inputs without values.
    """
    settings = settings or Settings()
    inputs = _inputs(source, options, walked)
    if not inputs:
        return check(run(source, options, Request(backward=False)), settings, progress)
    reports: list[Report] = []
    shapes = ""
    points = max(settings.points, 1)
    for session in drawn.runs(source, options, inputs, points):
        own = replace(settings, points=0) if reports else settings
        shapes = shapes or drawn.told(session, inputs)
        reports.append(check(session, own))
        if progress is not None:
            progress(len(reports), points)
    note = f"inputs drawn at {points} point{'s' * (points > 1)} (seed {options.seed}): {shapes}"
    return merged(reports, note)


def compare_source(
    source: Source, options: Options, library: str, walked: bool = False
) -> Comparisons:
    """Run a text here and in another library, at one drawn point where it declares inputs.

    Raises: GradcliError where it does not run; Unbound as `check_source` does.
    """
    inputs = _inputs(source, options, walked)
    if not inputs:
        return against(run(source, options), library)
    return against(next(drawn.runs(source, options, inputs, 1, backward=True)), library)


def _inputs(source: Source, options: Options, walked: bool) -> drawn.Declared:
    inputs = drawn.declared(source, options)
    names = drawn.needed(source, options, inputs) if walked else ()
    if names:
        raise Unbound(names)
    return inputs


def files_in(paths: Sequence[str]) -> list[str]:
    """Return the expression files: those named, and all below folders, sorted.

    Raises: InputFault where a folder has none.
    """
    found: list[str] = []
    for path in paths:
        if path == "-" or not os.path.isdir(path):  # Path.is_dir does not know every name
            found.append(path)
            continue
        inside = sorted(str(p) for p in Path(path).rglob(f"*{SUFFIX}") if p.is_file())
        if not inside:
            raise InputFault(f"{path}: no {SUFFIX} file is in this folder")
        found += inside
    return list(dict.fromkeys(found))


def outcomes(
    files: Sequence[str],
    one: Callable[[str], Outcome],
    jobs: int,
    fail_fast: bool,
    tell: Callable[[str], object] = id,  # which does nothing
) -> Generator[Outcome, None, None]:
    """Yield the outcome of each file in the order of the files; stop early where asked to.

    `one` checks a file; with several jobs it runs in other processes, and must be picklable.
    `tell` is told where one of these was killed.
    """
    apart = jobs > 1 and len(files) > 1
    made = _apart(files, one, jobs, tell) if apart else ((file, one(file)) for file in files)
    done: dict[str, Outcome] = {}
    waiting = list(files)
    with closing(made):
        for file, outcome in made:
            done[file] = outcome
            while waiting and waiting[0] in done:
                outcome = done[waiting.pop(0)]
                yield outcome
                if fail_fast and outcome.status:
                    return


def _apart(
    files: Sequence[str],
    one: Callable[[str], Outcome],
    jobs: int,
    tell: Callable[[str], object],
) -> Generator[tuple[str, Outcome], None, None]:
    """Yield files and outcomes as other processes find them.

    Where one is killed, what it and the others had to do is done again, one file at a time in a
    process of its own: it may have been the memory of all of them that ran out.
    """
    undone = list(files)
    with Processes(min(jobs, len(files))) as pool, suppress(BrokenProcessPool):
        pending = {pool.submit(one, file): file for file in files}
        for future in as_completed(pending):
            if not isinstance(future.exception(), BrokenProcessPool):
                undone.remove(pending[future])
                yield pending[future], future.result()
    if undone:
        tell("a process ended before its work was done: the rest is done again, file by file")
    for file in undone:
        yield file, _alone(file, one)


def _alone(file: str, one: Callable[[str], Outcome]) -> Outcome:
    try:
        with Processes(1) as pool, none_lost():
            return pool.submit(one, file).result()
    except LimitFault as fault:
        return Outcome(file, None, str(fault))


def timed(outcome: Callable[[], Outcome]) -> Outcome:
    """Return an outcome with when it was begun, and how long it took."""
    started, began = time(), monotonic()
    return replace(outcome(), started=started, seconds=monotonic() - began)


def attempted(file: str, make: Callable[[], Report]) -> Outcome:
    """Return the outcome of a check, errors included."""
    return timed(lambda: _attempted(file, make))


def _attempted(file: str, make: Callable[[], Report]) -> Outcome:
    try:
        return Outcome(file, make())
    except Unbound as error:
        return Outcome(file, None, needs=error.names)
    except GradcliError as error:
        line = None
        if error.source is not None and error.span is not None:
            line = error.source.line_of(error.span)
        return Outcome(file, None, str(error), line)
