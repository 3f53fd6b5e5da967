"""What Python's functions tell of a value: its attributes, where the language has them.

An attribute is read, set and deleted as the file itself would: `getattr(x, "a")` is `x.a`, and
there is no other way to one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import GradcliError
from gradcli.graph import Node
from gradcli.trace import classes, containers
from gradcli.trace.calls import Args, Keywords, only
from gradcli.trace.faults import is_a
from gradcli.trace.sentences import class_name, fault, python_errors
from gradcli.trace.types import Callee
from gradcli.trace.values import Namespace

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer


def _name(function: str, args: Args, keywords: Keywords, least: int, most: int) -> str:
    """Return the name that a function of attributes is given, after checking how it is called."""
    if keywords:
        raise fault(TypeError(f"{function}() takes no keyword arguments"))
    if not least <= len(args) <= most:
        wanted = f"{least} argument" + "s" * (least != 1)
        if least != most:
            wanted = f"at {'least' if len(args) < least else 'most'} " + (
                f"{least if len(args) < least else most} arguments"
            )
        raise fault(TypeError(f"{function} expected {wanted}, got {len(args)}"))
    if not isinstance(args[1], str):
        raise fault(TypeError(f"attribute name must be string, not '{class_name(args[1])}'"))
    return args[1]


def _getattr(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    name = _name("getattr", args, keywords, 2, 3)
    try:
        return tracer.member(args[0], name)
    except GradcliError as error:
        if len(args) == 3 and is_a(error, "AttributeError"):
            return args[2]
        raise


def _hasattr(tracer: Tracer, args: Args, keywords: Keywords) -> bool:
    name = _name("hasattr", args, keywords, 2, 2)
    try:
        tracer.member(args[0], name)
    except GradcliError as error:
        if is_a(error, "AttributeError"):
            return False
        raise
    return True


def _setattr(tracer: Tracer, args: Args, keywords: Keywords) -> None:
    name = _name("setattr", args, keywords, 3, 3)
    tracer.set_member(args[0], name, args[2])


def _delattr(tracer: Tracer, args: Args, keywords: Keywords) -> None:
    name = _name("delattr", args, keywords, 2, 2)
    tracer.delete_member(args[0], name)


def _names(value: Any) -> list[str]:
    if isinstance(value, Node | Namespace):
        what = "tensors" if isinstance(value, Node) else f"`{value.path}`"
        raise fault(TypeError(f"dir() lists no names of {what}"), hint="`gradcli ops` does")
    if isinstance(value, classes.Instance | classes.UserClass):
        return classes.names_of(value)
    if isinstance(value, Callee):
        return list(value.members)
    kind = next((k for k in type(value).__mro__ if k in containers.METHODS), None)
    return list(containers.METHODS[kind]) if kind is not None else []


def _dir(tracer: Tracer, args: Args, keywords: Keywords) -> list[str]:
    if not args and not keywords:
        return sorted(tracer.scope)
    return sorted(_names(only(args, keywords, "dir")))


def _vars(tracer: Tracer, args: Args, keywords: Keywords) -> dict[str, Any]:
    if not args and not keywords:
        return dict(tracer.scope)
    value = only(args, keywords, "vars")
    if not isinstance(value, classes.Instance):
        raise fault(TypeError("vars() argument must have __dict__ attribute"))
    return value.attributes


def _id(tracer: Tracer, args: Args, keywords: Keywords) -> int:
    """Return a number of a value's own, the same in each run: those of memory are not."""
    value = only(args, keywords, "id")
    known = tracer.identities
    found, _ = known.setdefault(id(value), (len(known) + 1, value))
    return found


def _hash(tracer: Tracer, args: Args, keywords: Keywords) -> int:
    value = only(args, keywords, "hash")
    with python_errors():
        found = hash(containers.key(value))
    if isinstance(value, int | float | complex):
        return found
    return _id(tracer, (value,), {}) if isinstance(value, Node | np.dtype) else found


FUNCTIONS: dict[str, Any] = {
    "getattr": _getattr, "hasattr": _hasattr, "setattr": _setattr, "delattr": _delattr,
    "dir": _dir, "vars": _vars, "id": _id, "hash": _hash,
}  # fmt: skip
