"""A file that has NumPy's or JAX's own words already, as a script of that library."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import InputFault
from gradcli.export.by_lines import RANDOM, heading
from gradcli.export.checked import whole
from gradcli.export.script import LIBRARIES, Arrays, Row, Script, Target, table
from gradcli.export.torch_text import OF_TENSORS, Translation, UntranslatedError
from gradcli.graph import Node
from gradcli.session import Session, as_written
from gradcli.syntax import tree
from gradcli.trace.python import PYTHON

ALLOWED: dict[Target, set[str]] = {"numpy": {"numpy", "math"}, "jax": {"jax", "numpy", "math"}}
WIDE_DTYPES = "float64", "complex128"
WIDE = 'jax.config.update("jax_enable_x64", True)'


class OwnText(Translation):
    """A text in which every name is the file's own, or Python's.

    Raises: UntranslatedError where one is another.
    """

    def _name(self, x: tree.Name) -> None:
        if x.id not in self.bound and x.id not in PYTHON:
            raise UntranslatedError(f"`{x.id}` is no name of the file")

    def _call(self, x: tree.Call) -> bool:
        f = x.function
        own = isinstance(f, tree.Name) and f.id in self.bound
        called = f.name if isinstance(f, tree.Attribute) else getattr(f, "id", "")
        if RANDOM.match(f"{called}(") or (isinstance(f, tree.Name) and called in OF_TENSORS):
            raise UntranslatedError(f"`{called}` is another function in Python")
        if called == "load" and not own:
            raise UntranslatedError("`load` is no name of the file")
        return False

    def _module(self, x: tree.Name) -> None:
        raise UntranslatedError(f"`{x.id}` is not imported")

    def _list(self, x: tree.ListDisplay) -> None:
        """Leave lists as they are."""

    def _is_load(self, _: Any) -> bool:
        return False


def own_text(session: Session, target: Target) -> Script | None:
    """Return a file as it stands, with a table below; None where it is no script of the library.

    Only where gradcli has differentiated nothing by itself: its gradients are not in the text.
    """
    session = as_written(session)
    libraries = session.tracer.libraries
    if not libraries or libraries - ALLOWED[target] or (target not in libraries) or (
        session.root is not None or session.tracer.options.bindings or session.tracer.passes.made
    ):  # fmt: skip
        return None
    default = session.tracer.default_dtype.name
    wide = target == "numpy" or any(m.dtype.name in WIDE_DTYPES for m in session.graph.metas)
    if wide and default != "float64":  # the library's own floats are double
        return None
    arrays = Arrays(LIBRARIES[target], default)
    try:
        made = OwnText(session, arrays)
    except UntranslatedError:
        return None
    if made.tensors or session.tracer.claims:
        return None
    values = {
        name: np.asarray(value.value)
        for name, value in session.tracer.scope.items()
        if isinstance(value, Node) and getattr(value, "is_readable", True)
    }
    head = sorted(made.imports, key=lambda row: (row.startswith("from"), row))
    body = ["", made.text(), "", *table(Row(n, n, v.shape, None) for n, v in values.items()), ""]
    told = ["", *([] if "import jax" in head else ["import jax", ""]), WIDE]
    told = told if wide and target == "jax" else []
    try:
        whole(session, "\n".join([*head, *body]), {}, values)
    except InputFault:
        return None
    text = "\n".join([*heading(session, target), *head, *told, *body])
    return Script(text, "\n".join([*head, *body]), {})
