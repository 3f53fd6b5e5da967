"""Tensors of one number and no dimension, as Python floats: numpy's overhead is most of their time.

No operation is written a second time. A row's own forward function and its own rules are run once
on operands that write down, as lines of Python, what is done with them; the lines are compiled.
What a row does that has no line here leaves it to the plain executor, and so do operands for which
Python raises an error: at the edge of a domain, where a result overflows, where 0 divides.

Sums, differences, products and quotients are exactly the plain executor's; functions of the module
`math` are within one unit in the last place.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from gradcli.graph import Graph
from gradcli.rule.dtypes import BOOL, FLOAT64, DType
from gradcli.rule.meta import SCALAR
from gradcli.rule.rule import Derivative, Primitive

Function = Callable[..., Any]
Attrs = dict[str, Any]

FORMS = 1024  # that are kept: rows with attributes have several
BRANCHES = 4  # ways through a rule that asks for the values of its numbers
# functions of numpy, and what `math` calls them where that is another name
MATH = """
    sqrt exp exp2 expm1 log log2 log10 log1p sin cos tan cosh arcsin=asin arccos=acos arctan=atan
    arctan2=atan2 hypot copysign fabs deg2rad=radians rad2deg=degrees
"""
# where the C library is up to two units in the last place off, and numpy is not
ROUNDED_BETTER = ("sinh", "tanh", "arcsinh", "arccosh", "arctanh", "cbrt")
RAISED = (ArithmeticError, ValueError, TypeError)  # Python's no to some operands


class Line(NamedTuple):
    """What numpy calls a function, in Python: of `{0}` and `{1}`, or a function of the same."""

    text: str
    function: Function | None = None
    gives: DType = FLOAT64
    takes: DType = FLOAT64  # at least one of its operands is of this dtype


def _plain() -> float:
    """Leave operands to numpy that have another result there, as -inf to the power of a half."""
    raise ValueError


def _by_numpy(ufunc: Any) -> Function:
    return lambda a: float(ufunc(a))


def _table() -> dict[str, Line]:
    found: dict[str, Line] = {}
    for entry in MATH.split():
        name, _, other = entry.partition("=")
        function = getattr(math, other or name)
        found[name] = Line(f"{function.__name__}({{0}})", function)
    for name in ("arctan2", "hypot", "copysign"):
        found[name] = found[name]._replace(text=found[name].text.replace("{0}", "{0}, {1}"))
    for name in ROUNDED_BETTER:
        found[name] = Line(f"{name}({{0}})", _by_numpy(getattr(np, name)))
    return found | {
        "add": Line("{0} + {1}", operator.add),
        "subtract": Line("{0} - {1}", operator.sub),
        "multiply": Line("{0} * {1}", operator.mul),
        "divide": Line("{0} / {1}", operator.truediv),
        "equal": Line("{0} == {1}", gives=BOOL),
        "not_equal": Line("{0} != {1}", gives=BOOL),
        "less": Line("{0} < {1}", gives=BOOL),
        "less_equal": Line("{0} <= {1}", gives=BOOL),
        "greater": Line("{0} > {1}", gives=BOOL),
        "greater_equal": Line("{0} >= {1}", gives=BOOL),
        "negative": Line("-{0}", operator.neg),
        "absolute": Line("abs({0})", abs),
        "square": Line("{0} * {0}"),
        "reciprocal": Line("1.0 / {0}"),
        "power": Line("pow({0}, {1}) if {0} and {0} > -inf else plain()"),
        "maximum": Line("{0} if {0} > {1} or {0} != {0} else {1}"),
        "minimum": Line("{0} if {0} < {1} or {0} != {0} else {1}"),
        "fmax": Line("{0} if {0} >= {1} or {1} != {1} else {1}"),
        "fmin": Line("{0} if {0} <= {1} or {1} != {1} else {1}"),
        "sign": Line("1.0 if {0} > 0.0 else -1.0 if {0} < 0.0 else 0.0 if {0} == 0.0 else {0}"),
        "where": Line("{1} if {0} else {2}", takes=BOOL),
        "isnan": Line("{0} != {0}", gives=BOOL),
        "isfinite": Line("isfinite({0})", gives=BOOL),
        "signbit": Line("copysign(1.0, {0}) < 0.0", gives=BOOL),
        "logical_and": Line("{0} and {1}", gives=BOOL, takes=BOOL),
        "logical_or": Line("{0} or {1}", gives=BOOL, takes=BOOL),
        "logical_not": Line("not {0}", gives=BOOL, takes=BOOL),
    }


LINES = _table()
BESIDES = {"plain": _plain, **{name: LINES[name].function for name in ROUNDED_BETTER}}


class Unwritten(TypeError):
    """What is done with an operand has no line of Python."""


class Fork(Exception):
    """The way that a function takes depends on a number that is not known yet."""


class Source:
    """The lines of a function that is being written, along one way through it."""

    def __init__(self, decisions: Sequence[bool]) -> None:
        self.lines: list[str] = []
        self.calls: list[tuple[Function | None, tuple[str, ...]]] = []
        self.decisions = list(decisions)
        self.asked: str = ""  # what decides at a fork

    def operand(self, x: Any) -> Written:
        """Return a number, or an array of one, as an operand; one that is written as it is."""
        if isinstance(x, Written):
            return x
        if isinstance(x, np.ndarray) and not x.shape:
            x = x.item()
        if isinstance(x, bool | np.bool_):
            return Written(self, str(bool(x)), BOOL)
        if isinstance(x, int | float):
            return Written(self, f"({float(x)!r})", FLOAT64)
        raise Unwritten

    def call(self, name: str, operands: Sequence[Any]) -> Written:
        """Write a line."""
        line = LINES.get(name)
        if line is None:
            raise Unwritten
        given = [self.operand(x) for x in operands]
        dtypes = [x.dtype for x in given[1:]] if name == "where" else [x.dtype for x in given]
        if line.takes == BOOL != given[0].dtype or (name == "where" and BOOL in dtypes):
            raise Unwritten
        if line.takes == FLOAT64 and FLOAT64 not in dtypes:
            raise Unwritten
        texts = tuple(x.text for x in given)
        self.calls.append((line.function, texts))
        text = f"t{len(self.calls)}"
        self.lines.append(f"{text} = {line.text.format(*texts)}")
        return Written(self, text, line.gives)

    def decide(self, x: Written) -> bool:
        """Return which way this run of the function takes."""
        if not self.decisions:
            self.asked = x.text
            raise Fork
        return self.decisions.pop(0)


class Written(np.lib.mixins.NDArrayOperatorsMixin):
    """An operand that stands for an array without dimensions, and writes what is done with it."""

    shape: tuple[int, ...] = ()
    ndim = 0

    def __init__(self, source: Source, text: str, dtype: DType) -> None:
        self.source, self.text, self.dtype = source, text, dtype

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **more: Any) -> Any:
        if method != "__call__" or more:
            raise Unwritten
        return self.source.call(ufunc.__name__, operands)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function is np.result_type:
            return FLOAT64
        if function is np.copy:
            return self
        if function is not np.where or kwargs or len(args) != 3:
            raise Unwritten
        return self.source.call("where", args)

    def astype(self, dtype: Any) -> Written:
        """Return it as it is, where it is of that dtype."""
        if dtype != self.dtype:
            raise Unwritten
        return self

    def __bool__(self) -> bool:
        return self.source.decide(self)


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
        if derivative is None or self.forward is None:
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


def compiled(function: Function, names: Sequence[str]) -> Function | None:
    """Return a function of floats that does what another one does, None where that has no lines."""
    direct: list[Function] = []
    try:
        body = _written(function, names, (), direct)
    except Exception:  # whatever it says of operands that are no arrays: it is left to numpy
        return None
    if direct:
        return direct[0]
    scope = {**vars(math), **BESIDES}
    exec(f"def function({', '.join(names)}):\n" + "\n".join(f" {line}" for line in body), scope)
    found: Function = scope["function"]
    return found


def _written(
    function: Function, names: Sequence[str], decisions: tuple[bool, ...], direct: list[Function]
) -> list[str]:
    """Return the lines of a function after some decisions; it may be one of `direct` itself."""
    if len(decisions) > BRANCHES:
        raise Unwritten
    source = Source(decisions)
    try:
        result = source.operand(function(*(Written(source, name, FLOAT64) for name in names)))
    except Fork:
        before = source.lines
        return [
            *before, f"if {source.asked}:",
            *(f" {x}" for x in _written(function, names, (*decisions, True), [])[len(before):]),
            "else:",
            *(f" {x}" for x in _written(function, names, (*decisions, False), [])[len(before):]),
        ]  # fmt: skip
    if result.dtype != FLOAT64:
        raise Unwritten
    if len(source.calls) == 1 and not decisions:
        called, texts = source.calls[0]
        if called is not None and texts == tuple(names) and result.text == "t1":
            direct.append(called)
    return [*source.lines, f"return {result.text}"]


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
    return Bound(form, tuple(attrs[name] for name in numbers))


@lru_cache(maxsize=FORMS)
def _form(
    op: Primitive, count: int, fixed: tuple[tuple[str, Any], ...], numbers: tuple[str, ...]
) -> Form:
    return Form(op, count, dict(fixed), numbers)


class Forms:
    """What computes the rows of a tape on floats, found once for each kind of row.

    They are kept by the identity of a row's attributes: for one run over a tape, not longer.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.forward: dict[Any, Function | None] = {}
        self.rules: dict[Any, Sequence[Function | None] | None] = {}

    def learn(self, key: Any, row: int) -> None:
        """Find out what computes the kind of a row."""
        graph, op = self.graph, self.graph.ops[row]
        assert op is not None, "a leaf brings its value"
        found = bound(op, graph.attrs[row], len(graph.inputs[row]))
        self.forward[key], self.rules[key] = found.forward, found.pulls


def run(
    graph: Graph, rows: Iterable[int], values: Any, evaluate: Callable[[Graph, int, Any], Any]
) -> None:
    """Put the values of rows, parents first, among `values`: numbers as floats.

    `evaluate` gives the value of a row that is more than a number, or has no form.
    """
    ops, metas, attributes, scalars = graph.ops, graph.metas, graph.attrs, graph.scalars
    inputs, forms = graph.inputs, Forms(graph)
    known = forms.forward
    for row in rows:
        if metas[row] is not SCALAR and metas[row] != SCALAR:
            values[row] = evaluate(graph, row, values)
            continue
        op, attrs, given = ops[row], attributes[row], inputs[row]
        key = (op, id(attrs)) if attrs else op
        if key not in known:
            forms.learn(key, row)
        function = known[key]
        if function is not None:
            try:
                if len(given) == 1:
                    found = function(values[given[0]])
                else:
                    found = function(*[values[i] if i >= 0 else scalars[~i] for i in given])
                if type(found) is float:
                    values[row] = found
                    continue
            except RAISED:
                pass
        found = evaluate(graph, row, values)
        values[row] = found.item() if isinstance(found, np.ndarray) else found


class Puller:
    """Carries cotangents back along rows that are numbers.

    `cotangents` has a place for each row that they may go to, None until one comes.
    """

    def __init__(self, graph: Graph, cotangents: dict[int, Any]) -> None:
        self.graph, self.cotangents = graph, cotangents
        self.forms = Forms(graph)

    def along(self, order: Sequence[int], first: int) -> int:
        """Go on from a place in an order of rows; return that of the row that numpy must take."""
        graph, cotangents, known = self.graph, self.cotangents, self.forms.rules
        ops, metas, attributes = graph.ops, graph.metas, graph.attrs
        stored, scalars, inputs = graph.stored, graph.scalars, graph.inputs
        for at in range(first, len(order)):
            row = order[at]
            g, op = cotangents[row], ops[row]
            if g is None or op is None:
                continue
            attrs = attributes[row]
            key = (op, id(attrs)) if attrs else op
            if metas[row] is not SCALAR:
                return at
            if key not in known:
                self.forms.learn(key, row)
            rules = known[key]
            if rules is None:
                return at
            given, y, parts = inputs[row], stored[row], []
            operands = [stored[i] if i >= 0 else scalars[~i] for i in given]
            try:
                if y is None or None in operands:  # what is missing compares with everything
                    return at
                if type(g) is not float:
                    g = float(g)
                for i, rule in zip(given, rules, strict=True):
                    if i in cotangents and rule is not None:
                        part = rule(g, y, *operands)
                        if type(part) is not float or metas[i] is not SCALAR:
                            return at
                        parts.append((i, part))
            except RAISED:
                return at
            for i, part in parts:
                before = cotangents[i]
                cotangents[i] = part if before is None else before + part
        return len(order)
