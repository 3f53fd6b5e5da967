"""Programs drawn at random, and what must hold of each: `python -m tests.hostile.fuzz COUNT SEED`.

A program is written by the grammar, is a file of this checkout with pieces changed, or is a call of
one function. Whatever it says, it is an inspection that every renderer shows, or an error with a
place in words of the language; there is no warning, the JSON is valid, a second run is the same,
and none of it takes ten seconds.
"""

from __future__ import annotations

import json
import re
import signal
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console

from gradcli import GradcliError, Inspection
from gradcli.errors import Source
from gradcli.facts import inspect
from gradcli.graph import Limits
from gradcli.render import EVAL, GRAPH
from gradcli.session import run
from gradcli.trace import Binding, Options
from tests.cli.runner import run as command
from tests.hostile.calls import EVERYTHING, PARAMETERS, TENSORS, calls, functions
from tests.hostile.test_own_words import foreign
from tests.test_fuzz import Writer

ROOT = Path(__file__).parents[2]
SECONDS = 10  # of one core's time
LIMITS = Limits(nodes=3_000, memory=1 << 24)
BINDINGS = {k: Binding(x, k in PARAMETERS, optional=True) for k, x in TENSORS.items()}
WIDTHS = (20, 40, 79, 100, 200)
TOKEN = re.compile(r"\w+|\s+|.")
CHECKED = 400  # of how many programs one is checked as well, and of how many 20 run twice


# ---- programs ------------------------------------------------------------------------------


def grammar(random: Random, attempt: Callable[[str], bool]) -> None:
    """Write a program statement upon statement, without those that are refused."""
    writer = Writer(random)
    text = writer.head()
    for _ in range(8):
        names, functions_ = list(writer.names), list(writer.functions)
        longer = text + writer.piece()
        if attempt(longer):
            text = longer
        else:
            writer.names, writer.functions = names, functions_


@cache
def corpus() -> tuple[str, ...]:
    """Return the files of this checkout that are short: samples, tutorials, files with a fault."""
    paths = [p for folder in ("samples", "tests/tutorials", "tests/errors")
             for p in sorted((ROOT / folder).rglob("*.expr"))]  # fmt: skip
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in paths]
    lines = [line for name in ("printed.txt", "refused.txt") for line in
             (ROOT / "tests/trace" / name).read_text(encoding="utf-8").splitlines()]  # fmt: skip
    return tuple(text for text in texts if len(text) < 1_500) + tuple(lines)


def mutation(random: Random, attempt: Callable[[str], bool]) -> None:
    """Change a few tokens or lines of a file."""
    tokens = TOKEN.findall(random.choice(corpus()))
    for _ in range(4):
        changed = list(tokens)
        for _ in range(random.choice((1, 1, 2, 3))):
            at = random.randrange(len(changed) + 1)
            kind = random.randrange(5)
            other = TOKEN.findall(random.choice(corpus()))
            if kind == 0:
                del changed[at : at + random.choice((1, 1, 3))]
            elif kind == 1:
                changed[at : at + 1] = [random.choice(EVERYTHING)]
            elif kind == 2:
                changed[at : at + 1] = [random.choice(other or [" "])]
            elif kind == 3:
                changed[at:at] = changed[max(at - random.randrange(1, 12), 0) : at]
            else:
                begin = random.randrange(len(other) + 1)
                changed[at:at] = ["\n", *other[begin : begin + random.randrange(12)], "\n"]
        attempt("".join(changed))


def call(random: Random, attempt: Callable[[str], bool]) -> None:
    """Call a function once, and differentiate what it gives."""
    drawn = calls(random.choice(functions()), random)
    next(drawn)  # without an argument
    attempt(f"result = {next(drawn)}\nresult\n")


KINDS = {"grammar": grammar, "mutation": mutation, "calls": call}


# ---- what must hold ------------------------------------------------------------------------


class Fault(Exception):
    """What must hold of a program does not."""


def outcome(text: str) -> Inspection | GradcliError:
    """Run a program: an inspection, or an error that has a place and is in own words."""
    options = Options(bindings=BINDINGS, limits=LIMITS)
    try:
        return inspect(run(Source("<text>", text), options))
    except GradcliError as error:
        if error.span is None or error.source is None:
            raise Fault(f"no place: {error.message}") from error
        if why := foreign(error):
            raise Fault(f"words of others: {why}") from error
        return error


def shown(inspection: Inspection, random: Random) -> str:
    """Return an inspection in every format that there is."""
    full, precision = random.random() < 0.5, random.choice((None, 3, 17))
    named = random.random() < 0.5
    parts = []
    for render in EVAL.values():
        parts.append(render(inspection, named=named, full=full, precision=precision))
    backward = random.random() < 0.5
    parts.append(GRAPH["dot"](inspection, values=full, backward=backward, precision=precision))
    parts.append(GRAPH["tree"](inspection, full=full, precision=precision))
    json.loads(EVAL["json"](inspection, named=named, full=full, precision=precision),
               parse_constant=_refuse)  # fmt: skip
    console = Console(file=StringIO(), width=random.choice(WIDTHS), no_color=True)
    return "".join(part if isinstance(part, str) else _printed(console, part) for part in parts)


def _printed(console: Console, part: Any) -> str:
    console.print(part, crop=False)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def _refuse(name: str) -> None:
    raise Fault(f"{name} is no JSON")


def judge(text: str, seed: int) -> bool:
    """Run a program and show it; say whether it ran.

    Raises: Fault, or what no program may raise.
    """
    end = outcome(text)
    page = str(end) if isinstance(end, GradcliError) else shown(end, Random(seed))
    if seed % (CHECKED // 20) == 0:
        again = outcome(text)
        same = str(again) if isinstance(again, GradcliError) else shown(again, Random(seed))
        if same != page:
            raise Fault("a second run differs")
    if seed % CHECKED == 0 and isinstance(end, Inspection):
        checked = command("check", "-", stdin=text.encode("utf-8", "replace"))
        if checked.status not in (0, 1, 2, 3) or "Traceback" in checked.errors:
            raise Fault(f"check ended with {checked.status}: {checked.errors}")
    return isinstance(end, Inspection)


# ---- many ----------------------------------------------------------------------------------


class Tally:
    """How many programs of each kind there were, how they ended, and the faults."""

    def __init__(self) -> None:
        self.ends: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
        self.faults: dict[str, tuple[str, str]] = {}
        self.times = Counter[str]()
        self.programs = 0

    def attempt(self, kind: str, text: str) -> bool:
        """Judge one program."""
        self.programs += 1
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        ran = False
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                ran = judge(text, self.programs)
        except Exception as error:
            signal.setitimer(signal.ITIMER_PROF, 0)
            self.ends[kind]["fault"] += 1
            key = _place(error)
            self.times[key] += 1
            self.faults.setdefault(key, (text, f"{type(error).__name__}: {error}"))
            return False
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        self.ends[kind]["ran" if ran else "refused"] += 1
        return ran


def _place(error: BaseException) -> str:
    root = error.__cause__.__cause__ if error.__cause__ is not None else None
    frames = traceback.extract_tb((root or error.__cause__ or error).__traceback__)
    ours = [f for f in frames if "gradcli/" in f.filename] or list(frames)
    places = (f"{f.filename.rpartition('gradcli/')[2]}:{f.lineno}" for f in ours[::-1][:3])
    return f"{type(root or error).__name__} {' < '.join(places)}"


def draws(count: int, seed: int, tally: Tally, kinds: tuple[str, ...] = (*KINDS,)) -> None:
    """Judge so many programs, equally many of each kind."""
    signal.signal(signal.SIGPROF, _too_slow)
    for kind in kinds:
        random, end = Random(f"{seed} {kind}"), tally.programs + count // len(kinds)
        while tally.programs < end:
            KINDS[kind](random, partial(tally.attempt, kind))


def _too_slow(*_: Any) -> None:
    raise Fault(f"more than {SECONDS} seconds")


def main(count: int, seed: int, *kinds: str) -> None:
    """Judge programs and print the figures, and each fault once."""
    tally = Tally()
    try:
        draws(count, seed, tally, kinds or (*KINDS,))
    finally:
        for key, (text, said) in tally.faults.items():
            print(f"## {tally.times[key]} times {key}: {said[:300]}\n{text[:600]}\n")
        print(tally.programs, "programs:", {k: dict(v) for k, v in tally.ends.items() if v})


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
