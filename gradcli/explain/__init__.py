"""The backward pass as a derivation, step by step and path by path."""

from __future__ import annotations

from gradcli.errors import InputFault
from gradcli.explain.derivation import Derivation, derivation
from gradcli.facts import inspect
from gradcli.inspection import Inspection
from gradcli.session import Session, named

__all__ = ["Derivation", "explained"]


def explained(session: Session, names: tuple[str, ...]) -> tuple[Inspection, list[Derivation]]:
    """Return the facts of a run, and how the gradients by some nodes come about.

    `names` are of nodes; by every parameter where there are none.

    Raises: InputFault where there is nothing to differentiate, or by; AutogradFault where no
    gradient flows to what is named.
    """
    inspection = inspect(session)
    if session.root is None:
        raise InputFault(
            f"{session.source.name} has nothing to differentiate",
            hint="a scalar that depends on a parameter: tensor(…, requires_grad=True), or -p",
        )
    if names:
        ids = [named(session.tracer, name) for name in names]
    else:
        ids = [
            node.id
            for node in inspection.nodes
            if node.kind == "parameter" and node.grad is not None
        ]
    return inspection, [derivation(session, inspection, id) for id in ids]
