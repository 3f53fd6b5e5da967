"""`x[...]`: indices to select, slice, unsqueeze and index, as PyTorch takes them."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault, AutogradFault
from gradcli.execute import new_graph
from gradcli.graph import Node
from gradcli.ops.shape.indexing import index, select, slice_
from gradcli.ops.shape.shapes import alias, unsqueeze, view
from gradcli.ops.shape.writes import copy_slices
from gradcli.rule.meta import shown
from gradcli.rule.rule import number
from gradcli.trace.values import described, is_numeric_list, to_array

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

# operations whose result shows the elements of its operand
VIEWS = frozenset({
    "slice", "select", "view", "diagonal", "squeeze", "unsqueeze", "transpose", "t", "permute",
    "expand", "unfold", "alias", "detach", "split", "unbind", "view_as_real", "view_as_complex",
    "reshape_alias",
})  # fmt: skip


def subscript(x: Node, key: Any) -> Node:
    """Return `x[key]`; a key is an integer, a slice, `...`, None, a tensor, a list, or a tuple.

    Raises: ArgumentFault, in PyTorch's words, where an index is out of range or of a wrong kind.
    """
    keys = list(key) if isinstance(key, tuple) else [key]
    keys = [_normal(x, k) for k in keys]
    if not keys or (len(keys) == 1 and keys[0] is Ellipsis):
        return alias(x)  # type: ignore[no-any-return]
    used = sum(_consumed(k) for k in keys)
    if used > len(x.shape):
        if not x.shape:
            raise ArgumentFault(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
                "`tensor.item<T>()` in C++ to convert a 0-dim tensor to a number"
            )
        raise ArgumentFault(
            f"too many indices for tensor of dimension {len(x.shape)}",
            hint=f"{used} indices, but the shape is {shown(x.shape)}",
        )
    return _advanced(*_basic(x, _filled(keys, len(x.shape) - used), only=len(keys) == 1))


def write(x: Node, keys: Sequence[Any], value: Any) -> Node:
    """Return a tensor with `x[k][l]… = value` carried out, for one key or several in a row.

    Raises: ArgumentFault and ShapeFault, in PyTorch's words, where keys or value do not fit.
    """
    scratch = new_graph()
    places = scratch.leaf(np.arange(prod(x.shape)).reshape(x.shape))
    for key in keys:
        parts = [scratch.leaf(k.value) if isinstance(k, Node) else k
                 for k in (key if isinstance(key, tuple) else (key,))]  # fmt: skip
        places = subscript(places, tuple(parts) if isinstance(key, tuple) else parts[0])
    if is_numeric_list(value):
        raise ArgumentFault("can't assign a list to a tensor", hint="write tensor([...])")
    if not number(value) and not isinstance(value, Node):
        raise ArgumentFault(f"can't assign {described(value)} to a tensor")
    return copy_slices(x, _shortened(value, places), places.value)  # type: ignore[no-any-return]


def set_item(tracer: Tracer, x: Node, *keys: Any, value: Any) -> None:
    """Carry out `x[k] = value`: every name of the tensor sees the change."""
    check_writable(tracer, x, of_view=True)
    tracer.assign_in_place(x, write(x, keys, value))


def _shortened(value: Any, places: Node) -> Any:
    """Leave out leading dimensions of size 1 that what is written to does not have."""
    shape = getattr(value, "shape", ())
    extra = len(shape) - len(places.shape)
    if extra <= 0 or any(n != 1 for n in shape[:extra]):
        return value
    return view(value, shape=shape[extra:])


def base(x: Node) -> Node:
    """Return the tensor whose elements a view shows; a tensor that is no view itself."""
    graph, id = x.graph, x.id
    while (op := graph.ops[graph.producer(id)]) is not None and op.label in VIEWS:
        id = graph.inputs[graph.producer(id)][0]
    return Node(graph, id)


def check_writable(tracer: Tracer, x: Node, *, of_view: bool = False) -> None:
    """Check that a tensor, or a view of it, can be changed in place.

    Raises: AutogradFault, in PyTorch's words, for a leaf that requires a gradient; ArgumentFault
    for a view of another tensor that the file can still see, which would have to change too.
    """
    graph, source = tracer.graph, base(x)
    is_view = source.id != x.id
    leaf = source.requires_grad and x.requires_grad and graph.ops[source.id] is None
    if leaf and graph.grad_enabled:
        what = "a view of a leaf Variable" if is_view or of_view else "a leaf Variable"
        raise AutogradFault(
            f"{what} that requires grad is being used in an in-place operation.",
            hint="update parameters inside `with no_grad():`",
        )
    seen = [v for v in tracer.scope.values() if isinstance(v, Node) and v.id != x.id]
    if is_view and any(base(v).id == source.id for v in seen):
        raise ArgumentFault(
            "a view of another tensor cannot be changed in place",
            hint="write into the tensor itself: `x[0][1] = …`, or change a copy: x[0].clone()",
        )


def _normal(x: Node, key: Any) -> Any:
    if isinstance(key, Node) and not key.shape and key.dtype.kind in "iu":
        return int(key.value)
    if is_numeric_list(key) or isinstance(key, range):
        return x.constant(to_array(key))
    if isinstance(key, list) and not key:
        return x.constant(np.zeros(0, np.int64))
    if isinstance(key, Node) and key.dtype.kind not in "biu":
        raise ArgumentFault("tensors used as indices must be long, int, byte or bool tensors")
    if key is None or key is Ellipsis or isinstance(key, int | slice | Node):
        return key
    raise ArgumentFault(
        f"a tensor cannot be indexed with {described(key)}",
        hint="indices are integers, slices, `...`, None, and integer or boolean tensors",
    )


def _consumed(key: Any) -> int:
    """Return how many dimensions an index takes."""
    if key is None or key is Ellipsis or isinstance(key, bool):
        return 0
    return len(key.shape) if isinstance(key, Node) and key.dtype.kind == "b" else 1


def _filled(keys: list[Any], free: int) -> list[Any]:
    """Replace `...` by as many full slices as it stands for."""
    if sum(k is Ellipsis for k in keys) > 1:
        raise ArgumentFault("an index can only have a single ellipsis ('...')")
    filled: list[Any] = []
    for key in keys:
        filled.extend([slice(None)] * free if key is Ellipsis else [key])
    return filled


def _basic(x: Node, keys: list[Any], only: bool) -> tuple[Node, list[Any]]:
    """Apply integers, slices and None one by one; return what is left and the tensor indices."""
    dim = 0
    left: list[Any] = []
    for key in keys:
        if key is None:
            x = unsqueeze(x, dim=dim)
        elif isinstance(key, bool):
            x = unsqueeze(x, dim=dim)
            left.extend([None] * (dim - len(left)))
            left.append(x.constant(np.zeros(int(key), np.int64)))
        elif isinstance(key, int):
            x = select(x, dim=dim, index=key)
            continue
        elif isinstance(key, slice):
            if only or any(part is not None for part in (key.start, key.stop, key.step)):
                x = _sliced(x, dim, key)
        else:
            left.extend([None] * (dim - len(left)))
            left.append(key)
            dim += max(_consumed(key), 1) - 1
        dim += 1
    return x, left


def _sliced(x: Node, dim: int, key: slice) -> Node:
    parts = []
    for part in (key.start, key.stop, key.step):
        if part is not None and not hasattr(part, "__index__"):
            raise ArgumentFault(f"slice indices must be integers, not {described(part)}")
        parts.append(None if part is None else part.__index__())
    return slice_(  # type: ignore[no-any-return]
        x, dim=dim, start=parts[0], end=parts[1], step=1 if parts[2] is None else parts[2]
    )


def _advanced(x: Node, indices: list[Any]) -> Node:
    if not indices:
        return x
    return index(x, *indices)  # type: ignore[no-any-return]
