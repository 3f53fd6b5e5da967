"""Lists, tuples, dictionaries, sets and strings do what Python does: each snippet is run by both.

What Python itself prints, or the sentence of the error that it raises, is the expectation. The
snippets stand in `printed.txt` and `refused.txt`, one a line; `| ` goes on with the one above.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path

import pytest

from gradcli import GradcliError, loads

FOLDER = Path(__file__).parent


def snippets(name: str) -> list[str]:
    text = (FOLDER / name).read_text(encoding="utf-8").replace("\n| ", "\0")
    found = [line.replace("\0", "\n") for line in text.splitlines()]
    return [snippet for snippet in found if not snippet.startswith("#")]


PRINTED, REFUSED = snippets("printed.txt"), snippets("refused.txt")


def outcome_in_python(text: str) -> tuple[str, bool]:
    """Return what Python prints, or the sentence of the error that it raises; and whether it did.

    A KeyError says nothing but the key: its name stands before it.
    """
    out = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of some mistakes before it runs them
        try:
            with contextlib.redirect_stdout(out):
                exec(text, {})
        except KeyError as error:
            return f"KeyError: {error}", True
        except Exception as error:
            return str(error), True
    return out.getvalue().rstrip("\n"), False


@pytest.mark.parametrize("text", PRINTED)
def test_what_is_printed_is_what_python_prints(text: str) -> None:
    expected, failed = outcome_in_python(text)
    assert not failed, expected
    assert "\n".join(loads(text).printed) == expected


@pytest.mark.parametrize("text", REFUSED)
def test_what_python_refuses_is_refused_in_its_words(text: str) -> None:
    expected, failed = outcome_in_python(text)
    assert failed
    with pytest.raises(GradcliError) as raised:
        loads(text)
    assert raised.value.message == expected
    assert raised.value.span is not None


def test_every_snippet_is_there_once() -> None:
    assert len(set(PRINTED + REFUSED)) == len(PRINTED + REFUSED) >= 270
