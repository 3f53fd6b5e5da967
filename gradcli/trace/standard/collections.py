"""`collections`: deque, namedtuple, defaultdict, OrderedDict, Counter."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, ClassVar

from gradcli.rule.rule import number
from gradcli.rule.signature import Signature
from gradcli.trace import containers
from gradcli.trace.calls import Args, Keywords
from gradcli.trace.containers import items_of, key, update
from gradcli.trace.kinds import CALLABLE, PYTHON, TUPLE, made_from
from gradcli.trace.sentences import class_name, fault, python_errors
from gradcli.trace.strings import Method, named
from gradcli.trace.types import Type
from gradcli.trace.values import Function, check_size

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

# ---- deque ---------------------------------------------------------------------------------

DEQUE = Signature("deque(iterable: any = None, maxlen: any = None)")


def _deque(tracer: Tracer, args: Args, keywords: Keywords) -> deque[Any]:
    iterable, most = DEQUE.bound(args, keywords).values()
    if most is not None and not isinstance(most, int):
        raise fault(TypeError("an integer is required"))
    if most is not None and most < 0:
        raise fault(ValueError("maxlen must be non-negative"))
    if most is not None:
        check_size(most)
    found: deque[Any] = deque(maxlen=most)
    if args or "iterable" in keywords:
        _grown(tracer, found, iterable)
    return found


def _grown(tracer: Tracer, d: deque[Any], items: Any) -> None:
    for item in items_of(tracer, items):
        d.append(item)
    check_size(len(d))


def _extend_left(tracer: Tracer, d: deque[Any], items: Any) -> None:
    d.extendleft(items_of(tracer, items))
    check_size(len(d))


def _own(name: str) -> Any:
    def method(tracer: Tracer, d: deque[Any], *args: Any) -> Any:
        check_size(len(d) + 1)
        return getattr(d, name)(*args)

    return method


def _index(tracer: Tracer, d: deque[Any], item: Any, *bounds: int) -> int:
    try:
        return containers.index(tracer, list(d), item, *bounds)
    except ValueError:
        raise ValueError(f"{tracer.text(item, quoted=True)} is not in deque") from None


def _remove(tracer: Tracer, d: deque[Any], item: Any) -> None:
    try:
        at = containers.index(tracer, list(d), item)
    except ValueError:
        raise ValueError(f"{tracer.text(item, quoted=True)} is not in deque") from None
    del d[at]


containers.METHODS[deque] = {
    **named(_own, "append(x: any); appendleft(x: any); pop(); popleft(); clear(); copy(); "
            "reverse(); rotate(n: whole = 1); insert(index: whole, object: any)"),
    **named(lambda name: _grown, "extend(iterable: any)"),
    **named(lambda name: _extend_left, "extendleft(iterable: any)"),
    **named(lambda name: _index, "index(value: any, start: whole = 0, stop: whole = None)"),
    **named(lambda name: _remove, "remove(value: any)"),
    **named(lambda name: lambda tracer, d, item: containers.count(tracer, d, item),
            "count(value: any)"),
}  # fmt: skip

# ---- dictionaries --------------------------------------------------------------------------


class Default(dict[Any, Any]):
    """`defaultdict`: a dictionary that makes what it lacks."""

    kind: ClassVar[Type]

    def __init__(self, tracer: Tracer, factory: Any) -> None:
        super().__init__()
        self.tracer, self.factory = tracer, factory

    def __missing__(self, name: Any) -> Any:
        if self.factory is None:
            raise KeyError(name)
        check_size(len(self) + 1)
        self.tracer.graph.charge(100, "an item")
        found = self[name] = self.tracer.call(self.factory, (), {})
        return found

    def copy(self) -> Default:
        """Return another one, with the same items."""
        found = Default(self.tracer, self.factory)
        found.update(self)
        return found


def _default_dict(tracer: Tracer, args: Args, keywords: Keywords) -> Default:
    factory, *others = args or (None,)
    if factory is not None and not isinstance(factory, CALLABLE):
        raise fault(TypeError("first argument must be callable or None"))
    if len(others) > 1:
        raise fault(TypeError(f"dict expected at most 1 argument, got {len(others)}"))
    found = Default(tracer, factory)
    with python_errors():
        update(tracer, found, *others, **keywords)
    return found


def _ordered_dict(tracer: Tracer, args: Args, keywords: Keywords) -> OrderedDict[Any, Any]:
    if len(args) > 1:
        raise fault(TypeError(f"OrderedDict expected at most 1 argument, got {len(args)}"))
    found: OrderedDict[Any, Any] = OrderedDict()
    with python_errors():
        update(tracer, found, *args, **keywords)
    return found


def _move_to_end(tracer: Tracer, d: OrderedDict[Any, Any], name: Any, last: bool = True) -> None:
    d.move_to_end(key(name), last)


def _pop_item(tracer: Tracer, d: OrderedDict[Any, Any], last: bool = True) -> Any:
    return d.popitem(last)


_OF_DICT = containers.METHODS[dict]
containers.METHODS[OrderedDict] = {
    **_OF_DICT,
    **named(lambda name: _move_to_end, "move_to_end(key: any, last: bool = True)", "too"),
    **named(lambda name: _pop_item, "popitem(last: bool = True)", "too"),
}
containers.METHODS[Default] = _OF_DICT


def _counter(tracer: Tracer, args: Args, keywords: Keywords) -> Counter[Any]:
    if len(args) > 1:
        raise fault(TypeError(f"Counter.__init__() takes at most 1 argument, not {len(args)}"))
    found: Counter[Any] = Counter()
    with python_errors():
        _counted(tracer, found, *args, **keywords)
    return found


def _counted(
    tracer: Tracer, counts: Counter[Any], /, *given: Any, sign: int = 1, **words: Any
) -> None:
    """Add (or take off) how often each item is there."""
    for other in given:
        if isinstance(other, dict):
            for name, n in other.items():
                counts[name] = n * sign if name not in counts else tracer.binary(
                    "+" if sign > 0 else "-", counts[name], n)  # fmt: skip
        elif other is not None:
            for item in tracer.iterate(other):
                counts[key(item)] += sign
                check_size(len(counts))
    for name, n in words.items():
        counts[name] = counts[name] + n * sign


def _most_common(tracer: Tracer, counts: Counter[Any], n: int | None = None) -> list[Any]:
    tracer.graph.spend(len(counts))
    _check_counts(counts)
    return counts.most_common(n)


def _check_counts(counts: Counter[Any]) -> None:
    for n in counts.values():
        if not number(n) or isinstance(n, complex):
            raise TypeError(f"a count is a number, not '{class_name(n)}'")


def _elements(tracer: Tracer, counts: Counter[Any]) -> Any:
    _check_counts(counts)
    if not all(isinstance(n, int) for n in counts.values()):
        raise TypeError("'float' object cannot be interpreted as an integer")
    check_size(sum(n for n in counts.values() if n > 0))
    return iter(list(counts.elements()))


def _total(tracer: Tracer, counts: Counter[Any]) -> Any:
    _check_counts(counts)
    return sum(counts.values())


containers.METHODS[Counter] = {
    **{name: method for name, method in _OF_DICT.items() if name != "update"},
    **named(lambda name: _most_common, "most_common(n: whole = None)", "too"),
    **named(lambda name: _elements, "elements()"), **named(lambda name: _total, "total()"),
    "update": Method(None, lambda tracer, c, *a, **k: _counted(tracer, c, *a, **k), "too"),
    "subtract": Method(None, lambda tracer, c, *a, **k: _counted(
        tracer, c, *a, sign=-1, **k), "too"),
}  # fmt: skip

# ---- named tuples --------------------------------------------------------------------------


class Named(tuple[Any, ...]):
    """A value of a `namedtuple`: a tuple whose items have names."""

    kind: ClassVar[Type]
    fields: ClassVar[tuple[str, ...]]

    def replaced(self, items: Any) -> Named:
        """Return one of the same kind with other items."""
        return tuple.__new__(type(self), items)


containers.METHODS[Named] = containers.METHODS[tuple]


def named_tuple(
    name: str, fields: tuple[str, ...], defaults: tuple[Any, ...] = (), module: str = "__main__"
) -> Type:
    """Return the type of tuples whose items have these names; the last have defaults.

    Raises: ArgumentFault, with Python's sentence, where a name is none.
    """
    for word in (name, *fields):
        if not word.isidentifier():
            said = "Type names and field names must be valid identifiers: "
            raise fault(ValueError(f"{said}{word!r}"))
        if iskeyword(word):
            said = "Type names and field names cannot be a keyword: "
            raise fault(ValueError(f"{said}{word!r}"))
    for i, word in enumerate(fields):
        if word.startswith("_"):
            raise fault(ValueError(f"Field names cannot start with an underscore: {word!r}"))
        if word in fields[:i]:
            raise fault(ValueError(f"Encountered duplicate field name: {word!r}"))
    if len(defaults) > len(fields):
        raise fault(TypeError("Got more default values than field names"))
    given = dict(zip(fields[len(fields) - len(defaults) :], defaults, strict=True))
    values: Any = type(name, (Named,), {"fields": fields})

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        return values.__new__(values, _fields(name, fields, given, args, keywords))

    def make(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        return run(tracer, tuple(items_of(tracer, *args)), keywords)

    members = {"_fields": fields, "_field_defaults": given, "_make": Function("_make", make)}
    values.kind = made_from(name, run, values, bases=(TUPLE,), module=module, **members)
    return values.kind  # type: ignore[no-any-return]


def _fields(
    name: str, fields: tuple[str, ...], given: Keywords, args: Args, keywords: Keywords
) -> list[Any]:
    """Return the items of a new tuple.

    Raises: ArgumentFault, with Python's sentence, where they are not those of its fields.
    """
    if len(args) > len(fields):
        takes = f"{len(fields) + 1} positional argument{'s' * bool(fields)}"
        raise fault(TypeError(f"{name}.__new__() takes {takes} but {len(args) + 1} were given"))
    found = dict(zip(fields, args, strict=False))
    for word, value in keywords.items():
        if word not in fields:
            raise fault(TypeError(f"{name}.__new__() got an unexpected keyword argument '{word}'"))
        if word in found:
            raise fault(TypeError(f"{name}.__new__() got multiple values for argument '{word}'"))
        found[word] = value
    found = {**given, **found}
    missing = [repr(word) for word in fields if word not in found]
    if missing:
        several = "s" * (len(missing) > 1)
        listed = ", ".join(missing[:-1]) + ("," * (len(missing) > 2) + " and " if missing[:-1]
                                            else "") + missing[-1]  # fmt: skip
        raise fault(
            TypeError(
                f"{name}.__new__() missing {len(missing)} required positional "
                f"argument{several}: {listed}"
            )
        )
    return [found[word] for word in fields]


def member_of(value: Named, name: str) -> Any:
    """Return an attribute of a named tuple: an item, or a method; None where it has none."""
    if name in value.fields:
        return value[value.fields.index(name)]
    if name == "_fields":
        return value.fields
    if name == "_asdict":
        pairs = zip(value.fields, value, strict=True)
        return Function(name, lambda tracer, args, keywords: dict(pairs))
    if name == "_replace":
        return Function(name, lambda tracer, args, keywords: _replaced(value, keywords))
    return None


def _replaced(value: Named, given: Keywords) -> Named:
    unknown = [word for word in given if word not in value.fields]
    if unknown:
        raise fault(ValueError(f"Got unexpected field names: {unknown!r}"))
    pairs = zip(value.fields, value, strict=True)
    return value.replaced(given.get(word, item) for word, item in pairs)


NAMED = Signature(
    "namedtuple(typename: any, field_names: any, rename: any = False, defaults: any = None, "
    "module: any = None)"
)


def _named_tuple(tracer: Tracer, args: Args, keywords: Keywords) -> Type:
    name, fields, rename, defaults, _ = NAMED.bound(args, keywords).values()
    words = (
        fields.replace(",", " ").split() if isinstance(fields, str) else items_of(tracer, fields)
    )
    if not isinstance(name, str) or not all(isinstance(word, str) for word in words):
        raise fault(TypeError("Type names and field names must be strings"))
    check_size(len(words))
    if tracer.truth(rename):
        raise fault(ValueError("rename=True is not here: give the fields names of their own"))
    kept = () if defaults is None else tuple(items_of(tracer, defaults))
    return named_tuple(name, tuple(words), kept)


DICT = PYTHON["dict"]

MODULES: dict[str, dict[str, Any]] = {
    "collections": {
        "deque": made_from("deque", _deque, deque, module="collections"),
        "namedtuple": Function("namedtuple", _named_tuple),
        "defaultdict": made_from(
            "defaultdict", _default_dict, Default, bases=(DICT,), module="collections"
        ),
        "OrderedDict": made_from(
            "OrderedDict", _ordered_dict, OrderedDict, bases=(DICT,), module="collections"
        ),
        "Counter": made_from("Counter", _counter, Counter, bases=(DICT,), module="collections"),
    }
}
Default.kind = MODULES["collections"]["defaultdict"]
