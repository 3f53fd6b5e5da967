"""The attributes of modules: parameters, buffers and parts stand in dictionaries of their own.

A module of PyTorch keeps them apart from its other attributes, in `_parameters`, `_buffers` and
`_modules`, and they are read as if they were attributes. The prelude's `nn.Module` has this file's
methods.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from gradcli.errors import NameFault
from gradcli.graph import Node
from gradcli.rule.dtypes import SCALAR_NAMES
from gradcli.trace.classes import (
    Args,
    Instance,
    Keywords,
    Native,
    call_by_path,
    forget,
    keep,
    no_attribute,
)
from gradcli.trace.kinds import type_of
from gradcli.trace.sentences import fault
from gradcli.trace.values import Function

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer


def _assign(tracer: Tracer, owner: Instance, args: Args, keywords: Keywords) -> None:
    """`module.name = value`: into the dictionary for values of its kind.

    Raises: AttributeError before the module has its dictionaries, TypeError where a parameter, a
    buffer or a part would become something else; both in PyTorch's words.
    """
    name, value = args
    kind = _kind(tracer, owner, name, value)
    if not kind:
        keep(tracer, owner, name, value)
        return
    table = owner.attributes.get(kind)
    if table is None:
        what = {"_parameters": "parameters", "_modules": "module", "_buffers": "buffer"}[kind]
        raise fault(AttributeError(f"cannot assign {what} before Module.__init__() call"))
    if name not in table:
        forget(owner, name)
    if kind == "_parameters" and value is not None and not value.graph.is_leaf(value.id):
        raise fault(ValueError(NO_LEAF.format(name)))
    if kind == "_buffers" and getattr(value, "persists", None) is not None:
        passing = owner.attributes["_non_persistent_buffers_set"]
        (passing.discard if value.persists else passing.add)(name)
    tracer.graph.charge(100, "an attribute")
    if kind == "_parameters" and (before := table.get(name)) is not None and before is not value:
        tracer.graph.notes.patterns.add(before.id)
    table[name] = value
    if owner.path is not None:
        call_by_path(tracer, f"{owner.path}.{name}", value)


NO_LEAF = (
    "Cannot assign non-leaf Tensor to parameter '{0}'. Model parameters must be created explicitly."
    " To express '{0}' as a function of another Tensor, compute the value in the forward() method."
)
EXPECTED = {
    "_parameters": ("parameter", "torch.nn.Parameter or None expected"),
    "_modules": ("child module", "torch.nn.Module or None expected"),
    "_buffers": ("buffer", "torch.nn.Buffer, torch.Tensor or None expected"),
}


def _kind(tracer: Tracer, owner: Instance, name: str, value: Any) -> str:
    """Return the dictionary that a value goes to under a name, "" where it is a plain attribute."""
    if getattr(value, "is_parameter", False):
        return "_parameters"
    if is_module(value):
        return "_modules"
    if getattr(value, "persists", None) is not None and name not in owner.attributes.get(
        "_parameters", ()
    ):
        return "_buffers"
    for kind, (what, expected) in EXPECTED.items():
        if name in owner.attributes.get(kind, ()):
            if value is None or (kind == "_buffers" and isinstance(value, Node)):
                return kind
            given = typename(tracer, value)
            raise fault(TypeError(f"cannot assign '{given}' as {what} '{name}' ({expected})"))
    return ""


def is_module(value: Any) -> bool:
    """Say whether a value is an object of `nn.Module` or of a class that is derived from it."""
    return isinstance(value, Instance) and "_modules" in value.attributes


def typename(tracer: Tracer, value: Any) -> str:
    """Return what PyTorch calls the type of a value: `torch.FloatTensor`, `__main__.Net`, `int`."""
    if isinstance(value, Node):
        return f"torch.{SCALAR_NAMES[value.dtype.name]}Tensor"
    kind = type_of(tracer, value)
    return kind.name if kind.module == "builtins" else f"{kind.module}.{kind.name}"


def _missing(tracer: Tracer, owner: Instance, args: Args, keywords: Keywords) -> Any:
    """`Module.__getattr__`: there is no such attribute, as the dictionaries were looked at."""
    raise NameFault(no_attribute(owner, *args))


def _typename(tracer: Tracer, owner: Any, args: Args, keywords: Keywords) -> str:
    return typename(tracer, owner)


def _undrawn(tracer: Tracer, owner: Any, args: Args, keywords: Keywords) -> Any:
    """Call a function, and let the generator be as if it had drawn nothing."""
    state = deepcopy(vars(tracer.generator))
    try:
        return tracer.call(owner, args, keywords)
    finally:
        vars(tracer.generator).update(state)


def _pattern(tracer: Tracer, owner: list[Node], args: Args, keywords: Keywords) -> None:
    """Take note of parameters that others are copied from: they are shown only where used."""
    tracer.graph.notes.patterns.update(x.id for x in owner)


def _function(name: str, run: Callable[[Tracer, Any, Args, Keywords], Any]) -> Function:
    """Return a function for the prelude alone; its first argument is apart."""
    return Function(name, lambda tracer, args, keywords: run(tracer, args[0], args[1:], keywords))


METHODS = {
    "_pattern": _function("pattern", _pattern),
    "_undrawn": _function("undrawn", _undrawn),
    "_assign": Native("__setattr__", _assign),
    "_missing": Native("__getattr__", _missing),
    "_typename": _function("typename", _typename),
}
