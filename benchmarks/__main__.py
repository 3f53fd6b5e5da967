"""Every workload beside its peers, in turns: medians, ratios, memory, and whether aims are met.

python -m benchmarks [NAMES…] [--rounds N] [--limit SECONDS] [--quick] [--json FILE] [--write]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.frame import measure
from benchmarks.report import as_json, as_markdown, as_text, machine
from benchmarks.workloads import WORKLOADS

RESULTS = Path(__file__).parent / "RESULTS.md"


def main(arguments: list[str] | None = None) -> int:
    """Run the workloads that are named; the exit status is 1 where results disagree."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help="workloads by how their names begin: P2a, P3")
    parser.add_argument("--rounds", type=int, default=5, help="times each peer is timed (5)")
    parser.add_argument("--limit", type=float, default=120, metavar="SECONDS",
                        help="of a peer's first run, and of a workload's rounds (120)")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that all works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as data")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    parser.add_argument("--list", action="store_true", help="name the workloads, and run none")
    options = parser.parse_args(arguments)
    chosen = [w for w in WORKLOADS if w.name.startswith(tuple(options.names) or "")]
    unknown = [n for n in options.names if not any(w.name.startswith(n) for w in WORKLOADS)]
    if unknown:
        parser.error(f"no workload begins with {', '.join(unknown)}; --list names them")
    if options.write and (options.quick or len(chosen) < len(WORKLOADS)):
        parser.error("--write is for all workloads at their sizes")
    if options.list:
        print("\n".join(f"{w.name:<14} {w.title}" for w in chosen))
        return 0
    rows = []
    for workload in chosen:
        rows.append(measure(workload, options.rounds, options.quick, options.limit))
        print(as_text(rows[-1]), flush=True)
    facts = machine()
    if options.json:
        options.json.write_text(as_json(rows, facts), encoding="utf-8")
    if options.write:
        RESULTS.write_text(as_markdown(rows, facts), encoding="utf-8")
    return int(any(row.error for row in rows))


if __name__ == "__main__":
    sys.exit(main())
