"""`torch.autograd.functional`: derivatives that are plain tensors, unless a graph is asked for."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault
from gradcli.graph import Node
from gradcli.ops.shape.shapes import detach, view
from gradcli.rule.signature import Signature
from gradcli.trace.transforms import FUNCTIONS
from gradcli.trace.values import Function

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Args = tuple[Any, ...]
Keywords = dict[str, Any]

_GIVEN = "func: any, inputs: any"
_ASKED = "create_graph: bool = False, strict: bool = False"
_FASTER = "vectorize: bool = False, strategy: str = 'reverse-mode'"
SIGNATURES = {
    "jacobian": Signature(f"jacobian({_GIVEN}, {_ASKED}, {_FASTER})"),
    "hessian": Signature(
        f"hessian({_GIVEN}, {_ASKED}, vectorize: bool = False, "
        "outer_jacobian_strategy: str = 'reverse-mode')"
    ),
    **{name: Signature(f"{name}({_GIVEN}, v: any = None, {_ASKED})")
       for name in ("vjp", "jvp", "hvp", "vhp")},
}  # fmt: skip


def function(name: str) -> Function:
    """Return a function of `torch.autograd.functional`.

    Its inputs are tensors of their own, even where one is given twice, and no gradient flows on
    through what it returns, unless with `create_graph`.
    """

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        given = SIGNATURES[name].bind(args, keywords)
        keep, several = given["create_graph"], isinstance(given["inputs"], tuple | list)
        inputs = [tracer.tensor(x) for x in (given["inputs"] if several else (given["inputs"],))]
        single = len(inputs) == 1 and prod(inputs[0].shape) == 1
        if name in ("jvp", "hvp", "vhp") and given["v"] is None and not single:
            raise ArgumentFault(
                "The vector v can only be None if the input to the user-provided function is a "
                "single Tensor with a single element.",
                hint=f"write {name}(f, inputs, v)",
            )
        own = tuple(view(x, shape=x.shape) if keep else tracer.graph.leaf(x.value) for x in inputs)
        passed: Keywords = {"inputs": own if several else own[0]}
        passed |= {k: given[k] for k in ("v", "strict") if k in given}
        found = FUNCTIONS[name](tracer, (given["func"],), passed)
        return found if keep else _plain(found)

    return Function(name, run)


def _plain(found: Any) -> Any:
    if isinstance(found, tuple | list):
        return tuple(map(_plain, found))
    return detach(found) if isinstance(found, Node) else found
