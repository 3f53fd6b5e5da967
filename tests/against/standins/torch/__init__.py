"""As much of PyTorch as the tests of `check --against torch` ask for, made of NumPy.

A tape of functions with PyTorch's names, each with its derivatives written by hand: enough for
tensors, their gradients and their `grad_fn` to come from somewhere else than from gradcli.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

Derivatives = tuple[Callable[..., Any], ...]


class dtype:  # noqa: N801 - PyTorch's name
    """A type of elements, which says its name as PyTorch's do."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"


float64, float32, int64 = (dtype(name) for name in ("float64", "float32", "int64"))
bool = dtype("bool")
_DTYPES = {d.name: d for d in (float64, float32, int64, bool)}
_state: dict[str, Any] = {"default": float32, "recording": True}


def get_default_dtype() -> dtype:
    found: dtype = _state["default"]
    return found


def set_default_dtype(d: dtype) -> None:
    _state["default"] = d


def set_grad_enabled(mode: Any) -> None:
    _state["recording"] = mode


def _recording(on: Any) -> Any:
    @contextmanager
    def mode() -> Iterator[None]:
        before, _state["recording"] = _state["recording"], on
        try:
            yield
        finally:
            _state["recording"] = before

    return mode


no_grad, enable_grad = _recording(False), _recording(True)


class Function:
    """What made a tensor: its operands, and its derivative by each of them."""

    def __init__(self, operands: Sequence[Any], derivatives: Derivatives) -> None:
        self.operands, self.derivatives = operands, derivatives
        self.freed = False


class Tensor:
    """An array, what made it, and the gradient that has come to it."""

    def __init__(self, array: Any, requires_grad: Any = False, grad_fn: Any = None) -> None:
        self.array = np.asarray(array)
        self.requires_grad, self.grad_fn = requires_grad, grad_fn
        self.grad: Tensor | None = None

    # what is asked of a tensor
    shape = property(lambda self: self.array.shape)
    dtype = property(lambda self: _DTYPES[self.array.dtype.name])
    is_leaf = property(lambda self: self.grad_fn is None)

    def is_floating_point(self) -> Any:
        return self.array.dtype.kind == "f"

    def numpy(self) -> Any:
        return self.array

    def float(self) -> Tensor:
        return Tensor(self.array.astype(np.float32))

    def to(self, d: Any) -> Tensor:
        return Tensor(self.array.astype(d.name))

    def requires_grad_(self, on: Any = True) -> Tensor:
        self.requires_grad = on
        return self

    def detach(self) -> Tensor:
        return Tensor(self.array)

    def resolve_conj(self) -> Tensor:
        return self

    resolve_neg = resolve_conj

    def zero_(self) -> Tensor:
        self.array = np.zeros_like(self.array)
        return self

    def __isub__(self, other: Any) -> Tensor:
        if self.requires_grad and _state["recording"]:
            raise RuntimeError("a leaf Variable that requires grad is being used in-place")
        self.array = self.array - other.array
        return self

    def backward(self, retain_graph: Any = False) -> None:
        for x, g in _gradients(self, retain_graph):
            if x.is_leaf and x.requires_grad:
                x.grad = Tensor(g if x.grad is None else x.grad.array + g)

    # what is computed with tensors
    def __mul__(self, other: Any) -> Tensor:
        return _made("MulBackward0", np.multiply, (self, other),
                     (lambda g, y, a, b: g * b, lambda g, y, a, b: g * a))  # fmt: skip

    __rmul__ = __mul__

    def __add__(self, other: Any) -> Tensor:
        return _made("AddBackward0", np.add, (self, other),
                     (lambda g, y, a, b: g, lambda g, y, a, b: g))  # fmt: skip

    def __matmul__(self, other: Tensor) -> Tensor:
        return _made("MmBackward0", np.matmul, (self, other),
                     (lambda g, y, a, b: g @ b.T, lambda g, y, a, b: a.T @ g))  # fmt: skip

    def __pow__(self, k: Any) -> Tensor:
        return _made(
            "PowBackward0", lambda a: a**k, (self,), (lambda g, y, a: g * k * a ** (k - 1),)
        )

    def __getitem__(self, i: int) -> Tensor:
        return _made("SelectBackward0", lambda a: a[i], (self,),
                     (lambda g, y, a: np.where(np.arange(len(a)) == i, g, 0),))  # fmt: skip

    def sum(self) -> Tensor:
        return sum(self)

    def reshape(self, *shape: Any) -> Tensor:
        return _made("ViewBackward0", lambda a: a.reshape(*shape), (self,),
                     (lambda g, y, a: g.reshape(a.shape),))  # fmt: skip


def _made(name: str, forward: Any, operands: Sequence[Any], derivatives: Derivatives) -> Tensor:
    """Return a function's result: its values, and a node of its name where a gradient flows."""
    arrays = [x.array if isinstance(x, Tensor) else x for x in operands]
    found = Tensor(forward(*arrays))
    if _state["recording"] and any(isinstance(x, Tensor) and x.requires_grad for x in operands):
        found.requires_grad = True
        found.grad_fn = type(name, (Function,), {})(operands, derivatives)
    return found


def _gradients(root: Tensor, keep: Any = False) -> list[tuple[Tensor, Any]]:
    """Return the tensors below a root with their gradients, what is nearer to the root first."""
    order: list[Tensor] = []

    def visit(x: Any) -> None:
        if isinstance(x, Tensor) and all(x is not seen for seen in order):
            for operand in x.grad_fn.operands if x.grad_fn is not None else ():
                visit(operand)
            order.append(x)

    visit(root)
    found = {id(root): np.ones_like(root.array)}
    for x in reversed(order):
        function = x.grad_fn
        if function is None or id(x) not in found:
            continue
        if function.freed:
            raise RuntimeError("Trying to backward through the graph a second time. Keep it")
        arrays = [a.array if isinstance(a, Tensor) else a for a in function.operands]
        for a, derivative in zip(function.operands, function.derivatives, strict=True):
            if isinstance(a, Tensor) and a.requires_grad:
                g = _fitted(derivative(found[id(x)], x.array, *arrays), a.array.shape)
                found[id(a)] = found.get(id(a), 0) + g
        function.freed = not keep
    return [(x, found[id(x)]) for x in reversed(order) if id(x) in found]


def _fitted(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum a gradient over the dimensions that its operand was broadcast to."""
    g = np.broadcast_to(g, np.broadcast_shapes(np.shape(g), shape))
    g = g.sum(tuple(range(g.ndim - len(shape))))
    return g.sum(tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True).reshape(shape)


# ---- functions -----------------------------------------------------------------------------


def tensor(x: Any, dtype: dtype | None = None, requires_grad: Any = False) -> Tensor:
    array = np.asarray(x)
    given = isinstance(x, np.ndarray | np.generic)
    if dtype is not None or (array.dtype.kind == "f" and not given):
        array = array.astype((dtype or get_default_dtype()).name)
    return Tensor(np.array(array), requires_grad)


def ones(*size: int, requires_grad: Any = False) -> Tensor:
    return Tensor(np.ones(size, get_default_dtype().name), requires_grad)


def sum(a: Tensor) -> Tensor:
    return _made("SumBackward0", np.sum, (a,), (lambda g, y, a: g + np.zeros_like(a),))


def mean(a: Tensor) -> Tensor:
    return _made("MeanBackward0", np.mean, (a,), (lambda g, y, a: g / a.size + np.zeros_like(a),))


def _elementwise(name: str, forward: Any, slope: Callable[[Any, Any], Any]) -> Any:
    def applied(a: Tensor) -> Tensor:
        return _made(name, forward, (a,), (lambda g, y, a: g * slope(y, a),))

    return applied


exp = _elementwise("ExpBackward0", np.exp, lambda y, a: y)
log = _elementwise("LogBackward0", np.log, lambda y, a: 1 / a)
tanh = _elementwise("TanhBackward0", np.tanh, lambda y, a: 1 - y * y)
abs = _elementwise("AbsBackward0", np.abs, lambda y, a: np.sign(a))
round = _elementwise("RoundBackward0", np.round, lambda y, a: 0.0)


def max(a: Tensor) -> Tensor:
    return _made("MaxBackward1", np.max, (a,), (lambda g, y, a: g * (a == y) / np.sum(a == y),))


def min(a: Tensor) -> Tensor:
    return _made("MinBackward1", np.min, (a,), (lambda g, y, a: g * (a == y) / np.sum(a == y),))


def pow(a: Tensor, k: Any) -> Tensor:
    return a.__pow__(k)


def stack(tensors: Sequence[Tensor]) -> Tensor:
    return Tensor(np.stack([x.array for x in tensors]))


def rand(*size: int) -> Tensor:
    raise AssertionError("a file draws gradcli's numbers")


manual_seed = rand


from . import autograd, fft, linalg, nn, special  # noqa: E402 - they are made of the above

__all__ = ["autograd", "fft", "linalg", "nn", "special"]
