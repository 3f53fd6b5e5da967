"""`collections.abc`, `numbers`, `abc`, `types`: types that are asked of, and made of nothing."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from gradcli.trace.calls import Args, Keywords, only
from gradcli.trace.classes import OBJECT, BoundMethod, Instance, Native, UserClass
from gradcli.trace.kinds import ABSTRACT, FUNCTION, NONE, NUMBERS, abstract, number_type
from gradcli.trace.sentences import fault
from gradcli.trace.values import Function, UserFunction

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer


class Abstract(UserFunction):
    """A method that classes further down are to have: `@abstractmethod`."""


def _abstract_method(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    function = only(args, keywords, "abstractmethod")
    if not isinstance(function, UserFunction):
        raise fault(TypeError("abstractmethod() decorates a function"))
    return Abstract(**{field.name: getattr(function, field.name) for field in fields(function)})


def _is_abstract(found: Any) -> bool:
    return isinstance(getattr(found, "getter", found), Abstract)


def _new(tracer: Tracer, cls: UserClass, args: Args, keywords: Keywords) -> Instance:
    """Make an object of a class that has all methods that its bases only name."""
    names = {name for each in cls.order for name in each.namespace}
    missing = sorted(name for name in names if _is_abstract(cls.find(name)))
    if missing:
        several = "s" * (len(missing) > 1)
        raise fault(
            TypeError(
                f"Can't instantiate abstract class {cls.name} with abstract method{several} "
                + ", ".join(missing)
            )
        )
    made = Instance(tracer, cls)
    tracer.call(BoundMethod(cls.find("__init__"), made), args, keywords)
    return made


MODULES: dict[str, dict[str, Any]] = {
    "collections.abc": {name: abstract(name) for name in ABSTRACT},
    "numbers": {name: number_type(name) for name in NUMBERS},
    "abc": {
        "ABC": UserClass("ABC", (OBJECT,), {"__new__": Native("__new__", _new)}, is_built_in=True),
        "abstractmethod": Function("abstractmethod", _abstract_method),
    },
    "types": {"NoneType": NONE, "FunctionType": FUNCTION, "LambdaType": FUNCTION},
}
