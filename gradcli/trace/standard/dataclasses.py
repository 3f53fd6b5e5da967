"""`dataclasses`: classes whose `__init__`, `__repr__` and `__eq__` follow from annotated names."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.errors import NameFault
from gradcli.rule.nesting import MAX_NESTING
from gradcli.rule.signature import Signature
from gradcli.trace.calls import Args, Keywords, only
from gradcli.trace.classes import (
    MISSING,
    BoundMethod,
    Instance,
    Native,
    UserClass,
    check_changeable,
    keep,
)
from gradcli.trace.sentences import fault
from gradcli.trace.values import Function

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer


class Field(NamedTuple):
    """What `field(default=…)` says of a name, and the name."""

    name: str
    default: Any
    factory: Any
    init: bool = True
    repr: bool = True
    compare: bool = True
    kw_only: bool = False


class Asked:
    """`field(…)` in the body of a class, until the class is made."""

    __slots__ = ("field",)

    def __init__(self, field: Field) -> None:
        self.field = field


FIELD = Signature(
    "field(default: any = None, default_factory: any = None, init: bool = True, "
    "repr: bool = True, hash: any = None, compare: bool = True, metadata: any = None, "
    "kw_only: bool = False)"
)
DATACLASS = Signature(
    "dataclass(init: bool = True, repr: bool = True, eq: bool = True, order: bool = False, "
    "unsafe_hash: bool = False, frozen: bool = False, match_args: bool = True, "
    "kw_only: bool = False, slots: bool = False)"
)


def _field(tracer: Tracer, args: Args, keywords: Keywords) -> Asked:
    if args:
        raise fault(TypeError("field() takes its arguments by name"))
    given = FIELD.bound((), keywords)
    default = given["default"] if "default" in keywords else MISSING
    factory = given["default_factory"] if "default_factory" in keywords else MISSING
    if default is not MISSING and factory is not MISSING:
        raise fault(ValueError("cannot specify both default and default_factory"))
    flags = {word: given[word] for word in ("init", "repr", "compare", "kw_only")}
    return Asked(Field("", default, factory, **flags))


def _dataclass(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    given = DATACLASS.bound((), keywords)
    if not args:
        return Function(
            "dataclass", lambda tracer, args, words: _made(only(args, words, "dataclass"), given)
        )
    return _made(only(args, {}, "dataclass"), given)


def _made(cls: Any, given: dict[str, Any]) -> UserClass:
    """Give a class the methods that follow from its fields.

    Raises: ArgumentFault, with Python's sentences, where the fields are none.
    """
    if not isinstance(cls, UserClass):
        raise fault(TypeError("dataclass() decorates a class"))
    check_changeable(cls, "__dataclass_fields__")
    fields = _fields(cls, given["kw_only"])
    namespace = cls.namespace
    namespace["__dataclass_fields__"] = fields
    plain = [f for f in fields.values() if f.init and not f.kw_only]
    for first, then in pairwise(plain):
        if _has_default(first) and not _has_default(then):
            said = f"non-default argument '{then.name}' follows default argument"
            raise fault(TypeError(said))
    own: dict[str, Any] = {}
    if given["init"]:
        own["__init__"] = _init(cls.name, fields)
    if given["repr"]:
        own["__repr__"] = Native("__repr__", lambda tracer, owner, args, words: _text(
            tracer, owner, fields))  # fmt: skip
    if given["eq"]:
        own["__eq__"] = _compared("==", fields)
    if given["order"]:
        names = {"__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">="}
        own |= {name: _compared(sign, fields) for name, sign in names.items()}
    if given["frozen"]:
        own["__setattr__"] = Native("__setattr__", _frozen)
    if given["frozen"] or given["unsafe_hash"]:
        own["__hash__"] = Native("__hash__", lambda tracer, owner, args, words: hash(
            _values(owner, fields)))  # fmt: skip
    for name, method in own.items():
        namespace.setdefault(name, method)
    return cls


def _fields(cls: UserClass, kw_only: bool) -> dict[str, Field]:
    """Return the fields of a class, those of its bases first."""
    found: dict[str, Field] = {}
    for base in reversed(cls.order[1:]):
        found |= base.namespace.get("__dataclass_fields__", {})
    for name in cls.annotations:
        value = cls.namespace.get(name, MISSING)
        if isinstance(value, list | dict | set):
            raise fault(
                ValueError(
                    f"mutable default <class '{type(value).__name__}'> for field {name} is not "
                    "allowed: use default_factory"
                )
            )
        if isinstance(value, Asked):
            field = value.field._replace(name=name, kw_only=value.field.kw_only or kw_only)
            if field.default is MISSING:
                del cls.namespace[name]
            else:
                cls.namespace[name] = field.default
        else:
            field = Field(name, value, MISSING, kw_only=kw_only)
        found[name] = field
    return found


def _has_default(field: Field) -> bool:
    return field.default is not MISSING or field.factory is not MISSING


def _init(name: str, fields: dict[str, Field]) -> Native:
    """Return the `__init__` that takes the fields; `__post_init__` follows it."""
    taken = [f for f in fields.values() if f.init]
    places = [f.name for f in taken if not f.kw_only]

    def run(tracer: Tracer, owner: Any, args: Args, keywords: Keywords) -> None:
        if len(args) > len(places):
            takes = f"{len(places) + 1} positional argument{'s' * (len(places) > 0)}"
            was = f"{len(args) + 1} were given"
            raise fault(TypeError(f"{name}.__init__() takes {takes} but {was}"))
        given = dict(zip(places, args, strict=False))
        for word, value in keywords.items():
            if word not in fields or not fields[word].init:
                said = f"{name}.__init__() got an unexpected keyword argument '{word}'"
                raise fault(TypeError(said))
            if word in given:
                said = f"{name}.__init__() got multiple values for argument '{word}'"
                raise fault(TypeError(said))
            given[word] = value
        missing = [f.name for f in taken if f.name not in given and not _has_default(f)]
        if missing:
            raise fault(TypeError(_missing(name, missing)))
        for field in fields.values():
            if field.name in given:
                keep(tracer, owner, field.name, given[field.name])
            elif field.factory is not MISSING:
                keep(tracer, owner, field.name, tracer.call(field.factory, (), {}))
            elif field.default is not MISSING:
                keep(tracer, owner, field.name, field.default)
        after = owner.cls.find("__post_init__")
        if after is not MISSING:
            tracer.call(BoundMethod(after, owner), (), {})

    return Native("__init__", run)


def _missing(name: str, missing: list[str]) -> str:
    listed = [repr(word) for word in missing]
    if len(listed) > 1:
        comma = "," if len(listed) > 2 else ""
        listed = [", ".join(listed[:-1]) + comma + " and " + listed[-1]]
    several = "s" * (len(missing) > 1)
    return (
        f"{name}.__init__() missing {len(missing)} required positional argument{several}: "
        + listed[0]
    )


def _values(owner: Instance, fields: dict[str, Field]) -> tuple[Any, ...]:
    return tuple(owner.attributes.get(f.name) for f in fields.values() if f.compare)


def _text(tracer: Tracer, owner: Instance, fields: dict[str, Field]) -> str:
    shown = ", ".join(
        f"{f.name}={tracer.text(owner.attributes.get(f.name), quoted=True)}"
        for f in fields.values()
        if f.repr
    )
    return f"{owner.cls.name}({shown})"


def _compared(sign: str, fields: dict[str, Field]) -> Native:
    def run(tracer: Tracer, owner: Any, args: Args, keywords: Keywords) -> Any:
        (other,) = args
        if not isinstance(other, Instance) or other.cls is not owner.cls:
            return NotImplemented
        return tracer.compare(sign, _values(owner, fields), _values(other, fields))

    return Native(f"__{sign}__", run)


def _frozen(tracer: Tracer, owner: Any, args: Args, keywords: Keywords) -> None:
    raise NameFault(f"cannot assign to field '{args[0]}'")


# ---- functions -----------------------------------------------------------------------------


def _fields_of(value: Any, name: str) -> dict[str, Field]:
    cls = value.cls if isinstance(value, Instance) else value
    found: Any = cls.find("__dataclass_fields__") if isinstance(cls, UserClass) else MISSING
    if found is MISSING:
        raise fault(TypeError(f"{name}() should be called on dataclass instances"))
    fields: dict[str, Field] = found
    return fields


def _plain(tracer: Tracer, value: Any, whole: Any, depth: int = 0) -> Any:
    """Return a value in which objects of dataclasses are what `whole` makes of their fields."""
    tracer.graph.spend()
    if depth > MAX_NESTING:
        raise fault(RecursionError("maximum recursion depth exceeded"))
    if isinstance(value, Instance) and value.cls.find("__dataclass_fields__") is not MISSING:
        fields = _fields_of(value, "asdict")
        return whole(
            (name, _plain(tracer, value.attributes.get(name), whole, depth + 1)) for name in fields
        )
    if type(value) in (list, tuple):
        return type(value)(_plain(tracer, x, whole, depth + 1) for x in value)
    if type(value) is dict:
        return {k: _plain(tracer, x, whole, depth + 1) for k, x in value.items()}
    return value


def _asdict(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    value = only(args, keywords, "asdict")
    _fields_of(value if isinstance(value, Instance) else None, "asdict")
    return _plain(tracer, value, dict)


def _astuple(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    value = only(args, keywords, "astuple")
    _fields_of(value if isinstance(value, Instance) else None, "astuple")
    return _plain(tracer, value, lambda pairs: tuple(x for _, x in pairs))


def _replace(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    value = only(args, {}, "replace")
    fields = _fields_of(value if isinstance(value, Instance) else None, "replace")
    given = {name: value.attributes[name] for name, f in fields.items() if f.init}
    return tracer.call(value.cls, (), {**given, **keywords})


def _is_dataclass(tracer: Tracer, args: Args, keywords: Keywords) -> bool:
    value = only(args, keywords, "is_dataclass")
    cls = value.cls if isinstance(value, Instance) else value
    return isinstance(cls, UserClass) and cls.find("__dataclass_fields__") is not MISSING


MODULES: dict[str, dict[str, Any]] = {
    "dataclasses": {
        "dataclass": Function("dataclass", _dataclass), "field": Function("field", _field),
        "asdict": Function("asdict", _asdict), "astuple": Function("astuple", _astuple),
        "replace": Function("replace", _replace),
        "is_dataclass": Function("is_dataclass", _is_dataclass),
    }
}  # fmt: skip
