"""Statements with a `yield` in them: flows, which stop there and are gone on with.

An expression with a `yield` in it is taken apart first: what is evaluated before it is kept under
names that no file can have, so that everything happens in Python's order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

from gradcli.errors import Span, SyntaxFault
from gradcli.syntax import tree
from gradcli.trace.code import items, truth
from gradcli.trace.handlers import attempted, managed
from gradcli.trace.inputs import own_nodes
from gradcli.trace.patterns import matching
from gradcli.trace.suspended import Flow, Generator
from gradcli.trace.targets import binding
from gradcli.trace.values import Jump

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

_WRAPPERS = (tree.Starred, tree.Keyword, tree.Item, tree.Slice, tree.Field)
_NOT_APART = (tree.Comprehension, tree.Lambda)


def yields(nodes: tuple[Any, ...]) -> bool:
    """Say whether a `yield` is in a body, not counting those of functions within it."""
    return any(isinstance(node, tree.Yield) for node in own_nodes(nodes))


def block(tracer: Tracer, statements: tuple[tree.Statement, ...]) -> Flow:
    """Return what runs statements in order, and stops at each `yield`."""
    graph = tracer.graph
    parts = [
        (s.span, None, _flow(tracer, s)) if yields((s,)) else (s.span, tracer.statement(s), None)
        for s in statements
    ]

    def run() -> Iterator[Any]:
        for span, code, flow in parts:
            graph.span = span
            if flow is not None:
                yield from flow()
            elif code is not None:
                code()

    return run


def _flow(tracer: Tracer, s: Any) -> Flow:
    apart = _Apart()
    if type(s) in _COMPOUND:
        s = apart.head(s)
        return _after(tracer, apart.steps, _COMPOUND[type(s)](tracer, s))
    if isinstance(s, tree.ExpressionStatement) and isinstance(s.value, tree.Yield):
        value = s.value
        if value.value is None or not yields((value.value,)):
            return _yield(tracer, value, lambda _: None)
    return _after(tracer, [*apart.steps, *apart.simple(s)], None)


def _after(tracer: Tracer, steps: list[Any], flow: Flow | None) -> Flow:
    """Return what runs the steps into which an expression was taken apart, and then a flow."""
    flows = [_step(tracer, step) for step in steps]
    flows += [flow] if flow is not None else []
    if len(flows) == 1:
        return flows[0]

    def run() -> Iterator[Any]:
        for each in flows:
            yield from each()

    return run


def _step(tracer: Tracer, step: Any) -> Flow:
    if isinstance(step, tree.Assign) and isinstance(step.value, tree.Yield):
        return _yield(tracer, step.value, binding(tracer, step.targets[0]))
    if isinstance(step, tree.If) and yields((step,)):
        return _if(tracer, step)
    return once(tracer.block((step,)))


def once(code: Callable[[], Any]) -> Flow:
    """Return a flow that never stops."""

    def run() -> Iterator[Any]:
        code()
        return iter(())

    return run


def _yield(tracer: Tracer, e: tree.Yield, bind: Callable[[Any], None]) -> Flow:
    value_of = (lambda: None) if e.value is None else tracer.code(e.value)
    graph, span = tracer.graph, e.span

    def give() -> Iterator[Any]:
        value = value_of()
        sent = yield value
        graph.span = span
        bind(sent)

    def delegate() -> Iterator[Any]:
        source = value_of()
        graph.span = span
        result = yield from (source if isinstance(source, Generator) else tracer.iterate(source))
        graph.span = span
        bind(result)

    return delegate if e.is_from else give


# ---- taking expressions apart --------------------------------------------------------------


class _Apart:
    """Takes expressions apart: `steps` are statements that keep what comes before a `yield`."""

    def __init__(self, names: Iterator[int] | None = None) -> None:
        self.steps: list[Any] = []
        self.names = names or count()

    def head(self, s: Any) -> Any:
        """Return a compound statement without a `yield` in what is evaluated first."""
        if isinstance(s, tree.While):
            return s  # its test is evaluated at each turn
        field = {tree.If: "test", tree.For: "iterable", tree.Match: "subject"}.get(type(s))
        if field is not None:
            return s._replace(**{field: self.of(getattr(s, field))})
        if isinstance(s, tree.With):
            first, *rest = s.contexts
            first = first._replace(value=self.of(first.value))
            return s._replace(contexts=(first, *rest))
        return s

    def simple(self, s: Any) -> list[Any]:
        """Return the statements that a simple statement with a `yield` in it becomes."""
        fields = [f for f in ("test", "value", "cause") if getattr(s, f, None) is not None]
        if yields(tuple(x for f, x in zip(s._fields, s, strict=True) if f not in fields)):
            raise SyntaxFault("`yield` cannot stand here: name its value on a line above", s.span)
        new = s._replace(**{f: self.of(getattr(s, f)) for f in fields})
        return [*self.steps, new]

    def of(self, e: Any) -> Any:
        """Return an expression without `yield` that has the value of one, after the steps."""
        if not yields((e,)):
            return e
        if isinstance(e, tree.Group):
            return self.of(e.inner)
        if isinstance(e, tree.Yield):
            return self.kept(e._replace(value=None if e.value is None else self.of(e.value)))
        if isinstance(e, tree.Boolean):
            kept = self.kept(self.of(e.left))
            test = kept if e.operator == "and" else tree.Unary("not", kept, e.left.span)
            self.choose(test, ((kept, e.right),), e.span)
            return kept
        if isinstance(e, tree.Conditional):
            kept = self.kept(tree.Constant(None, e.span))
            self.choose(self.of(e.test), ((kept, e.then), (kept, e.otherwise)), e.span)
            return kept
        if isinstance(e, _NOT_APART) or (isinstance(e, tree.Compare) and len(e.rest) > 1):
            raise SyntaxFault("`yield` cannot stand here: name its value on a line above", e.span)
        return self._in_order(e)

    def kept(self, value: Any) -> tree.Name:
        """Keep a value under a name that no file can have."""
        name = tree.Name(f".{next(self.names)}", value.span)
        self.steps.append(tree.Assign((name,), value, value.span))
        return name

    def choose(self, test: Any, ways: tuple[tuple[tree.Name, Any], ...], span: Span) -> None:
        """Add an `if` that gives a name one of the values."""
        blocks: list[tuple[Any, ...]] = [(), ()]
        for at, (name, value) in enumerate(ways):
            inner = _Apart(self.names)
            last = tree.Assign((name,), inner.of(value), span)
            blocks[at] = (*inner.steps, last)
        then, otherwise = blocks
        self.steps.append(tree.If(test, then, otherwise, span, span))

    def _in_order(self, e: Any) -> Any:
        """Keep the operands before the last that has a `yield`, and take that one apart."""
        operands: list[Any] = []

        def seen(x: Any) -> Any:
            operands.append(x)
            return x

        _with_operands(e, seen)
        last = max(i for i, x in enumerate(operands) if yields((x,)))
        places = count()

        def replaced(x: Any) -> Any:
            at = next(places)
            if at > last:
                return x
            new = self.of(x)
            return new if at == last or isinstance(new, tree.Constant) else self.kept(new)

        return _with_operands(e, replaced)


def _with_operands(node: Any, change: Callable[[Any], Any]) -> Any:
    """Return a node with each of its operands changed, in the order in which they are evaluated."""

    def part(x: Any) -> Any:
        if isinstance(x, Span) or not isinstance(x, tuple):
            return x
        if isinstance(x, _WRAPPERS):
            return _with_operands(x, change)
        return change(x) if hasattr(x, "_fields") else tuple([part(y) for y in x])

    if isinstance(node, tree.NamedExpression):
        return node._replace(value=change(node.value))
    return node._replace(**{field: part(x) for field, x in zip(node._fields, node, strict=True)})


# ---- compound statements -------------------------------------------------------------------


def _if(tracer: Tracer, s: tree.If) -> Flow:
    holds, then, otherwise = (
        truth(tracer, s.test),
        block(tracer, s.then),
        block(tracer, s.otherwise),
    )

    def run() -> Iterator[Any]:
        yield from then() if holds() else otherwise()

    return run


def _for(tracer: Tracer, s: tree.For) -> Flow:
    items_of, bind = items(tracer, s.iterable), binding(tracer, s.target)
    body, otherwise = block(tracer, s.body), block(tracer, s.otherwise)

    def run() -> Iterator[Any]:
        for item in items_of():
            bind(item)
            try:
                yield from body()
            except Jump as jump:
                if jump.args[0] == "break":
                    return
        yield from otherwise()

    return run


def _while(tracer: Tracer, s: tree.While) -> Flow:
    apart = _Apart()
    test = apart.of(s.test)
    before, holds = _after(tracer, apart.steps, once(lambda: None)), truth(tracer, test)
    body, otherwise, spend = block(tracer, s.body), block(tracer, s.otherwise), tracer.graph.spend

    def run() -> Iterator[Any]:
        while True:
            yield from before()
            if not holds():
                break
            spend()
            try:
                yield from body()
            except Jump as jump:
                if jump.args[0] == "break":
                    return
        yield from otherwise()

    return run


def _with(tracer: Tracer, s: tree.With) -> Flow:
    return managed(tracer, s.contexts, block(tracer, s.body))


def _try(tracer: Tracer, s: tree.Try) -> Flow:
    return attempted(tracer, s, lambda statements: block(tracer, statements))


def _match(tracer: Tracer, s: tree.Match) -> Flow:
    return matching(tracer, s, lambda statements: block(tracer, statements))


_COMPOUND: dict[type, Callable[[Tracer, Any], Flow]] = {
    tree.If: _if, tree.For: _for, tree.While: _while, tree.With: _with, tree.Try: _try,
    tree.Match: _match,
}  # fmt: skip
