"""`gradcli play`: a page with an editor and the report beside it."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gradcli.cli import options as o
from gradcli.cli.interrupt import ended_by_signals
from gradcli.cli.line import called
from gradcli.cli.output import write
from gradcli.errors import InputFault, Source, visible

if TYPE_CHECKING:
    from gradcli.play.server import Play, Server
    from gradcli.session import Request
    from gradcli.trace import Options

MEMORY = "1GB"  # for the values of a run, where nothing else is said


@o.runs_files
def play(
    run: o.Running,
    file: o.File = None,
    of: o.Of = None,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The port (default: any free one).")
    ] = 0,
    open: Annotated[
        bool, typer.Option("--open/--no-open", help="Whether to open the page in a browser.")
    ] = True,
    max_seconds: Annotated[
        float, typer.Option("--max-seconds", min=0.1, help="Most seconds that a run may take.")
    ] = 10.0,
) -> None:
    """Open a page where one types and sees the run, until Ctrl-C.

    The page is for this machine alone, at an address that nobody can guess. Every change runs in
    a process of its own, within the limits (--max-memory: 1GB), and ends the run before it. FILE
    is written to only when the page's Save is pressed. -p, -s, --of, --wrt, --dtype and --seed
    stand in the page.
    """
    from gradcli.play.document import FIRST, Document
    from gradcli.play.runs import Runs
    from gradcli.play.server import Play

    source, path = Source("<play>", FIRST), None
    if file is not None or run.expr is not None:
        source, _ = o.source_and_folder(file, run.expr)
        path = None if run.expr is not None or file == "-" else Path(str(file))
    line = _line(run, of)
    run = run._replace(max_memory=run.max_memory or MEMORY)
    read = partial(read_line, run)
    options, _ = read(line, Path())  # what is wrong in it is told now
    document = Document(source, path, write)
    with (
        ended_by_signals(),
        closing(Runs(read, max_seconds, options.limits.memory)) as runs,
        _bound(Play(document, line, runs), port) as server,
        suppress(KeyboardInterrupt),
    ):
        typer.echo(f"{visible(source.name)}: {server.address}\nCtrl-C ends it.")
        sys.stdout.flush()
        if open and _has_a_screen():
            Thread(target=_show, args=(server.address,), daemon=True).start()
        server.serve_forever()


def read_line(run: o.Running, line: str, folder: Path) -> tuple[Options, Request]:
    """Return what to run a text with: the page's line of options, and the command's for the rest.

    Raises: GradcliError where it is wrong.
    """

    def options(
        param: o.Param = None,
        set: o.Set = None,
        of: o.Of = None,
        wrt: o.Wrt = None,
        dtype: o.Dtype = None,
        seed: o.Seed = 0,
    ) -> Any:  # typer reads it, where these types are not known
        here = run._replace(param=param, set=set, wrt=wrt, dtype=dtype, seed=seed)
        made = here.options(folder)
        return made, o.made_request(made, of, None)

    found: tuple[Options, Request] = called(options, "play", line)
    return found


def _line(run: o.Running, of: str | None) -> str:
    """Return the options that stand in the page, as a line of words."""
    plain, words = o.Running(), list[str]()
    for option, values in (("-p", run.param), ("-s", run.set), ("--wrt", run.wrt)):
        for value in values or ():
            words += [option, value]
    words += [] if run.dtype is None else ["--dtype", run.dtype]
    words += [] if run.seed == plain.seed else ["--seed", str(run.seed)]
    words += [] if of is None else ["--of", of]
    return shlex.join(words)


def _bound(play: Play, port: int) -> Server:
    """Return the server at a port.

    Raises: InputFault where another program has it.
    """
    from gradcli.play.server import Server

    try:
        return Server(play, port)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise InputFault(f"--port {port}: {why}", hint="leave it out: any free port") from None


def _has_a_screen() -> bool:
    """Say whether there is a browser with a window: one in the terminal would take that over."""
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _show(address: str) -> None:
    import webbrowser

    webbrowser.open(address)
