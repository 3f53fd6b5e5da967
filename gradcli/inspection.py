"""What every renderer reads: rows of facts about a run.

What a row says may be computed when it is read, and what a sequence has in it when it is gone
through: whoever shows a part of a run pays for that part.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Place = tuple[tuple[int, ...], complex, complex]  # an index, and the values of two sides there
Kind = Literal["parameter", "data", "intermediate", "root"]


@dataclass(frozen=True, slots=True)
class Summary:
    """What is shown of a tensor that is too large to be written out.

    `first` are its first elements, up to EDGE, and `last` its last one, each of shape (k,), in the
    order of their indices. `minimum`, `mean` and `maximum` are those of its finite elements, in its
    dtype (the mean in float64), None where there are none or they are complex. `nan`, `posinf` and
    `neginf` count what is not finite; a complex infinity is counted as `posinf`.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    first: Array
    last: Array
    minimum: Array | None
    mean: float | None
    maximum: Array | None
    nan: int
    posinf: int
    neginf: int


EDGE = 3  # first elements in a summary
_BLOCK = 1 << 16  # elements that are looked at together: they and their masks fit into the cache


def summary(array: Array) -> Summary:
    """Return what is shown of a large tensor, in one pass that makes no second one."""
    nan = posinf = neginf = count = 0
    least, most, sums = [], [], []
    with np.errstate(all="ignore"):
        for block in _blocks(array):
            finite = np.isfinite(block)
            if not finite.all():
                infinite = np.isinf(block)
                below = infinite & (block < 0) if block.dtype.kind != "c" else np.False_
                nan += int(np.count_nonzero(np.isnan(block)))
                neginf += int(np.count_nonzero(below))
                posinf += int(np.count_nonzero(infinite)) - int(np.count_nonzero(below))
                block = block[finite]
            if block.size and block.dtype.kind != "c":
                count += block.size
                least.append(block.min())
                most.append(block.max())
                # a mean of bfloat16 values must not be summed in bfloat16
                sums.append(block.sum(dtype=np.float64))
        mean = float(np.sum(sums) / count) if count else None
    return Summary(
        array.shape,
        array.dtype,
        array.flat[:EDGE],
        array.flat[-1:] if array.size else array.flat[:0],
        np.asarray(min(least)) if count else None,
        mean,
        np.asarray(max(most)) if count else None,
        nan,
        posinf,
        neginf,
    )


def _blocks(array: Array) -> Iterator[Array]:
    """Yield the elements in their order, so many at a time, as arrays that live until the next."""
    yield from np.nditer(
        array, ["external_loop", "buffered", "zerosize_ok"], order="C", buffersize=_BLOCK
    )


class FrameFacts(NamedTuple):
    """A call of a function of the file: a number of its own, what was called, and on which line.

    A module of a model is one too: its name is its path, and `module` its class, "" of a call.
    """

    number: int
    name: str
    line: int
    module: str = ""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
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
    the file called the function in whose body the node's line stands. `gradient` is what flowed to
    the node in the only backward pass that reached it, kept in `.grad` or not; None where none or
    several did, and where intermediates are not stored. `view` says whether it is a view,
    `taken_from` is the id of the node whose value a leaf took over, as in `param(randn(3))`,
    `frames` are the calls of the file's functions in which it was made, the outermost first.
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
    gradient: Array | None = None
    view: bool = False
    taken_from: int | None = None
    frames: tuple[FrameFacts, ...] = ()

    @property
    def summary(self) -> Summary | None:
        """What is shown of a large `value`, None where there is no value."""
        return None if self.value is None else summary(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NodeFacts) and all(
            _same(getattr(self, field.name), getattr(other, field.name))
            for field in fields(NodeFacts)
        )

    def __repr__(self) -> str:
        return f"<NodeFacts {self.id} {self.label} {list(self.shape)} {self.dtype}>"


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        return left.dtype == right.dtype and np.array_equal(left, right)
    return bool(left == right)


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
class LoopFacts:
    """A loop that is in no other: its line, and the id from which each turn's nodes are.

    `turns` has one id more than there are turns: the last turn's nodes are below it.
    """

    line: int
    turns: Sequence[int]

    def __len__(self) -> int:
        return len(self.turns) - 1


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning about a line of the file, PyTorch's sentence where it has one."""

    line: int
    message: str


class PassedOver(NamedTuple):
    """A line of the file that is passed over, as it has no gradient, and what it does."""

    line: int
    what: str


class Difference(NamedTuple):
    """How a row differs from its record: in what, by how much of the largest element, in words.

    `kind` is `grad_fn`, `value` or `gradient`; `gap` is inf where no number says it. `nonfinite`
    says that nan or infinity is in one of them and not in the other.
    """

    kind: str
    gap: float
    words: str
    nonfinite: bool = False


class RecordedRow(NamedTuple):
    """What a record says of a row: its place in the program, `model.py:12:6`, and its text there.

    `module` is the path of the model's module; "" stands for what is not known. `differs` is what
    the replay does otherwise.
    """

    place: str
    source: str
    module: str
    differs: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """How a run differs from the record that its file replays.

    `file` is the record's data file, `torch` PyTorch's release. `rows` are those of the record by
    their ids, `lines` stand for all rows of a line of the file, `absent` are names that the file no
    longer has. `own` says whether gradients were compared: those of the file's own backward passes.
    `compared` counts what was, by kind, and `gaps` has the largest gap of what agrees, relative to
    the largest element.
    """

    file: str
    torch: str
    rows: Mapping[int, RecordedRow]
    lines: Mapping[int, RecordedRow]
    absent: tuple[str, ...]
    own: bool
    compared: Mapping[str, int]
    gaps: Mapping[str, float]

    @property
    def differing(self) -> list[int]:
        """The rows that differ, the first cause first.

        Other values and functions come as the rows were made; where gradients alone differ, that
        is as backward goes.
        """
        found = sorted(id for id, row in self.rows.items() if row.differs)
        forward = [i for i in found if any(d.kind != "gradient" for d in self.rows[i].differs)]
        return [*forward, *(i for i in reversed(found) if i not in set(forward))]

    @property
    def holds(self) -> bool:
        """Whether values and gradients are those of the record; other names of them may differ."""
        return all(d.kind == "grad_fn" for row in self.rows.values() for d in row.differs)


@dataclass(frozen=True, slots=True)
class Inspection:
    """Everything that is known after a run.

    `root` is the id of the node that backward started from (None where nothing requires grad or
    the file has no result). `ran_backward` says whether gradients were computed; `functions`
    is the backward graph reachable from the root, in the order in which backward visits it.
    `why` says why it is this root, "" where no other could be meant; `sum` what the gradients are
    of where several `backward()` calls have gathered them; `elsewhere` what the file's own
    `backward()` ran from where that is not the root. The nodes are in the order of their ids.
    `loops` are those that were run, in their order. `record` is what the file is a replay of;
    `modules` says whether rows were made in modules of a model.
    """

    file: str
    root: int | None
    ran_backward: bool
    nodes: Sequence[NodeFacts]
    functions: Sequence[FunctionFacts]
    claims: tuple[Claim, ...]
    notices: tuple[Notice, ...]
    printed: tuple[str, ...]
    values: Sequence[ValueFacts] = ()
    passed_over: tuple[PassedOver, ...] = ()
    why: str = ""
    sum: str = ""
    elsewhere: str = ""
    loops: tuple[LoopFacts, ...] = ()
    record: RecordFacts | None = None
    modules: bool = False

    def node(self, id: int) -> NodeFacts:
        """Return the node with an id.

        Raises: KeyError where no node has it.
        """
        nodes = self.nodes
        if 0 <= id < len(nodes) and nodes[id].id == id:  # where every row is shown
            return nodes[id]
        place = bisect_left(nodes, id, key=lambda node: node.id)
        if place == len(nodes) or nodes[place].id != id:
            raise KeyError(id)
        return nodes[place]
