"""`gradcli diagnose`: of each finding what, where and why, what it spoils, and what to write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.console import Console, ConsoleOptions, RenderableType
from rich.text import Text

from gradcli.diagnose.findings import Diagnosis, Finding, Kind, Line, Remedy, Severity
from gradcli.render.cells import shorten
from gradcli.render.diagnose_words import headline, spoiled
from gradcli.render.words import harmless

_INDENT = 2
# of severities: a mark, one for terminals that have no such characters, a style
_LOOKS = {
    Severity.ERROR: ("✗", "x", "bold red"),
    Severity.WARNING: ("!", "!", "yellow"),
    Severity.NOTE: ("·", "-", "dim"),
}


def render(diagnosis: Diagnosis) -> RenderableType:
    """Return what was found, one finding below the other."""
    return _Page(diagnosis)


@dataclass(frozen=True)
class _Page:
    diagnosis: Diagnosis

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        writer = _Writer(console, options.max_width, options.ascii_only)
        yield from writer.filled(headline(self.diagnosis), 0, "bold")
        for sentence in self.diagnosis.replayed:
            yield from writer.filled(sentence, _INDENT)
        for finding in self.diagnosis.findings:
            yield Text()
            yield from writer.finding(finding)


class _Writer:
    def __init__(self, console: Console, width: int, ascii_only: bool) -> None:
        self.console, self.width, self.ascii_only = console, width, ascii_only
        self.told = set[str]()  # the remedies that stand above

    def finding(self, finding: Finding) -> Iterator[Text]:
        """Yield the lines of one finding."""
        mark, ascii_mark, style = _LOOKS[finding.severity]
        mark = ascii_mark if self.ascii_only else mark
        head = Text(f"{mark} {finding.severity}: ", style, no_wrap=True)
        where = self._safe(f"line {finding.line}: {finding.source}")
        title = self._safe(finding.title)
        name = f"  ({finding.name})"
        room = self.width - head.cell_len - len(title) - len(name)
        head.append(title, "bold")
        head.append(name if room >= 0 else "", "dim")
        yield head
        yield Text(" " * _INDENT + shorten(where, self.width - _INDENT,
                                           ascii_only=self.ascii_only), no_wrap=True)  # fmt: skip
        if finding.place:
            yield from self.filled(finding.place, _INDENT, "dim")
        yield from self.filled(finding.words, _INDENT)
        if finding.spoils:
            yield from self.labelled("spoils", [spoiled(finding.spoils)])
        if finding.remedy is not None:
            yield from self._remedy(finding.remedy)
        elif finding.advice:
            yield from self.labelled("what to do", [finding.advice])
        if finding.more:
            yield from self.filled(f"and at {finding.more} more place"
                                   f"{'s' * (finding.more > 1)}", _INDENT, "dim")  # fmt: skip

    def _remedy(self, remedy: Remedy) -> Iterator[Text]:
        if remedy.text in self.told:
            lines = ", ".join(str(line.line) for line in remedy.lines)
            yield from self.labelled(
                "instead", [f"what stands above for line {lines} mends this too"]
            )
            return
        self.told.add(remedy.text)
        if remedy.why:
            yield from self.labelled("instead", [remedy.why])
        else:
            yield Text(" " * _INDENT + "instead", "bold", no_wrap=True)
        for line in remedy.lines:
            yield from self._line(line)
        yield from self.labelled("tried", [remedy.checked])

    def _line(self, line: Line) -> Iterator[Text]:
        number = str(line.line)
        for sign, text, style in (("-", line.before, "red"), ("+", line.after, "green")):
            for k, part in enumerate([] if text is None else text.splitlines()):
                margin = f"{' ' * 4}{number if not k else ' ' * len(number)} {sign} "
                for shown in self._wrapped(part, self.width - len(margin)):  # all that is changed
                    yield Text(margin + shown, style, no_wrap=True)
                    margin = " " * len(margin)

    def labelled(self, label: str, sentences: Sequence[str]) -> Iterator[Text]:
        """Yield a word and what it is about, filled to the width."""
        room = max(self.width - _INDENT - len(label) - 2, 20)
        lines = [line for s in sentences for line in self._wrapped(s, room)]
        for k, line in enumerate(lines):
            found = Text(" " * _INDENT, no_wrap=True)
            found.append(f"{label}: " if not k else " " * (len(label) + 2), "bold" if not k else "")
            found.append(line)
            found.rstrip()
            yield found

    def filled(self, said: str, indent: int, style: str = "") -> Iterator[Text]:
        """Yield a sentence in as many lines as it takes."""
        for line in self._wrapped(said, self.width - indent):
            yield Text(" " * indent + line, style, no_wrap=True)

    def _wrapped(self, said: str, width: int) -> list[str]:
        lines = Text(self._safe(said)).wrap(self.console, max(width, 4))
        return [line.plain.rstrip() for line in lines]

    def _safe(self, text: str) -> str:
        return harmless(text, ascii_only=self.ascii_only)


def kinds(rows: Sequence[Kind]) -> RenderableType:
    """Return the table of all findings: name, severity, title, by group."""
    return _Kinds(rows)


@dataclass(frozen=True)
class _Kinds:
    rows: Sequence[Kind]

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        writer = _Writer(console, options.max_width, options.ascii_only)
        width = max((len(row.name) for row in self.rows), default=0)
        severities = max((len(row.severity) for row in self.rows), default=0)
        groups: Mapping[str, list[Kind]] = {
            str(group): list(rows) for group, rows in groupby(self.rows, lambda r: r.group)
        }
        for k, (group, rows) in enumerate(groups.items()):
            if k:
                yield Text()
            yield from writer.filled(group, 0, "bold")
            for row in rows:
                found = Text(f"  {row.name:<{width}}  ", no_wrap=True)
                found.append(f"{row.severity:<{severities}}  ", _LOOKS[row.severity][2])
                found.append(shorten(row.title, max(options.max_width - found.cell_len, 10),
                                     ascii_only=options.ascii_only))  # fmt: skip
                yield found
