"""What each command imports: golden files have the list, and a module more needs a reason."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = "samples/linear_regression.expr"
COMMANDS = {
    "help": "--help",
    "eval": f"eval {SAMPLE}",
    "eval_json": f"eval --json {SAMPLE}",
    "graph": f"graph {SAMPLE}",
    "graph_tree": f"graph --tree {SAMPLE}",
    "check": f"check {SAMPLE}",
    "fmt": f"fmt --check {SAMPLE}",
    "ops": "ops exp",
}
# libraries, and parts of them, that are slow to import
LIBRARIES = ("typer", "numpy", "numpy.random", "lark", "rich", "rich.table", "rich.tree", "scipy",
             "ml_dtypes", "mpmath", "torch", "jax", "tempfile", "hashlib", "asyncio", "email",
             "multiprocessing", "concurrent.futures")  # fmt: skip
SCRIPT = """
import sys
from gradcli.cli import main
sys.argv = ["gradcli", *sys.argv[1:]]
try:
    main()
finally:
    sys.stdout.flush()
    sys.stderr.write("\\n".join(sys.modules))
"""


def imported(arguments: str) -> set[str]:
    """Return the modules that a process has imported in the end."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments.split()],
        capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    return set(done.stderr.splitlines())


def by_room(modules: set[str]) -> str:
    """Return a line for the libraries, and one for each room of gradcli."""
    rooms: dict[str, list[str]] = defaultdict(list)
    for module in sorted(modules):
        top, _, rest = module.partition(".")
        room, _, part = rest.partition(".")
        if top == "gradcli" and rest:
            rooms[room].append(part or "(itself)")
    libraries = [name for name in LIBRARIES if name in modules]
    lines = {"libraries": libraries, **rooms}
    return "".join(f"{name}: {' '.join(parts)}\n" for name, parts in lines.items())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_imports_what_it_needs(command: str, golden: Callable[[str, str], None]) -> None:
    golden(f"modules_{command}.txt", by_room(imported(COMMANDS[command])))


def test_a_file_of_rows_is_imported_for_a_name_of_it() -> None:
    assert "gradcli.ops.reduce.scans" not in imported(f"eval {SAMPLE}")
    assert "gradcli.ops.reduce.scans" in imported("eval -e cumsum(tensor([1.]),0)")
