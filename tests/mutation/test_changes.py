"""The changes that are drawn: what becomes of a line, and what is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation.changes import changes, valid

ROOT = Path(__file__).parents[2]
LISTED = Path(__file__).with_name("without_effect.txt").read_text(encoding="utf-8").splitlines()

# a statement, and what becomes of it
MADE: dict[str, set[str]] = {
    "y = a < b": {"y = a <= b"},
    "y = a is not b": {"y = a is b"},
    "y = (a + b) * c": {"y = (a - b) * c", "y = (a + b) / c"},
    "y = a and not b": {"y = a or not b", "y = a and b"},
    "y = -a": {"y = a"},
    "y = 2": {"y = 3", "y = (1)"},
    "y = 0.5": {"y = 1.5"},
    "y = True": {"y = False"},
    "y = ROWS['sin']": {"y = ROWS['sin_']"},
    "y = 'two words'": set(),
    "y = f(a, dim=b)": {"y = f(dim=b)", "y = f(a)"},
    "y = f(a, doc='word')": {"y = f(doc='word')"},
    "y = np.max(a)": {"y = np.min(a)"},
    "y = max(a)": {"y = min(a)"},
    "y = gcd(a)": set(),  # lcm is not defined here
    "y = a if b else c": {"y = a if (not b) else c"},
    "y += a": {"pass", "y -= a"},
    "x.y = a": {"pass"},
    "f(a)": {"pass"},
    "raise Fault(f'{a + 1}')": {"pass"},
    "y = f'{a + 1}'": set(),
    "y: int | None = a": set(),
    "Kind = int | str": set(),
    "assert a < b": set(),
    "'''A docstring.'''": set(),
    "__all__ = ['a']": set(),
    "from a import b": set(),
    "y = cast('int', a)": set(),
    "if a:\n    return": {"if (not a):\n    return"},
    "y = lambda a, b=1: a + b": {
        "y = lambda a, b=2: a + b", "y = lambda a, b=(0): a + b", "y = lambda a, b=1: a - b"},
}  # fmt: skip


@pytest.mark.parametrize("text", MADE)
def test_a_statement_is_changed_in_every_way(text: str) -> None:
    whole = "def outer(a, b):\n    " + text.replace("\n", "\n    ")
    found = {c.apply(whole.encode()).decode() for c in changes("m.py", whole.encode())}
    wanted = {"def outer(a, b):\n    " + new.replace("\n", "\n    ") for new in MADE[text]}
    assert found == wanted
    assert all(valid(c, whole.encode()) for c in changes("m.py", whole.encode()))


def test_a_change_knows_whether_importing_executes_it() -> None:
    text = b"sin = row('sin', lambda a: a + 1)\n\n\ndef f(a=2):\n    return a - 3\n"
    found = {(c.kind, c.line, c.imported) for c in changes("m.py", text)}
    assert ("key", 1, True) in found
    assert ("arithmetic", 1, False) in found
    assert ("constant", 4, True) in found
    assert ("arithmetic", 5, False) in found
    assert {c.name for c in changes("m.py", text) if c.line == 1} == {"sin"}


def test_what_is_no_python_is_not_valid() -> None:
    text = b"y = f(a for a in b)\n"
    (change,) = [c for c in changes("m.py", b"y = 1\n") if c.new == b"2"]
    assert valid(change, b"y = 1\n")
    assert not valid(change._replace(new=b"+"), b"y = 1\n")
    assert not valid(change._replace(new=b"1"), b"y = 1\n")
    assert changes("m.py", text) == []


@pytest.mark.parametrize("line", [line for line in LISTED if not line.startswith("#")])
def test_a_change_without_effect_can_still_be_made_and_has_a_reason(line: str) -> None:
    path, old, new, reason = line.split("\t")
    text = (ROOT / path).read_bytes()
    lines = [c.apply(text).decode().splitlines() for c in changes(path, text)]
    before = text.decode().splitlines()
    assert any(
        [(a.strip(), b.strip()) for a, b in zip(before, after, strict=True) if a != b]
        == [(old, new)]
        for after in lines
        if len(after) == len(before)
    )
    assert " " in reason
