"""How the functions that a file defines are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault, SyntaxFault
from gradcli.trace.mistakes import counted, nearest, outside
from gradcli.trace.values import Jump, Return, Scope, UserFunction

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer


def call_user(
    tracer: Tracer, function: UserFunction, args: tuple[Any, ...], keywords: dict[str, Any]
) -> Any:
    """Run the body of a function with arguments for its parameters, and return its value.

    Raises: SyntaxFault where the function calls itself, ArgumentFault where arguments do not fit.
    """
    if function.body in tracer.active:
        raise SyntaxFault(
            f"`{function.name}` calls itself: recursion is not part of the language",
            hint="a file is a formula; unroll with `for i in range(n)`",
        )
    values = _arguments(tracer, function, args, keywords)
    before, tracer.scope = tracer.scope, Scope(function.scope, values)
    tracer.active.append(function.body)
    graph, call, home = tracer.graph, tracer.graph.call, tracer.graph.home
    if function.is_prelude:
        graph.home = graph.place
    else:
        graph.call = graph.entered(function.name)
    try:
        return function.body()
    except Return as result:
        return result.value
    except Jump as jump:
        raise outside(jump) from None
    finally:
        tracer.scope, graph.call, graph.home = before, call, home
        tracer.active.pop()


def _arguments(
    tracer: Tracer, function: UserFunction, args: tuple[Any, ...], keywords: dict[str, Any]
) -> dict[str, Any]:
    wanted = [p.name for p in function.parameters]
    if len(args) == len(wanted) and not keywords:
        return dict(zip(wanted, args, strict=True))
    signature = f"the signature is `{_signature(tracer, function)}`"
    if len(args) > len(wanted):
        raise ArgumentFault(
            f"{function.name}() takes {counted(len(wanted), 'argument')} but {len(args)} "
            f"{'was' if len(args) == 1 else 'were'} given",
            hint=signature,
        )
    values = dict(zip(wanted, args, strict=False))
    for word, value in keywords.items():
        if word not in wanted or word in values:
            problem = "multiple values for" if word in values else "an unexpected keyword"
            near = [] if word in values else nearest(word, wanted)
            guess = f"did you mean `{near[0]}`? " if near else ""
            raise ArgumentFault(
                f"{function.name}() got {problem} argument '{word}'", hint=guess + signature
            )
        values[word] = value
    for name in wanted:
        if name not in values:
            if name not in function.defaults:
                raise ArgumentFault(f"{function.name}() missing argument '{name}'", hint=signature)
            values[name] = function.defaults[name]
    return values


def _signature(tracer: Tracer, function: UserFunction) -> str:
    parameters = ", ".join(tracer.source.snippet(p.span) for p in function.parameters)
    return f"{function.name}({parameters})" if function.is_def else f"lambda {parameters}: …"
