"""Operations whose derivative the file itself defines: a row for each call of one.

Its value is what the file's code gave, its derivative what the file's code does: that is what
`check` compares with differences. At other points, and for cotangents of other passes, the code
runs again; once the run is over it leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.autodiff.batched import Batched, PerSlice
from gradcli.errors import AutogradFault, DtypeFault, Span
from gradcli.graph import Node, copied
from gradcli.ops.shape.shapes import sum_to
from gradcli.rule.dtypes import FLOAT64, Array, is_differentiable, to_complex
from gradcli.rule.meta import Meta
from gradcli.rule.rule import Body, Derivative, Primitive
from gradcli.rule.signature import Signature

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Args = tuple[Any, ...]
NO_FORMULA = "the derivative of `{name}` is code of the file: there is no formula of it"


@dataclass(eq=False)
class Call:
    """One call of such an operation: its operands, as they were, and its differentiable results.

    A subclass says how the file's code computes it again, goes back and goes forward.
    """

    tracer: Tracer
    name: str
    operands: tuple[Node, ...]
    results: tuple[Node, ...] = ()
    last: tuple[Any, Any, Any] = (None, None, None)  # cotangent, operands, gradients for them
    draws: Any = field(init=False)  # the generator, and how the file's code has met it

    def __post_init__(self) -> None:
        generator = self.tracer.generator
        self.draws = generator, generator.kept()

    grad_fn = ""  # PyTorch's name of the rows' backward function
    words = ("its derivative", "its value")  # what the file's code for each is called

    def stated(self) -> Span | None:
        """Return where the file states the derivative, None where no place is known."""
        return None

    def again(self, operands: tuple[Node, ...]) -> Call:
        """Run the file's code for other operands, and return that call."""
        raise NotImplementedError

    def back(self, cotangents: list[Node | None]) -> Sequence[Node | None]:
        """Return the gradients of the operands, None where there is none."""
        raise NotImplementedError

    def ahead(self, tangents: list[Node | None]) -> Sequence[Node | None]:
        """Return the tangents of the results.

        Raises: AutogradFault where the file does not say.
        """
        raise NotImplementedError

    def kept(self) -> set[int] | None:
        """Return the rows that are saved for the way back."""
        return None

    @property
    def several(self) -> bool:
        """Whether its row is one of several results."""
        return len(self.results) > 1

    # ---- for rows ------------------------------------------------------------------------

    def value(self, *arrays: Array) -> Any:
        """Return what the file's code gives for other operands.

        Raises: PerSlice where it decides by values, and several points come together.
        """
        numbers, own = self.tracer.graph.notes.numbers, [x.shape for x in self.operands]

        def run() -> list[Any]:
            read = len(numbers)
            found = [x.value for x in self._again(arrays).results]
            if len(numbers) > read and [np.shape(x) for x in arrays] != own:
                raise PerSlice
            return found

        found = self._aside(arrays, run)
        return tuple(found) if self.several else found[0]

    def gradients(self, g: Any, operands: Args) -> Sequence[Any]:
        """Return the gradients of the operands: arrays for arrays, nodes for nodes.

        The file's code runs once for a cotangent, not once for each operand.
        """
        if self.last[0] is g and self.last[1] is operands:
            return self.last[2]  # type: ignore[no-any-return]
        found = self._carried(list(g) if self.several else [g], operands, _back, self.operands)
        self.last = g, operands, found
        return found

    def tangents(self, given: Args, operands: Args) -> Any:
        """Return the tangents of the results, for those of the operands."""
        found = self._carried(list(given), operands, _ahead, self.results)
        return list(found) if self.several else found[0]

    def _carried(
        self, given: list[Any], operands: Args, way: Callable[..., Any], like: Sequence[Node]
    ) -> Sequence[Any]:
        """Run one of the two ways on what a rule is given."""
        graph = self.tracer.graph
        traced = next((x for x in (*given, *operands) if hasattr(x, "record")), None)
        if isinstance(traced, Node) and traced.graph is graph:
            return [_fitting(x, y) for x, y in zip(way(self, given), like, strict=True)]
        if traced is not None and not isinstance(traced, Node):
            if isinstance(traced, Batched):
                raise PerSlice
            raise AutogradFault(NO_FORMULA.format(name=self.name))
        arrays = [x.value if isinstance(x, Node) else x for x in given]

        def run() -> list[Any]:
            call = self if self._is_here(operands) else self._again(operands)
            with inside(self.tracer):
                nodes = [None if x is None else graph.leaf(np.asarray(x)) for x in arrays]
                return [
                    None if x is None else _fitting(x, y).value
                    for x, y in zip(way(call, nodes), like, strict=True)
                ]

        found = self._aside(operands, run)
        if traced is None:
            return found
        return [None if x is None else traced.constant(x) for x in found]

    def _aside(self, values: Args, run: Callable[[], list[Any]]) -> list[Any]:
        """Run the file's code for some operands, and leave nothing behind once the run is over.

        Where a check has operands in double precision, and what the code creates does not go
        with them, it creates that in double precision too.
        """
        tracer = self.tracer
        try:
            with aside(tracer):
                return run()
        except DtypeFault:
            if not (tracer.is_over and self._is_wider(values)):
                raise
        with aside(tracer):
            tracer.graph.default_dtype = FLOAT64
            try:
                return run()
            except DtypeFault as error:
                error.hint = "a check computes in float64: --dtype float64 runs the whole file so"
                raise

    def _again(self, values: Args) -> Call:
        """Run the file's code for other values of the operands, with the same random numbers."""
        tracer = self.tracer
        generator, kept = self.draws
        before = generator.kept()
        generator.restore(kept)
        try:
            with inside(tracer):
                arrays = (np.asarray(x.value if isinstance(x, Node) else x) for x in values)
                return self.again(tuple(tracer.graph.leaf(x) for x in arrays))
        finally:
            generator.restore(before)

    def _is_wider(self, values: Args) -> bool:
        """Say whether operands are in double precision, as a check has them, and were not."""
        return any(
            x.dtype in (FLOAT64, to_complex(FLOAT64)) and x.dtype != mine.dtype
            for x, mine in zip(values, self.operands, strict=True)
        )

    def _is_here(self, operands: Args) -> bool:
        """Say whether operands are those of the run itself."""
        for x, mine in zip(operands, self.operands, strict=True):
            value, own = (x.value if isinstance(x, Node) else x), mine.value
            same = value is own or value.tobytes() == own.tobytes()
            if not same or value.dtype != own.dtype:
                return False
        return True


def _back(call: Call, cotangents: list[Node | None]) -> Sequence[Node | None]:
    return call.back(cotangents)


def _ahead(call: Call, tangents: list[Node | None]) -> Sequence[Node | None]:
    return call.ahead(tangents)


def _fitting(found: Any, like: Node) -> Any:
    """Return what a way gives in the shape and dtype that it is for; what repeats is summed."""
    if found is None or found.shape == like.shape:
        return found
    return sum_to(found, like.shape)


@contextmanager
def inside(tracer: Tracer, grad_enabled: bool = False) -> Iterator[None]:
    """Let rows be those inside of an operation: tables do not show them, and no root is one."""
    graph, made, first = tracer.graph, len(tracer.made), len(tracer.graph)
    span, call = graph.span, graph.call
    with graph.settings("inside", grad_enabled):
        yield
    graph.notes.coded.update(range(first, len(graph)))
    del tracer.made[made:]
    graph.span, graph.call = span, call  # where it fails they stay: an error has its place


@contextmanager
def aside(tracer: Tracer) -> Iterator[None]:
    """Once the run is over, let what the file's code does meanwhile leave nothing behind."""
    if not tracer.is_over:
        yield
        return
    made, output, written = len(tracer.made), len(tracer.output), tracer.written
    kept = tracer.passes, tracer.grad_owners
    tracer.passes, tracer.grad_owners = copied(tracer.passes), dict(tracer.grad_owners)
    try:
        with tracer.graph.scratch():
            yield
    finally:
        del tracer.made[made:], tracer.output[output:]
        tracer.written = written
        tracer.passes, tracer.grad_owners = kept


class Own(Derivative):  # its methods take what those of all rules take
    """The derivative of a row is code of the file."""

    own = True
    call: Call

    def body(self, slot: int) -> Body | None:
        """Return something for an operand that has a gradient."""
        call = self.call
        return call.gradients if is_differentiable(call.operands[slot].dtype) else None

    def part(self, slot: int, g: Any, y: Any, operands: Args, attrs: dict[str, Any]) -> Any:  # noqa: ARG002
        return self.call.gradients(g, operands)[slot]

    def vjp(self, slot: int, g: Any, y: Any, operands: Args, attrs: dict[str, Any]) -> Any:
        found = self.part(slot, g, y, operands, attrs)
        if found is not None:
            return found
        x = operands[slot]
        return x.zeros_like() if isinstance(x, Node) else np.zeros(np.shape(x), x.dtype)

    def jvp(self, op: Primitive, tangents: Args, y: Any, operands: Args, attrs: Any) -> Any:  # noqa: ARG002
        return self.call.tangents(tangents, operands)

    def kept(self) -> set[int] | None:
        return self.call.kept()


def recorded(call: Call, outputs: Sequence[Node]) -> tuple[Node, ...]:
    """Append the row of a call, which gives some outputs; return its results."""
    graph = call.tracer.graph
    values = [x.value for x in outputs]
    metas = tuple(Meta(x.shape, x.dtype) for x in values)
    several = len(metas) > 1
    rule = Own((None,) * len(call.operands))
    object.__setattr__(rule, "call", call)
    names = ", ".join(f"input{i}" for i in range(len(call.operands)))
    row = Primitive(
        Signature(f"{call.name}({names})"),
        f"The operation `{call.name}` of the file.",
        (), "", (), (), "", "", "", "",
        grad_fn=call.grad_fn,
        forward=call.value,
        meta=lambda *_, **__: metas if several else metas[0],
        derivative=rule,
        outputs=("*",) if several else (),
    )  # fmt: skip
    eager, graph.eager = graph.eager, 0  # the value is there: the file's code is not run again
    made = graph.record(row, call.operands, {})
    graph.eager = eager
    call.results = tuple(made) if several else (made,)
    graph.put(graph.producer(call.results[0].id), tuple(values) if several else values[0])
    return call.results


def operands_of(values: Sequence[Any]) -> tuple[Node, ...]:
    """Return the tensors among values as they are now: the file may change them in place."""
    return tuple(Node(x.graph, x.id) for x in values if isinstance(x, Node))
