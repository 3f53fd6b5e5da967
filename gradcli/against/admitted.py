"""Which files are run as Python: those that have nothing but what the language has.

Files may come from strangers, and gradcli's own run does not come by every line of one. So all of
its text is looked at, before anything runs: the kinds of statement and expression, every name and
attribute, and what imports name have to be on a list. What the names are bound to is no less
limited (`gradcli.against.torch_names`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from functools import cache
from typing import Any

import numpy as np

from gradcli.errors import InputFault, Source
from gradcli.ops import Primitive
from gradcli.ops.table import every_row
from gradcli.trace.attributes import ATTRIBUTES, METHODS
from gradcli.trace.builtins import member, names
from gradcli.trace.containers import METHODS as CONTAINERS
from gradcli.trace.imports import IGNORED
from gradcli.trace.values import Function, Namespace

STATEMENTS = (
    ast.Module, ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.For, ast.If, ast.With,
    ast.withitem, ast.Assert, ast.Import, ast.ImportFrom, ast.alias, ast.FunctionDef, ast.Return,
    ast.Pass, ast.Break, ast.Continue, ast.Delete,
)  # fmt: skip
EXPRESSIONS = (
    ast.BoolOp, ast.boolop, ast.BinOp, ast.operator, ast.UnaryOp, ast.unaryop, ast.Compare,
    ast.cmpop, ast.IfExp, ast.Lambda, ast.arguments, ast.arg, ast.Call, ast.keyword,
    ast.Attribute, ast.Subscript, ast.Slice, ast.Starred, ast.Name, ast.Load, ast.Store,
    ast.Constant, ast.Tuple, ast.List, ast.ListComp, ast.GeneratorExp, ast.comprehension,
    ast.JoinedStr, ast.FormattedValue, ast.Dict, ast.Set, ast.DictComp, ast.SetComp, ast.Del,
)  # fmt: skip
ADMITTED = STATEMENTS + EXPRESSIONS

MODULES = frozenset((
    "torch", "torch.nn", "torch.nn.functional", "torch.autograd", "torch.autograd.functional",
    "torch.func", "torch.linalg", "torch.special", "torch.fft", "torch.random", "numpy",
    "numpy.linalg", "numpy.fft", "numpy.random", "math", "jax", "jax.numpy", "jax.numpy.linalg",
    "jax.nn", "jax.scipy", "jax.scipy.special", "scipy", "scipy.special", "autograd",
    "autograd.numpy", "autograd.numpy.linalg", "autograd.scipy", "autograd.scipy.special",
))  # fmt: skip
FIELD = re.compile(r"\{[^{}]*__")  # of a format, that reaches into a value
REFUSED = frozenset((
    "load", "save", "open", "exec", "eval", "compile", "getattr", "setattr", "delattr", "vars",
    "dir", "object", "super", "property", "format_map", "encode", "maketrans", "fromkeys",
    "default_rng", "RandomState", "Generator", "Random", "script", "share_memory_", "pin_memory",
    "cuda", "module", "opaque", "recorded", "function", "config", "utils", "optim",
))  # fmt: skip
ASSIGNED = frozenset({"grad", "data", "requires_grad"})  # attributes that a file may set
CONTEXTS = ("no_grad", "enable_grad", "inference_mode")
# of what is no tensor: lists, texts, tables, sizes, numbers, and a tensor's grad_fn
OTHERS = frozenset({"numel", "name", "Tensor"}).union(*CONTAINERS.values())


@cache
def attributes() -> frozenset[str]:
    """Return what may stand after a dot."""
    parts = {part for name in names() for part in name.split(".")}
    results = {name for row in every_row() if isinstance(row, Primitive) for name in row.outputs}
    known = parts | {f"{name}_" for name in parts} | results | {*ATTRIBUTES, *METHODS, *CONTEXTS}
    return frozenset(name for name in known | OTHERS if not name.startswith("_")) - REFUSED


def admitted(source: Source) -> ast.Module:
    """Return a file as Python, without its claims and annotations.

    Raises: InputFault where it has what the language does not have.
    """
    try:
        tree = ast.parse(source.text)
        for node in ast.walk(tree):
            what = _refused(node)
            if what is not None:
                raise InputFault(
                    f"{source.name}:{getattr(node, 'lineno', 1)}: `{what}` is not run as Python",
                    hint="--against torch runs what the language knows with PyTorch's names, and "
                    "nothing else; --against jax any file",
                )
        return ast.fix_missing_locations(_Bound().visit(tree))  # type: ignore[no-any-return]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputFault(
            f"{source.name} cannot be read as Python: {error}",
            hint="--against torch runs a file that Python can read too; --against jax any file",
        ) from None


# ---- what is not on a list -----------------------------------------------------------------


def _refused(node: ast.AST) -> str | None:
    """Return what is not admitted of a node, None where all of it is."""
    if not isinstance(node, ADMITTED):
        return type(node).__name__
    for _, value in ast.iter_fields(node):  # ids, names, words: whatever they are fields of
        for text in value if isinstance(value, list) else (value,):
            if isinstance(text, str) and not isinstance(node, ast.Constant) and _hidden(text):
                return text
    if isinstance(node, ast.Attribute):
        return _refused_attribute(node)
    if isinstance(node, ast.Constant) and FIELD.search(str(node.value)):
        return f"{node.value!r}.format"
    if isinstance(node, ast.Delete) and any(isinstance(x, ast.Attribute) for x in node.targets):
        return "Delete"  # of names and items alone
    if isinstance(node, ast.Dict) and None in node.keys:
        return "Dict with **"
    if isinstance(node, ast.Name) and node.id in REFUSED - {"load"}:
        return node.id
    if isinstance(node, ast.Import):
        return next((f"import {a.name}" for a in node.names if not _importable(a.name)), None)
    return _refused_import(node) if isinstance(node, ast.ImportFrom) else None


def _hidden(name: str) -> bool:
    """Say whether a name is one of Python's own: `__class__`, `__builtins__`."""
    return any(part.startswith("__") for part in name.split(".")) and name not in IGNORED


def _refused_attribute(node: ast.Attribute) -> str | None:
    allowed = attributes() if isinstance(node.ctx, ast.Load) else ASSIGNED
    return None if node.attr in allowed else f".{node.attr}"


def is_of_the_table(module: str, name: str) -> bool:
    """Say whether a module's name is a function, a dtype or a number of the language itself.

    Classes, and what the language passes over or has written for itself, are another thing there.
    """
    return isinstance(member(Namespace(module), name), Function | np.dtype | float)


def _importable(module: str) -> bool:
    return module in MODULES or module.partition(".")[0] in IGNORED


def _refused_import(node: ast.ImportFrom) -> str | None:
    module = node.module or ""
    if node.level or not _importable(module):
        return f"from {'.' * node.level}{module} import"
    for alias in node.names:
        known = module in IGNORED or (
            alias.name not in REFUSED
            and (f"{module}.{alias.name}" in MODULES or is_of_the_table(module, alias.name))
        )
        if not known:
            return f"from {module} import {alias.name}"
    return None


# ---- what is left out, and what is written otherwise ---------------------------------------

# functions that a file cannot name: imports become calls of the first, TENSOR lets tensors through
BIND, TENSOR, METHOD = "__bound__", "__tensor__", "__method__"
GIVEN, NUMBERS = "__given__", "__numbers__"


class _Bound(ast.NodeTransformer):
    """Leaves out claims and annotations, and makes imports calls that name what is built in.

    Attributes are set of tensors alone: those of a function would be there for all that follows.
    """

    def visit_Attribute(self, node: ast.Attribute) -> ast.Attribute:
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Store):
            node.value = ast.Call(ast.Name(TENSOR, ast.Load()), [node.value], [])
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.Pass:
        return ast.copy_location(ast.Pass(), node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        """Leave out annotations: sizes in them need not be names of Python."""
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        made = ast.Assign([self.visit(node.target)], self.visit(node.value))
        return ast.copy_location(made, node)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_Import(self, node: ast.Import) -> Any:
        made = [
            _binding(node, a.asname or a.name.partition(".")[0],
                     a.name if a.asname else a.name.partition(".")[0])
            for a in node.names if a.name.partition(".")[0] not in IGNORED
        ]  # fmt: skip
        return made or ast.copy_location(ast.Pass(), node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> Any:
        module = node.module or ""
        if module.partition(".")[0] in IGNORED:
            return ast.copy_location(ast.Pass(), node)
        return [_binding(node, a.asname or a.name, module, a.name) for a in node.names]


def fitted(tree: ast.Module, methods: Collection[str], given: Collection[str]) -> ast.Module:
    """Return a file in which what PyTorch has not, or otherwise, is a call of a function.

    Some `methods` are looked up by METHOD, what is assigned to the names `given` goes through
    GIVEN, and lists of numbers through NUMBERS.
    """
    made: ast.Module = _Fitted(methods, given).visit(tree)
    return ast.fix_missing_locations(made)


class _Fitted(ast.NodeTransformer):
    def __init__(self, methods: Collection[str], given: Collection[str]) -> None:
        self.methods, self.given = methods, given

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Look up some methods by a function: `x.astype` is `__method__(x, "astype")`."""
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load) or node.attr not in self.methods:
            return node
        return _call(node, METHOD, node.value, ast.Constant(node.attr))

    def visit_List(self, node: ast.List) -> ast.AST:
        self.generic_visit(node)
        numbers = isinstance(node.ctx, ast.Load) and node.elts and all(map(_is_number, node.elts))
        return _call(node, NUMBERS, node) if numbers else node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        self.generic_visit(node)
        first = node.targets[0]
        if isinstance(first, ast.Name) and first.id in self.given:
            node.value = _call(node, GIVEN, ast.Constant(first.id), node.value)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Leave the names of a function's own alone."""
        before, self.given = self.given, ()
        self.generic_visit(node)
        self.given = before
        return node


def _is_number(node: ast.AST) -> bool:
    """Say whether an item of a list is written as a number, or as a list of numbers."""
    if isinstance(node, ast.UnaryOp):
        return _is_number(node.operand)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == NUMBERS
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def _call(at: ast.AST, name: str, *arguments: ast.expr) -> ast.expr:
    call = ast.Call(ast.Name(name, ast.Load()), list(arguments), [])
    return ast.copy_location(call, at)


def _binding(node: ast.AST, name: str, *path: str) -> ast.Assign:
    call = _call(node, BIND, *map(ast.Constant, path))
    return ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], call), node)
