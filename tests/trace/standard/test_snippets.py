"""Programs of Python's own functions and modules: they print what Python prints."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest

from gradcli import loads
from gradcli.errors import GradcliError

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


# ---- what is refused -----------------------------------------------------------------------

REFUSED = [
    line.replace(" ⏎ ", "\n")
    for line in (Path(__file__).parent / "errors.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("# ")
]


def refusal_of_python(program: str) -> str:
    try:
        exec(compile(program, "<python>", "exec"), {"__name__": "__main__"})
    except KeyError as error:
        return f"KeyError: {error}"
    except Exception as error:
        return str(error) or type(error).__name__
    raise AssertionError(f"Python runs {program!r}")


@pytest.mark.parametrize("program", REFUSED)
def test_a_refusal_has_the_sentence_of_python(program: str) -> None:
    with pytest.raises(GradcliError) as refused:
        loads(program)
    assert refused.value.message == refusal_of_python(program)
