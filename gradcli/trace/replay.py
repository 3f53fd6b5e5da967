"""What only records are written with: blocks of a model's modules, and rows that are opaque.

An opaque row is an operation of the recorded program that the table does not have. Its value is
that of the record. With Jacobians it is linear in what it was given; with gradients alone the
record knows one direction: what went back when the recorded cotangent arrived. The row's value
then moves along that direction, so that differences see what backward gives, and no more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import (
    ArgumentFault,
    AutogradFault,
    GradcliError,
    ShapeFault,
    Span,
)
from gradcli.graph import Frame, Graph, Node
from gradcli.ops.shape.shapes import detach
from gradcli.recording import agree
from gradcli.rule.dtypes import Array
from gradcli.rule.meta import Meta
from gradcli.rule.rows import primitive
from gradcli.rule.rule import Derivative, Primitive, Traced, Variadic
from gradcli.rule.signature import Signature
from gradcli.trace.calls import Args, Keywords

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

MODULE = Signature("module(path: str, class_name: str)")
OPAQUE = Signature(
    "opaque(value: any, grad_fn: str = None, gradients: any = None, jacobians: any = None)"
)
NAME = re.compile(r"[^\W\d][\w.:]*")


# ---- modules -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Module:
    """A module of a model, in whose block rows are made."""

    name: str
    class_name: str

    def entered(self, graph: Graph) -> _Inside:
        """Return the context of the block."""
        return _Inside(graph, self)


class _Inside:
    __slots__ = ("before", "graph", "module")

    def __init__(self, graph: Graph, module: Module) -> None:
        self.graph, self.module = graph, module

    def __enter__(self) -> None:
        self.before: Frame | None = self.graph.call
        self.graph.call = self.graph.entered(self.module.name, self.module.class_name)

    def __exit__(self, *raised: object) -> None:
        self.graph.call = self.before


def _module(tracer: Tracer, args: Args, keywords: Keywords) -> Module:
    """`with module("fc1", "Linear"):` a block whose rows were made in a module of a model."""
    path, class_name = MODULE.bind(args, keywords).values()
    if not class_name:
        raise ArgumentFault("module() needs the name of a class", hint='module("fc1", "Linear")')
    return Module(path, class_name)


# ---- opaque rows ---------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Known:
    """What a record knows of an opaque row.

    `at` are its operands' values, `gradients` what went back to each of them in the recorded run;
    `jacobians` have the shapes of the value and the operand, one after the other. `row` holds the
    row's number once it has one.
    """

    name: str
    value: Array
    at: tuple[Array, ...]
    gradients: tuple[Array | None, ...] | None
    jacobians: tuple[Array | None, ...] | None
    tracer: Tracer = field(repr=False)
    span: Span = field(repr=False)
    row: list[int] = field(default_factory=list, repr=False)

    @property
    def cotangent(self) -> Array | None:
        """What arrived at the row in the recorded run, None where that is not known."""
        record, name = self.tracer.record, self.tracer.graph.notes.names.get(self.row[0])
        return None if record is None or name is None else record.cotangents.get(name)

    def moved(self, operands: Sequence[Any]) -> Any:
        """Return the value where the operands are others."""
        changes = [
            self.along(slot, x - at)
            for slot, (x, at) in enumerate(zip(operands, self.at, strict=True))
            if x is not at and not np.array_equal(x, at, equal_nan=True)
        ]
        return reduce(np.add, changes, self.value)

    def refused(self, message: str, hint: str) -> GradcliError:
        """Return the error of a gradient that the record does not know, at its place."""
        return AutogradFault(message, self.span, hint, self.tracer.source)

    def along(self, slot: int, change: Any) -> Any:
        """Return how the value moves with an operand, as far as the record knows."""
        if self.jacobians is not None:
            jacobian = self.jacobians[slot]
            return 0 if jacobian is None else np.tensordot(jacobian, change, change.ndim)
        gradient = None if self.gradients is None else self.gradients[slot]
        c = self.cotangent
        if gradient is None or c is None or not (size := float(np.vdot(c, c).real)):
            return 0
        return c * (np.sum(np.conj(gradient) * change) / size)

    def pulled(self, slot: int, g: Any) -> Array:
        """Return what goes back to an operand.

        Raises: AutogradFault where the record does not know it.
        """
        if self.jacobians is not None:
            jacobian = self.jacobians[slot]
            assert jacobian is not None, "an operand without one has been cut off"
            return np.asarray(np.tensordot(g, np.conj(jacobian), np.ndim(g)))
        c, gradient = self.cotangent, None if self.gradients is None else self.gradients[slot]
        if gradient is None or c is None:
            raise self.refused(
                f"the record knows no gradient of `{self.name}`, an operation that is not in the "
                "table",
                "record it with the gradients of the run: run backward() in the program",
            )
        if not self.tracer.probed and not agree(g, c):
            raise self.refused(
                f"the record knows the gradient of `{self.name}` only for the cotangent that "
                "arrived there in the recorded run, and another one arrives",
                "differentiate what the program has differentiated, with the recorded data",
            )
        size = float(np.vdot(c, c).real)
        # the factor is 1 but for rounding, which differences see, and in a diagnosis' trials
        return np.asarray(gradient * (float(np.vdot(c, g).real) / size)) if size else gradient


class _OfRecord(Variadic):
    """The derivative of an opaque row: what its record knows of it."""

    recorded = True

    def vjp(
        self, slot: int, g: Any, y: Any, operands: tuple[Any, ...], attrs: dict[str, Any]
    ) -> Any:
        del y, operands
        known: Known = attrs["known"]
        if not isinstance(g, Traced):
            return known.pulled(slot, g)
        if not isinstance(g, Node):  # a symbol: the formula of its gradient is its name
            return g.record(_pulling(known, slot), (g,), {})
        if g.graph.origin == "gradient" and g.graph.grad_enabled:
            raise known.refused(
                f"the record knows no derivative of the gradient of `{known.name}`, an operation "
                "that is not in the table",
                "leave out create_graph=True, or write the operation out",
            )
        return g.graph.leaf(known.pulled(slot, np.asarray(g.value)))

    def jvp(
        self,
        op: Primitive,
        tangents: tuple[Any, ...],
        y: Any,
        operands: tuple[Any, ...],
        attrs: dict[str, Any],
    ) -> Any:
        del op, y, operands
        known: Known = attrs["known"]
        if known.jacobians is not None and not any(isinstance(t, Traced) for t in tangents):
            parts = [known.along(k, t) for k, t in enumerate(tangents) if t is not None]
            return reduce(np.add, parts)
        raise known.refused(
            f"the record knows no derivative of `{known.name}` in forward mode, an operation that "
            "is not in the table",
            "reverse mode has what the recorded run has given",
        )


def _pulling(known: Known, slot: int) -> Primitive:
    """Return the backward function of an opaque row's operand, as formulas call it."""
    meta = Meta(known.at[slot].shape, known.at[slot].dtype)
    return primitive(
        Derivative, f"{known.name}_backward(grad)", "", lambda g: known.pulled(slot, g),
        lambda g: meta,
    )  # fmt: skip


def _row(name: str, grad_fn: str, value: Array) -> Primitive:
    """Return the operation of one opaque row."""

    def meta(*operands: Any, known: Known) -> Meta:
        return Meta(value.shape, value.dtype)

    return primitive(
        _OfRecord, f"{name}(tensors: tensors, known: any)", grad_fn,
        lambda *operands, known: known.moved(operands), meta, lambda slot, g, *_, **__: g,
    )  # fmt: skip


def _opaque(tracer: Tracer, args: Args, keywords: Keywords) -> Node:
    """`opaque(name, *inputs, value=, …)`: a row of which only what a record has is known."""
    if not args or not isinstance(args[0], str) or not NAME.fullmatch(args[0]):
        raise ArgumentFault(
            "opaque() takes the name of an operation first",
            hint='opaque("MyExp", a, value=data["y"], grad_fn="MyExpBackward")',
        )
    _check_unbound(tracer, args[0])
    name, operands = args[0], tuple(tracer.tensor(x) for x in args[1:])
    value, grad_fn, gradients, jacobians = OPAQUE.bind((), dict(keywords)).values()
    result = np.asarray(tracer.tensor(value).value)
    shapes = [x.shape for x in operands]
    of_inputs = _arrays(tracer, "gradients", gradients, shapes)
    matrices = _arrays(tracer, "jacobians", jacobians, [(*result.shape, *s) for s in shapes])
    if matrices is None and of_inputs is None and grad_fn is not None:
        of_inputs = (None,) * len(operands)
        wanted = [True] * len(operands)
    else:
        wanted = [x is not None for x in matrices or of_inputs or [None] * len(operands)]
    operands = tuple(
        x if w or not x.requires_grad else detach(x) for x, w in zip(operands, wanted, strict=True)
    )
    known = Known(
        name, result, tuple(np.asarray(x.value) for x in operands), of_inputs, matrices,
        tracer, tracer.graph.span,
    )  # fmt: skip
    _check_operands(known, operands)
    if not operands:
        return tracer.graph.leaf(result)
    node: Node = _row(name, grad_fn or f"{name}Backward", result)(*operands, known=known)
    known.row.append(node.id)
    tracer.graph.put(node.id, result)
    return node


def _check_unbound(tracer: Tracer, name: str) -> None:
    """Refuse to replay a row of which only what it was is known, where data are others.

    Raises: ArgumentFault.
    """
    bound = [n for n, binding in tracer.options.bindings.items() if not binding.optional]
    if bound:
        raise ArgumentFault(
            f"the record knows the value of `{name}` only for the recorded data, and "
            f"`{bound[0]}` has been given another value",
            hint="leave out --set and --param, or write the operation out",
        )


def _check_operands(known: Known, operands: Sequence[Node]) -> None:
    """Refuse an opaque row whose operands are not what they were, as far as a record tells.

    Raises: ArgumentFault.
    """
    record, names = known.tracer.record, known.tracer.graph.notes.names
    for x, at in zip(operands, known.at, strict=True):
        name = names.get(x.id, "")
        was = None if record is None else record.values.get(name)
        if was is not None and not agree(at, was):
            raise ArgumentFault(
                f"the record knows the value of `{known.name}` only for what `{name}` was in the "
                "recorded run, and it has another value here",
                hint="replay the lines before it as they were, or write the operation out",
            )


def _arrays(
    tracer: Tracer, what: str, given: Any, shapes: Sequence[tuple[int, ...]]
) -> tuple[Array | None, ...] | None:
    """Return the arrays that a call gives for its operands, each of its shape, None where none is.

    Raises: ArgumentFault, ShapeFault where they do not fit.
    """
    if given is None:
        return None
    if not isinstance(given, tuple | list) or len(given) != len(shapes):
        raise ArgumentFault(
            f"opaque() takes `{what}` as a tuple, one for each of its {len(shapes)} operands"
        )
    found: list[Array | None] = []
    for x, shape in zip(given, shapes, strict=True):
        array = None if x is None else np.asarray(tracer.tensor(x).value)
        if array is not None and array.shape != shape:
            raise ShapeFault(
                f"opaque(): one of `{what}` has shape {list(array.shape)}, and {list(shape)} fits"
            )
        found.append(array)
    return tuple(found)


FUNCTIONS: dict[str, Any] = {"module": _module, "opaque": _opaque}
