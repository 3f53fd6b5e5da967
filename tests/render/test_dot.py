import re
import shutil
import subprocess
from typing import Any

import pytest

import gradcli
from gradcli.inspection import Inspection
from gradcli.render import GRAPH
from gradcli.render.dot import quote
from tests.render.inspections import Maker, make_tutorial

dot = GRAPH["dot"]

# a DOT string, and a statement made of strings, identifiers and the signs between them
STRING = r'"(?:[^"\\\n]|\\.)*"'
STATEMENT = re.compile(rf"  \w+(?: -> \w+)?(?: \[(?:\w+=(?:{STRING}|[\w.]+)(?:, )?)+\])?;")

NASTY = ['"', "\\", "\\N", 'a"b\\"', "a\nb", "<b>{c}|d", "&lt;", "&#65;", "损失", "θ", "]; x [", ""]


def test_every_statement_can_be_read(
    tutorial: Inspection, mlp: Inspection, odd: Inspection
) -> None:
    for inspection in (tutorial, mlp, odd):
        for options in ({}, {"values": True}, {"backward": True}):
            lines = dot(inspection, **options).split("\n")
            assert re.fullmatch(rf"digraph {STRING} {{", lines[0])
            assert lines[-2:] == ["}", ""]
            for line in lines[1:-2]:
                assert STATEMENT.fullmatch(line), line


@pytest.mark.parametrize("text", NASTY)
def test_a_text_is_what_is_read_back(text: str) -> None:
    quoted = quote(text)
    assert re.fullmatch(STRING, quoted)
    escapes = {r"\n": "\n", r"\"": '"', r"\\": "\\"}
    read = re.sub(r"\\.", lambda match: escapes[match[0]], quoted[1:-1])
    assert read.replace("&amp;", "&") == text


def test_edges_follow_the_operands() -> None:
    m = Maker()
    x = m.add("x", 3.0, param=True, grad=6.0)
    y = m.add("y", 9.0, op="mul", inputs=(x, x), grad_fn="MulBackward0")
    m.add("z", 6.0, op="sub", inputs=(y, x), grad_fn="SubBackward0", root=True)
    text = dot(m.inspection())
    assert text.count("n0 -> n1;") == 2
    assert 'n1 -> n2 [label=" 1st"];' in text
    assert 'n0 -> n2 [label=" 2nd"];' in text


def test_kinds_are_told_apart_by_shape(tutorial: Inspection) -> None:
    text = dot(tutorial)
    for name, style in [
        ("w", "shape=box, peripheries=2"),
        (r"x\n(2,)", "shape=box, fillcolor"),
        (r"wx\nmul", "shape=ellipse"),
        (r"loss2_sum\nsum", "shape=doubleoctagon"),
    ]:
        assert f'[label="{name}", {style}' in text


def test_values_stand_in_the_nodes() -> None:
    text = dot(make_tutorial(retained=True), values=True)
    assert r'label="w\nvalue 1\ngrad -28"' in text
    assert r'label="wx\nmul\nvalue [1, 2]\ngrad [-8, -10]"' in text


def test_backward_shows_the_functions_and_attaches_the_leaves(tutorial: Inspection) -> None:
    text = dot(tutorial, backward=True)
    assert text.count("[label=AccumulateGrad") == 2
    assert r'[label="MulBackward0\nwx"' in text
    assert "n2 -> f2 [dir=back" in text  # the leaf w
    assert "f2 -> f4 [dir=back]" in text  # MulBackward0 hands w its gradient
    assert 'label="x' not in text  # data have no part in it


def test_a_graph_without_gradients_says_so() -> None:
    m = Maker()
    m.add("x", 1.0)
    assert "nothing requires grad" in dot(m.inspection(), backward=True)


@pytest.mark.parametrize("name", ["tutorial", "mlp"])
@pytest.mark.parametrize("backward", [False, True])
def test_the_text_is_reviewed(
    name: str, backward: bool, request: pytest.FixtureRequest, golden: Any
) -> None:
    inspection = request.getfixturevalue(name)
    golden(f"{name}{'-backward' * backward}.dot", dot(inspection, backward=backward))


@pytest.mark.skipif(not shutil.which("dot"), reason="graphviz is not installed")
@pytest.mark.parametrize("options", [{}, {"values": True}, {"backward": True, "values": True}])
def test_graphviz_shows_every_text_as_it_is(options: dict[str, bool]) -> None:
    m = Maker()
    for i, text in enumerate(NASTY):
        m.add(f"{i}:{text}", [1.0, float("nan")], param=True, grad=[0.0, 1.0], source=text)
    ids = range(len(m.nodes))
    m.add("total", 1.0, op="cat", inputs=tuple(ids), grad_fn="CatBackward0", root=True)
    source = dot(m.inspection(file='a"b\\.expr'), **options)
    run = subprocess.run(["dot", "-Tsvg"], input=source.encode(), capture_output=True, check=True)
    assert not run.stderr
    import xml.etree.ElementTree as ElementTree

    root = ElementTree.fromstring(run.stdout)
    texts = {
        "".join(element.itertext()).replace("\xa0", " ")
        for element in root.iter()
        if element.tag.endswith("text")
    }
    for i, text in enumerate(NASTY):
        assert " ".join(f"{i}:{text}".split()) in texts


@pytest.mark.parametrize(("text", "said"), [("", "computes nothing"), ("x = 3", "has no tensor")])
def test_a_file_without_nodes_is_a_picture_that_says_so(text: str, said: str) -> None:
    drawn = "".join(dot(gradcli.loads(text).inspection))
    assert f'none [label="no nodes: the file {said}"' in drawn
