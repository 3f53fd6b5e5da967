"""Whatever the text, there is a program or a `SyntaxFault`; and no text is too deep or too long."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcli.errors import Source, SyntaxFault
from gradcli.syntax import parse, parse_expression

PIECES = st.sampled_from(
    [
        "a",
        "1",
        "'",
        '"',
        "f'{",
        "}",
        "{",
        "'''",
        "(",
        ")",
        "[",
        "]",
        ":",
        "=",
        ",",
        "\n",
        "\n  ",
        "\n\t",
        " ",
        "\\",
        "\\\n",
        "#",
        "\r",
        "\x00",
        "\x0c",
        "if ",
        "else:",
        "for ",
        "in ",
        "def ",
        "lambda ",
        "not ",
        "class A",
        "while ",
        "try:",
        "except ",
        "finally:",
        "with ",
        " as ",
        "match ",
        "case ",
        "yield ",
        "global ",
        ":=",
        "->",
        "/",
        "@",
        "%%",
        "*",
        "**",
        "!",
        "=",
        "$",
        "é",
        "²",
        "×",
        ".",
        "...",
        ";",
        "0x",
        "1e",
        "j",
    ]
)
N = 20_000
DEEP = {
    "brackets": "(" * N + "x" + ")" * N,
    "lists": "[" * N + "]" * N,
    "a sum": "+".join(["x"] * N),
    "signs": "-" * N + "x",
    "powers": "x" + "**x" * N,
    "attributes": "x" + ".a" * N,
    "calls": "f(" * N + ")" * N,
    "subscripts": "x" + "[0]" * N,
    "choices": "a if b else " * N + "c",
    "functions": "lambda: " * N + "x",
    "generators": "x = " + "(yield " * N + "x" + ")" * N,
    "names": "(x := " * N + "1" + ")" * N,
    "handlers": "try: pass\n" + "except a: pass\n" * N,
    "cases": "match a:\n" + " case b: pass\n" * N,
    "a choice of patterns": "match a:\n case " + "b|" * N + "c: pass",
    "patterns": "match a:\n case " + "[" * N + "]" * N + ": pass",
    "comparisons": "a<" * N + "b",
    "elif": "if a: pass\n" + "elif b: pass\n" * N,
    "targets": "x=" * N + "1",
    "a target in brackets": "(" * N + "x" + ")" * N + " = 1",
    "a long name": "x" * 1_000_000,
    "a long string": "x = '" + "a" * 1_000_000 + "'\n",
    "a long line": "x = " + "1 + " * N + "1",
    "comments": "# c\n" * N + "x = 1",
}


def read(text: str) -> None:
    for function in (parse, parse_expression):
        fault = fault_of(function, text)
        if fault is not None:
            assert "error: " in str(fault)
            assert fault.span is not None
            assert 0 <= fault.span.start <= fault.span.end <= len(text)


def fault_of(function: Callable[[Source], Any], text: str) -> SyntaxFault | None:
    try:
        function(Source("m.expr", text))
    except SyntaxFault as fault:
        return fault
    return None


@given(st.text())
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_program_or_a_fault(text: str) -> None:
    read(text)


@given(st.lists(PIECES, max_size=25).map("".join))
@settings(max_examples=600, deadline=None)
def test_any_pieces_of_programs_are_a_program_or_a_fault(text: str) -> None:
    read(text)


@given(st.binary())
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_a_program_or_a_fault(data: bytes) -> None:
    read(data.decode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("name", DEEP)
def test_nothing_is_too_deep_or_too_long(name: str) -> None:
    (statement,) = parse(Source("m.expr", DEEP[name])).statements
    assert statement.span.end == len(DEEP[name].rstrip("\n"))


@pytest.mark.parametrize("text", ["(" * N, ")" * N, "[" * N + ")", "(" * N + " $", "f(" * N + "="])
def test_a_mistake_in_the_deep_is_a_fault(text: str) -> None:
    with pytest.raises(SyntaxFault):
        parse(Source("m.expr", text))


def test_the_garbage_collector_is_left_as_it_was() -> None:
    assert gc.isenabled()
    parse(Source("m.expr", "x = 1"))
    assert gc.isenabled()
    gc.disable()
    try:
        read("x = $")
        assert not gc.isenabled()
    finally:
        gc.enable()
