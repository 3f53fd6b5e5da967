"""What is large takes as much longer as it is larger: counted in calls, and not in seconds."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from gradcli import loads
from gradcli.cli import complete
from gradcli.errors import SNIPPET_LENGTH, GradcliError

# a text of a size, of which twice the size may take twice the calls
TEXTS: dict[str, Callable[[int], str]] = {
    "parameters and their sum": lambda n: (
        "".join(f"p{i} = tensor({i}., requires_grad=True)\n" for i in range(n))
        + f"loss = {' + '.join(f'p{i}' for i in range(n))}\nloss.backward()\n"
    ),
    "lists of lists": lambda n: f"x = {[[i, 1] for i in range(n)]}\ny = tensor(x)\n",
    "lists with names": lambda n: "".join(f"x{i} = [{i}.0]\n" for i in range(n)),
    "lists that grow": lambda n: (
        f"x = []\nfor i in range({n}):\n    x.append([1.0])\nx + tensor(1)"
    ),
    "lines": lambda n: "".join(f"x{i} = {i}\n" for i in range(n)),
    "one line": lambda n: f"x = param(1.)\ny = {' + '.join(['sin(x)'] * n)}\n",
    "names that are not bound": lambda n: "".join(f"x{i} = nope{i}\n" for i in range(n)),
    "prints": lambda n: f"for i in range({n}):\n    print(i)\n",
}


def calls(work: Callable[[], Any]) -> int:
    """Return how many calls of Python's and of C's functions some work makes."""
    count = 0

    def note(_frame: FrameType, event: str, _arg: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    except GradcliError:
        pass
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("name", TEXTS)
def test_twice_as_much_takes_at_most_twice_the_calls(name: str) -> None:
    once, twice, four = (TEXTS[name](n) for n in (100, 200, 400))
    loads("x = 1.")  # what is loaded at first
    calls(lambda: loads(once))
    small, large = calls(lambda: loads(twice)), calls(lambda: loads(four))
    assert large <= 2.2 * small


def test_labels_and_texts_of_nodes_are_short_and_shared() -> None:
    name = "a" * 100_000
    text = f"{name} = param(1.)\nfor i in range(50):\n    {name} = {name} * {name}\n"
    inspection = loads(text)
    assert len(inspection.nodes) == 51
    for node in inspection.nodes:
        assert len(node.label) + len(node.name or "") + len(node.source) < 1000
    assert len({id(node.source) for node in inspection.nodes[1:]}) == 1
    line = loads(f"x = param(1.)\ny = {' + '.join(['x'] * 1000)}")
    assert max(len(node.source) for node in line.nodes) == SNIPPET_LENGTH


@pytest.mark.parametrize(
    "text",
    ["{0} = 1\ny = {0}b", "y = {0}(1)", "y = sin(1., {0}=2)", "y = tensor(1.).{0}",
     "import {0}", "def f(x):\n    return x\ny = f({0}=1)", "y = '{0}' + 1", "y = {{}}['{0}']"],
)  # fmt: skip
def test_long_names_are_shortened_in_messages(text: str) -> None:
    with pytest.raises(GradcliError) as caught:
        loads(text.format("a" * 1_000_000))
    assert len(str(caught.value)) < 2000


def test_many_missing_names_are_not_all_listed() -> None:
    with pytest.raises(GradcliError, match="and 80 more are not bound"):
        loads("".join(f"x{i} = nope{i}\n" for i in range(100)))


def test_completion_reads_the_beginning_of_a_file_line_by_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long.expr"
    text = "first = 1\n" + "a\n" * 20_000 + "second = 2\n"
    path.write_text(text + "#" * complete.READ + "\nthird = 3\n", encoding="utf-8")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", f"gradcli eval {path} --of ")
    assert complete.nodes("") == ["first", "second"]
    assert complete.nodes("s") == ["second"]


def test_a_name_and_its_sign_stand_on_one_line() -> None:
    assert re.findall(complete._TARGET, "a\n" * 3 + "= 1\nfor\n b in c\n") == ["b"]
