"""The graph: an append-only tape of operations, parents by index, values beside it.

A node is a row over several columns; `Node` is a view on one. Parents have smaller ids than
their children, so the order of the tape is a topological order and nothing needs recursion.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

from gradcli.errors import NOWHERE, ArgumentFault, LimitFault, ShapeFault, Span
from gradcli.ops.python import OPERATORS
from gradcli.rule.calls import Call, Calls, remembered
from gradcli.rule.costs import size
from gradcli.rule.dtypes import ARRAYS, FLOAT64, Array, DType, is_differentiable
from gradcli.rule.meta import SCALAR, Meta, Shape
from gradcli.rule.operators import Operators
from gradcli.rule.rows import primitive
from gradcli.rule.rule import Derivative, Primitive, Row, number

SMALL = 1 << 20  # bytes that an operation may take beside its results in any case
MOST_DIMENSIONS = 64  # of an array of numpy
STEP = 20_000  # elements that numpy works on in about the time that a turn of a loop takes
FEW_NUMBERS = 256  # that are looked for among those which the tape has already
WINDOW = 4096  # rows that are marked at a time on a way back
NO_ATTRIBUTES: dict[str, Any] = {}  # of all rows that have none
NO_GRADIENT = "Only Tensors of floating point and complex dtype can require gradients"

# what a row was made for: the file's own lines, a claim, a differentiation, or the bookkeeping of
# the prelude: how a module is initialised, how an optimiser steps
Origin = Literal["file", "claim", "gradient", "inside"]
Compute = Callable[["Graph", Iterable[int]], None]  # puts values of some rows on the tape

# One result of an operation that has several: it carries the tuple's attributes and cotangents.
OUTPUT = primitive(
    Derivative,
    "_output(input, position: int)",
    "",
    lambda results, position: results[position],
    lambda results, position: results[position],
)


@dataclass(frozen=True)
class Limits:
    """How large a run may become: files come from strangers.

    `memory` is in bytes: of the values of nodes, and of the texts and lists that a file makes.
    `steps` are calls, turns of loops and items that something goes through; an operation takes one
    for each STEP elements that it works on.
    """

    nodes: int = 1_000_000
    memory: int = 1 << 62
    steps: int = 1_500_000


@dataclass(frozen=True)
class Step:
    """Rows that one differentiation made: what of what, so that it can be done again otherwise.

    In reverse mode `given` are the roots' cotangents, `wanted` the nodes to differentiate by and
    `found` their gradients; in forward mode `given` are the inputs' tangents, `wanted` the results
    and `found` their tangents. `rows` are gone through, and what is made begins at row `first`.
    Where it is `batched`, those given and found have a leading axis: one slice a differentiation.
    """

    mode: Literal["reverse", "forward"]
    given: dict[int, int]
    wanted: tuple[int, ...]
    found: tuple[int | None, ...]
    rows: tuple[int, ...]
    first: int
    batched: bool = False


def copied(x: Any) -> Any:
    """Return an object whose lists, tables and sets are copies."""
    result = copy(x)
    for name, value in vars(x).items():
        if isinstance(value, list | dict | set | bytearray):
            setattr(result, name, value.copy())
    return result


def _kept(x: Any) -> Any:
    """Return what it takes to take a list, a table or a set back to what it is now."""
    if isinstance(x, list | bytearray):
        return len(x)
    return x.copy() if isinstance(x, dict | set) else None


def _restore(x: Any, kept: Any) -> None:
    """Take a list, a table or a set back: a list has only grown."""
    if isinstance(x, list | bytearray):
        del x[kept:]
    elif isinstance(x, dict | set):
        x.clear()
        x.update(kept)


class Version:
    """How often autograd has seen some memory change; `detach()` shares it, `.data` does not."""

    __slots__ = ("count", "span")

    def __init__(self) -> None:
        self.count = 0
        self.span = NOWHERE  # of the last change

    def advance(self, span: Span) -> None:
        """Count a change that is made at a place."""
        self.count += 1
        self.span = span


class Change(NamedTuple):
    """A row whose memory holds another value now: where that was written, and the row of it.

    Where it is `replaced`, as by `x.data = y`, the tensor lies in other memory, but not its views.
    """

    span: Span
    row: int
    replaced: bool


@dataclass
class Autograd:
    """What autograd keeps beside the tape, by row.

    `live` is the `.grad` of leaves that the file has seen, `grads` that of the others. `freed` is 1
    of a row whose saved tensors a backward pass has freed; `successors` are those of parameters
    that were updated in place. `versions` are of rows that are held in memory, `changes` of those
    whose memory has been written since, `uncounted` those among them that autograd knows nothing of
    (`.data`), `in_place` rows whose first operand was replaced by their result, `inferred` rows
    made under inference_mode. `steps` are differentiations, whose results are rows themselves.
    """

    grads: dict[int, Array] = field(default_factory=dict)
    live: dict[int, Node] = field(default_factory=dict)
    retained: set[int] = field(default_factory=set)
    freed: bytearray = field(default_factory=bytearray)
    successors: dict[int, int] = field(default_factory=dict)
    versions: dict[int, tuple[Version, int]] = field(default_factory=dict)
    changes: dict[int, Change] = field(default_factory=dict)
    uncounted: set[int] = field(default_factory=set)
    in_place: set[int] = field(default_factory=set)
    inferred: set[int] = field(default_factory=set)
    steps: list[Step] = field(default_factory=list)


class Use(NamedTuple):
    """A tensor that a composite operation took: the row of the table, which argument, where."""

    op: Row
    slot: int
    node: int
    span: Span


class Frame(NamedTuple):
    """A call of a function of the file: its place, what was called, and the call that it is in.

    `number` tells calls apart that stand in one place, as those of a loop do. Of a module of a
    model, `module` is the class, and the name the path. It is called too, or is a block of the
    file's own lines, as in a record.
    """

    span: Span
    name: str
    number: int
    outer: Frame | None
    module: str = ""
    is_block: bool = False

    @property
    def outermost(self) -> Frame | None:
        """The call that the file's own lines make: the lines of a block are its own."""
        further = None if self.outer is None else self.outer.outermost
        return further or (None if self.is_block else self)


class Loop(NamedTuple):
    """A loop of the file that is in no other: its place, and where its turns begin on the tape.

    `turns` has the first row of each turn, and at its end the row after the last one.
    """

    span: Span
    turns: array[int]


@dataclass
class Provenance:
    """Where rows come from: their places in the file, and what it calls them.

    `origins` say whether a node was written in the file, made to check a claim, or made by
    differentiating. `titles` are names that people know nodes by, as `fc1.weight`, where those of
    the file are others. `aliases` are the names that a node has in the end besides its own, `calls`
    the calls of functions in whose bodies nodes were made, `sources` the rows
    whose values leaves of their own took over, `severed` what results were made of that became
    parameters, `numbers` those that the file read as numbers.
    `uses` are those of composite operations that say what their arguments are, `loops` the times
    that a loop was run, `weak` the rows of Python's numbers, `patterns` the parameters of modules
    that others were copied from or took the place of, `makers` the libraries that rows are of,
    where a run has values of several, `written` the rows before those that stand for changes in
    place, `coded` those that operations of the file's own were computed by, or their derivatives,
    `turned` arrays that a negative step turned round.
    """

    spans: list[Span] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    titles: dict[int, str] = field(default_factory=dict)
    aliases: dict[int, list[str]] = field(default_factory=dict)
    calls: dict[int, Frame] = field(default_factory=dict)
    sources: dict[int, int] = field(default_factory=dict)
    severed: dict[int, tuple[int, ...]] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=list)
    warnings: list[tuple[Span, str]] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    loops: list[Loop] = field(default_factory=list)
    weak: set[int] = field(default_factory=set)
    patterns: set[int] = field(default_factory=set)
    makers: dict[int, Any] = field(default_factory=dict)
    written: dict[int, int] = field(default_factory=dict)
    coded: set[int] = field(default_factory=set)
    turned: set[int] = field(default_factory=set)

    def hide_unused(self, graph: Graph) -> None:
        """Leave out patterns, and values that parameters lost before anything was made of them."""
        if lost := self.patterns | graph.autograd.successors.keys():
            rows = zip(graph.inputs, self.origins, strict=True)
            used = {i for operands, origin in rows if origin != "inside" for i in operands}
            for id in lost - used:
                self.origins[id] = "inside"

    def called_at(self, row: int) -> Span | None:
        """Return where the file's own lines made the call in which a row was made."""
        frame = self.calls.get(row)
        outermost = None if frame is None else frame.outermost
        return None if outermost is None else outermost.span

    def title(self, row: int) -> str | None:
        """Return the name that people know a node by, None where it has none."""
        return self.titles.get(row) or self.names.get(row)


class Graph:
    """The tape.

    `inputs[i]` are the ids of the operands of node i; a negative id ~k is the Python number (or
    None) `scalars[k]`, which is not a node. An operation with several results takes a row for
    their tuple, `widths` of them, and a row for each of them. What autograd keeps and where rows
    come from stand beside the tape. An executor, which stands above it, gives it `compute`, for
    when a node's value is read: `values[i]` is the way to one. `stored` is what executors keep of
    values, None where they keep nothing, a Python float of a float64 without dimensions; only they
    look at it.
    """

    def __init__(
        self,
        compute: Compute,
        default_dtype: DType = FLOAT64,
        limits: Limits | None = None,
        handle: type[Node] | None = None,
    ) -> None:
        self._compute = compute
        self.handle = handle or Node
        self._calls = Calls(default_dtype)
        self._places: dict[int, int] = {}  # of numbers among `scalars`, by identity
        self.limits = limits or Limits()
        self.bytes = 0  # of all values, computed or not
        self.steps = 0
        self.ops: list[Primitive | None] = []
        self.inputs: list[tuple[int, ...]] = []
        self.attrs: list[dict[str, Any]] = []
        self.metas: list[Meta] = []
        self.requires_grad: list[bool] = []
        self.stored: list[Any] = []
        self.passed: set[int] = set()  # rows that an executor has computed once, and not kept
        self.noted: dict[int, Any] = {}  # what it found out about tensors that it went through
        self.scalars: list[Any] = []
        self.widths: dict[int, int] = {}
        self.autograd = Autograd()
        self.notes = Provenance()
        self.reserved: set[int] = set()  # rows kept for leaves that have no value yet
        self.call: Frame | None = None
        self.frames = 0  # calls so far
        self.span = NOWHERE  # the expression that is being evaluated
        self.home = NOWHERE  # where the file has called what is being evaluated of the prelude
        self.origin: Origin = "file"
        self.grad_enabled = True
        self.inference = False  # whether inference_mode is on
        self.eager = 0  # blocks being run that may catch an error: rows are computed at once

    def __len__(self) -> int:
        return len(self.ops)

    @property
    def default_dtype(self) -> DType:
        """The dtype that Python floats bring where no floating tensor is among the operands."""
        return self._calls.default_dtype

    @default_dtype.setter
    def default_dtype(self, dtype: DType) -> None:
        self._calls = Calls(dtype)

    def copy(self) -> Graph:
        """Return the same tape, which shares no list, table or set with this one."""
        result: Graph = copied(self)
        result.autograd, result.notes = copied(self.autograd), copied(self.notes)
        return result

    @contextmanager
    def scratch(self) -> Iterator[None]:
        """Let what is appended meanwhile be gone afterwards; steps stay counted."""
        columns = [(x, dict(vars(x))) for x in (self, self.autograd, self.notes)]
        kept = [{k: _kept(v) for k, v in held.items()} for _, held in columns]
        steps = self.steps
        try:
            yield
        finally:
            for (owner, held), before in zip(columns, kept, strict=True):
                for name, value in held.items():
                    setattr(owner, name, value)
                    _restore(value, before[name])
            self.steps = max(self.steps, steps)

    def leaf(self, value: Array, requires_grad: bool = False) -> Node:
        """Append a tensor that no operation made.

        Raises: ArgumentFault, in PyTorch's words, where its dtype can have no gradient.
        """
        if requires_grad and not is_differentiable(value.dtype):
            raise ArgumentFault(NO_GRADIENT, hint="write the data as floats: `1.0` for `1`")
        meta = Meta(value.shape, value.dtype)
        stored = float(value) if meta == SCALAR else value
        return self._append(None, (), NO_ATTRIBUTES, meta, bool(requires_grad), stored)

    def reserve(self) -> int:
        """Keep a row for a leaf that may come: its place is here, its value comes with `fill`."""
        id = self._append(None, (), NO_ATTRIBUTES, Meta((), self.default_dtype), False).id
        self.reserved.add(id)
        return id

    def fill(self, id: int, value: Array) -> Node:
        """Give a row that was kept its value.

        Raises: LimitFault where there is no room for it.
        """
        meta = Meta(value.shape, value.dtype)
        self.bytes += self.afford(meta)
        self.metas[id] = self._calls.one(meta)
        self.put(id, value)
        self.reserved.discard(id)
        return Node(self, id)

    def record(self, op: Primitive, operands: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        """Append an operation; return its node, or a tuple of nodes where it has several results.

        Operands are nodes, Python numbers, None where an optional tensor is missing, and arrays,
        which become constants.

        Raises: ShapeFault, DtypeFault and ArgumentFault where the operands do not fit.
        """
        if op.is_remembered:
            if len(operands) == 1 and not attrs and isinstance(operands[0], Node):
                i = operands[0].id
                call = self._calls.known.get((op, id(self.metas[i])))
                if call is not None:
                    return self._enter(op, call, (i,))
            key = remembered(op, operands, attrs, self.metas, Node)
            if key is not None:
                call = self._calls.known.get(key)
                if call is None:
                    kept = [self.metas[x.id] for x in operands if isinstance(x, Node)]
                    call = self._calls.learn(key, op, operands, attrs, kept)
                ids = tuple([x.id if isinstance(x, Node) else self._scalar(x) for x in operands])
                return self._enter(op, call, ids)
        operands = tuple(self.leaf(np.asarray(x)) if isinstance(x, ARRAYS) else x for x in operands)
        if not op.numbers:
            _refuse_numbers(op, operands)
        attrs = op.complete(operands, attrs) or NO_ATTRIBUTES
        meta = op.meta(*operands, **attrs)
        results = tuple(meta) if op.outputs else (meta,)
        for one in results:
            if len(one.shape) > MOST_DIMENSIONS:
                raise _too_many(one)
        memory, work = op.cost(operands, attrs, results)
        if memory or work:
            for one in results:
                self.afford(one)
            self.afford_work(op.label, memory, work, sum(map(size, results)))
        ids = tuple(x.id if isinstance(x, Node) else self._scalar(x) for x in operands)
        requires = self.grad_enabled and op.derivative is not None and self._moves(op, ids)
        if not op.outputs:
            differentiable = requires and is_differentiable(meta.dtype)
            return self._append(op, ids, attrs, meta, differentiable)
        whole = self._append(op, ids, attrs, meta[0], requires)
        self.widths[whole.id] = len(meta)
        return tuple(
            self._append(
                OUTPUT, (whole.id,), {"position": k}, m, requires and is_differentiable(m.dtype)
            )
            for k, m in enumerate(meta)
        )

    def binary(self, op: Primitive, a: Node, b: Any) -> Any:
        """Append an operation on two operands without attributes: what an operator stands for."""
        i, kind, metas = a.id, type(b), self.metas
        if kind is float or kind is int:
            call = self._calls.known.get((op, id(metas[i]), kind))
            if call is not None:
                return self._enter(op, call, (i, self._scalar(b)))
        elif isinstance(b, Node):
            j = b.id
            call = self._calls.known.get((op, id(metas[i]), id(metas[j])))
            if call is not None:
                return self._enter(op, call, (i, j))
        return self.record(op, (a, b), NO_ATTRIBUTES)

    def _enter(self, op: Primitive, call: Call, inputs: tuple[int, ...]) -> Node:
        """Append a row of which all is remembered but where it comes from."""
        row = len(self.ops)
        meta = call.meta
        if call.is_costly:
            self.afford(meta)
            self.afford_work(op.label, call.memory, call.work, size(meta))
        requires = False
        if self.grad_enabled:
            flags = self.requires_grad
            for slot in call.moves:
                if inputs[slot] >= 0 and flags[inputs[slot]]:
                    requires = True
                    break
        taken = self.bytes + call.taken
        if row >= self.limits.nodes or taken > self.limits.memory:
            return self._append(op, inputs, call.attrs, meta, requires)  # which has the words
        self.bytes = taken
        return self._put(op, inputs, call.attrs, meta, requires, None)

    def afford(self, meta: Meta) -> int:
        """Return the bytes that a tensor takes; one that repeats its elements takes none.

        Raises: LimitFault where they are more than is allowed, before anything is allocated.
        """
        if len(meta.shape) > MOST_DIMENSIONS:
            raise _too_many(meta)
        taken = size(meta)
        if meta.strides is not None and 0 in meta.strides:
            return 0
        if self.bytes + taken > self.limits.memory:
            raise self._too_large(f"a tensor of shape {list(meta.shape)}", taken)
        return taken

    def charge(self, taken: int, what: str) -> None:
        """Count the bytes of something that is kept beside the values of nodes.

        Raises: LimitFault where they are more than is allowed.
        """
        if self.bytes + taken > self.limits.memory:
            raise self._too_large(what, taken)
        self.bytes += taken

    def afford_work(self, name: str, memory: int, work: int, results: int = 0) -> None:
        """Count an operation's work, and check the memory that it takes, in bytes, while it runs.

        Raises: LimitFault where either is more than is allowed.
        """
        if memory >= SMALL and self.bytes + results + memory > self.limits.memory:
            raise self._too_large(f"{name}() with what it needs while it runs", results + memory)
        if work < STEP:
            return
        if self.steps + work // STEP > self.limits.steps:
            raise LimitFault(
                f"{name}() goes through {work:,} elements, which is {work // STEP:,} steps: the "
                f"run takes more than the limit of {self.limits.steps:,}",
                hint="make it smaller, or allow more with --max-steps",
            )
        self.spend(work // STEP)

    def spend(self, steps: int = 1) -> None:
        """Count steps.

        Raises: LimitFault where they are more than is allowed.
        """
        self.steps += steps
        if self.steps > self.limits.steps:
            raise LimitFault(
                f"the run takes more than {self.limits.steps:,} steps",
                hint="make the loops shorter, or allow more with --max-steps",
            )

    def _too_large(self, what: str, taken: int) -> LimitFault:
        return LimitFault(
            f"{what} takes {_size(taken)}, with what there is {_size(self.bytes + taken)}: "
            f"more than the limit of {_size(self.limits.memory)}",
            hint="make it smaller, or allow more with --max-memory",
        )

    def value(self, id: int) -> Any:
        """Return the value of a row, computed now if it was not before."""
        found = self.stored[id]
        if found is None:
            self._compute(self, (id,))
            found = self.stored[id]
        return np.array(found) if type(found) is float else found

    def entered(self, name: str, module: str = "") -> Frame:
        """Return a call that is made at the place of what is being evaluated, or a module's.

        The prelude calls modules; what a file writes about one is a block.
        """
        self.frames += 1
        is_block = bool(module) and self.span is not NOWHERE
        return Frame(self.place, name, self.frames, self.call, module, is_block)

    @property
    def place(self) -> Span:
        """The place in the file that is being evaluated; of the prelude's code, its call."""
        return self.home if self.span is NOWHERE else self.span

    @property
    def values(self) -> Values:
        """The value of every row, by its number."""
        return Values(self)

    def put(self, id: int, value: Any) -> None:
        """Let a row have another value; None: it is computed when it is read."""
        number = self.metas[id] == SCALAR and value is not None
        self.noted.pop(id, None)
        self.stored[id] = float(value) if number else value

    def convert(self, id: int, dtype: DType) -> None:
        """Let an operation's row that nothing has read have another dtype."""
        self.metas[id] = self.metas[id]._replace(dtype=dtype)
        self.put(id, None)

    def require_grad(self, id: int) -> None:
        """Make a leaf a parameter. A result that needed no gradient loses what it came from.

        Raises: ArgumentFault, in PyTorch's words, where its dtype can have no gradient.
        """
        if not is_differentiable(self.metas[id].dtype):
            raise ArgumentFault(NO_GRADIENT, hint="write the data as floats: `1.0` for `1`")
        if self.ops[id] is not None:
            self.value(id)
            self.notes.severed[id] = self.inputs[id]
            self.ops[id], self.inputs[id], self.attrs[id] = None, (), NO_ATTRIBUTES
        self.requires_grad[id] = True

    def release(self, ids: Iterable[int]) -> list[int]:
        """Make parameters plain tensors again, and what only they made require a gradient too.

        Return the rows that required one until now.
        """
        first, moved = len(self), list(ids)
        for id in moved:
            self.requires_grad[id] = False
            first = min(first, id)
        for id in range(first, len(self)):
            op = self.ops[id]
            if op is not None and self.requires_grad[id]:
                source = self.inputs[id]
                self.requires_grad[id] = (
                    self.requires_grad[source[0]] if op is OUTPUT else self._moves(op, source)
                )
                if not self.requires_grad[id]:
                    moved.append(id)
        return moved

    def moved(self, id: int, value: Array) -> int:
        """Append a parameter's next value; it takes over the name and the gradient."""
        node = self.leaf(value, True)
        for known in (self.notes.names, self.notes.titles):
            if id in known:
                known[node.id] = known[id]
        if id in self.autograd.grads:
            self.autograd.grads[node.id] = self.autograd.grads.pop(id)
        if id in self.autograd.live:
            self.autograd.live[node.id] = self.autograd.live.pop(id)
        self.autograd.successors[id] = node.id
        return node.id

    def follow(self, old: int, new: int) -> None:
        """Let a row stand for what another one stood for: its name, and whether `.grad` is kept."""
        for known in (self.notes.names, self.notes.titles):
            if old in known:
                known.setdefault(new, known[old])
        if old in self.autograd.retained and self.requires_grad[new]:
            self.autograd.retained.remove(old)
            self.autograd.retained.add(new)
            if old in self.autograd.grads:
                self.autograd.grads[new] = self.autograd.grads.pop(old)
            if old in self.autograd.live:
                self.autograd.live[new] = self.autograd.live.pop(old)

    def grad(self, id: int) -> Array | None:
        """Return the `.grad` of a node."""
        live = self.autograd.live.get(id)
        return self.autograd.grads.get(id) if live is None else live.value

    def set_grad(self, id: int, grad: Node | None) -> None:
        """Give a node another `.grad`, or none."""
        self.autograd.grads.pop(id, None)
        if grad is None:
            self.autograd.live.pop(id, None)
        else:
            self.autograd.live[id] = grad

    def forget_grads(self) -> None:
        """Leave every node without a `.grad`; what a file has read of them keeps its values."""
        self.autograd.grads.clear()
        self.autograd.live.clear()

    def current(self, id: int) -> int:
        """Return the row that holds a parameter's value now, after updates in place."""
        heirs, last = self.autograd.successors, id
        while last in heirs:
            last = heirs[last]
        while id != last:  # a loop of training makes a long way, which nobody goes twice
            heirs[id], id = last, heirs[id]
        return last

    def _moves(self, op: Primitive, ids: tuple[int, ...]) -> bool:
        """Say whether a gradient can flow to any operand."""
        derivative = op.derivative
        return derivative is not None and any(
            i >= 0 and self.requires_grad[i] and derivative.body(slot) is not None
            for slot, i in enumerate(ids)
        )

    def _scalar(self, value: Any) -> int:
        if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
            raise ArgumentFault(
                "a number beside tensors is too large: an integer has 64 bits",
                hint="write it as a float: 1e20",
            )
        place = self._places.get(id(value))
        if place is None:
            if len(self._places) >= FEW_NUMBERS:
                self._places.clear()
            self.scalars.append(value)
            self._places[id(value)] = place = ~(len(self.scalars) - 1)
        return place

    def _append(
        self,
        op: Primitive | None,
        inputs: tuple[int, ...],
        attrs: dict[str, Any],
        meta: Meta,
        requires_grad: bool,
        value: Any = None,
    ) -> Node:
        if len(self.ops) >= self.limits.nodes:
            raise LimitFault(
                f"the graph has more than {self.limits.nodes:,} nodes",
                hint="make the loops shorter, or allow more with --max-nodes",
            )
        self.bytes += self.afford(meta)
        return self._put(op, inputs, attrs, self._calls.one(meta), requires_grad, value)

    def _put(
        self,
        op: Primitive | None,
        inputs: tuple[int, ...],
        attrs: dict[str, Any],
        meta: Meta,
        requires_grad: bool,
        value: Any,
    ) -> Node:
        """Append a row to every column; it is known to be affordable."""
        row, notes = len(self.ops), self.notes
        self.ops.append(op)
        self.inputs.append(inputs)
        self.attrs.append(attrs)
        self.metas.append(meta)
        self.requires_grad.append(requires_grad)
        self.stored.append(value)
        span = self.span
        if span is NOWHERE:
            notes.spans.append(self.home)
            forward = requires_grad or (self.call is not None and self.call.module)
            notes.origins.append(self.origin if forward else "inside")
        else:
            notes.spans.append(span)
            notes.origins.append(self.origin)
        if self.call is not None:
            notes.calls[row] = self.call
        if self.inference:
            self.autograd.inferred.add(row)
        if self.eager and op is not None:
            self._compute_last(row)
        node = object.__new__(self.handle)  # as its __init__ does, in half the time
        node.graph = self
        node.row = row
        return node

    def _compute_last(self, row: int) -> None:
        """Compute the row that was just appended; where it cannot be, there is none."""
        try:
            self._compute(self, (row,))
        except Exception:
            for column in (self.ops, self.inputs, self.attrs, self.metas, self.requires_grad,
                           self.stored, self.notes.spans, self.notes.origins):  # fmt: skip
                del column[row:]
            self.notes.calls.pop(row, None)
            self.autograd.inferred.discard(row)
            raise

    def warn(self, message: str) -> None:
        """Keep a warning about the expression that is being evaluated."""
        self.notes.warnings.append((self.place, message))

    def settings(self, origin: Origin, grad_enabled: bool) -> Settings:
        """Append nodes of an origin, and set whether gradients are recorded, as PyTorch does.

        The mode is set, whatever it was: `enable_grad` inside `no_grad` records again.
        """
        return Settings(self, origin, grad_enabled)

    # ---- facts about a node ----------------------------------------------------------------

    def is_leaf(self, id: int) -> bool:
        """Say whether a node is a leaf as PyTorch says it: no gradient flows on through it."""
        return self.ops[id] is None or not self.requires_grad[id]

    def producer(self, id: int) -> int:
        """Return the row of the operation that made a node: for one of several results, theirs."""
        return self.inputs[id][0] if self.ops[id] is OUTPUT else id

    def grad_fn(self, id: int) -> str | None:
        """Return the class name of PyTorch's grad_fn, None for a leaf."""
        if self.is_leaf(id):
            return None
        return self.function_name(self.producer(id))

    def function_name(self, row: int) -> str:
        """Return PyTorch's class name of the backward function of an operation's row."""
        op = self.ops[row]
        assert op is not None, "a node that is no leaf has an operation"
        if row in self.autograd.in_place and op.in_place:
            return op.in_place
        if isinstance(op.grad_fn, str):
            return op.grad_fn
        return op.grad_fn_name(self.operands(row), self.attrs[row])

    def label(self, id: int) -> str:
        """Return the name of the operation that made a node, `leaf` where none did."""
        op = self.ops[self.producer(id)]
        return "leaf" if op is None else op.label

    def operands(self, id: int) -> tuple[Any, ...]:
        """Return the operands of a row: nodes, numbers and None."""
        return tuple(Node(self, i) if i >= 0 else self.scalars[~i] for i in self.inputs[id])

    def operand_names(self, id: int) -> tuple[str, ...]:
        """Return what the signature calls the operands that are nodes, in their order."""
        op = self.ops[id]
        if op is None:
            return ()
        inputs, names = self.inputs[id], op.signature.tensors
        if len(names) != len(inputs):  # the last one takes a list
            first = len(names) - 1
            names = (*names[:-1], *(f"{names[-1]}[{i}]" for i in range(len(inputs) - first)))
        return tuple(name for name, i in zip(names, inputs, strict=True) if i >= 0)

    def edges(self, id: int) -> tuple[int | None, ...]:
        """Return PyTorch's next_functions of a row: ids of nodes, None where no gradient flows."""
        op = self.ops[id]
        if op is None or op.derivative is None:
            return ()
        edges: list[int | None] = []
        for slot, i in enumerate(self.inputs[id]):
            if op.derivative.body(slot) is None:
                continue
            if i >= 0:
                edges.append(self.producer(i) if self.requires_grad[i] else None)
            elif op.wraps:
                edges.append(None)
        return tuple(edges)

    def is_tuple(self, id: int) -> bool:
        """Say whether a row stands for the several results of an operation together."""
        return id in self.widths


def way_back(
    graph: Graph, starts: Iterable[int], column: Sequence[Any], flag: Literal[True] | None
) -> list[int]:
    """Return some rows and what they are made of, the last row first.

    A way back ends where a column holds something else than the flag; so do the starts.
    """
    inputs, found = graph.inputs, []
    pending = {i for i in starts if column[i] is flag}
    while pending:  # a window of rows after the other: what is needed lies close together
        base = max(0, max(pending) + 1 - WINDOW)
        marks = bytearray(WINDOW)
        for i in pending:
            if i >= base:
                marks[i - base] = 1
        pending = {i for i in pending if i < base}
        find = marks.rfind
        place = find(1)
        while place >= 0:
            id = base + place
            found.append(id)
            for i in inputs[id]:
                if i >= 0 and column[i] is flag:
                    if i >= base:
                        marks[i - base] = 1
                    else:
                        pending.add(i)
            place = find(1, 0, place)
    return found


class Values:
    """The values of a tape's rows, computed when they are asked for."""

    __slots__ = ("_value",)

    def __init__(self, graph: Graph) -> None:
        self._value = graph.value

    def __getitem__(self, id: int) -> Any:
        return self._value(id)


class Settings:
    """The context in which a graph has other settings; a generator would take thrice the time."""

    __slots__ = ("_before", "_graph", "_settings")

    def __init__(self, graph: Graph, origin: Origin, grad_enabled: bool) -> None:
        self._graph, self._settings = graph, (origin, grad_enabled)

    def __enter__(self) -> None:
        graph = self._graph
        self._before = graph.origin, graph.grad_enabled
        graph.origin, graph.grad_enabled = self._settings

    def __exit__(self, *raised: object) -> None:
        self._graph.origin, self._graph.grad_enabled = self._before


class Node(Operators):
    """A value: a view on one row of a graph. Operators on it append further rows."""

    __slots__ = ("graph", "row")
    rows = OPERATORS

    def __init__(self, graph: Graph, row: int) -> None:
        self.graph = graph
        self.row = row

    @property
    def id(self) -> int:
        """The row."""
        return self.row

    def record(self, op: Primitive, operands: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        return self.graph.record(op, operands, attrs)

    def binary(self, op: Any, b: Any) -> Any:
        return self.graph.binary(op, self, b)

    def warn(self, message: str) -> None:
        self.graph.warn(message)

    def afford(self, name: str, memory: int, work: int) -> None:
        self.graph.afford_work(name, memory, work)

    def accumulate(self, found: Array) -> None:
        """Add a gradient to this one in place, where it is the `.grad` of a file's tensor."""
        raise NotImplementedError

    def constant(self, array: Array) -> Node:
        """Append an array as a constant of the same graph."""
        return self.graph.leaf(array)

    @property
    def meta(self) -> Meta:
        """What is known of it without its values."""
        return self.graph.metas[self.row]

    @property
    def shape(self) -> Shape:
        return self.graph.metas[self.row].shape

    @property
    def dtype(self) -> DType:
        """Data type."""
        return self.graph.metas[self.row].dtype

    @property
    def strides(self) -> tuple[int, ...] | None:
        """Strides in elements; None is contiguous."""
        return self.graph.metas[self.row].strides

    @property
    def default_dtype(self) -> DType:
        return self.graph.default_dtype

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient can flow to it."""
        return self.graph.requires_grad[self.id]

    @property
    def value(self) -> Any:
        return self.graph.value(self.id)

    @property
    def is_index(self) -> bool:
        """Whether it can stand for a Python integer."""
        return not self.shape and self.dtype.kind in "iu"

    def __index__(self) -> int:
        if not self.is_index:
            raise TypeError("only integer tensors of a single element can be an index")
        return int(self.value)

    def __repr__(self) -> str:
        return f"<Node {self.id} {list(self.shape)} {self.dtype.name}>"


def _size(count: int) -> str:
    for unit, name in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if count >= 1 << unit:
            return f"{count / (1 << unit):.3g} {name}"
    return f"{count} bytes"


def short_name(grad_fn: str) -> str:
    """Return the name of a backward function as PyTorch's errors have it: Exp for ExpBackward0."""
    name = grad_fn.replace("Backward", "").removesuffix("0")
    return f"torch::autograd::{name}" if name == "CopySlices" else name


def _too_many(meta: Meta) -> ShapeFault:
    return ShapeFault(
        f"a tensor of {len(meta.shape)} dimensions: there can be no more than {MOST_DIMENSIONS}"
    )


def _refuse_numbers(op: Primitive, operands: tuple[Any, ...]) -> None:
    for operand in operands:
        if number(operand):
            raise ArgumentFault(
                f"{op.label}(): argument must be a Tensor, not {type(operand).__name__}",
                hint=f"tensor({operand}) makes a tensor of a number",
            )
