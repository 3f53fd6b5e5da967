"""What shares memory with what: a node is a value, a tensor of a file is a handle.

Tensors that share memory see each other's changes, as in PyTorch. A `Storage` is the base of some
views, and holds the row of what it is now; a `Tensor` is a storage, or a view of it. A change in
place appends a row with the new value of the base and moves the storage to it; every other tensor
of that memory takes its view again when it is read next. Gradients follow, since all are rows.

`detach()` and `.data` make storages of their own on the same memory: a change reaches the tensor
that they came from as values that autograd does not know of.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import NOWHERE, ArgumentFault, AutogradFault, DtypeFault, ShapeFault
from gradcli.graph import Change, Graph, Node, Version, short_name
from gradcli.ops.shape.aliases import (
    Step,
    Steps,
    metas,
    overlaps,
    overwritten,
    read_view,
    write_view,
)
from gradcli.ops.shape.shapes import detach
from gradcli.ops.shape.views import copy_in_place
from gradcli.rule.dtypes import CATEGORY, SCALAR_NAMES, Array, DType
from gradcli.rule.meta import Meta, Shape
from gradcli.rule.rule import Primitive

IN_PLACE_LEAF = "a leaf Variable that requires grad is being used in an in-place operation."
IN_PLACE_VIEW = (
    "a view of a leaf Variable that requires grad is being used in an in-place operation."
)
NO_GRAD_VIEW = (
    " Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your "
    "code by moving both the view and the inplace either both inside the no_grad block (if you "
    "don't want the inplace to be tracked) or both outside (if you want the inplace to be tracked)."
)
SEVERAL_VIEWS = (
    " This view is the output of a function that returns multiple views. Such functions do not "
    "allow the output views to be modified inplace. You should replace the inplace operation by an "
    "out-of-place one."
)
INFERRED = (
    "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone "
    "to get a normal tensor before doing inplace update.See "
    "https://github.com/pytorch/rfcs/pull/17 for more details."
)
SHARED_ELEMENTS = (
    "unsupported operation: more than one element of the written-to tensor refers to a single "
    "memory location. Please clone() the tensor before performing the operation."
)


class Memory:
    """Elements that several tensors share: how often they were written, and where last."""

    __slots__ = ("clock", "span")

    def __init__(self) -> None:
        self.clock = 0
        self.span = NOWHERE


class Storage:
    """A tensor that is no view, as autograd sees it: the base of its views.

    `row` is its value when `memory.clock` was `seen`. `source` is the tensor whose memory it shares
    but whose history it does not: what it was detached from. `library` is whose values it holds,
    where others' tensors share the memory.
    """

    __slots__ = ("graph", "library", "memory", "row", "seen", "source", "version")

    def __init__(
        self,
        graph: Graph,
        row: int,
        memory: Memory,
        version: Version,
        source: Tensor | None = None,
    ) -> None:
        self.graph, self.row, self.memory, self.version = graph, row, memory, version
        self.source = source
        self.library: object = None
        self.seen = memory.clock
        graph.autograd.versions[row] = version, version.count

    def current(self) -> int:
        """Return the row of what the memory holds now, seen as this tensor."""
        if self.seen != self.memory.clock:
            assert self.source is not None, "every change is carried up to the first tensor"
            self.take(_detached(self.source))
        return self.row

    def hold(self, row: int, replaced: bool = False) -> None:
        """Move to a row that has a history of its own; `replaced`: in other memory."""
        graph, old = self.graph, self.row
        _, count = graph.autograd.versions[old]
        span = graph.place if replaced else self.memory.span
        graph.autograd.changes[old] = Change(span, row, replaced)
        if self.version.count == count:
            graph.autograd.uncounted.add(old)
        graph.autograd.versions[row] = self.version, self.version.count
        graph.follow(old, row)
        if graph.notes.makers and (self.source is None or row not in graph.notes.written):
            graph.notes.written[row] = old
        self.row, self.seen = row, self.memory.clock

    def take(self, row: int, replaced: bool = False) -> None:
        """Move to other values, which autograd does not know of: the history stays as it is."""
        graph, old = self.graph, self.row
        if graph.requires_grad[old] and graph.ops[old] is None:
            heir = graph.autograd.successors.get(
                old
            )  # the leaf lies in other memory, its views do not
            row = graph.moved(old, Node(graph, row).value)
            if heir is not None:
                graph.autograd.successors[old] = graph.autograd.successors[row] = heir
        elif graph.requires_grad[old]:
            with graph.settings("file", True):
                before = Node(graph, old)
                row = overwritten(before, Node(graph, row), detach(before)).id
        self.hold(row, replaced)


class Tensor(Node):
    """A tensor of a file: a storage, or a view of one that some steps lead to.

    `row` is its value when the memory's clock was `seen`. One that nothing shares has no storage.
    `made` says how a view was made, where it must not be changed in place, and `tracked` whether
    autograd has seen that.
    """

    # most tensors of a file share nothing, and take no time for it
    storage: Storage | None = None
    steps: Steps = ()
    seen = 0
    counted = 0
    made = ""
    tracked = False
    is_parameter = False  # made by nn.Parameter: a module counts it among its parameters
    persists: bool | None = None  # made by nn.Buffer: whether a module's state has it

    @property
    def id(self) -> int:
        """The row of the value that the tensor has now."""
        storage = self.storage
        if storage is None or self.seen == storage.memory.clock:
            return self.row
        return self._read(storage)

    def _read(self, storage: Storage) -> int:
        """Take the value again, after the memory has changed."""
        graph, row = self.graph, storage.current()
        refused = self.steps and not self.is_readable
        if refused and graph.grad_enabled:
            raise self._unwritable("its base or another view of its base has been")
        if self.steps:
            before = graph.span
            graph.span = before if self.row < 0 else storage.memory.span
            counted = self.counted != storage.version.count
            with graph.settings("file", self.made != "no_grad"):
                row = self._again(Node(graph, row), counted)
            graph.span = before
            if self.row >= 0:
                graph.follow(self.row, row)
        if not refused:  # it is asked again where gradients are recorded
            self.row, self.seen, self.counted = row, storage.memory.clock, storage.version.count
        return row

    @property
    def is_readable(self) -> bool:
        """Whether it can be read where gradients are recorded: it, or its base, must not change."""
        storage = self.storage
        if storage is None or not self.made or self.counted == storage.version.count:
            return True
        return not self.graph.requires_grad[storage.current()]

    def _again(self, base: Node, counted: bool) -> int:
        """Return the row of this view of what its base is now.

        Where autograd has counted no change the view keeps its history, as in PyTorch.
        """
        graph = self.graph
        if counted or self.row < 0 or not graph.requires_grad[self.row]:
            return read_view(base, steps=self.steps).id  # type: ignore[no-any-return]
        now, before = read_view(detach(base), steps=self.steps), Node(graph, self.row)
        row: int = overwritten(before, now, detach(before)).id
        if self.storage is not None:
            graph.autograd.versions[row] = self.storage.version, self.storage.version.count
        return row

    @property
    def is_fresh(self) -> bool:
        """Whether the row is that of the value now: reading it appends nothing."""
        return self.storage is None or self.seen == self.storage.memory.clock

    def record(self, op: Primitive, operands: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        """Append the operation; a view of this tensor shares its memory."""
        graph = self.graph
        if not op.view:
            return graph.record(op, operands, attrs)
        if op.view == "detached" and graph.grad_enabled and not self.is_readable:
            with graph.settings(graph.origin, False):  # what is cut off may be read all the same
                return self.record(op, operands, attrs)
        result = graph.record(op, operands, attrs)
        if operands[0] is self:
            if isinstance(result, tuple):
                for position, part in enumerate(result):
                    part.share(self, op, position)
            else:
                result.share(self, op, None)
        return result

    def held(self) -> Storage:
        """Return the storage, made where nothing has shared it so far."""
        if self.storage is None:
            self.storage = Storage(self.graph, self.row, Memory(), Version())
            self.seen = 0
        return self.storage

    def share(self, source: Tensor, op: Primitive, position: int | None) -> None:
        """Lie in the memory of another tensor, from which an operation has just made this one."""
        graph, storage = self.graph, source.held()
        if op.view == "detached":
            self.storage = Storage(graph, self.row, storage.memory, storage.version, source.twin())
        else:
            attrs = graph.attrs[graph.producer(self.row)]
            self.storage, self.steps = storage, (*source.steps, Step(op, attrs, position))
            self.made = "several" if position is not None else source.made
            if not graph.grad_enabled:
                self.made = "no_grad"
            self.tracked = graph.grad_enabled and graph.requires_grad[storage.row]
        self.seen, self.counted = storage.memory.clock, storage.version.count

    def twin(self) -> Tensor:
        """Return another handle of the same memory, which stays there whatever becomes of this."""
        found = Tensor(self.graph, self.row)
        found.storage, found.steps, found.made = self.held(), self.steps, self.made
        found.seen, found.counted, found.tracked = self.seen, self.counted, self.tracked
        return found

    def part(self) -> None:
        """Take a row of its own, in the same memory, if anything else has this one."""
        graph, storage = self.graph, self.storage
        row, inputs = self.row, graph.inputs
        used = any(row in inputs[i] for i in range(row + 1, len(inputs)))
        if storage is None and not used:
            return
        leaf = graph.leaf(self.value)
        graph.notes.sources[leaf.id] = row
        if storage is not None and self.steps:
            self.storage = Storage(graph, leaf.id, storage.memory, storage.version, self.twin())
            self.seen, self.steps, self.made = storage.memory.clock, (), ""
        self.cut(leaf)

    def view(self, steps: Steps) -> Place:
        """Return a view that has not been read yet: to be written, it need not be."""
        found = Place(self.graph, -1)
        found.storage, found.steps, found.made = self.held(), (*self.steps, *steps), self.made
        found.seen = -1
        found.tracked = self.graph.grad_enabled and self.base_requires_grad
        return found

    def uncount(self) -> Tensor:
        """Count the changes of this detached tensor apart: as `.data` is."""
        if self.storage is not None:
            self.storage.version = Version()
            self.graph.autograd.versions[self.row] = self.storage.version, 0
        return self

    def lie_in(self, other: Tensor) -> None:
        """Take the memory of another tensor instead of its own: `x.data = y`."""
        if not self.steps and other.is_all_of(self):
            return
        with self.graph.settings("file", self.graph.grad_enabled and self.is_readable):
            row = self.id
        storage = Storage(self.graph, row, other.held().memory, Version(), other.twin())
        storage.take(_detached(other), replaced=True)
        self.storage, self.steps, self.made = storage, (), ""
        self.row, self.seen = storage.row, storage.memory.clock

    def become(self, other: Tensor) -> None:
        """Stand for a view of this tensor from now on: `t_` and the like change no element."""
        graph = self.graph
        if graph.requires_grad[self.id] and not graph.requires_grad[other.id]:
            row, held = graph.moved(self.id, other.value), other.held()  # a leaf stays one
            self.storage = Storage(graph, row, held.memory, held.version, other.twin())
            self.row, self.seen, self.steps, self.made = row, held.memory.clock, (), ""
            return
        graph.follow(self.id, other.id)
        self.row, self.storage, self.steps = other.row, other.storage, other.steps
        self.seen, self.counted = other.seen, other.counted
        self.made, self.tracked = other.made, other.tracked

    def cut(self, value: Node) -> None:
        """Stand for a value without a history, in the same memory: `x.detach_()`."""
        self.graph.follow(self.id, value.id)
        self.row = value.id
        if self.storage is not None:
            self.storage.row = self.row
            self.graph.autograd.versions[self.row] = (
                self.storage.version,
                self.storage.version.count,
            )

    # ---- changes in place ----------------------------------------------------------------

    def check_writable(self, others: bool = False) -> None:
        """Check that the tensor can be changed in place; `others`: by what requires a gradient.

        Raises: AutogradFault and ArgumentFault, in PyTorch's words.
        """
        graph = self.graph
        requires = self.base_requires_grad
        base = self.storage.row if self.storage is not None and self.steps else self.id
        if base in graph.notes.turned:
            raise ArgumentFault(
                "a slice with a negative step is a view in NumPy, which is not written to here",
                hint="write to the array itself, or to x[::-1].copy()",
            )
        if base in graph.autograd.inferred and not graph.inference:
            raise AutogradFault(INFERRED, hint="use `no_grad()` instead of `inference_mode()`")
        if graph.grad_enabled and (requires or others):
            if self.made:
                raise self._unwritable("is being")
            if requires and graph.ops[base] is None:
                raise _leaf_fault(IN_PLACE_VIEW if self.steps else IN_PLACE_LEAF)
            if requires and self.steps and self.row >= 0 and not graph.requires_grad[self.row]:
                raise AutogradFault(
                    IN_PLACE_LEAF,
                    hint="it is a view from before what it shows required a gradient: take it anew",
                )
        tensor: Tensor | None = self
        while tensor is not None:
            shape, _, strides = tensor.meta
            if strides is not None and overlaps(shape, strides):
                raise ArgumentFault(SHARED_ELEMENTS)
            tensor = tensor.storage.source if tensor.storage is not None else None

    @property
    def base_requires_grad(self) -> bool:
        """Whether a gradient can flow to it, or to what it is a view of."""
        storage = self.storage
        return self.graph.requires_grad[
            self.id if storage is None or not self.steps else storage.current()
        ]

    def is_same(self, other: Tensor) -> bool:
        """Say whether another tensor is this one, or the same view of the same storage."""
        shared = self.storage is not None and self.storage is other.storage
        return self is other or (shared and self.steps == other.steps)

    def is_all_of(self, other: Tensor) -> bool:
        """Say whether this tensor was detached from all of another one, as `x.data` is."""
        storage, source = self.storage, None if self.storage is None else self.storage.source
        return (
            storage is not None
            and source is not None
            and not self.steps
            and not source.steps
            and source.storage is other.storage
        )

    def _unwritable(self, what: str) -> AutogradFault:
        """Return PyTorch's error for a view that must not be changed, or whose base must not."""
        several = self.made == "several"
        if not self.tracked:
            which, how = "A view was created in no_grad mode", "inplace with grad mode enabled"
        else:
            op, attrs, position = self.steps[-1]
            name = op.grad_fn if isinstance(op.grad_fn, str) else op.grad_fn(self, **attrs)
            which = f"Output {position or 0} of {short_name(name)} is a view"
            which += "" if several else " of a view which was created in no_grad mode"
            how = "inplace" if several else "inplace with grad mode enabled"
        return AutogradFault(
            f"{which} and {what} modified {how}." + (SEVERAL_VIEWS if several else NO_GRAD_VIEW),
            hint="index or slice the tensor instead, or change a clone()" if several else None,
        )

    def write(self, source: Any, *, fresh: bool = False) -> Tensor:
        """Change the elements in place to those of a tensor or number, broadcast to this shape.

        Every tensor of the same memory sees the change. Where gradients are recorded they flow
        through it; under `no_grad`, and through detached tensors, the history stays as it is.
        `fresh`: the source was made for this, by `fitting`, and may stand for this tensor.
        """
        graph, storage = self.graph, self.held()
        base = Node(graph, storage.current())
        new = write_view(base, source, steps=self.steps) if self.steps else source
        row = new.id  # now: it may be a view of what is going to change
        if row == base.id:
            return self.touch()
        if base.requires_grad and graph.grad_enabled and not new.requires_grad:
            row = copy_in_place(base, new).id  # an operation without a derivative
        storage.memory.clock += 1
        storage.memory.span = graph.place
        storage.version.advance(graph.place)
        if graph.requires_grad[row]:
            storage.hold(row)
        else:
            storage.take(row)
        _carry_up(storage)
        if not self.steps:
            self.row, self.seen = storage.row, storage.memory.clock
        elif fresh and self.row >= 0:
            graph.autograd.versions[source.row] = storage.version, storage.version.count
            if not graph.requires_grad[storage.row]:
                graph.follow(self.row, source.row)
                self.row, self.seen = source.row, storage.memory.clock
        return self

    def accumulate(self, found: Array) -> None:
        """Add a gradient to this `.grad`, in place."""
        self.write(self.graph.leaf(np.asarray(self.value + found)))

    def touch(self) -> Tensor:
        """Count a change that leaves all elements as they are: `x[0] += 1` writes it back again."""
        graph, storage = self.graph, self.held()
        storage.version.advance(graph.place)
        graph.autograd.versions[storage.row] = storage.version, storage.version.count
        return self

    def fitting(self, value: Node) -> Node:
        """Return what an operation in place makes, in this tensor's dtype and strides.

        Raises: ShapeFault, DtypeFault, in PyTorch's words, where it does not fit.
        """
        if value.meta == self.meta:
            return value
        if value.shape != self.shape:
            raise ShapeFault(
                f"output with shape {list(self.shape)} doesn't match the broadcast shape "
                f"{list(value.shape)}"
            )
        graph = self.graph
        if value.strides != self.strides:
            graph.metas[value.id] = graph.metas[value.id]._replace(strides=self.strides)
        if value.dtype == self.dtype:
            return value
        if CATEGORY[value.dtype.kind] > CATEGORY[self.dtype.kind]:
            raise DtypeFault(
                f"result type {SCALAR_NAMES[value.dtype.name]} can't be cast to the desired output "
                f"type {SCALAR_NAMES[self.dtype.name]}"
            )
        graph.convert(value.id, self.dtype)
        return value


class Place(Tensor):
    """A view that has no row until it is read: where `x[1:] = y` writes to."""

    __slots__ = ()

    @property
    def meta(self) -> Meta:
        if self.row >= 0:
            return self.graph.metas[self.row]
        assert self.storage is not None, "a place lies in a storage"
        return metas(Node(self.graph, self.storage.row), self.steps)[-1]

    @property
    def shape(self) -> Shape:
        return self.meta.shape

    @property
    def dtype(self) -> DType:
        return self.meta.dtype

    @property
    def strides(self) -> tuple[int, ...] | None:
        return self.meta.strides


def _leaf_fault(message: str) -> AutogradFault:
    return AutogradFault(message, hint="update parameters inside `with no_grad():`")


def _detached(tensor: Tensor) -> int:
    """Return the row of a tensor's value without its history."""
    graph = tensor.graph
    with graph.settings("file", graph.grad_enabled and tensor.is_readable):
        id = tensor.id
        if not graph.requires_grad[id]:
            return id
        return detach(Node(graph, id)).id  # type: ignore[no-any-return]


def _carry_up(storage: Storage) -> None:
    """Let the tensors that a storage was detached from see what was written to it."""
    while storage.source is not None:
        source, graph = storage.source, storage.graph
        above = source.held()
        row = storage.row
        with graph.settings("file", False):
            new = Node(graph, row)
            if graph.requires_grad[row]:
                new = detach(new)
            if source.steps:
                new = write_view(Node(graph, above.row), new, steps=source.steps)
        above.take(new.id)
        storage = above
