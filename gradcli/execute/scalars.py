"""Tensors of one number and no dimension, as Python floats: numpy's overhead is most of their time.

No operation is written a second time: a row's own forward function and its own rules are compiled
for floats (lines.py). A row that cannot be is left to the plain executor, and so are operands for
which Python raises an error: at the edge of a domain, where a result overflows, where 0 divides.

Sums, differences, products and quotients are exactly the plain executor's; functions of the module
`math` are within one unit in the last place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np

from gradcli.execute.lines import Function, compiled
from gradcli.graph import Graph
from gradcli.rule.meta import SCALAR
from gradcli.rule.rule import Derivative, Primitive

Attrs = dict[str, Any]

FORMS = 1024  # that are kept: rows with attributes have several
MOST_PULLED = 2  # operands of a row whose cotangents are floats: few rows have more
RAISED = (ArithmeticError, ValueError, TypeError)  # Python's no to some operands


class Form:
    """The functions of a row for floats: None where it has none.

    They take the values of those attributes that `numbers` names before `count` operands; `fixed`
    are the other attributes.
    """

    def __init__(self, op: Primitive, count: int, fixed: Attrs, numbers: tuple[str, ...]) -> None:
        self.op, self.count, self.fixed, self.numbers = op, count, fixed, numbers

    @cached_property
    def forward(self) -> Function | None:
        """Return the value of the row, from its operands'."""

        def forward(*given: Any) -> Any:
            attrs, operands = self._parted(given)
            return self.op.forward(*operands, **attrs)

        return None if self.op.outputs else compiled(forward, self._names())

    @cached_property
    def pulls(self) -> tuple[Function | None, ...] | None:
        """For each operand its cotangent, from that of the result, the result and the operands."""
        derivative = self.op.derivative
        if derivative is None or self.forward is None or self.count > MOST_PULLED:
            return None
        found: list[Function | None] = []
        for slot in range(self.count):
            if derivative.body(slot) is None:
                found.append(None)
                continue

            def rule(*given: Any, slot: int = slot, derivative: Derivative = derivative) -> Any:
                attrs, (g, y, *operands) = self._parted(given)
                return derivative.vjp(slot, g, y, tuple(operands), attrs)

            function = compiled(rule, self._names("g", "y"))
            if function is None:
                return None
            found.append(function)
        return tuple(found)

    def _names(self, *first: str) -> tuple[str, ...]:
        numbers = (f"n_{name}" for name in self.numbers)
        return (*numbers, *first, *(f"a{k}" for k in range(self.count)))

    def _parted(self, given: Sequence[Any]) -> tuple[Attrs, Sequence[Any]]:
        count = len(self.numbers)
        return self.fixed | dict(zip(self.numbers, given, strict=False)), given[count:]


class Bound:
    """The functions of a row for floats where the values of all attributes are known."""

    def __init__(self, form: Form | None, numbers: tuple[Any, ...]) -> None:
        self._form, self._numbers = form, numbers
        self.forward = None if form is None else self._with(form.forward)

    @cached_property
    def pulls(self) -> tuple[Function | None, ...] | None:
        """The rules, for each operand."""
        pulls = None if self._form is None else self._form.pulls
        return None if pulls is None else tuple(map(self._with, pulls))

    def _with(self, function: Function | None) -> Function | None:
        if function is None or not self._numbers:
            return function
        return partial(function, *self._numbers)


def bound(op: Primitive, attrs: Attrs, count: int) -> Bound:
    """Return what computes a row of some attributes on floats."""
    fixed, numbers = [], []
    for name, value in attrs.items():
        kind = type(value)
        if kind in (int, float) and not (value and value == op.signature.defaults.get(name)):
            numbers.append(name)
        elif value is None or kind in (int, float, bool, str):
            fixed.append((name, value))
        else:
            return Bound(None, ())
    form = _form(op, count, tuple(fixed), tuple(numbers))
    if form.forward is None and numbers:  # its lines may depend on the numbers
        known = (*fixed, *((name, attrs[name]) for name in numbers))
        return Bound(_form(op, count, known, ()), ())
    return Bound(form, tuple(attrs[name] for name in numbers))


@lru_cache(maxsize=FORMS)
def _form(
    op: Primitive, count: int, fixed: tuple[tuple[str, Any], ...], numbers: tuple[str, ...]
) -> Form:
    return Form(op, count, dict(fixed), numbers)


def learned(graph: Graph, row: int, known: dict[Any, Bound], key: Any) -> Bound:
    """Find out what computes a row on floats, and keep it for all rows of its kind.

    A kind is an operation and the identity of its attributes: it is known for one run over a tape.
    """
    op = graph.ops[row]
    assert op is not None, "a leaf brings its value"
    known[key] = result = bound(op, graph.attrs[row], len(graph.inputs[row]))
    return result


def run(
    graph: Graph, rows: Iterable[int], values: Any, evaluate: Callable[[Graph, int, Any], Any]
) -> None:
    """Put the values of rows, parents first, among `values`: numbers as floats.

    `evaluate` gives the value of a row that is more than a number, or has no form.
    """
    ops, metas, attributes, scalars = graph.ops, graph.metas, graph.attrs, graph.scalars
    inputs = graph.inputs
    known: dict[Any, Bound] = {}
    for row in rows:
        if metas[row] is not SCALAR and metas[row] != SCALAR:
            values[row] = evaluate(graph, row, values)
            continue
        op, attrs, given = ops[row], attributes[row], inputs[row]
        key = (op, id(attrs)) if attrs else op
        function = (known.get(key) or learned(graph, row, known, key)).forward
        if function is not None:
            try:
                if len(given) == 1:
                    value = function(values[given[0]])
                elif len(given) == 2:
                    i, j = given
                    value = function(
                        values[i] if i >= 0 else scalars[~i], values[j] if j >= 0 else scalars[~j]
                    )
                else:
                    value = function(*[values[i] if i >= 0 else scalars[~i] for i in given])
                if type(value) is float:
                    values[row] = value
                    continue
            except RAISED:
                pass
        value = evaluate(graph, row, values)
        values[row] = value.item() if isinstance(value, np.ndarray) else value


class Puller:
    """Carries cotangents back along rows that are numbers.

    `cotangents` has a place for each row that they may go to, None until one comes.
    """

    def __init__(self, graph: Graph, cotangents: dict[int, Any]) -> None:
        self.graph, self.cotangents = graph, cotangents
        self.known: dict[Any, Bound] = {}

    def along(self, order: Sequence[int], first: int) -> int:
        """Go on from a place in an order of rows; return that of the row that numpy must take."""
        graph, cotangents, known = self.graph, self.cotangents, self.known
        ops, metas, attributes = graph.ops, graph.metas, graph.attrs
        stored, scalars, inputs = graph.stored, graph.scalars, graph.inputs
        for at in range(first, len(order)):
            row = order[at]
            g, op = cotangents[row], ops[row]
            if g is None or op is None:
                continue
            if metas[row] is not SCALAR:
                return at
            attrs = attributes[row]
            key = (op, id(attrs)) if attrs else op
            rules = (known.get(key) or learned(graph, row, known, key)).pulls
            if rules is None:
                return at
            given, y = inputs[row], stored[row]
            i, j = given[0], given[-1]
            a = stored[i] if i >= 0 else scalars[~i]
            b = stored[j] if j >= 0 else scalars[~j]
            p = q = None
            try:
                g = float(g)
                if y is None or a is None or b is None:  # None compares with everything
                    return at
                if len(given) == 1:
                    if rules[0] is not None and i in cotangents:
                        p = rules[0](g, y, a)
                else:
                    if i in cotangents and rules[0] is not None:
                        p = rules[0](g, y, a, b)
                    if j in cotangents and rules[1] is not None:
                        q = rules[1](g, y, a, b)
            except RAISED:
                return at
            if p is not None and (type(p) is not float or metas[i] is not SCALAR):
                return at
            if q is not None and (type(q) is not float or metas[j] is not SCALAR):
                return at
            if p is not None:
                before = cotangents[i]
                cotangents[i] = p if before is None else before + p
            if q is not None:
                before = cotangents[j]
                cotangents[j] = q if before is None else before + q
        return len(order)
