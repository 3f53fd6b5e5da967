"""`match`: whether a value has a pattern, and what the names in it then stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault, NameFault, SyntaxFault
from gradcli.syntax import tree
from gradcli.trace.classes import MISSING, Instance, UserClass
from gradcli.trace.code import truth
from gradcli.trace.handlers import Blocks
from gradcli.trace.inputs import captures
from gradcli.trace.suspended import Flow
from gradcli.trace.targets import Bind, binding
from gradcli.trace.values import Function, Results

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Found = dict[str, Any]  # what the names of a pattern stand for
Pattern = Callable[[Any, Found], bool]
OF_ONE = ("bool", "bytes", "dict", "float", "frozenset", "int", "list", "set", "str", "tuple")


def matching(tracer: Tracer, s: tree.Match, block: Blocks) -> Flow:
    """Return what runs the block of the first `case` that a value has."""
    subject_of, graph = tracer.code(s.subject), tracer.graph
    cases = [_case(tracer, case, block) for case in s.cases]

    def run() -> Iterator[Any]:
        subject = subject_of()
        for span, fits, flow in cases:
            graph.span = span
            if fits(subject):
                yield from flow()
                return

    return run


def _case(tracer: Tracer, case: tree.Case, block: Blocks) -> tuple[Any, Any, Flow]:
    pattern, body = _pattern(tracer, case.pattern), block(case.body)
    names = captures(case.pattern) - {"_"} | ({case.name.id} if case.name else set())
    span = case.pattern.span
    binds: dict[str, Bind] = {
        name: binding(tracer, tree.Name(name, span), named=True) for name in sorted(names)
    }
    guard = None if case.guard is None else truth(tracer, case.guard)

    def fits(subject: Any) -> bool:
        found: Found = {}
        if not pattern(subject, found):
            return False
        if case.name is not None:
            found[case.name.id] = subject
        for name, value in found.items():
            binds[name](value)
        return guard is None or guard()

    return span, fits, body


def _pattern(tracer: Tracer, p: tree.Expression) -> Pattern:
    while isinstance(p, tree.Group):
        p = p.inner
    if isinstance(p, tree.Name):
        return _capture(p.id)
    if isinstance(p, tree.TupleDisplay | tree.ListDisplay):
        return _sequence(tracer, p.items)
    if isinstance(p, tree.DictDisplay):
        return _mapping(tracer, p)
    if isinstance(p, tree.Call):
        return _class(tracer, p)
    if isinstance(p, tree.Binary):
        return _alternatives(tracer, p)
    if isinstance(p, tree.Starred):
        raise SyntaxFault("a `*` stands in a sequence of patterns", p.span)
    return _value(tracer, p)


def _alternatives(tracer: Tracer, p: tree.Binary) -> Pattern:
    """Return what a value has that has one of the patterns between `|`, of which there are many."""
    parts: list[tree.Expression] = []
    left: tree.Expression = p
    while isinstance(left, tree.Binary):
        parts.append(left.right)
        left = left.left
    parts.append(left)
    names = captures(left) - {"_"}
    if any(captures(part) - {"_"} != names for part in parts):
        raise SyntaxFault("alternative patterns bind different names", p.span)
    patterns = [_pattern(tracer, part) for part in reversed(parts)]
    return lambda value, found: any(fits(value, found) for fits in patterns)


def _capture(name: str) -> Pattern:
    def matches(value: Any, found: Found) -> bool:
        if name != "_":
            found[name] = value
        return True

    return matches


def _value(tracer: Tracer, p: tree.Expression) -> Pattern:
    value_of = tracer.code(p)
    if isinstance(p, tree.Constant) and (p.value is None or isinstance(p.value, bool)):
        return lambda value, found: value is p.value
    return lambda value, found: tracer.truth(tracer.compare("==", value, value_of()))


def _sequence(tracer: Tracer, items: tuple[tree.Expression, ...]) -> Pattern:
    stars = [i for i, item in enumerate(items) if isinstance(item, tree.Starred)]
    if len(stars) > 1:
        raise SyntaxFault("multiple starred expressions in sequence pattern", items[stars[1]].span)
    parts = [_pattern(tracer, getattr(item, "value", item) if i in stars else item)
             for i, item in enumerate(items)]  # fmt: skip
    least = len(items) - len(stars)

    def matches(value: Any, found: Found) -> bool:
        if not isinstance(value, list | tuple | range | Results):
            return False
        values: list[Any] = list(value)
        if len(values) < least or (not stars and len(values) > least):
            return False
        tracer.graph.spend(len(values))
        if stars:
            at = stars[0]
            end = len(values) - (len(items) - at - 1)
            values = [*values[:at], values[at:end], *values[end:]]
        return all(part(x, found) for part, x in zip(parts, values, strict=True))

    return matches


def _mapping(tracer: Tracer, p: tree.DictDisplay) -> Pattern:
    pairs = [(tracer.code(x.key), _pattern(tracer, x.value)) for x in p.items if x.key is not None]
    rest = [_pattern(tracer, x.value) for x in p.items if x.key is None]

    def matches(value: Any, found: Found) -> bool:
        if not isinstance(value, dict):
            return False
        tracer.graph.spend(len(value) // 20)  # it is copied
        left = dict(value)
        for key_of, part in pairs:
            key = key_of()
            if key not in left or not part(left.pop(key), found):
                return False
        return all(part(left, found) for part in rest)

    return matches


def _class(tracer: Tracer, p: tree.Call) -> Pattern:
    class_of, span = tracer.code(p.function), p.span
    places = [_pattern(tracer, x) for x in p.arguments]
    words = [(str(k.name), _pattern(tracer, k.value)) for k in p.keywords]

    def matches(value: Any, found: Found) -> bool:
        cls = class_of()
        tracer.graph.span = span
        if not _is_instance(tracer, value, cls):
            return False
        if places and getattr(cls, "name", "") in OF_ONE and not isinstance(cls, UserClass):
            if len(places) > 1:
                raise ArgumentFault(f"{cls.name}() accepts 1 positional sub-pattern")
            return places[0](value, found) and _have(tracer, value, words, found)
        names = _match_args(cls, len(places)) if places else ()
        return _have(tracer, value, [*zip(names, places, strict=False), *words], found)

    return matches


def _is_instance(tracer: Tracer, value: Any, cls: Any) -> bool:
    if isinstance(cls, UserClass):
        return isinstance(value, Instance) and value.cls.is_a(cls)
    if (isinstance_ := tracer.built_in("isinstance")) is not None:
        return bool(tracer.call(isinstance_, (value, cls), {}))
    kinds: dict[str, Any] = {"int": int, "float": float, "str": str, "list": list, "bool": bool,
                             "tuple": tuple, "dict": dict, "set": set}  # fmt: skip
    if not isinstance(cls, Function) or cls.name not in kinds:
        raise ArgumentFault("called match pattern must be a class")
    return isinstance(value, kinds[cls.name])


def _match_args(cls: Any, wanted: int) -> tuple[str, ...]:
    names: Any = cls.find("__match_args__") if isinstance(cls, UserClass) else ()
    names = () if names is MISSING else names
    if wanted > len(names):
        raise ArgumentFault(
            f"{cls.name}() accepts {len(names)} positional sub-pattern"
            f"{'' if len(names) == 1 else 's'} ({wanted} given)"
        )
    return tuple(names)


def _have(tracer: Tracer, value: Any, parts: list[tuple[str, Pattern]], found: Found) -> bool:
    """Say whether attributes of a value have patterns."""
    for name, part in parts:
        span = tracer.graph.span
        constant = tree.Constant(value, span)
        try:
            one = tracer.code(tree.Attribute(constant, name, span, span))()
        except NameFault:
            return False
        if not part(one, found):
            return False
    return True
