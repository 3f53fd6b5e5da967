"""Run programs from strangers in a process that may take so much memory and time, and no more.

As a module it reads programs from standard input as JSON, `{"text": ..., ...options}` each, and
writes a line of JSON for each: a process that dies leaves the rest without one.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MEMORY = 3 << 30  # bytes of address space; NumPy's and SciPy's libraries take one of them
SECONDS = 60  # of one core

Outcome = dict[str, Any]


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def run(module: str, given: Any) -> subprocess.CompletedProcess[str]:
    """Run a module under the limits of the operating system, with JSON as its standard input."""
    return subprocess.run(
        [sys.executable, "-m", module],
        input=json.dumps(given),
        preexec_fn=_limit,
        capture_output=True,
        text=True,
        check=False,
    )


def outcomes(programs: Sequence[dict[str, Any]]) -> list[Outcome]:
    """Return what became of each program, of those that a process outlived."""
    done = run(__name__, list(programs))
    found = [json.loads(line) for line in done.stdout.splitlines()]
    if len(found) < len(programs):
        found.append({"error": f"the process died: {done.returncode} {done.stderr[-500:]}"})
    return found


def _outcome(text: str, folder: str = "", **options: Any) -> Outcome:
    from gradcli import loads
    from gradcli.errors import GradcliError

    try:
        inspection = loads(text, folder=Path(folder), **options)
    except GradcliError as error:
        line = error.source.line_of(error.span) if error.source and error.span else None
        return {"kind": type(error).__name__, "error": error.message, "line": line}
    return {"printed": inspection.printed, "nodes": len(inspection.nodes)}


if __name__ == "__main__":
    for program in json.load(sys.stdin):
        print(json.dumps(_outcome(**program)), flush=True)
