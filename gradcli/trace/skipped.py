"""What has no gradient is passed over: plots, progress bars, devices, what a shell is told.

A module that is passed over gives a `Skipped` for everything. What is done with one is nothing, and
a notice at the end lists the lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault, Span
from gradcli.syntax import tree
from gradcli.trace.code import Code
from gradcli.trace.values import Function

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

MODULES = frozenset(
    """matplotlib mpl_toolkits seaborn plotly bokeh altair IPython ipywidgets logging wandb
    tensorboard tensorboardX torchviz graphviz torchsummary torchinfo gc pickle shutil rich
    pdb urllib requests google tqdm""".split()  # noqa: SIM905 -- a table of words
)
TORCHS = frozenset(
    """torch.save torch.cuda torch.backends torch.mps torch.set_num_threads torch.profiler
    torch.use_deterministic_algorithms torch.set_float32_matmul_precision torch.multiprocessing
    torch.utils.tensorboard torch.distributed torch.set_num_interop_threads torch.onnx torch.jit
    torch.compiler""".split()  # noqa: SIM905 -- a table of words
)


@dataclass(frozen=True)
class Skipped:
    """Something of a module that is passed over; `name` is how a file reaches it: `plt.plot`."""

    name: str

    @property
    def root(self) -> str:
        """What a person knows it by: its module, or the function of PyTorch."""
        parts = self.name.split(".")
        return ".".join(parts[:2]) if parts[0] == "torch" else parts[0]

    def __repr__(self) -> str:
        return f"<{self.name}: passed over>"


@dataclass(frozen=True)
class Bar(Skipped):
    """A progress bar over items: nothing is shown, and the items are there."""

    items: Any


@dataclass(frozen=True)
class Device:
    """`torch.device("cpu")`: there is no other, whatever a file asks for."""

    type: str = "cpu"
    index: None = None

    def __repr__(self) -> str:
        return "device(type='cpu')"

    def __str__(self) -> str:
        return "cpu"


def member(owner: Skipped, name: str) -> Any:
    """Return what something passed over has under a name: `tqdm(items)` gives the items back."""
    path = f"{owner.name}.{name}"
    if path == "torch.cuda.is_available" or path == "torch.backends.mps.is_available":
        return Function(name, lambda tracer, args, keywords: False)
    if path == "torch.cuda.device_count":
        return Function(name, lambda tracer, args, keywords: 0)
    return Skipped(path)


def call(tracer: Tracer, function: Skipped, args: tuple[Any, ...]) -> Any:
    """Do nothing, and take note of it; a progress bar gives what it is shown for."""
    note(tracer, tracer.graph.place, function.root)
    if function.name.rpartition(".")[2] in ("tqdm", "trange", "tqdm_notebook", "track"):
        items: Any = range(*args) if function.name.endswith("trange") else args[0] if args else ()
        return Bar(function.name, items)
    return Skipped(f"{function.name}()")


def note(tracer: Tracer, span: Span, what: str) -> None:
    """Keep that something was passed over: each line is listed once."""
    tracer.skipped.setdefault(tracer.source.line_of(span), (span, what))


def magic(tracer: Tracer, s: tree.Magic) -> Code:
    """Return what passes over a line for the shell or for IPython."""
    word = s.text.split()[0] if s.text.split() else s.text
    return lambda: note(tracer, s.span, word)


def notice(lines: Mapping[int, tuple[Span, str]]) -> str:
    """Return the words, at the first line that was passed over, for all of them."""
    first, *others = sorted(lines)
    runs = [
        [line for _, line in group]
        for _, group in groupby(enumerate(others), lambda pair: pair[1] - pair[0])
    ]
    places = ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)
    like = f", like line{'s' if len(others) > 1 else ''} {places}" if others else ""
    names = list(dict.fromkeys(lines[line][1] for line in (first, *others)))
    shown = ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")
    return f"passed over{like}, as it has no gradient: {shown}"


MOST_NAMES = 6  # in one notice


def refuse(value: Skipped, what: str) -> ArgumentFault:
    """Return the error for a value that is passed over where one is needed."""
    return ArgumentFault(
        f"{what} needs a value, and `{value.name}` is passed over",
        hint="plots, files and devices have no gradient: leave out what is computed from them",
    )
