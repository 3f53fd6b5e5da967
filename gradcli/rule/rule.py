"""What a row of the table is: a primitive operation or a composite one, and the kinds of rule.

A *rule* is the derivative of an operation with respect to one argument. Its body receives the
cotangent `g` (or a tangent `t`), the result `y`, the operands and the attributes, and calls only
operations of the table, so that it runs on arrays, on graph nodes and on symbols alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np

from gradcli.errors import DtypeFault
from gradcli.rule.costs import FEW, FOLD, Cost, elements, size
from gradcli.rule.dtypes import FLOAT32, SCALAR_NAMES, DType, is_half
from gradcli.rule.meta import Meta, dim_index
from gradcli.rule.signature import REQUIRED, Signature

Body = Callable[..., Any]
Interval = tuple[float, float]

INF = float("inf")
REAL: Interval = (-INF, INF)
POSITIVE: Interval = (0.0, INF)
UNIT: Interval = (-1.0, 1.0)
FRACTION: Interval = (0.0, 1.0)
ABOVE_ONE: Interval = (1.0, INF)

KINDS_OF_NUMBER = {"bool": "b", "integer": "iu", "complex": "c"}  # the letters of NumPy's kinds
KIND_WORDS = {
    "b": "a mask: x.double() makes numbers of it",
    "i": "integers: write `1.0` for `1`, or x.double()",
    "u": "integers: write `1.0` for `1`, or x.double()",
    "c": "complex: take x.real, x.imag or x.abs()",
}


# whether a result shows the elements of the first operand: with its history, or cut off from it
View = Literal["", "alias", "detached"]


class Traced:
    """An operand that records operations instead of computing them: a node, or a symbol."""

    __slots__ = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the dimensions."""
        raise NotImplementedError

    @property
    def default_dtype(self) -> DType:
        """The dtype that Python floats bring where no floating tensor is among the operands."""
        raise NotImplementedError

    def warn(self, message: str) -> None:
        """Warn a person, as PyTorch does; an operand that is no node has nobody to tell."""

    def afford(self, name: str, memory: int, work: int) -> None:
        """Refuse an operation that takes too much; an operand that is no node has no limits."""

    @property
    def value(self) -> Any:
        """The values, computed now if they were not before."""
        raise NotImplementedError

    def conj(self) -> Any:
        """Record the complex conjugate, which numpy's arrays call by the same name."""
        raise NotImplementedError

    def zeros_like(self) -> Any:
        """Record zeros of the same shape and dtype."""
        raise NotImplementedError

    def record(self, op: Primitive, operands: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        """Append the operation to what this operand belongs to, and return its result."""
        raise NotImplementedError


# ---- the kinds of rule ---------------------------------------------------------------------


@dataclass(frozen=True)
class Derivative:
    """One body per tensor argument, None where the argument is not differentiable.

    `tangent` is the derivative along tangents, `tangent(tangents, y, *operands, **attrs)`;
    a tangent is None where an operand does not move.
    """

    bodies: tuple[Body | None, ...]
    tangent: Body | None = None

    broadcasts: ClassVar[bool] = False  # the engine sums cotangents to the operand's shape
    recorded: ClassVar[bool] = False  # it is taken from a record, and holds nowhere else
    own: ClassVar[bool] = False  # it is code of the file, which runs on its tape or on arrays

    def body(self, slot: int) -> Body | None:
        """Return the body for an argument."""
        return self.bodies[slot] if slot < len(self.bodies) else None

    def vjp(
        self, slot: int, g: Any, y: Any, operands: tuple[Any, ...], attrs: dict[str, Any]
    ) -> Any:
        """Return the cotangent of one operand, given the result's cotangent `g`."""
        body = self.body(slot)
        assert body is not None, "asked for the cotangent of an argument that has none"
        return body(g, y, *operands, **attrs)

    def part(
        self, slot: int, g: Any, y: Any, operands: tuple[Any, ...], attrs: dict[str, Any]
    ) -> Any:
        """Return the same, None where nothing goes to that operand, whatever `g` is."""
        return self.vjp(slot, g, y, operands, attrs)

    def kept(self) -> set[int] | None:
        """Return the rows that are saved for it; None: those whose values the bodies read."""
        return None

    def jvp(
        self,
        op: Primitive,
        tangents: tuple[Any, ...],
        y: Any,
        operands: tuple[Any, ...],
        attrs: dict[str, Any],
    ) -> Any:
        """Return the tangent of the result, given those of the operands."""
        assert self.tangent is not None, f"{op.name} has no forward rule"
        return self.tangent(tangents, y, *operands, **attrs)


class Elementwise(Derivative):
    """The Jacobian is diagonal: a body is linear in `g`, and serves tangents as well."""

    broadcasts = True

    def vjp(
        self, slot: int, g: Any, y: Any, operands: tuple[Any, ...], attrs: dict[str, Any]
    ) -> Any:
        body = self.bodies[slot]
        assert body is not None, "asked for the cotangent of an argument that has none"
        if y.dtype.kind != "c":
            return body(g, y, *operands, **attrs)
        # a holomorphic function: body(g) = g·f'(a), and PyTorch's gradient is g·conj(f'(a))
        return body(g.conj(), y, *operands, **attrs).conj()

    def jvp(
        self,
        op: Primitive,
        tangents: tuple[Any, ...],
        y: Any,
        operands: tuple[Any, ...],
        attrs: dict[str, Any],
    ) -> Any:
        total = None
        for body, t in zip(self.bodies, tangents, strict=False):
            if t is not None and body is not None:
                if t.dtype.kind == "c" != y.dtype.kind:
                    t = t.conj()  # as of |a|: body(g) is g·w, and dy is Re(conj(w)·da)
                part = body(t, y, *operands, **attrs)
                total = part if total is None else total + part
        return total


class Multilinear(Derivative):
    """Linear in each differentiable argument: the tangent is the operation with one replaced."""

    def jvp(
        self,
        op: Primitive,
        tangents: tuple[Any, ...],
        y: Any,
        operands: tuple[Any, ...],
        attrs: dict[str, Any],
    ) -> Any:
        total = None
        for slot, t in enumerate(tangents):
            if t is not None and self.body(slot) is not None:
                part = op(*operands[:slot], t, *operands[slot + 1 :], **attrs)
                total = part if total is None else total + part
        return total


class Variadic(Derivative):
    """Linear in a list of tensors together: one body, told which of them is asked for."""

    def body(self, slot: int) -> Body | None:
        return self.bodies[0]

    def vjp(
        self, slot: int, g: Any, y: Any, operands: tuple[Any, ...], attrs: dict[str, Any]
    ) -> Any:
        body = self.bodies[0]
        assert body is not None, "a variadic operation has one body"
        return body(slot, g, y, *operands, **attrs)

    def jvp(
        self,
        op: Primitive,
        tangents: tuple[Any, ...],
        y: Any,
        operands: tuple[Any, ...],
        attrs: dict[str, Any],
    ) -> Any:
        filled = [
            _zeros_like(x) if t is None else t for t, x in zip(tangents, operands, strict=True)
        ]
        return op(*filled, **attrs)


class OfFormula(Derivative):
    """The row is one node for a formula of the table: the derivative is the formula's.

    A body is the formula itself, None where it is not differentiated. `pulled` and `pushed` run it:
    they call operations of the table, which the table gives (gradcli/ops/__init__.py).
    """

    pulled: ClassVar[Body]
    pushed: ClassVar[Body]

    def vjp(
        self, slot: int, g: Any, y: Any, operands: tuple[Any, ...], attrs: dict[str, Any]
    ) -> Any:
        body = self.body(slot)
        assert body is not None, "asked for the cotangent of an argument that has none"
        return OfFormula.pulled(body, slot, g, operands, attrs)

    def jvp(
        self,
        op: Primitive,
        tangents: tuple[Any, ...],
        y: Any,
        operands: tuple[Any, ...],
        attrs: dict[str, Any],
    ) -> Any:
        moved = tuple(None if self.body(k) is None else t for k, t in enumerate(tangents))
        body = next(b for b in self.bodies if b is not None)
        return OfFormula.pushed(body, moved, operands, attrs)


# ---- rows ----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Row:
    """What every operation has: a signature, a line of doc, and facts for people and tests.

    `kink` says what the derivative is where it is not unique; `domain` are the intervals from
    which tests and checks draw each tensor argument; `examples` are calls in the language.
    `refuses` are the kinds of number that PyTorch has no kernel for, of the arguments before the
    colon (`input other: bool complex`) or else of the first; `alike` are arguments of one dtype.
    `needs` is an argument and what structure its value must have for the operation to mean what
    it says (`L: triangular`); `often` is one that it often has, though it need not.
    `memory` is what it takes beside operands and results, in bytes, and `work` how many elements
    it goes through, functions of operands and attributes; None is what the sizes of these say.
    """

    signature: Signature
    doc: str
    aliases: tuple[str, ...]
    kink: str
    domain: tuple[Interval, ...]
    examples: tuple[str, ...]
    refuses: str
    alike: str
    needs: str
    often: str
    memory: Cost | None = field(default=None, kw_only=True)
    work: Cost | None = field(default=None, kw_only=True)

    @property
    def name(self) -> str:
        """The name before the bracket of the signature."""
        return self.signature.name

    def structured(self, fact: str) -> tuple[int, str] | None:
        """Return the slot and the structure that `needs` or `often` name, if they do."""
        name, _, structure = fact.partition(": ")
        return (self.signature.tensors.index(name), structure) if structure else None

    def call(
        self, arguments: tuple[Any, ...], keywords: dict[str, Any], *, lenient: bool = False
    ) -> Any:
        """Call the operation as a person does, with PyTorch's argument names and defaults.

        Raises: DtypeFault for a dtype that PyTorch refuses, unless `lenient`, as NumPy is.
        """
        return self.run(self.bind(arguments, keywords), lenient=lenient)

    def bind(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> dict[str, Any]:
        """Return a value for each parameter.

        Raises: ArgumentFault where the arguments are not what the signature takes.
        """
        return self.signature.bind(arguments, keywords)

    def run(self, bound: dict[str, Any], *, lenient: bool = False) -> Any:
        """Call the operation with a value for each parameter, which `bind` gives."""
        if not lenient and (self.refuses or self.alike):
            self.check_dtypes(bound)
        return self.apply(bound)

    def apply(self, bound: dict[str, Any]) -> Any:
        """Run the operation on a value for each parameter."""
        raise NotImplementedError

    @cached_property
    def _refused(self) -> tuple[tuple[str, ...], str]:
        """The arguments whose dtypes are looked at, and the letters of kinds they may not have."""
        names, colon, kinds = self.refuses.rpartition(":")
        letters = "".join(KINDS_OF_NUMBER[kind] for kind in kinds.split())
        return tuple(names.split()) if colon else self.signature.tensors[:1], letters

    def check_dtypes(self, bound: dict[str, Any]) -> None:
        """Refuse arguments of a dtype, or a conversion to one, that PyTorch has no kernel for.

        Raises: DtypeFault.
        """
        names, letters = self._refused
        for name in names:
            dtype = bound.get("dtype") or getattr(bound[name], "dtype", None)
            if dtype is not None and dtype.kind in letters:
                raise DtypeFault(
                    f"\"{self.name}\" not implemented for '{SCALAR_NAMES[dtype.name]}'",
                    hint=f"`{name}` may not be {KIND_WORDS[dtype.kind]}",
                )
        given = [(k, bound[k].dtype) for k in self.alike.split() if hasattr(bound[k], "dtype")]
        for name, dtype in given[1:]:
            first, expected = given[0]
            if dtype != expected and not (is_half(expected) and dtype == FLOAT32):
                raise DtypeFault(
                    f"{self.name}(): expected {first} and {name} to have the same dtype, but got "
                    f"{SCALAR_NAMES[expected.name]} and {SCALAR_NAMES[dtype.name]}",
                    hint="convert one of them: x.to(dtype)",
                )


@dataclass(frozen=True, eq=False)
class Composite(Row):
    """An operation that PyTorch, too, writes with other operations; it makes no node itself.

    Of one that `draws`, the body takes as its last argument what drops elements of a tensor at
    random, `drop(a, p)`; None where there is no run to draw in.
    """

    expand: Body
    draws: bool = field(default=False, kw_only=True)

    def apply(self, bound: dict[str, Any]) -> Any:
        if self.memory is not None or self.work is not None:
            arguments = tuple(bound.values())
            memory = self.memory(*arguments) if self.memory is not None else 0
            work = self.work(*arguments) if self.work is not None else 0
            for x in arguments:
                if isinstance(x, Traced):
                    x.afford(self.name, memory, work)
                    break
        return self.expand(*bound.values())

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Run the body on arguments that are known to be right, as rules do."""
        return self.expand(*arguments, **keywords)


@dataclass(frozen=True, eq=False)
class Primitive(Row):
    """An operation that makes a node: forward function, shape and dtype rule, derivative."""

    grad_fn: str | Callable[..., str]
    forward: Callable[..., Any]
    meta: Callable[..., Any]
    derivative: Derivative | None
    wraps: bool = True  # a Python number in a tensor's place has an edge, to None
    promotes: bool = False  # operands are brought to one dtype before `forward`
    numbers: bool = False  # Python numbers may stand in a tensor's place
    outputs: tuple[str, ...] = ()  # names of several results
    jumps: bool = False  # at every integer, or at every multiple of the second operand
    held: Callable[..., Any] | None = None  # mask of the first operand: what its derivative holds
    view: View = ""
    in_place: str = ""  # its grad_fn in place, where PyTorch has a class of its own for that
    saves: tuple[str, ...] = ()  # what PyTorch saves for backward, where its rules read others
    # the operands and attributes of the function that the derivative is of, where PyTorch's
    # convention makes it another one: taken(moved operands, operands at the point, attributes)
    taken: Callable[..., Any] | None = None
    formula: Body | None = None  # what the row is one node for: symbols write it out
    elementwise: bool = False  # each element of the result is of one element of each operand

    @cached_property
    def plain(self) -> bool:
        """Whether it is elementwise and takes no more than most: a scalar costs nothing then."""
        elementwise = isinstance(self.derivative, Elementwise)
        return elementwise and self.memory is None and self.work is None

    @cached_property
    def is_remembered(self) -> bool:
        """Whether metas and kinds of numbers say what a call comes to: it is elementwise."""
        return self.promotes and self.numbers and not self.outputs

    @property
    def label(self) -> str:
        """The name that people know: `max` for `max.dim`, `softmax` for `_softmax`."""
        space, _, rest = self.name.lstrip("_").partition(".")
        return f"{space}.{rest}" if space in NAMESPACES else space

    def __call__(self, *operands: Any, **attrs: Any) -> Any:
        """Record the operation where an operand is traced; compute it on arrays otherwise."""
        for operand in operands:
            if isinstance(operand, Traced):
                return operand.record(self, operands, attrs)
        defaults = self.signature.defaults
        return self.forward(*operands, **(defaults | attrs if defaults else attrs))

    def apply(self, bound: dict[str, Any]) -> Any:
        operands: list[Any] = []
        for name in self.signature.tensors:
            value = bound.pop(name)
            operands.extend(value if isinstance(value, tuple) else (value,))
        if not operands:
            self.meta(**bound)  # a list of no tensors: the rule of shapes has the words for it
        return self(*operands, **bound)

    def complete(self, operands: tuple[Any, ...], attrs: dict[str, Any]) -> dict[str, Any]:
        """Return all attributes, defaults filled in and dimensions counted from 0."""
        if not self.signature.attributes:
            return attrs
        complete = {}
        for name, kind, default in self.signature.attributes:
            value = attrs.get(name, default)
            assert value is not REQUIRED, f"{self.name} needs {name}"
            if value is not None and kind in ("dim", "dims"):
                # of joined tensors the first may be one of the empty vectors that do not count
                joined = operands if isinstance(self.derivative, Variadic) else operands[:1]
                rank = max(len(x.shape) for x in joined)
                if isinstance(value, tuple):
                    value = tuple(dim_index(d, rank) for d in value)
                else:
                    value = dim_index(value, rank)
                    value = (value,) if kind == "dims" else value
            complete[name] = value
        return complete

    def cost(
        self, operands: tuple[Any, ...], attrs: dict[str, Any], results: tuple[Meta, ...]
    ) -> tuple[int, int]:
        """Return the bytes that the operation takes beside its results, and its work in elements.

        A view takes neither, and what is small is not worth the counting.
        """
        if self.view or (self.plain and not results[0].shape):
            return 0, 0
        shown = (*operands, *results)
        if self.memory is None and self.work is None and sum(map(elements, shown)) < FEW:
            return 0, 0
        memory = int(FOLD * sum(map(size, shown)))
        if self.memory is not None:
            memory = max(memory, self.memory(*operands, **attrs))
        work = self.work(*operands, **attrs) if self.work is not None else 0
        return memory, max(work, sum(map(elements, shown)))

    def grad_fn_name(self, operands: tuple[Any, ...], attrs: dict[str, Any]) -> str:
        """Return PyTorch's class name for the overload that these arguments take."""
        return self.grad_fn if isinstance(self.grad_fn, str) else self.grad_fn(*operands, **attrs)


NUMBERS = (int, float, complex)
NAMESPACES = ("linalg", "special", "fft", "nn.functional")


def number(x: Any) -> bool:
    """Say whether an operand is a Python number: those are not tensors, and not nodes."""
    return isinstance(x, NUMBERS) and not isinstance(x, np.generic)


def _zeros_like(x: Any) -> Any:
    return x.zeros_like() if isinstance(x, Traced) else np.zeros(x.shape, x.dtype)


def warn(x: Any, message: str) -> None:
    """Warn a person about an operation; there is nobody to tell where operands are arrays."""
    if isinstance(x, Traced):
        x.warn(message)


def concrete(x: Any) -> Any:
    """Return the values of an operand, for the few rules that must look at them."""
    return x.value if isinstance(x, Traced) else x
