"""Functions on arrays as lines of Python on floats: what runs once is written down, and compiled.

A function, a row's own forward function or one of its rules, is run on operands that write down
what is done with them, in numpy's functions. Where it asks for a number that is not known yet, both
ways are followed. What has no line here has no such function.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradcli.rule.dtypes import BOOL, FLOAT64, DType

Function = Callable[..., Any]

BRANCHES = 4  # decisions on one way through a rule that asks for the values of its numbers
# functions of numpy, and what `math` calls them where that is another name
MATH = """
    sqrt exp exp2 expm1 log log2 log10 log1p sin cos tan cosh arcsin=asin arccos=acos arctan=atan
    arctan2=atan2 hypot copysign fabs deg2rad=radians rad2deg=degrees
"""
# where the C library is up to two units in the last place off, and numpy is not
ROUNDED_BETTER = ("sinh", "tanh", "arcsinh", "arccosh", "arctanh", "cbrt")


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
        "positive": Line("{0}"),
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
