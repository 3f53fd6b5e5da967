"""What it costs to record: time and the size of the files (with PyTorch).

    python -m benchmarks.record [--rounds N]

Each of the programs of tests/record is run by itself and recorded, in turns, in processes of their
own, whose work is told in seconds of a processor; PyTorch's import is in both.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from tests.record.cases import FOLDER, PROGRAMS


def main() -> int:
    """Print a row for each program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="programs (all)")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{'program':<18}{'alone':>9}{'recorded':>10}{'more':>9}{'KiB':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.names or PROGRAMS:
            script, output = str(FOLDER / f"{name}.py"), Path(folder, name)
            recording = ["-m", "gradcli", "record", "-o", str(output), *PROGRAMS[name], script]
            times: list[list[float]] = [[], []]
            for _ in range(options.rounds):
                for which, command in enumerate(([script], recording)):
                    begun = _worked()
                    subprocess.run([sys.executable, *command], check=True, capture_output=True)
                    times[which].append(_worked() - begun)
            alone, recorded = map(median, times)
            size = sum(output.with_suffix(x).stat().st_size for x in (".expr", ".npz"))
            print(f"{name:<18}{alone:>7.2f} s{recorded:>8.2f} s{recorded - alone:>7.2f} s"
                  f"{size / 1024:>7.0f}")  # fmt: skip
    return 0


def _worked() -> float:
    """Return the seconds that processes which have ended took of a processor."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
