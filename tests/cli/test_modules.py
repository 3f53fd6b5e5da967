"""What each command imports: golden files have the list, and a module more needs a reason."""

from __future__ import annotations

import os
import subprocess
import sys
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
# libraries, and parts of them that are slow to import
LIBRARIES = {"typer", "numpy", "numpy.random", "lark", "rich.table", "scipy", "ml_dtypes", "mpmath",
             "torch", "jax"}  # fmt: skip
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


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_imports_what_it_needs(command: str, golden: Callable[[str, str], None]) -> None:
    found = imported(COMMANDS[command])
    own = {name for name in found if name.split(".")[0] == "gradcli"}
    listed = [*sorted(found & LIBRARIES), *sorted(own)]
    golden(f"modules_{command}.txt", "".join(f"{name}\n" for name in listed))


def test_a_file_of_rows_is_imported_for_a_name_of_it() -> None:
    assert "gradcli.ops.reduce.scans" not in imported(f"eval {SAMPLE}")
    assert "gradcli.ops.reduce.scans" in imported("eval -e cumsum(tensor([1.]),0)")


THREADS = """
import os, sys
from gradcli.cli import main
sys.argv = ["gradcli", "--version"]
try:
    main()
finally:
    sys.stderr.write(os.environ["OPENBLAS_THREAD_TIMEOUT"])
"""


@pytest.mark.parametrize("given", ["", "26"])
def test_what_is_set_for_the_threads_of_numpy_stays(given: str) -> None:
    name = "OPENBLAS_THREAD_TIMEOUT"
    environment = {k: v for k, v in os.environ.items() if k != name}
    if given:
        environment[name] = given
    done = subprocess.run(
        [sys.executable, "-c", THREADS], capture_output=True, text=True, cwd=ROOT, check=True,
        env=environment,
    )  # fmt: skip
    assert done.stderr == (given or "20")


COLLECTOR = """
import gc, sys
from gradcli import cli, session
run = session.run
def noted(*arguments):
    sys.stderr.write(f"{gc.isenabled()} {gc.get_freeze_count() > 1000}")
    return run(*arguments)
session.run = noted
sys.argv = ["gradcli", *sys.argv[1:]]
cli.main()
"""


def test_garbage_is_looked_for_when_a_file_runs_but_not_among_the_modules() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COLLECTOR, "eval", SAMPLE],
        capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    assert done.stderr == "True True"
