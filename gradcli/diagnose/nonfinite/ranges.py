"""Numbers that are too large for their dtype, or too small for it, and what follows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcli.diagnose.findings import Edit, Rewrite, Sighting
from gradcli.diagnose.nonfinite.events import Event
from gradcli.diagnose.nonfinite.forms import Operand, alike, form
from gradcli.diagnose.nonfinite.hiding import hider
from gradcli.diagnose.nonfinite.mending import avoided
from gradcli.diagnose.nonfinite.patterns import rewritings, text_of
from gradcli.diagnose.nonfinite.spelling import bracketed, family
from gradcli.diagnose.nonfinite.steps import Step, step, turn
from gradcli.diagnose.nonfinite.told import number
from gradcli.diagnose.subject import Subject
from gradcli.rule.dtypes import limits

EXPONENTIALS = {"exp", "exp2", "expm1", "cosh", "sinh"}
GROWING = {"mul", "pow", "prod", "sum", "add", "sub", "cumprod", "cumsum", "mm", "mv", "dot", "bmm",
           "matmul", "_to_copy", "div", "mean", "addmm", "linear", "lgamma", "hypot", "var",
           "norm", "addcmul", "ldexp", "float_power", "std", "digamma"}  # fmt: skip
POSITIVE = {"exp", "exp2", "sigmoid", "softmax", "erfc", "ndtr", "softplus", "softmin"}
FACTORS = {"mul", "div", "pow", "prod", "cumprod", "_to_copy", "norm"}
THROUGH = {"sqrt", "abs", "sum", "mean", "view", "unsqueeze", "squeeze", "expand",
           "permute", "_index", "select"}  # fmt: skip
DEEP = 10_000  # rows that are gone back through


def exp_overflow(at: Step) -> str:
    """Tell of an exponential that is larger than the largest number."""
    x = at.real(0)
    if at.event.stage == 1 or not np.isinf(at.event.value) or at.event.given:
        return ""
    base = at.form.operands[0].number if at.name == "pow" else None
    if base is not None:
        x = at.real(1)
    elif at.name not in EXPONENTIALS:
        return ""
    if x is None or not np.isfinite(x):
        return ""
    what = f"{number(complex(base))}^{x:.6g}" if base is not None else f"{at.name}({x:.6g})"
    return (
        f"`{at.text}` is {what}{at.place}, and {_range(at)}: it becomes "
        f"{number(at.event.value)}{_after(at)}."
    )


def overflow(at: Step) -> str:
    """Tell of finite operands of which the result is larger than the largest number."""
    if at.event.given or not np.isinf(at.event.value):
        return ""
    if at.event.stage == 1:
        return _slope(at)
    if at.name not in GROWING or (at.name == "div" and at.value(1) == 0):
        return ""
    x = at.real(0)
    if at.name in {"lgamma", "digamma"} and (x is None or x <= 0):  # a pole
        return ""
    if (at.name == "pow" and x == 0) or not _all_finite(at):
        return ""
    return (
        f"`{at.text}` is too large for {_dtype(at)}{at.place}{_operands(at)}, and {_range(at)}: "
        f"it becomes {number(at.event.value)}."
    )


def _slope(at: Step) -> str:
    """Tell of a derivative that is too large, of a value that is not."""
    x = at.real(1 if at.name == "div" else 0)
    if x is None or x == 0:
        return ""
    tiny = abs(x) * limits(at.subject.graph.metas[at.event.row].dtype)[1] < 1  # 1/x is infinite
    if not tiny and at.name not in {"div", "sqrt", "rsqrt", "pow", "mul", *EXPONENTIALS}:
        return ""
    if (at.name != "mul" and (at.local is None or np.isfinite(at.local))) or not _all_finite(at):
        return ""
    return (
        f"The derivative of `{at.text}`{at.place}{_operands(at)} is too large for {_dtype(at)}: "
        f"{_range(at)}."
    )


def underflow(at: Step) -> str:
    """Tell of a divisor, or a radicand, that has become 0 because it was too small."""
    slot = 1 if at.name == "div" else 0
    if at.name not in {"div", "sqrt", "rsqrt"} or at.value(slot) != 0:
        return ""
    return _too_small(at, at.form.operands[slot])


def log_of_underflow(at: Step) -> str:
    """Tell of a logarithm of what is above 0, and has become 0."""
    if at.event.stage == 1 or at.name not in {"log", "log2", "log10", "log1p"}:
        return ""
    if at.value(0) != (-1 if at.name == "log1p" else 0) or _is_entropy(at):
        return ""
    return _too_small(at, at.form.operands[0]) or _too_near(at)


def _too_near(at: Step) -> str:
    """Tell of log1p(-p), where p is below 1 and has become 1."""
    row = at.form.operands[0].row
    it = None if row is None else form(at.subject, row)
    if at.name != "log1p" or it is None or it.name != "neg":
        return ""
    if not _is_below_one(at.subject, it.operands[0]):
        return ""
    return (
        f"{at.label(it.operands[0])} is below 1, but has become 1{at.place}; `{at.text}` makes "
        f"{number(at.event.value)} of it."
    )


def _is_entropy(at: Step) -> bool:
    """Say whether it is p·log(p)."""
    found = hider(at) if at.event.then else None
    if found is None or found.how != "product":
        return False
    p, other = at.form.operands[0].row, found.form.operands[1 - found.slot].row
    return p is not None and other is not None and alike(at.subject, p, other)


def _too_small(at: Step, operand: Operand) -> str:
    small = None if operand.row is None else smallest(at.subject, operand.row)
    if small is None:
        return ""
    subject = at.subject
    return (
        f"`{subject.text(small)}` is not 0, but has become 0{turn(subject, small)}"
        f"{_because(subject, small)}; "
        f"`{at.text}`{at.place} takes it as 0 and makes {number(at.event.value)} of it."
    )


def _because(subject: Subject, row: int) -> str:
    """Return why a row is 0: it is below the smallest number, or an operand is infinite."""
    dtype, it = subject.graph.metas[row].dtype, form(subject, row)
    operands = () if it is None else it.operands
    finite = all(x.row is None or np.isfinite(subject.value(x.row)).all() for x in operands)
    given = _operands_of(subject, row)
    if it is None or it.name in {"sub", "add"} or not finite or dtype.name == "bfloat16":
        return given
    smallest_number = float(np.finfo(dtype).smallest_subnormal)
    return f", below the smallest {dtype.name}, {smallest_number:.3g}{given}"


def smallest(subject: Subject, row: int) -> int | None:
    """Return the row at which what is above 0 becomes 0; None where a 0 is one."""
    pending = [row]
    for _ in range(DEEP):
        if not pending:
            return None
        row = pending.pop()
        it = form(subject, row)
        if it is None or not (subject.value(row) == 0).any():
            continue
        rows = [x.row for x in it.operands if x.row is not None]
        if it.name in THROUGH:
            pending += rows
        elif it.name in FACTORS:
            first = rows[:1] if it.name in {"div", "pow"} else rows
            if all(x.number != 0 for x in it.operands) and _underflows(subject, first, row):
                return row
            pending += first
        elif it.name in {"sub", "add"}:  # 1 - sigmoid(x), which rounds to 0; 1 + erf(x)
            one = {x.number for x in it.operands} & {1}
            if one and any(_is_below_one(subject, x) for x in it.operands):
                return row
            pending += rows if it.name == "add" else []
        elif it.name in POSITIVE:
            return row
    return None


def _underflows(subject: Subject, factors: list[int], row: int) -> bool:
    """Say whether a product is 0 somewhere where none of its factors is."""
    lost = subject.value(row) == 0
    it = form(subject, row)
    if it is not None and it.name in {"prod", "cumprod", "norm"}:  # of all elements
        return all(bool((subject.value(i) != 0).all()) for i in factors)
    for i in factors:
        lost = lost & (subject.value(i) != 0)
    return bool(lost.any())


def _is_below_one(subject: Subject, operand: Operand) -> bool:
    it = None if operand.row is None else form(subject, operand.row)
    if it is None:
        return False
    if it.name == "div" and it.operands[1].row is not None:
        below = form(subject, it.operands[1].row)
        return below is not None and below.name == "add"
    if it.name == "pow":
        return _is_below_one(subject, it.operands[0])
    return it.name in {"sigmoid", "tanh", "erf", "softmax", "ndtr", "exp"}


def wider(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Yield formulas that do without large numbers, then the operands in a wider dtype."""
    event = sighting.evidence
    assert isinstance(event, Event), "these kinds are about beginnings"
    at = step(subject, event)
    if at is None:
        return
    yield from rewritings(subject, event.row)
    name, small = subject.graph.metas[event.row].dtype.name, None
    operand = at.form.operands[0]
    if event.stage == 0 and at.value(0) is not None and at.name in {"div", "log"}:
        operand = at.form.operands[1 if at.name == "div" else 0]
        small = None if operand.row is None else smallest(subject, operand.row)
    if small is not None and (inner := form(subject, small)) is not None:
        yield from rewritings(subject, small)
        operand = inner.operands[0]
    cast = {"float16": "float", "bfloat16": "float", "float32": "double"}.get(name)
    if cast is not None and family(subject) in {"", "torch"} and operand.text is not None:
        text = f"{bracketed(text_of(subject, operand))}.{cast}()"
        yield Rewrite((Edit(operand.text.span, text),), "a wider dtype has room for it")
    yield from avoided(subject, sighting)


# ---- words ---------------------------------------------------------------------------------


def _range(at: Step) -> str:
    dtype = at.subject.graph.metas[at.event.row].dtype
    largest = limits(dtype)[1]
    if at.name in {"exp", "cosh", "sinh", "expm1"}:
        return f"{dtype.name} ends at exp({np.log(float(largest)):.5g})"
    return f"{dtype.name} ends at {float(largest):.4g}"


def _dtype(at: Step) -> str:
    return at.subject.graph.metas[at.event.row].dtype.name


def _after(at: Step) -> str:
    """Return what becomes of an infinity: nan, 0, or nothing to be seen in forward."""
    subject, then = at.subject, at.event.then
    nan = next((i for i in then if np.isnan(subject.value(i)).any()), None)
    if nan is not None:
        return f", of which `{subject.text(nan)}` makes nan"
    if at.event.root and at.event.zeros:
        return f", of which `{subject.text(at.event.zeros[0])}` makes 0"
    if not at.event.root and at.event.grads:
        hidden = hider(at)
        by = (
            ""
            if hidden is None or hidden.how == "pick"
            else f" by `{at.subject.text(hidden.form.row)}`"
        )
        return f"; forward gets over it{by}, backward multiplies by it"
    return ""


def _all_finite(at: Step) -> bool:
    subject = at.subject
    for k, x in enumerate(at.form.operands):
        found = at.value(k)
        if found is None and x.row is not None:
            if not np.isfinite(subject.value(x.row)).all():
                return False
        elif found is not None and not np.isfinite(found):
            return False
    return True


def _operands(at: Step) -> str:
    parts = []
    for k, x in enumerate(at.form.operands):
        if x.row is not None and (found := at.value(k)) is not None:
            text = f"{at.label(x)} is {number(found)}"
            parts += [text] if text not in parts else []
    return f" where {' and '.join(parts)}" if parts else _operands_of(at.subject, at.event.row)


def _operands_of(subject: Subject, row: int) -> str:
    """Return what a row was computed from: the size of its operands."""
    it = form(subject, row)
    parts = []
    for x in () if it is None else it.operands:
        if x.row is not None:
            largest = float(np.abs(subject.value(x.row)).max(initial=0.0))
            text = f"`{subject.label(x.row)}` is at most {largest:.6g}"
            if subject.value(x.row).size == 1:
                text = f"`{subject.label(x.row)}` is {number(complex(subject.value(x.row).item()))}"
            parts += [text] if text not in parts else []
    return f" where {' and '.join(parts)}" if parts else ""
