"""Imports: they name what is built in, and load no code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.errors import NameFault
from gradcli.syntax import tree
from gradcli.syntax.tree import nodes_of
from gradcli.trace import skipped
from gradcli.trace.builtins import MODULES, lookup, member
from gradcli.trace.elsewhere import of_module
from gradcli.trace.libraries import owned
from gradcli.trace.mistakes import of_member
from gradcli.trace.prelude import defined
from gradcli.trace.standard import instead, is_standard
from gradcli.trace.values import Namespace, Skipped

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

IGNORED = {"__future__", "typing"}  # what means nothing to the values of a file
NOT_STARRED = {"float", "int", "complex", "str", "list", "len", "print", "range", "object"}


def import_names(tracer: Tracer, s: tree.Import) -> None:
    """Bind the name of an import to what is built in.

    A module of the standard library that is not here is bound too: files import more than they use.

    Raises: NameFault for another module that is not known, or for a name that a module lacks.
    """
    root = s.module.partition(".")[0]
    if root == "__future__":
        return
    if root in skipped.MODULES or s.module in skipped.TORCHS or _one_of(s):
        if s.imported is not None:
            tracer.scope[s.name] = skipped.found(f"{s.module}.{s.imported}")
        elif s.name == s.module:  # `import a.b` binds `a`
            tracer.scope[root] = Skipped(root)
        else:
            tracer.scope[s.name] = Skipped(s.module)
        return
    tracer.uses(root)
    if s.module not in MODULES and not is_here(s.module):
        raise NameFault(
            f"cannot import `{s.module}`: a file can import nothing but names that are built in",
            s.span,
            of_module(s.module) or "torch, numpy, jax, scipy.special and Python's own modules are",
        )
    if s.imported is None:
        path = s.module if s.name != root or "." not in s.module else root
        tracer.scope[s.name] = Namespace(path)
    elif s.imported == "*":
        _bind_all(tracer, s.module)
    else:
        found = defined(tracer, _imported(s))
        tracer.scope[s.name] = owned(tracer, Namespace(s.module), found)


def _one_of(s: tree.Import) -> bool:
    """Say whether an import takes one name, of a module, that is passed over: `os.makedirs`."""
    return s.imported is not None and skipped.is_passed_over(f"{s.module}.{s.imported}")


def is_here(module: str) -> bool:
    """Say whether a module is of Python's standard library, and may be imported."""
    return module != "random" and is_standard(module)


def all_of(module: str, name: str) -> Any:
    """Return what `from module import *` binds a name to, None where it binds nothing."""
    if name.startswith("_") or (module == "numpy" and name in NOT_STARRED):
        return None
    return member(Namespace(module), name)


def starred(program: tree.Program) -> list[str]:
    """Return the modules of which a file imports all names."""
    found = (s for s in nodes_of(program.statements) if isinstance(s, tree.Import))
    return [s.module for s in found if s.imported == "*"]


def _bind_all(tracer: Tracer, module: str) -> None:
    """Bind those names of a module that the file reads: nobody sees the others."""
    read = {x.id for x in nodes_of(tracer.program.statements) if isinstance(x, tree.Name)}
    for name in sorted(read):
        found = all_of(module, name)
        if found is not None:
            tracer.scope[name] = owned(tracer, Namespace(module), defined(tracer, found))


def _imported(s: tree.Import) -> Any:
    name = s.imported or ""
    found = member(Namespace(s.module), name)
    known = s.module not in MODULES
    if found is None and not known:
        found = lookup(name, bare=False)
    if found is None:
        raise NameFault(
            f"cannot import `{name}` from `{s.module}`: it is not built in",
            s.span,
            instead(s.module) if known else of_member(Namespace(s.module), name),
        )
    return found
