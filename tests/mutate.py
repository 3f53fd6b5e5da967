"""How many small changes to the code the tests notice.

    python -m tests.mutate --count 200 --seed 1 [--room ops] [--jobs 2] [--most 60] [--json FILE]

Needs `coverage` (`pip install -e '.[mutate]'`). Works in copies of the checkout in a temporary
folder. A run of all tests first writes which of them execute which lines; it is kept there, and
made again when the code has changed; tests that have changed are run as if they
executed every line. Then changes are drawn, one at a time: a line at random, and
one of its changes. First run a few tests that execute the line, of many kinds and the fast ones of
each; then all others that do, and those that start processes; and for what importing a file
executes, all tests. A change that none of them notices is printed, and the exit status is 1.

Changes without effect stand in `tests/mutation/without_effect.txt`, each with the reason.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import hashlib
import json
import os
import queue
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, zip_longest
from math import inf
from pathlib import Path
from typing import NamedTuple

from tests.mutation.changes import Change, changes, valid
from tests.mutation.touches import Touches

ROOT = Path(__file__).resolve().parents[1]
WITHOUT_EFFECT = ROOT / "tests" / "mutation" / "without_effect.txt"
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".*_cache", ".hypothesis", "dist", "build")
FIRST = 60  # tests of the first run
SECONDS, SLOWER = 60, 4  # of processor time for a run: these, and so many times what it took before
MEMORY = 12 << 30  # bytes


class Outcome(NamedTuple):
    """What the tests say of a change: the one that notices, "" for none."""

    change: Change
    noticed: str
    tests: int
    seconds: float


# ---- changes -------------------------------------------------------------------------------


def room(change: Change) -> str:
    """Return the room that a change is in."""
    return Path(change.path).parts[1].removesuffix(".py")


def draw(count: int, seed: int, rooms: Iterable[str]) -> list[Change]:
    """Return changes at random: of a line at random, one at random."""
    lines: dict[tuple[str, int], list[Change]] = {}
    wanted, ignored = set(rooms), without_effect()
    for file in sorted((ROOT / "gradcli").rglob("*.py")):
        path = file.relative_to(ROOT).as_posix()
        for change in changes(path, file.read_bytes()):
            if not wanted or room(change) in wanted:
                lines.setdefault((path, change.line), []).append(change)
    rng = random.Random(seed)
    found: list[Change] = []
    for place in rng.sample(sorted(lines), len(lines)):
        change = rng.choice(lines[place])
        text = (ROOT / change.path).read_bytes()
        if valid(change, text) and key(change, text) not in ignored:
            found.append(change)
        if len(found) == count:
            break
    return found


def key(change: Change, text: bytes) -> tuple[str, str, str]:
    """Return a change as the list of those without effect names it: file, old and new line."""
    lines = difference(change, text)[2:]
    old, new = (" ".join(x[1:].strip() for x in lines if x[0] == mark) for mark in "-+")
    return change.path, old, new


def difference(change: Change, text: bytes) -> list[str]:
    """Return the lines of a change as `diff -u` writes them."""
    old, new = (t.decode().splitlines() for t in (text, change.apply(text)))
    return list(difflib.unified_diff(old, new, change.path, change.path, "", "", 0, ""))


def without_effect() -> set[tuple[str, str, str]]:
    """Read the list of changes without effect: file, old line, new line and reason by tabs."""
    found = set()
    for line in WITHOUT_EFFECT.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            path, old, new, reason = line.split("\t")
            assert reason, f"{line}: no reason"
            found.add((path, old, new))
    return found


# ---- running the tests ---------------------------------------------------------------------


class Copy:
    """A copy of the checkout in which the tests are run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT, folder, ignore=LEFT_OUT)

    def pytest(self, *arguments: str, allowed: float, **variables: str) -> tuple[int, str]:
        """Run pytest; the status is negative where a limit of time or memory ended it."""
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
        command += ["-p", "tests.mutation.touches", "--hypothesis-seed=0", *arguments]
        environment = os.environ | variables | {"PYTHONPATH": self._path()}

        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_CPU, (int(allowed), int(allowed) + 5))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=limit,
        ) as process:
            try:
                output, _ = process.communicate(timeout=20 * allowed)
            except subprocess.TimeoutExpired:
                output = ""
            finally:
                stop(process)
        shutil.rmtree(self.folder / ".hypothesis", ignore_errors=True)  # what other changes failed
        return process.returncode, output

    def _path(self) -> str:
        return os.pathsep.join(filter(None, [str(self.folder), os.environ.get("PYTHONPATH")]))

    def noticed(self, names: list[str], touches: Touches) -> str:
        """Run some tests and return what notices a change, "" for nothing."""
        order = self.folder / "order.txt"
        order.write_text("\n".join(names))
        files = sorted({name.partition("::")[0] for name in names})
        allowed = SECONDS + SLOWER * sum(touches.took(name) for name in names)
        status, output = self.pytest(
            "-x", "-q", "--tb=no", "-rfE", *files, allowed=allowed, GRADCLI_ORDER=str(order)
        )
        if status == 0:
            return ""
        if status < 0:
            return "time or memory is up"
        told = [x for x in output.splitlines() if x.startswith(("FAILED", "ERROR"))]
        return (told or output.splitlines()[-1:] or ["it does not start"])[0][:200]


def stop(process: subprocess.Popen[str]) -> None:
    """End what a run has left behind: it has a session of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def touched(folder: Path, copy: Copy, jobs: int) -> Touches:
    """Return which tests execute which lines: what is kept, or what a run of all tests says."""
    store = folder / f"touches-{state()}"
    if not (store / "done").exists():
        print("running all tests, to see which of them execute which lines", file=sys.stderr)
        shutil.rmtree(store, ignore_errors=True)
        store.mkdir()
        many = ("-n", str(jobs)) if jobs > 1 else ()
        status, output = copy.pytest(*many, allowed=7200, GRADCLI_TOUCHES=str(store))
        if status != 0:
            raise SystemExit(f"the tests do not pass as the code is:\n{output[-3000:]}")
        (store / "done").touch()
    return Touches(store, ROOT)


def state() -> str:
    """Return a name for the code as it is."""
    held = hashlib.sha256()
    for pattern in ("gradcli/**/*.py", "grammar/*"):
        for file in sorted(ROOT.glob(pattern)):
            held.update(file.relative_to(ROOT).as_posix().encode() + file.read_bytes())
    return held.hexdigest()[:16]


# ---- which tests, in which order -----------------------------------------------------------


def varied(names: Iterable[str], touches: Touches) -> list[str]:
    """Sort tests: the fastest case of every function, then the second of each, and so on."""
    functions: dict[str, list[str]] = {}
    for name in sorted(names, key=lambda n: (touches.seconds[n], n)):
        functions.setdefault(name.partition("[")[0], []).append(name)
    turns = zip_longest(*functions.values())
    return [name for turn in turns for name in turn if name is not None]


def stages(change: Change, touches: Touches) -> Iterator[list[str]]:
    """Yield the tests to run, those most likely to notice first."""
    near = touches.of(change.path, range(change.lines[0], change.lines[1] + 1))
    every = change.imported or ("" in near and not _in_lambda(change))
    near &= touches.seconds.keys()
    if change.name:
        spelt = change.name.strip("_")
        near |= {n for n in touches.seconds if change.imported and spelt in n}
    own = varied(near, touches)
    yield own[:FIRST]
    rest = set(touches.seconds) if every else near | touches.outside
    files = touches.now if every else touches.changed
    yield varied(rest - set(own[:FIRST]), touches) + sorted(files)


def _in_lambda(change: Change) -> bool:
    """Say whether importing executes the line of a change only because a lambda begins there."""
    text = (ROOT / change.path).read_text(encoding="utf-8").splitlines()
    return any("lambda" in line for line in text[change.lines[0] - 1 : change.lines[1]])


def within(seconds: float, names: list[str], touches: Touches) -> list[str]:
    """Return as many tests as take so long together."""
    sums = accumulate(touches.took(name) for name in names)
    return [name for name, sum_ in zip(names, sums, strict=True) if sum_ <= seconds]


def tried(change: Change, copy: Copy, touches: Touches, most: float) -> Outcome:
    """Make a change, run the tests, those of `most` seconds at a time, and take it back."""
    file = copy.folder / change.path
    text, times = file.read_bytes(), file.stat()
    start, ran, noticed = time.monotonic(), 0, ""
    file.write_bytes(change.apply(text))
    try:
        for stage in stages(change, touches):
            names = within(most, stage, touches)
            if names and not noticed:
                ran += len(names)
                noticed = copy.noticed(names, touches)
    finally:
        file.write_bytes(text)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    return Outcome(change, noticed, ran, time.monotonic() - start)


# ---- the command ---------------------------------------------------------------------------


def main() -> int:
    """Draw changes, run the tests on each, and say which were not noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--room", action="append", default=[], help="ops, trace, …; repeatable")
    parser.add_argument("--jobs", type=int, default=1, help="changes at the same time")
    parser.add_argument("--most", type=float, default=inf, help="seconds of tests for a change")
    parser.add_argument("--json", type=Path, help="write the outcomes as data")
    parser.add_argument("--list", action="store_true", help="only say what would be changed")
    options = parser.parse_args()
    drawn = draw(options.count, options.seed, options.room)
    if options.list:
        for change in drawn:
            print(shown(change))
        return 0
    folder = Path(tempfile.gettempdir()) / "gradcli-mutate"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        copies = [Copy(Path(work) / f"copy-{k}") for k in range(options.jobs)]
        touches = touched(folder, copies[0], options.jobs)
        outcomes = list(run(drawn, copies, touches, options.most))
    print(table(outcomes))
    if options.json:
        options.json.write_text(as_json(outcomes), encoding="utf-8")
    return 1 if any(not outcome.noticed for outcome in outcomes) else 0


def run(
    drawn: list[Change], copies: list[Copy], touches: Touches, most: float
) -> Iterator[Outcome]:
    """Try every change, in as many copies as there are, and print what nobody notices."""
    free: queue.Queue[Copy] = queue.Queue()
    for copy in copies:
        free.put(copy)

    def one(change: Change) -> Outcome:
        copy = free.get()
        try:
            return tried(change, copy, touches, most)
        finally:
            free.put(copy)

    with ThreadPoolExecutor(len(copies)) as pool:
        for k, outcome in enumerate(pool.map(one, drawn), 1):
            what = f"{outcome.change.path}:{outcome.change.line} {outcome.change.kind}"
            told = outcome.noticed or f"NOT NOTICED by {outcome.tests} tests"
            print(f"{k}/{len(drawn)} {what}, {outcome.seconds:.0f} s: {told}", file=sys.stderr)
            if not outcome.noticed:
                print(shown(outcome.change), flush=True)
            yield outcome


def shown(change: Change) -> str:
    """Return the difference that a change makes."""
    return "\n".join(difference(change, (ROOT / change.path).read_bytes())[1:]) + "\n"


def table(outcomes: list[Outcome]) -> str:
    """Return how many changes were noticed in each room."""
    total, noticed, late = Counter[str](), Counter[str](), Counter[str]()
    for outcome in outcomes:
        for name in (room(outcome.change), "all"):
            total[name] += 1
            noticed[name] += bool(outcome.noticed)
            late[name] += outcome.noticed.startswith("time")
    lines = [f"{'room':16}{'changes':>8}{'noticed':>9}{'not':>5}{'by limits':>11}"]
    for name in [*sorted(total.keys() - {"all"}), "all"]:
        missed = total[name] - noticed[name]
        lines.append(f"{name:16}{total[name]:8}{noticed[name]:9}{missed:5}{late[name]:11}")
    share = noticed["all"] / max(total["all"], 1)
    return "\n".join([*lines, f"{share:.1%} of the changes were noticed"])


def as_json(outcomes: list[Outcome]) -> str:
    """Return the outcomes as data."""
    found = [
        {
            "path": o.change.path,
            "line": o.change.line,
            "kind": o.change.kind,
            "room": room(o.change),
            "difference": shown(o.change),
            "noticed": o.noticed,
            "tests": o.tests,
            "seconds": round(o.seconds, 1),
        }
        for o in outcomes
    ]
    return json.dumps(found, indent=1) + "\n"


if __name__ == "__main__":
    sys.exit(main())
