"""`gradcli diff`: two runs side by side, from where on they differ, and why."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from gradcli.cli import options as o
from gradcli.cli.output import FALSE, OK, show, write
from gradcli.cli.progress import Progress
from gradcli.errors import GradcliError, InputFault, Source, cropped

if TYPE_CHECKING:
    from gradcli.session import Session

_BOUND = ("set", "param")  # what binds inputs, one by one
_SETTINGS = ("dtype", "seed", *_BOUND, "data", "wrt")  # what a run may differ in
_LONGEST = 60  # characters of a setting in a heading


class Format(StrEnum):
    """How the comparison is written."""

    table = "table"
    json = "json"
    markdown = "markdown"


class _Chosen(NamedTuple):
    """One of the two runs: its text, where it stands, its options, what to call it."""

    source: Source
    folder: Path
    run: o.Running
    name: str


@o.runs_files
def diff(
    run: o.Running,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE [FILE]",
            help="Expression files; - is standard input.",
            autocompletion=o.files,
        ),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option("--revision", metavar="REV", help="Compare with FILE as git has it there."),
    ] = None,
    of: o.Of = None,
    rtol: Annotated[
        float | None,
        typer.Option("--rtol", min=0, help="Relative tolerance (default: by the coarser dtype)."),
    ] = None,
    atol: Annotated[
        float | None,
        typer.Option("--atol", min=0, help="Absolute tolerance (default: by the coarser dtype)."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Show equal rows and those without a name too.")
    ] = False,
    format: Annotated[Format, typer.Option("--format", help="How to write.")] = Format.table,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    output: o.Output = None,
) -> None:
    """Compare two files, or a file with itself under other settings, and explain the difference.

    With one FILE the options --dtype, --seed, --set, --param, --data and --wrt are those of the
    right side alone. An input that FILE needs is bound on both; given twice, first on the left.

    Exit status: 0 the same within the tolerance, 1 they differ, 2 the input is wrong.
    """  # fmt: skip
    left, right = _chosen(files or [], run, revision)
    kind = "json" if json else format.value
    from gradcli.compare import Tolerance, compared
    from gradcli.render import DIFF

    notes = ("data files are read as they lie on disk now, on both sides",) if revision else ()
    sessions = [_run(side, of) for side in (left, right)]
    tolerance = Tolerance(rtol, atol)
    found = compared(sessions[0], sessions[1], (left.name, right.name), tolerance, notes)
    rendered = DIFF[kind](found, everything=everything)
    if kind == "table":
        show(rendered, output)
    else:
        write(rendered, output)
    raise typer.Exit(OK if found.same else FALSE)


def _run(side: _Chosen, of: str | None) -> Session:
    """Run one side; its errors say which it is, where its text does not."""
    try:
        options = side.run.options(side.folder)
        request = o.made_request(options, of, None)
        with Progress("nodes") as progress:
            return o.session(side.source, options, request, progress)
    except GradcliError as error:
        if side.name != side.source.name:
            error.message = f"{error.message} (in {side.name})"
        raise


def _chosen(files: list[str], run: o.Running, revision: str | None) -> tuple[_Chosen, _Chosen]:
    """Return what is compared with what."""
    if len(files) + (run.expr is not None) > 2:
        raise InputFault("diff compares two: give a FILE or two", hint="gradcli diff A B")
    if files.count("-") > 1:
        raise InputFault("standard input can be read once only: - stands for one of the two")
    if len(files) + (run.expr is not None) == 2:
        if revision is not None:
            raise InputFault("--revision compares a file with itself: give one FILE")
        texts = [o.source_and_folder(file, None) for file in files]
        if run.expr is not None:
            texts.append(o.source_and_folder(None, run.expr))
        first, second = (_Chosen(source, folder, run, source.name) for source, folder in texts)
        return first, second
    source, folder = o.source_and_folder(files[0] if files else None, run.expr)
    if revision is None:
        return _settings(source, folder, run)
    if not files or files[0] == "-":
        raise InputFault("--revision needs a FILE that git can have")
    from gradcli.compare.revision import source_at

    before = source_at(Path(files[0]), revision)
    name = f"{source.name} at {revision}"
    return _Chosen(before, folder, run, name), _Chosen(source, folder, run, source.name)


def _settings(source: Source, folder: Path, run: o.Running) -> tuple[_Chosen, _Chosen]:
    """Return a file as it stands, and under the settings that are given.

    An input that it needs has a value on both sides: the first that is given, and the last.
    """
    from gradcli.data import read_bindings
    from gradcli.syntax import parse
    from gradcli.trace.inputs import free_names

    needed = set(free_names(parse(source)))
    given = [(option, text) for option in _BOUND for text in getattr(run, option) or ()]
    first, last = dict[str, tuple[str, str]](), dict[str, tuple[str, str]]()
    twice = set[str]()
    for option, text in given:
        name = text.partition("=")[0].strip()
        twice |= {name} & first.keys()
        first.setdefault(name, (option, text))
        last[name] = option, text
    both = {name: first[name] for name in first if name in needed | twice}
    plain = o.Running()
    reset = {name: getattr(plain, name) for name in _SETTINGS}
    if run.data is not None and needed & read_bindings(run.data).keys():
        reset["data"] = run.data
    left = _with(run._replace(**reset), both)
    right = _with(run, last)
    told = _told(right, left)
    if not told:
        raise InputFault(
            f"{source.name}: there is nothing to compare it with",
            hint="give a second FILE, a setting such as --dtype float32, --seed 1 or -p NAME=VALUE "
            "(an input twice: left's, then right's), or --revision HEAD",
        )
    return (
        _Chosen(source, folder, left, " ".join([source.name, *_told(left, right, _BOUND)])),
        _Chosen(source, folder, right, " ".join([source.name, *told])),
    )


def _with(run: o.Running, bound: dict[str, tuple[str, str]]) -> o.Running:
    """Return a run's options with other inputs bound, each by the option that it was given with."""
    texts = {option: [text for one, text in bound.values() if one == option] for option in _BOUND}
    return run._replace(set=texts["set"], param=texts["param"])


def _told(run: o.Running, other: o.Running, names: tuple[str, ...] = _SETTINGS) -> list[str]:
    """Return the settings that a run has and another has not, as they are given."""
    found = []
    for name in names:
        value, beside = getattr(run, name), getattr(other, name)
        if isinstance(value, list):
            values = [v for v in value if v not in (beside or [])]
        else:
            values = [] if value == beside or value is None else [value]
        found += [f"--{name} {quote(cropped(str(v), _LONGEST))}" for v in values]
    return found
