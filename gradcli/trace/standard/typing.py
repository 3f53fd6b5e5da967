"""`typing`: what annotations are made of. Nothing of it is checked, as in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault
from gradcli.rule.signature import Signature
from gradcli.trace.calls import Args, Keywords
from gradcli.trace.kinds import PYTHON, abstract, made_from
from gradcli.trace.sentences import fault
from gradcli.trace.standard.collections import MODULES as COLLECTIONS
from gradcli.trace.standard.collections import named_tuple
from gradcli.trace.types import Form, Type
from gradcli.trace.values import Function

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

FORMS = (
    "Any", "Optional", "Union", "Literal", "Final", "ClassVar", "NoReturn", "Never",
    "Annotated", "TypeAlias", "Self", "Concatenate", "TypeGuard", "LiteralString", "Required",
    "NotRequired",
)  # fmt: skip
OF_TYPES = {"List": "list", "Dict": "dict", "Tuple": "tuple", "Set": "set",
            "FrozenSet": "frozenset", "Type": "type"}  # fmt: skip
OF_COLLECTIONS = {"Deque": "deque", "DefaultDict": "defaultdict", "OrderedDict": "OrderedDict",
                  "Counter": "Counter"}  # fmt: skip
ABSTRACT = (
    "Callable", "Collection", "Container", "Generator", "Hashable", "Iterable", "Iterator",
    "Mapping", "MutableMapping", "MutableSequence", "MutableSet", "Reversible", "Sequence",
    "Sized",
)  # fmt: skip


def _generic(name: str, kind: Type) -> Type:
    return Type(name, kind.run, kind.classes, bases=(kind,), module="typing", test=kind.test)


class NamedTuples:
    """`NamedTuple` as the base of a class: its annotated names become the items of tuples."""

    def __repr__(self) -> str:
        return "<function NamedTuple>"

    def built(self, name: str, annotated: tuple[str, ...], bound: dict[str, Any]) -> Type:
        """Return the type of the tuples that a class's body describes.

        Raises: ArgumentFault for methods, which such tuples have none of here.
        """
        others = [word for word in bound if word not in annotated and not word.startswith("__")]
        if others:
            raise ArgumentFault(
                f"a NamedTuple has no methods here, and `{name}` has `{others[0]}`",
                hint="write a function of the tuple, or a @dataclass",
            )
        given = [word for word in annotated if word in bound]
        if given != list(annotated[len(annotated) - len(given) :]):
            late = next(w for w in reversed(annotated) if w not in bound)
            said = f"non-default namedtuple field {late} cannot follow default field"
            raise fault(TypeError(f"{said} {given[0]}"))
        return named_tuple(name, annotated, tuple(bound[word] for word in given))


class Variable:
    """A type variable: `T`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"~{self.name}"


def _variable(tracer: Tracer, args: Args, keywords: Keywords) -> Variable:
    if not args or not isinstance(args[0], str):
        raise fault(TypeError("TypeVar() takes a name"))
    return Variable(args[0])


def _cast(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    return Signature("cast(typ: any, val: any)").bound(args, keywords)["val"]


def _decorator(name: str) -> Function:
    """Return a decorator that changes nothing."""
    signature = Signature(f"{name}(f: any)")
    return Function(name, lambda tracer, args, keywords: signature.bound(args, keywords)["f"])


def _new_type(tracer: Tracer, args: Args, keywords: Keywords) -> Function:
    name = Signature("NewType(name: str, tp: any)").bound(args, keywords)["name"]
    signature = Signature("NewType(x: any)")
    return Function(name, lambda tracer, args, keywords: signature.bound(args, keywords)["x"])


MODULES: dict[str, dict[str, Any]] = {
    "typing": {
        **{name: Form(name) for name in FORMS},
        **{name: _generic(name, PYTHON[of]) for name, of in OF_TYPES.items()},
        **{name: _generic(name, COLLECTIONS["collections"][of])
           for name, of in OF_COLLECTIONS.items()},
        **{name: abstract(name, "typing") for name in ABSTRACT},
        "AbstractSet": _generic("AbstractSet", abstract("Set", "typing")),
        "NamedTuple": NamedTuples(),
        "Text": PYTHON["str"],
        "TypeVar": made_from("TypeVar", _variable, Variable, module="typing"),
        "ParamSpec": Function("ParamSpec", _variable),
        "NewType": Function("NewType", _new_type), "cast": Function("cast", _cast),
        **{name: _decorator(name) for name in ("overload", "final", "no_type_check",
                                               "runtime_checkable")},
        "TYPE_CHECKING": False,
    }
}  # fmt: skip
