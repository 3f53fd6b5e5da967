"""What came of the workloads, as text, Markdown and JSON, and the machine it was measured on."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.frame import Measured, Row

PACKAGES = ("numpy", "torch", "jax", "autograd", "lark", "typer", "rich")
INTRODUCTION = """# Results

Written by `python -m benchmarks --write`: medians of alternating rounds, each peer in a process of
its own; a round does short work again for a tenth of a second, and its shortest time counts. A
ratio says how many times as long gradcli takes as that peer. Memory is the peak with the inputs,
beyond what the process has before. What the workloads are: the modules in `workloads/`.

"""


class Judged(NamedTuple):
    """An aim in words, what was reached, and whether that is enough; None: not measured."""

    aim: str
    reached: str
    met: bool | None


def aims(row: Row) -> Iterator[Judged]:
    """Go through the aims of a workload, which are for its full size."""
    if row.size != row.workload.size:
        return
    for aim in row.workload.aims:
        ratio = row.ratio(aim.peer)
        reached = "not measured" if ratio is None else f"{figures(ratio)} ×"
        met = None if ratio is None else ratio <= aim.ratio
        yield Judged(f"≤ {aim.ratio:g} × {aim.peer}", reached, met)
    if row.workload.most_bytes is not None:
        most, found = row.workload.most_bytes(row.size), row.measured[0].bytes
        reached = "not measured" if found is None else size_of(row, found)
        yield Judged(f"≤ {size_of(row, most)}", reached, None if found is None else found <= most)


def verdict(judged: Judged) -> str:
    """Return whether an aim is met, in words."""
    return {None: "?", True: "met", False: "not met"}[judged.met]


# ---- numbers --------------------------------------------------------------------------------


def figures(number: float) -> str:
    """Return a number with three significant figures."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def duration(row: Row, seconds: float) -> str:
    """Return a time, that of one where the workload counts them."""
    if row.workload.each:
        return f"{figures(seconds / row.size * 1e6)} µs a {row.workload.each}"
    return f"{figures(seconds)} s" if seconds >= 10 else f"{figures(seconds * 1e3)} ms"


def size_of(row: Row, count: float) -> str:
    """Return bytes, those of one where the workload counts them."""
    if row.workload.each:
        return f"{figures(count / row.size)} bytes a {row.workload.each}"
    return f"{figures(count / 1e6)} MB"


def cells(row: Row, measured: Measured) -> tuple[str, str, str]:
    """Return the time, the ratio to it and the memory of a peer."""
    if measured.seconds is None:
        return measured.missing or "not timed", "", ""
    ratio = None if measured is row.measured[0] else row.ratio(measured.peer)
    memory = "" if measured.bytes is None else size_of(row, measured.bytes)
    return (
        duration(row, measured.seconds),
        "" if ratio is None else f"{figures(ratio)} ×",
        memory,
    )


# ---- pages ----------------------------------------------------------------------------------


def as_text(row: Row) -> str:
    """Return what came of one workload, for a terminal."""
    rounds = max(len(m.times) for m in row.measured)
    lines = [f"{row.workload.name}  {row.workload.title}  (size {row.size:,}, {rounds} rounds)"]
    for measured in row.measured:
        time, ratio, memory = cells(row, measured)
        lines.append(f"  {measured.peer:<32} {time:>18} {ratio:>8}  {memory}".rstrip())
    lines += [f"  aim {j.aim}: {j.reached}, {verdict(j)}" for j in aims(row)]
    if row.error:
        lines.append(f"  ERROR {row.error.rstrip()}")
    return "\n".join(lines)


def as_markdown(rows: Sequence[Row], facts: Mapping[str, str]) -> str:
    """Return the page of all workloads."""
    lines = [*(f"- {name}: {fact}" for name, fact in facts.items()), ""]
    lines += ["| workload | gradcli | beside | aim | reached | |", "|---|---|---|---|---|---|"]
    for row in rows:
        judged = list(aims(row))
        ours, _, memory = cells(row, row.measured[0])
        columns = (
            f"**{row.workload.name}** {row.workload.title}",
            ", ".join(filter(None, (ours, memory))),
            "; ".join(beside(row, m) for m in row.measured[1:]),
            "<br>".join(j.aim for j in judged),
            "<br>".join(j.reached for j in judged),
            "<br>".join(verdict(j) for j in judged),
        )
        lines.append(f"| {' | '.join(columns)} |")
    lines += [f"\nERROR {row.workload.name}: {row.error.rstrip()}" for row in rows if row.error]
    return INTRODUCTION + "\n".join(lines) + "\n"


def beside(row: Row, measured: Measured) -> str:
    """Return what came of a peer, as a part of a cell."""
    time, ratio, memory = cells(row, measured)
    more = ", ".join(filter(None, (ratio, memory)))
    return f"{measured.peer} {time}" + (f" ({more})" if more else "")


def as_json(rows: Sequence[Row], facts: Mapping[str, str]) -> str:
    """Return all that was measured, as data: seconds and bytes, all rounds."""
    data: list[dict[str, Any]] = [
        {
            "workload": row.workload.name,
            "title": row.workload.title,
            "size": row.size,
            "error": row.error or None,
            "peers": [
                {
                    "name": m.peer, "median": m.seconds, "seconds": m.times, "bytes": m.bytes,
                    "ratio": row.ratio(m.peer), "missing": m.missing or None,
                }
                for m in row.measured
            ],
            "aims": [j._asdict() for j in aims(row)],
        }
        for row in rows
    ]  # fmt: skip
    return json.dumps({"machine": facts, "workloads": data}, indent=1, ensure_ascii=False) + "\n"


# ---- the machine ----------------------------------------------------------------------------


def machine() -> dict[str, str]:
    """Return what the figures depend on."""
    built: Any = np.show_config(mode="dicts")
    blas = built["Build Dependencies"]["blas"]
    return {
        "date": date.today().isoformat(),
        "processor": f"{processor()}, {os.cpu_count()} cores, {platform.system()}",
        "load": f"{os.getloadavg()[2]:.1f} in the last 15 minutes, this run among it",
        "Python": platform.python_version(),
        "BLAS of numpy": f"{blas['name']} {blas['version']}",
        **{package: installed(package) for package in PACKAGES},
    }


def processor() -> str:
    """Return the model of the processor, as far as the system says."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    found = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(found, platform.machine())


def installed(package: str) -> str:
    """Return the version of a package, or that it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
