"""Gradients as values of a file: `grad`, `jacobian`, `hessian`, `vjp`, `jvp`, `backward`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli import autodiff
from gradcli.errors import ArgumentFault, AutogradFault
from gradcli.execute import compute
from gradcli.graph import Node
from gradcli.ops.shape.shapes import zeros_like
from gradcli.rule.meta import shown
from gradcli.rule.spelling import nearest
from gradcli.trace.values import as_node, described

if TYPE_CHECKING:
    pass

Args = tuple[Any, ...]
Keywords = dict[str, Any]

SIGNATURE = (
    "the signature is `grad(outputs, inputs, grad_outputs=None, retain_graph=None, "
    "create_graph=True, allow_unused=False)`"
)


def one(value: Any) -> tuple[Any, ...]:
    """Return several values as they are given, alone or in a tuple."""
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def checked(value: Any, what: str) -> Node:
    """Return a value that has to be a tensor."""
    if not isinstance(value, Node):
        raise ArgumentFault(f"{what} must be a tensor, not {described(value)}")
    return value


def gradient(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    create_graph: bool = True,
    retain_graph: bool | None = None,
    allow_unused: bool = False,
    materialize: bool = False,
    is_grads_batched: bool = False,
) -> tuple[Node | None, ...]:
    """Return the gradients of the sum of outputs with respect to inputs, as nodes.

    Where `is_grads_batched`, each of `grad_outputs` has a leading axis, and so has what is found.

    Raises: AutogradFault, in PyTorch's words, where there is none.
    """
    roots = [checked(y, "what is differentiated") for y in one(outputs)]
    wanted = [checked(x, "what it is differentiated by") for x in one(inputs)]
    if not roots:
        raise ArgumentFault("grad requires non-empty outputs.")
    for x in wanted:
        if not x.requires_grad:
            raise AutogradFault(
                "One of the differentiated Tensors does not require grad",
                hint="make it a parameter: tensor(..., requires_grad=True) or param(...)",
            )
    starts: dict[int, Any] = {}
    given = one(grad_outputs) if grad_outputs is not None else (None,) * len(roots)
    graph = roots[0].graph
    with graph.settings("gradient", create_graph):
        if len(given) != len(roots):
            raise AutogradFault(f"got {len(roots)} tensors and {len(given)} gradients")
        for y, cotangent in zip(roots, given, strict=True):
            start = None if cotangent is None else as_node(graph, cotangent)
            start = _batched(y, start) if is_grads_batched else autodiff.seed(y, start)
            node = start if isinstance(start, Node) else graph.leaf(start)
            starts[y.id] = starts[y.id] + node if y.id in starts else node
        if is_grads_batched and len({g.shape[0] for g in starts.values()}) > 1:
            raise AutogradFault("is_grads_batched=True: the leading axes have different sizes")
        ids = [x.id for x in wanted]
        order = autodiff.towards(graph, autodiff.reachable(graph, starts), ids)
        if not create_graph:
            compute(graph, starts)
        autodiff.free_saved(
            graph, order, retain_graph=create_graph if retain_graph is None else retain_graph
        )
        differentiate = autodiff.gradients
        if is_grads_batched:
            from gradcli.autodiff.matrices import gradients_together as differentiate
        found = differentiate(graph, starts, ids)
        return tuple(_used(x, g, i, allow_unused, materialize) for i, (x, g) in
                     enumerate(zip(wanted, found, strict=True)))  # fmt: skip


def _batched(y: Node, cotangents: Node | None) -> Node:
    """Return cotangents of a root that a leading axis counts."""
    if cotangents is None:
        raise ArgumentFault(
            "is_grads_batched=True takes grad_outputs, which have a leading axis",
            hint="write grad(y, x, torch.eye(n), is_grads_batched=True)",
        )
    if cotangents.shape[1:] != y.shape or not cotangents.shape:
        raise AutogradFault(
            "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as "
            "the batch dimension. The sizes of the remaining dimensions are expected to match the "
            f"shape of corresponding output, but a mismatch was detected: grad_output[0] has a "
            f"shape of torch.Size({shown(cotangents.shape)}) and output[0] has a shape of "
            f"torch.Size({shown(y.shape)})."
        )
    autodiff.seed(y, Node(y.graph, y.id))  # whether it has a gradient at all
    return cotangents


def _used(x: Node, g: Node | None, position: int, allow_unused: bool, materialize: bool) -> Any:
    if g is not None:
        return g
    if materialize:
        return zeros_like(x)
    if not allow_unused:
        name = x.graph.notes.names.get(x.id)
        raise AutogradFault(
            f"The differentiated Tensor at index {position} appears to not have been used in "
            "the graph. Set allow_unused=True if this is the desired behavior.",
            hint=f"no path leads from `{name}` to what is differentiated" if name else None,
        )
    return None


def options(args: Args, keywords: Keywords) -> tuple[Any, Any, dict[str, Any]]:
    """Return what a `grad(y, x)` is of, by what, and the options of `gradient`."""
    names = ("outputs", "inputs", "grad_outputs", "retain_graph", "create_graph")
    given = dict(zip(names, args, strict=False)) | keywords
    known = {*names, "allow_unused", "materialize_grads", "only_inputs", "is_grads_batched"}
    for word in given:
        if word not in known:
            near = "".join(f"did you mean `{n}`? " for n in nearest(word, known)[:1])
            raise ArgumentFault(
                f"grad() got an unexpected keyword argument '{word}'", hint=near + SIGNATURE
            )
    if len(args) > len(names):
        raise ArgumentFault(
            f"grad() takes {len(names)} arguments without their names but {len(args)} were given",
            hint=SIGNATURE,
        )
    if "outputs" not in given or "inputs" not in given:
        raise ArgumentFault("grad() needs outputs and inputs", hint="write grad(loss, w)")
    options: dict[str, Any] = {
        k: given[k] for k in (*names[2:], "allow_unused", "is_grads_batched") if k in given
    }
    options["materialize"] = bool(given.get("materialize_grads", False))
    if options["materialize"] and given.get("allow_unused") is False:
        raise ArgumentFault(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
            "allow_unused=False."
        )
    return given["outputs"], given["inputs"], options
