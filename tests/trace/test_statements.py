"""Statements and classes do what Python does: each snippet is run by both.

What Python itself prints, or the error that it raises, is the expectation. The snippets stand in
`statements.txt`, `classes.txt` and the like, one a line; `| ` goes on with the one above.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from gradcli import GradcliError, loads
from tests.trace.test_containers import outcome_in_python, snippets

PRINTED = snippets("statements.txt") + snippets("classes.txt")
REFUSED = snippets("statements_refused.txt") + snippets("classes_refused.txt")
# what differs by Python's version, or between a name and a place in a function
VARYING = (
    (r"\w+\.<locals>\.", ""), (r"<class '__main__\.", "<class '"), (r", got \d+\)$", ")"),
    (r" comparison$| while calling a Python object$", ""),
    (r"<__main__\.(\w+) object at \w+>", r"<__main__.\1 object>"),
)  # fmt: skip


def same_everywhere(text: str) -> str:
    """Return what is printed, or said, without what varies."""
    for pattern, replacement in VARYING:
        text = re.sub(pattern, replacement, text)
    return text


def error_in_python(text: str) -> Exception:
    """Return the error that Python raises."""
    try:
        exec(text, {"__name__": "__main__"})
    except Exception as error:
        return error
    raise AssertionError("Python raises nothing")


@pytest.mark.parametrize("text", PRINTED)
def test_what_is_printed_is_what_python_prints(text: str) -> None:
    expected, failed = outcome_in_python(text)
    assert not failed, expected
    assert same_everywhere("\n".join(loads(text).printed)) == same_everywhere(expected)


@pytest.mark.parametrize("text", REFUSED)
def test_what_python_refuses_is_refused_in_its_words(text: str) -> None:
    error: Any = error_in_python(text)
    with pytest.raises(GradcliError) as raised:
        loads(text)
    name = type(error).__name__
    expected = {f"{name}: {error}" if str(error) else name, str(error)}
    assert same_everywhere(raised.value.message) in {same_everywhere(x) for x in expected}
    assert raised.value.span is not None


def test_every_snippet_is_there_once() -> None:
    assert len(set(PRINTED + REFUSED)) == len(PRINTED + REFUSED) >= 420
