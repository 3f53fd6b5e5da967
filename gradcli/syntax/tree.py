"""The syntax tree of an expression file: tuples that know their place in the source."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from gradcli.errors import Source, Span

# Annotations are no texts here, as they are elsewhere: a NamedTuple compiles each that is one.
#
# A node says what it is by its class. Its parts are declared by the two protocols below and not
# by unions of all nodes: tuples that contain unions of each other cost mypy hours.


class Expression(Protocol):
    """A node that has a value: a class of the section on expressions."""

    @property
    def span(self) -> Span:
        """The place in the source."""


class Statement(Protocol):
    """A node that is run: a class of the section on statements."""

    @property
    def span(self) -> Span:
        """The place in the source."""


# ---- expressions ---------------------------------------------------------------------------


class Constant(NamedTuple):
    """A literal number, string, `True`, `False`, `None` or `...`."""

    value: object
    span: Span


class Name(NamedTuple):
    """A name that is read."""

    id: str
    span: Span


class Field(NamedTuple):
    """`{value!conversion:format}` in an f-string; `label` is the text up to and with a `=`.

    A format that has fields of its own is like an f-string.
    """

    value: Expression
    conversion: str
    format: str | Expression
    label: str
    span: Span


class FormattedString(NamedTuple):
    """An f-string: texts and fields in turn."""

    parts: tuple[str | Field, ...]
    span: Span


class Group(NamedTuple):
    """An expression in round brackets, kept so that spans and formatting can see them."""

    inner: Expression
    span: Span


class TupleDisplay(NamedTuple):
    """`a, b` or `(a, b)`; items may be `Starred`."""

    items: tuple[Expression, ...]
    span: Span


class ListDisplay(NamedTuple):
    """`[a, b]`; items may be `Starred`."""

    items: tuple[Expression, ...]
    span: Span


class Item(NamedTuple):
    """`key: value` of a dictionary; `**value` where there is no key."""

    key: Expression | None
    value: Expression
    span: Span


class DictDisplay(NamedTuple):
    """`{a: b, **c}`."""

    items: tuple[Item, ...]
    span: Span


class SetDisplay(NamedTuple):
    """`{a, b}`; items may be `Starred`."""

    items: tuple[Expression, ...]
    span: Span


class Clause(NamedTuple):
    """`for target in iterable if condition …` of a comprehension."""

    target: Expression
    iterable: Expression
    conditions: tuple[Expression, ...]
    span: Span


class Comprehension(NamedTuple):
    """`[element for target in iterable if condition …]`.

    `kind` is what it makes: "list", "generator", "set", or "dict", of which `element` is an `Item`.
    """

    element: Expression
    clauses: tuple[Clause, ...]
    kind: str
    span: Span


class Unary(NamedTuple):
    """`-a`, `+a`, `~a` or `not a`."""

    operator: str
    operand: Expression
    span: Span


class Binary(NamedTuple):
    """`left operator right` for `+ - * / // % ** @ & | ^ << >>`."""

    operator: str
    left: Expression
    right: Expression
    span: Span


class Compare(NamedTuple):
    """`first < second …`; operators are `< <= > >= == != in is` and `not in`, `is not`."""

    first: Expression
    rest: tuple[tuple[str, Expression], ...]
    span: Span


class Boolean(NamedTuple):
    """`a and b` or `a or b`."""

    operator: str
    left: Expression
    right: Expression
    span: Span


class Conditional(NamedTuple):
    """`then if test else otherwise`."""

    test: Expression
    then: Expression
    otherwise: Expression
    span: Span


class NamedExpression(NamedTuple):
    """`target := value`."""

    target: Name
    value: Expression
    span: Span


class Yield(NamedTuple):
    """`yield value`, or `yield from value`."""

    value: Expression | None
    is_from: bool
    span: Span


class Parameter(NamedTuple):
    """A parameter of a `def` or `lambda`; `annotation` and `default` may be missing.

    `kind` says how it is given: "" by place or by name, "positional" by place only, "keyword" by
    name only; "*" and "**" take the arguments that no other parameter takes.
    """

    name: str
    annotation: Expression | None
    default: Expression | None
    span: Span
    kind: str = ""


class Lambda(NamedTuple):
    """`lambda a, b=1: body`."""

    parameters: tuple[Parameter, ...]
    body: Expression
    span: Span


class Attribute(NamedTuple):
    """`value.name`; `name_span` is the place of the name alone."""

    value: Expression
    name: str
    name_span: Span
    span: Span


class Subscript(NamedTuple):
    """`value[index]`; several indices are one `TupleDisplay`."""

    value: Expression
    index: Expression  # type: ignore[assignment]  # hides a method of tuples that no one calls
    span: Span


class Slice(NamedTuple):
    """`start:stop:step` in a subscript."""

    start: Expression | None
    stop: Expression | None
    step: Expression | None
    span: Span


class Keyword(NamedTuple):
    """`name=value` in a call; `**value` where there is no name."""

    name: str | None
    value: Expression
    span: Span


class Call(NamedTuple):
    """`function(arguments, keyword=value)`; positional arguments may be `Starred`."""

    function: Expression
    arguments: tuple[Expression, ...]
    keywords: tuple[Keyword, ...]
    span: Span


class Starred(NamedTuple):
    """`*value`."""

    value: Expression
    span: Span


# ---- statements ----------------------------------------------------------------------------


class Assign(NamedTuple):
    """`target = … = value`; each target is a name, a tuple, an attribute or a subscript."""

    targets: tuple[Expression, ...]
    value: Expression
    span: Span


class Annotated(NamedTuple):
    """`target: annotation = value`; without a value it declares an input."""

    target: Expression
    annotation: Expression
    value: Expression | None
    span: Span


class Augmented(NamedTuple):
    """`target += value`; the operator is kept without its `=`."""

    target: Expression
    operator: str
    value: Expression
    span: Span


class ExpressionStatement(NamedTuple):
    """An expression on its own: `loss.backward()`, `print(w)`, or just `loss`."""

    value: Expression
    span: Span


class Assert(NamedTuple):
    """`assert test, message`: a claim."""

    test: Expression
    message: Expression | None
    span: Span


class Import(NamedTuple):
    """`import module as name`: `imported` is None; `from module import imported as name`.

    One statement for each name imported, each with the span of the whole; `name` is what the file
    calls it: `a.b` for `import a.b`, which binds `a`. Both are "*" where all names are imported.
    """

    module: str
    imported: str | None
    name: str
    span: Span


class Decorator(NamedTuple):
    """`@value`, before a `def`."""

    value: Expression
    span: Span


class Def(NamedTuple):
    """`def name(parameters) -> returns: body`; `header` is the span from `def` to the colon."""

    decorators: tuple[Expression, ...]
    name: str
    parameters: tuple[Parameter, ...]
    returns: Expression | None
    body: tuple[Statement, ...]
    header: Span
    span: Span


class Class(NamedTuple):
    """`class name(bases, keyword=value): body`."""

    decorators: tuple[Expression, ...]
    name: str
    bases: tuple[Expression, ...]
    keywords: tuple[Keyword, ...]
    body: tuple[Statement, ...]
    header: Span
    span: Span


class Return(NamedTuple):
    """`return value`."""

    value: Expression | None
    span: Span


class For(NamedTuple):
    """`for target in iterable: body`; `otherwise` is run where no `break` ends it."""

    target: Expression
    iterable: Expression
    body: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]
    header: Span
    span: Span


class While(NamedTuple):
    """`while test: body`; `otherwise` is run where no `break` ends it."""

    test: Expression
    body: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]
    header: Span
    span: Span


class If(NamedTuple):
    """`if test: then` with `otherwise`, where an `elif` is an `If` alone in `otherwise`."""

    test: Expression
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]
    header: Span
    span: Span


class Context(NamedTuple):
    """`value as target` of a `with`."""

    value: Expression
    target: Expression | None
    span: Span


class With(NamedTuple):
    """`with contexts: body`."""

    contexts: tuple[Context, ...]
    body: tuple[Statement, ...]
    header: Span
    span: Span


class Handler(NamedTuple):
    """`except kind as name: body`; `kind` may be missing, and the `name`."""

    kind: Expression | None
    name: Name | None
    body: tuple[Statement, ...]
    span: Span


class Try(NamedTuple):
    """`try: body` with its handlers; `otherwise` is run where nothing is raised, `final` ever."""

    body: tuple[Statement, ...]
    handlers: tuple[Handler, ...]
    otherwise: tuple[Statement, ...]
    final: tuple[Statement, ...]
    header: Span
    span: Span


class Case(NamedTuple):
    """`case pattern as name if guard: body`.

    A pattern is written as an expression is: a name binds, a call names a class, `|` is a choice.
    """

    pattern: Expression
    name: Name | None
    guard: Expression | None
    body: tuple[Statement, ...]
    span: Span


class Match(NamedTuple):
    """`match subject:` with its cases."""

    subject: Expression
    cases: tuple[Case, ...]
    header: Span
    span: Span


class Raise(NamedTuple):
    """`raise value from cause`."""

    value: Expression | None
    cause: Expression | None
    span: Span


class Outer(NamedTuple):
    """`global a, b` or `nonlocal a, b`."""

    keyword: str
    names: tuple[Name, ...]
    span: Span


class Magic(NamedTuple):
    """A line for the shell or for IPython, which is passed over."""

    text: str
    span: Span


class Delete(NamedTuple):
    """`del a, b[0]`."""

    targets: tuple[Expression, ...]
    span: Span


class Flow(NamedTuple):
    """`pass`, `break` or `continue`."""

    keyword: str
    span: Span


class Program(NamedTuple):
    """An expression file: its statements, and the text that they point into."""

    source: Source
    statements: tuple[Statement, ...]


def nodes_of(items: Iterable[Any]) -> Iterator[Any]:
    """Yield every node of the tree below some items, what is around it first, without recursion."""
    stack: list[Any] = list(items)
    while stack:
        item = stack.pop()
        if isinstance(item, Span):
            continue
        if isinstance(item, tuple):
            if hasattr(item, "_fields"):
                yield item
            stack.extend(x for x in item if isinstance(x, tuple))
