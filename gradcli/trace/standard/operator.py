"""`operator`: Python's operators as functions, and functions that read items and attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.trace import operators
from gradcli.trace.calls import Args, Keywords, only
from gradcli.trace.containers import contains, count, delete_item, items_of, set_item
from gradcli.trace.sentences import class_name, fault
from gradcli.trace.types import Callee
from gradcli.trace.values import Function

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

BINARY = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**",
    "matmul": "@", "and_": "&", "or_": "|", "xor": "^", "lshift": "<<", "rshift": ">>",
    "concat": "+",
}  # fmt: skip
COMPARE = {"lt": "<", "le": "<=", "eq": "==", "ne": "!=", "ge": ">=", "gt": ">", "is_": "is",
           "is_not": "is not"}  # fmt: skip
UNARY = {"neg": "-", "pos": "+", "invert": "~", "inv": "~", "not_": "not"}
DEPTH = 50  # of the attributes in a path: "a.b.c" has three


def _given(name: str, n: int, args: Args, keywords: Keywords) -> Args:
    if keywords:
        raise fault(TypeError(f"{name}() takes no keyword arguments"))
    if len(args) != n:
        raise fault(TypeError(f"{name} expected {n} argument{'s' * (n > 1)}, got {len(args)}"))
    return args


def _binary(name: str, sign: str) -> Function:
    return Function(name, lambda tracer, args, keywords: tracer.binary(
        sign, *_given(name, 2, args, keywords)))  # fmt: skip


def _compare(name: str, sign: str) -> Function:
    return Function(name, lambda tracer, args, keywords: tracer.compare(
        sign, *_given(name, 2, args, keywords)))  # fmt: skip


def _unary(name: str, sign: str) -> Function:
    return Function(name, lambda tracer, args, keywords: operators.unary(
        tracer, sign, *_given(name, 1, args, keywords)))  # fmt: skip


def _item_getter(tracer: Tracer, args: Args, keywords: Keywords) -> Callee:
    if keywords or not args:
        raise fault(TypeError(f"itemgetter expected at least 1 argument, got {len(args)}"))

    def run(tracer: Tracer, given: Args, keywords: Keywords) -> Any:
        value = only(given, keywords, "itemgetter")
        found = tuple(tracer.item(value, key) for key in args)
        return found[0] if len(args) == 1 else found

    return Callee("itemgetter", run)


def _attribute_getter(tracer: Tracer, args: Args, keywords: Keywords) -> Callee:
    if keywords or not args:
        raise fault(TypeError(f"attrgetter expected at least 1 argument, got {len(args)}"))
    if not all(isinstance(path, str) for path in args):
        raise fault(TypeError("attribute name must be a string"))
    if any(path.count(".") > DEPTH for path in args):
        raise fault(ValueError(f"attrgetter() goes through {DEPTH} attributes at most"))

    def along(tracer: Tracer, value: Any, path: str) -> Any:
        for name in path.split("."):
            value = tracer.member(value, name)
        return value

    def run(tracer: Tracer, given: Args, keywords: Keywords) -> Any:
        value = only(given, keywords, "attrgetter")
        found = tuple(along(tracer, value, path) for path in args)
        return found[0] if len(args) == 1 else found

    return Callee("attrgetter", run)


def _method_caller(tracer: Tracer, args: Args, keywords: Keywords) -> Callee:
    if not args or not isinstance(args[0], str):
        raise fault(TypeError("method name must be a string"))
    name, *first = args

    def run(tracer: Tracer, given: Args, words: Keywords) -> Any:
        value = only(given, words, "methodcaller")
        return tracer.call(tracer.member(value, name), tuple(first), dict(keywords))

    return Callee("methodcaller", run)


def _index(tracer: Tracer, args: Args, keywords: Keywords) -> int:
    x = only(args, keywords, "index")
    if not isinstance(x, int) and not getattr(x, "is_index", False):
        said = f"'{class_name(x)}' object cannot be interpreted as an integer"
        raise fault(TypeError(said))
    return int(x.__index__())


MODULES: dict[str, dict[str, Any]] = {
    "operator": {
        **{name: _binary(name, sign) for name, sign in BINARY.items()},
        **{name: _compare(name, sign) for name, sign in COMPARE.items()},
        **{name: _unary(name, sign) for name, sign in UNARY.items()},
        "abs": Function("abs", lambda tracer, args, keywords: tracer.call(
            tracer.built_in("abs"), args, keywords)),
        "truth": Function("truth", lambda tracer, args, keywords: tracer.truth(
            only(args, keywords, "truth"))),
        "contains": Function("contains", lambda tracer, args, keywords: contains(
            tracer, *reversed(_given("contains", 2, args, keywords)))),
        "countOf": Function("countOf", lambda tracer, args, keywords: count(
            tracer, items_of(tracer, _given("countOf", 2, args, keywords)[0]), args[1])),
        "getitem": Function("getitem", lambda tracer, args, keywords: tracer.item(
            *_given("getitem", 2, args, keywords))),
        "setitem": Function("setitem", lambda tracer, args, keywords: set_item(
            tracer, *_given("setitem", 3, args, keywords))),
        "delitem": Function("delitem", lambda tracer, args, keywords: delete_item(
            tracer, *_given("delitem", 2, args, keywords))),
        "index": Function("index", _index),
        "itemgetter": Function("itemgetter", _item_getter),
        "attrgetter": Function("attrgetter", _attribute_getter),
        "methodcaller": Function("methodcaller", _method_caller),
    }
}  # fmt: skip
