"""How a kind of finding is made of a match: what it says of a beginning that it knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gradcli.diagnose.findings import Find, Severity, Sighting
from gradcli.diagnose.nonfinite.events import Event, Events
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
    file itself has written the infinity down.
    """

    def find(subject: Subject) -> Iterator[Sighting]:
        for event in events_of(subject).found:
            if not event.spoils and (event.given or not event.is_nan):
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


def spoiled(subject: Subject, event: Event) -> tuple[str, ...]:
    """Return the labels of what a beginning reaches: the root, and gradients."""
    root = [subject.label(subject.root)] if event.root and subject.root is not None else []
    return (*root, *(f"{subject.label(leaf)}.grad" for leaf in event.grads))
