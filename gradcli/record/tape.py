"""What has been recorded so far: which tensor has which name, and the rows.

The parameters that a step's optimizer has changed enter the next step as data:
`with torch.no_grad(): w.copy_(data["w_2"])`, written where the changed tensor is used again. The
rows of an optimizer are no part of the gradients that a record is about, and there are hundreds of
them; what they have left in the parameters is stored to the last bit. The same line stands for
whatever else has changed a tensor unseen: its version then is not the one that is known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gradcli.errors import InputFault
from gradcli.record.labels import Labels
from gradcli.record.listing import Leaf, Listing, Modules, Opaque, Place, Row, entry
from gradcli.record.places import Spot, frames, spot
from gradcli.record.settings import Settings
from gradcli.record.trial import agree
from gradcli.rule.dtypes import DTYPES, Array

LIBRARY = str(Path(torch.__file__).parent)
NAMES = {str(getattr(torch, name)): name for name in (
    "float16", "bfloat16", "float32", "float64", "complex64", "complex128", "bool", "uint8", "int8",
    "int16", "int32", "int64")}  # fmt: skip


def array(tensor: torch.Tensor) -> Array:
    """Return a copy of a tensor's values.

    Raises: InputFault for a tensor that is not of numbers side by side: sparse, quantized, nested.
    """
    name = NAMES.get(str(tensor.dtype))
    if name is None or tensor.layout is not torch.strided:
        raise InputFault(
            f"a tensor of dtype {tensor.dtype} and layout {tensor.layout} cannot be recorded",
            hint="record a part of the program without it: --function, --step",
        )
    plain = tensor.detach().cpu().resolve_conj().resolve_neg()
    if name == "bfloat16":
        found: Array = plain.float().numpy().astype(DTYPES[name])
        return found
    copied: Array = plain.contiguous().numpy().copy()
    return copied


def version(tensor: torch.Tensor) -> int:
    """Return how often a tensor has been changed in place; inference tensors do not count it."""
    return 0 if tensor.is_inference() else tensor._version


@dataclass
class Entry:
    """A tensor of the program, which the file knows by a name.

    `moves` says that it depends on what requires a gradient. `grad` is what the file has in its
    `.grad` at present: the tensor's id and version; `last` what it had before it was cleared. A
    gradient itself knows its `owner`.
    """

    tensor: torch.Tensor
    name: str
    version: int
    moves: bool
    leaf: Leaf | None = None
    grad: tuple[int, int] | None = None
    last: Array | None = None
    held: torch.Tensor | None = None  # the gradient itself: its id stays its own
    owner: Entry | None = None
    passed: int = 0  # its version when a pass had run
    row: Row | None = None  # which made it


class Tape:
    """The rows of a step, or of several.

    Raises: InputFault where a tensor is of a kind that cannot be recorded.
    """

    def __init__(self, settings: Settings, labels: Labels, folder: Path,
                 modules: list[tuple[str, str]]) -> None:  # fmt: skip
        self.settings, self.labels, self.folder = settings, labels, folder
        self.listing = Listing()
        self.entries: dict[int, Entry] = {}
        self.sharing: dict[int, list[Entry]] = {}
        self.hints: dict[int, tuple[torch.Tensor, Spot, str, str]] = {}
        self.modules = modules  # which are being run
        self.is_part = False  # whether leaves get gradients from what is not recorded, too
        self.unread: dict[str, Row] = {}  # rows that read a .grad, until something uses it
        self.drawing = ""  # what an opening that draws numbers calls them

    # ---- tensors -----------------------------------------------------------------------------

    def find(self, tensor: torch.Tensor) -> Entry | None:
        """Return what is known of a tensor."""
        return self.entries.get(id(tensor))

    def moves(self, tensor: torch.Tensor, *, differentiated: bool) -> bool:
        """Say whether a tensor depends on what requires a gradient.

        What nothing is differentiated by is of interest where the file has it already: what
        becomes of a parameter before it is used, as its initialisation, is not.
        """
        known = self.find(tensor)
        return known.moves if known is not None else differentiated and tensor.requires_grad

    def operand(self, tensor: torch.Tensor) -> Entry:
        """Return the entry of a tensor that is used: a leaf where it is new."""
        known = self.find(tensor)
        if known is None:
            return self._leaf(tensor)
        if known.version != version(tensor):
            self._changed(known)
        if known.name in self.unread:
            del self.unread[known.name]
        return known

    def enter(self, tensor: torch.Tensor, name: str, moves: bool) -> Entry:
        """Return a new entry for a tensor."""
        made = Entry(tensor, name, version(tensor), moves)
        self.entries[id(tensor)] = made
        self.sharing.setdefault(_storage(tensor), []).append(made)
        return made

    def settled(self, tensor: torch.Tensor) -> None:
        """Take what shares a tensor's memory as known: the file has changed it as the program."""
        for known in self.sharing.get(_storage(tensor), ()):
            known.version = version(known.tensor)
            if known.owner is not None and known.owner.held is known.tensor:
                known.owner.grad = id(known.tensor), known.version
            for truth in (self.listing.cotangents, self.listing.values):
                if known.leaf is None:
                    truth.pop(known.name, None)
            if known.row is not None and not isinstance(known.row, Opaque):
                known.row.grad_fn.pop(known.name, None)

    def _leaf(self, tensor: torch.Tensor) -> Entry:
        hinted = self.hints.get(id(tensor))
        found = [frame for frame, _ in frames(LIBRARY)]
        name, is_path = self.labels.of(tensor, found)
        place = Place()
        if hinted is not None and not is_path:
            place = hinted[1].place
            name = hinted[2] or name or hinted[3]
        label = name if is_path else ""
        identifier = self.listing.name(name or "constant")
        moves = bool(tensor.requires_grad)
        if tensor.grad_fn is not None:
            place = Place(f"made before the record begins, by {type(tensor.grad_fn).__name__}")
        values = array(tensor)
        kept = self.settings.keeps(values.size, truth=False)
        leaf = Leaf(identifier, values if kept else None, values.shape, values.dtype.name, label,
                    moves, place)  # fmt: skip
        self.listing.items.append(leaf)
        made = self.enter(tensor, identifier, moves)
        made.leaf = leaf
        return made

    def _changed(self, known: Entry) -> None:
        """Write a value that something has changed unseen."""
        tensor = known.tensor
        values = array(tensor)
        if known.leaf is not None and values.shape != known.leaf.shape:
            raise InputFault(f"`{known.leaf.key}` has been given another shape within the record",
                             hint="record fewer steps: --step N")  # fmt: skip
        key = self.listing.name(known.name)
        kept = self.settings.keeps(values.size, truth=False)
        place = Place(f"{known.leaf.key if known.leaf else known.name}, as changed")
        value = values if kept else None
        leaf = Leaf(key, value, values.shape, values.dtype.name, place=place)
        self.listing.items.append(leaf)
        self.append(Row((), f"{known.name}.copy_({key})", no_grad=True))
        self.settled(tensor)

    # ---- rows --------------------------------------------------------------------------------

    def spot(self) -> Spot:
        """Return the place of the program that is being run."""
        return spot(LIBRARY, self.folder)

    def hint(self, result: Any, wanted: str) -> None:
        """Remember where tensors were made that are no rows: they may be data of a later one."""
        at: Spot | None = None
        for tensor in tensors(result):
            if id(tensor) not in self.entries:
                at = at or self.spot()
                given = "" if at.within or not at.targets else at.targets[0]
                self.hints[id(tensor)] = tensor, at, self.drawing or given, wanted

    def name(self, at: Spot, wanted: str, place: int = 0) -> str:
        """Return a name for a result: the program's own, the module's, or the function's."""
        if place < len(at.targets) and (not at.within or len(self.modules) == 1):
            return self.listing.name(at.targets[place])
        path = self.modules[-1][0].split(".") if at.within and self.modules else []
        numbers = next((i for i, x in enumerate(reversed(path)) if not x.isdecimal()), 0)
        return self.listing.name("_".join(path[len(path) - 1 - numbers :]) or wanted)

    def append(self, row: Row) -> None:
        """Append a row, in the module that is being run."""
        row.modules = row.modules or self.blocks
        self.listing.items.append(row)

    @property
    def blocks(self) -> Modules:
        """The modules that are being run, without the model itself."""
        return tuple((path, kind) for path, kind in self.modules if path)

    @property
    def is_full(self) -> bool:
        """Whether there are as many rows as there may be."""
        return len(self.listing.items) >= self.settings.max_rows

    # ---- gradients ---------------------------------------------------------------------------

    def leaves(self) -> list[Entry]:
        """Return the leaves that require a gradient."""
        return [x for x in self.entries.values() if x.tensor.requires_grad and x.tensor.is_leaf]

    def sync(self, known: Entry) -> None:
        """Give a leaf of the file the `.grad` that the program's has: what changed it is unseen."""
        grad = known.tensor.grad
        now = None if grad is None else (id(grad), version(grad))
        if now == known.grad:
            return
        if grad is None:
            self.append(Row((), f"{known.name}.grad = None"))
        else:
            key = self.listing.name(f"{known.name}_grad")
            values = array(grad)
            leaf = Leaf(key, values, values.shape, values.dtype.name,
                        place=Place(f"{known.name}.grad, as the program has it here"))  # fmt: skip
            self.listing.items.append(leaf)
            # a copy: what is changed in the gradient is not to change the data
            self.append(Row((), f"{known.name}.grad = {key}.clone()"))
        known.grad, known.held = now, grad

    def took(self) -> None:
        """Take the gradients that a pass has left as those of the file."""
        for known in self.leaves():
            grad = known.tensor.grad
            known.grad = None if grad is None else (id(grad), version(grad))
            known.held, known.passed = grad, version(known.tensor)
            if grad is not None:
                self.settled(grad)

    def is_updated(self) -> bool:
        """Say whether a parameter or its gradient has been changed since the last pass."""
        return any(
            version(x.tensor) != x.passed
            or x.grad
            != (None if x.tensor.grad is None else (id(x.tensor.grad), version(x.tensor.grad)))
            for x in self.leaves()
        )

    def finish(self) -> Listing:
        """Return the record: with the gradients of leaves, without what nothing uses."""
        listing = self.listing
        for known in [*self.entries.values()]:
            tensor = known.tensor
            is_held = tensor.is_leaf or tensor.retains_grad
            if tensor.requires_grad and is_held and not self.is_part:
                grad = None
                if tensor.grad is not None:
                    if tensor.is_leaf:
                        self.sync(known)
                    grad = array(tensor.grad)
                elif known.grad is not None:  # cleared since
                    grad = known.last
                name = known.leaf.name if known.leaf else known.name
                if grad is not None and self.settings.keeps(grad.size, truth=False):
                    listing.grads[name] = grad
        unread = [*self.unread.values()]
        listing.items = [x for x in listing.items if not any(x is row for row in unread)]
        for hook in [x for x in listing.opaque if x.is_hook and not x.gradients]:
            listing.items[listing.items.index(hook)] = Row(  # it has only looked
                hook.names, hook.inputs[0], hook.modules, place=hook.place)  # fmt: skip
            listing.cotangents.pop(hook.names[0], None)
        for row in listing.opaque:
            keep_linear(row, listing.cotangents.get(row.names[0]))
        self._drop_unused()
        return listing

    def _drop_unused(self) -> None:
        import re

        used = set[str]()
        for row in self.listing.rows:
            used.update(re.findall(r"\w+", row.line()))
        self.listing.items = [
            x for x in self.listing.items if not isinstance(x, Leaf) or x.name in used
        ]
        known = {x.name for x in self.listing.leaves} | {
            n for r in self.listing.rows for n in r.names
        }
        for truth in (self.listing.grads, self.listing.cotangents, self.listing.values):
            for name in truth.keys() - known:
                del truth[name]


def keep_linear(row: Opaque, cotangent: Array | None) -> None:
    """Drop derivatives that do not give the gradients of the run.

    They are of a backward that is no linear function of what arrives.
    """
    if cotangent is None:
        return
    for name, jacobian in row.jacobians.items():
        made = np.tensordot(cotangent, jacobian.conj(), cotangent.ndim)
        if name in row.gradients and not agree(
            np.asarray(made, jacobian.dtype), row.gradients[name]
        ):
            row.jacobians = {}
            return


def tensors(value: Any) -> list[torch.Tensor]:
    """Return the tensors in an argument or a result."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, list | tuple):
        return [x for part in value for x in tensors(part)]
    if isinstance(value, dict):
        return [x for part in value.values() for x in tensors(part)]
    return []


def _storage(tensor: torch.Tensor) -> int:
    if tensor.layout is not torch.strided:
        return -id(tensor)
    return int(tensor.untyped_storage()._cdata)


__all__ = ["Entry", "Opaque", "Tape", "array", "entry", "tensors", "version"]
