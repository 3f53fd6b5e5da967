"""What a diagnosis is made of: kinds of findings, findings, remedies; all of them plain facts."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.errors import Span

if TYPE_CHECKING:
    from gradcli.diagnose.subject import Subject
    from gradcli.diagnose.trial import Comparison

Index = tuple[int, ...]


class Severity(StrEnum):
    """How much a finding matters, the worst first.

    ERROR: a result or a parameter's gradient is not what was meant. WARNING: it probably is not, or
    soon will not be. NOTE: worth knowing; no number that anyone uses is touched.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """Its place in the order, 0 the worst."""
        return list(Severity).index(self)


class Group(StrEnum):
    """What findings are about."""

    NONFINITE = "nan and infinity"
    SILENT = "no gradient, or zero"
    SCALE = "vanishing and exploding"
    PRECISION = "lost digits"
    SHAPE = "shapes and targets"


# ---- what a kind finds ---------------------------------------------------------------------


class Edit(NamedTuple):
    """Another text in the place of a piece of the file."""

    span: Span
    text: str


class Rewrite(NamedTuple):
    """Edits that may mend a file, and in a few words why: "never takes the root of 0"."""

    edits: tuple[Edit, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A place where a kind of finding is seen.

    `words` are sentences with the numbers that made it, `row` the id of the node, `index` an
    element of it. `span` is the piece of the file, that of the row where it is not given.
    `severity` is that of the kind where it is not given. Sightings are shown in the order of their
    `moment`: 0 in the forward pass, 1 in the backward pass, and the position there. Of those with
    the same `key` the first kind of the table has the word. `spoils` are labels of what it makes
    wrong, the root and parameters, in the order of the file. `evidence` is what a kind has found
    out, for its rewritings.
    """

    words: str
    row: int | None = None
    index: Index | None = None
    span: Span | None = None
    severity: Severity | None = None
    moment: tuple[int, int] | None = None
    key: Hashable = None
    spoils: tuple[str, ...] = ()
    evidence: Any = None


Find = Callable[["Subject"], Iterator[Sighting]]
Rewrites = Callable[["Subject", Sighting], Iterator[Rewrite]]
Judge = Callable[["Comparison"], str]


def no_rewrites(_: Subject, __: Sighting) -> Iterator[Rewrite]:
    """Propose nothing: what to write instead depends on what was meant."""
    yield from ()


@dataclass(frozen=True)
class Kind:
    """A kind of finding: a row of the table.

    `title` says in a few words what it is, `mechanism` in a paragraph how it comes about, `advice`
    what to do. `example` is a file that has it. `find` yields where a run has it, `rewrites` what
    might mend it there, the best first; `judge` says in words what was checked of a rewritten run,
    "" where the rewriting is no remedy; None is the judge of the room, `trial.heals`.
    """

    name: str
    group: Group
    severity: Severity
    title: str
    mechanism: str
    advice: str
    example: str
    find: Find
    rewrites: Rewrites = no_rewrites
    judge: Judge | None = None


# ---- what is shown -------------------------------------------------------------------------


class Line(NamedTuple):
    """A line of the file, counted from 1, and what stands there instead; None: it is left out."""

    line: int
    before: str
    after: str | None


@dataclass(frozen=True, slots=True)
class Remedy:
    """A rewritten file that was run and compared with the one that there is.

    `lines` are those that differ, `text` the whole file, `why` a few words, `checked` what was
    found to be the same and what to be better.
    """

    lines: tuple[Line, ...]
    text: str
    why: str
    checked: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found: of which kind, where, and what to write instead.

    `line` is counted from 1, `source` the piece of the file, `row` the id of the node. `more`
    counts further places of the same kind that are not shown. `place` is where the recorded program
    has it, of the replay of a record: "model.py:12:6 `F.relu(h)`".
    """

    name: str
    group: Group
    severity: Severity
    title: str
    words: str
    line: int
    source: str
    row: int | None
    index: Index | None
    spoils: tuple[str, ...]
    remedy: Remedy | None
    advice: str
    more: int = 0
    place: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All that was found of a file, the first cause first.

    `fault` is the error that ended the run, where one did, without its hint where a finding says
    better what to do; `stopped` is its line. `looked` says what was looked at, `ruined` what is
    not finite in the end, "" where all of it is. `replayed` are sentences on how a replay differs
    from its record.
    """

    file: str
    findings: tuple[Finding, ...]
    looked: str
    fault: str | None = None
    ruined: str = ""
    stopped: int | None = None
    replayed: tuple[str, ...] = ()

    @property
    def worst(self) -> Severity | None:
        """The worst severity, None where nothing was found."""
        return min((f.severity for f in self.findings), key=lambda s: s.rank, default=None)
