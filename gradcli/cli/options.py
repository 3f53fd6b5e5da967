"""Options that several commands take, and what they make of them."""

from __future__ import annotations

import errno
import gc
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar, get_type_hints

import typer

from gradcli.cli.complete import files, nodes
from gradcli.cli.output import WRONG_INPUT, complain
from gradcli.errors import GradcliError, InputFault, Source
from gradcli.source import MAX_FILE, decoded, read_source

if TYPE_CHECKING:
    from gradcli.cli.progress import Progress
    from gradcli.session import Request, Session
    from gradcli.trace import Options

T = TypeVar("T")

File = Annotated[
    str | None,
    typer.Argument(
        metavar="FILE", help="An expression file; - is standard input.", autocompletion=files
    ),
]
Files = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FILE...", help="Expression files; - is standard input.", autocompletion=files
    ),
]
Expr = Annotated[
    str | None, typer.Option("-e", "--expr", metavar="TEXT", help="The expressions themselves.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("-s", "--set", metavar="NAME=VALUE", help="Bind an input: x=[1.,2.]"),
]
Param = Annotated[
    list[str] | None,
    typer.Option(
        "-p", "--param", metavar="NAME=VALUE", help="Bind an input that requires a gradient."
    ),
]
Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="FILE", help="Bind inputs from .npz, .npy, .json, .csv, …"),
]
GradOutput = Annotated[
    str | None,
    typer.Option("--grad-output", metavar="VALUE", help="Cotangent of a root with elements."),
]
Backward = Annotated[
    bool, typer.Option("--backward/--no-backward", help="Whether to run backward.")
]
RetainGrad = Annotated[
    bool, typer.Option("--retain-grad", help="Keep the gradients of intermediate nodes.")
]
Of = Annotated[
    str | None,
    typer.Option(
        "--of",
        metavar="NODE",
        help="What to differentiate, alone (default: see docs/language.md).",
        autocompletion=nodes,
    ),
]
Nodes = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NODE…]",
        help="What to differentiate by (default: every parameter).",
        autocompletion=nodes,
    ),
]
Wrt = Annotated[
    list[str] | None,
    typer.Option(
        "--wrt",
        metavar="NAME",
        help="Differentiate by this; it becomes a parameter.",
        autocompletion=nodes,
    ),
]
Dtype = Annotated[str, typer.Option("--dtype", metavar="DTYPE", help="Dtype of floating literals.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of random tensors.")]
Precision = Annotated[
    int | None, typer.Option("--precision", min=1, max=17, help="Significant digits.")
]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Write here instead of standard output."),
]


AllowPath = Annotated[
    list[Path] | None,
    typer.Option("--allow-path", metavar="DIR", help="Let load(…) read in this folder too."),
]
MaxNodes = Annotated[
    int, typer.Option("--max-nodes", min=1, metavar="N", help="Most nodes that a graph may have.")
]
MaxMemory = Annotated[
    str | None,
    typer.Option(
        "--max-memory", metavar="SIZE", help="Most memory for values: 500MB, 4GB (default: half)."
    ),
]
MaxSteps = Annotated[
    int,
    typer.Option(
        "--max-steps", min=1, metavar="N", help="Most turns of loops, calls and items gone through."
    ),
]


class Running(NamedTuple):
    """What every command that runs a file takes; each option stands here and nowhere else."""

    expr: Expr = None
    set: Set = None
    param: Param = None
    data: Data = None
    wrt: Wrt = None
    dtype: Dtype = "float64"
    seed: Seed = 0
    allow_path: AllowPath = None
    max_nodes: MaxNodes = 1_000_000
    max_memory: MaxMemory = None
    max_steps: MaxSteps = 1_500_000

    def options(self, folder: Path, *, retain_grad: bool = False) -> Options:
        """Return a run's options; `folder` is where the file stands."""
        from gradcli.api import options_for

        collect_garbage()
        return options_for(
            dtype=self.dtype,
            seed=self.seed,
            set=pairs(self.set, "--set"),
            param=pairs(self.param, "--param"),
            data=self.data,
            wrt=tuple(self.wrt or ()),
            retain_grad=retain_grad,
            max_nodes=self.max_nodes,
            max_memory=None if self.max_memory is None else byte_count(self.max_memory),
            max_steps=self.max_steps,
            folder=folder,
            allowed_folders=tuple(self.allow_path or ()),
        )


def collect_garbage() -> None:
    """Look for garbage from now on, where nobody does, but not among the modules that are there."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def runs_files(command: Callable[..., T]) -> Callable[..., T]:
    """Return a command whose parameter `run`, a `Running`, is given as its single options."""
    parameters: list[Parameter] = []
    hints = get_type_hints(command, include_extras=True)
    for name, parameter in signature(command).parameters.items():
        if name == "run":
            options = get_type_hints(Running, include_extras=True)
            parameters += [
                Parameter(option, Parameter.KEYWORD_ONLY, default=default,
                          annotation=options[option])
                for option, default in Running._field_defaults.items()
            ]  # fmt: skip
        else:
            parameters.append(
                parameter.replace(kind=Parameter.KEYWORD_ONLY, annotation=hints[name])
            )

    @wraps(command)
    def expanded(**given: Any) -> T:
        run = Running(**{option: given.pop(option) for option in Running._fields})
        return command(run=run, **given)

    expanded.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    expanded.__annotations__ = {p.name: p.annotation for p in parameters}
    return expanded


def source_and_folder(file: str | None, text: str | None) -> tuple[Source, Path]:
    """Return the text to run, and the folder against which `load(…)` reads.

    Raises: InputFault where there is no text, or two.
    """
    if text is not None:
        if file is not None:
            raise InputFault("give a FILE or --expr TEXT, not both")
        return Source("<expr>", text), Path()
    if file is None:
        raise InputFault(
            "no expression file is given",
            hint="give a FILE, -e 'loss = …', or - for standard input",
        )
    if file == "-":
        return standard_input(), Path()
    return read_source(Path(file)), Path(file).parent


def each(
    files: list[str] | None,
    text: str | None,
    one: Callable[[Source, Path], T],
    statuses: list[int],
) -> Iterator[T]:
    """Yield what becomes of each file, or of the text.

    Of several, one that is wrong is told and left out; `statuses` has its exit status then.

    Raises: a GradcliError where a file alone is wrong.
    """
    if text is not None or not files or len(files) == 1:
        yield one(*source_and_folder(files[0] if files else None, text))
        return
    for file in files:
        try:
            made = one(*source_and_folder(file, None))
        except GradcliError as error:
            if WRONG_INPUT in statuses:
                complain("")  # between two errors
            complain(error)
            statuses.append(WRONG_INPUT)
        else:
            yield made


def standard_input() -> Source:
    """Return the text of standard input.

    Raises: InputFault where it is closed, too large or not UTF-8.
    """
    try:
        return decoded("<stdin>", sys.stdin.buffer.read(MAX_FILE + 1))
    except OSError as error:
        closed = error.errno == errno.EBADF
        what = "is closed" if closed else (error.strerror or str(error)).lower()
        raise InputFault(f"standard input {what}") from None


def pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """Return `NAME=VALUE` texts as a dictionary.

    Raises: InputFault where one has no `=`, no name or no value.
    """
    found: dict[str, str] = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        parts = name.strip().split(".")  # a tensor of a record may be `layers.0.weight`
        named = parts[0].isidentifier() and all(f"_{part}".isidentifier() for part in parts)
        if not (equals and named and value.strip()):
            raise InputFault(f"{option} {text}: expected NAME=VALUE", hint=f"{option} 'x=[1., 2.]'")
        found[name.strip()] = value
    return found


def byte_count(text: str) -> int:
    """Return a size such as `500MB` or `4GiB` in bytes.

    Raises: InputFault where it is none.
    """
    number = text.strip().lower().removesuffix("b").removesuffix("i")
    units = {"k": 10, "m": 20, "g": 30, "t": 40}
    digits = number[:-1] if number[-1:] in units else number
    try:
        return int(float(digits) * (1 << units.get(number[-1:], 0)))
    except (ValueError, OverflowError):
        raise InputFault(f"--max-memory {text}: not a size", hint="500MB, 4GB") from None


def made_request(options: Options, of: str | None, grad_output: str | None, **more: Any) -> Request:
    """Return what to differentiate."""
    from gradcli.api import value_of
    from gradcli.session import Request

    cotangent = None if grad_output is None else value_of("--grad-output", grad_output, options)
    return Request(of, cotangent, **more)


def session(source: Source, options: Options, request: Request, progress: Progress) -> Session:
    """Run the file, and show how many nodes there are when it takes a while."""
    from gradcli.session import run

    return run(source, options, request, lambda graph: progress.watch(graph.__len__))
