"""`functools`: functions made of functions."""

from __future__ import annotations

from dataclasses import replace
from functools import cmp_to_key as pythons_cmp_to_key
from typing import TYPE_CHECKING, Any

from gradcli.rule.signature import Signature
from gradcli.trace import containers
from gradcli.trace.calls import Args, Keywords, only
from gradcli.trace.classes import (
    MISSING,
    BoundMethod,
    Native,
    Property,
    UserClass,
    check_changeable,
)
from gradcli.trace.kinds import CALLABLE, type_of
from gradcli.trace.sentences import fault, python_errors
from gradcli.trace.types import Callee, Type
from gradcli.trace.values import Function, UserFunction, check_size

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer


class Partial(Callee):
    """`partial(function, …)`: a function with some of its arguments."""

    __slots__ = ()
    kind: Type

    def __repr__(self) -> str:
        return "functools.partial(…)"


def _partial(tracer: Tracer, args: Args, keywords: Keywords) -> Partial:
    if not args:
        raise fault(TypeError("type 'partial' takes at least one argument"))
    function, *first = args
    if not isinstance(function, CALLABLE):
        raise fault(TypeError("the first argument must be callable"))
    if isinstance(function, Partial):
        inner = function.members
        function, first = inner["func"], [*inner["args"], *first]
        keywords = {**inner["keywords"], **keywords}
    given = dict(keywords)

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        return tracer.call(function, (*first, *args), {**given, **keywords})

    members = {"func": function, "args": tuple(first), "keywords": given}
    return Partial(getattr(function, "name", "partial"), run, members)


Partial.kind = Type("partial", _partial, (Partial,), module="functools")


def _reduce(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    if keywords:
        raise fault(TypeError("reduce() takes no keyword arguments"))
    if not 2 <= len(args) <= 3:
        most = "least 2" if len(args) < 2 else "most 3"
        raise fault(TypeError(f"reduce expected at {most} arguments, got {len(args)}"))
    function, items, *first = args
    iterator = iter(tracer.iterate(items))
    found = first[0] if first else next(iterator, MISSING)
    if found is MISSING:
        raise fault(TypeError("reduce() of empty iterable with no initial value"))
    for x in iterator:
        found = tracer.call(function, (found, x), {})
    return found


def _named_as(function: Any, original: Any) -> Any:
    """Return a function under the name of another, as `wraps` lets it appear."""
    name = getattr(original, "name", None)
    if isinstance(function, UserFunction) and isinstance(name, str):
        return replace(function, name=name)
    return function


def _wraps(tracer: Tracer, args: Args, keywords: Keywords) -> Function:
    original = args[0] if args else keywords.get("wrapped")
    return Function(
        "wraps", lambda tracer, args, keywords: _named_as(only(args, keywords, "wraps"), original)
    )


def _update_wrapper(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    if len(args) < 2:
        raise fault(TypeError("update_wrapper() takes a wrapper and what it wraps"))
    return _named_as(args[0], args[1])


# ---- caches --------------------------------------------------------------------------------


class Cached(Callee):
    """A function whose results are kept by its arguments."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<functools._lru_cache_wrapper object of {self.name}>"


def _key(tracer: Tracer, args: Args, keywords: Keywords, typed: bool) -> Any:
    kinds = tuple(type_of(tracer, x) for x in (*args, *keywords.values())) if typed else ()
    if len(args) == 1 and not keywords and not typed and type(args[0]) in (int, str):
        return args[0]  # so 1 and 1.0 are kept apart, as in Python
    with python_errors():
        return containers.key((args, *keywords.items(), *kinds) if keywords or kinds else args)


def _cached(function: Any, most: int | None, typed: bool) -> Cached:
    if not isinstance(function, CALLABLE):
        raise fault(TypeError("the first argument must be callable"))
    found: dict[Any, Any] = {}
    counts = {"hits": 0, "misses": 0}

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        key = _key(tracer, args, keywords, typed)
        if key in found:
            counts["hits"] += 1
            if most is not None:  # what was used last goes last
                found[key] = found.pop(key)
            return found[key]
        counts["misses"] += 1
        result = tracer.call(function, args, keywords)
        if most != 0:
            check_size(len(found) + 1)
            tracer.graph.charge(200, "a cached result")
            found[key] = result
            if most is not None and len(found) > most:
                del found[next(iter(found))]
        return result

    def info(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        from gradcli.trace.standard.collections import named_tuple

        kind = named_tuple("CacheInfo", ("hits", "misses", "maxsize", "currsize"), (), "functools")
        return tracer.call(kind, (counts["hits"], counts["misses"], most, len(found)), {})

    def clear(tracer: Tracer, args: Args, keywords: Keywords) -> None:
        found.clear()
        counts.update(hits=0, misses=0)

    members = {
        "cache_info": Function("cache_info", info), "cache_clear": Function("cache_clear", clear),
        "__wrapped__": function, "__name__": getattr(function, "name", ""),
    }  # fmt: skip
    return Cached(getattr(function, "name", "cached"), run, members)


LRU_CACHE = Signature("lru_cache(maxsize: any = 128, typed: bool = False)")


def _lru_cache(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    if len(args) == 1 and not keywords and isinstance(args[0], CALLABLE):
        return _cached(args[0], 128, False)
    most, typed = LRU_CACHE.bound(args, keywords).values()
    if most is not None and not isinstance(most, int):
        raise fault(TypeError("Expected first argument to be an integer, a callable, or None"))
    size = most if most is None else max(0, most)
    return Function(
        "lru_cache",
        lambda tracer, args, keywords: _cached(only(args, keywords, "lru_cache"), size, typed),
    )


def _cached_property(tracer: Tracer, args: Args, keywords: Keywords) -> Property:
    """Make a property whose value is kept under the function's name in the object itself."""
    function = only(args, keywords, "cached_property")
    name = getattr(function, "name", "value")

    def get(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        owner = args[0]
        if name not in owner.attributes:
            owner.attributes[name] = tracer.call(function, (owner,), {})
        return owner.attributes[name]

    def put(tracer: Tracer, args: Args, keywords: Keywords) -> None:
        args[0].attributes[name] = args[1]

    def drop(tracer: Tracer, args: Args, keywords: Keywords) -> None:
        args[0].attributes.pop(name, None)

    return Property(Function(name, get), Function(name, put), Function(name, drop))


# ---- orders --------------------------------------------------------------------------------


def _cmp_to_key(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    compared = only(args, keywords, "cmp_to_key")
    if not isinstance(compared, CALLABLE):
        raise fault(TypeError("the first argument must be callable"))
    order = pythons_cmp_to_key(lambda a, b: tracer.call(compared, (a, b), {}))
    return Function("K", lambda tracer, args, keywords: order(only(args, keywords, "K")))


# which comparison gives the others: of `<`, `a > b` is `not a < b and a != b`
_FROM = {
    "__lt__": {"__gt__": (True, "and not"), "__le__": (False, "or"), "__ge__": (True, "")},
    "__le__": {"__ge__": (True, "or"), "__lt__": (False, "and not"), "__gt__": (True, "")},
    "__gt__": {"__lt__": (True, "and not"), "__ge__": (False, "or"), "__le__": (True, "")},
    "__ge__": {"__le__": (True, "or"), "__gt__": (False, "and not"), "__lt__": (True, "")},
}  # fmt: skip


def _total_ordering(tracer: Tracer, args: Args, keywords: Keywords) -> UserClass:
    cls = only(args, keywords, "total_ordering")
    if not isinstance(cls, UserClass):
        raise fault(TypeError("total_ordering() decorates a class"))
    check_changeable(cls, "__lt__")
    root = next((name for name in sorted(_FROM, reverse=True) if name in cls.namespace), None)
    if root is None:
        raise fault(ValueError("must define at least one ordering operation: < > <= >="))
    for name, (negated, joint) in _FROM[root].items():
        if name not in cls.namespace:
            cls.namespace[name] = _derived(root, name, negated, joint)
    return cls


def _derived(root: str, name: str, negated: bool, joint: str) -> Native:
    """Return a comparison by way of another one, and of `==` where both sides may be equal."""

    def run(tracer: Tracer, owner: Any, args: Args, keywords: Keywords) -> Any:
        found = tracer.call(BoundMethod(owner.cls.find(root), owner), args, keywords)
        if found is NotImplemented:
            return NotImplemented
        holds = tracer.truth(found) != negated
        if not joint:
            return holds
        same = tracer.truth(tracer.compare("==", owner, *args))
        return (holds or same) if joint == "or" else (holds and not same)

    return Native(name, run)


MODULES: dict[str, dict[str, Any]] = {
    "functools": {
        "partial": Partial.kind, "reduce": Function("reduce", _reduce),
        "wraps": Function("wraps", _wraps),
        "update_wrapper": Function("update_wrapper", _update_wrapper),
        "lru_cache": Function("lru_cache", _lru_cache),
        "cache": Function("cache", lambda tracer, args, keywords: _cached(
            only(args, keywords, "cache"), None, False)),
        "cached_property": Function("cached_property", _cached_property),
        "cmp_to_key": Function("cmp_to_key", _cmp_to_key),
        "total_ordering": Function("total_ordering", _total_ordering),
    }
}  # fmt: skip
