"""`x[...]`: indices to select, slice, unsqueeze and index, as PyTorch takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault
from gradcli.execute import new_graph
from gradcli.graph import Node
from gradcli.ops.shape.aliases import Steps
from gradcli.ops.shape.indexing import index, select, slice_
from gradcli.ops.shape.layout import flip
from gradcli.ops.shape.shapes import alias, unsqueeze, view
from gradcli.ops.shape.views import copy_in_place, fill_tensor_in_place
from gradcli.rule.dtypes import SCALAR_NAMES, is_half
from gradcli.rule.meta import Shape, shown
from gradcli.rule.rule import number
from gradcli.trace.creation import cast
from gradcli.trace.libraries import NUMPY, library_of
from gradcli.trace.numpy_forms import array_of
from gradcli.trace.overlap import check_apart
from gradcli.trace.storage import Tensor
from gradcli.trace.values import described, is_numeric_list, to_array

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer


def subscript(x: Node, key: Any) -> Node:
    """Return `x[key]`; a key is an integer, a slice, `...`, None, a tensor, a list, or a tuple.

    Raises: ArgumentFault, in PyTorch's words, where an index is out of range or of a wrong kind.
    """
    keys = list(key) if isinstance(key, tuple) else [key]
    return _advanced(*_selected(x, keys, whole=False))


def goes_back(key: Any) -> bool:
    """Say whether an index has a slice with a negative step, as `x[::-1]` has."""
    return any(
        isinstance(k, slice) and isinstance(k.step, int) and k.step < 0
        for k in (key if isinstance(key, tuple) else (key,))
    )


def turned_round(x: Node, key: Any) -> tuple[Node, tuple[Any, ...]]:
    """Return an array turned round where an index of NumPy's goes back, and what is to take of it.

    Raises: ArgumentFault, as `subscript` does.
    """
    keys = [_normal(x, k) for k in (key if isinstance(key, tuple) else (key,))]
    free = max(len(x.shape) - sum(_consumed(k) for k in keys), 0)
    dim, back = 0, []
    keys = _filled(keys, free)
    for at, k in enumerate(keys):
        if goes_back(k) and dim < len(x.shape):
            places = range(*k.indices(x.shape[dim]))
            first = x.shape[dim] - 1 - places[0] if places else 0
            keys[at] = slice(first, first + len(places) * -k.step, -k.step)
            back.append(dim)
        dim += _consumed(k)
    return flip(x, dims=tuple(back)), tuple(keys)


def _selected(x: Node, keys: list[Any], *, whole: bool) -> tuple[Any, list[Any]]:
    """Return the view that integers, slices and None select, and the tensors that index it then.

    With `whole`, what selects all of a tensor leaves it as it is, and no view is made.
    """
    keys = [_normal(x, k) for k in keys]
    if not keys or (len(keys) == 1 and keys[0] is Ellipsis):
        return x if whole else alias(x), []
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
    return _basic(x, _filled(keys, len(x.shape) - used), only=len(keys) == 1 and not whole)


def set_item(tracer: Tracer, x: Tensor, key: Any, value: Any) -> None:
    """Carry out `x[key] = value`: every tensor of the same memory sees the change.

    Raises: ArgumentFault, ShapeFault and AutogradFault, in PyTorch's words, where it cannot be.
    """
    if isinstance(value, list | tuple) and library_of(tracer, x) is NUMPY:
        value = array_of(tracer, value)
    if is_numeric_list(value):
        raise ArgumentFault("can't assign a list to a tensor", hint="write tensor([...])")
    if not number(value) and not isinstance(value, Node):
        raise ArgumentFault(f"can't assign {described(value)} to a tensor")
    steps, indices = _place(x, key)
    target = x.view(steps) if steps else x
    target.check_writable(isinstance(value, Node) and value.requires_grad)
    if not indices:
        if steps and isinstance(value, Tensor) and value.is_same(target):
            target.touch()
            return
        check_apart(target, value, copied=True)
    if indices:
        from gradcli.ops.shape.writes import index_put_

        put = index_put_(target, _of_dtype(value, x), *indices, accumulate=False)
        target.write(target.fitting(put), fresh=True)
        return
    source = _shortened(value, target.meta.shape)
    if number(source) and not is_half(x.dtype):  # in a half type it is written as inf
        cast(source, x.dtype)  # a dtype that does not hold it refuses it
    if target.steps:
        target.write(source)
    elif isinstance(source, Node) and (source.shape or not x.shape):
        target.write(copy_in_place(x, source))
    else:
        filled = source if isinstance(source, Node) else x.constant(cast(source, x.dtype))
        target.write(fill_tensor_in_place(x, filled))


def _place(x: Tensor, key: Any) -> tuple[Steps, list[Any]]:
    """Return the steps to the view that a key selects, and the tensors that index it then."""
    scratch = new_graph(handle=Tensor)
    shadow: Any = scratch.leaf(np.broadcast_to(np.zeros((), x.dtype), x.shape))
    parts = [scratch.leaf(k.value) if isinstance(k, Node) else k
             for k in (key if isinstance(key, tuple) else (key,))]  # fmt: skip
    view, indices = _selected(shadow, parts, whole=True)
    return view.steps, [None if i is None else x.constant(i.value) for i in indices]


def _of_dtype(value: Any, x: Node) -> Any:
    """Return what is put at indices: a tensor has the dtype of what it is put into."""
    if number(value):
        return x.constant(cast(value, x.dtype))
    if value.dtype != x.dtype:
        raise DtypeFault(
            "Index put requires the source and destination dtypes match, got "
            f"{SCALAR_NAMES[x.dtype.name]} for the destination and "
            f"{SCALAR_NAMES[value.dtype.name]} for the source."
        )
    return value


def _shortened(value: Any, target: Shape) -> Any:
    """Leave out leading dimensions of size 1 that what is written to does not have."""
    shape = getattr(value, "shape", ())
    extra = len(shape) - len(target)
    if extra <= 0 or any(n != 1 for n in shape[:extra]):
        return value
    return view(value, shape=shape[extra:])


def _normal(x: Node, key: Any) -> Any:
    if isinstance(key, Node) and not key.shape and key.dtype.kind in "iu":
        key.graph.notes.numbers.append(key.id)
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
        index = part.is_index if isinstance(part, Node) else hasattr(part, "__index__")
        if part is not None and not index:
            raise ArgumentFault(f"slice indices must be integers, not {described(part)}")
        parts.append(None if part is None else part.__index__())
    return slice_(  # type: ignore[no-any-return]
        x, dim=dim, start=parts[0], end=parts[1], step=1 if parts[2] is None else parts[2]
    )


def _advanced(x: Node, indices: list[Any]) -> Node:
    if not indices:
        return x
    return index(x, *indices)  # type: ignore[no-any-return]
