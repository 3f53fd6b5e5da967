"""The table of `check`: one row a parameter, then what is to be said, then the claims.

`render` returns a rich renderable that shows as many columns as the terminal has room for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap

from rich.box import Box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, JustifyMethod, OverflowMethod, RenderableType
from rich.table import Table
from rich.text import Text

from gradcli.render.cells import numbers_text, shorten
from gradcli.render.check_plot import plot
from gradcli.render.check_words import (
    coverage,
    coverage_note,
    distance_text,
    error_text,
    float_text,
    headline,
    numeric_text,
    place_text,
    points_text,
    sentence,
    summary,
)
from gradcli.render.claims import indented
from gradcli.render.numbers import align, filled
from gradcli.render.words import differing, harmless, one_line, plural, sides
from gradcli.verify.report import ClaimFinding, Element, Finding, Report
from gradcli.verify.verdicts import Verdict

_RULE = Box("    \n    \n ── \n    \n    \n    \n    \n    \n")
_ASCII_RULE = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
_GAP = 2
_NAME = 24  # a longer name is shortened
_DETAILS = 5  # elements listed of a gradient that is wrong

_ROW: Mapping[str, Callable[[Finding, Element], str]] = {
    "line": lambda f, _: str(f.line),
    "shape": lambda f, _: str(f.shape) if f.shape else "",
    "mode": lambda f, _: f.mode,
    "elements": lambda f, _: coverage(f),
    "output": lambda _, e: e.output,
    "worst": lambda _, e: place_text(e),
    "analytic": lambda _, e: float_text(e.analytic),
    "numeric ± error": lambda _, e: numeric_text(e),
    "abs. error": lambda _, e: distance_text(e, e.absolute),
    "rel. error": lambda _, e: distance_text(e, e.relative),
    "step": lambda _, e: error_text(e.step),
    "method": lambda f, _: f.method,
    "mean error": lambda f, _: error_text(f.mean),
    "cosine": lambda f, _: "" if f.cosine is None else f"{f.cosine:.6f}",
    "norm ratio": lambda f, _: "" if f.ratio is None else f"{f.ratio:.6f}",
}
_ALIGNED = ("analytic", "numeric ± error")
_RIGHT = ("line", "elements", "cosine", "norm ratio")
# what gives way, in this order, where the terminal is too narrow
_SPARE = (
    "method",
    "mean error",
    "norm ratio",
    "cosine",
    "line",
    "step",
    "shape",
    "abs. error",
    "elements",
    "rel. error",
)


def render(report: Report, *, verbose: bool = False) -> RenderableType:
    """Return the table; `verbose` lists elements and shows the sweep over steps."""
    return _Report(report, verbose)


@dataclass(frozen=True)
class _Report:
    """Everything `check` shows, for a console of any width and encoding."""

    report: Report
    verbose: bool

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        report, ascii_only = self.report, options.ascii_only
        yield Text(_plain(one_line(headline(report)), ascii_only), style="bold")
        if report.findings:
            yield Text()
            yield _table(report.findings, options)
            remarks = list(self._remarks(options))
            yield from [Text(), *remarks] if remarks else []
        yield from _claims(report.claims, options)
        if self.verbose:
            for finding in report.findings:
                yield from _sweep(finding, options)
        yield Text()
        good = report.status == 0
        yield Text(_sentence_case(summary(report)), style="bold" if good else "bold red")

    def _remarks(self, options: ConsoleOptions) -> Iterator[Text]:
        report = self.report
        shown = [f.verdict for f in report.findings if f.verdict is not Verdict.OK]
        said = set()
        for finding in report.findings:
            text = sentence(finding)
            if text is not None and text not in said:
                said.add(text)
                yield from _wrapped(text, options, finding.verdict.row.style)
            if not finding.level.good or self.verbose:
                yield from _details(finding, options, self.verbose)
        for verdict in dict.fromkeys(shown):
            text = f"{verdict.mark(options.ascii_only)} {verdict}: {verdict.row.meaning}"
            yield from _wrapped(text, options, "dim")
        for note in filter(None, [coverage_note(report.findings), *report.notes]):
            yield from _wrapped(note, options, "dim")


# ---- the table -----------------------------------------------------------------------------


def _table(findings: Sequence[Finding], options: ConsoleOptions) -> Table:
    ascii_only = options.ascii_only
    texts = _texts(findings, ascii_only)
    names = [f"{f.verdict.mark(ascii_only)} {_plain(f.parameter, ascii_only)}" for f in findings]
    names = [shorten(name, _NAME, ascii_only=ascii_only) for name in names]
    verdicts = [str(f.verdict) for f in findings]
    fixed = max(map(cell_len, ["  parameter", *names])) + max(map(len, ["verdict", *verdicts]))
    columns = _fitting(texts, options.max_width - fixed - _GAP)
    table = Table(
        box=_ASCII_RULE if ascii_only else _RULE,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="bold",
    )
    # rich's own ellipsis is a character that a console of ASCII does not have
    cut: OverflowMethod = "crop" if ascii_only else "ellipsis"
    table.add_column("  parameter", no_wrap=True, overflow=cut)
    for column in columns:
        justify: JustifyMethod = "right" if column in _RIGHT else "left"
        table.add_column(_plain(column, ascii_only), no_wrap=True, justify=justify, overflow=cut)
    table.add_column("verdict", no_wrap=True, overflow=cut)
    for k, finding in enumerate(findings):
        style = finding.verdict.row.style
        cells = [numbers_text([texts[column][k]]) for column in columns]
        table.add_row(Text(names[k], style), *cells, Text(finding.verdict, style))
    return table


def _texts(findings: Sequence[Finding], ascii_only: bool) -> dict[str, list[str]]:
    """Return the cells of each column; a column that says nothing is left out."""
    texts: dict[str, list[str]] = {}
    for column, text in _ROW.items():
        cells = [text(f, f.worst[0]) if f.worst else "" for f in findings]
        cells = [_plain(cell, ascii_only) for cell in cells]
        texts[column] = align(cells) if column in _ALIGNED else cells
    for column in ("mode", "output"):
        if len(set(texts[column])) == 1 and (column == "output" or texts[column][0] == "reverse"):
            del texts[column]
    return {column: cells for column, cells in texts.items() if any(cells)}


def _fitting(texts: Mapping[str, list[str]], room: int) -> list[str]:
    """Return the columns that fit."""
    widths = {c: max(map(cell_len, [c, *cells])) + _GAP for c, cells in texts.items()}
    for spare in _SPARE:
        if sum(widths.values()) <= room:
            break
        widths.pop(spare, None)
    return list(widths)


# ---- below the table -----------------------------------------------------------------------


def _details(finding: Finding, options: ConsoleOptions, verbose: bool) -> Iterator[Text]:
    """Yield the worst elements of a gradient, one a line, where the table shows but one."""
    if len(finding.worst) < 2 and not (verbose and finding.elements > 1):
        return
    shown = finding.worst if verbose else finding.worst[:_DETAILS]
    columns: dict[str, list[str]] = {
        "element": [finding.parameter + place_text(e) for e in shown],
        "analytic": align([float_text(e.analytic) for e in shown]),
        "numeric ± error": align([numeric_text(e) for e in shown]),
        "rel. error": [distance_text(e, e.relative) for e in shown],
        "step": [error_text(e.step) for e in shown],
        "verdict": [str(e.verdict) for e in shown],
    }
    plain = ([_plain(x, options.ascii_only) for x in (k, *v)] for k, v in columns.items())
    rows = list(zip(*plain, strict=True))
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for k, row in enumerate(rows):
        cells = [cell + " " * (w - cell_len(cell)) for cell, w in zip(row, widths, strict=True)]
        line = "  " + "  ".join(cells).rstrip()
        line = shorten(line, options.max_width, ascii_only=options.ascii_only)
        yield numbers_text([line]) if k else Text(line, style="dim")
    left_out = len(finding.worst) - len(shown)
    if left_out:
        yield Text(f"  and {left_out} more (--verbose, --json)", style="dim")


def _claims(claims: Sequence[ClaimFinding], options: ConsoleOptions) -> Iterator[Text]:
    if claims:
        yield Text()
    margin = max((len(f"line {c.claim.line}") for c in claims), default=0) + 5
    for finding in claims:
        yield from _claim(finding, margin, options)
    tried = [finding for finding in claims if finding.points]
    if tried and all(finding.holds for finding in tried):
        text = f"Claims on gradients hold at {plural(tried[0].points, 'random point')} too."
        yield from _wrapped(text, options, "dim")


def _claim(finding: ClaimFinding, margin: int, options: ConsoleOptions) -> Iterator[Text]:
    claim, ascii_only = finding.claim, options.ascii_only
    verdict = Verdict.OK if finding.holds else Verdict.WRONG
    mark, style = verdict.mark(ascii_only), verdict.row.style
    source = one_line(claim.source, ascii_only=ascii_only)
    room = options.max_width - margin
    first, *rest = wrap(source, room, break_long_words=False) or [""]
    yield Text(f"{mark} line {claim.line}".ljust(margin), style).append(first, "default")
    for line in rest:
        yield Text(" " * (margin + 2) + line)
    if finding.holds:
        if finding.outside or finding.kept:
            yield from indented(points_text(finding), margin, options, "dim")
        return
    yield from _sides(finding, margin, options)
    for text in differing(claim, finding.note, finding.worst):
        yield from indented(text, margin, options, "yellow" if text == finding.note else "")


def _sides(finding: ClaimFinding, margin: int, options: ConsoleOptions) -> Iterator[Text]:
    """Yield `source = value` for both sides of a claim, the values below each other."""
    ascii_only = options.ascii_only
    pairs = [
        (one_line(source, ascii_only=ascii_only), value)
        for source, value in sides(finding.claim, max((options.max_width - margin) // 2, 8))
    ]
    column = max((min(cell_len(source), _NAME) for source, _ in pairs), default=0)
    for source, value in pairs:
        head = shorten(source, column, ascii_only=ascii_only)
        for k, line in enumerate(value):
            before = head + " " * (column - cell_len(head)) + " = " if not k else ""
            yield numbers_text([" " * margin + before.ljust(column + 3) + line])


def _sweep(finding: Finding, options: ConsoleOptions) -> Iterator[Text]:
    """Yield the sweep over steps of the worst element, and what the difference looks like."""
    if not finding.sweep:
        return
    yield Text()
    worst = finding.worst[0]
    name = _plain(finding.parameter + place_text(worst), options.ascii_only)
    yield Text(f"{name}: central differences, step by step", style="bold")
    yield from map(Text, plot(finding.sweep, options.max_width, ascii_only=options.ascii_only))


def _wrapped(text: str, options: ConsoleOptions, style: str) -> Iterator[Text]:
    text = _plain(one_line(text), options.ascii_only)
    for line in filled(text.split(" "), options.max_width, gap=" "):
        yield Text(line, style=style)


def _plain(text: str, ascii_only: bool) -> str:
    """Return a line that the console can write, names of other alphabets among it."""
    if ascii_only:
        text = text.replace("±", "+-").replace("–", "-").replace("…", "...")
    return harmless(text, ascii_only=ascii_only)


def _sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:]
