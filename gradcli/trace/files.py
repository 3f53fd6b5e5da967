"""Files of data that an expression file reads: `load("points.npz")`, `recorded("run.npz")`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault, GradcliError
from gradcli.recording import parted
from gradcli.trace.calls import Args, Keywords, only

if TYPE_CHECKING:
    from gradcli.graph import Node
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
        raise error.at(tracer.source, tracer.graph.span) from None


def _load(tracer: Tracer, args: Args, keywords: Keywords) -> Node | dict[str, Node]:
    """`load(FILE)`: the tensor of a file, or its tensors by their names."""
    _, found = _contents(tracer, args, keywords, "load")
    if isinstance(found, dict):
        return {key: tracer.graph.leaf(array) for key, array in found.items()}
    return tracer.graph.leaf(found)


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
        return {key: tracer.graph.leaf(array) for key, array in data.items()}


FUNCTIONS: dict[str, Any] = {"load": _load, "recorded": _recorded}
