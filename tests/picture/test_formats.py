"""Every format of a picture, given files that would rather be markup, escapes or code."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from io import StringIO
from typing import Any

import pytest
from rich.console import Console, RenderableType

import gradcli
from gradcli.errors import Source
from gradcli.facts import inspect
from gradcli.picture import PICTURES
from gradcli.picture.cards import Asked
from gradcli.render import GRAPH
from gradcli.session import run
from tests.cli.runner import run as command

FILES = [
    'w = param(1.0)\ny = w*len("<script>alert(1)</script>")',
    'w = param(1.0)\ny = w*len("\\"];n0[label=<b>")',
    'w = param(1.0)\ny = w*len("```\\n# no\\nclick n0 href")',
    'w = param(1.0)\ny = w*len("&lt;&amp; --> ]]> \\\\N \\\\")',
    'w = param(1.0)\ny = w*len("\x1b]0;owned\x07\x1b[31m")',
    'w = param(1.0)\ny = w*len("\u202etxt.exe\u2066")',
    "权重 = param(1.0)\n損失 = 权重**2",
]
NAME = 'a"b<i>&\\N;\x1b[31m`.expr'
LOOP = "w = param(1.0)\nh = w\nfor i in range(40):\n    h = tanh(h*w)\nloss = h**2"


def made(text: str, kind: str, **options: Any) -> str:
    session = run(Source(NAME, text))
    return str(PICTURES[kind](inspect(session), asked=Asked(**options), session=session))


@pytest.mark.parametrize("text", FILES)
def test_mermaid_has_nothing_but_nodes_edges_and_classes(text: str) -> None:
    line = re.compile(
        r"flowchart TB|  n-?\d+(\[\[|\[/|\(|\(\[)\"[^\"`]*\"(\]\]|/\]|\)|\]\)):::\w+"
        r"|  n-?\d+ (-->|-\.->)(\|\"[^\"`]*\"\|)? n-?\d+|  linkStyle \d+ stroke-width:[\d.]+px"
        r"|  classDef \w+ [\w:,#-]+|  class [\w,]+ bad"
    )
    for said in made(text, "mermaid").splitlines():
        assert line.fullmatch(said), said
        assert not re.search(r"<(?!br/>|b>|/b>)", said)


@pytest.mark.parametrize("text", FILES)
def test_markdown_has_one_block(text: str) -> None:
    lines = made(text, "markdown").splitlines()
    assert [k for k, line in enumerate(lines) if "```" in line] == [0, len(lines) - 1]


@pytest.mark.parametrize("text", FILES)
def test_json_is_strict_and_has_every_card(text: str) -> None:
    record = json.loads(made(text, "json"), parse_constant=lambda name: pytest.fail(name))
    ids = {card["id"] for card in record["cards"]}
    assert len(ids) == 2
    assert all({link["source"], link["target"]} <= ids for link in record["links"])


@pytest.mark.parametrize("text", FILES)
def test_boxes_have_no_escapes_and_nothing_unseen(text: str) -> None:
    session = run(Source(NAME, text))
    picture: RenderableType = PICTURES["ascii"](inspect(session), asked=Asked(), session=session)
    out = StringIO()
    Console(file=out, width=120, no_color=True).print(picture)
    assert out.getvalue().replace("\n", "").isprintable()


@pytest.mark.skipif(not shutil.which("dot"), reason="graphviz is not installed")
@pytest.mark.parametrize("options", [{}, {"values": True}, {"backward": True}], ids=str)
@pytest.mark.parametrize("text", [*FILES, LOOP])
def test_graphviz_accepts_every_file(text: str, options: dict[str, bool]) -> None:
    source = "".join(GRAPH["dot"].pieces(inspect(run(Source(NAME, text))), **options))
    done = subprocess.run(["dot", "-Tplain"], input=source.encode(), capture_output=True)
    assert done.returncode == 0
    assert not done.stderr


def test_dot_has_one_turn_of_a_long_loop() -> None:
    inspection = inspect(run(Source("f", LOOP)))
    text = "".join(GRAPH["dot"].pieces(inspection))
    assert text.count("tanh × 40") == 2  # of the last turn, and what that starts from
    assert "".join(GRAPH["dot"].pieces(inspection, full=True)).count("tanh") >= 40


def test_dot_has_in_brackets_what_flowed_and_was_not_kept() -> None:
    inspection = inspect(run(Source("f", "w = param(3.0)\ny = w*w\nloss = y*2")))
    text = "".join(GRAPH["dot"].pieces(inspection, values=True))
    assert r"value 9\ngrad (2)" in text
    assert r"value 3\ngrad 12" in text


def test_edges_say_in_mermaid_what_flows_back() -> None:
    text = made("w = param(3.0)\ny = w*w\nloss = y*2", "mermaid", combined=True)
    assert '|"↑ 2"| n' in text


REFUSED = [  # options, what is said
    (("--hops", "1", "-o", "x.svg"), "--around NODE"),
    (("--local", "--tree"), "--local does not go with --tree"),
    (("--combined", "--dot"), "--combined does not go with --dot"),
    (("--around", "wx", "--dot"), "--around does not go with --dot"),
    (("--theme", "dark", "--ascii"), "--theme does not go with --ascii"),
    (("--rankdir", "LR", "--tree"), "--rankdir does not go with --tree"),
    (("--backward", "--tree"), "--backward does not go with --tree"),
    (("--backward", "--named", "-o", "x.svg"), "--backward draws functions"),
    (("--around", "los", "--format", "svg"), "did you mean `loss`?"),
    (("--around", "Q9", "--format", "svg"), "there are `"),
    (("--rankdir", "up", "--format", "svg"), "there are TB and LR"),
    (("-o", "no-such-folder/x.svg"), "there is no folder"),
]


@pytest.mark.parametrize(("options", "said"), REFUSED)
def test_what_cannot_be_drawn_is_refused_in_words(options: tuple[str, ...], said: str) -> None:
    outcome = command("graph", "samples/linear_regression.expr", *options)
    assert outcome.status == 2
    assert said in " ".join(outcome.errors.split())
    assert "Traceback" not in outcome.errors


def test_what_a_by_name_stands_in_is_a_parameter() -> None:
    outcome = command("graph", "-e", "loss = a*b", "-p", "a=2.0", "-s", "b=3.0", "--wrt", "b",
                      "--format", "json")  # fmt: skip
    kinds = {card["title"]: card["kind"] for card in json.loads(outcome.output)["cards"]}
    assert kinds["b"] == "parameter"


def test_letters_without_a_font_are_said() -> None:
    pytest.importorskip("resvg_py")
    from gradcli.picture.png import unwritten

    nowhere = chr(0x6FFFD)  # in a plane of Unicode that has no letters
    assert nowhere in unwritten(f"<text>{nowhere}</text>")
    assert nowhere not in unwritten("<text>plain</text>")


def test_a_png_that_is_too_large_is_refused() -> None:
    pytest.importorskip("resvg_py")
    text = "h = param(1.0)\n" + "h = sin(h)\n" * 3000
    session = run(Source("f", text))
    with pytest.raises(gradcli.errors.InputFault, match="pixels"):
        PICTURES["png"](inspect(session), asked=Asked(most=5000), session=session)
