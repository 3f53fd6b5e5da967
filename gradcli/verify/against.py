"""The same file run by PyTorch itself, and what it finds there beside what gradcli finds.

A file is valid Python. It is executed with PyTorch's own functions under the names it uses; its
claims are left out, which are the check's. Files may come from strangers: what the language has no
name for is refused before anything runs, whether or not gradcli's own run has come by it.
"""

from __future__ import annotations

import ast
import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, InputFault
from gradcli.graph import Graph, Node
from gradcli.ops import ROWS
from gradcli.ops.dtypes import Array
from gradcli.random import Generator
from gradcli.session import Session, run
from gradcli.trace.builtins import lookup

INSTALL = {"torch": ("PyTorch", "pip install torch==2.13.0")}
RELATIVE = {"float64": 1e-9, "complex128": 1e-9}  # other dtypes:
COARSE = 1e-3

MODULES = {"torch", "torch.nn", "torch.nn.functional", "numpy", "math", "torch.autograd"}
MEMBERS = frozenset((
    "nn", "functional", "F", "autograd", "linalg", "special", "fft", "func", "grad", "data",
    "shape", "dtype", "device", "item", "tolist", "detach", "backward", "T", "mT", "H", "mH",
    "real", "imag", "requires_grad", "requires_grad_", "retain_grad", "is_leaf", "grad_fn",
    "ndim", "size", "numel", "dim", "format", "join", "values", "indices", "zero_", "Tensor",
    "Parameter", "numpy", "pi", "inf", "nan", "e", "name", "append", "items", "keys", "random",
    "default_rng", "sqrt",
))  # fmt: skip
REFUSED = frozenset({"load", "save", "open", "exec", "eval", "compile", "getattr", "__import__"})
PLAIN = ("range", "len", "zip", "enumerate", "print", "int", "float", "bool", "abs", "max", "min",
         "sum", "round", "list", "tuple", "dict", "str", "sorted", "reversed", "isinstance",
         "True", "False", "None", "map", "all", "any", "pow", "complex")  # fmt: skip


@dataclass(frozen=True)
class Side:
    """What is known of a tensor on one side; `grad` is None where there is none."""

    value: Array
    grad: Array | None
    dtype: str
    grad_fn: str | None


@dataclass(frozen=True)
class Comparison:
    """A named tensor on both sides, and in what they differ: nothing where `differs` is empty."""

    name: str
    ours: Side
    theirs: Side
    value_error: float
    grad_error: float | None
    differs: tuple[str, ...]


def against(session: Session, library: str) -> list[Comparison]:
    """Compare the named tensors of a run with those of the same file in the real library.

    Raises: InputFault where the library is missing, or the file is not one to run as Python;
    ArgumentFault where it does not run there.
    """
    if library not in INSTALL:
        raise InputFault(f"--against {library}: not a library to compare with", hint="torch")
    what, command = INSTALL[library]
    try:
        torch: Any = import_module(library)
    except ImportError:
        raise InputFault(
            f"--against {library}: {what} is not installed", hint=f"install it: {command}"
        ) from None
    scope = _executed(session, torch)
    return list(_comparisons(session, scope, torch))


def run_and_compare(source: Any, options: Any, library: str) -> list[Comparison]:
    """Run a file here and there.

    Raises: GradcliError where it does not run.
    """
    return against(run(source, options), library)


# ---- there ---------------------------------------------------------------------------------


def _executed(session: Session, torch: Any) -> dict[str, Any]:
    """Return the names of the file after PyTorch has run it, and its backward pass."""
    tree = _admitted(session)
    options = session.tracer.options
    scope = _names(torch) if "torch" not in session.tracer.libraries else _python()
    for name, binding in options.bindings.items():
        scope[name] = torch.tensor(np.asarray(binding.value))
        if scope[name].is_floating_point():
            scope[name] = scope[name].to(getattr(torch, options.default_dtype.name))
            scope[name].requires_grad_(binding.parameter)
    scope["load"] = lambda name: _loaded(session, name, torch)
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, options.default_dtype.name))
    try:
        with contextlib.redirect_stdout(io.StringIO()), _same_numbers(scope, options.seed, torch):
            exec(compile(tree, session.source.name, "exec"), scope)
            root = None if session.root is None else session.graph.names.get(session.root)
            if not session.tracer.roots and root in scope:
                scope[root].backward()
    except Exception as error:
        line = _line(error, session.source.name)
        raise ArgumentFault(
            f"PyTorch does not run {session.source.name}{line}: {type(error).__name__}: {error}"
        ) from None
    finally:
        torch.set_default_dtype(before)
    return scope


@contextlib.contextmanager
def _same_numbers(scope: dict[str, Any], seed: int, torch: Any) -> Iterator[None]:
    """Let PyTorch's uniform and normal random tensors have gradcli's numbers."""
    generator = Generator(seed)
    kinds = {name: np.dtype(name) for name in ("float32", "float64")}

    def drawing(draw: Any) -> Any:
        def drawn(*size: Any, requires_grad: bool = False, dtype: Any = None, **_: Any) -> Any:
            shape = tuple(size[0]) if size and isinstance(size[0], tuple | list) else size
            wanted = str(dtype or torch.get_default_dtype()).removeprefix("torch.")
            return torch.tensor(draw(shape, kinds[wanted]), requires_grad=requires_grad)

        return drawn

    made: dict[str, Any] = {
        "rand": drawing(generator.rand),
        "randn": drawing(generator.randn),
        "rand_like": lambda x, **more: made["rand"](*x.shape, **more),
        "randn_like": lambda x, **more: made["randn"](*x.shape, **more),
        "manual_seed": generator.manual_seed,
    }
    before = {name: getattr(torch, name) for name in made}
    scope.update({name: function for name, function in made.items() if name in scope})
    try:
        for name, function in made.items():
            setattr(torch, name, function)
        yield
    finally:
        for name, function in before.items():
            setattr(torch, name, function)


def _line(error: Exception, name: str) -> str:
    trace, line = error.__traceback__, ""
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == name:
            line = f", line {trace.tb_lineno}"
        trace = trace.tb_next
    return line


def _admitted(session: Session) -> ast.Module:
    """Return the file as Python without its claims.

    Raises: InputFault where it has a name that the language does not have.
    """
    tree = ast.parse(session.source.text)
    known = MEMBERS | {part for row in ROWS for part in _parts(row.name, row.aliases)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (
            node.attr in REFUSED or (node.attr not in known and lookup(node.attr) is None)
        ):
            raise _refused(session, node, f".{node.attr}")
        if isinstance(node, ast.Name) and (
            node.id.startswith("__") or node.id in REFUSED - {"load"}
        ):
            raise _refused(session, node, node.id)
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [node.module] if isinstance(node, ast.ImportFrom) else None
            for module in modules or [alias.name for alias in node.names]:
                if module not in MODULES:
                    raise _refused(session, node, f"import {module}")
    return ast.fix_missing_locations(_WithoutClaims().visit(tree))  # type: ignore[no-any-return]


def _refused(session: Session, node: Any, what: str) -> InputFault:
    return InputFault(
        f"{session.source.name}:{node.lineno}: `{what}` is not run as Python",
        hint="--against runs what the language knows, and nothing else",
    )


def _parts(name: str, aliases: tuple[str, ...]) -> Iterator[str]:
    for text in (name, *aliases):
        yield from (part for part in text.split(".") if not part.startswith("_"))


class _WithoutClaims(ast.NodeTransformer):
    def visit_Assert(self, node: ast.Assert) -> ast.Pass:
        return ast.copy_location(ast.Pass(), node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        """Leave out annotations: sizes in them need not be names of Python."""
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        made = ast.Assign([node.target], node.value)
        return ast.copy_location(made, node)


def _python() -> dict[str, Any]:
    """Return Python's own names, the harmless ones; PyTorch's C code imports by them too."""
    import builtins

    plain = {name: getattr(builtins, name) for name in PLAIN if hasattr(builtins, name)}
    return {"__builtins__": plain | {"__import__": __import__}, "__name__": "__main__"}


def _names(torch: Any) -> dict[str, Any]:
    """Return PyTorch's functions under the names that a file without imports uses."""

    def grad(y: Any, x: Any) -> Any:
        several = isinstance(x, tuple | list)
        found = torch.autograd.grad(y, x, create_graph=True)
        return found if several else found[0]

    def jacobian(y: Any, x: Any) -> Any:
        rows = [grad(one, x) for one in y.reshape(-1)]
        return torch.stack(rows).reshape(*y.shape, *x.shape)

    functional = torch.nn.functional
    scope = _python()
    for module in (torch.linalg, torch.special, functional, torch):
        scope |= {n: getattr(module, n) for n in dir(module) if n[0].islower()}
    for name in REFUSED:
        scope.pop(name, None)
    return scope | {
        "grad": grad,
        "jacobian": jacobian,
        "hessian": lambda y, x: jacobian(grad(y, x), x),
        "param": lambda x, dtype=None: torch.tensor(x, dtype=dtype, requires_grad=True),
        "torch": torch,
        "F": functional,
        "nn": torch.nn,
        "np": np,
        "pi": np.pi,
    }


def _loaded(session: Session, name: str, torch: Any) -> Any:
    found = session.tracer.read(name)
    if isinstance(found, dict):
        return {key: torch.tensor(node.value) for key, node in found.items()}
    return torch.tensor(found if isinstance(found, np.ndarray) else found.value)


# ---- beside each other ---------------------------------------------------------------------


def _comparisons(session: Session, scope: dict[str, Any], torch: Any) -> Iterator[Comparison]:
    for name, value in session.tracer.scope.items():
        there = scope.get(name)
        if isinstance(value, Node) and isinstance(there, torch.Tensor):
            yield compared(name, _ours(session.graph, value), _theirs(there))


def _ours(graph: Graph, node: Node) -> Side:
    grad = graph.grads.get(node.id)
    return Side(np.asarray(node.value), grad, node.dtype.name, graph.grad_fn(node.id))


def _theirs(tensor: Any) -> Side:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # reading .grad of a node that is no leaf
        grad = tensor.grad
    function = tensor.grad_fn
    value = tensor.detach().resolve_conj().resolve_neg()
    return Side(
        _array(value),
        None if grad is None else _array(grad.detach()),
        str(tensor.dtype).removeprefix("torch."),
        None if function is None else type(function).__name__,
    )


def _array(tensor: Any) -> Array:
    found: Array = (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()
    return found


def compared(name: str, ours: Side, theirs: Side) -> Comparison:
    """Return in what two sides differ."""
    differs = []
    if ours.value.shape != theirs.value.shape:
        differs.append("shape")
    if ours.dtype != theirs.dtype:
        differs.append("dtype")
    if ours.grad_fn != theirs.grad_fn:
        differs.append("grad_fn")
    room = RELATIVE.get(ours.dtype, COARSE)
    value_error = _distance(ours.value, theirs.value)
    if not value_error <= room:
        differs.append("value")
    grad_error = None
    if ours.grad is not None and theirs.grad is not None:
        grad_error = _distance(ours.grad, theirs.grad)
    if (ours.grad is None) != (theirs.grad is None) or not (grad_error or 0.0) <= room:
        differs.append("gradient")
    return Comparison(name, ours, theirs, value_error, grad_error, tuple(differs))


def _distance(a: Array, b: Array) -> float:
    """Return the largest difference, relative to the largest value; nan equals nan."""
    if a.shape != b.shape:
        return float("inf")
    if not a.size:
        return 0.0
    x, y = (z.astype(np.complex128 if z.dtype.kind == "c" else np.float64) for z in (a, b))
    with np.errstate(all="ignore"):
        gap = np.where((x == y) | (np.isnan(x) & np.isnan(y)), 0.0, np.abs(x - y))
    finite = np.abs(y[np.isfinite(y)])
    return float(np.nan_to_num(gap, nan=np.inf).max() / (finite.max(initial=0) or 1.0))
