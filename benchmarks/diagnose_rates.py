"""How often a diagnosis is mistaken: broken files, and healthy ones, beside PyTorch and JAX.

    python -m benchmarks.diagnose_rates [--only gradcli,torch,jax] [--every N] [--list FILE]

The files are those of tests/diagnose: `cases` have a fault, whose name and line they state, and
`healthy` have none. gradcli finds a fault where it gives the finding of that name at that line; the
others where they say anything, and where they say it of that line. Both look for nan alone, which
is why each group of findings has a row of its own; what PyTorch says without being asked, its
errors and warnings, counts too.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from benchmarks.diagnosers import Said, Says
from gradcli.api import options_for
from gradcli.diagnose import Group, diagnose_source, kind
from gradcli.errors import Source
from gradcli.source import read_source
from gradcli.trace import Options
from tests.diagnose.corpus import HERE, Case, cases, healthy

FOUND, ELSEWHERE, MISSED, NOT_RUN = "found", "elsewhere", "missed", "not run"
QUIET, FALSE = "quiet", "false alarm"
CASES = "| tool | group | cases | found | at another place | missed | not run |"
HEALTHY = "| tool | healthy files | false alarms | not run |"


class Tool(NamedTuple):
    """What is measured: its name, the package that it needs, and what it says of a file."""

    name: str
    needs: str
    says: Says


def gradcli_says(source: Source, options: Options) -> list[Said]:
    """Return what gradcli says of a file."""
    return [Said(f.words, f.line, f.name) for f in diagnose_source(source, options).findings]


def _of(library: str) -> Says:
    """Return what a library says, which is imported when it is asked."""

    def says(source: Source, options: Options) -> list[Said] | None:
        module = import_module(f"benchmarks.diagnosers.{library}")
        found: list[Said] | None = module.says(source, options)
        return found

    return says


TOOLS = {
    "gradcli": Tool("`gradcli diagnose`", "gradcli", gradcli_says),
    "torch": Tool("PyTorch, `set_detect_anomaly`", "torch", _of("torch")),
    "jax": Tool("JAX, `debug_nans`", "jax", _of("jax")),
}


def judged(said: list[Said] | None, case: Case) -> str:
    """Return whether what a tool says is the fault of a case."""
    if said is None:
        return NOT_RUN
    if any(x.line == case.line and x.fault in ("", case.finding) for x in said):
        return FOUND
    return ELSEWHERE if said else MISSED


def alarmed(said: list[Said] | None) -> str:
    """Return whether what a tool says of a healthy file is a false alarm."""
    if said is None:
        return NOT_RUN
    return FALSE if said else QUIET


def rows_of_cases(tool: Tool, among: Sequence[Case], told: list[str]) -> Iterator[str]:
    """Yield a row for each group of findings; tell what was not found."""
    counts = {group: Counter[str]() for group in Group}
    for case in among:
        said = tool.says(read_source(case.path), case.options)
        verdict = judged(said, case)
        counts[kind(case.finding).group][verdict] += 1
        if verdict != FOUND:
            told.append(_told(tool, f"{case}, line {case.line}", verdict, said))
    for group, count in counts.items():
        numbers = [count.total(), *(count[v] for v in (FOUND, ELSEWHERE, MISSED, NOT_RUN))]
        if count:
            yield _row(tool.name, group, *numbers)


def row_of_healthy(tool: Tool, among: Sequence[Path], told: list[str]) -> str:
    """Return the row of the healthy files; tell the false alarms."""
    count: Counter[str] = Counter()
    for path in among:
        said = tool.says(read_source(path), options_for(folder=path.parent))
        verdict = alarmed(said)
        count[verdict] += 1
        if verdict != QUIET:
            told.append(_told(tool, f"{path.parent.name}/{path.stem}", verdict, said))
    return _row(tool.name, count.total(), count[FALSE], count[NOT_RUN])


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _told(tool: Tool, what: str, verdict: str, said: list[Said] | None) -> str:
    lines = [f"{tool.name}: {what}: {verdict}"]
    for x in said or []:
        words = x.words.partition("\n")[0]
        lines.append(f"    line {x.line}: {x.fault}{': ' * bool(x.fault)}{words}")
    return "\n".join(lines)


def _under(heading: str, rows: Iterable[str]) -> Iterator[str]:
    yield from ("", heading, "|---" * (heading.count("|") - 1) + "|", *rows)


def report(
    tools: Sequence[Tool], broken: Sequence[Case], sound: Sequence[Path], told: list[str]
) -> str:
    """Return both tables."""
    of_cases = [row for tool in tools for row in rows_of_cases(tool, broken, told)]
    of_healthy = [row_of_healthy(tool, sound, told) for tool in tools]
    return "\n".join([*_under(CASES, of_cases), *_under(HEALTHY, of_healthy)]).lstrip()


def main(given: Sequence[str] | None = None) -> None:
    """Print the rates of every tool that is installed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default=",".join(TOOLS), help="whose rates")
    parser.add_argument("--every", type=int, default=1, help="one file of so many")
    parser.add_argument("--folder", type=Path, default=HERE, help="with cases/ and healthy/ in it")
    parser.add_argument("--list", type=Path, metavar="FILE", help="write every mistake here")
    options = parser.parse_args(given)
    chosen = [TOOLS[name] for name in options.only.split(",")]
    for tool in chosen:
        if find_spec(tool.needs) is None:
            print(f"{tool.name}: {tool.needs} is not installed")
    told: list[str] = []
    broken, sound = list(cases(options.folder)), healthy(options.folder)
    installed = [tool for tool in chosen if find_spec(tool.needs)]
    print(report(installed, broken[:: options.every], sound[:: options.every], told))
    if options.list:
        options.list.write_text("\n".join([*told, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
