"""Python's lists, tuples, dictionaries, sets and strings: what a file can do with them.

They are Python's own objects, and most of what is done is done by Python's own methods, whose
sentences are the errors. What would compare items, call a function or go through a tensor is done
here, as Python's own code cannot: items may be tensors.
"""

from __future__ import annotations

import operator
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from functools import partial
from sys import getsizeof
from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault, LimitFault, Span
from gradcli.graph import Node
from gradcli.rule.nesting import MAX_NESTING
from gradcli.rule.signature import Signature
from gradcli.trace import strings
from gradcli.trace.budgets import COUNTED, changed, kept
from gradcli.trace.classes import Instance, needed, special
from gradcli.trace.exceptions import raised
from gradcli.trace.sentences import PYTHONS, class_name, fault, python_errors
from gradcli.trace.strings import Method, Run, named
from gradcli.trace.suspended import Generator
from gradcli.trace.types import Form, Type, parameterised
from gradcli.trace.values import MAX_ITEMS, TOO_DEEP, Function, Results, check_size

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

SEQUENCES: tuple[type[Any], ...] = (list, tuple, range, str, Results, deque)
VIEWS: tuple[type[Any], ...] = (type({}.keys()), type({}.values()), type({}.items()))
CONTAINERS: tuple[type[Any], ...] = (*SEQUENCES, dict, set, frozenset, *VIEWS)
HASHED = (tuple, frozenset)  # what is hashed with all that is in it

_OF_LENGTHS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def key(value: Any) -> Any:
    """Return what can be looked up in a dictionary or a set.

    Raises: TypeError, as Python does, where it cannot be hashed.
    """
    depth, level = 0, [value]
    while level := [x for item in level if isinstance(item, HASHED) for x in item]:
        depth += 1
        if depth > MAX_NESTING:
            raise ArgumentFault(TOO_DEEP)
        if len(level) > MAX_ITEMS:
            raise LimitFault(f"a key of more than {MAX_ITEMS:,} items")
    hash(value)
    return value


# ---- comparison ----------------------------------------------------------------------------


class _Budget:
    """How many items one comparison may still look at: lists can hold each other many times."""

    def __init__(self, tracer: Tracer) -> None:
        self.left = 2 * MAX_ITEMS
        self.steps = tracer.graph.spend

    def spend(self, depth: int) -> None:
        self.left -= 1
        self.steps()
        if depth > MAX_NESTING:
            raise ArgumentFault(TOO_DEEP)
        if self.left < 0:
            raise LimitFault(f"a comparison of more than {2 * MAX_ITEMS:,} items")


def is_same(tracer: Tracer, a: Any, b: Any, budget: _Budget | None = None, depth: int = 0) -> bool:
    """Say whether an item is another one, or equal to it, as Python compares items.

    Raises: ArgumentFault where that is a tensor of several elements.
    """
    if a is b:
        return True
    if not isinstance(a, list | tuple | dict | Results | deque):
        return tracer.truth(tracer.compare("==", a, b))
    return _equal(tracer, a, b, budget or _Budget(tracer), depth)


def _equal(tracer: Tracer, a: Any, b: Any, budget: _Budget, depth: int) -> bool:
    budget.spend(depth)
    same = partial(is_same, tracer, budget=budget, depth=depth + 1)
    if isinstance(a, dict) and isinstance(b, dict):
        if isinstance(a, OrderedDict) and isinstance(b, OrderedDict) and [*a] != [*b]:
            return False
        return len(a) == len(b) and all(k in b and same(v, b[k]) for k, v in a.items())
    if isinstance(a, dict) or isinstance(b, dict):
        return False
    if isinstance(a, deque) or isinstance(b, deque):
        alike = isinstance(a, deque) and isinstance(b, deque) and len(a) == len(b)
        return alike and all(map(same, tuple(a), tuple(b)))
    if isinstance(a, list) != isinstance(b, list) or not isinstance(b, list | tuple | Results):
        return isinstance(b, Node) and tracer.truth(tracer.compare("==", a, b))
    return len(a) == len(b) and all(map(same, tuple(a), tuple(b)))


def compare(tracer: Tracer, sign: str, left: Any, right: Any) -> bool | None:
    """Compare two containers; return None where one is no list, tuple or dictionary.

    Raises: ArgumentFault, with Python's sentence, where they have no order.
    """
    if not isinstance(left, list | tuple | dict | Results | deque):
        return None
    if sign in ("==", "!="):
        return _equal(tracer, left, right, _Budget(tracer), 0) == (sign == "==")
    if isinstance(left, dict) or not isinstance(right, list | tuple | Results):
        return None
    if isinstance(left, list) != isinstance(right, list):
        return None
    return _ordered(tracer, sign, left, right, _Budget(tracer), 0)


def _ordered(tracer: Tracer, sign: str, a: Any, b: Any, budget: _Budget, depth: int) -> bool:
    budget.spend(depth)
    for x, y in zip(tuple(a), tuple(b), strict=False):
        if not is_same(tracer, x, y, budget, depth + 1):
            if isinstance(x, list) and isinstance(y, list):
                return _ordered(tracer, sign, x, y, budget, depth + 1)
            return tracer.truth(tracer.compare(sign, x, y))
    return bool(_OF_LENGTHS[sign](len(a), len(b)))


def contains(tracer: Tracer, item: Any, container: Any) -> bool:
    """Carry out `item in container`.

    Raises: ArgumentFault, with Python's sentence, where that has no meaning.
    """
    method = special(tracer, container, "__contains__")
    if method is not None:
        return tracer.truth(method(item))
    with python_errors():
        if isinstance(container, dict | set | frozenset | type({}.keys())):
            return key(item) in container
        if isinstance(container, str | range) and not isinstance(item, Node):
            return item in container
        if isinstance(container, Instance) and not any(
            special(tracer, container, name) for name in ("__iter__", "__getitem__")
        ):
            raise TypeError(f"argument of type '{class_name(container)}' is not iterable")
        if not isinstance(container, (Node, Instance, *CONTAINERS)) and not hasattr(
            container, "__next__"
        ):
            raise TypeError(f"argument of type '{class_name(container)}' is not iterable")
    return any(is_same(tracer, item, other) for other in tracer.iterate(container))


class _Sorted:
    """An item while it is sorted: Python asks for nothing but `<`."""

    __slots__ = ("tracer", "value")

    def __init__(self, tracer: Tracer, value: Any) -> None:
        self.tracer = tracer
        self.value = value

    def __lt__(self, other: _Sorted) -> bool:
        self.tracer.graph.spend()
        return self.tracer.truth(self.tracer.compare("<", self.value, other.value))


def sort(tracer: Tracer, items: list[Any], key: Any, reverse: Any) -> None:
    """Sort a list in place, as `list.sort` does."""

    def rank(item: Any) -> _Sorted:
        return _Sorted(tracer, item if key is None else tracer.call(key, (item,), {}))

    items.sort(key=rank, reverse=reverse)


def guarded(items: Any, spend: Callable[[], None]) -> Iterator[Any]:
    """Yield items, each of which is a step, and some of which must not change on the way.

    Raises: ArgumentFault, with Python's sentence, where they do change.
    """
    try:
        for item in items:
            spend()
            yield item
    except PYTHONS as error:
        raise fault(error) from None


# ---- items ---------------------------------------------------------------------------------


def get_item(value: Any, at: Any, span: Span | None = None) -> Any:
    """Return `value[at]`.

    Raises: ArgumentFault, with Python's sentence, where there is no such item.
    """
    if isinstance(value, Type | Form):
        with python_errors(span):
            return parameterised(value, at)
    if isinstance(value, dict):
        hint = None
        if len(value) and all(isinstance(k, str) for k in value):
            hint = f"there are {', '.join(map(repr, list(value)[:20]))}"
        with python_errors(span, hint):
            return value[key(at)]
    if not isinstance(value, SEQUENCES):
        raise ArgumentFault(f"'{class_name(value)}' object is not subscriptable", span)
    hint = None
    if isinstance(at, int):
        hint = f"it has {len(value)} item{'' if len(value) == 1 else 's'}, counted from 0"
    with python_errors(span, hint):
        return value[at]


def set_item(tracer: Tracer, owner: Any, at: Any, value: Any) -> None:
    """Carry out `owner[at] = value` of a list or a dictionary.

    Raises: ArgumentFault, with Python's sentence, where there is no such place.
    """
    if isinstance(owner, Instance):
        needed(tracer, owner, "__setitem__", "does not support item assignment")(at, value)
        return
    with python_errors():
        if isinstance(owner, list | deque):
            if isinstance(at, slice):
                extended = at.step not in (None, 1)
                value = items_of(
                    tracer,
                    value,
                    "must assign iterable to extended slice"
                    if extended
                    else "can only assign an iterable",
                )
                check_size(len(owner) + len(value))
            before = getsizeof(owner)
            owner[at] = value
            changed(tracer, owner, before, value)
            tracer.lists.changed(owner)
        elif isinstance(owner, dict):
            before = getsizeof(owner)
            owner[key(at)] = value
            changed(tracer, owner, before, value)
        else:
            owner[at] = value  # Python says that it cannot


def delete_item(tracer: Tracer, owner: Any, at: Any) -> None:
    """Carry out `del owner[at]`.

    Raises: ArgumentFault, with Python's sentence, where there is no such item.
    """
    if isinstance(owner, Instance):
        needed(tracer, owner, "__delitem__", "doesn't support item deletion")(at)
        return
    with python_errors():
        if isinstance(owner, dict):
            del owner[key(at)]
        else:
            del owner[at]
            tracer.lists.changed(owner)


def augmented(tracer: Tracer, operator: str, left: Any, right: Any) -> bool:
    """Carry out what changes a container in place: `xs += …`, `xs *= 2`, `s |= …`.

    Return whether it does: other operators make a new value.
    """
    if isinstance(left, list) and operator == "+":
        before = getsizeof(left)
        _extend(tracer, left, right)
        changed(tracer, left, before, right)
        return True
    if isinstance(left, list) and operator == "*" and isinstance(right, int):
        check_size(len(left) * right)
        before = getsizeof(left)
        left *= right
        changed(tracer, left, before)
        tracer.lists.changed(left)
        return True
    if (
        isinstance(left, set)
        and isinstance(right, set | frozenset)
        and operator in ("|", "&", "-", "^")
    ):
        names = {"|": "update", "&": "intersection_update", "-": "difference_update",
                 "^": "symmetric_difference_update"}  # fmt: skip
        before = getsizeof(left)
        getattr(left, names[operator])(right)
        changed(tracer, left, before)
        return True
    if isinstance(left, deque) and operator == "+":
        left.extend(items_of(tracer, right))
        check_size(len(left))
        return True
    if isinstance(left, dict) and operator == "|" and not isinstance(left, Counter):
        before = getsizeof(left)
        update(tracer, left, right)
        changed(tracer, left, before, right)
        return True
    return False


def items_of(tracer: Tracer, value: Any, otherwise: str | None = None) -> list[Any]:
    """Return the items of a value that can be gone through, in a list of their own."""
    if (
        otherwise
        and not isinstance(value, (Node, Instance, *CONTAINERS))
        and not hasattr(value, "__next__")
    ):
        raise TypeError(otherwise)
    found: list[Any] = []
    for item in tracer.iterate(value):
        found.append(item)
        check_size(len(found))
    return found


# ---- methods -------------------------------------------------------------------------------


def _extend(tracer: Tracer, xs: list[Any], items: Any) -> None:
    added = items_of(tracer, items)
    check_size(len(xs) + len(added))
    xs.extend(added)
    tracer.lists.changed(xs)


def index(tracer: Tracer, xs: Any, item: Any, start: int = 0, stop: int | None = None) -> int:
    """Return where an item is, as `list.index` does."""
    first, last, _ = slice(start, stop).indices(len(xs))
    tracer.graph.spend(len(xs))
    for i in range(first, last):
        if i < len(xs) and is_same(tracer, xs[i], item):
            return i
    if isinstance(xs, list):
        raise ValueError(f"{tracer.text(item, quoted=True)} is not in list")
    raise ValueError("tuple.index(x): x not in tuple")


def count(tracer: Tracer, xs: Any, item: Any) -> int:
    """Return how many items are equal to one, as `list.count` does."""
    tracer.graph.spend(len(xs))
    return sum(is_same(tracer, x, item) for x in list(xs))


def _remove(tracer: Tracer, xs: list[Any], item: Any) -> None:
    tracer.graph.spend(len(xs))
    for i, x in enumerate(xs):
        if is_same(tracer, x, item):
            del xs[i]
            return
    raise ValueError("list.remove(x): x not in list")


def update(tracer: Tracer, d: dict[Any, Any], /, *others: Any, **items: Any) -> None:
    """Take the items of others over into a dictionary, as `dict.update` does."""
    for other in others:
        if isinstance(other, dict):
            d.update(other)
            continue
        for i, pair in enumerate(items_of(tracer, other)):
            if not isinstance(pair, (Node, *CONTAINERS)):
                raise TypeError(
                    f"cannot convert dictionary update sequence element #{i} to a sequence"
                )
            both = items_of(tracer, pair)
            if len(both) != 2:
                raise ValueError(
                    f"dictionary update sequence element #{i} has length {len(both)}; 2 is required"
                )
            d[key(both[0])] = both[1]
    d.update(items)
    check_size(len(d))


def _send(tracer: Tracer, items: Generator, value: Any) -> Any:
    return _following(lambda: items.send(value))


def _throw(tracer: Tracer, items: Generator, value: Any) -> Any:
    error = raised(tracer, value)
    return _following(lambda: items.throw(error))


def _following(step: Callable[[], Any]) -> Any:
    """Return the next item of a generator; at its end, raise what Python does."""
    try:
        return step()
    except StopIteration as end:
        error = fault(StopIteration())
        error.given = () if end.value is None else (end.value,)
        raise error from None


def _own(name: str) -> Run:
    """Return Python's own method; what it is given is looked up or kept, and not looked into."""

    def method(tracer: Tracer, owner: Any, *args: Any) -> Any:
        check_size(len(owner))
        return getattr(owner, name)(*args)

    return method


def _keyed(name: str) -> Run:
    """Return Python's own method, whose first argument is looked up."""

    def method(tracer: Tracer, owner: Any, *args: Any) -> Any:
        check_size(len(owner))
        return getattr(owner, name)(*map(key, args[:1]), *args[1:])

    return method


def _with_items(name: str) -> Run:
    """Return Python's own method of sets, which goes through what it is given."""

    def method(tracer: Tracer, owner: Any, *args: Any) -> Any:
        given = [[key(x) for x in items_of(tracer, arg)] for arg in args]
        check_size(len(owner) + sum(map(len, given)))
        return getattr(owner, name)(*given)

    return method


GIVING = ("get", "pop", "setdefault")  # give what a container has, and make nothing
QUICK = (*GIVING, "append", "add", "discard", "items", "keys", "values", "popitem")
WORK = 1000  # items or characters that a method of Python's goes through in the time of a step
CHANGES = ("append", "clear", "insert", "pop", "remove", "reverse", "sort")
_FOUND = {
    **named(lambda name: index, "index(value: any, start: int = 0, stop: int = None)"),
    **named(lambda name: count, "count(value: any)"),
}

METHODS: dict[type, dict[str, Method]] = {
    list: {
        **_FOUND,
        **named(_own, "append(object: any); clear(); copy(); insert(index: int, object: any); "
                "pop(index: int = -1); reverse()"),
        **named(lambda name: _extend, "extend(iterable: any)"),
        **named(lambda name: _remove, "remove(value: any)"),
        "sort": Method(Signature("sort(key: any = None, reverse: whole = False)"), sort, "only"),
    },
    tuple: _FOUND,
    Results: _FOUND,
    range: named(_own, "index(value: any); count(value: any)"),
    dict: {
        **named(_own, "clear(); copy(); items(); keys(); values(); popitem()"),
        **named(_keyed, "get(key: any, default: any = None); pop(key: any, default: any = None); "
                "setdefault(key: any, default: any = None)"),
        "update": Method(None, update, "too"),
    },
    set: {
        **named(_own, "clear(); copy(); pop()"),
        **named(_keyed, "add(elem: any); discard(elem: any); remove(elem: any)"),
        **named(_with_items, "issubset(other: any); issuperset(other: any); "
                "isdisjoint(other: any); symmetric_difference(other: any); "
                "symmetric_difference_update(other: any)"),
        **{name: Method(None, _with_items(name)) for name in (
            "update", "union", "intersection", "difference", "intersection_update",
            "difference_update")},
    },
    frozenset: {
        **named(_own, "copy()"),
        **named(_with_items, "issubset(other: any); issuperset(other: any); "
                "isdisjoint(other: any); symmetric_difference(other: any)"),
        **{name: Method(None, _with_items(name)) for name in (
            "union", "intersection", "difference")},
    },
    Generator: {
        "send": Method(Signature("send(value: any)"), _send),
        "throw": Method(Signature("throw(value: any)"), _throw),
        "close": Method(Signature("close()"), lambda tracer, items: items.close()),
    },
    str: strings.METHODS,
    int: named(strings.own, "bit_length(); bit_count(); conjugate()"),
    float: named(strings.own, "is_integer(); conjugate()"),
    complex: named(strings.own, "conjugate()"),
}  # fmt: skip


def method(value: Any, name: str) -> Function | None:
    """Return a method of a container as a function of a file, None where it has none."""
    kind = next((k for k in type(value).__mro__ if k in METHODS), None)
    if kind is None or name not in METHODS[kind]:
        return None
    method = METHODS[kind][name]

    def called(tracer: Tracer, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        before = getsizeof(value)
        if isinstance(value, COUNTED) and name not in QUICK:
            tracer.graph.spend(len(value) // WORK)
        args, keywords = method.arguments(name, args, keywords)
        with python_errors():
            result = method.run(tracer, value, *args, **keywords)
        if kind is list and name in CHANGES:
            tracer.lists.changed(value)
        if isinstance(value, list | dict | set | deque):
            changed(tracer, value, before, *args)
        return result if name in GIVING else kept(tracer, result)

    return Function(name, called)
