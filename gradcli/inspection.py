"""What every renderer reads: rows of plain facts about a run, with nothing left to compute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Place = tuple[tuple[int, ...], complex, complex]  # an index, and the values of two sides there
Kind = Literal["parameter", "data", "intermediate", "root"]


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """One node of the graph.

    `label` is what to call the node in a table or picture: its name, `x:3` (name and line) where
    several nodes share the name, otherwise its source text. `op` is the operation's name, or
    `leaf`. `inputs` are ids. `kind`: a parameter is a leaf that requires grad, data a leaf that
    does not (a constant, an input, or a result that needs no gradient), the root is what
    backward started from. `value` and `grad` have the node's `shape` and `dtype`; `grad` is None
    where PyTorch's `.grad` is None, and both may be None where nothing was computed. `derived`
    marks a node that differentiation made (`grad(y, x)` in the file), not a line of the file.
    `operands` are what the operation's signature calls its inputs. `call_line` is the line on which
    the file called the function in whose body the node's line stands.
    """

    id: int
    name: str | None
    label: str
    source: str
    line: int
    op: str
    inputs: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: str
    requires_grad: bool
    is_leaf: bool
    retains_grad: bool
    grad_fn: str | None
    kind: Kind
    value: Array | None
    grad: Array | None
    derived: bool = False
    operands: tuple[str, ...] = ()
    call_line: int | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FunctionFacts:
    """One node of the backward graph: a grad_fn, or the AccumulateGrad of a leaf.

    `next` are PyTorch's next_functions: ids of functions, None where an input needs no gradient.
    `node` is the id of the node that it belongs to (for AccumulateGrad, the leaf).
    """

    id: int
    name: str
    node: int
    next: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """An `assert`: whether it holds, and both sides of it where it has two.

    `note` says how the sides of a false one differ, "" where nobody looked or nothing fits.
    """

    line: int
    source: str
    holds: bool
    message: str | None
    relation: str | None
    left: tuple[str, Array] | None
    right: tuple[str, Array] | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class ValueFacts:
    """What a name is bound to in the end that is no tensor: a number, a list, a string.

    `name` is None for an expression that stands on its own, whose text is the `label`. `type` is
    the name of Python's class, `text` the value as Python shows it, and `data` a number, a text or
    nested lists of these, None where it is anything else. A list that was used as a tensor is a
    node, and not among these.
    """

    name: str | None
    label: str
    line: int
    type: str
    text: str
    data: Any


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning about a line of the file, PyTorch's sentence where it has one."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """Everything that is known after a run.

    `root` is the id of the node that backward started from (None where nothing requires grad or
    the file has no result). `ran_backward` says whether gradients were computed; `functions`
    is the backward graph reachable from the root, in the order in which backward visits it.
    `why` says why it is this root, "" where no other could be meant; `sum` what the gradients are
    of where several `backward()` calls have gathered them; `elsewhere` what the file's own
    `backward()` ran from where that is not the root.
    """

    file: str
    root: int | None
    ran_backward: bool
    nodes: tuple[NodeFacts, ...]
    functions: tuple[FunctionFacts, ...]
    claims: tuple[Claim, ...]
    notices: tuple[Notice, ...]
    printed: tuple[str, ...]
    values: tuple[ValueFacts, ...] = ()
    why: str = ""
    sum: str = ""
    elsewhere: str = ""

    def node(self, id: int) -> NodeFacts:
        """Return the node with an id.

        Raises: KeyError where no node has it.
        """
        for node in self.nodes:
            if node.id == id:
                return node
        raise KeyError(id)


def summary(array: Array) -> dict[str, float | int]:
    """Return min, mean and max of the finite values of an array, and counts of nan and inf."""
    nans, infinities = int(np.isnan(array).sum()), int(np.isinf(array).sum())
    finite = array[np.isfinite(array)]
    facts: dict[str, float | int] = {"nan": nans, "inf": infinities}
    if finite.size and not np.iscomplexobj(finite):
        # in float64: a mean of bfloat16 values must not be summed in bfloat16
        mean = finite.mean(dtype=np.float64)
        facts |= {"min": finite.min(), "mean": mean, "max": finite.max()}
    return facts
