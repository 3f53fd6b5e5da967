"""What the grammar cannot say: targets, parameters and arguments."""

from __future__ import annotations

from collections.abc import Iterable

from gradcli.errors import Span, SyntaxFault
from gradcli.syntax import tree
from gradcli.syntax.tree import Expression

_KINDS: dict[object, str] = {
    tree.Constant: "a constant",
    tree.FormattedString: "a string",
    tree.Call: "the result of a call",
    tree.Compare: "a comparison",
    tree.Lambda: "a function",
    tree.ListDisplay: "a list",
    tree.DictDisplay: "a dictionary",
    tree.SetDisplay: "a set",
    tree.Comprehension: "a list of results",
    tree.Conditional: "a choice",
    tree.Starred: "`*`",
}
_HINTS: dict[object, str] = {
    tree.Compare: "`==` compares, `=` names: is one of them the other?",
    tree.Call: "`def f(x): …` defines a function, `x[i] = …` an element",
    tree.ListDisplay: "write `a, b = …`, without brackets",
    tree.Starred: "name each of the values, or take a slice of them",
}


def check_targets(target: Expression, verb: str = "assign to") -> None:
    """Raise `SyntaxFault` unless values can be assigned to a target, or a tuple of them."""
    pending = [target]
    while pending:
        part = pending.pop()
        if type(part) is tree.Group:
            pending.append(part.inner)
        elif type(part) is tree.TupleDisplay and part.items:
            pending += part.items[::-1]
        else:
            _check_one(part, verb)


def check_target(target: Expression, what: str) -> None:
    """Raise `SyntaxFault` unless a target is one name, attribute or subscript."""
    while type(target) is tree.Group:
        target = target.inner
    if type(target) is tree.TupleDisplay:
        raise SyntaxFault(f"{what} takes one name, not several", target.span)
    _check_one(target)


def _check_one(target: Expression, verb: str = "assign to") -> None:
    if not isinstance(target, tree.Name | tree.Attribute | tree.Subscript):
        kind = type(target)
        what = _KINDS.get(kind, "an expression")
        raise SyntaxFault(f"cannot {verb} {what}", target.span, _HINTS.get(kind))


def check_parameters(parameters: Iterable[tree.Parameter]) -> None:
    """Raise `SyntaxFault` for a name given twice, or a default before a missing one."""
    names: set[str] = set()
    defaults = False
    for parameter in parameters:
        _check_new(parameter.name, names, parameter.span, "parameter")
        if parameter.default is not None:
            defaults = True
        elif defaults:
            message = f"`{parameter.name}` needs a default, as the parameter before it has one"
            raise SyntaxFault(message, parameter.span)


def check_arguments(arguments: tuple[Expression | tree.Keyword, ...]) -> None:
    """Raise `SyntaxFault` for a wrong order, a name given twice, or an unclear generator."""
    names: set[str] = set()
    for argument in arguments:
        if type(argument) is tree.Keyword:
            _check_new(argument.name, names, argument.span, "argument")
        elif names and type(argument) is not tree.Starred:
            message = "an argument without a name cannot follow one with a name"
            raise SyntaxFault(message, argument.span, "put it before them, or name it")
        elif type(argument) is tree.Comprehension and len(arguments) > 1 and is_bare(argument):
            message = "a generator beside other arguments needs brackets of its own"
            raise SyntaxFault(message, argument.span)


def is_bare(generator: tree.Comprehension) -> bool:
    """Say whether a generator stands in a call without brackets of its own."""
    return generator.kind == "generator" and generator.span.start == generator.element.span.start


def _check_new(name: str, names: set[str], span: Span, what: str) -> None:
    if name in names:
        raise SyntaxFault(f"the {what} `{name}` is given twice", span)
    names.add(name)
