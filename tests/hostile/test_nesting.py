"""Nothing that is nested ends the interpreter: values, calls, sources, data."""

from __future__ import annotations

import json

import pytest

from tests.hostile.child import Outcome, outcomes, run

DEEP = 30_000
TUPLES = "a = (1,)\nb = (1,)\nfor i in range(80000):\n    a = (a,)\n    b = (b,)\n"
TOO_DEEP = "nested too deeply"

# what makes a value too deep: the words, and the line on which it becomes so
MADE = {
    TUPLES + "print(a == b)": 4,
    "a = [1]\nfor i in range(80000):\n    a = [a]\n": 3,
    "a = {}\nfor i in range(80000):\n    a = {'a': a}\n": 3,
    "a = [1]\nfor i in range(80000):\n    a = [a for j in range(2)]\n": 3,
    "a = [1]\nfor i in range(80000):\n    a = list(zip([a]))\n": 3,
    "a = [1]\nfor i in range(80000):\n    b = []\n    b.append(a)\n    a = b\n": 4,
    "a = [1]\nfor i in range(80000):\n    b = [0]\n    b[0] = a\n    a = b\n": 4,
    "a = [1]\nfor i in range(80000):\n    b = []\n    b += [a]\n    a = b\n": 4,
    "a = {}\nfor i in range(80000):\n    b = {}\n    b['a'] = a\n    a = b\n": 4,
}
CALLS = "deep"
# a chain of lists grown at its far end is shallow at each step; what goes through it must say so
GROWN = "a = [1.]\nt = a\nfor i in range(30000):\n    b = [1.]\n    t.append(b)\n    t = b\n"
USES = ["print(a)", "y = tensor(a)"]
CALLED = {
    "a = lambda x: x\nfor i in range(1000):\n    a = grad(a)\ny = a(tensor(1.))": CALLS,
    "def f0(x):\n    return x\n"
    + "".join(f"def f{i}(x):\n    return sorted([x], key=f{i - 1})[0]\n" for i in range(1, 1000))
    + "y = f999(1)": CALLS,
    "a = range(3)\nfor i in range(1000):\n    a = zip(a)\ny = list(a)": CALLS,
    "a = range(3)\nfor i in range(1000):\n    a = enumerate(a)\ny = list(a)": CALLS,
    "f = " + "lambda: " * 1000 + "pi\ny = f" + "()" * 1000: CALLS,
}
SHARED = "s = [1.]\nfor i in range(40):\n    s = [s, s]\n"
SHARERS = ["y = tensor(s)", "y = sin(s)", "y = stack(s)", "y = zeros(3)[s]",
           "y = zeros(s)", "y = tensor(1., dtype=s)",
           "x = zeros(3)\nx.fill_(s)", "y = zeros(3, 3).norm(p=s)"]  # fmt: skip
# depth is no fault of a source: each kind of nesting, of which a program is made
SOURCES = [
    f"x = {'(' * DEEP}1{')' * DEEP}", f"x = {'-' * DEEP}1", f"x = {'not ' * DEEP}1",
    f"x = {'1 if 0 else ' * 20_000}1", f"x = {'lambda: ' * DEEP}1",
    f"x = tensor([0])\ny = {'x[0:' * 3000}1{']' * 3000}",
]  # fmt: skip

PROGRAMS = [*MADE, *(GROWN + use for use in USES), *CALLED, *(SHARED + use for use in SHARERS),
            *SOURCES]  # fmt: skip


@pytest.fixture(scope="module")
def found() -> dict[str, Outcome]:
    return dict(zip(PROGRAMS, outcomes([{"text": text} for text in PROGRAMS]), strict=False))


@pytest.mark.parametrize("text", MADE)
def test_a_value_is_refused_on_the_line_that_nests_too_deep(
    text: str, found: dict[str, Outcome]
) -> None:
    assert TOO_DEEP in found[text]["error"]
    assert found[text]["line"] == MADE[text]


@pytest.mark.parametrize("use", USES)
def test_what_was_nested_unseen_is_harmless_where_it_is_used(
    use: str, found: dict[str, Outcome]
) -> None:
    outcome = found[GROWN + use]
    assert "error" not in outcome or outcome["kind"].endswith("Fault")


@pytest.mark.parametrize("text", CALLED)
def test_calls_within_calls_are_bounded(text: str, found: dict[str, Outcome]) -> None:
    assert found[text]["kind"] == "LimitFault"
    assert CALLED[text] in found[text]["error"]


@pytest.mark.parametrize("use", SHARERS)
def test_a_list_that_holds_another_many_times_is_no_work(
    use: str, found: dict[str, Outcome]
) -> None:
    outcome = found[SHARED + use]
    assert outcome["kind"].endswith("Fault")
    assert outcome["line"] > 3


@pytest.mark.parametrize("text", SOURCES)
def test_a_source_may_be_nested_as_deep_as_it_likes(text: str, found: dict[str, Outcome]) -> None:
    assert "error" not in found[text] or found[text]["kind"].endswith("Fault")


def test_every_function_takes_or_refuses_values_that_are_nested_too_deeply() -> None:
    done = run("tests.hostile.functions", None)
    lines = done.stdout.splitlines()
    assert lines, done.stderr[-500:]
    assert json.loads(lines[-1]) == "all", f"died after {lines[-1]} of {done.stderr[-500:]}"
