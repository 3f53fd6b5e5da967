"""Which names a file and its functions bind; those that it never does are its inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from gradcli.errors import Span, SyntaxFault
from gradcli.syntax import tree
from gradcli.syntax.tree import nodes_of


class Names(NamedTuple):
    """What names mean in the body of a function: those that it binds, those that it declares.

    `outer` has the names that are declared, each as "global" or "nonlocal"; `around` is the
    function in which this one stands.
    """

    own: frozenset[str] = frozenset()
    outer: Mapping[str, str] = MappingProxyType({})
    around: Names | None = None


def names_in(parameters: tuple[tree.Parameter, ...], body: Iterable[Any], around: Names) -> Names:
    """Return what names mean in a function, whose body is statements, or an expression.

    Raises: SyntaxFault, with Python's sentence, for a declaration that means nothing.
    """
    given = {parameter.name for parameter in parameters}
    own = set(given)
    outer: dict[str, str] = {}
    for item in own_nodes(body):
        own |= _bound_by(item)
        if isinstance(item, tree.Delete):
            own |= {name for target in item.targets for name in names_of(target)}
        elif isinstance(item, tree.Outer):
            for name in item.names:
                outer[name.id] = item.keyword
                if name.id in given:
                    raise SyntaxFault(
                        f"name '{name.id}' is parameter and {item.keyword}", name.span
                    )
                if item.keyword == "nonlocal" and not _is_own(around, name.id):
                    raise SyntaxFault(f"no binding for nonlocal '{name.id}' found", name.span)
    return Names(frozenset(own - outer.keys()), outer, around)


def _is_own(names: Names | None, name: str) -> bool:
    while names is not None:
        if name in names.own:
            return True
        names = names.around
    return False


def own_nodes(items: Iterable[Any]) -> Iterator[Any]:
    """Yield the nodes of a body without those of functions, classes and lambdas within it."""
    stack: list[Any] = list(items)
    while stack:
        item = stack.pop()
        if not isinstance(item, tuple) or isinstance(item, Span):
            continue
        if hasattr(item, "_fields"):
            yield item
        if isinstance(item, tree.Def | tree.Class):
            stack += (*item.decorators, *(item.bases if isinstance(item, tree.Class) else ()))
        elif isinstance(item, tree.Lambda):
            continue
        elif isinstance(item, tree.Clause):
            stack += (item.iterable, *item.conditions)  # its target is the comprehension's own
        else:
            stack += item


def _bound_by(item: Any) -> set[str]:
    """Return the names that a node binds, where it stands."""
    if isinstance(item, tree.Assign):
        return {name for target in item.targets for name in names_of(target)}
    if isinstance(item, tree.Annotated):
        return names_of(item.target) if item.value is not None else set()
    if isinstance(item, tree.Augmented | tree.For | tree.Context | tree.NamedExpression):
        return names_of(item.target)
    if isinstance(item, tree.Def | tree.Class):
        return {item.name}
    if isinstance(item, tree.Import):
        return {item.name.partition(".")[0]}
    if isinstance(item, tree.Handler):
        return names_of(item.name)
    if isinstance(item, tree.Case):
        return names_of(item.name) | captures(item.pattern)
    return set()


def captures(pattern: tree.Expression) -> set[str]:
    """Return the names that a pattern of a `case` binds, and `_`, which it does not read."""
    found: set[str] = set()
    stack: list[Any] = [pattern]
    while stack:
        item = stack.pop()
        if isinstance(item, tree.Name):
            found.add(item.id)
        elif isinstance(item, tree.Call):
            stack += (*item.arguments, *(k.value for k in item.keywords))
        elif isinstance(item, tree.DictDisplay):
            stack += (x.value for x in item.items)
        elif not isinstance(item, tree.Attribute | tree.Constant | Span):
            stack += (x for x in item if isinstance(x, tuple))
    return found


def assigned_names(program: tree.Program) -> set[str]:
    """Return every name that the file binds anywhere."""
    return bound_names(program.statements)


def bound_names(statements: Iterable[Any]) -> set[str]:
    """Return every name that statements, and what is in them, bind."""
    found: set[str] = set()
    for item in nodes_of(statements):
        found |= _bound_by(item)
        if isinstance(item, tree.Clause):
            found |= names_of(item.target)
        elif isinstance(item, tree.Parameter):
            found.add(item.name)
    return found


def free_names(program: tree.Program) -> dict[str, Span]:
    """Return the names that are read and never bound, each with its first place, in order."""
    bound = assigned_names(program)
    found: dict[str, Span] = {}
    annotations = _not_read(program)
    for item in nodes_of(program.statements):
        if isinstance(item, tree.Name) and item.id not in bound and item.span not in annotations:
            known = found.get(item.id)
            if known is None or item.span.start < known.start:
                found[item.id] = item.span
    return dict(sorted(found.items(), key=lambda pair: pair[1].start))


def called_names(program: tree.Program) -> set[str]:
    """Return the names that stand for the function of a call."""
    return {
        item.function.id
        for item in nodes_of(program.statements)
        if isinstance(item, tree.Call) and isinstance(item.function, tree.Name)
    }


def calls(expression: tree.Expression) -> bool:
    """Say whether to evaluate an expression twice may not be the same: it calls, or it names."""
    twice = tree.Call | tree.NamedExpression | tree.Yield
    return any(isinstance(item, twice) for item in nodes_of((expression,)))


def _not_read(program: tree.Program) -> set[Span]:
    """Return the places of names that are not read there: dtypes, sizes, declarations."""
    found: set[Span] = set()
    for item in nodes_of(program.statements):
        if isinstance(item, tree.Outer):
            found |= {name.span for name in item.names}
        elif isinstance(item, tree.Class):  # `x: int` there is a field, and no input
            found |= {x.target.span for x in item.body if isinstance(x, tree.Annotated)}
        annotation = (
            item.annotation if isinstance(item, tree.Annotated | tree.Parameter)
            else item.returns if isinstance(item, tree.Def) else None
        )  # fmt: skip
        if annotation is not None:
            found |= {x.span for x in nodes_of((annotation,)) if isinstance(x, tree.Name)}
    return found


def names_of(target: Any) -> set[str]:
    """Return the names that a target binds."""
    names: set[str] = set()
    stack = [target]
    while stack:
        item = stack.pop()
        if isinstance(item, tree.Name):
            names.add(item.id)
        elif isinstance(item, tree.Group):
            stack.append(item.inner)
        elif isinstance(item, tree.Starred):
            stack.append(item.value)
        elif isinstance(item, tree.TupleDisplay | tree.ListDisplay):
            stack.extend(item.items)
    return names
