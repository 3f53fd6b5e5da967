"""Files of data that an expression file reads: `load("points.npz")`, `recorded("run.npz")`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradcli.data import TEXTS
from gradcli.errors import NOWHERE, ArgumentFault, GradcliError
from gradcli.graph import Node
from gradcli.recording import parted
from gradcli.rule.dtypes import Array
from gradcli.trace.calls import Args, Keywords, only
from gradcli.trace.skipped import note
from gradcli.trace.standard.copying import deepcopy

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer


def _contents(tracer: Tracer, args: Args, keywords: Keywords, function: str) -> tuple[str, Any]:
    """Return the name of the file that a call reads, and what is in it.

    Raises: ArgumentFault where the argument is no name, InputFault where the file cannot be read.
    """
    name = only(args, keywords, function)
    if not isinstance(name, str):
        raise ArgumentFault(f"{function}() takes a file's name", hint=f'{function}("points.npz")')
    try:
        return name, tracer.read(name)
    except GradcliError as error:
        error.hint = error.hint or "files are looked for beside the expression file"
        raise error.at(tracer.source, tracer.graph.place) from None


def _load(tracer: Tracer, args: Args, keywords: Keywords) -> Node | dict[str, Node]:
    """`load(FILE)`: the tensor of a file, or its tensors by their names."""
    name, found = _contents(tracer, args, keywords, "load")
    states_dtype = Path(name).suffix.lower() not in TEXTS

    def leaf(array: Array) -> Node:
        return tracer.graph.leaf(array if states_dtype else tracer.decided(array))

    return {k: leaf(x) for k, x in found.items()} if isinstance(found, dict) else leaf(found)


def _recorded(tracer: Tracer, args: Args, keywords: Keywords) -> dict[str, Node]:
    """`recorded(FILE)`: the tensors of a record, whose truth the run will be held to."""
    name, found = _contents(tracer, args, keywords, "recorded")
    if not isinstance(found, dict):
        raise ArgumentFault(
            f"`{name}` is one tensor, and no record", hint='load("x.npy") reads a tensor'
        )
    if tracer.record is not None:
        raise ArgumentFault("a file replays one record: recorded() has been called before")
    data, tracer.record = parted(name, found)
    # what is not used of a record's tensors is no row of the program
    with tracer.graph.settings("claim", tracer.graph.grad_enabled):
        return _Entries({key: tracer.graph.leaf(array) for key, array in data.items()})


class _Entries(dict[str, Node]):
    """The tensors of a record, each at the place in the file where it is taken."""

    def __getitem__(self, key: str) -> Node:
        node = super().__getitem__(key)
        graph = node.graph
        if not graph.notes.title(node.id) and graph.span is not NOWHERE:
            graph.notes.spans[node.id] = graph.span
        return node


def _torch_save(tracer: Tracer, args: Args, keywords: Keywords) -> None:
    """`torch.save(obj, f)`: no file is written; what has this name is there for `torch.load`."""
    given = dict(zip(("obj", "f"), args, strict=False)) | keywords
    note(tracer, tracer.graph.place, "torch.save")
    if isinstance(given.get("f"), str):
        with suppress(GradcliError):  # what cannot be copied cannot be loaded either
            tracer.saved[given["f"]] = deepcopy(tracer, (given.get("obj"),), {})


def _torch_load(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`torch.load(f)`: what the file itself has saved, or the data of a file."""
    given = dict(zip(("f", "map_location", "pickle_module"), args, strict=False)) | keywords
    name = given.get("f")
    if isinstance(name, str) and name in tracer.saved:
        return deepcopy(tracer, (tracer.saved[name],), {})
    return _load(tracer, (name,), {})


# what PyTorch has of these, by its path
OF_TORCH: dict[str, Any] = {"torch.save": _torch_save, "torch.load": _torch_load}
FUNCTIONS: dict[str, Any] = {"load": _load, "recorded": _recorded}
