"""What a file's names are when PyTorch runs it: PyTorch's functions, and no module of Python.

A module is stood in for by an object that has what the language knows of it. Modules themselves
hold on to the whole of Python: `torch.hub`, `torch.os`, `numpy.load`.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from functools import partial
from string import Formatter
from types import ModuleType
from typing import Any

import numpy as np

from gradcli.against.admitted import (
    BIND,
    CONTEXTS,
    GIVEN,
    METHOD,
    MODULES,
    NUMBERS,
    REFUSED,
    TENSOR,
    is_of_the_table,
)
from gradcli.against.torch_draws import drawing
from gradcli.against.torch_lists import numbers_type
from gradcli.against.torch_numpy import TRANSFORMS, member_of, method_of
from gradcli.session import Session
from gradcli.trace.builtins import CONSTANTS, names
from gradcli.trace.draws import METHODS as DRAWS

Names = dict[str, Any]

# what Python's own functions do with numbers, texts and lists, and with nothing behind them: none
# that reads attributes
PLAIN = (
    "abs", "all", "any", "ascii", "bin", "bool", "callable", "chr", "complex", "dict", "divmod",
    "enumerate", "filter", "float", "frozenset", "hex", "int", "isinstance", "iter", "len", "list",
    "map", "max", "min", "next", "oct", "ord", "pow", "print", "range", "repr", "reversed", "round",
    "set", "slice", "sorted", "str", "sum", "tuple", "zip",
)  # fmt: skip
TYPES = ("Tensor", "Size", "dtype", "ndarray")  # PyTorch's own have more than the language's
OF_TENSORS = ("sum", "max", "min", "abs", "pow", "round")
# a function of the same name in torch is the kernel, which takes all its arguments
BARE = ("torch.nn.functional", "torch", "torch.special", "torch.linalg", "torch.fft")
SHORT = {"np": "numpy", "nn": "torch.nn", "F": "torch.nn.functional", "linalg": "torch.linalg",
         "fft": "torch.fft", "special": "torch.special", "func": "torch.func",
         "autograd": "torch.autograd", "torch": "torch"}  # fmt: skip


def names_for(session: Session, torch: Any) -> Names:
    """Return the names that a file finds before its first line runs."""
    arrays = _is_of_arrays(session)
    seed, mersenne = session.tracer.options.seed, "torch" in session.tracer.libraries
    own = drawing(torch, seed, arrays=arrays, mersenne=mersenne)
    if arrays:
        own["arrays"] = {}
    scope = _python() | {
        "load": lambda name: _loaded(session, name, torch),
        BIND: lambda path, name=None: _bound(torch, own, path, name),
        TENSOR: lambda value: _tensor(value, torch),
        METHOD: lambda x, name: _method(torch, own, x, name),
        GIVEN: _given(session, torch),
        NUMBERS: numbers_type(torch),
    }
    if "torch" in session.tracer.libraries:
        # the language takes Python's own for the tensor's operation: one node, not one an element
        return _beside_python(scope, {name: getattr(torch, name) for name in OF_TENSORS}, torch)
    return _beside_python(scope, _bare(torch), torch) | own["torch"] | {
        short: _Module(torch, own, path) for short, path in SHORT.items()
    }  # fmt: skip


def _tensor(value: Any, torch: Any) -> Any:
    """Return a value that attributes may be set of."""
    if not isinstance(value, torch.Tensor):
        raise AttributeError("attributes are set of tensors alone")
    return value


def _is_of_arrays(session: Session) -> bool:
    """Say whether what NumPy makes stays an array: beside PyTorch, and where nothing is a tensor.

    Otherwise the file's arrays are differentiated, as JAX's are.
    """
    libraries = session.tracer.libraries
    plain = libraries <= {"numpy", "math", "scipy"} and not any(session.graph.requires_grad)
    return plain or "torch" in libraries


# ---- modules -------------------------------------------------------------------------------


class _Module:
    """What a file sees of a module: functions that the language knows, and such modules."""

    def __init__(self, torch: Any, own: dict[str, Names], path: str) -> None:
        def find(name: str) -> Any:
            return _bound(torch, own, path, name)

        object.__setattr__(self, "_find", find)

    def __getattr__(self, name: str) -> Any:
        return self._find(name)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"`{name}` of a module is not assigned to")


def _bound(torch: Any, own: dict[str, Names], path: str, name: str | None = None) -> Any:
    """Return a module, or what it has under a name.

    Raises: AttributeError where the language does not know it, or the library has it not.
    """
    whole = path if name is None else f"{path}.{name}"
    if whole in MODULES:
        return _Module(torch, own, whole)
    if name is None or name in REFUSED or name in TYPES or not is_of_the_table(path, name):
        raise AttributeError(f"`{whole}` is not part of the language")
    if name in own.get(path, {}):
        return own[path][name]
    if path.partition(".")[0] in ("numpy", "jax", "scipy", "autograd") and path != "jax.nn":
        return member_of(torch, path, name, arrays="arrays" in own)
    found = getattr(_real(torch, path), name)
    if isinstance(found, ModuleType):
        raise AttributeError(f"`{whole}` is not part of the language")
    return found


def _real(torch: Any, path: str) -> Any:
    root, *rest = path.split(".")
    if path == "jax.nn":
        return torch.nn.functional
    found: Any = {"torch": torch, "math": math}[root]
    for part in rest:
        found = getattr(found, part)
    return found


# ---- bare names ----------------------------------------------------------------------------


def _python() -> Names:
    """Return Python's own names, those that the language has.

    PyTorch's C code imports by the `__import__` of the code that called it.
    """
    plain = {name: getattr(builtins, name) for name in PLAIN}
    plain["print"] = lambda *_, **__: None  # it could write to a file, and nobody reads it here
    return {"__builtins__": plain | {"__import__": __import__}, "__name__": "__main__"}


def _bare(torch: Any) -> Names:
    """Return PyTorch's functions under the names that a file without imports uses."""
    found: Names = dict(CONSTANTS)
    for name in {*names(), *CONTEXTS}:
        for path in BARE:
            real = getattr(_real(torch, path), name, None)
            if "." not in name and real is not None and not isinstance(real, ModuleType):
                found.setdefault(name, real)
    for name in REFUSED:
        found.pop(name, None)
    return found | _derivatives(torch)


def _beside_python(scope: Names, found: Names, torch: Any) -> Names:
    """Let Python's functions have what is no tensor: `sum` of a list, `float` of a number."""
    plain = scope["__builtins__"]

    def either(ours: Any, theirs: Any) -> Callable[..., Any]:
        def called(*args: Any, **keywords: Any) -> Any:
            tensor = bool(args) and isinstance(args[0], torch.Tensor)
            return (theirs if tensor else ours)(*args, **keywords)

        return called

    for name in set(found) & set(plain):
        if name in ("float", "int", "bool", "range"):  # PyTorch's are dtypes, or deprecated
            del found[name]
        else:
            found[name] = either(plain[name], found[name])
    return scope | found


def _derivatives(torch: Any) -> Names:
    """Return what the language has of its own: derivatives as functions of what was computed."""

    def grad(outputs: Any, inputs: Any = 0, *args: Any, **more: Any) -> Any:
        if callable(outputs) and not isinstance(outputs, torch.Tensor):
            return torch.func.grad(outputs, inputs, *args, **more)
        several = isinstance(inputs, tuple | list)
        names = ("grad_outputs", "retain_graph", "create_graph")
        given = {"create_graph": True} | dict(zip(names, args, strict=False)) | more
        found = torch.autograd.grad(outputs, inputs, **given)
        return found if several else found[0]

    def jacobian(y: Any, x: Any = 0, **more: Any) -> Any:
        if not isinstance(y, torch.Tensor):
            known = isinstance(x, int) and not isinstance(x, bool)
            return torch.func.jacrev(y, x) if known else torch.autograd.functional.jacobian(
                y, x, **more
            )  # fmt: skip
        rows = [grad(one, x, retain_graph=True, materialize_grads=True) for one in y.reshape(-1)]
        return torch.stack(rows).reshape(*y.shape, *x.shape)

    def hessian(y: Any, x: Any = 0, **more: Any) -> Any:
        if not isinstance(y, torch.Tensor):
            known = isinstance(x, int) and not isinstance(x, bool)
            return torch.func.hessian(y, x) if known else torch.autograd.functional.hessian(
                y, x, **more
            )  # fmt: skip
        return jacobian(grad(y, x, materialize_grads=True), x)

    def product(name: str) -> Callable[..., Any]:
        def run(y: Any, x: Any, v: Any = None) -> Any:
            if callable(y) and not isinstance(y, torch.Tensor):
                return getattr(torch.autograd.functional, name)(y, x, v)
            if name == "vjp":
                return grad(y, x, v)
            u = torch.zeros_like(y, requires_grad=True)
            return grad(grad(y, x, u), u, v)

        return run

    def later(path: str, name: str) -> Callable[..., Any]:
        return lambda *args, **more: getattr(_real(torch, path), name)(*args, **more)

    func = ("vmap", "jacfwd", "jacrev", "grad_and_value")
    return {
        **{name: later("torch.func", name) for name in func},
        **{name: product(name) for name in ("vjp", "jvp")},
        **{name: later("torch.autograd.functional", name) for name in ("hvp", "vhp")},
        "value_and_grad": TRANSFORMS["value_and_grad"](torch),
        "grad": grad,
        "jacobian": jacobian,
        "hessian": hessian,
        "param": lambda x, dtype=None: torch.tensor(x, dtype=dtype, requires_grad=True),
    }


# ---- what is not PyTorch's own -------------------------------------------------------------


class _Formatter(Formatter):
    """`str.format`, which reaches nothing of a value but its text."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        if "." in field_name:
            raise ValueError(f"the field `{{{field_name}}}` of a format is more than a name")
        return super().get_field(field_name, args, kwargs)


OWN_METHODS = frozenset({"format", "bernoulli"})


def _method(torch: Any, own: dict[str, Names], x: Any, name: str) -> Any:
    """Return what stands after a dot, where it is not PyTorch's or Python's own."""
    if isinstance(x, _Module):
        return getattr(x, name)
    if name == "format":
        if not isinstance(x, str):
            raise AttributeError("format() is a method of a text")
        return partial(_Formatter().format, x)
    if name == "bernoulli" and isinstance(x, torch.Tensor):
        return partial(own["torch"]["bernoulli"], x)
    if name in DRAWS:
        raise AttributeError(f"`{name}` draws numbers that are not drawn again here")
    return method_of(torch, x, name)


def bound(session: Session, torch: Any, name: str, *, moves: bool = False) -> Any:
    """Return the tensor that a name is bound to from outside; `moves`: it requires a gradient."""
    options = session.tracer.options
    default = getattr(torch, session.tracer.default_dtype.name)
    made = torch.tensor(np.asarray(options.bindings[name].value))
    if made.is_floating_point():
        made = made.to(default)
        made.requires_grad_(moves or options.bindings[name].parameter or name in options.wrt)
    return made


def _given(session: Session, torch: Any) -> Callable[[str, Any], Any]:
    """Return the function that lets bindings from outside replace what a file assigns first."""
    options, seen = session.tracer.options, set[str]()

    def given(name: str, value: Any) -> Any:
        if name in seen:
            return value
        seen.add(name)
        is_tensor = isinstance(value, torch.Tensor)
        if name in options.bindings:
            moves = is_tensor and value.requires_grad
            found = bound(session, torch, name, moves=moves)
            return found if is_tensor or found.requires_grad else found.tolist()
        if not is_tensor:
            value = torch.tensor(value, dtype=torch.get_default_dtype())
        if not value.is_leaf:
            value.retain_grad()
            return value
        return value.requires_grad_()

    return given


def _loaded(session: Session, name: str, torch: Any) -> Any:
    found = session.tracer.read(name)
    if isinstance(found, dict):
        return {key: torch.tensor(array) for key, array in found.items()}
    return torch.tensor(found)
