"""Where nan and infinity begin that reach what is differentiated, as the diagnosis finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gradcli.errors import GradcliError
from gradcli.inspection import Inspection
from gradcli.picture.figures import is_finite
from gradcli.picture.through import MOST
from gradcli.session import Request, Session

if TYPE_CHECKING:
    from gradcli.diagnose import Subject
    from gradcli.diagnose.nonfinite.events import Event


class Beginning(NamedTuple):
    """Where something that is not finite begins: the row that is not, in words, and the line."""

    row: int
    words: str
    line: int


class Origins(NamedTuple):
    """The beginnings of a run; `meant` are rows of infinities that reach nothing, as of a mask."""

    begun: tuple[Beginning, ...]
    meant: frozenset[int]


def origins(session: Session, inspection: Inspection) -> Origins | None:
    """Return where nan and infinity begin, None where nothing has them or it is not known."""
    if len(session.graph) > MOST or all(
        is_finite(a) for node in inspection.nodes for a in (node.value, node.grad, node.gradient)
    ):
        return None
    from gradcli.diagnose import Subject  # slow to import, and seldom needed
    from gradcli.diagnose.nonfinite.kinds import events_of

    subject = Subject(session, Request())
    try:
        events = events_of(subject)
    except GradcliError:  # a pass that cannot be gone through again
        return None
    begun = tuple(_said(subject, event) for event in events.found if event.spoils)
    meant = {row for row, causes in events.values.items() if causes and not any(
        event.spoils or event.is_nan for event in causes)}  # fmt: skip
    return Origins(begun, frozenset(meant))


def _said(subject: Subject, event: Event) -> Beginning:
    what = "nan" if event.is_nan else "inf"
    line = subject.line(event.row)
    if event.edge is None:
        return Beginning(event.at, f"{what} starts here", line)
    source = subject.text(event.row)
    return Beginning(event.at, f"{what} gradient starts here, by {source}", line)
