"""Many files: a line each, what is to be said of those that are not well, and a summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.text import Text

from gradcli.render.cells import shorten
from gradcli.render.check_words import (
    sentence,
    summary,
)
from gradcli.render.numbers import filled
from gradcli.render.words import differing, one_line, plural, sides
from gradcli.verify.run import Outcome

WIDTH = 96  # of the values of a claim's sides


def render(outcomes: Sequence[Outcome], *, column: int, left_out: int = 0) -> RenderableType:
    """Return the lines; `column` is the width of the names, `left_out` counts files not checked."""
    return _Files(outcomes, column, left_out)


@dataclass(frozen=True)
class _Files:
    """The lines of all files, for a console of any width and encoding."""

    outcomes: Sequence[Outcome]
    column: int
    left_out: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        # escaped names are longer
        names = [one_line(o.file, ascii_only=options.ascii_only) for o in self.outcomes]
        column = min(max([self.column, *map(cell_len, names)]), options.max_width // 2)
        for outcome in self.outcomes:
            yield from _line(outcome, column, options.max_width, options.ascii_only)
        yield Text()
        good = all(outcome.status == 0 for outcome in self.outcomes)
        yield Text(total(self.outcomes, self.left_out), "bold" if good else "bold red")


def _line(outcome: Outcome, column: int, width: int, ascii_only: bool) -> Iterator[Text]:
    mark, style = outcome.verdict.mark(ascii_only), outcome.verdict.row.style
    name = shorten(one_line(outcome.file, ascii_only=ascii_only), column, ascii_only=ascii_only)
    text = _text(outcome)
    head = Text(f"{mark} {name}{' ' * (column - cell_len(name))}  ", style)
    yield head.append(shorten(text, max(width - column - 4, 8), ascii_only=ascii_only), "default")
    for remark in remarks(outcome):
        for part in filled(one_line(remark, ascii_only=ascii_only).split(" "), width - 4, gap=" "):
            yield Text("    " + part)


def _text(outcome: Outcome) -> str:
    if outcome.needs:
        return f"needs inputs: {', '.join(outcome.needs)}"
    return "error" if outcome.report is None else summary(outcome.report)


def remarks(outcome: Outcome) -> Iterator[str]:
    """Yield what is to be said of a file that is not well."""
    if outcome.needs:
        return
    if outcome.report is None:
        yield (outcome.error or "").splitlines()[0]
        return
    for finding in outcome.report.findings:
        text = sentence(finding)
        if text is not None and not finding.level.good:
            yield f"{finding.verdict} {text}"
    for claim in outcome.report.claims:
        if not claim.holds:
            note = f": {claim.note}" if claim.note else ""
            yield f"line {claim.claim.line}: {claim.claim.source} is false{note}"
            for source, value in sides(claim.claim, WIDTH):
                yield f"  {source} = {' '.join(value)}"
            yield from (f"  {text}" for text in differing(claim.claim, "", claim.worst))


def total(outcomes: Sequence[Outcome], left_out: int = 0) -> str:
    """Return the summary of all files."""
    bad = sum(o.status == 1 for o in outcomes)
    errors = sum(o.status == 2 for o in outcomes)
    unclear = sum(o.status == 3 for o in outcomes)
    skipped = sum(bool(o.needs) for o in outcomes)
    parts = [plural(len(outcomes) - skipped, "file") + " checked"]
    if len(outcomes) > skipped and not (bad or errors or unclear):
        parts.append("all well")
    for count, what in ((bad, "wrong"), (errors, "with an error"), (unclear, "undecided")):
        if count:
            parts.append(f"{count} {what}")
    if skipped:
        parts.append(f"{skipped} skipped ({'needs' if skipped == 1 else 'need'} inputs)")
    if left_out:
        parts.append(f"{left_out} left out (--fail-fast)")
    return ", ".join(parts)
