"""A run as a script that needs no gradcli: in PyTorch, JAX or NumPy."""

from __future__ import annotations

from gradcli.export.script import Script, Target
from gradcli.session import Session


def exported(session: Session, target: Target) -> Script:
    """Return a run as a script that computes and prints the same values and gradients.

    gradcli has run it, and it gives the same.

    Raises: InputFault where the file has what cannot be written for the library.
    """
    if target != "torch":
        from gradcli.export.own_text import own_text

        if (found := own_text(session, target)) is not None:
            return found
    if target == "numpy":
        from gradcli.export.numpy import script
    elif target == "jax":
        from gradcli.export.jax import script
    else:
        from gradcli.export.torch import script
    return script(session)
