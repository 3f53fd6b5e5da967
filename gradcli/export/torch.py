"""PyTorch's script: the file's own text where it can be, else its results as lines."""

from __future__ import annotations

import re

import numpy as np

from gradcli.errors import InputFault
from gradcli.export.by_lines import Lines, check_scalar, heading, imports, laid_out
from gradcli.export.checked import LOADED, settle, whole
from gradcli.export.names import Names
from gradcli.export.script import FROM_DATA, LIBRARIES, Arrays, Row, Script, table
from gradcli.export.torch_text import Translation, UntranslatedError
from gradcli.export.torch_words import HELPERS
from gradcli.graph import Node
from gradcli.rule.dtypes import Array
from gradcli.session import Session

FUNCTIONAL = "import torch.nn.functional as F"


def script(session: Session) -> Script:
    """Return a run as a script of PyTorch.

    Raises: InputFault where neither its text nor its results can be written in PyTorch.
    """
    check_scalar(session.root, session)
    why: str
    try:
        return _translated(session)
    except UntranslatedError as error:
        why = str(error)
    except InputFault as error:
        why = error.message
    if session.tracer.passes.made:
        raise InputFault(
            f"{session.source.name} cannot be written in PyTorch's words: {why}",
            hint="--to numpy writes its results as lines, and its backward passes",
        )
    try:
        return _by_lines(session)
    except InputFault as error:
        raise InputFault(error.message, hint=f"the text itself: {why}") from None


def _translated(session: Session) -> Script:
    libraries = session.tracer.libraries
    if libraries - {"torch", "math", "numpy"} or libraries == {"numpy"}:
        raise UntranslatedError("the file has the words of another library")
    arrays = Arrays(LIBRARIES["torch"], session.tracer.default_dtype.name)
    made = Translation(session, arrays)
    end = []
    if session.root is not None and session.ran_backward and not session.tracer.passes.made:
        end = ["", f"{made.name(session.root)}.backward()"]
    inputs = [f"{name} = {made.bound_value(name)}" for name in made.inputs]
    values, grads = _expected(session, made.tensors)
    shown = [Row(n, n, value.shape, None if grads[n] is None else f"{n}.grad")
             for n, value in values.items()]  # fmt: skip
    helpers = [row for name, (_, text) in HELPERS.items() if name in made.helpers
               for row in ("", "", *text.split("\n"))]  # fmt: skip
    body = [*helpers, *([""] * 2 if helpers else []), *inputs, *([""] if inputs else []),
            made.text(), *end, "", *table(shown)]  # fmt: skip
    given = {"import torch", *made.imports, *([FUNCTIONAL] if made.functional else []),
             *(["import math"] if made.math else [])}  # fmt: skip
    return _written(session, body, sorted(given, key=_order), arrays.data, values, grads)


def _order(line: str) -> tuple[bool, bool, str]:
    """Order imports as a formatter does: Python's own first, `import` before `from`."""
    return not line.split()[1].startswith(("math", "__", "typing")), line.startswith("from"), line


def _expected(
    session: Session, lists: dict[str, int]
) -> tuple[dict[str, Array], dict[str, Array | None]]:
    """Return the values and `.grad`s of names; `lists` are those of lists, and their rows."""
    graph = session.graph
    rows = {
        name: value.id if isinstance(value, Node) else lists[name]
        for name, value in session.tracer.scope.items()
        if name in lists or (isinstance(value, Node) and getattr(value, "is_readable", True))
    }
    values = {name: np.asarray(graph.value(i)) for name, i in rows.items()}
    return values, {name: graph.grad(i) for name, i in rows.items()}


def _by_lines(session: Session) -> Script:
    library = LIBRARIES["torch"]
    made = Lines(session, library, derive=False)
    names: Names = made.names
    settle(names, "torch", [*library.dialect.imports], made.lines, made.arrays.data)
    graph = session.graph
    of = {names.of[i]: i for i in names.shown}
    end = []
    if session.root is not None and session.ran_backward:
        end = ["", f"{names.of[session.root]}.backward()"]
    grads = {name: graph.grad(i) for name, i in of.items()}
    shown = []
    for label, i in names.labels.items():
        name = names.of[i]
        grad = None if grads[name] is None else f"{name}.grad"
        shown.append(Row(label, name, graph.metas[i].shape, grad))
    body = [*laid_out(session, made.lines, {}), *end, "", *table(shown)]
    values = {name: np.asarray(graph.value(i)) for name, i in of.items()}
    given = [x for x in imports(library, ["torch.", *body], data=False) if x]
    return _written(session, body, given, made.arrays.data, values, grads)


def _written(
    session: Session, body: list[str], given: list[str], data: dict[str, Array],
    values: dict[str, Array], grads: dict[str, Array | None],
) -> Script:  # fmt: skip
    default = session.tracer.default_dtype.name
    setup = [] if default == "float32" else [f"torch.set_default_dtype(torch.{default})", ""]
    own = [x for x in given if "numpy as np" not in x] + ["import numpy as np"] if data else given
    head = [*(["from pathlib import Path", ""] if data else []), *sorted(own, key=_order), ""]
    loads = [FROM_DATA.replace("'", '"'), ""] if data else []
    text = "\n".join([*heading(session, "torch"), *head, *setup, *loads, *body, ""])
    text = re.sub(r"\n{4,}", "\n\n\n", text)
    checked = "\n".join([*given, *setup, LOADED if data else "", *body, ""])
    whole(session, checked, data, values, grads)
    return Script(text, checked, data)
