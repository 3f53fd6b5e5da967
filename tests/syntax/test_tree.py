"""What Python's tree has no counterpart for: f-strings, and the places of heads and names."""

from __future__ import annotations

from typing import Any

import pytest

from gradcli.errors import Source, Span
from gradcli.syntax import parse, parse_expression, tree

FORMATTED = {
    "f''": [],
    "f'loss'": ["loss"],
    "f'{{{x}}}'": ["{", ("x", "", "", ""), "}"],
    "f'a{x}b{y}'": ["a", ("x", "", "", ""), "b", ("y", "", "", "")],
    "f'{loss:.3f}'": [("loss", "", ".3f", "")],
    "f'{x!r:>10}'": [("x", "r", ">10", "")],
    "f'{x = }'": [("x", "", "", "x = ")],
    "f'{x=!s:5}'": [("x", "s", "5", "x=")],
    "f'{ x[1:2] }'": [("x[1:2]", "", "", "")],
    "f'{a if b else c}'": [("a if b else c", "", "", "")],
    "f'{x == y}{x != y}{x <= y}'": [(f"x {o} y", "", "", "") for o in ("==", "!=", "<=")],
    "f'{(lambda v: v)(x)}'": [("(lambda v: v)(x)", "", "", "")],
    "f'''a\n{\nx\n}'''": ["a\n", ("x", "", "", "")],
    r"f'\t\x41{x}\N{BULLET}'": ["\tA", ("x", "", "", ""), "•"],
    r"rf'\t{x}'": ["\\t", ("x", "", "", "")],
    r"fR'\{x}'": ["\\", ("x", "", "", "")],
    "'a' f'b{x}' 'c' 'd'": ["ab", ("x", "", "", ""), "cd"],
    "f'{\"}\"}'": [('"}"', "", "", "")],
    "f'{f(x)[0]}'": [("f(x)[0]", "", "", "")],
}


@pytest.mark.parametrize("text", FORMATTED)
def test_an_f_string_has_these_texts_and_fields(text: str) -> None:
    string = parse_expression(Source("m.expr", text))
    assert isinstance(string, tree.FormattedString)
    assert string.span == Span(0, len(text))
    found: list[Any] = []
    for part in string.parts:
        if isinstance(part, str):
            found.append(part)
            continue
        assert text[part.span.start] == "{"
        assert text[part.span.end - 1] == "}"
        value = text[slice(*part.value.span)]
        found.append((value, part.conversion, part.format, part.label))
    assert found == FORMATTED[text]


def test_places_in_an_f_string_are_places_in_the_file() -> None:
    text = "x = 1\ny = f'a{x + 1}'\n"
    statement = parse(Source("m.expr", text)).statements[1]
    assert isinstance(statement, tree.Assign)
    string = statement.value
    assert isinstance(string, tree.FormattedString)
    field = string.parts[1]
    assert isinstance(field, tree.Field)
    assert isinstance(field.value, tree.Binary)
    places = [field.span, field.value.span, field.value.left.span, field.value.right.span]
    assert [text[slice(*place)] for place in places] == ["{x + 1}", "x + 1", "x", "1"]


HEADERS = {
    "def f(x, k: int = 2):\n    return x": ["def f(x, k: int = 2):"],
    "def f() :return 1": ["def f() :"],
    "for a, b in x: pass": ["for a, b in x:"],
    "with no_grad(), a: pass": ["with no_grad(), a:"],
    "if a: pass\nelif b  : pass\nelse: pass": ["if a:", "elif b  :"],
    "for i in (1,\n  2):\n  pass": ["for i in (1,\n  2):"],
}


@pytest.mark.parametrize("text", HEADERS)
def test_the_header_of_a_block_ends_with_its_colon(text: str) -> None:
    found = []
    pending: list[Any] = list(parse(Source("m.expr", text)).statements)
    while pending:
        node = pending.pop()
        if hasattr(node, "header"):
            found.append(text[slice(*node.header)])
            assert node.span.start == node.header.start
        pending += getattr(node, "otherwise", ())
    assert found == HEADERS[text]


@pytest.mark.parametrize("text", ["x.T", "x . T", "f(x).T", "(a.\n  T)", "x.a.T"])
def test_the_place_of_an_attribute_is_that_of_its_name(text: str) -> None:
    node = parse_expression(Source("m.expr", text))
    if isinstance(node, tree.Group):
        node = node.inner
    assert isinstance(node, tree.Attribute)
    assert text[slice(*node.name_span)] == "T"
    assert node.span.end == node.name_span.end
