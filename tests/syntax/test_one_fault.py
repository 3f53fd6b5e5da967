"""One fault gives one message, wherever it stands: what follows it is read as if it were right."""

from __future__ import annotations

import pytest

from gradcli.errors import Source, SyntaxFault
from gradcli.syntax import parse
from gradcli.syntax.recovery import SyntaxFaults

# a text with one fault, and the line that it is on
ONE = {
    "class A\n    def f(self):\n        return 1\n    def g(self):\n        return 2\nx = 1\n": 1,
    "class A:\n    x = = 1\n    def f(self):\n        return 1\n": 2,
    "class A:\n    def f(self)\n        try:\n            x = 1\n        finally:\n"
    "            y = 2\n    def g(self):\n        return 3\n": 2,
    "try\n    x = 1\nexcept ValueError:\n    y = 2\nelse:\n    z = 3\nfinally:\n    w = 4\n": 1,
    "try:\n    x = 1\nexcept ValueError\n    y = 2\nfinally:\n    w = 4\n": 3,
    "try:\nx = 1\nexcept ValueError:\n    pass\n": 1,
    "match x\n    case 1:\n        y = 2\n    case 2:\n        y = 3\n": 1,
    "match x:\n    case 1\n        y = 2\n    case _:\n        y = 3\n": 2,
    "[[class A\n": 1,
    "[[class A:\n    def f(self): pass\nx = 1\n": 1,
    'd = {"a": 1, "b" 2,\n     "c": 3,\n     "d": 4}\nx = 1\n': 1,
    'd = {\n  "a": 1\n  "b": 2,\n  "c": 3,\n}\nx = 2\n': 3,
    "raise ValueError('a'\nx = 1\n": 1,
    "def f():\n    raise = 3\n    return 1\n": 2,
    "while True\n    x = 1\n    break\ny = 2\n": 1,
    "def f():\n    await g()\n    x = 1\n    return x\n": 2,
}


@pytest.mark.parametrize("text", ONE)
def test_one_fault_gives_one_message(text: str) -> None:
    source = Source("m.expr", text)
    with pytest.raises(SyntaxFault) as raised:
        parse(source)
    faults = raised.value.faults if isinstance(raised.value, SyntaxFaults) else (raised.value,)
    assert [source.line_of(fault.span) for fault in faults if fault.span] == [ONE[text]]
