"""NumPy's script: forward lines, then the backward pass as lines."""

from __future__ import annotations

from gradcli.export.by_lines import Lines, check_scalar, heading, imports, laid_out
from gradcli.export.checked import LOADED, settle
from gradcli.export.script import LIBRARIES, Row, Script, table
from gradcli.session import Session


def script(session: Session) -> Script:
    """Return a run as a script of NumPy alone.

    Raises: InputFault where a result has no formula in NumPy.
    """
    check_scalar(session.root, session)
    library = LIBRARIES["numpy"]
    made = Lines(session, library, derive=True)
    names, data = made.names, made.arrays.data
    settle(names, "numpy", [*library.dialect.imports], made.lines, data)
    body = laid_out(session, made.lines, made.notes)
    metas = session.graph.metas
    shown = [Row(label, names.of[i], metas[i].shape, made.grads.get(i))
             for label, i in names.labels.items()]  # fmt: skip
    body += ["", *table(shown)]
    head = imports(library, body, data=bool(data))
    text = "\n".join([*heading(session, "numpy"), *head, *body, ""])
    return Script(text, "\n".join([*library.dialect.imports, LOADED * bool(data), *body, ""]), data)
