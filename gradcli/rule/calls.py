"""What a call of an elementwise row comes to, remembered by what its operands are.

A tape has few kinds of calls and many rows. What a kind of call makes does not depend on values:
its attributes, its meta and what it takes are found once, and equal metas are one object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradcli.rule.costs import size
from gradcli.rule.dtypes import DType, is_differentiable
from gradcli.rule.meta import SCALAR, Meta
from gradcli.rule.rule import Primitive

Key = tuple[Any, ...]

MANY = 4096  # kinds of calls: of a loop whose every turn has another attribute, not all are kept
NUMBERS = (float, int, bool, complex, type(None))
ATTRIBUTES = (float, int, bool, type(None), str)


@dataclass(frozen=True, slots=True)
class Call:
    """What calls of a kind come to.

    `taken` are the bytes of the result, `memory` and `work` what the row's costs say, `moves` the
    operands through which gradients flow. `kept` are the operands' metas: a key has their identity.
    """

    attrs: dict[str, Any]
    meta: Meta
    taken: int
    memory: int
    work: int
    is_costly: bool
    moves: tuple[int, ...]
    kept: Sequence[Meta]


class Calls:
    """The kinds of calls that a tape has had, and its metas, each of them once.

    `default_dtype` is the dtype that Python floats bring where no floating tensor is there.
    """

    def __init__(self, default_dtype: DType) -> None:
        self.default_dtype = default_dtype
        self.known: dict[Key, Call] = {}
        self._metas: dict[Meta, Meta] = {SCALAR: SCALAR}

    def one(self, meta: Meta) -> Meta:
        """Return the one object of all metas that are equal to this one."""
        return self._metas.setdefault(meta, meta)

    def learn(
        self,
        key: Key,
        op: Primitive,
        operands: tuple[Any, ...],
        attrs: dict[str, Any],
        kept: Sequence[Meta],
    ) -> Call:
        """Find out what a call comes to, and remember it; `kept` are the metas of its operands.

        Raises: ShapeFault, DtypeFault and ArgumentFault where the operands do not fit.
        """
        attrs = op.complete(operands, attrs)
        meta = self.one(op.meta(*operands, **attrs))
        memory, work = op.cost(operands, attrs, (meta,))
        derivative, slots = op.derivative, range(len(operands))
        if derivative is None or not is_differentiable(meta.dtype):
            moves: tuple[int, ...] = ()
        else:
            moves = tuple(slot for slot in slots if derivative.body(slot) is not None)
        repeats = meta.strides is not None and 0 in meta.strides
        taken = 0 if repeats else size(meta)
        call = Call(attrs, meta, taken, memory, work, bool(memory or work), moves, kept)
        if len(self.known) >= MANY:
            self.known.clear()
        self.known[key] = call
        return call


def remembered(
    op: Primitive,
    operands: tuple[Any, ...],
    attrs: dict[str, Any],
    metas: Sequence[Meta],
    node: type[Any],
) -> Key | None:
    """Return what tells kinds of calls apart, None of a call that has something unusual.

    Numbers that Python calls equal, as 0.0 and -0.0, must not stand for one another.
    """
    key: list[Any] = [op]
    for x in operands:
        if isinstance(x, node):
            key.append(id(metas[x.id]))
        elif type(x) in NUMBERS:
            key.append(type(x))
        else:
            return None
    for name, value in attrs.items():
        if type(value) not in ATTRIBUTES:
            return None
        key += (name, type(value), value or repr(value))
    return tuple(key)
