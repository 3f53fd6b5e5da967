"""Reverse mode over the tape, on numbers and on nodes alike.

Backward visits nodes as PyTorch's engine does: highest sequence number first. On a tape that is
the descending order of ids, since every use of a node has a higher id than the node.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from gradcli.autodiff.saved import free_saved, in_memory, unseen
from gradcli.errors import AutogradFault
from gradcli.execute import compute, is_large
from gradcli.execute.scalars import Puller
from gradcli.graph import OUTPUT, Graph, Node, Step, way_back
from gradcli.ops.formula import in_dtype
from gradcli.ops.shape.aliases import overwritten
from gradcli.ops.shape.shapes import clone, detach, sum_to
from gradcli.rule.costs import FEW, elements
from gradcli.rule.dtypes import Array, is_complex, wide
from gradcli.rule.meta import Meta, shown
from gradcli.rule.rows import primitive
from gradcli.rule.rule import Multilinear, Primitive

UNCHANGED: Mapping[int, Any] = {}
# what backward(create_graph=True) leaves in `.grad`: AccumulateGrad's copy, which no file can call
GRAD_COPY = primitive(
    Multilinear, "_grad_copy(input)", "CopyBackwards", np.copy,
    lambda a: Meta(a.shape, a.dtype), lambda g, *_: g,
)  # fmt: skip


def seed(node: Node, gradient: Any) -> Any:
    """Return the cotangent that backward starts with: a given one, or 1 for a scalar.

    Raises: AutogradFault, in PyTorch's words, where there is no gradient or no single start.
    """
    if not node.requires_grad:
        raise AutogradFault(
            "element 0 of tensors does not require grad and does not have a grad_fn",
            hint="nothing that it is made of requires a gradient: create one of its leaves with "
            "requires_grad=True, or with param(...)",
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


def reachable(graph: Graph, roots: Iterable[int]) -> list[int]:
    """Return the rows to which gradients flow from some roots, highest sequence number first."""
    return way_back(graph, roots, graph.requires_grad, True)


def towards(graph: Graph, order: Sequence[int], targets: Iterable[int]) -> list[int]:
    """Keep the rows of a backward order through which gradients reach some targets."""
    wanted = set(targets)
    for id in reversed(order):
        if id not in wanted and not wanted.isdisjoint(graph.inputs[id]):
            wanted.add(id)
    return [i for i in order if i in wanted]


def pull(
    graph: Graph,
    cotangents: dict[int, Any],
    order: Sequence[int],
    read: Callable[[int], Any],
    passing: Callable[[Any], Any] | None = None,
) -> dict[int, Any]:
    """Carry cotangents back along an order of rows; return the cotangent of every row visited.

    `read` gives a row's value to the rules: its array, and the result are numbers; its node, and
    the result is a graph. `passing` changes each cotangent that goes into a rule.
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
        for i, part in _parts(graph, id, op, g if passing is None else passing(g), read, inside):
            before = cotangents.get(i)
            cotangents[i] = part if before is None else before + part
    return cotangents


def pull_values(
    graph: Graph,
    given: Mapping[int, Array],
    order: Sequence[int],
    wanted: Collection[int],
    read: Callable[[int], Any] | None = None,
) -> dict[int, Array]:
    """Carry cotangents back along an order of rows, as `pull` does, for the values on the tape.

    `read` gives a row's value, that which is in memory where it is not given. Returns the
    cotangents of those wanted rows that are reached. Numbers go as floats.
    """
    read = read or in_memory(graph, order)
    kept = frozenset(wanted)
    cotangents: dict[int, Any] = dict.fromkeys(order)
    cotangents.update((i, g) for i, g in given.items() if i in cotangents)
    floats = None if graph.autograd.uncounted else Puller(graph, cotangents)
    at = 0
    with np.errstate(all="ignore"):
        while True:
            at = at if floats is None else floats.along(order, at)
            if at == len(order):
                break
            _pull_row(graph, order[at], read, cotangents, kept)
            at += 1
    found = {i: cotangents.get(i, given.get(i)) for i in wanted}
    return {i: np.asarray(g) for i, g in found.items() if g is not None}


def _pull_row(
    graph: Graph,
    id: int,
    read: Callable[[int], Any],
    cotangents: dict[int, Any],
    kept: Container[int],
) -> None:
    """Carry the cotangent of one row back with numpy, and let go of it unless it is kept."""
    g, op = cotangents[id], graph.ops[id]
    if g is None or op is None:
        return
    g = np.array(g) if type(g) is float else g
    if op is OUTPUT:
        _collect(graph, cotangents, id, g)
        return
    for i, part in _parts(graph, id, op, g, read, cotangents):
        before = cotangents[i]
        cotangents[i] = part if before is None else before + part
    if id not in kept:
        cotangents[id] = None


def _parts(
    graph: Graph,
    id: int,
    op: Primitive,
    g: Any,
    read: Callable[[int], Any],
    inside: Container[int],
) -> Iterator[tuple[int, Any]]:
    """Give the cotangents of a row's operands that are inside of an order, by their rows."""
    derivative = op.derivative
    assert derivative is not None, "only differentiable rows are reachable"
    inputs = graph.inputs[id]
    operands = tuple(wide(read(i)) if i >= 0 else graph.scalars[~i] for i in inputs)
    g, y, attrs = wide(g), wide(read(id)), graph.attrs[id]
    _afford(graph, id, op, operands)
    for slot, i in enumerate(inputs):
        if i in inside and derivative.body(slot) is not None:
            part = derivative.part(slot, g, y, operands, attrs)
            if part is not None:
                yield i, fit(part, graph, i, derivative.broadcasts)


def _afford(graph: Graph, id: int, op: Primitive, operands: tuple[Any, ...]) -> None:
    """Count what a row's rules take: about twice what the operation itself does.

    Raises: LimitFault where it is more than is allowed.
    """
    meta = graph.metas[id]
    if op.memory is None and op.work is None:
        count = elements(meta)
        for x in operands:
            count += x.size if type(x) is np.ndarray else elements(x)
        if count < FEW:
            return
    memory, work = op.cost(operands, graph.attrs[id], (meta,))
    work = max(work, sum(map(elements, operands)))  # that of a view fills the whole
    graph.afford_work(f"the gradient of {op.label}", 2 * memory, 2 * work)


def _collect(graph: Graph, cotangents: dict[int, Any], id: int, g: Any) -> None:
    """Put the cotangent of one of several results in its place in their tuple."""
    whole = graph.inputs[id][0]
    parts = cotangents.get(whole)
    if parts is None:
        parts = cotangents[whole] = [None] * graph.widths[whole]
    parts[graph.attrs[id]["position"]] = g


def fit(part: Any, graph: Graph, id: int, broadcasts: bool) -> Any:
    """Bring a cotangent to its node's shape and dtype."""
    meta = graph.metas[id]
    if part.shape == meta.shape and part.dtype == meta.dtype:
        return part
    if broadcasts:
        part = sum_to(part, meta.shape)
    assert part.shape == meta.shape, f"a rule gave {part.shape} for an operand of {meta.shape}"
    return in_dtype(part, meta.dtype)


def backward(
    graph: Graph,
    root: int,
    gradient: Any = None,
    *,
    inputs: Collection[int] = (),
    retain_graph: bool = False,
    create_graph: bool = False,
) -> list[int]:
    """Run the backward pass from a root and add to the `.grad` of leaves and retained nodes.

    Returns the rows of these, as they are now.

    `gradient` is the root's cotangent, an array of the root's shape; 1 for a scalar root. With
    `inputs`, only those nodes get a `.grad`. With `create_graph` each is a node, to be
    differentiated again, and `gradient` may be one.

    Raises: AutogradFault where the root has no gradient, is not a scalar and has no cotangent,
    or needs saved tensors that an earlier pass has freed.
    """
    start = seed(Node(graph, root), gradient)
    order = reachable(graph, (root,))
    at_once = is_large(graph) and not create_graph and not any(_is_own(graph, i) for i in order)
    if not at_once:
        compute(graph, (root,))
    if inputs:
        order = towards(graph, order, inputs)
    free_saved(graph, order, retain_graph=retain_graph or create_graph)
    wanted = [
        i
        for i in order
        if (i in inputs if inputs else graph.ops[i] is None or i in graph.autograd.retained)
    ]
    if create_graph:
        with graph.settings("gradient", True):
            node = start if isinstance(start, Node) else graph.leaf(start)
            made = zip(wanted, gradients(graph, {root: node}, wanted), strict=True)
            reached = {i: found for i, found in made if found is not None}
            for id, found in reached.items():
                _accumulate_node(graph, graph.current(id), found)
        return [graph.current(i) for i in reached]
    start = np.asarray(start, graph.metas[root].dtype)
    values = _in_blocks(graph, root, start, order, wanted) if at_once else None
    if values is None:
        compute(graph, (root,))
        values = pull_values(graph, {root: start}, order, wanted)
    for id, value in values.items():
        _accumulate(graph, graph.current(id), np.asarray(value))
    return [graph.current(i) for i in values]


def _is_own(graph: Graph, id: int) -> bool:
    """Say whether a row's derivative is code of the file, which runs on no other tape."""
    op = graph.ops[id]
    return op is not None and op.derivative is not None and op.derivative.own


def _in_blocks(
    graph: Graph, root: int, start: Array, order: Sequence[int], wanted: Sequence[int]
) -> dict[int, Any] | None:
    """Return the cotangents of wanted rows, computed with the root's value in one go if it pays."""
    from gradcli.execute.joined import joined

    def rules(side: Graph) -> dict[int, Any]:
        pulled.update(pull(side, {root: side.leaf(start)}, order, lambda i: traced(side, i)))
        return {i: pulled[i] for i in wanted if i in pulled}

    pulled: dict[int, Any] = {}
    found = joined(graph, root, rules)
    for id in () if found is None else pulled:
        op = graph.ops[id]
        if op is not None and op is not OUTPUT:
            operands = (graph.metas[i] for i in graph.inputs[id] if i >= 0)
            _afford(graph, id, op, tuple(operands))
    return found


def _accumulate(graph: Graph, id: int, found: Array) -> None:
    live = graph.autograd.live.get(id)
    if live is not None:  # as AccumulateGrad does: the tensor that `.grad` is sees the change
        with graph.settings("gradient", False):
            live.accumulate(found)
        return
    before = graph.autograd.grads.get(id)
    graph.autograd.grads[id] = found if before is None else before + found


def _accumulate_node(graph: Graph, id: int, found: Node) -> None:
    """Add a gradient that is a node; the first one is copied, as in PyTorch."""
    before = graph.autograd.live.get(id)
    if before is None and id in graph.autograd.grads:
        before = graph.leaf(graph.autograd.grads[id])
    if before is None:
        graph.autograd.live[id] = GRAD_COPY(found) if graph.ops[id] is None else clone(found)
    else:
        graph.autograd.live[id] = before + found


def gradients(graph: Graph, roots: Mapping[int, Any], inputs: Sequence[int]) -> list[Node | None]:
    """Return the gradients of some roots with respect to some nodes, as nodes of the graph.

    `roots` gives each root's cotangent as a node. None stands for an input that is not used.
    """
    first = len(graph)
    order = towards(graph, reachable(graph, roots), inputs)
    now = unseen(graph, order)
    pulled = pull(graph, dict(roots), order, lambda i: traced(graph, i, now))
    found = [pulled.get(i) for i in inputs]
    note(graph, "reverse", roots, inputs, found, order, first)
    return found


def note(
    graph: Graph,
    mode: Literal["reverse", "forward"],
    given: Mapping[int, Any],
    wanted: Sequence[int],
    found: Sequence[Node | None],
    order: Sequence[int],
    first: int,
    batched: bool = False,
) -> None:
    """Keep what a differentiation was of; a Jacobian's rows share the rows that they go through."""
    rows = tuple(order)
    if graph.autograd.steps and graph.autograd.steps[-1].rows == rows:
        rows = graph.autograd.steps[-1].rows
    made = tuple(None if g is None else g.id for g in found)
    ids = {i: node.id for i, node in given.items()}
    step = Step(mode, ids, tuple(wanted), made, rows, first, batched)
    graph.autograd.steps.append(step)


def traced(graph: Graph, id: int, now: Mapping[int, Any] = UNCHANGED) -> Any:
    """Return a row as rules see it: a node, or the tuple of an operation's several results.

    `now` are values of rows that have others than they were computed with.
    """
    if id in graph.widths:
        return tuple(traced(graph, id + 1 + k, now) for k in range(graph.widths[id]))
    node = Node(graph, id)
    if id not in now:
        return node
    return overwritten(node, graph.leaf(np.asarray(now[id])), detach(node))


def gradient_values(
    graph: Graph, roots: Mapping[int, Array], inputs: Sequence[int]
) -> list[Array | None]:
    """Return the gradients of some roots with respect to some nodes, as arrays."""
    compute(graph, roots)
    order = towards(graph, reachable(graph, roots), inputs)
    found = pull_values(graph, roots, order, inputs)
    return [found.get(i) for i in inputs]
