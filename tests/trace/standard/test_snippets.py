"""Programs of Python's own functions and modules: they print what Python prints."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest

from gradcli import loads

LINES = (Path(__file__).parent / "snippets.txt").read_text(encoding="utf-8").splitlines()
PROGRAMS = [
    line.replace(" ⏎ ", "\n") for line in LINES if line and not line.startswith(("# ", "## "))
]


def printed_by_python(program: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        exec(compile(program, "<python>", "exec"), {"__name__": "__main__"})
    return out.getvalue()


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_prints_what_python_prints(program: str) -> None:
    assert "\n".join(loads(program).printed) + "\n" == printed_by_python(program)
