"""Record the programs anew: python -m tests.record.make_records [NAME…] (with PyTorch).

Prints a row for each: the rows of its record, the opaque ones, how many classes of grad_fn are
those of PyTorch, and the largest gaps of values and gradients.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from gradcli.api import options_for
from gradcli.facts import inspect
from gradcli.inspection import RecordFacts
from gradcli.session import run
from gradcli.source import read_source
from tests.record.cases import FOLDER, PROGRAMS, RECORDS


def main(names: list[str]) -> None:
    """Write the records into `records/`."""
    RECORDS.mkdir(exist_ok=True)
    print(f"{'program':<18}{'rows':>6}{'opaque':>8}{'grad_fn':>10}{'values':>10}{'gradients':>11}"
          f"{'KiB':>6}")  # fmt: skip
    for name in names or PROGRAMS:
        command = [sys.executable, "-m", "gradcli", "record", "-o", str(RECORDS / name),
                   *PROGRAMS[name], str(FOLDER / f"{name}.py")]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)
        print(row(name))


def held(path: Path) -> RecordFacts:
    """Return how the replay of a record agrees with it."""
    found = inspect(run(read_source(path), options_for(folder=path.parent))).record
    assert found is not None, "the file replays a record"
    return found


def row(name: str) -> str:
    """Return what a stored record has, and how its replay agrees with it."""
    path = RECORDS / f"{name}.expr"
    text, found = path.read_text(encoding="utf-8"), held(path)
    rows = int(text.splitlines()[1].removeprefix("# ").split()[0])
    total = found.compared.get("grad_fn", 0)
    wrong = sum(d.kind == "grad_fn" for r in found.rows.values() for d in r.differs)
    gaps = [f"{found.gaps.get(kind, 0.0):.0e}" for kind in ("value", "gradient")]
    size = sum(path.with_suffix(x).stat().st_size for x in (".expr", ".npz")) // 1024
    return (f"{name:<18}{rows:>6}{text.count('= opaque('):>8}{f'{total - wrong}/{total}':>10}"
            f"{gaps[0]:>10}{gaps[1]:>11}{size:>6}")  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
