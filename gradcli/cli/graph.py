"""`gradcli graph`: the graph as a picture."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from warnings import catch_warnings, simplefilter

import typer

from gradcli.cli import options as o
from gradcli.cli.output import OK, complain, joined, show_each, write
from gradcli.cli.progress import Progress
from gradcli.errors import InputFault, Source

if TYPE_CHECKING:
    from gradcli.inspection import Inspection
    from gradcli.session import Session


class Format(StrEnum):
    """What the graph is drawn as."""

    svg = "svg"
    png = "png"
    pdf = "pdf"
    html = "html"
    mermaid = "mermaid"
    markdown = "markdown"
    json = "json"
    dot = "dot"
    tree = "tree"
    ascii = "ascii"


class Theme(StrEnum):
    """The colours of a picture."""

    light = "light"
    dark = "dark"
    print = "print"
    mono = "mono"


class Functions(StrEnum):
    """How calls of a file's functions are drawn."""

    auto = "auto"
    open = "open"
    closed = "closed"


# what a file of some ending is written as
_ENDINGS = {
    ".svg": Format.svg,
    ".png": Format.png,
    ".pdf": Format.pdf,
    ".html": Format.html,
    ".mmd": Format.mermaid,
    ".md": Format.markdown,
    ".json": Format.json,
    ".dot": Format.dot,
    ".gv": Format.dot,
}
_TEXTS = (Format.dot, Format.tree, Format.ascii)  # of which several may stand in one file
_TREES = ("", ".txt")  # endings of files that --tree and --dot may be written to
_LIMIT = o.Running().max_nodes
HOPS = 2  # edges
MOST = 150  # cards of a picture
_NO_PICTURE = "gradcli graph … --dot | dot -T{} -o {}"
_OTHERS = (".bmp", ".eps", ".gif", ".jpeg", ".jpg", ".ps", ".tif", ".tiff", ".webp")


@o.runs_files
def graph(
    run: o.Running,
    files: o.Files = None,
    output: o.Output = None,
    format: Annotated[
        Format | None,
        typer.Option("--format", help="What to draw (default: as FILE's ending says)."),
    ] = None,
    dot: Annotated[
        bool, typer.Option("--dot", help="In graphviz's language (default, but on a terminal).")
    ] = False,
    tree: Annotated[
        bool, typer.Option("--tree", help="As a tree (default on a terminal).")
    ] = False,
    values: Annotated[
        bool | None,
        typer.Option(
            "--values/--no-values",
            help="Whether nodes have their values and gradients (default: but not in DOT).",
            show_default=False,
        ),
    ] = None,
    backward: Annotated[
        bool,
        typer.Option(
            "--backward",
            help="The graph of grad_fn that backward follows, and what it has saved.",
        ),
    ] = False,
    combined: Annotated[
        bool, typer.Option("--combined", help="What flows back, beside the edges of a picture.")
    ] = False,
    local: Annotated[
        bool, typer.Option("--local", help="Local derivatives beside the edges of a picture.")
    ] = False,
    named: Annotated[bool, typer.Option("--named", help="Named nodes only.")] = False,
    around: Annotated[
        str | None, typer.Option("--around", metavar="NODE", help="What is near to a node only.")
    ] = None,
    hops: Annotated[
        int, typer.Option("--hops", min=0, metavar="N", help="How near, in edges.")
    ] = HOPS,
    ascii_: Annotated[
        bool, typer.Option("--ascii", help="As boxes and lines of characters.")
    ] = False,
    html: Annotated[bool, typer.Option("--html", help="As a page that stands alone.")] = False,
    opened: Annotated[
        bool,
        typer.Option("--open", help="Open the page in the browser (without -o: a temporary file)."),
    ] = False,
    functions: Annotated[
        Functions,
        typer.Option("--functions", help="Calls of functions as boxes, or as one card each."),
    ] = Functions.auto,
    rankdir: Annotated[
        str | None,
        typer.Option(
            "--rankdir",
            metavar="TB|LR",
            help="From the top, or from the left (default: TB; as fits in a page).",
        ),
    ] = None,
    theme: Annotated[Theme, typer.Option("--theme", help="Colours of a picture.")] = Theme.light,
    of: o.Of = None,
    precision: o.Precision = None,
    full: Annotated[bool, typer.Option("--full", help="Leave nothing out.")] = False,
) -> None:
    """Draw the graph of a file: as a picture, as a tree, or in the language of graphviz.

    `-o graph.svg` and `-o graph.png` draw cards with values and gradients, `-o report.html` a page
    that plays them step by step; on a terminal it is a tree, in a pipe the language of graphviz. Of
    a picture, --max-nodes is how many cards it has at most: the others are folded.
    """
    flags = {Format.dot: dot, Format.tree: tree, Format.html: html or opened, Format.ascii: ascii_}
    said = [*([format] if format else []), *(f for f, wanted in flags.items() if wanted)]
    kind = _kind(said, backward, output)
    if kind not in _TEXTS and len(files or ()) > 1:
        raise typer.BadParameter("a picture is of one FILE; give one at a time, or --format dot")
    _refuse(kind, {
        "--values": values is not None and kind is Format.tree, "--backward": backward and
        kind is Format.tree, "--combined": combined, "--local": local, "--named": named,
        "--around": around is not None, "--functions": functions is not Functions.auto,
        "--rankdir": bool(_across(rankdir)), "--theme": theme is not Theme.light,
    })  # fmt: skip
    if around is None and hops != HOPS:
        raise typer.BadParameter("--hops N is how near to the node of --around NODE")
    if backward and (other := _first({
        "--around": around is not None, "--named": named, "--combined": combined, "--local": local,
        "--functions": functions is not Functions.auto,
    })):  # fmt: skip
        raise typer.BadParameter(f"--backward draws functions, {other} is of tensors: choose one")
    from gradcli.facts import inspect
    from gradcli.render import GRAPH

    statuses = [OK]
    most = MOST if run.max_nodes == _LIMIT else run.max_nodes
    if kind not in _TEXTS:
        run = run._replace(max_nodes=_LIMIT)

    def one(source: Source, folder: Path) -> tuple[Session, Inspection]:
        options = run.options(folder)
        request = o.made_request(options, of, None)
        with Progress("nodes") as progress:
            session = o.session(source, options, request, progress)
            return session, inspect(session)

    found: Iterable[tuple[Session, Inspection]] = o.each(files, run.expr, one, statuses)
    if output is not None:
        found = list(found)  # who writes to a file has a bar of its own
    if kind is Format.tree:
        trees = (GRAPH["tree"](graph, full=full, precision=precision) for _, graph in found)
        show_each(trees, output)
    elif kind is Format.dot:
        how: dict[str, Any] = {"values": bool(values), "backward": backward}
        how |= {"precision": precision, "full": full}
        write(joined("dot", (GRAPH["dot"].pieces(graph, **how) for _, graph in found)), output)
    else:
        from gradcli.cli.browser import fresh_page, show_page
        from gradcli.picture import PICTURES
        from gradcli.picture.cards import Asked

        asked = Asked(
            values is not False, precision, named, around, hops, most, full,
            theme=theme.value, across=_across(rankdir), backward=backward, combined=combined,
            local=local, functions=functions.value,
        )  # fmt: skip
        drawn = (PICTURES[kind.value](g, asked=asked, session=s) for s, g in found)
        if kind is Format.ascii:
            show_each(drawn, output)
        else:
            place = fresh_page() if opened and output is None else output
            for picture in _complaining(drawn):
                write(picture, place)
                if opened and place is not None:
                    show_page(place)
    raise typer.Exit(max(statuses))


def _kind(said: list[Format], backward: bool, output: Path | None) -> Format:
    """Return what is drawn: as an option says, as a file's ending does, as suits the place."""
    if len(set(said)) > 1:
        raise typer.BadParameter(f"choose one of {' and '.join(f'--{f}' for f in set(said))}")
    if output is None:
        if said:
            kind = said[0]
            if kind in (Format.png, Format.pdf) and sys.stdout.isatty():
                said_of = f"a {kind.upper()} says nothing on a terminal"
                raise InputFault(said_of, hint=f"-o graph.{kind}")
            return kind
        return Format.tree if sys.stdout.isatty() and not backward else Format.dot
    ending = output.suffix.lower()
    if ending in _TREES:
        return said[0] if said else Format.dot
    if ending in _OTHERS or ending not in _ENDINGS:
        made = _NO_PICTURE.format(ending[1:], output)
        known = ", ".join(_ENDINGS)
        raise InputFault(
            f"{output}: a graph is not drawn as {ending}",
            hint=f"graphviz makes it: {made}" if ending in _OTHERS else f"name it {known} or .txt",
        )
    if said and said[0] is not _ENDINGS[ending]:
        raise InputFault(
            f"{output}: --{said[0]} is not written as {ending}", hint="leave out one of the two"
        )
    return _ENDINGS[ending]


# which options say nothing in which formats
_UNSAID: Mapping[Format, tuple[str, ...]] = {
    Format.tree: ("--values", "--backward", "--combined", "--local", "--named", "--around",
                  "--functions", "--rankdir", "--theme"),
    Format.dot: ("--combined", "--local", "--named", "--around", "--functions", "--rankdir",
                 "--theme"),
    Format.ascii: ("--combined", "--local", "--rankdir", "--theme"),
}  # fmt: skip


def _refuse(kind: Format, given: Mapping[str, bool]) -> None:
    """Refuse an option that the format has no words for."""
    unsaid = _first({name: given[name] for name in _UNSAID.get(kind, ())})
    if unsaid:
        raise typer.BadParameter(f"{unsaid} does not go with --{kind}; -o graph.svg has it")


def _first(given: Mapping[str, bool]) -> str:
    return next((name for name, is_given in given.items() if is_given), "")


def _complaining(drawn: Iterable[Any]) -> Iterator[Any]:
    """Yield pictures, and say on standard error what they lack."""
    with catch_warnings(record=True) as said:
        simplefilter("always", UserWarning)
        yield from drawn
    for warning in said:
        complain(f"warning: {warning.message}")


def _across(rankdir: str | None) -> bool | None:
    if rankdir is not None and rankdir.upper() not in ("TB", "LR"):
        raise InputFault(f"--rankdir {rankdir}: there are TB and LR")
    return None if rankdir is None else rankdir.upper() == "LR"
