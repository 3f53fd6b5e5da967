"""What the grammar cannot say: targets, parameters and arguments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gradcli.errors import Span, SyntaxFault
from gradcli.syntax import tree
from gradcli.syntax.tree import Expression

_KINDS: dict[object, str] = {
    tree.Constant: "a constant",
    tree.FormattedString: "a string",
    tree.Call: "the result of a call",
    tree.Compare: "a comparison",
    tree.Lambda: "a function",
    tree.DictDisplay: "a dictionary",
    tree.SetDisplay: "a set",
    tree.Comprehension: "a list of results",
    tree.Conditional: "a choice",
    tree.Starred: "`*`",
    tree.NamedExpression: "`:=`",
    tree.Yield: "a `yield`",
}
_HINTS: dict[object, str] = {
    tree.Compare: "`==` compares, `=` names: is one of them the other?",
    tree.Call: "`def f(x): …` defines a function, `x[i] = …` an element",
    tree.Starred: "a `*` stands among several targets: `first, *rest = …`",
}


def check_targets(target: Expression, verb: str = "assign to") -> None:
    """Raise `SyntaxFault` unless values can be assigned to a target, or a tuple of them."""
    pending = [target]
    while pending:
        part = pending.pop()
        if type(part) is tree.Group:
            pending.append(part.inner)
        elif type(part) in (tree.TupleDisplay, tree.ListDisplay):
            pending += _items(part, verb)
        else:
            _check_one(part, verb)


def _items(target: Any, verb: str) -> list[Expression]:
    """Return the targets among several, the last first; one of them may gather what is left."""
    starred = [item for item in target.items if type(item) is tree.Starred]
    if len(starred) > 1:
        raise SyntaxFault("only one of several targets can have a `*`", starred[1].span)
    if starred and verb == "delete":
        _check_one(starred[0], verb)
    return [item.value if type(item) is tree.Starred else item for item in target.items[::-1]]


def check_target(target: Expression, what: str) -> None:
    """Raise `SyntaxFault` unless a target is one name, attribute or subscript."""
    while type(target) is tree.Group:
        target = target.inner
    if type(target) in (tree.TupleDisplay, tree.ListDisplay):
        raise SyntaxFault(f"{what} takes one name, not several", target.span)
    _check_one(target)


def _check_one(target: Expression, verb: str = "assign to") -> None:
    if not isinstance(target, tree.Name | tree.Attribute | tree.Subscript):
        kind = type(target)
        what = _KINDS.get(kind, "an expression")
        raise SyntaxFault(f"cannot {verb} {what}", target.span, _HINTS.get(kind))


def parameters_of(parts: Sequence[tree.Parameter]) -> tuple[tree.Parameter, ...]:
    """Return the parameters of a function with their kinds, the dividers `*` and `/` left out.

    Raises: SyntaxFault for a name given twice, a default before a missing one, a wrong order.
    """
    names: set[str] = set()
    found: list[tree.Parameter] = []
    kind, defaults = "", False
    for at, part in enumerate(parts):
        stars = part.kind
        if kind == "**":
            raise SyntaxFault("no parameter can follow the one with `**`", part.span)
        if stars == "/":
            if not found or kind or any(p.kind for p in found):
                raise SyntaxFault("`/` stands once, after parameters and before a `*`", part.span)
            found = [p._replace(kind="positional") for p in found]
            continue
        if stars == "*":
            if kind:
                raise SyntaxFault("a `*` stands once among parameters", part.span)
            if not part.name and (at + 1 == len(parts) or parts[at + 1].kind):
                raise SyntaxFault("a parameter must follow the `*`", part.span)
        if part.name:
            _check_new(part.name, names, part.span, "parameter")
            found.append(part if stars else part._replace(kind=kind))
        if stars:
            kind = "keyword" if stars == "*" else stars
        elif part.default is not None:
            defaults = True
        elif defaults and not kind:
            message = f"`{part.name}` needs a default, as the parameter before it has one"
            raise SyntaxFault(message, part.span)
    return tuple(found)


def check_handlers(handlers: Iterable[tree.Handler]) -> None:
    """Raise `SyntaxFault` where an `except` without a kind is not the last."""
    *before, _ = *handlers, None
    for handler in before[:-1]:
        if handler.kind is None:
            raise SyntaxFault("an `except` that catches everything must be the last", handler.span)


_PATTERNS = (
    tree.Name, tree.Constant, tree.Attribute, tree.TupleDisplay, tree.ListDisplay, tree.Group,
    tree.DictDisplay, tree.Call, tree.Starred,
)  # fmt: skip


def check_pattern(pattern: Expression) -> None:
    """Raise `SyntaxFault` where a pattern of a `case` has a part that is none."""
    pending: list[Any] = [pattern]
    while pending:
        part = pending.pop()
        if type(part) is tree.Binary and part.operator == "|":
            pending += [part.right, part.left]
        elif type(part) is tree.Unary and part.operator == "-":
            pending.append(part.operand)
        elif not isinstance(part, _PATTERNS):
            hint = "a condition follows the pattern: `case n if n > 1:`"
            raise SyntaxFault("this is no pattern of a `case`", part.span, hint)
        elif type(part) is tree.Group:
            pending.append(part.inner)
        elif type(part) is tree.Starred:
            pending.append(part.value)
        elif type(part) is tree.Call:
            pending += [*part.arguments, *(k.value for k in part.keywords)]
        elif type(part) is tree.DictDisplay:
            pending += [item.value for item in part.items]
        elif isinstance(part, tree.TupleDisplay | tree.ListDisplay):
            pending += part.items


def check_arguments(arguments: tuple[Expression | tree.Keyword, ...]) -> None:
    """Raise `SyntaxFault` for a wrong order, a name given twice, or an unclear generator."""
    names: set[str] = set()
    for argument in arguments:
        if type(argument) is tree.Keyword:
            _check_new(argument.name, names, argument.span, "argument")
            continue
        if names and type(argument) is not tree.Starred:
            message = "an argument without a name cannot follow one with a name"
            raise SyntaxFault(message, argument.span, "put it before them, or name it")
        if type(argument) is tree.Comprehension and len(arguments) > 1 and is_bare(argument):
            message = "a generator beside other arguments needs brackets of its own"
            raise SyntaxFault(message, argument.span)


def is_bare(generator: tree.Comprehension) -> bool:
    """Say whether a generator stands in a call without brackets of its own."""
    return generator.kind == "generator" and generator.span.start == generator.element.span.start


def _check_new(name: str | None, names: set[str], span: Span, what: str) -> None:
    if name is None:
        names.add("**")
        return
    if name in names:
        raise SyntaxFault(f"the {what} `{name}` is given twice", span)
    names.add(name)
