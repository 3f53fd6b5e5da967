"""Classes and their objects do what Python's do: each snippet is run by both."""

from __future__ import annotations

from typing import Any

import pytest

from gradcli import GradcliError, loads
from tests.trace.test_containers import outcome_in_python, snippets
from tests.trace.test_statements import error_in_python, same_everywhere

PRINTED, REFUSED = snippets("classes.txt"), snippets("classes_refused.txt")


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
