"""Types as values: what `int`, `list[int]` and `int | None` are to a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from gradcli.errors import LimitFault
from gradcli.rule.nesting import check_arguments
from gradcli.trace.classes import UserClass
from gradcli.trace.values import Function, Run

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

MAX_TYPES = 50  # in one another: `list[list[int]]` are two
Test = Callable[["Tracer", Any], bool]


class Callee(Function):
    """A function that has attributes: `members` are all of them that a file sees."""

    __slots__ = ("members",)

    def __init__(self, name: str, run: Run, members: Mapping[str, Any] | None = None) -> None:
        super().__init__(name, run)
        self.members: Mapping[str, Any] = members or {}

    __eq__ = object.__eq__
    __hash__ = object.__hash__


class Type(Callee):
    """A type: it can be called, printed, compared, and asked what is one of it.

    `classes` are the Python classes of its values, `bases` the types that it is a kind of; a `test`
    says of a value that it is one where its class does not.
    """

    __slots__ = ("bases", "classes", "module", "test")

    def __init__(
        self,
        name: str,
        run: Run,
        classes: tuple[type[Any], ...] = (),
        *,
        bases: tuple[Type, ...] = (),
        module: str = "builtins",
        test: Test | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(name, run, members)
        self.classes, self.bases, self.module, self.test = classes, bases, module, test

    @property
    def full_name(self) -> str:
        """The name with its module, as it is printed."""
        return self.name if self.module == "builtins" else f"{self.module}.{self.name}"

    def __repr__(self) -> str:
        return f"<class '{self.full_name}'>"

    def __or__(self, other: Any) -> Any:
        return joined(self, other)

    def __ror__(self, other: Any) -> Any:
        return joined(other, self)

    def holds(self, tracer: Tracer, value: Any) -> bool:
        """Say whether a value is one of this type."""
        return isinstance(value, self.classes) if self.test is None else self.test(tracer, value)

    def is_kind_of(self, other: Type) -> bool:
        """Say whether each value of this type is one of another."""
        return self is other or any(base.is_kind_of(other) for base in self.bases)


class Form:
    """What annotations are made of besides types: `list[int]`, `int | None`, `typing.Any`.

    `origin` is a type, or a name of `typing`; "|" is that of a union.
    """

    __slots__ = ("depth", "is_of_typing", "origin", "parameters")

    def __init__(self, origin: Type | str, parameters: tuple[Any, ...] = ()) -> None:
        self.origin, self.parameters = origin, parameters
        self.is_of_typing = False  # a union that is written `Optional[…]` or `Union[…]`
        check_arguments(parameters)
        self.depth: int = 1 + max((getattr(x, "depth", 0) for x in parameters), default=0)
        if self.depth > MAX_TYPES:
            raise LimitFault(f"types more than {MAX_TYPES} deep in one another")

    def __repr__(self) -> str:
        if self.origin == "|":
            return self._union()
        name = self.origin.full_name if isinstance(self.origin, Type) else f"typing.{self.origin}"
        inside = ", ".join(map(written, self.parameters))
        return f"{name}[{inside}]" if self.parameters else name

    def _union(self) -> str:
        if not self.is_of_typing:
            return " | ".join(map(written, self.parameters))
        others = [written(x) for x in self.parameters if x is not None]
        optional = len(others) < len(self.parameters)
        inside = others[0] if len(others) == 1 else f"typing.Union[{', '.join(others)}]"
        if optional:
            return f"typing.Optional[{inside}]"
        return inside

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Form) or self.origin != other.origin:
            return False
        if self.origin == "|":  # in any order
            return all(x in other.parameters for x in self.parameters) and (
                len(self.parameters) == len(other.parameters)
            )
        return self.parameters == other.parameters

    def __hash__(self) -> int:
        return hash((self.origin, len(self.parameters)))

    def __or__(self, other: Any) -> Any:
        return joined(self, other)

    def __ror__(self, other: Any) -> Any:
        return joined(other, self)


def joined(*types: Any) -> Any:
    """Return `A | B`; `NotImplemented` where one is no type."""
    if not all(isinstance(x, Type | Form | UserClass | None) for x in types):
        return NotImplemented
    found: list[Any] = []
    for each in types:
        members = each.parameters if is_union(each) else (each,)
        found += [x for x in members if x not in found]
    return found[0] if len(found) == 1 else Form("|", tuple(found))


def is_union(value: Any) -> bool:
    """Say whether a value is `A | B`."""
    return isinstance(value, Form) and value.origin == "|"


def parameterised(origin: Type | Form, at: Any) -> Any:
    """Return `origin[at]`: a type with parameters, or a union where `Optional[…]` makes one.

    Raises: TypeError, with Python's sentence, where it takes none.
    """
    given = at if type(at) is tuple else (at,)
    if isinstance(origin, Type):
        return Form(origin, given)
    if origin.parameters or not isinstance(origin.origin, str):
        raise TypeError(f"{origin!r} is not a generic class")
    if origin.origin in ("Optional", "Union"):
        union = joined(*given, *(None,) * (origin.origin == "Optional"))
        if union is not NotImplemented:
            if isinstance(union, Form):
                union.is_of_typing = True
            return union
    return Form(origin.origin, given)


def written(value: Any) -> str:
    """Return a type as it is written in a file: `int`, not `<class 'int'>`."""
    if isinstance(value, Type):
        return value.full_name
    if isinstance(value, UserClass):
        return f"{value.module}.{value.name}"
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    return "..." if value is ... else repr(value)
