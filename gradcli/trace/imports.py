"""Imports: they name what is built in, and load no code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.errors import NameFault
from gradcli.syntax import tree
from gradcli.trace.builtins import MODULES, lookup, member, names
from gradcli.trace.libraries import owned
from gradcli.trace.mistakes import INSTEAD, suggestion
from gradcli.trace.values import Namespace

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

IGNORED = {"__future__", "typing"}


def import_names(tracer: Tracer, s: tree.Import) -> None:
    """Bind the name of an import to what is built in.

    Raises: NameFault for a module that is not known, or has no such name.
    """
    root = s.module.partition(".")[0]
    if root in IGNORED:
        return
    tracer.uses(root)
    if s.module not in MODULES:
        last = s.module.rpartition(".")[2]
        raise NameFault(
            f"cannot import `{s.module}`: a file can import nothing but names that are built in",
            s.span,
            INSTEAD.get(last, 'torch, numpy, jax.numpy and math are; load("data.npz") reads data'),
        )
    if s.imported is None:
        path = s.module if s.name != root or "." not in s.module else root
        tracer.scope[s.name] = Namespace(path)
        return
    tracer.scope[s.name] = owned(tracer, Namespace(s.module), _imported(s))


def _imported(s: tree.Import) -> Any:
    found = member(Namespace(s.module), s.imported or "")
    if found is None:
        found = lookup(s.imported or "", bare=False)
    if found is None:
        raise NameFault(
            f"cannot import `{s.imported}` from `{s.module}`: it is not built in",
            s.span,
            suggestion(s.imported or "", [n.rpartition(".")[2] for n in names()]),
        )
    return found
