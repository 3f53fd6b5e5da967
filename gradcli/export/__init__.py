"""A run as a script that needs no gradcli: in PyTorch, JAX or NumPy."""

from __future__ import annotations

import re
from dataclasses import replace

from gradcli.export.script import LINE_END, Script, Target
from gradcli.session import Session

CODING = re.compile(r"coding(?=[:=])")  # by which a comment tells Python how to read the file


def exported(session: Session, target: Target) -> Script:
    """Return a run as a script that computes and prints the same values and gradients.

    gradcli has run it, and it gives the same.

    Raises: InputFault where the file has what cannot be written for the library.
    """
    found = _own(session, target) or _written(session, target)
    text = LINE_END.sub("\n", found.text)
    first = text.split("\n", 2)
    # a stranger's comment stays one: Python obeys an encoding that one of the first two names
    first[:2] = [CODING.sub("coding ", row) for row in first[:2]]
    return replace(found, text="\n".join(first))


def _own(session: Session, target: Target) -> Script | None:
    if target == "torch":
        return None
    from gradcli.export.own_text import own_text

    return own_text(session, target)


def _written(session: Session, target: Target) -> Script:
    if target == "numpy":
        from gradcli.export.numpy import script
    elif target == "jax":
        from gradcli.export.jax import script
    else:
        from gradcli.export.torch import script
    return script(session)
