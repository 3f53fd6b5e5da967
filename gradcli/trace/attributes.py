"""What stands after a dot: attributes and methods of tensors."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import prod
from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault, AutogradFault, NameFault
from gradcli.graph import Node
from gradcli.ops import FUNCTIONS as ROWS
from gradcli.ops.shape.aliases import strided
from gradcli.ops.shape.shapes import adjoint, detach, permute, transpose
from gradcli.rule.dtypes import DTYPES, SCALAR_NAMES, is_differentiable, is_floating
from gradcli.rule.meta import dim_index
from gradcli.rule.signature import Signature
from gradcli.rule.spelling import nearest
from gradcli.trace import draws, in_place
from gradcli.trace.calls import row_function
from gradcli.trace.conversions import is_nonzero, item
from gradcli.trace.creation import CREATION
from gradcli.trace.dropout import bernoulli
from gradcli.trace.elsewhere import of_method
from gradcli.trace.indexing import set_item
from gradcli.trace.libraries import NUMPY, claim, has_arrays, library_of, named_dtype
from gradcli.trace.numpy_forms import FORMS, PRESET, numpy_function
from gradcli.trace.skipped import Device
from gradcli.trace.storage import Tensor
from gradcli.trace.values import Function, GradFn, Size

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Args = tuple[Any, ...]
Keywords = dict[str, Any]
Method = Callable[..., Any]  # method(tracer, tensor, args, keywords)

NON_LEAF_GRAD = (
    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad "
    "attribute won't be populated during autograd.backward(). If you indeed want the .grad field "
    "to be populated for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor. If you "
    "access the non-leaf Tensor by mistake, make sure you access the leaf Tensor instead. See "
    "github.com/pytorch/pytorch/pull/30531 for more information."
)


# ---- attributes ----------------------------------------------------------------------------


def _grad(tracer: Tracer, x: Tensor) -> Any:
    graph, readable = x.graph, x.is_readable
    id = x.id if readable else x.row
    if not readable or (not graph.is_leaf(id) and id not in graph.autograd.retained):
        tracer.notice(NON_LEAF_GRAD)
        return None
    grad = graph.autograd.live.get(id)
    if grad is None:
        found = graph.autograd.grads.get(id)
        if found is None:
            return None
        with graph.settings("gradient", False):
            grad = graph.autograd.live[id] = graph.leaf(found)
    tracer.grad_owners[grad.id] = id
    return grad


def _grad_fn(tracer: Tracer, x: Node) -> Any:
    name = x.graph.grad_fn(x.id)
    return None if name is None else GradFn(name, x)


def _transposed(tracer: Tracer, x: Node) -> Node:
    rank = len(x.shape)
    if rank not in (0, 2):
        if rank > 2:
            tracer.notice(
                "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is "
                "deprecated and it will throw an error in a future release. Consider `x.mT` to "
                "transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` "
                "to reverse the dimensions of a tensor."
            )
    elif rank == 0:
        tracer.notice(
            "Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases."
        )
    return permute(x, dims=tuple(range(rank))[::-1])  # type: ignore[no-any-return]


def _matrix_transposed(name: str) -> Callable[[Tracer, Node], Any]:
    def attribute(tracer: Tracer, x: Node) -> Any:
        if len(x.shape) < 2:
            raise ArgumentFault(
                f"tensor.{name} is only supported on matrices or batches of matrices. "
                f"Got {len(x.shape)}-D tensor."
            )
        return adjoint(x) if name == "mH" else transpose(x, dim0=-2, dim1=-1)

    return attribute


ATTRIBUTES: dict[str, Callable[[Tracer, Tensor], Any]] = {
    "grad": _grad,
    "grad_fn": _grad_fn,
    "T": _transposed,
    "mT": _matrix_transposed("mT"),
    "mH": _matrix_transposed("mH"),
    "H": _matrix_transposed("mH"),
    "real": lambda tracer, x: ROWS["real"].call((x,), {}),
    "imag": lambda tracer, x: ROWS["imag"].call((x,), {}),
    "shape": lambda tracer, x: Size(x.shape),
    "ndim": lambda tracer, x: len(x.shape),
    "dtype": lambda tracer, x: x.dtype,
    "is_leaf": lambda tracer, x: x.graph.is_leaf(x.id),
    "requires_grad": lambda tracer, x: x.requires_grad,
    "retains_grad": lambda tracer, x: x.id in x.graph.autograd.retained,
    "data": lambda tracer, x: detach(x).uncount(),
    "itemsize": lambda tracer, x: x.dtype.itemsize,
    "nbytes": lambda tracer, x: x.dtype.itemsize * prod(x.shape),
    "device": lambda tracer, x: "cpu" if has_arrays(library_of(tracer, x)) else Device(),
    **dict.fromkeys(("is_cuda", "is_mps", "is_xpu"), lambda tracer, x: False),
}

# ---- methods -------------------------------------------------------------------------------


def _retain_grad(tracer: Tracer, x: Node) -> None:
    if not x.requires_grad:
        raise AutogradFault("can't retain_grad on Tensor that has requires_grad=False")
    if not x.graph.is_leaf(x.id):
        x.graph.autograd.retained.add(x.id)


def _requires_grad(tracer: Tracer, x: Tensor, requires_grad: bool) -> Tensor:
    return set_requires_grad(tracer, x, requires_grad, "floating point dtype")


def set_requires_grad(tracer: Tracer, x: Tensor, requires_grad: bool, allowed: str) -> Tensor:
    """Change whether a leaf requires a gradient.

    Raises: AutogradFault, in PyTorch's words, for what is no leaf or has no such dtype.
    """
    graph = x.graph
    if not graph.is_leaf(x.id):
        if requires_grad:
            return x
        raise AutogradFault(
            "you can only change requires_grad flags of leaf variables. If you want to use a "
            "computed variable in a subgraph that doesn't require differentiation use "
            "var_no_grad = var.detach()."
        )
    if requires_grad and not is_differentiable(x.dtype):
        raise AutogradFault(
            f"only Tensors of {allowed} can require gradients",
            hint="write the data as floats: `1.0` for `1`",
        )
    tracer.set_requires_grad(x, requires_grad)
    return x


def _size(tracer: Tracer, x: Node, dim: int | None) -> Any:
    return Size(x.shape) if dim is None else x.shape[dim_index(dim, len(x.shape))]


def _numpy(tracer: Tracer, x: Tensor) -> Any:
    if x.requires_grad:
        raise AutogradFault(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )
    array = detach(x).uncount()  # autograd does not see what is written to an array
    shared = x.storage, array.storage
    before = library_of(tracer, x)
    claim(tracer, array, NUMPY)
    for storage, library in zip(shared, (before, NUMPY), strict=True):
        if storage is not None:
            storage.library = library
    return array


def _tolist(tracer: Tracer, x: Node) -> Any:
    return x.value.tolist()


def _new(name: str) -> Method:
    """`x.new_zeros(2, 3)`: a tensor made as by the function, in this one's dtype."""

    def method(tracer: Tracer, x: Node, args: Args, keywords: Keywords) -> Any:
        return CREATION[name](tracer, args, {"dtype": x.dtype} | keywords)

    return method


def _converted(dtype: str) -> Callable[[Tracer, Node], Any]:
    return lambda tracer, x: ROWS["to"].call((x, DTYPES[dtype]), {})


_TO = (
    "device: any = None, dtype: any = None, non_blocking: any = False, copy: any = False, "
    "other: any = None"
)


def _to(
    tracer: Tracer, x: Node, device: Any, dtype: Any, non_blocking: Any, copy: Any, other: Any
) -> Any:
    """`x.to(dtype)`, `x.to(other)`, `x.to(device, dtype)`: there is one device, the CPU."""
    given = dtype if isinstance(device, str | Device | None) else device
    given = other.dtype if isinstance(other, Node) else given
    if given is None or isinstance(given, bool):
        return x
    return ROWS["to"].call((x, given.dtype if isinstance(given, Node) else given), {})


def _type(tracer: Tracer, x: Node, dtype: Any, non_blocking: Any) -> Any:
    """`x.type(dtype)`; without one the name that tensors of its dtype have had."""
    if dtype is None:
        return f"torch.{SCALAR_NAMES[x.dtype.name]}Tensor"
    return _to(tracer, x, None, dtype, non_blocking, False, None)


def _astype(tracer: Tracer, x: Node, dtype: Any, copy: bool) -> Any:
    return ROWS["to"].call((x, dtype), {})


def _backward(
    tracer: Tracer, x: Node, gradient: Any, retain_graph: Any, create_graph: bool, inputs: Any
) -> None:
    tracer.backward(x, gradient, retain_graph, create_graph, inputs)


def _fill_diagonal(tracer: Tracer, x: Tensor, fill_value: Any, wrap: bool) -> Tensor:
    if len(x.shape) < 2:
        raise ArgumentFault("dimensions must larger than 1")
    if len(x.shape) > 2 or (wrap and x.shape[0] > x.shape[1]):
        raise ArgumentFault("fill_diagonal_() takes a matrix here, and does not wrap it")
    diagonal = ROWS["diagonal"].call((x,), {})
    diagonal.check_writable(isinstance(fill_value, Node) and fill_value.requires_grad)
    diagonal.write(fill_value)
    return x


def _as_strided(
    tracer: Tracer, x: Tensor, size: Any, stride: Any, storage_offset: int | None
) -> Any:
    """Return a view of the memory that a tensor lies in, wherever it begins there."""
    if x.steps:
        raise ArgumentFault(
            "as_strided() of a view is taken of all the memory that it lies in",
            hint="take it of the tensor that this is a view of",
        )
    return strided(x, size, stride, storage_offset or 0)


def _bound(text: str, run: Callable[..., Any]) -> Method:
    """Return a method whose arguments its signature binds, after the run and the tensor."""
    signature = Signature(text)

    @cache
    def alone() -> Keywords:
        return signature.bind((), {})

    def method(tracer: Tracer, x: Any, args: Args, keywords: Keywords) -> Any:
        bound = signature.bind(args, keywords) if args or keywords else alone()
        return run(tracer, x, **bound)

    return method


_BOUND: dict[str, Callable[..., Any]] = {
    "backward(gradient: any = None, retain_graph: bool = None, create_graph: bool = False, "
    "inputs: any = None)": _backward,
    "retain_grad()": _retain_grad,
    "requires_grad_(requires_grad: bool = True)": _requires_grad,
    "item()": lambda tracer, x: item(tracer, x),
    "tolist()": _tolist,
    "numpy()": _numpy,
    **{f"{name}()": lambda tracer, x: x for name in ("cpu", "pin_memory", "share_memory_",
                                                    "block_until_ready")},
    "get_device()": lambda tracer, x: -1,
    "cuda(device: any = None, non_blocking: any = False)": lambda tracer, x, **_: x,
    "size(dim: int = None)": _size,
    "dim()": lambda tracer, x: len(x.shape),
    "ndimension()": lambda tracer, x: len(x.shape),
    "element_size()": lambda tracer, x: x.dtype.itemsize,
    "is_nonzero()": is_nonzero,
    "bernoulli(p: real = None, generator: any = None)": bernoulli,
    "numel()": lambda tracer, x: prod(x.shape),
    "nelement()": lambda tracer, x: prod(x.shape),
    "is_floating_point()": lambda tracer, x: is_floating(x.dtype),
    "is_complex()": lambda tracer, x: x.dtype.kind == "c",
    f"to({_TO})": _to,
    "type(dtype: any = None, non_blocking: any = False)": _type,
    "astype(dtype: dtype, copy: bool = True)": _astype,
    "copy()": lambda tracer, x: ROWS["clone"].call((x,), {}),
    "polygamma(n: int)": lambda tracer, x, n: ROWS["polygamma"].call((n, x), {}),
    "where(condition, other)":
        lambda tracer, x, condition, other: ROWS["where"].call((condition, x, other), {}),
    "__setitem__(key: any, value: any)": set_item,
    "detach_()": in_place.detach_,
    "fill_diagonal_(fill_value: operand, wrap: bool = False)": _fill_diagonal,
    "as_strided(size: ints, stride: ints, storage_offset: int = None)": _as_strided,
    **{
        f"{name}()": _converted(dtype)
        for name, dtype in {
            "half": "float16", "bfloat16": "bfloat16", "float": "float32", "double": "float64",
            "int": "int32", "long": "int64", "short": "int16", "bool": "bool",
            "cfloat": "complex64", "cdouble": "complex128",
        }.items()
    },
}  # fmt: skip

METHODS: dict[str, Method] = {
    **{text[: text.index("(")]: _bound(text, run) for text, run in _BOUND.items()},
    **draws.METHODS,
    **{f"new_{name}": _new(name) for name in ("zeros", "ones", "full", "empty", "tensor")},
}


def _row(name: str) -> Function:
    return row_function(ROWS[name], name)


ARRAYS = {"numpy", "jax", "autograd"}  # libraries whose tensors are arrays, or like them

# what NumPy has under a name that is something else in PyTorch
ARRAY_ATTRIBUTES: dict[str, Callable[[Tracer, Node], Any]] = {
    "size": lambda tracer, x: prod(x.shape),
    "shape": lambda tracer, x: x.shape,
    "dtype": lambda tracer, x: named_dtype(tracer, x.dtype, library_of(tracer, x), "dtype"),
    "imag": lambda tracer, x: FORMS["imag"][1](x),
    "transpose": lambda tracer, x: Function("transpose", lambda tr, axes, keywords: ROWS[
        "np.transpose"].call((x, axes) if len(axes) > 1 else (x, *axes), keywords)),
}  # fmt: skip
IN_PLACE = {"sort", "fill", "put", "partition", "resize"}  # methods that change NumPy's arrays


def _changed(tracer: Tracer, x: Tensor, name: str, args: Any, keywords: Any) -> None:
    """Carry out a method that changes an array in place, and returns None.

    Raises: ArgumentFault for one that is not here.
    """
    if "jax" in tracer.libraries:
        raise ArgumentFault(f"`{name}` changes an array of NumPy, and none of JAX's")
    if name not in ("sort", "fill"):
        raise ArgumentFault(f"an array's `{name}` is not here", hint="write x[indices] = values")
    function = numpy_function(name)
    assert function is not None, "both are in the table"
    in_place.change(tracer, x, lambda: function.run(tracer, (x, *args), keywords))


def attribute(tracer: Tracer, name: str, arrays: bool) -> Callable[[Tracer, Tensor], Any]:
    """Return what gives an attribute of tensors, or of arrays, or a method of one as a function.

    Raises: NameFault where they have neither.
    """
    if name in ARRAY_ATTRIBUTES and arrays:
        return ARRAY_ATTRIBUTES[name]
    if name in ATTRIBUTES:
        return ATTRIBUTES[name]
    method = _method(tracer, name, arrays)
    return lambda tracer, x: Function(
        name, lambda tr, args, keywords: method(tr, x, args, keywords)
    )


def _method(tracer: Tracer, name: str, arrays: bool) -> Method:
    if name in IN_PLACE and arrays and tracer.libraries & ARRAYS != {"jax"}:
        return lambda tr, x, args, keywords: _changed(tr, x, name, args, keywords)
    function: Function | None = None
    if (name in FORMS or name in PRESET) and arrays:
        function = numpy_function(name)
    elif name in METHODS:
        return METHODS[name]
    elif name.endswith("_"):
        function = in_place.named(name, _row)
    if function is None and name in ROWS:
        function = row_function(ROWS[name], name, lenient=arrays)
    if function is not None:
        run = function.run
        return lambda tr, x, args, keywords: run(tr, (x, *args), keywords)
    near = nearest(name, [*ATTRIBUTES, *METHODS, *ROWS])
    guess = f"did you mean `{near[0]}`?" if near else None
    raise NameFault(
        f"a tensor has no attribute or method `{name}`",
        hint=of_method(name) or guess,
    )
