"""How the functions that a file defines are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.errors import NOWHERE, ArgumentFault, GradcliError
from gradcli.graph import Graph
from gradcli.rule.spelling import nearest
from gradcli.trace.faults import outside
from gradcli.trace.suspended import Generator
from gradcli.trace.values import Jump, Return, Scope, UserFunction

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

MAX_DEPTH = 1000  # calls of the file's functions within each other, as in Python


def call_user(
    tracer: Tracer, function: UserFunction, args: tuple[Any, ...], keywords: dict[str, Any]
) -> Any:
    """Run the body of a function with arguments for its parameters, and return its value.

    Raises: ArgumentFault where arguments do not fit, or calls are too many within each other.
    """
    values = arguments(tracer, function, args, keywords)
    if len(tracer.active) >= MAX_DEPTH:
        raise ArgumentFault(
            "maximum recursion depth exceeded",
            hint=f"{function.name}() is called while {MAX_DEPTH:,} other calls have not ended",
        )
    scope = Scope(function.scope, values, function.own)
    graph, call, home = tracer.graph, tracer.graph.call, tracer.graph.home
    called_at = graph.place
    if function.yields:
        inside = call if function.is_prelude else graph.entered(function.name)
        return Generator(tracer, function.name, scope, function.body(), inside)
    before, tracer.scope = tracer.scope, scope
    tracer.active.append(function.body)
    if function.is_prelude:
        graph.home = graph.place
    elif not (function.name == "forward" and _is_module_call(graph)):
        graph.call = graph.entered(function.name)
    try:
        return function.body()
    except Return as result:
        return result.value
    except Jump as jump:
        raise outside(jump) from None
    except GradcliError as error:
        if function.is_prelude:  # what is wrong is wrong where the file has called it
            error.at(None, graph.place)
        elif tracer.source is error.source or error.source is None:
            error.at(None, graph.place).calls.append(called_at)
        raise
    finally:
        tracer.scope, graph.call, graph.home = before, call, home
        tracer.active.pop()


def _is_module_call(graph: Graph) -> bool:
    """Say whether the prelude's `Module.__call__` is what calls: the module's frame is enough."""
    call = graph.call
    return graph.span is NOWHERE and call is not None and bool(call.module) and not call.is_block


def arguments(
    tracer: Tracer, function: UserFunction, args: tuple[Any, ...], keywords: dict[str, Any]
) -> dict[str, Any]:
    """Return the values of a function's parameters."""
    parameters = function.parameters
    if len(args) == len(parameters) and not keywords and not any(p.kind for p in parameters):
        return dict(zip([p.name for p in parameters], args, strict=True))
    placed = [p.name for p in parameters if p.kind in ("", "positional")]
    values = dict(zip(placed, args, strict=False))
    gathering = {p.kind: p.name for p in parameters if p.kind in ("*", "**")}
    try:
        rest = _named(function, values, keywords, "**" in gathering)
        if "*" not in gathering and len(args) > len(placed):
            raise ArgumentFault(_too_many(function, placed, len(args), values))
        if "*" in gathering:
            values[gathering["*"]] = args[len(placed) :]
        if "**" in gathering:
            values[gathering["**"]] = rest
        _complete(function, values)
    except ArgumentFault as error:
        error.hint = (error.hint or "") + f"the signature is `{_signature(tracer, function)}`"
        raise
    return values


def _named(
    function: UserFunction, values: dict[str, Any], keywords: dict[str, Any], takes_all: bool
) -> dict[str, Any]:
    """Add the arguments that are given by name to the values; return what no parameter takes."""
    by_name = [p.name for p in function.parameters if p.kind in ("", "keyword")]
    rest: dict[str, Any] = {}
    for word, value in keywords.items():
        if word in by_name and word in values:
            raise ArgumentFault(f"{_name(function)}() got multiple values for argument '{word}'")
        if word in by_name:
            values[word] = value
        elif takes_all:
            rest[word] = value
        elif word in [p.name for p in function.parameters if p.kind == "positional"]:
            raise ArgumentFault(
                f"{_name(function)}() got some positional-only arguments passed as keyword "
                f"arguments: '{word}'"
            )
        else:
            near = nearest(word, by_name)
            raise ArgumentFault(
                f"{_name(function)}() got an unexpected keyword argument '{word}'",
                hint=f"did you mean `{near[0]}`? " if near else None,
            )
    return rest


def _complete(function: UserFunction, values: dict[str, Any]) -> None:
    """Give the parameters that have got no argument their defaults.

    Raises: ArgumentFault, with Python's sentence, where one has none.
    """
    missing: dict[str, list[str]] = {"positional": [], "keyword-only": []}
    for p in function.parameters:
        if p.name in values or p.kind in ("*", "**"):
            continue
        if p.name in function.defaults:
            values[p.name] = function.defaults[p.name]
        else:
            missing["keyword-only" if p.kind == "keyword" else "positional"].append(repr(p.name))
    for how, names in missing.items():
        if names:
            *before, last = names
            listed = f"{', '.join(before)}{',' * (len(before) > 1)} and {last}" if before else last
            raise ArgumentFault(
                f"{_name(function)}() missing {len(names)} required {how} "
                f"argument{'s' * (len(names) > 1)}: {listed}"
            )


def _too_many(function: UserFunction, placed: list[str], given: int, values: Any) -> str:
    least = len([name for name in placed if name not in function.defaults])
    takes = f"{len(placed)}" if least == len(placed) else f"from {least} to {len(placed)}"
    more = sum(p.kind == "keyword" and p.name in values for p in function.parameters)
    but = f"{given}"
    if more:
        but += f" positional argument{'s' * (given != 1)} (and {more} keyword-only argument"
        but += f"{'s' * (more > 1)})"
    return (
        f"{_name(function)}() takes {takes} positional argument{'s' * (takes != '1')} but {but} "
        f"{'was' if given == 1 and not more else 'were'} given"
    )


def _name(function: UserFunction) -> str:
    return f"{function.inside}{function.name}" if function.is_def else "<lambda>"


def _signature(tracer: Tracer, function: UserFunction) -> str:
    shown: list[str] = []
    kinds = [p.kind for p in function.parameters]
    for at, p in enumerate(function.parameters):
        if p.kind == "keyword" and not {"*", "keyword"} & set(kinds[:at]):
            shown.append("*")
        shown.append(tracer.source.snippet(p.span))
        if p.kind == "positional" and kinds[at + 1 : at + 2] != ["positional"]:
            shown.append("/")
    parameters = ", ".join(shown)
    return f"{function.name}({parameters})" if function.is_def else f"lambda {parameters}: …"
