"""The scene of a run: what a picture of it shows."""

from __future__ import annotations

from gradcli.inspection import Inspection
from gradcli.picture.cards import Asked, Scene
from gradcli.session import Session


def scene(
    inspection: Inspection, asked: Asked | None = None, session: Session | None = None
) -> Scene:
    """Return what a picture of a run shows; what flows through edges is known with its session.

    Raises: InputFault where a name is not known.
    """
    asked = asked or Asked()
    if asked.backward:
        from gradcli.picture.backward import backward_scene

        return backward_scene(inspection, asked, session)
    from gradcli.picture.forward import Known, forward_scene

    if session is None:
        return forward_scene(inspection, asked, Known())
    from gradcli.picture.origins import origins
    from gradcli.picture.through import derivation, passed, through

    found = derivation(session, inspection)
    begun = origins(session, inspection)
    if found is None:
        return forward_scene(inspection, asked, Known(origins=begun))
    said = through(found, inspection) if asked.combined or asked.local else {}
    return forward_scene(inspection, asked, Known(said, passed(found), begun))
