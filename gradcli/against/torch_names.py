"""What a file's names are when PyTorch runs it: PyTorch's functions, and no module of Python.

A module is stood in for by an object that has what the language knows of it. Modules themselves
hold on to the whole of Python: `torch.hub`, `torch.os`, `numpy.load`.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from gradcli.against.admitted import BIND, CONTEXTS, MODULES, REFUSED, TENSOR
from gradcli.random import Generator
from gradcli.session import Session
from gradcli.trace.builtins import CONSTANTS, member, names
from gradcli.trace.python import PYTHON
from gradcli.trace.values import Namespace

Names = dict[str, Any]

OF_TENSORS = ("sum", "max", "min", "abs", "pow", "round")
BARE = ("torch", "torch.nn.functional", "torch.special", "torch.linalg", "torch.fft")
SHORT = {"np": "numpy", "nn": "torch.nn", "F": "torch.nn.functional", "linalg": "torch.linalg",
         "fft": "torch.fft", "special": "torch.special", "func": "torch.func",
         "autograd": "torch.autograd", "torch": "torch"}  # fmt: skip


def names_for(session: Session, torch: Any) -> Names:
    """Return the names that a file finds before its first line runs."""
    own = _own(session, torch)
    scope = _python() | {
        "load": lambda name: _loaded(session, name, torch),
        BIND: lambda path, name=None: _bound(torch, own, path, name),
        TENSOR: lambda value: _tensor(value, torch),
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
    if name is None or name in REFUSED or member(Namespace(path), name) is None:
        raise AttributeError(f"`{whole}` is not part of the language")
    if name in own.get(path, {}):
        return own[path][name]
    found = getattr(_real(torch, path), name)
    if isinstance(found, ModuleType):
        raise AttributeError(f"`{whole}` is not part of the language")
    return found


def _real(torch: Any, path: str) -> Any:
    root, *rest = path.split(".")
    found: Any = {"torch": torch, "numpy": np, "math": math}[root]
    for part in rest:
        found = getattr(found, part)
    return found


# ---- bare names ----------------------------------------------------------------------------


def _python() -> Names:
    """Return Python's own names, those that the language has.

    PyTorch's C code imports by the `__import__` of the code that called it.
    """
    plain = {n: getattr(builtins, n) for n in (*PYTHON, "abs", "pow", "any", "all")}
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
    def grad(y: Any, x: Any) -> Any:
        several = isinstance(x, tuple | list)
        found = torch.autograd.grad(y, x, create_graph=True)
        return found if several else found[0]

    def jacobian(y: Any, x: Any) -> Any:
        rows = [grad(one, x) for one in y.reshape(-1)]
        return torch.stack(rows).reshape(*y.shape, *x.shape)

    return {
        "grad": grad,
        "jacobian": jacobian,
        "hessian": lambda y, x: jacobian(grad(y, x), x),
        "param": lambda x, dtype=None: torch.tensor(x, dtype=dtype, requires_grad=True),
    }


# ---- what is not PyTorch's own -------------------------------------------------------------


def _own(session: Session, torch: Any) -> dict[str, Names]:
    """Return by module what a file has of gradcli's: the numbers that are drawn."""
    generator = Generator(session.tracer.options.seed)
    kinds = {name: np.dtype(name) for name in ("float32", "float64")}

    def drawing(draw: Any) -> Any:
        def drawn(*size: Any, requires_grad: bool = False, dtype: Any = None, **_: Any) -> Any:
            shape = tuple(size[0]) if size and isinstance(size[0], tuple | list) else size
            wanted = str(dtype or torch.get_default_dtype()).removeprefix("torch.")
            return torch.tensor(draw(shape, kinds[wanted]), requires_grad=requires_grad)

        return drawn

    rand, randn = drawing(generator.rand), drawing(generator.randn)
    return {
        "torch": {
            "rand": rand,
            "randn": randn,
            "rand_like": lambda x, **more: rand(*x.shape, **more),
            "randn_like": lambda x, **more: randn(*x.shape, **more),
            "manual_seed": generator.manual_seed,
            "set_printoptions": lambda *_, **__: None,
        },
        "torch.random": {"manual_seed": generator.manual_seed},
        "numpy": {"set_printoptions": lambda *_, **__: None},
        "numpy.random": {
            "rand": lambda *size: rand(*size).numpy(),
            "randn": lambda *size: randn(*size).numpy(),
            "seed": generator.manual_seed,
        },
    }


def _loaded(session: Session, name: str, torch: Any) -> Any:
    found = session.tracer.read(name)
    if isinstance(found, dict):
        return {key: torch.tensor(node.value) for key, node in found.items()}
    return torch.tensor(found if isinstance(found, np.ndarray) else found.value)
