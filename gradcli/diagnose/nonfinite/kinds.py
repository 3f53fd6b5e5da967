"""How a kind of finding is made of a match: what it says of a beginning that it knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from gradcli.diagnose.findings import Edit, Find, Rewrite, Rewrites, Severity, Sighting
from gradcli.diagnose.nonfinite.events import Event, Events
from gradcli.diagnose.nonfinite.hidden import sentence
from gradcli.diagnose.nonfinite.hiding import hider
from gradcli.diagnose.nonfinite.steps import step
from gradcli.diagnose.subject import Subject

MOST_PLACES = 8  # that are rewritten together

Match = Callable[[Subject, Event], str]


def events_of(subject: Subject) -> Events:
    """Return the beginnings of a run, which are looked for once."""
    return subject.once(Events)


def where(match: Match) -> Find:
    """Return what finds the beginnings that a match has words for; "" means that it has none.

    One that reaches neither the root nor a parameter's gradient is a note, and nothing where the
    file itself has written the infinity down, or chooses another value for it.
    """

    def find(subject: Subject) -> Iterator[Sighting]:
        events = events_of(subject)
        every = events.found
        for event in every:
            if not event.spoils and not _is_worth_a_note(subject, event):
                continue
            if words := match(subject, event):
                span = subject.span(event.row)  # in each turn of a loop, by each operand
                same = [e for e in every if subject.span(e.row) == span]
                spoils = any(e.spoils for e in same)
                yield Sighting(
                    words if spoils else words + sentence(subject, events, event),
                    row=event.at if event.edge is None else event.row,
                    index=event.index,
                    span=span,
                    severity=None if spoils else Severity.NOTE,
                    moment=event.moment,
                    key=("event", span),
                    spoils=spoiled(subject, same),
                    evidence=event,
                )

    return find


def is_chosen(subject: Subject, event: Event) -> bool:
    """Say whether the file puts another value in the place of one: where, nan_to_num, a mask."""
    at = step(subject, event)
    return at is not None and hider(at) is not None


def _is_worth_a_note(subject: Subject, event: Event) -> bool:
    """Say whether a beginning that reaches nothing is nan that the file has computed unawares."""
    is_own = subject.graph.notes.origins[event.row] != "gradient"
    return event.is_nan and not event.given and is_own and not is_chosen(subject, event)


def jointly(match: Match, rewrites: Rewrites) -> Rewrites:
    """Return what proposes a rewriting of one place, and of all places that match, in turn."""

    def propose(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
        places = [s for s in where(match)(subject) if s.row != sighting.row][:MOST_PLACES]
        others = [found for s in places if (found := list(rewrites(subject, s)))]
        for k, rewrite in enumerate(rewrites(subject, sighting)):
            yield rewrite
            edits = [*rewrite.edits]
            for theirs in others:
                edits += [e for e in theirs[min(k, len(theirs) - 1)].edits
                          if not any(_overlap(e, mine) for mine in edits)]  # fmt: skip
            if len(edits) > len(rewrite.edits):
                yield rewrite._replace(edits=tuple(edits))

    return propose


def _overlap(a: Edit, b: Edit) -> bool:
    return (a.span.start < b.span.end and b.span.start < a.span.end) or a == b


def spoiled(subject: Subject, events: Iterable[Event]) -> tuple[str, ...]:
    """Return the labels of what some beginnings reach: the root, and gradients."""
    events, top = list(events), subject.root
    root = [subject.label(top)] if top is not None and any(e.root for e in events) else []
    rows = dict.fromkeys(i for e in events for i in e.grads)
    ends = dict.fromkeys(subject.parameters, ".grad")
    return (*root, *(f"{subject.label(i)}{ends.get(i, '')}" for i in sorted(rows)))
