"""What a class of Python's may have and one of a file may not is refused, not passed over."""

from __future__ import annotations

import pytest

from gradcli import loads
from gradcli.errors import GradcliError

DESCRIPTOR = "class D:\n    def {method}(self, *a): return 5\nclass A:\n    x = D()\n"
REFUSED = {
    "class A:\n    def __getattribute__(self, name): return 5": "`__getattribute__` is not here",
    "class A:\n    def __del__(self): print('gone')": "`__del__` is not here",
    DESCRIPTOR.format(method="__get__"): "`x` is a descriptor",
    DESCRIPTOR.format(method="__set__"): "`x` is a descriptor",
    DESCRIPTOR.format(method="__set_name__"): "`x` is a descriptor",
    "class A: pass\nA().__dict__ = {}": "`__dict__` is not set here",
    "class A: pass\nclass B: pass\nA.__bases__ = (B,)": "`__bases__` is not set here",
    "match [1, 5]:\n    case 1, 5 as k: print(k)": "names the last pattern alone",
    "class A: pass\nclass B: pass\nsuper(A, B())": "obj must be an instance or subtype of type",
    "object.__new__(ValueError)": "is not safe, use ValueError.__new__()",
    "Exception.add_note(3, 'a')": "needs an object as its first argument",
    "e = Exception()\ne.__notes__ = 3\ne.add_note('a')": "__notes__ is not a list",
}


@pytest.mark.parametrize("program", REFUSED)
def test_what_would_mean_something_else_is_refused(program: str) -> None:
    with pytest.raises(GradcliError) as refused:
        loads(program)
    assert REFUSED[program] in refused.value.message
