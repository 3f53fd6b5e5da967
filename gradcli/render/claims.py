"""Claims and notices for the terminal: the lines below the table."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from rich.cells import cell_len
from rich.console import ConsoleOptions
from rich.text import Text

from gradcli.inspection import Claim, Inspection
from gradcli.render.cells import numbers_text, shorten
from gradcli.render.words import differing, one_line, sides


def claims(
    inspection: Inspection, options: ConsoleOptions, precision: int | None = None
) -> Iterator[Text]:
    """Yield the lines of the claims, each with both of its sides; nothing where there are none."""
    if not inspection.claims:
        return
    yield Text()
    margin = max(len(f"line {claim.line}") for claim in inspection.claims) + 5
    for claim in inspection.claims:
        yield from _claim(claim, margin, options, precision)


def notices(inspection: Inspection, options: ConsoleOptions) -> Iterator[Text]:
    """Yield the lines of the notices; nothing where there are none."""
    if inspection.notices:
        yield Text()
    for notice in inspection.notices:
        message = one_line(notice.message, ascii_only=options.ascii_only)
        yield Text(f"line {notice.line}: {message}", style="yellow")


def _claim(
    claim: Claim, margin: int, options: ConsoleOptions, precision: int | None
) -> Iterator[Text]:
    ascii_only = options.ascii_only
    mark = ("ok" if claim.holds else "NO") if ascii_only else ("✓" if claim.holds else "✗")
    head = Text(f"{mark:2} line {claim.line}".ljust(margin), "green" if claim.holds else "bold red")
    source = one_line(claim.source, ascii_only=ascii_only)
    first, *rest = wrap(source, max(options.max_width - margin, 20)) or [""]
    yield head.append(first, "default")
    yield from (Text(" " * margin + line) for line in rest)
    details = list(_sides(claim, options.max_width - margin, precision, ascii_only))
    for line in details:
        yield numbers_text([" " * margin + line])
    for text in [] if claim.holds else differing(claim, claim.note):
        yield from indented(text, margin, options, "yellow" if text == claim.note else "")


def indented(text: str, margin: int, options: ConsoleOptions, style: str) -> Iterator[Text]:
    """Yield the lines of a sentence about a claim."""
    for line in wrap(one_line(text, ascii_only=options.ascii_only), options.max_width - margin):
        yield Text(" " * margin + line, style)


def _sides(claim: Claim, width: int, precision: int | None, ascii_only: bool) -> Iterator[str]:
    """Yield `source = value` for both sides, the values below each other."""
    sources = [one_line(source, ascii_only=ascii_only) for source, _ in sides(claim, width)]
    column = min(max(map(cell_len, sources), default=0), width // 2)
    room = max(width - column - 3, 8)
    for source, (_, value) in zip(sources, sides(claim, room, precision), strict=True):
        head = shorten(source, column, ascii_only=ascii_only)
        yield head + " " * (column - cell_len(head)) + " = " + value[0]
        yield from (" " * (column + 3) + line for line in value[1:])
