"""`gradcli explain --concept`: a page on an idea, or the list of the pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.text import Text

from gradcli.errors import InputFault
from gradcli.explain import CONCEPTS, Concept
from gradcli.explain.concepts import Example
from gradcli.render import explain
from gradcli.render.words import harmless_lines, json_text

INDENT = 4  # of programs and what they print
WIDTH = 80  # of what stands in a Markdown page


def render(page: Concept | None) -> RenderableType:
    """Return a page for the terminal; None is the list of all."""
    if page is None:
        widest = max(map(len, CONCEPTS))
        rows = [Text(f"  {name:{widest}}  {title}") for name, title in CONCEPTS.items()]
        return Group(*rows, Text("\ngradcli explain --concept NAME shows a page", "dim"))
    return _Page(page)


@dataclass(frozen=True)
class _Page:
    page: Concept

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        yield from _lines(f"{self.page.name}: {self.page.title}", 0, "bold", console, options)
        for part in self.page.parts:
            yield Text()
            if isinstance(part, str):
                yield from _lines(part, 0, "", console, options)
                continue
            yield from _lines(part.program, INDENT, "cyan", console, options)
            if said := "\n".join([*part.printed, *filter(None, [part.error])]):
                yield Text()
                style = "red" if part.error else "green"
                yield from _lines(said, INDENT, style, console, options)
            if part.explained is not None:
                yield Text()
                inspection, found = part.explained
                yield explain.render(found, inspection=inspection)


def _lines(
    said: str, indent: int, style: str, console: Console, options: ConsoleOptions
) -> Iterator[Text]:
    """Yield a text in lines that fit the console, each as far to the right as its first."""
    for line in _spelled(harmless_lines(said), options.ascii_only).split("\n"):
        own = indent + len(line) - len(line.lstrip())
        for part in Text(line.lstrip()).wrap(console, max(options.max_width - own, 8)):
            yield Text(" " * own + part.plain.rstrip(), style, no_wrap=True)


def _spelled(said: str, ascii_only: bool) -> str:
    """Return a text in characters that the terminal has."""
    if not ascii_only:
        return said
    for mark, plain in (("…", "..."), ("·", "*"), ("²", "**2"), ("│", "|")):
        said = said.replace(mark, plain)
    return harmless_lines(said.encode("ascii", "backslashreplace").decode())


def markdown(page: Concept | None) -> str:
    """Return a page as Markdown; None is the list of all."""
    if page is None:
        return "".join(f"- `{name}`: {title}\n" for name, title in CONCEPTS.items())
    parts = [f"## {page.name}: {page.title}"]
    for part in page.parts:
        parts += [part] if isinstance(part, str) else _blocks(part)
    return "\n\n".join(parts) + "\n"


def _blocks(example: Example) -> Iterator[str]:
    yield f"```python\n{example.program}\n```"
    said = harmless_lines("\n".join([*example.printed, *filter(None, [example.error])]))
    if example.explained is not None:
        inspection, found = example.explained
        console = Console(file=StringIO(), width=WIDTH, no_color=True, highlight=False,
                          force_terminal=False, legacy_windows=False)  # fmt: skip
        console.print(explain.render(found, inspection=inspection))
        shown = console.file.getvalue()  # type: ignore[attr-defined]
        said = "\n\n".join(filter(None, [said, shown.rstrip()]))
    if said:
        yield f"```\n{said}\n```"


def json(page: Concept | None) -> str:
    """Return `gradcli.concept/1`: name, title and parts of a page, or the list of all.

    A part is a text, or `program` with what it `printed` and its `error` ("" where there is none).
    """
    if page is None:
        return json_text({"schema": "gradcli.concept/1", "concepts": CONCEPTS}, indent=2) + "\n"
    parts = [
        p if isinstance(p, str)
        else {"program": p.program, "printed": list(p.printed), "error": p.error}
        for p in page.parts
    ]  # fmt: skip
    record = {"schema": "gradcli.concept/1", "name": page.name, "title": page.title, "parts": parts}
    return json_text(record, indent=2) + "\n"


def latex(page: Concept | None) -> str:
    """Refuse: a page is prose.

    Raises: InputFault.
    """
    del page
    raise InputFault("a page on a concept is not written in LaTeX", hint="--format markdown")
