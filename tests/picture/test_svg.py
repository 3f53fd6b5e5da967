"""The SVG: well formed, harmless whatever a file is called, and it shows what was run."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest

import gradcli
from gradcli.errors import InputFault
from gradcli.picture.cards import Asked
from gradcli.picture.edges import SMALL
from gradcli.picture.measure import monospace, sans
from gradcli.picture.svg import NUMBER, PAD, TITLE, render
from gradcli.picture.themes import THEMES

SVG = "{http://www.w3.org/2000/svg}"
LINEAR = """
x = tensor([1., 2.])
y = tensor([5., 7.])
w = param(1.0)
b = param(0.0)
wx = w*x
loss = sum((wx + b - y)**2)
"""
HOSTILE = [
    'w = param(1.0)\ny = w*len("<script>alert(1)</script>")',
    'w = param(1.0)\ny = w*len("\\"><img src=x onerror=alert(1)>")',
    'w = param(1.0)\ny = w*len("&lt;b&gt; ]]> --> \\x1b[31m")',
    "权重 = param(1.0)\n損失 = 权重**2",
]
SIZES = {"title": TITLE, "shape": SMALL, "source": SMALL, "number": NUMBER, "label": SMALL}
WORDS = {"title": sans, "label": sans}


def picture(text: str, **options: object) -> ElementTree.Element:
    run = gradcli.loads(text, name='<a "name">&')
    return ElementTree.fromstring(render(run.inspection, Asked(**options)))  # type: ignore[arg-type]


def cards(svg: ElementTree.Element) -> dict[str, ElementTree.Element]:
    """Return the cards by the text of their titles, without marks."""
    found = {}
    for card in svg.iter(f"{SVG}g"):
        if (card.get("class") or "").startswith("card"):
            (title,) = (t for t in card.iter(f"{SVG}text") if t.get("class") == "title")
            found["".join(title.itertext())[2:]] = card
    return found


def words(card: ElementTree.Element, kind: str) -> list[str]:
    """Return the texts of one kind in a card."""
    return ["".join(t.itertext()) for t in card.iter(f"{SVG}text")
            if kind in (t.get("class") or "").split()]  # fmt: skip


def test_a_card_has_the_name_the_source_the_value_and_the_gradient() -> None:
    found = cards(picture(LINEAR))
    assert words(found["w"], "value") == ["1"]
    assert words(found["w"], "gradient") == ["-28"]
    assert words(found["b"], "gradient") == ["-18"]
    assert words(found["wx"], "source") == ["= w*x"]
    assert words(found["wx"], "gradient") == ["[ -8  -10 ]"]
    assert not words(found["x"], "gradient")


def test_gradients_that_were_not_kept_are_told_apart() -> None:
    found = cards(picture(LINEAR))
    assert not words(found["w"], "passed")
    assert words(found["wx"], "passed")


def test_without_values_there_are_none() -> None:
    assert not words(picture(LINEAR, values=False), "number")


def test_edges_that_carry_no_gradient_are_dashed() -> None:
    svg = picture(LINEAR)
    edges = {
        (e.get("data-from"), e.get("data-to")): "still" in (e.get("class") or "").split()
        for e in svg.iter(f"{SVG}path")
        if e.get("data-from") is not None
    }
    found = cards(svg)
    ids = {name: (card.get("id") or "")[1:] for name, card in found.items()}
    assert edges[ids["x"], ids["wx"]]
    assert not edges[ids["w"], ids["wx"]]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("across", [False, True])
def test_no_name_and_no_text_of_a_file_is_markup(text: str, across: bool) -> None:
    svg = picture(text, across=across)
    tags = {element.tag.removeprefix(SVG) for element in svg.iter()}
    assert tags <= {"svg", "title", "style", "rect", "defs", "marker", "path", "g", "text", "tspan"}
    for element in svg.iter():
        assert not any(name.startswith("on") or "href" in name for name in element.attrib)
        said = "".join(filter(None, (element.text, element.tail)))
        assert said.replace("\n", "").isprintable()


@pytest.mark.parametrize("across", [False, True])
def test_every_text_is_inside_its_card(across: bool) -> None:
    text = (
        "a_rather_long_name_of_a_parameter = param([[1.5, -2e-7], [3., 4.]])\n"
        "y = sum(exp(a_rather_long_name_of_a_parameter @ a_rather_long_name_of_a_parameter))"
    )
    for card in cards(picture(text, across=across)).values():
        (box,) = (r for r in card.iter(f"{SVG}rect") if r.get("class") == "box")
        room = float(box.get("width") or 0) - PAD
        for t in card.iter(f"{SVG}text"):
            kind = (t.get("class") or "").split()[0]
            if kind in SIZES and t.get("text-anchor") is None:
                said = "".join(t.itertext())
                end = float(t.get("x") or 0) + WORDS.get(kind, monospace)(said, SIZES[kind])
                assert end <= room + 1, said


def test_where_nan_begins_is_said() -> None:
    found = cards(picture("x = param([0., 4.])\ny = where(x > 0, sqrt(x), 0.)\nloss = sum(y)"))
    assert words(found["x"], "origin") == ["nan gradient starts here"]
    found = cards(picture("x = param([0., 4.])\ny = log(x)\nz = y*2\nloss = sum(z)"))
    assert words(found["y"], "origin") == ["inf starts here"]
    assert not words(found["z"], "origin")


def test_a_loop_is_one_turn() -> None:
    text = "w = param(1.)\nh = w\nfor i in range(50):\n    h = tanh(h*w)\nloss = h**2"
    found = cards(picture(text))
    h = [1.0]
    for _ in range(50):
        h.append(math.tanh(h[-1]))
    assert words(found["h"], "fold") == [f"× 50: {h[1]:.6g} → {h[-1]:.6g}"]


def test_a_parameter_says_where_a_loop_began_and_where_it_ended() -> None:
    text = (
        "w = param(0.5)\nfor i in range(40):\n    loss = (w - 3.0)**2\n    loss.backward()\n"
        "    with no_grad():\n        w -= 0.1*w.grad\n    w.grad = None\n"
    )
    last = 3 - 2.5 * 0.8**40  # each turn leaves 0.8 of the distance
    found = cards(picture(text))
    assert words(found["w"], "fold") == [f"× 40: 0.5 → {last:.6g}"]
    assert words(found["loss"], "fold") == [f"× 40: 6.25 → {(2.5 * 0.8**39) ** 2:.6g}"]


@pytest.mark.parametrize("theme", THEMES)
def test_every_theme_is_drawn_with_the_same_places(theme: str) -> None:
    run = gradcli.loads(LINEAR)
    without = re.compile(r"<style>.*?</style>", re.DOTALL)
    drawn = [without.sub("", render(run.inspection, Asked(theme=t))) for t in ("light", theme)]
    assert drawn[0] == drawn[1]


def test_the_same_run_is_the_same_picture() -> None:
    assert len({render(gradcli.loads(LINEAR).inspection) for _ in range(3)}) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "no nodes: the file computes nothing"), ("x = 3", "no nodes: the file has no tensor")],
)
def test_nothing_to_draw_is_a_picture_too_and_says_so(text: str, said: str) -> None:
    svg = picture(text)
    assert cards(svg) == {}
    assert [t.text for t in svg.iter(f"{SVG}text")] == [said]


TRAINED = (
    "x = tensor([1., 2.])\nw = param(1.0)\nfor i in range(50):\n    loss = mean((w*x - 3)**2)\n"
    "    loss.backward()\n    with no_grad():\n        w -= 0.1*w.grad\n    w.grad.zero_()\n"
)


def test_what_is_around_a_name_in_a_loop_is_around_its_card_in_that_turn() -> None:
    found = cards(picture(TRAINED, around="w", hops=1))
    assert {"w", "w*x"} <= found.keys()
    assert words(found["w*x"], "gradient")


def test_what_has_no_card_is_not_drawn_around_and_what_has_is_named() -> None:
    with pytest.raises(InputFault, match="--around w:2: this node is not drawn") as fault:
        picture(TRAINED, around="w:2")
    assert "`w`" in str(fault.value.hint)
    assert "`loss`" in str(fault.value.hint)


@pytest.mark.parametrize("name", ["w", "loss"])
def test_notes_below_a_narrow_picture_are_inside(name: str) -> None:
    svg = picture(TRAINED, around=name, hops=0)
    notes = ["".join(t.itertext()) for t in svg.iter(f"{SVG}text") if t.get("class") == "note"]
    assert max(sans(note, SMALL) for note in notes) > 160
    assert float(svg.attrib["width"]) >= max(sans(note, SMALL) for note in notes)
