"""The classes of backward functions: `type(y.grad_fn)` has the function's own name."""

from __future__ import annotations

from functools import cache

from gradcli.trace.classes import OBJECT, UserClass
from gradcli.trace.exceptions import BuiltInClass


@cache
def class_of(name: str) -> UserClass:
    """Return the class of a backward function, which has its name."""
    return BuiltInClass(name, (OBJECT,), {})
