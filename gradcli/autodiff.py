"""Reverse and forward mode over the tape, on numbers and on nodes alike.

Backward visits nodes as PyTorch's engine does: highest sequence number first. On a tape that is
the descending order of ids, since every use of a node has a higher id than the node.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from gradcli.errors import AutogradFault
from gradcli.execute import compute
from gradcli.graph import OUTPUT, Graph, Node, Step
from gradcli.ops.pointwise.complex import real
from gradcli.ops.shape.shapes import clone, expand, reshape, stack, sum_to, to_copy, zeros_like
from gradcli.rule.dtypes import Array, DType, is_complex, wide
from gradcli.rule.meta import Meta, shown
from gradcli.rule.rule import Multilinear, primitive

# what backward(create_graph=True) leaves in `.grad`: AccumulateGrad's copy, which no file can call
GRAD_COPY = primitive(
    Multilinear, "_grad_copy(input)", "CopyBackwards", np.copy,
    lambda a: Meta(a.shape, a.dtype), lambda g, *_: g,
)  # fmt: skip

# ---- what a root may be --------------------------------------------------------------------


def seed(node: Node, gradient: Any) -> Any:
    """Return the cotangent that backward starts with: a given one, or 1 for a scalar.

    Raises: AutogradFault, in PyTorch's words, where there is no gradient or no single start.
    """
    if not node.requires_grad:
        raise AutogradFault(
            "element 0 of tensors does not require grad and does not have a grad_fn",
            hint="make a leaf that it depends on a parameter: requires_grad=True, or param(...)",
        )
    if gradient is not None:
        if tuple(gradient.shape) != node.shape:
            raise AutogradFault(
                f"Mismatch in shape: grad_output[0] has a shape of torch.Size"
                f"({shown(gradient.shape)}) and output[0] has a shape of torch.Size"
                f"({shown(node.shape)})."
            )
        return gradient
    if np.prod(node.shape) != 1:
        raise AutogradFault(
            "grad can be implicitly created only for scalar outputs",
            hint=f"this one has shape {list(node.shape)}: reduce it with .sum() or .mean(), give "
            "the cotangent (backward(gradient) or --grad-output), or ask for jacobian(y, x)",
        )
    if is_complex(node.dtype):
        raise AutogradFault(
            "grad can be implicitly created only for real scalar outputs but got "
            f"torch.{node.dtype.name}"
        )
    return np.ones(node.shape, node.dtype)


# ---- reverse mode --------------------------------------------------------------------------


def reachable(graph: Graph, roots: Iterable[int]) -> list[int]:
    """Return the rows to which gradients flow from some roots, highest sequence number first."""
    found: set[int] = set()
    pending = [i for i in roots if graph.requires_grad[i]]
    while pending:
        id = pending.pop()
        if id not in found:
            found.add(id)
            pending.extend(i for i in graph.inputs[id] if i >= 0 and graph.requires_grad[i])
    return sorted(found, reverse=True)


def towards(graph: Graph, order: Sequence[int], targets: Iterable[int]) -> list[int]:
    """Keep the rows of a backward order through which gradients reach some targets."""
    wanted = set(targets)
    for id in reversed(order):
        if id not in wanted and any(i in wanted for i in graph.inputs[id]):
            wanted.add(id)
    return [i for i in order if i in wanted]


def pull(
    graph: Graph,
    cotangents: dict[int, Any],
    order: Sequence[int],
    read: Callable[[int], Any],
) -> dict[int, Any]:
    """Carry cotangents back along an order of rows; return the cotangent of every row visited.

    `read` gives a row's value to the rules: its array, and the result are numbers; its node, and
    the result is a graph.
    """
    inside = set(order)
    for id in order:
        g = cotangents.get(id)
        op = graph.ops[id]
        if g is None or op is None:
            continue
        if op is OUTPUT:
            _collect(graph, cotangents, id, g)
            continue
        derivative = op.derivative
        assert derivative is not None, "only differentiable rows are reachable"
        inputs = graph.inputs[id]
        operands = tuple(wide(read(i)) if i >= 0 else graph.scalars[~i] for i in inputs)
        g, y, attrs = wide(g), wide(read(id)), graph.attrs[id]
        for slot, i in enumerate(inputs):
            if i not in inside or derivative.body(slot) is None:
                continue
            part = derivative.vjp(slot, g, y, operands, attrs)
            part = fit(part, graph, i, derivative.broadcasts)
            before = cotangents.get(i)
            cotangents[i] = part if before is None else before + part
    return cotangents


def _collect(graph: Graph, cotangents: dict[int, Any], id: int, g: Any) -> None:
    """Put the cotangent of one of several results in its place in their tuple."""
    whole = graph.inputs[id][0]
    parts = cotangents.setdefault(whole, [None] * graph.widths[whole])
    parts[graph.attrs[id]["position"]] = g


def fit(part: Any, graph: Graph, id: int, broadcasts: bool) -> Any:
    """Bring a cotangent to its node's shape and dtype."""
    meta = graph.metas[id]
    if broadcasts:
        part = sum_to(part, meta.shape)
    assert part.shape == meta.shape, f"a rule gave {part.shape} for an operand of {meta.shape}"
    return in_dtype(part, meta.dtype)


def in_dtype(x: Any, dtype: DType) -> Any:
    """Bring a cotangent or tangent to a dtype; what is real takes the real part."""
    if x.dtype == dtype:
        return x
    if is_complex(x.dtype) and not is_complex(dtype):
        x = real(x)
    return x if x.dtype == dtype else to_copy(x, dtype=dtype)


def backward(
    graph: Graph,
    root: int,
    gradient: Any = None,
    *,
    inputs: Collection[int] = (),
    retain_graph: bool = False,
    create_graph: bool = False,
) -> None:
    """Run the backward pass from a root and add to the `.grad` of leaves and retained nodes.

    `gradient` is the root's cotangent, an array of the root's shape; 1 for a scalar root. With
    `inputs`, only those nodes get a `.grad`. With `create_graph` each is a node, to be
    differentiated again, and `gradient` may be one.

    Raises: AutogradFault where the root has no gradient, is not a scalar and has no cotangent,
    or needs saved tensors that an earlier pass has freed.
    """
    start = seed(Node(graph, root), gradient)
    compute(graph, (root,))
    order = reachable(graph, (root,))
    if inputs:
        order = towards(graph, order, inputs)
    free_saved(graph, order, retain_graph=retain_graph or create_graph)
    wanted = [
        i for i in order if (i in inputs if inputs else graph.ops[i] is None or i in graph.retained)
    ]
    if create_graph:
        with graph.settings("gradient", True):
            node = start if isinstance(start, Node) else graph.leaf(start)
            for id, found in zip(wanted, gradients(graph, {root: node}, wanted), strict=True):
                if found is not None:
                    _accumulate_node(graph, graph.current(id), found)
        return
    start = np.asarray(start, graph.metas[root].dtype)
    with np.errstate(all="ignore"):
        cotangents = pull(graph, {root: start}, order, graph.values.__getitem__)
    for id in wanted:
        if id in cotangents:
            _accumulate(graph, graph.current(id), np.asarray(cotangents[id]))


def _accumulate(graph: Graph, id: int, found: Array) -> None:
    before = graph.grads.get(id)
    graph.grads[id] = found if before is None else before + found
    if id in graph.live:
        with graph.settings("gradient", True):
            graph.live[id] = (Node(graph, graph.live[id]) + graph.leaf(found)).id


def _accumulate_node(graph: Graph, id: int, found: Node) -> None:
    """Add a gradient that is a node; the first one is copied, as in PyTorch."""
    before = graph.grads.get(id)
    if before is None:
        total = GRAD_COPY(found) if graph.ops[id] is None else clone(found)
    else:
        total = (Node(graph, graph.live[id]) if id in graph.live else graph.leaf(before)) + found
    graph.grads[id] = total.value
    graph.live[id] = total.id


def gradients(graph: Graph, roots: Mapping[int, Any], inputs: Sequence[int]) -> list[Node | None]:
    """Return the gradients of some roots with respect to some nodes, as nodes of the graph.

    `roots` gives each root's cotangent as a node. None stands for an input that is not used.
    """
    first = len(graph)
    order = towards(graph, reachable(graph, roots), inputs)
    pulled = pull(graph, dict(roots), order, lambda i: _node(graph, i))
    found = [pulled.get(i) for i in inputs]
    _note(graph, "reverse", roots, inputs, found, order, first)
    return found


def _note(
    graph: Graph,
    mode: Literal["reverse", "forward"],
    given: Mapping[int, Any],
    wanted: Sequence[int],
    found: Sequence[Node | None],
    order: Sequence[int],
    first: int,
) -> None:
    """Keep what a differentiation was of; a Jacobian's rows share the rows that they go through."""
    rows = tuple(order)
    if graph.steps and graph.steps[-1].rows == rows:
        rows = graph.steps[-1].rows
    made = tuple(None if g is None else g.id for g in found)
    ids = {i: node.id for i, node in given.items()}
    graph.steps.append(Step(mode, ids, tuple(wanted), made, rows, first))


def _node(graph: Graph, id: int) -> Any:
    """Return a row as rules see it: a node, or the tuple of an operation's several results."""
    if id not in graph.widths:
        return Node(graph, id)
    return tuple(Node(graph, id + 1 + k) for k in range(graph.widths[id]))


# ---- saved tensors -------------------------------------------------------------------------


def free_saved(graph: Graph, order: Sequence[int], *, retain_graph: bool) -> None:
    """Check that a backward pass finds its saved tensors, and free them unless they are retained.

    Raises: AutogradFault, in PyTorch's words, where an earlier pass has freed one.
    """
    for id in order:
        if id in graph.freed and saves(graph, id):
            raise AutogradFault(
                "Trying to backward through the graph a second time (or directly access saved "
                "tensors after they have already been freed). Saved intermediate values of the "
                "graph are freed when you call .backward() or autograd.grad(). Specify "
                "retain_graph=True if you need to backward through the graph a second time or if "
                "you need to access saved tensors after calling backward.",
                hint=f"`{graph.label(id)}` needs its saved tensors again: keep them in the first "
                "pass with backward(retain_graph=True)",
            )
    if not retain_graph:
        graph.freed.update(id for id in order if graph.ops[id] is not None)


def saves(graph: Graph, id: int) -> bool:
    """Say whether a row's rules use a tensor of the forward pass: PyTorch saves that tensor.

    Found by running them once on a scratch graph, and looking at what they read.
    """
    op, scratch = graph.ops[id], Graph(graph.default_dtype)
    if op is None or op is OUTPUT or op.derivative is None:
        return False
    inputs = graph.inputs[id]

    def leaf(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(leaf(v) for v in value)
        return scratch.leaf(np.asarray(value))

    wrapped = op.wraps and op.numbers  # PyTorch makes tensors of the numbers, and saves those
    operands = tuple(
        leaf(graph.values[i]) if i >= 0
        else leaf(graph.scalars[~i]) if wrapped and graph.scalars[~i] is not None
        else graph.scalars[~i]
        for i in inputs
    )  # fmt: skip
    y = leaf(graph.values[id])
    saved = len(scratch)
    g = leaf(graph.values[id])
    for slot, i in enumerate(inputs):
        if i >= 0 and graph.requires_grad[i] and op.derivative.body(slot) is not None:
            op.derivative.vjp(slot, g, y, operands, graph.attrs[id])
    return any(0 <= i < saved for row in scratch.inputs for i in row)


# ---- forward mode --------------------------------------------------------------------------


def push(
    graph: Graph, tangents: dict[int, Any], targets: Sequence[int], read: Callable[[int], Any]
) -> list[Any]:
    """Carry tangents of some nodes forward; return the tangents of targets, None where at rest."""
    for id in behind(graph, targets, min(tangents)):
        op, inputs = graph.ops[id], graph.inputs[id]
        if op is None or id in tangents or not any(i in tangents for i in inputs):
            continue
        if op is OUTPUT:
            t = tangents[inputs[0]][graph.attrs[id]["position"]]
            if t is not None:
                tangents[id] = t
            continue
        if op.derivative is None:
            continue
        moved = tuple(wide(tangents.get(i)) for i in inputs)
        operands = tuple(wide(read(i)) if i >= 0 else graph.scalars[~i] for i in inputs)
        t = op.derivative.jvp(op, moved, wide(read(id)), operands, graph.attrs[id])
        if t is not None:
            tangents[id] = t if op.outputs else _shaped(t, graph, id)
    return [tangents.get(i) for i in targets]


def behind(graph: Graph, targets: Iterable[int], first: int) -> list[int]:
    """Return the rows that targets are made of, from a row on: what is not has no values."""
    found: set[int] = set()
    pending = list(targets)
    while pending:
        id = pending.pop()
        if id >= first and id not in found:
            found.add(id)
            pending.extend(graph.inputs[id])
    return sorted(found)


def _shaped(t: Any, graph: Graph, id: int) -> Any:
    """Bring a tangent to its node's shape and dtype: a rule need not undo broadcasting."""
    meta = graph.metas[id]
    if t.shape != meta.shape:
        t = expand(t, size=meta.shape)
    return in_dtype(t, meta.dtype)


def tangent(graph: Graph, outputs: Sequence[int], tangents: Mapping[int, Any]) -> list[Any]:
    """Return the derivatives of outputs along tangents, as nodes of the graph."""
    first = len(graph)
    found = push(graph, dict(tangents), outputs, lambda i: _node(graph, i))
    order = behind(graph, outputs, min(tangents))
    _note(graph, "forward", tangents, outputs, found, order, first)
    return found


def tangent_values(
    graph: Graph, outputs: Sequence[int], tangents: Mapping[int, Array]
) -> list[Array]:
    """Return the derivatives of outputs along tangents, as arrays; zeros where nothing moves."""
    compute(graph, outputs)
    with np.errstate(all="ignore"):
        found = push(graph, dict(tangents), outputs, graph.values.__getitem__)
    return [
        np.zeros(graph.metas[i].shape, graph.metas[i].dtype) if t is None else np.asarray(t)
        for i, t in zip(outputs, found, strict=True)
    ]


def gradient_values(
    graph: Graph, roots: Mapping[int, Array], inputs: Sequence[int]
) -> list[Array | None]:
    """Return the gradients of some roots with respect to some nodes, as arrays."""
    compute(graph, roots)
    order = towards(graph, reachable(graph, roots), inputs)
    with np.errstate(all="ignore"):
        found = pull(graph, dict(roots), order, graph.values.__getitem__)
    return [None if (g := found.get(i)) is None else np.asarray(g) for i in inputs]


# ---- matrices of derivatives ---------------------------------------------------------------


def jacobian(y: Node, x: Node) -> Any:
    """Return dy/dx as a node of shape `(*y.shape, *x.shape)`: a row a backward pass."""
    graph = y.graph
    if not y.requires_grad:
        return _zeros(x, y.shape)
    rows = []
    for position in np.ndindex(y.shape):
        unit = np.zeros(y.shape, y.dtype)
        unit[position] = 1
        row = gradients(graph, {y.id: graph.leaf(unit)}, (x.id,))[0]
        rows.append(zeros_like(x) if row is None else row)
    if not rows:
        return _zeros(x, y.shape)
    return reshape(stack(*rows, dim=0), (*y.shape, *x.shape))


def _zeros(x: Node, shape: tuple[int, ...]) -> Node:
    return x.constant(np.zeros((*shape, *x.shape), x.dtype))
