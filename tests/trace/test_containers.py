"""Lists, tuples, dictionaries, sets and strings do what Python does: each snippet is run by both.

What Python itself prints, or the sentence of the error that it raises, is the expectation. The
snippets stand in `printed.txt` and `refused.txt`, one a line; `| ` goes on with the one above.
"""

from __future__ import annotations

import contextlib
import io
import random
import re
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
    assert len(set(PRINTED + REFUSED)) == len(PRINTED + REFUSED) >= 263


# ---- programs drawn at random --------------------------------------------------------------

NAMES = ("a", "b", "c", "d")
BEGIN = 'a = [1, 2]; b = [a, 3.0]; c = {1: a, "k": [0]}; d = (1, [2])\n'
END = "\nprint(a, b, c, d)"
STATEMENTS = """
V = E; V.append(E); V.extend(E); V += E; V = V + E; V = W * N; V[I] = E; del V[I]; V.insert(N, E)
V.pop(); V.pop(N); V.remove(E); V.reverse(); V.sort(); V = W[I]; V = W; V = list(W); V = sorted(W)
print(V == W, V in [W], E in V); print(V < W); print(V.index(E), V.count(E)); V *= N; V[I] += E
print(max(V), sum(V)); V = [*W, E]; V = [x for x in W]; V.update(E); print(V.get(N)); V.clear()
print(len(V), bool(V), not W); print(f"{V} {W!r}", str(V)); V.setdefault(N, E); V = tuple(W)
"""
INDICES = ("0", "-1", "1", "5", "1:", "::2", "::-1", ":2", "-2:", '"k"')
OF_ARGUMENTS = re.compile(r"argument|expected at (least|most)|cannot be interpreted as")
ATOMS = ("0", "1", "2", "-1", "1.5", "2.0", "True", "None", "'x'", "'yz'", *NAMES)


def program(draw: random.Random) -> str:
    """Return a program of a few statements, in which every name may be anything."""

    def value(depth: int = 0) -> str:
        kind = draw.randrange(6)
        if depth > 1 or kind > 3:
            return draw.choice(ATOMS)
        if kind == 3:
            return f"{{1: {value(depth + 1)}, 'k': {value(depth + 1)}}}"
        items = ", ".join(value(depth + 1) for _ in range(draw.randrange(4)))
        return f"tuple([{items}])" if kind == 2 else f"[{items}]"

    def filled(match: re.Match[str]) -> str:
        if match[0] == "E":
            return value()
        return str(draw.choice({"I": INDICES, "N": range(-1, 4)}.get(match[0], NAMES)))

    statements = [s for s in re.split(r"; |\n", STATEMENTS.strip()) if s]
    drawn = (re.sub(r"\b[VWEIN]\b", filled, draw.choice(statements)) for _ in range(4))
    return BEGIN + "\n".join(drawn) + END


@pytest.mark.parametrize("seed", range(40))
def test_programs_drawn_at_random_do_what_python_does(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(10):
        text = program(draw)
        expected, failed = outcome_in_python(text)
        try:
            found = "\n".join(loads(text).printed), False
        except GradcliError as error:
            found = error.message, True
        if failed and OF_ARGUMENTS.search(expected):  # those are in words of the language
            found, failed = (expected, found[1]), True
        assert found == (expected, failed), text
