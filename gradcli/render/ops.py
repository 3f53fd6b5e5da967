"""`gradcli ops`: the table of operations as lines, as a page, and as data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from gradcli.reference import Entry
from gradcli.render.cells import shorten
from gradcli.render.words import harmless, json_text

SCHEMA = "gradcli.ops/1"
_NAME, _RULE = 20, 34  # columns of a name, and of a derivative beside words
PAGE = 3  # so many operations or fewer are shown whole
_SPELLED = str.maketrans({  # the signs of the table's formulas, for consoles of ASCII
    "∞": "inf", "·": "*", "≤": "<=", "²": "^2", "ᵃ": "^a", "ᵇ": "^b", "ᴴ": "^H", "ᵀ": "^T",
    "α": "alpha", "β": "beta", "λ": "lambda", "π": "pi", "Γ": "Gamma", "ζ": "zeta",
})  # fmt: skip


def render(entries: Sequence[Entry], others: Sequence[Entry] = ()) -> RenderableType:
    """Return a line for each operation, or the whole of each where they are few.

    `others` are named below.
    """
    return _Pages(entries, others) if len(entries) <= PAGE else _Lines(entries)


class _Lines:
    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        head = f"{'operation':{_NAME}} {'derivative':{_RULE}} what it is"
        yield Text(head, style="bold", no_wrap=True)
        for entry in self.entries:
            name = f"{entry.name:{_NAME}} "
            room = max(options.max_width - len(name), _NAME)
            rule = _plain(_foremost(entry), options)
            words = _plain(entry.doc, options)
            shown = f"{rule:{_RULE}} {words}" if len(rule) <= _RULE else rule
            line = Text(name, no_wrap=True)
            yield line.append(shorten(shown, room, ascii_only=options.ascii_only))
        yield Text(f"\n{len(self.entries)} operations; gradcli ops NAME shows one", style="dim")


class _Pages:
    def __init__(self, entries: Sequence[Entry], others: Sequence[Entry]) -> None:
        self.entries = entries
        self.others = others

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        for i, entry in enumerate(self.entries):
            if i:
                yield Text()
            yield Text(entry.signature, style="bold")
            yield Text(f"  {_plain(entry.doc, options)}")
            table = Table.grid(padding=(0, 2, 0, 0))
            table.add_column(style="dim", no_wrap=True)
            table.add_column(overflow="fold")
            for name, text in _facts(entry):
                table.add_row(f"  {name}", Text(_plain(text, options)))
            yield table
        if self.others:
            names = ", ".join(entry.name for entry in self.others)
            yield Text(f"\nothers with that in their names: {names}", style="dim")


def _foremost(entry: Entry) -> str:
    """Return the derivative by the first argument; of what is made of others, in an example."""
    for derivative in entry.derivatives:
        for rule in derivative.formulas:
            return rule.text
    for gradient in entry.gradients:
        return f"{gradient.formulas[0].text}   ({gradient.example})"
    return "made of others" if entry.steps else "no gradient"


def _facts(entry: Entry) -> Iterator[tuple[str, str]]:
    for derivative in entry.derivatives:
        yield "grad_fn", derivative.grad_fn
        for formula in derivative.formulas:
            yield "", f"{formula.argument}: {formula.text}"
    for gradient in entry.gradients:
        yield "gradient", f"of {gradient.example}"
        for formula in gradient.formulas:
            yield "", f"{formula.argument}: {formula.text}"
    if entry.steps:
        yield "made of", ", ".join(entry.steps)
    if entry.kink:
        yield "kink", entry.kink
    if entry.domain:
        yield "domain", ", ".join(f"({_end(a)}, {_end(b)})" for a, b in entry.domain)
    if entry.needs:
        yield "needs", entry.needs
    if entry.aliases:
        yield "also", ", ".join(entry.aliases)
    if entry.examples:
        yield "examples", "; ".join(entry.examples)


def _plain(text: str, options: ConsoleOptions) -> str:
    """Return a formula as a console can write it."""
    return harmless(text.translate(_SPELLED) if options.ascii_only else text,
                    ascii_only=options.ascii_only)  # fmt: skip


def _end(x: float) -> str:
    return "∞" if x == float("inf") else "-∞" if x == -float("inf") else f"{x:g}"


def record(entry: Entry) -> dict[str, Any]:
    """Return an operation as data, in the schema `gradcli.ops/1`.

    Keys: `name`, `family`, `signature`, `doc`, `aliases`, `kink` (or ""), `needs` (an
    argument and the structure that it needs: `L: triangular`, or ""), `examples`; `domain`, a
    pair of ends for each argument, infinities as strings; `derivatives`, each with `grad_fn` and
    `formulas` from argument to text, where `g` is the result's cotangent and `y` the result;
    `steps`, the grad_fn classes of an operation that is written with others, and `gradients`, each
    an `example` of it with `formulas`, `g` being the cotangent of its result.
    """
    return {
        "name": entry.name,
        "family": entry.family,
        "signature": entry.signature,
        "doc": entry.doc,
        "aliases": entry.aliases,
        "derivatives": [
            {"grad_fn": d.grad_fn, "formulas": {f.argument: f.text for f in d.formulas}}
            for d in entry.derivatives
        ],
        "steps": entry.steps,
        "gradients": [
            {"example": d.example, "formulas": {f.argument: f.text for f in d.formulas}}
            for d in entry.gradients
        ],
        "kink": entry.kink,
        "domain": [[_number(end) for end in pair] for pair in entry.domain],
        "needs": entry.needs,
        "examples": entry.examples,
    }


def _number(x: float) -> float | str:
    return x if abs(x) != float("inf") else ("inf" if x > 0 else "-inf")


def to_json(entries: Sequence[Entry]) -> str:
    """Return operations as JSON, a line each."""
    lines = ",\n    ".join(json_text(record(e)) for e in entries)
    return f'{{\n  "schema": "{SCHEMA}",\n  "operations": [\n    {lines}\n  ]\n}}\n'
