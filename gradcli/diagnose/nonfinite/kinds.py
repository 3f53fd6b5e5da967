"""How a kind of finding is made of a match: what it says of a beginning that it knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gradcli.diagnose.findings import Find, Severity, Sighting
from gradcli.diagnose.nonfinite.events import Event, Events
from gradcli.diagnose.nonfinite.hiding import hider
from gradcli.diagnose.nonfinite.steps import step
from gradcli.diagnose.subject import Subject

Match = Callable[[Subject, Event], str]


def events_of(subject: Subject) -> Events:
    """Return the beginnings of a run, which are looked for once."""
    found = subject.kept.get("events")
    if found is None:
        found = subject.kept["events"] = Events(subject)
    assert isinstance(found, Events), "nothing else is kept under this name"
    return found


def where(match: Match) -> Find:
    """Return what finds the beginnings that a match has words for; "" means that it has none.

    One that reaches neither the root nor a parameter's gradient is a note, and nothing where the
    file itself has written the infinity down, or chooses another value for it.
    """

    def find(subject: Subject) -> Iterator[Sighting]:
        for event in events_of(subject).found:
            if not event.spoils and (event.given or not event.is_nan or is_chosen(subject, event)):
                continue
            if words := match(subject, event):
                yield Sighting(
                    words,
                    row=event.at if event.edge is None else event.row,
                    index=event.index,
                    span=subject.span(event.row),
                    severity=None if event.spoils else Severity.NOTE,
                    moment=event.moment,
                    key=("event", id(event)),
                    spoils=spoiled(subject, event),
                    evidence=event,
                )

    return find


def is_chosen(subject: Subject, event: Event) -> bool:
    """Say whether the file puts another value in the place of one: where, nan_to_num, a mask."""
    at = step(subject, event)
    return at is not None and hider(at) is not None


def spoiled(subject: Subject, event: Event) -> tuple[str, ...]:
    """Return the labels of what a beginning reaches: the root, and gradients."""
    root = [subject.label(subject.root)] if event.root and subject.root is not None else []
    return (*root, *(f"{subject.label(leaf)}.grad" for leaf in event.grads))
