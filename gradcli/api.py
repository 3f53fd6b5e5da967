"""The library: what the command line calls, and what a program can."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np

from gradcli.errors import GradcliError, InputFault, Source
from gradcli.facts import inspect
from gradcli.graph import Limits
from gradcli.inspection import Inspection
from gradcli.rule.dtypes import COMPLEX128, DTYPES, FLOAT32, FLOAT64, INT64, Array
from gradcli.session import Request, Session, leaves, run
from gradcli.source import read_source
from gradcli.syntax import parse_expression
from gradcli.syntax.tree import Program
from gradcli.syntax.words import spelled
from gradcli.trace import Binding, Options, Tracer
from gradcli.trace.values import to_array

if TYPE_CHECKING:
    from gradcli.compare import Differences
    from gradcli.run import Run
    from gradcli.verify import Report, Settings

_ASKED = 10_000  # parameters, up to which each is asked whether its gradient is odd


def value_of(name: str, text: str, options: Options) -> Any:
    """Return the array that a text such as `[1., 2.]` or `randn(3)` stands for.

    Raises: a GradcliError that points into the text.
    """
    source = Source(name, text)
    expression = parse_expression(source)
    tracer = Tracer(Program(source, ()), options)
    tracer.graph.span = expression.span
    with tracer.placed():
        return to_array(tracer.evaluate(expression), tracer.default_dtype)


def options_for(
    *,
    dtype: str | None = None,
    seed: int = 0,
    set: Mapping[str, Any] | None = None,
    param: Mapping[str, Any] | None = None,
    data: Path | None = None,
    wrt: tuple[str, ...] = (),
    retain_grad: bool = False,
    max_nodes: int = Limits().nodes,
    max_memory: int | None = None,
    max_steps: int = Limits().steps,
    allowed_folders: tuple[Path, ...] = (),
    folder: Path | None = None,
    called: str = "--{} {}",
) -> Options:
    """Return options from values as people give them: texts are expressions, others data.

    `called` is what errors call an expression: `--set x`, or what a program has written.

    Raises: InputFault where a dtype is unknown or a data file cannot be read.
    """
    if dtype is not None and (dtype not in DTYPES or DTYPES[dtype].kind != "f"):
        raise InputFault(
            f"{dtype} is not a floating point dtype", hint="float64, float32 or float16"
        )
    memory = half_of_memory() if max_memory is None else max_memory
    limits = Limits(max_nodes, memory, max_steps)
    stated = None if dtype is None else DTYPES[dtype]
    plain = Options(default_dtype=stated, seed=seed, limits=limits)
    return Options(
        default_dtype=plain.default_dtype,
        seed=seed,
        bindings=_bindings(plain, set or {}, param or {}, data, called),
        folder=folder or Path(),
        allowed_folders=allowed_folders,
        limits=limits,
        retain_all=retain_grad,
        wrt=tuple(map(spelled, wrt)),
    )


def _bindings(
    plain: Options,
    set: Mapping[str, Any],
    param: Mapping[str, Any],
    data: Path | None,
    called: str,
) -> dict[str, Binding]:
    """Return what names are bound to: --param over --set over --data."""
    found: dict[str, Binding] = {}
    if data is not None:
        from gradcli.data import LIMIT, TEXTS, read_bindings

        undecided = plain.default_dtype is None and data.suffix.lower() in TEXTS
        for name, array in read_bindings(data, limit=min(LIMIT, plain.limits.memory)).items():
            found[spelled(name)] = Binding(array, optional=True, undecided=undecided)
    for values, parameter in ((set, False), (param, True)):
        for name, value in values.items():
            undecided = False
            if isinstance(value, str):
                words = called.format("param" if parameter else "set", name)
                value, undecided = _read_text(words, value, plain)
            else:
                with _told_of(f"`{name}`"):
                    value = _plain(value)
                undecided = plain.default_dtype is None and not isinstance(value, np.ndarray)
            array = _array(f"`{name}`", value, plain)
            found[spelled(name)] = Binding(array, parameter, undecided=undecided)
    return found


def _read_text(name: str, text: str, plain: Options) -> tuple[Any, bool]:
    """Return the array of a text, and whether its dtype is for the file's library to say."""
    value = value_of(name, text, plain)
    if plain.default_dtype is not None or value.dtype not in (FLOAT64, COMPLEX128):
        return value, False
    narrow = value_of(name, text, replace(plain, default_dtype=FLOAT32))
    return value, bool(narrow.dtype != value.dtype)


def _array(what: str, value: Any, options: Options) -> Any:
    with _told_of(what):
        return to_array(_plain(value), options.default_dtype or FLOAT64)


@contextmanager
def _told_of(what: str) -> Iterator[None]:
    """Say in errors what it is whose value is wrong."""
    try:
        yield
    except GradcliError as error:
        if not isinstance(error, InputFault) and error.source is not None:
            raise
        raise InputFault(f"{what}: {error.message}", hint=error.hint) from None


# ---- what a program gives for a tensor: arrays and numbers of any library ------------------

# what a tensor of another library needs before NumPy can read it: its graph, its device, …
READABLE = ("detach", "cpu", "resolve_conj", "resolve_neg")


def _plain(value: Any) -> Any:
    """Return a value as an array in one of the language's dtypes, or as lists of Python numbers.

    Taken are NumPy's arrays and scalars, lists of them, and whatever says `__array__`, the buffer
    protocol, `__index__`, `__float__` or `__complex__`. Anything else is returned as it is.

    Raises: InputFault for an array that holds no numbers, or hides some.
    """
    if isinstance(value, bool | int | float | complex | str) and not isinstance(value, np.generic):
        return value
    if isinstance(value, list | tuple):
        return _listed([_plain(x) for x in value])
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise InputFault("holds masked elements", hint="fill them: x.filled(0.0)")
    if hasattr(value, "__array__") or _is_buffer(value):
        return _in_our_dtype(_read(value))
    for name, number in (("__index__", int), ("__float__", float), ("__complex__", complex)):
        if hasattr(value, name):
            try:
                return number(value)
            except (TypeError, ValueError, OverflowError) as error:
                raise InputFault(f"cannot be read as a number: {error}") from None
    return value


def _is_buffer(value: Any) -> bool:
    if isinstance(value, bytes | bytearray):
        return False  # text, as like as not
    try:
        memoryview(value)
    except TypeError:
        return False
    return True


def _read(value: Any) -> Array:
    """Read an array of any library; NumPy does not know bfloat16 by itself."""
    try:
        for method in READABLE:
            if callable(found := getattr(value, method, None)):
                value = found()
        name = str(getattr(value, "dtype", "")).removeprefix("torch.")
        if name == "bfloat16" and callable(getattr(value, "float", None)):
            return np.asarray(value.float()).astype(DTYPES[name])
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:  # in the other library's words
        raise InputFault(f"cannot be read as an array: {error}") from None


def _in_our_dtype(array: Array) -> Any:
    dtype = array.dtype.newbyteorder("=")
    if dtype in DTYPES.values():
        return np.asarray(array, dtype)
    if dtype.kind == "O":
        return _plain(array.tolist()) if array.size else array.astype(FLOAT64)
    if dtype.kind == "u":
        if array.size and array.max() > np.iinfo(INT64).max:
            raise InputFault(f"holds {array.max()}, which is more than int64 can",
                             hint="use float64")  # fmt: skip
        return array.astype(INT64)
    if dtype.kind in "fc":  # long doubles
        return array.astype(DTYPES["complex128"] if dtype.kind == "c" else FLOAT64)
    raise InputFault(f"holds {dtype.name}, and a tensor holds numbers",
                     hint="convert it to float64 or int64")  # fmt: skip


def _listed(items: list[Any]) -> Any:
    """Return a list of numbers and lists; arrays in it are stacked, as `torch.tensor` does."""
    arrays = [isinstance(x, np.ndarray) for x in items]
    if not any(arrays):
        return items
    if all(arrays) and len({x.shape for x in items}) == 1 and items[0].ndim:
        return _in_our_dtype(np.stack(items))
    return [x.tolist() if isinstance(x, np.ndarray) else x for x in items]


def half_of_memory() -> int:
    """Return half of the machine's memory in bytes: what the values of a graph may take."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, OSError, ValueError):  # not said by this system
        return 4 << 30


class RunOptions(TypedDict, total=False):
    """How a file is run, as keyword arguments.

    `set` and `param` map the names of inputs to arrays of any library, numbers of any kind, lists
    of both, or texts that are expressions; those of `param` require a gradient. `data` is a file
    of inputs, `wrt` names what becomes a parameter, `dtype` is that of floating literals, `seed`
    that of random tensors. `retain_grad` keeps the gradients of intermediate nodes. `folder` is
    where `load(…)` reads, as it does in the `allowed_folders`. `max_nodes`, `max_memory` (bytes)
    and `max_steps` are limits.
    """

    dtype: str | None
    seed: int
    set: Mapping[str, Any] | None
    param: Mapping[str, Any] | None
    data: str | Path | None
    wrt: str | Sequence[str]
    retain_grad: bool
    max_nodes: int
    max_memory: int | None
    max_steps: int
    folder: str | Path
    allowed_folders: Sequence[str | Path]


def loads(
    text: str,
    *,
    name: str = "<text>",
    of: str | None = None,
    grad_output: Any = None,
    backward: bool = True,
    **options: Unpack[RunOptions],
) -> Run:
    """Run the text of an expression file.

    `of` names the node to differentiate, `grad_output` is its cotangent, of its shape; `name` is
    what errors call the text. Further options are those of `RunOptions`.

    Raises: GradcliError where the text or a binding is wrong, TypeError where an option is.
    """
    made = _made("loads", options, Path())
    return _run(Source(name, text), made, of, grad_output, backward)


def load(
    path: str | Path,
    *,
    of: str | None = None,
    grad_output: Any = None,
    backward: bool = True,
    **options: Unpack[RunOptions],
) -> Run:
    """Run an expression file; see `loads`."""
    made = _made("load", options, Path(path).parent)
    return _run(read_source(Path(path)), made, of, grad_output, backward)


def checks(
    text: str,
    settings: Settings | None = None,
    *,
    name: str = "<text>",
    **options: Unpack[RunOptions],
) -> Report:
    """Run the text of an expression file, and compare its gradients with numeric derivatives.

    Options are those of `RunOptions`.

    Raises: GradcliError where the text or a binding is wrong, TypeError where an option is.
    """
    from gradcli.run import checked

    return checked(Source(name, text), _made("checks", options, Path()), settings)


def check(
    path: str | Path, settings: Settings | None = None, **options: Unpack[RunOptions]
) -> Report:
    """Run an expression file, and compare its gradients with numeric derivatives; see `checks`."""
    from gradcli.run import checked

    made = _made("check", options, Path(path).parent)
    return checked(read_source(Path(path)), made, settings)


def diff(
    left: Run | str | Path,
    right: Run | str | Path,
    *,
    of: str | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    **options: Unpack[RunOptions],
) -> Differences:
    """Compare two runs, or the files of some paths; see `Run.diff`.

    `of` and further options are those with which files are run.

    Raises: GradcliError where a file or a binding is wrong, TypeError where an option is.
    """
    from gradcli.run import Run

    one, other = (
        side if isinstance(side, Run) else load(side, of=of, **options) for side in (left, right)
    )
    return one.diff(other, rtol=rtol, atol=atol)


# what an option must be
_KINDS: Mapping[str, tuple[tuple[type, ...], str]] = {
    "dtype": ((str, NoneType), "the name of a dtype, or None"),
    "seed": ((int, np.integer), "an integer"),
    "set": ((Mapping, NoneType), "a mapping of names to values"),
    "param": ((Mapping, NoneType), "a mapping of names to values"),
    "data": ((str, os.PathLike, NoneType), "a path"),
    "wrt": ((str, Sequence), "a name, or several"),
    "retain_grad": ((bool, np.bool_), "True or False"),
    "max_nodes": ((int, np.integer), "an integer"),
    "max_memory": ((int, np.integer, NoneType), "an integer, or None"),
    "max_steps": ((int, np.integer), "an integer"),
    "folder": ((str, os.PathLike), "a path"),
    "allowed_folders": ((Sequence,), "a list of paths"),
}


def _made(function: str, given: RunOptions, folder: Path) -> Options:
    """Return the options that a program has given to one of the functions here.

    Raises: TypeError, as Python would, for one that there is not or that is of another kind.
    """
    for name, value in given.items():
        if name not in _KINDS:
            near = get_close_matches(name, _KINDS, 1)
            meant = f". Did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}{meant}")
        kinds, told = _KINDS[name]
        if not isinstance(value, kinds) or (name == "allowed_folders" and isinstance(value, str)):
            raise TypeError(f"{function}(): {name} must be {told}, not {type(value).__name__}")
    options: dict[str, Any] = {"folder": folder, **given}
    for name in ("folder", "data"):
        if options.get(name) is not None:
            options[name] = Path(options[name])
    for name in ("seed", "max_nodes", "max_memory", "max_steps"):  # NumPy's integers are too small
        if options.get(name) is not None:
            options[name] = int(options[name])
    if isinstance(options.get("wrt"), str):
        options["wrt"] = (options["wrt"],)
    options["allowed_folders"] = tuple(map(Path, options.get("allowed_folders", ())))
    return options_for(**options, called="{}[{!r}]")


def _run(source: Source, made: Options, of: str | None, grad_output: Any, backward: bool) -> Run:
    from gradcli.run import Run

    if isinstance(grad_output, str):
        grad_output = value_of("grad_output", grad_output, made)
    cotangent = None if grad_output is None else _array("grad_output", grad_output, made)
    session = run(source, made, Request(of, cotangent, backward))
    return Run(session, inspected(session), of)


def inspected(session: Session) -> Inspection:
    """Return all that is known of a run.

    Of claims that are false it says how their sides differ, of gradients that are nan, infinite, 0
    or missing why.
    """
    inspection = inspect(session)
    if _is_odd(session):
        from gradcli.diagnose.brief import brief

        inspection = replace(inspection, notices=(*inspection.notices, *brief(session)))
    if all(claim.holds for claim in inspection.claims):
        return inspection
    from gradcli.verify.claims import explained
    from gradcli.verify.target import every_parameter

    return explained(session, inspection, every_parameter(session))


def _is_odd(session: Session) -> bool:
    """Say whether the root or a gradient is not finite, or a gradient 0 or missing."""
    graph, root = session.graph, session.root
    if root is None or not session.ran_backward:
        return False
    if not np.isfinite(graph.value(root)).all():
        return True
    found = leaves(graph, range(root))
    if len(found) > _ASKED:
        return False
    grads = [graph.grad(graph.current(i)) for i in found if graph.notes.origins[i] == "file"]
    with np.errstate(all="ignore"):  # a sum takes no memory, and is finite where all of it is
        return any(g is None or not g.any() or not np.isfinite(g.sum()) for g in grads)
