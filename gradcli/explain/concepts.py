"""Pages on ideas: paragraphs, and programs that are run when the page is shown."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from textwrap import dedent

from gradcli.errors import GradcliError, InputFault, Source, visible
from gradcli.explain.concept_pages import PAGES
from gradcli.explain.explanation import Explanation, explained
from gradcli.inspection import Inspection
from gradcli.session import run

CONCEPTS = {name: title for name, (title, _) in PAGES.items()}
EXPLAIN = "# explain "
FILE = "example.expr"


@dataclass(frozen=True)
class Example:
    """A program and what came of it: what it printed, the error it ended with, a derivation."""

    program: str
    printed: tuple[str, ...]
    error: str
    explained: tuple[Inspection, list[Explanation]] | None


@dataclass(frozen=True)
class Concept:
    """A page: its name, what the idea is in a few words, and its paragraphs and examples."""

    name: str
    title: str
    parts: tuple[str | Example, ...]


def concept(name: str) -> Concept:
    """Return the page on an idea, its examples run now.

    Raises: InputFault where there is none of that name.
    """
    wanted = name.lower().replace("_", "-")
    found = next((known for known in PAGES if known.replace("_", "-") == wanted), None)
    if found is None:
        near = get_close_matches(name, PAGES, 1)
        guess = f"did you mean `{near[0]}`? " if near else ""
        raise InputFault(f"there is no page on `{visible(name)}`",
                         hint=f"{guess}There are {', '.join(PAGES)}")  # fmt: skip
    title, text = PAGES[found]
    return Concept(found, title, tuple(map(_part, text.strip("\n").split("\n\n"))))


def _part(block: str) -> str | Example:
    return _example(dedent(block)) if block.startswith("    ") else " ".join(block.split())


def _example(program: str) -> Example:
    last = program.splitlines()[-1]
    try:
        session = run(Source(FILE, program + "\n"))
        names = (last.removeprefix(EXPLAIN),) if last.startswith(EXPLAIN) else ()
        shown = explained(session, names) if names else None
    except GradcliError as error:
        return Example(program, (), str(error), None)
    return Example(program, tuple(session.tracer.printed), "", shown)
