"""Run a text and check it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gradcli.api import options_for
from gradcli.errors import Source
from gradcli.graph import Graph
from gradcli.rule.rule import Derivative, Primitive
from gradcli.session import Request, Session, run
from gradcli.verify import Report, Settings, check


def session_of(text: str, options: Mapping[str, Any] | None = None) -> Session:
    return run(Source("<test>", text), options_for(**(options or {})), Request(backward=False))


def checked(text: str, options: Mapping[str, Any] | None = None, **settings: Any) -> Report:
    return check(session_of(text, options), Settings(**settings))


def with_wrong_rule(graph: Graph, name: str, change: Any) -> int:
    """Give every row of an operation a changed derivative; return how many rows it has.

    `change` maps a body to another one.
    """
    count = 0
    for id, op in enumerate(graph.ops):
        if op is not None and op.name == name:
            graph.ops[id] = wrong(op, change)
            count += 1
    return count


def wrong(op: Primitive, change: Any) -> Primitive:
    derivative = op.derivative
    assert derivative is not None
    bodies = tuple(None if body is None else change(body) for body in derivative.bodies)
    made: Derivative = replace(derivative, bodies=bodies)
    return replace(op, derivative=made)
