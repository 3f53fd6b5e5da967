"""Why the values of a pair differ: each explanation is tried by computing what it would give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import log10, prod
from re import search
from typing import Any

import numpy as np

from gradcli.compare.found import Gap, Kind
from gradcli.compare.gaps import precision
from gradcli.compare.pair import Pair
from gradcli.compare.region import Region, equal
from gradcli.compare.side import Side
from gradcli.errors import GradcliError, Source, cropped
from gradcli.rule.dtypes import Array
from gradcli.session import Request, run
from gradcli.syntax import parse_expression
from gradcli.syntax.tree import Program
from gradcli.trace import Tracer
from gradcli.verify.compare import Pair as Arrays
from gradcli.verify.compare import relation

Why = tuple[Kind, str]
SIDES = ("left", "right")
NUMBERS = ("exponent", "alpha", "other")  # attributes that stand as numbers in a formula
STEPS = 1000  # that make the values of a name
LARGER = 100  # times what is made of them are numbers that cancel
STREAMS, DRAWN = 32, 1 << 16  # draws before one that are tried, and elements of it
TEXT = 60  # characters of an argument
ADDING = {"add", "sub", "sum", "mean", "mul", "prod", "dot", "mm", "mv", "matmul", "addmm", "bmm"}


def why_value(pair: Pair, i: int, j: int) -> Why:
    """Return why the values of a pair differ, all of whose operands agree."""
    if not pair.a.parents[i] and not pair.b.parents[j]:
        return _of_leaves(pair, i, j)
    region, gap = Region(pair, i, j), pair.value_gap(i, j)
    if region.same_function and (found := _rounding(pair, region, i, j, gap)):
        return found
    kind, why = beside(pair, i, j, region)
    if gap.cause == "finite":
        return "finite", f"{_not_finite(region, gap)}; {why}"
    return kind, why


def beside(pair: Pair, i: int, j: int, region: Region) -> Why:
    """Return how two rows are different functions of what they are made of."""
    values = pair.a.value(i), pair.b.value(j)
    if words := _other_order(pair, i, j):
        return "order", words
    said = _relation([values, *region.elsewhere], region.numbers())
    for kind, why in _of_rows(pair, i, j):
        return kind, f"{why}; {said[1]}" if said and kind != "operand" else why
    if said:
        return said
    if values[0].shape != values[1].shape:
        shapes = list(values[0].shape), list(values[1].shape)
        return "shape", f"shape {shapes[0]} on the left, {shapes[1]} on the right"
    return "operation", _computes(pair, i, j)


def _other_order(pair: Pair, i: int, j: int) -> str:
    """Say that a name's values come about by the same steps in another order, "" if they do not."""
    name = pair.a.names.get(i)
    if name is None or name != pair.b.names.get(j):
        return ""
    left, right = (
        [_step(side, id) for id in side.ids if side.names.get(id) == name]
        for side in (pair.a, pair.b)
    )
    if left == right or len(left) > STEPS or sorted(left) != sorted(right):
        return ""
    return f"the same steps that make `{name}`, in another order"


def _step(side: Side, id: int) -> str:
    """Return what a row does to its operands: the operation, its numbers and attributes."""
    graph = side.graph
    row = graph.producer(id)
    numbers = [graph.scalars[~k] for k in graph.inputs[row] if k < 0]
    return f"{graph.label(id)} {numbers!r} {graph.attrs[row]!r}"


def _relation(
    pairs: list[Arrays], known: dict[float, list[str]], names: tuple[str, str] = SIDES
) -> Why | None:
    """Return a pattern that holds at the runs' own point and at random ones."""
    if any(x.dtype.kind not in "fiuc" or y.dtype.kind not in "fiuc" for x, y in pairs):
        return None
    if all(x.shape == y.shape and equal(x, y) for x, y in pairs):
        return None
    if all(x.shape != y.shape and x.size == y.size and equal(x.ravel(), y.ravel())
           for x, y in pairs):  # fmt: skip
        x, y = pairs[0]
        return "shape", f"the same elements in another shape: {list(x.shape)} | {list(y.shape)}"
    words = relation(pairs, names, known)
    if not words:
        return None
    if "transpose" in words:
        return "transpose", words
    kind: Kind = "sign" if "is minus" in words else "shift" if " plus " in words else "factor"
    return kind, words


def _computes(pair: Pair, i: int, j: int) -> str:
    left, right = pair.a.spot(i), pair.b.spot(j)
    ops = pair.a.graph.label(i), pair.b.graph.label(j)
    if ops[0] != ops[1]:
        return f"another operation: {ops[0]} on the left, {ops[1]} on the right"
    if left.source != right.source:
        return f"another formula: `{left.source}` on the left, `{right.source}` on the right"
    return "the operands agree, and the values do not"


def _not_finite(region: Region, gap: Gap) -> str:
    """Say in which of the rows behind a pair its value begins not to be finite."""
    which = int(not _broken(gap.left))
    side, rows = region.sides[which]
    value = (gap.left, gap.right)[which]
    assert value is not None, "that side has a value"
    spots = [side.spot(i) for i in rows if i in side.parents and _is_broken(side.value(i))]
    where = f" in `{spots[0].source}` (line {spots[0].line})" if spots else ""
    return f"{'nan' if value != value else 'inf'} on the {SIDES[which]} alone: it begins{where}"


def _is_broken(value: Array) -> bool:
    return value.dtype.kind in "fc" and not bool(np.all(np.isfinite(value)))


def _broken(x: complex | None) -> bool:
    return x is not None and not np.isfinite(x)


# ---- rounding ------------------------------------------------------------------------------


def _rounding(pair: Pair, region: Region, i: int, j: int, gap: Gap) -> Why | None:
    """Say that both are the same function, of which rounding gives different values."""
    exact = region.at(region.here)
    metas = pair.a.graph.metas[i].dtype, pair.b.graph.metas[j].dtype
    eps = pair.a.coarseness[i], pair.b.coarseness[j]
    narrow = metas[0] if precision(metas[0]) >= precision(metas[1]) else metas[1]
    left = _digits(gap.relative)
    if eps[0] != eps[1]:
        if exact is None or not (equal(*exact) or _amplified(region)):
            return None
        word = narrow.name if metas[0] != metas[1] else "the coarser dtype"
        if gap.cause == "finite":
            return "dtype", f"the range of {word}: in float64 both sides give the same"
        words = f"rounding in {word}: in float64 both sides give the same"
        return "dtype", f"{words}; {left}{_cancels(region)}"
    if gap.cause == "finite":
        words = f"{_not_finite(region, gap)}; elsewhere both are the same function"
        return "finite", words
    ops = {side.graph.label(k) for side, rows in region.sides for k in rows}
    more = len(region.left_rows) > 1 or len(region.right_rows) > 1
    if ops <= ADDING and more:
        words = "the same terms in another order: at random points both sides are equal"
        return "order", f"{words}; {left}{_cancels(region)}"
    words = "the same function of operands that agree: rounding alone"
    return "rounding", f"{words}; {left}{_cancels(region)}"


def _digits(relative: float) -> str:
    """Return how many digits of two numbers are the same, in words."""
    count = max(0, int(-log10(relative))) if 0 < relative < 1 else 0
    return "no digit agrees" if not count else f"{count} digit{'s' * (count > 1)} agree"


def _amplified(region: Region) -> bool:
    """Say whether operands are far larger than what is made of them."""
    sizes = [float(np.abs(x).max(initial=0)) for x in region.here.values()]
    here = region.at(region.here)
    made = 0.0 if here is None else float(np.abs(here[0]).max(initial=0))
    return here is not None and max(sizes, default=0.0) > LARGER * made


def _cancels(region: Region) -> str:
    return ": larger numbers cancel" if _amplified(region) else ""


# ---- a row beside a row --------------------------------------------------------------------


def _of_rows(pair: Pair, i: int, j: int) -> Iterator[Why]:
    """Yield how a row differs from another of the same operation: in an operand, or a number."""
    x, y = pair.a.graph, pair.b.graph
    k, m = x.producer(i), y.producer(j)
    if x.ops[k] is None or y.ops[m] is None or x.label(i) != y.label(j):
        return
    slots = list(zip(x.inputs[k], y.inputs[m], strict=False))
    others = [(p, q) for p, q in slots if p >= 0 and q >= 0 and pair.right.get(p) != q]
    others = [(p, q) for p, q in others if p in pair.a.parents and q in pair.b.parents]
    if len(x.inputs[k]) != len(y.inputs[m]) or len(others) > len(SIDES):
        return
    if others:
        yield from _of_operands(pair, others)
        return
    for p, q in slots:
        if p < 0 and q < 0 and repr(x.scalars[~p]) != repr(y.scalars[~q]):
            numbers = _short(x.scalars[~p]), _short(y.scalars[~q])
            words = f"the number {numbers[0]} on the left is {numbers[1]} on the right"
            yield "constant", words + _named_numbers(pair, i)
    for name in {**x.attrs[k], **y.attrs[m]}:
        one, other = x.attrs[k].get(name), y.attrs[m].get(name)
        if repr(one) != repr(other) and not isinstance(one, np.dtype):
            kind: Kind = "constant" if name in NUMBERS else "argument"
            yield kind, f"{name}={_short(one)} on the left, {name}={_short(other)} on the right"


def _named_numbers(pair: Pair, i: int) -> str:
    """Return which numbers that a row's text names differ, and in which lines they stand."""
    text = pair.a.spot(i).source
    left, right = (
        {v.name: v for v in side.inspection.values if v.name and isinstance(v.data, int | float)}
        for side in (pair.a, pair.b)
    )
    found = [
        f"; `{name}` is {_short(left[name].data)} | {_short(right[name].data)}, line {one.line}"
        for name, one in left.items()
        if name in right and one.data != right[name].data and search(rf"\b{name}\b", text)
    ]
    return "".join(found[: len(SIDES)])


def _of_operands(pair: Pair, others: list[tuple[int, int]]) -> Iterator[Why]:
    """Yield in which operands two rows differ, one or two that have changed places."""
    (p, q), (r, s) = others[0], others[-1]
    left, right = (f"`{pair.a.spot(p).label}`", f"`{pair.b.spot(q).label}`")
    if len(others) > 1:
        if pair.right.get(p) == s and pair.right.get(r) == q:
            yield "operand", f"the operands {left} and {right} have changed places"
        return
    what = f"another operand: {left} on the left, {right} on the right"
    said = None
    if p not in pair.right or q not in pair.left:  # else each is a row of its own on both sides
        said = _relation([(pair.a.value(p), pair.b.value(q))], {}, (left, right))
    yield (said[0] if said else "operand"), what + (f"; {said[1]}" if said else "")


def _short(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else " ".join(repr(value).split())
    return cropped(text, TEXT)


# ---- leaves --------------------------------------------------------------------------------


def _of_leaves(pair: Pair, i: int, j: int) -> Why:
    """Return why two tensors that no operation made differ."""
    a, b = pair.a, pair.b
    x, y = a.value(i), b.value(j)
    seeds = a.session.tracer.options.seed, b.session.tracer.options.seed
    if seeds[0] != seeds[1] and _drawn_with(a, i, seeds[1], y):
        return "seed", f"drawn with seed {seeds[0]} on the left, {seeds[1]} on the right"
    if seeds[0] == seeds[1] and x.shape == y.shape:
        draws = _draw_of(a, i), _draw_of(b, j)
        if None not in draws and draws[0] != draws[1]:
            words = f"draw {draws[0]} of random numbers on the left, {draws[1]} on the right"
            return "draws", words
    if x.shape != y.shape:
        words = f"shape {list(x.shape)} on the left, {list(y.shape)} on the right"
        if said := _relation([(x, y)], {}):
            return said[0], f"another input: {said[1]}"
        return "input", f"another input: {words}"
    if x.size > 1 and np.array_equal(np.sort(x, axis=None), np.sort(y, axis=None)):
        return "input", "another input: the same elements in another order"
    said = _relation([(x, y)], {})
    bound, what = _bound(pair, i, j), "another input"
    if len(bound) == 1:
        what = f"another input, bound from outside on the {bound[0]}"
    elif not bound and a.spot(i).source == b.spot(j).source:
        what = "another value of the same text: of random numbers, or of what it stands for"
    return "input", what + (f": {said[1]}" if said else "")


def _bound(pair: Pair, i: int, j: int) -> list[str]:
    """Return which sides' values were bound from outside the file."""
    sides = zip(SIDES, (pair.a, pair.b), (i, j), strict=True)
    return [
        word for word, side, id in sides
        if side.names.get(id) in side.session.tracer.options.bindings
    ]  # fmt: skip


def _drawn_with(side: Side, id: int, seed: int, wanted: Array) -> bool:
    """Say whether a run gives a row another value with another seed."""
    options = replace(side.session.tracer.options, seed=seed)
    try:
        other = run(side.session.source, options, Request(backward=False)).graph
        return id < len(other) and np.array_equal(other.value(id), wanted, equal_nan=True)
    except GradcliError:  # the file runs with its own seed alone
        return False


def _draw_of(side: Side, id: int) -> int | None:
    """Return which of the draws of random numbers gives a leaf its value, None if none does."""
    graph, tracer = side.graph, side.session.tracer
    text = side.session.source.snippet(graph.notes.spans[id])
    text = text.partition("=")[2] if text.partition("=")[0].strip().isidentifier() else text
    if "rand" not in text or prod(graph.metas[id].shape) > DRAWN:
        return None
    source, wanted = Source("<draw>", text.strip()), graph.value(id)
    try:
        expression = parse_expression(source)
        for count in range(STREAMS):
            other = Tracer(Program(source, ()), tracer.options)
            for _ in range(count):
                other.generator.rand(())
            with other.placed():
                found: Any = other.evaluate(expression)
            if np.array_equal(found.value, wanted):
                return count + 1
    except (GradcliError, AttributeError):  # it needs names of the file, or is no tensor
        return None
    return None
