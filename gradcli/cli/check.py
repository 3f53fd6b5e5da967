"""`gradcli check`: every gradient against finite differences, and every claim."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gradcli.cli import complete
from gradcli.cli import options as o
from gradcli.cli.output import complain, show, write
from gradcli.cli.progress import Progress
from gradcli.errors import visible

if TYPE_CHECKING:
    from gradcli.verify import Report, Settings
    from gradcli.verify.run import Outcome


class Format(StrEnum):
    """How the findings are written."""

    table = "table"
    json = "json"
    markdown = "markdown"
    junit = "junit"
    github = "github"


Files = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FILE...",
        help="Expression files, or folders of them; - is standard input.",
        autocompletion=complete.files,
    ),
]


@o.runs_files
def check(
    run: o.Running,
    files: Files = None,
    of: Annotated[
        str | None,
        typer.Option(
            "--of",
            metavar="NODE,...",
            help="What to differentiate (default: see docs/language.md).",
        ),
    ] = None,
    mode: Annotated[
        str, typer.Option("--mode", metavar="MODE,...", help="reverse, forward or both.")
    ] = "reverse",
    order: Annotated[
        int, typer.Option("--order", min=1, max=2, help="2 checks the gradient of the gradient.")
    ] = 1,
    points: Annotated[
        int,
        typer.Option(
            "--points", min=0, help="Random points for claims, and for inputs without values."
        ),
    ] = 8,
    max_elements: Annotated[
        int | None,
        typer.Option(
            "--max-elements",
            min=1,
            help="Larger parameters are sampled (default: 4096, fewer in large graphs).",
        ),
    ] = None,
    tolerance: Annotated[
        float, typer.Option("--tolerance", min=0, help="Relative, beside the error bar.")
    ] = 1e-6,
    digits: Annotated[
        int | None,
        typer.Option(
            "--digits",
            min=15,
            max=1000,
            metavar="N",
            help="Decide with N digits of every derivative (needs mpmath).",
        ),
    ] = None,
    through_detach: Annotated[
        bool, typer.Option("--through-detach", help="Let differences see through detach, no_grad.")
    ] = False,
    format: Annotated[Format, typer.Option("--format", help="How to write.")] = Format.table,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    github: Annotated[bool, typer.Option("--github", help="The same as --format github.")] = False,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit's XML here too.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail where every gradient is 0: nothing was tested.")
    ] = False,
    allow_nonfinite: Annotated[
        bool,
        typer.Option("--allow-nonfinite", help="Let gradients and roots be nan or infinite."),
    ] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop at the first file that is not well.")
    ] = False,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="Processes for the work.")] = 1,
    against: Annotated[
        str | None,
        typer.Option(
            "--against", metavar="torch|jax", help="Compare with this library's own run instead."
        ),
    ] = None,
    max_seconds: Annotated[
        float,
        typer.Option("--max-seconds", min=0, metavar="N", help="Most seconds of a run --against."),
    ] = 300.0,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="List elements, and show the sweep over steps.")
    ] = False,
    output: o.Output = None,
) -> None:
    """Compare every gradient with finite differences, and evaluate the claims.

    Exit status: 0 all well, 1 a gradient is wrong or not finite or a claim false, 2 the input is
    wrong, 3 undecided.
    """
    # products are small and many, and processes share the cores; numpy is imported only now
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from gradcli.verify import Settings

    settings = Settings(
        of=tuple(name.strip() for name in (of or "").split(",") if name.strip()),
        modes=_modes(mode), order=order, points=points, max_elements=max_elements,
        tolerance=tolerance, through_detach=through_detach, verbose=verbose, seed=run.seed,
        strict=strict, allow_nonfinite=allow_nonfinite,
        digits=digits,
    )  # fmt: skip
    kind = "json" if json else "github" if github else format.value
    paths = _paths(files, run.expr)
    named = frozenset[str | None](files or ()) | {None}
    if len(paths) == 1:
        settings = replace(settings, jobs=jobs)  # several files are shared out whole
    if against is not None:
        raise typer.Exit(_against(against, paths, run, named, kind, output, max_seconds))
    if len(paths) == 1 and kind == "table" and (not files or paths[0] in files):
        found = [_one(paths[0], run, settings, output)]
    else:
        one = partial(_attempted, run=run, settings=settings, named=named)
        found = _several(paths, one, jobs, fail_fast, kind, output)
    if junit is not None:
        write(_rendered("junit", found), junit)
    from gradcli.verify.run import status_of

    raise typer.Exit(status_of(found))


def _modes(text: str) -> Any:
    modes = tuple(dict.fromkeys(m.strip() for m in text.split(",") if m.strip()))
    if not modes or any(m not in ("reverse", "forward") for m in modes):
        raise typer.BadParameter("reverse, forward or reverse,forward", param_hint="--mode")
    return modes


def _paths(files: list[str] | None, expr: str | None) -> list[str | None]:
    """Return the files to check; None stands for the text of --expr, or for nothing at all."""
    from gradcli.verify.run import files_in

    if not files or expr is not None:
        return [files[0] if files else None]
    return list(files_in(files))


def _report(file: str | None, run: o.Running, settings: Settings, **more: Any) -> Report:
    from gradcli.run import checked

    source, folder = o.source_and_folder(file, run.expr)
    return checked(source, run.options(folder), settings, **more)


def _attempted(
    file: str | None,
    *,
    run: o.Running,
    settings: Settings,
    named: frozenset[str | None],
) -> Outcome:
    """Check one of several files. One that a folder brought may need inputs, and is skipped."""
    from gradcli.verify.run import attempted

    walked = file not in named
    return attempted(file or "<expr>", lambda: _report(file, run, settings, walked=walked))


def _one(
    file: str | None,
    run: o.Running,
    settings: Settings,
    output: Path | None,
) -> Outcome:
    """Check one file, and show all of it. Its errors are the command's."""
    from gradcli.render import CHECK
    from gradcli.verify.run import Outcome, timed

    def checked() -> Outcome:
        with Progress("elements") as progress:
            report = _report(file, run, settings, progress=progress.advance)
        return Outcome(report.file, report)

    outcome = timed(checked)
    show(CHECK["table"](outcome.report, verbose=settings.verbose), output)
    return outcome


def _several(
    paths: list[str | None], one: Any, jobs: int, fail_fast: bool, kind: str, output: Path | None
) -> list[Outcome]:
    from gradcli.verify.run import outcomes

    found: list[Outcome] = []
    names = [path or "<expr>" for path in paths]
    made = outcomes(paths, one, jobs, fail_fast, complain)  # type: ignore[arg-type]
    with Progress("files") as progress, closing(made):
        for outcome in made:
            found.append(outcome)
            progress.advance(len(found), len(paths))
    if kind == "table":
        from gradcli.render import CHECK

        show(CHECK["files"](found, column=max(map(len, names)), left_out=len(paths) - len(found)),
             output)  # fmt: skip
    else:
        write(_rendered(kind, found), output)
    return found


def _rendered(kind: str, found: list[Outcome]) -> str:
    from gradcli.render import CHECK

    text: str = CHECK[kind](found)
    return text


def _against(
    library: str,
    paths: list[str | None],
    run: o.Running,
    named: frozenset[str | None],
    kind: str,
    output: Path | None,
    seconds: float,
) -> int:
    """Compare each file with a library's run of it; return the exit status."""
    from gradcli.render.check_against import render, render_json
    from gradcli.verify.limited import limited
    from gradcli.verify.run import Unbound, compare_source
    from gradcli.verify.workers import Processes

    found = []
    with Processes(1) as pool:
        for path in paths:
            source, folder = o.source_and_folder(path, run.expr)
            options = run.options(folder)
            what = f"the run of {source.name} in {library}"
            walked = path not in named
            try:
                comparisons = limited(
                    pool, what, seconds, options.limits.memory,
                    compare_source, source, options, library, walked,
                )  # fmt: skip
            except Unbound as error:
                complain(visible(f"{source.name} is left out: it {error.message}"))
                continue
            found.append((source.name, comparisons))
    if kind == "json":
        write(render_json(library, found), output)
    else:
        show(render(found), output)
    statuses = {comparisons.status for _, comparisons in found}
    return 1 if 1 in statuses else max(statuses, default=0)
