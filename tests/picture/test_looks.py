"""How pictures look: no text lies over another or over an edge, none leaves its card."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import combinations, pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcli
from gradcli.facts import inspect
from gradcli.picture.cards import Asked
from gradcli.picture.edges import SMALL
from gradcli.picture.measure import monospace, sans
from gradcli.picture.svg import NUMBER, TITLE, render
from gradcli.session import Session, run

SVG = "{http://www.w3.org/2000/svg}"
Frame = tuple[float, float, float, float]
FONTS = {"title": (sans, TITLE), "shape": (monospace, SMALL), "source": (monospace, SMALL),
         "number": (monospace, NUMBER), "back": (monospace, SMALL)}  # fmt: skip
FILES = {
    "layers": """
def linear(x, W, b):
    return x @ W + b
def block(x, W, b):
    return relu(linear(x, W, b))
X = tensor([[0.5, -1.2], [1.0, 0.0]])
W = param([[0.1, 0.2], [0.5, -0.6]])
b = param([0.1, -0.1])
h = block(block(X, W, b), W, b)
loss = cross_entropy(h, tensor([0, 1]))
""",
    "operands": """
x = param([0., 1., 4.])
a = param(2.0)
y = where(x > 1, addcmul(x, x, a), clamp(x, a - 3, a)) - lerp(x, x**2, a)
loss = sum(y / x.exp())
""",
    "long": """
a_rather_long_name_of_a_parameter_that_never_ends = param([[1.5, -2e-7], [3., 1e9]])
损失函数的一个很长很长的名字 = a_rather_long_name_of_a_parameter_that_never_ends.T.exp().flatten()
loss = sum(损失函数的一个很长很长的名字 - a_rather_long_name_of_a_parameter_that_never_ends[0, 0])
""",
    "wide": "\n".join(f"p{k} = param({k}.5)" for k in range(14))
    + "\nloss = sum(stack([" + ", ".join(f"p{k}" for k in range(14)) + "]))",
    "loop": """
w = param(0.5)
for i in range(30):
    loss = (w * 2.0 - 3.0)**2
    loss.backward()
    with no_grad():
        w -= 0.01 * w.grad
    w.grad = None
""",
}  # fmt: skip
VIEWS: list[dict[str, Any]] = [
    {}, {"across": True}, {"combined": True, "local": True}, {"values": False},
    {"across": True, "combined": True}, {"functions": "closed"}, {"most": 4}, {"named": True},
    {"backward": True},
]  # fmt: skip


def drawn(text: str, **options: Any) -> ElementTree.Element:
    session: Session = run(gradcli.errors.Source("f", text))
    return ElementTree.fromstring(render(inspect(session), Asked(**options), session))


def shift(element: ElementTree.Element) -> tuple[float, float]:
    found = re.match(r"translate\((\S+) (\S+)\)", element.get("transform") or "")
    return (float(found[1]), float(found[2])) if found else (0.0, 0.0)


def frame_of(text: ElementTree.Element, x: float, y: float) -> Frame:
    """Return what a text takes: from above its small letters to its base line."""
    kind = (text.get("class") or "").split()[0]
    width, size = FONTS.get(kind, (sans, SMALL))
    wide = width("".join(text.itertext()), size)
    left = x + float(text.get("x") or 0) - wide * (text.get("text-anchor") == "end")
    base = y + float(text.get("y") or 0)
    return left, base - size * 0.75, left + wide, base


def parts(svg: ElementTree.Element) -> tuple[list[Frame], dict[str, Frame], dict[str, list[Frame]]]:
    """Return the frames of texts at edges, of cards, and of the texts of each card."""
    (outer,) = (g for g in svg if g.tag == f"{SVG}g")
    free = [frame_of(t, 0, 0) for t in outer if t.tag == f"{SVG}text" and t.get("class") != "note"]
    cards, inside = {}, {}
    for g in outer:
        if (g.get("class") or "").startswith("card"):
            x, y = shift(g)
            (box,) = (r for r in g if r.get("class") == "box")
            cards[g.get("id") or ""] = (
                x, y, x + float(box.get("width") or 0), y + float(box.get("height") or 0)
            )  # fmt: skip
            inside[g.get("id") or ""] = [frame_of(t, x, y) for t in g if t.tag == f"{SVG}text"]
    return free, cards, inside


def meet(a: Frame, b: Frame) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def along(path: str) -> list[tuple[float, float]]:
    """Return points of a path of lines and cubic curves, some on each curve."""
    points: list[tuple[float, float]] = []
    for letter, numbers in re.findall(r"([MLC])([^MLC]+)", path):
        found = [float(x) for x in numbers.split()]
        ends = list(zip(found[::2], found[1::2], strict=True))
        if letter == "M":
            points.append(ends[0])
            continue
        a = points[-1]
        if letter == "L":
            ends = [a, ends[0], ends[0]]
        b, c, d = ends
        for k in range(1, 21):
            t = k / 20
            w = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
            points.append(tuple(sum(u * p[i] for u, p in zip(w, (a, b, c, d), strict=True))
                                for i in (0, 1)))  # type: ignore[arg-type]  # fmt: skip
    return points


def edges(svg: ElementTree.Element) -> list[tuple[str, str, list[tuple[float, float]]]]:
    return [
        (f"n{e.get('data-from')}", f"n{e.get('data-to')}", along(e.get("d") or ""))
        for e in svg.iter(f"{SVG}path")
        if e.get("data-from") is not None
    ]


def check_looks(svg: ElementTree.Element) -> None:
    free, cards, inside = parts(svg)
    for a, b in combinations(free, 2):
        assert not meet(a, b), "texts at edges"
    for name, texts in inside.items():
        left, top, right, bottom = cards[name]
        for text in texts:
            assert left < text[0], name
            assert text[2] < right + 1, name
            assert top < text[1], name
            assert text[3] < bottom, name
        for a, b in combinations(texts, 2):
            assert not meet(a, b), name
    for text in free:
        assert not any(meet(text, card) for card in cards.values())
    for source, target, points in edges(svg):
        for x, y in points[2:-2]:
            for name, (left, top, right, bottom) in cards.items():
                through = left + 1 < x < right - 1 and top + 1 < y < bottom - 1
                assert not through, (source, target, name)


@pytest.mark.parametrize("view", VIEWS, ids=str)
@pytest.mark.parametrize("name", FILES)
def test_nothing_lies_over_anything(name: str, view: dict[str, Any]) -> None:
    check_looks(drawn(FILES[name], **view))


@st.composite
def programs(draw: st.DrawFn) -> str:
    lines, names = ["a = param([1.0, 2.0])", "b = param(0.5)"], ["a", "b"]
    for k in range(draw(st.integers(1, 14))):
        x, y = draw(st.sampled_from(names)), draw(st.sampled_from(names))
        form = draw(st.sampled_from(["{x} - {y}", "where({x} > 0, {x}, {y})", "exp(-{x}) * {y}",
                                     "({x} + {y}).sum()", "{x} / 2.0"]))  # fmt: skip
        name = draw(st.sampled_from(["v{k}", "a_longer_name_{k}"])).format(k=k)
        lines.append(f"{name} = {form.format(x=x, y=y)}")
        names.append(name)
    return "\n".join([*lines, f"loss = sum({names[-1]})"])


@settings(deadline=None, max_examples=40)
@given(programs(), st.sampled_from(VIEWS[:3]))
def test_nothing_lies_over_anything_in_random_programs(text: str, view: dict[str, Any]) -> None:
    check_looks(drawn(text, **view))


@pytest.mark.parametrize("name", ["layers", "operands", "loop"])
def test_the_picture_is_reviewed(name: str, golden: Any) -> None:
    session = run(gradcli.errors.Source(f"{name}.expr", FILES[name]))
    golden(f"{name}.svg", render(inspect(session), Asked(), session))


def test_a_tensor_that_is_used_twice_has_edges_as_wide_as_what_each_passes() -> None:
    svg = drawn("w = param([1., 2.])\nbig = w*1000\nsmall = w*0.001\nloss = (big + small).sum()")
    found: dict[str, str] = {}
    for g in svg.iter(f"{SVG}g"):
        title = g.find(f"{SVG}title")
        if title is not None and title.text:
            found.setdefault(title.text.split(": ")[1].split(" ")[0], (g.get("id") or "")[1:])
    widths = {
        (e.get("data-from"), e.get("data-to")): float(e.get("stroke-width") or 0)
        for e in svg.iter(f"{SVG}path") if e.get("data-from") is not None
    }  # fmt: skip
    assert widths[found["w"], found["big"]] > widths[found["w"], found["small"]] + 2


def test_an_infinity_that_a_mask_is_meant_to_have_is_not_bad() -> None:
    text = "s = param([1., 2.])\nm = s.masked_fill(tensor([False, True]), -inf)\n"
    svg = drawn(f"{text}loss = softmax(m, dim=0)[0]")
    assert not any("bad" in (g.get("class") or "").split() for g in svg.iter(f"{SVG}g"))
    svg = drawn(f"{text}loss = m.sum()")
    assert any("bad" in (g.get("class") or "").split() for g in svg.iter(f"{SVG}g"))


def test_where_a_gradient_becomes_nan_the_operation_is_said() -> None:
    svg = drawn("x = param([0., 4.])\ny = where(x > 0, sqrt(x), 0.)\nloss = sum(y)")
    said = ["".join(t.itertext()) for t in svg.iter(f"{SVG}text") if t.get("class") == "origin"]
    assert said == ["nan gradient starts here, by sqrt(x)"]


def test_many_leaves_stand_in_several_layers() -> None:
    _, cards, _ = parts(drawn(FILES["wide"]))
    tops = sorted(cards.values(), key=lambda frame: frame[1])
    assert max(sum(abs(a[1] - b[1]) < 1 for b in tops) for a in tops) <= 8


def test_a_chain_is_drawn_with_straight_lines() -> None:
    text = (
        "a = param([1., 2.])\nb = exp(a)\nanother_name = sin(b)\nc = another_name*2\nloss = sum(c)"
    )
    for _, _, points in edges(drawn(text)):
        assert all(abs(p[0] - q[0]) < 0.2 for p, q in pairwise(points))


def test_the_bytes_are_the_same_in_every_process() -> None:
    code = (
        "import gradcli; from gradcli.picture.svg import render;"
        f"print(render(gradcli.loads({FILES['layers']!r}).inspection))"
    )
    found = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True,
                       env={**os.environ, "PYTHONHASHSEED": seed}).stdout
        for seed in ("0", "7")
    }  # fmt: skip
    assert len(found) == 1


def test_a_fold_names_the_lines_from_the_first_to_the_last() -> None:
    svg = drawn(FILES["layers"], most=3)
    said = ["".join(t.itertext()) for t in svg.iter(f"{SVG}text") if t.get("class") == "source"]
    lines = [re.findall(r"\d+", text) for text in said if text.startswith("lines ")]
    assert lines
    assert all(int(first) < int(last) for first, last in lines)
