"""What has no gradient is passed over: plots, progress bars, devices, what a shell is told.

A module that is passed over gives a `Skipped` for everything. What is done with one is nothing, and
a notice at the end lists the lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from math import prod
from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault, Span
from gradcli.syntax import tree
from gradcli.trace.code import Code
from gradcli.trace.values import NO_VALUE, Function, Namespace, Skipped, UserFunction

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

MODULES = frozenset(
    """matplotlib mpl_toolkits seaborn plotly bokeh altair IPython ipywidgets logging wandb
    tensorboard tensorboardX torchviz graphviz torchsummary torchinfo gc pickle shutil rich
    pdb urllib requests google tqdm pathlib datetime platform glob tempfile subprocess csv
    traceback psutil mlflow neptune comet_ml joblib""".split()  # noqa: SIM905 -- a table of words
)
TORCHS = frozenset(
    """torch.get_default_device torch.__version__ torch.cuda
    torch.backends torch.mps torch.xpu torch.accelerator
    torch.set_num_threads torch.get_num_threads torch.set_default_device torch.profiler
    torch.use_deterministic_algorithms torch.set_float32_matmul_precision torch.multiprocessing
    torch.utils.tensorboard torch.distributed torch.set_num_interop_threads torch.onnx torch.jit
    torch.compiler torch.utils.benchmark torch.set_warn_always torch.utils.deterministic
    torch.__config__ torch.__file__ torch.version np.save np.savez np.savez_compressed np.savetxt
    numpy.save numpy.savez numpy.savez_compressed numpy.savetxt jax.numpy.save jax.numpy.savez
    jnp.save jnp.savez jax.devices jax.local_devices jax.default_backend jax.make_jaxpr
    jax.profiler jax.debug jax.distributed jax.clear_caches jax.print_environment_info
    os.makedirs os.mkdir os.remove os.rename os.rmdir os.getcwd os.chdir os.getpid os.listdir
    os.system os.cpu_count os.devnull os.name os.sep os.walk sys.platform sys.version sys.path
    sys.executable sys.modules sys.getsizeof time.strftime time.ctime time.localtime
    json.dump""".split()  # noqa: SIM905 -- a table of words
)
# names that a notebook, or Python, has without an import
BARE = frozenset({"open", "display", "get_ipython", "breakpoint"})
# what is known of a machine that has a CPU alone
KNOWN: dict[str, Any] = {
    **dict.fromkeys((
        "torch.cuda.is_available", "torch.backends.mps.is_available", "torch.mps.is_available",
        "torch.backends.mps.is_built", "torch.backends.cuda.is_built", "torch.xpu.is_available",
        "torch.backends.cudnn.is_available", "torch.accelerator.is_available",
        "torch.distributed.is_initialized", "torch.cuda.is_initialized",
        "torch.cuda.is_bf16_supported", "torch.jit.is_scripting", "torch.jit.is_tracing",
        "torch.compiler.is_compiling",
    ), False),
    **dict.fromkeys((
        "torch.cuda.device_count", "torch.mps.device_count", "torch.cuda.memory_allocated",
        "torch.cuda.max_memory_allocated", "torch.cuda.memory_reserved",
        "torch.cuda.max_memory_reserved",
    ), 0),
}  # fmt: skip
# functions of functions and of modules that give back what they get: how it is run is passed over
ITSELF = frozenset(
    """torch.compile torch.jit.script torch.jit.trace torch.jit.ignore torch.jit.export
    torch.jit.unused torch.jit.freeze torch.jit.optimize_for_inference torch.compiler.disable
    torch.compiler.allow_in_graph jax.checkpoint jax.remat jax.named_call jax.device_put
    jax.device_get jax.block_until_ready""".split()  # noqa: SIM905 -- a table of words
)
BARS = ("tqdm", "trange", "tqdm_notebook", "track")


@dataclass(frozen=True)
class Bar(Skipped):
    """A progress bar over items: nothing is shown, and the items are there."""

    items: Any = ()


@dataclass(frozen=True)
class Grid(Skipped):
    """The axes of `plt.subplots`, in rows: how many there are is known."""

    shape: tuple[int, ...] = ()

    def items(self) -> list[Skipped]:
        """Return what a loop over it goes through."""
        return [self.part()] * self.shape[0]

    def part(self) -> Skipped:
        """Return a row of it, or one of the axes."""
        rest = self.shape[1:]
        return Grid(self.name, self.where, rest) if rest else Skipped(self.name, self.where)


@dataclass(frozen=True)
class Environment(Skipped):
    """`os.environ`: no variable is set, and what a file sets is passed over."""


@dataclass(frozen=True)
class Device:
    """`torch.device("cpu")`: there is no other, whatever a file asks for."""

    type: str = "cpu"
    index: None = None

    def __repr__(self) -> str:
        return "device(type='cpu')"

    def __str__(self) -> str:
        return "cpu"


def is_passed_over(path: str) -> bool:
    """Say whether what is behind a path, such as `torch.save`, is passed over."""
    return path in TORCHS or path in ITSELF


def member(owner: Skipped, name: str) -> Any:
    """Return what something passed over has under a name: `tqdm(items)` gives the items back."""
    if isinstance(owner, Grid) and name in ("flat", "ravel", "flatten"):
        flat = Grid(owner.name, owner.where, (prod(owner.shape),))
        return flat if name == "flat" else Function(name, lambda tracer, args, keywords: flat)
    if isinstance(owner, Environment) and name == "get":
        return Function(name, lambda tracer, args, keywords: (*args, *keywords.values(), None)[1])
    return found(f"{owner.name}.{name}", owner.where)


def found(path: str, where: str = "") -> Any:
    """Return what stands for something that is passed over, by its path: `plt.plot`."""
    if path == "torch.cuda.amp":
        return Namespace(path)
    if path in KNOWN:
        return Function(path, lambda tracer, args, keywords: KNOWN[path])
    if path == "open":
        return Function(path, opened)
    if path == "torch.get_default_device":
        return Function(path, lambda tracer, args, keywords: Device())
    return Function(path, _itself) if path in ITSELF else Skipped(path, where)


def _itself(tracer: Tracer, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """`torch.compile(f)`, or `torch.compile(mode="…")`, which decorates: `f` itself."""
    return args[0] if args else Function("decorator", _itself)


def call(tracer: Tracer, function: Skipped, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Do nothing, and take note of it; a progress bar gives what it is shown for."""
    place = tracer.graph.place
    note(tracer, place, root(function.name))
    if len(args) == 1 and isinstance(args[0], UserFunction):  # a decorator
        return args[0]
    if function.name.endswith(".backward"):
        raise ArgumentFault(f"{function.words} has no gradients to compute", hint=NO_VALUE)
    name, last = f"{function.name}()", function.name.rpartition(".")[2]
    where = _words(tracer, place)
    if last in BARS:
        items: Any = range(*args) if last == "trange" else next(
            iter(args), keywords.get("iterable", ())
        )  # fmt: skip
        return Bar(function.name, where, items)
    if function.name == "matplotlib.pyplot.subplots":
        sizes = dict(zip(("nrows", "ncols"), args, strict=False)) | keywords
        rows, columns = sizes.get("nrows", 1), sizes.get("ncols", 1)
        if isinstance(rows, int) and isinstance(columns, int):
            kept = keywords.get("squeeze", True) is False
            shape = tuple(n for n in (rows, columns) if n != 1 or kept)
            axes = Grid(name, where, shape) if shape else Skipped(name, where)
            return Skipped(name, where), axes
    return Skipped(name, where)


def root(name: str) -> str:
    """Return what people know something by: its module, or the function of PyTorch."""
    parts = name.replace("()", "").split(".")
    paths = [".".join(parts[: n + 1]) for n in range(len(parts))]
    return next((path for path in paths if path in TORCHS), parts[0])


def item(value: Skipped, key: Any) -> Skipped:
    """Return `value[key]`."""
    return value.part() if isinstance(value, Grid) and isinstance(key, int) else Skipped(
        value.name, value.where
    )  # fmt: skip


def items(value: Skipped) -> Any:
    """Return what a loop over something passed over goes through.

    Raises: ArgumentFault where nobody knows how often that is.
    """
    if isinstance(value, Bar):
        return value.items
    if isinstance(value, Grid):
        return value.items()
    raise ArgumentFault(f"how often a loop over {value.words} runs is not known", hint=NO_VALUE)


def opened(tracer: Tracer, args: tuple[Any, ...], keywords: dict[str, Any]) -> Skipped:
    """`open(file, mode)`: what is written is passed over.

    Raises: ArgumentFault where a file is opened to be read.
    """
    given = dict(zip(("file", "mode"), args, strict=False)) | keywords
    mode = given.get("mode", "r")
    if not (isinstance(mode, str) and set(mode) & set("wax")):
        raise ArgumentFault(
            "open() reads no file here",
            hint='load("data.npz") reads a data file: .npy, .npz, .json, .csv, .safetensors',
        )
    return call(tracer, Skipped("open"), (), {})  # type: ignore[no-any-return]


def note(tracer: Tracer, span: Span, what: str) -> None:
    """Keep that something was passed over: each line is listed once."""
    tracer.skipped.setdefault(tracer.source.line_of(span), (span, what))


def _words(tracer: Tracer, span: Span) -> str:
    return f"line {tracer.source.line_of(span)}"


def magic(tracer: Tracer, s: tree.Magic) -> Code:
    """Return what passes over a line for the shell or for IPython."""
    said = s.text.partition("=")[2].split() if s.text[0] not in "%!?" and "=" in s.text else None
    word = (said or s.text.split())[0]
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
