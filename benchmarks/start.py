"""How long commands take to start, as ratios to `python -c pass` in the same run.

    python benchmarks/start.py [rounds]

Whole processes, interleaved; the minimum of the rounds of each. The floor of every command that
computes is `import numpy`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter

SAMPLE = str(Path(__file__).parents[1] / "samples" / "linear_regression.expr")
GRADCLI = [sys.executable, "-c", "from gradcli.cli import main; main()"]
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import numpy": [sys.executable, "-c", "import numpy"],
    "import typer": [sys.executable, "-c", "import typer"],
    "gradcli --help": [*GRADCLI, "--help"],
    "gradcli eval --json": [*GRADCLI, "eval", SAMPLE, "--json"],
    "gradcli eval": [*GRADCLI, "eval", SAMPLE],
    "gradcli graph": [*GRADCLI, "graph", SAMPLE],
    "gradcli check": [*GRADCLI, "check", SAMPLE],
}
# as installed: modules are compiled once, not at every start
COMPILED = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def main() -> None:
    """Print a line for each command."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    best = dict.fromkeys(COMMANDS, float("inf"))
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            start = perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, env=COMPILED, check=True)
            best[name] = min(best[name], perf_counter() - start)
    floor = best["python -c pass"]
    for name, seconds in best.items():
        print(f"{name:<22} {seconds * 1e3:7.0f} ms {seconds / floor:6.1f} ×")


if __name__ == "__main__":
    main()
