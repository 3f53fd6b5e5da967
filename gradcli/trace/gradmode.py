"""Whether gradients are recorded: `no_grad`, `enable_grad`, `set_grad_enabled`, `inference_mode`.

As in PyTorch each is a context of `with`, and a decorator; `set_grad_enabled(x)` also changes the
mode where it is called, and a context that it opens ends with the mode from before the call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault
from gradcli.graph import Graph
from gradcli.rule.signature import Signature
from gradcli.trace.suspended import Generator
from gradcli.trace.values import Decorated, Function, UserFunction

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer


@dataclass(frozen=True)
class GradMode:
    """A mode that a block or a function runs in; `before` is what there was before the call."""

    name: str
    enabled: bool
    before: bool


class Entered:
    """The context of what runs in a mode; `after` is the mode in which the file goes on."""

    __slots__ = ("after", "graph", "inference", "mode")

    def __init__(self, graph: Graph, mode: GradMode, after: bool) -> None:
        self.graph, self.mode, self.after = graph, mode, after

    def __enter__(self) -> None:
        graph, mode = self.graph, self.mode
        self.inference = graph.inference
        graph.grad_enabled = mode.enabled
        if mode.name == "inference_mode":
            graph.inference = not mode.enabled

    def __exit__(self, *raised: object) -> None:
        self.graph.grad_enabled, self.graph.inference = self.after, self.inference


def decorated(tracer: Tracer, mode: GradMode, function: Any) -> Decorated:
    """Return a function of the file that runs in a mode of its own.

    The file goes on in the mode from before: `@set_grad_enabled(False)` has changed it.
    """
    tracer.graph.grad_enabled = mode.before

    def run(tracer: Tracer, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        graph = tracer.graph
        with Entered(graph, mode, graph.grad_enabled):
            result = tracer.apply(function, args, keywords)
        if isinstance(result, Generator):
            result.mode = lambda: Entered(graph, mode, graph.grad_enabled)
        return result

    return Decorated(function.name, run)


def _mode(name: str, signature: Signature, enabled: bool | None) -> Any:
    """Return the function that makes a mode; given a function, as a bare decorator is, one of it.

    `enabled` is None where the argument says it.
    """

    def run(tracer: Tracer, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        before = tracer.graph.grad_enabled
        if enabled is not None and not args and not keywords:
            return GradMode(name, enabled, before)
        if len(args) == 1 and isinstance(args[0], Function | UserFunction):
            if enabled is None:
                raise ArgumentFault(f"{name}() needs to know whether gradients are recorded",
                                    hint=f"write `@torch.{name}(False)`")  # fmt: skip
            return decorated(tracer, GradMode(name, enabled, before), args[0])
        given = signature.bind(args, keywords).get("mode")
        wanted = bool(given) if enabled is None else enabled
        if name == "inference_mode" and given is not None:
            wanted = not given
        if name == "set_grad_enabled":
            tracer.graph.grad_enabled = wanted
        return GradMode(name, wanted, before)

    return run


MODES: dict[str, Any] = {
    "no_grad": _mode("no_grad", Signature("no_grad()"), False),
    "enable_grad": _mode("enable_grad", Signature("enable_grad()"), True),
    "set_grad_enabled": _mode("set_grad_enabled", Signature("set_grad_enabled(mode: bool)"), None),
    "inference_mode": _mode(
        "inference_mode", Signature("inference_mode(mode: bool = True)"), False
    ),
    "is_grad_enabled": lambda tracer, args, keywords: tracer.graph.grad_enabled,
    "is_inference_mode_enabled": lambda tracer, args, keywords: tracer.graph.inference,
}
