"""Running statistics: a normalisation in training changes two tensors that it is given in place."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault, DtypeFault
from gradcli.graph import Node
from gradcli.ops import FUNCTIONS as ROWS
from gradcli.ops.shape.shapes import detach

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

# the argument that says whether the input's own statistics are used: those are remembered
TRACKED = {
    "batch_norm": "training", "instance_norm": "use_input_stats", "native_batch_norm": "training",
    "torch.batch_norm": "training", "torch.instance_norm": "use_input_stats",
}  # fmt: skip


def tracked(name: str, normalise: Any) -> Any:
    """Return a normalisation that updates its running statistics, as a function of a file."""

    def run(tracer: Tracer, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        result = normalise(tracer, args, keywords)
        given = ROWS[name].signature.bind(args, keywords)
        running = {k: given[k] for k in ("running_mean", "running_var")}
        if given[TRACKED[name]] and any(x is not None for x in running.values()):
            _update(tracer, given["input"], running, given["momentum"], alone="instance" in name)
        return result

    return run


def _update(
    tracer: Tracer, a: Node, running: dict[str, Any], momentum: float, *, alone: bool
) -> None:
    """Move both statistics towards those of the input.

    Raises: ArgumentFault, DtypeFault and AutogradFault, in PyTorch's words.
    """
    from gradcli.ops.nn.losses import fixed
    from gradcli.ops.nn.normalisation import running_mean, running_var

    if any(x is None for x in running.values()):
        raise ArgumentFault(
            "running_mean and running_var must either both be None or neither be None"
        )
    if tracer.graph.grad_enabled:
        fixed("native_batch_norm", **running)
    for x in running.values():
        if x.dtype != a.dtype:
            raise DtypeFault("mixed dtype (CPU): all inputs must share same datatype.")
        x.check_writable()
    if not prod(a.shape):
        return
    source = detach(a) if a.requires_grad else a  # a check holds what is detached
    for x, move in zip(running.values(), (running_mean, running_var), strict=True):
        x.write(move(x, source, momentum=momentum, alone=alone))
