"""Operations at points where they have no value, or no derivative: roots, powers, logs, inverses.

Each function says in words what a beginning is, "" where it is something else.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradcli.diagnose.nonfinite.events import Event
from gradcli.diagnose.nonfinite.forms import Operand, form
from gradcli.diagnose.nonfinite.hiding import Hider, hider
from gradcli.diagnose.nonfinite.steps import Step, step
from gradcli.diagnose.nonfinite.told import number
from gradcli.diagnose.subject import Subject

ROOTS, LOGS = {"sqrt", "rsqrt"}, {"log", "log2", "log10"}
INVERSES = {"acos": (-1, 1), "asin": (-1, 1), "atanh": (-1, 1), "erfinv": (-1, 1),
            "acosh": (1, np.inf), "logit": (0, 1), "ndtri": (0, 1)}  # fmt: skip
LAYOUT = {"view", "squeeze", "unsqueeze", "permute", "_to_copy"}
PRODUCTS = {"mm", "matmul", "bmm", "linear", "addmm"}
SUMS = {"sum", "mean", "add", "dot", "vdot"}

Words = Callable[[Step], str]


def about(words: Words) -> Callable[[Subject, Event], str]:
    """Return a match on beginnings of what has words for the numbers of one."""

    def match(subject: Subject, event: Event) -> str:
        at = step(subject, event)
        return "" if at is None else words(at)

    return match


# ---- what is hidden from forward -----------------------------------------------------------


def masked_branch(at: Step) -> str:
    """Tell of a derivative that is not finite, where the gradient 0 arrives."""
    event = at.event
    if at.arriving != 0 or event.root or at.local is None or np.isfinite(at.local):
        return ""
    found = hider(at)
    if found is None or (event.stage == 0 and found.how == "product"):
        return ""
    if found.how == "product" and _is_factor(at.subject, found):
        return ""
    return (
        f"{_hiding(at, found)}, so that 0 arrives there in backward; the derivative of "
        f"`{at.text}` is {number(at.local)}{_given(at)}, and 0 · {number(at.local)} is nan."
    )


def _is_factor(subject: Subject, found: Hider) -> bool:
    """Say whether what multiplies by 0 is a function of a parameter, and not a mask."""
    other = found.form.operands[1 - found.slot].row
    return other is not None and subject.graph.requires_grad[other]


def _hiding(at: Step, found: Hider) -> str:
    value = number(complex(at.subject.value(at.event.row)[at.event.inner or ()]))
    what = f"`{at.text}`, {value}{at.place},"
    return f"{what} is {_how(found)} by `{at.subject.text(found.form.row)}`"


def _how(found: Hider) -> str:
    return {"product": "multiplied by 0", "fill": "written over", "pick": "not taken"}.get(
        found.how, "hidden"
    )


def zero_times_log(at: Step) -> str:
    """Tell of a logarithm of 0, multiplied by 0."""
    found = _product(at)
    if found is None or at.name not in LOGS | {"log1p"}:
        return ""
    other = found.form.operands[1 - found.slot]
    return (
        f"`{at.text}` is {number(at.event.value)}{at.place}{_given(at)}, and "
        f"{at.label(other)} is 0 there: 0 · {number(at.event.value)} is nan in "
        f"`{at.subject.text(found.form.row)}`, though x·log x goes to 0."
    )


def entropy_at_zero(at: Step) -> str:
    """Tell of x·log x at 0, whose value is 0 and whose slope is not."""
    slot = 1 if at.name == "xlogy" else 0
    if at.name not in {"xlogy", "entr"} or at.event.stage == 0 or at.value(slot) != 0:
        return ""
    return (
        f"`{at.text}` is 0{at.place}, where {at.label(at.form.operands[slot])} is 0, but its "
        f"derivative has a log 0 or a 0/0 in it: {number(at.event.value)}."
    )


def zero_times_infinity(at: Step) -> str:
    """Tell of an infinity, multiplied by 0."""
    if at.event.is_nan and at.event.stage == 0 and at.name == "mul":
        a, b = at.value(0), at.value(1)
        if {a == 0, b == 0} == {True, False}:
            return (
                f"{at.label(at.form.operands[0])} is {number(a or 0)} and "
                f"{at.label(at.form.operands[1])} is {number(b or 0)}{at.place}: "
                "0 · inf is nan."
            )
    found = _product(at)
    if found is None:
        return ""
    other = found.form.operands[1 - found.slot]
    return (
        f"`{at.text}` is {number(at.event.value)}{at.place}{_given(at)}, and "
        f"{at.label(other)}, which is 0 there, does not take it out: 0 · "
        f"{number(at.event.value)} is nan in `{at.subject.text(found.form.row)}`."
    )


def _product(at: Step) -> Hider | None:
    """Return the product with 0 that makes nan of an infinity."""
    if at.event.stage == 1 or not at.event.then:
        return None
    found = hider(at)
    return found if found is not None and found.how == "product" else None


# ---- roots and powers ----------------------------------------------------------------------


def norm_of_zero(at: Step) -> str:
    """Tell of the root of a sum of squares, all 0."""
    if at.event.stage == 0:
        return ""
    if at.name == "hypot" and at.value(0) == 0 == at.value(1):
        return (
            f"`{at.text}` is the length of (0, 0){at.place}: its derivative a/hypot(a, b) is 0/0, "
            "nan."
        )
    if at.name != "sqrt" or at.value(0) != 0:
        return ""
    if is_distance(at.subject, at.form.operands[0]):
        return (
            f"`{at.text}` is the distance of two points that are equal{at.place}, by "
            "|a|² + |b|² - 2·a·b: the derivative of the root is 1/(2·sqrt(0)) = inf, and inf - inf "
            "in the gradients of the points is nan."
        )
    if not is_squares(at.subject, at.form.operands[0]):
        return ""
    return (
        f"`{at.text}` is the root of a sum of squares that are all 0{at.place}: the derivative of "
        f"the root is 1/(2·sqrt(0)) = inf, that of the squares 0, and inf · 0 is nan."
    )


def is_squares(subject: Subject, operand: Operand) -> bool:
    """Say whether an operand is a sum of squares, or a square."""
    if operand.row is None or (it := form(subject, operand.row)) is None:
        return False
    if it.name in LAYOUT:
        return is_squares(subject, it.operands[0])
    if it.name in {"dot", "vdot", "bmm", "mm"}:  # of something with itself
        return _laid_out(subject, it.operands[0]) == _laid_out(subject, it.operands[1])
    if it.name == "pow":
        return it.operands[1].number == 2
    if it.name == "add":
        return all(is_squares(subject, x) for x in it.operands[:2])
    return it.name in SUMS and is_squares(subject, it.operands[0])


def is_distance(subject: Subject, operand: Operand) -> bool:
    """Say whether an operand is |a|² + |b|² - 2·a·b, of the rows of matrices."""
    pending, squares, products = [operand], 0, 0
    while pending:
        x = pending.pop()
        it = None if x.row is None else form(subject, x.row)
        if it is None:
            continue
        if it.name in PRODUCTS:
            products += 1
        elif it.name in LAYOUT | {"add", "sub", "mul", "_index", "expand"}:
            pending += it.operands[:2]
        elif it.name.startswith("diagonal") or is_squares(subject, x):  # of a product, a·a
            squares += 1
    return squares == 2 and products == 1


def _laid_out(subject: Subject, operand: Operand) -> int | None:
    """Return the row whose elements an operand has, in another layout."""
    row = operand.row
    while row is not None and (it := form(subject, row)) is not None and it.name in LAYOUT:
        row = it.operands[0].row
    return row


def root_of_zero(at: Step) -> str:
    """Tell of a root, or a power below 1, at 0."""
    if at.event.stage == 0 or at.value(0) != 0 or _by_exponent(at):
        return ""
    power = _power(at)
    if power is None or not 0 < power < 1:
        return ""
    return (
        f"{at.label(at.form.operands[0])} is 0{at.place}: the derivative of "
        f"`{at.text}` there is {power:g}·0^({power - 1:g}) = inf, and the gradient becomes "
        f"{number(at.event.value)}."
    )


def root_of_negative(at: Step) -> str:
    """Tell of a root, or a fractional power, of a negative number."""
    base, power = at.real(0), _power(at)
    if at.event.stage == 1 or not at.event.is_nan or base is None or base >= 0 or power is None:
        return ""
    if power == int(power):
        return ""
    first = at.form.operands[0]
    is_ = "" if first.row is None else f"{at.label(first)} is {base:.6g} there, and "
    return f"`{at.text}` is nan{at.place}: {is_}a negative number has no real power {power:.6g}."


def power_by_exponent(at: Step) -> str:
    """Tell of a power, differentiated by its exponent, where the base has no logarithm."""
    base = at.real(0)
    if at.event.stage == 0 or not _by_exponent(at) or base is None or base > 0:
        return ""
    return (
        f"The derivative of `{at.text}` by its exponent is `{at.text}`·log(base){at.place}, and "
        f"log({base:.6g}) is {'-inf' if base == 0 else 'nan'}."
    )


def _by_exponent(at: Step) -> bool:
    edge, operands = at.event.edge, at.form.operands
    if at.name != "pow" or edge is None or operands[1].row is None:
        return False
    return edge.operand == operands[1].row and edge.slot == (
        1 if operands[0].row is not None else 0
    )


def _power(at: Step) -> float | None:
    if at.name in ROOTS:
        return 0.5 if at.name == "sqrt" else -0.5
    return at.real(1) if at.name == "pow" else None


# ---- logarithms ----------------------------------------------------------------------------


def log_of_zero(at: Step) -> str:
    """Tell of a logarithm at 0."""
    edge = -1 if at.name == "log1p" else 0
    if at.name not in LOGS | {"log1p"} or at.value(0) != edge:
        return ""
    return (
        f"`{at.text}` is {number(at.event.value)}{at.place}: "
        f"{at.label(at.form.operands[0])} is {edge} there."
        if at.event.stage == 0
        else f"The derivative of `{at.text}`{at.place} is 1/0: "
        f"{at.label(at.form.operands[0])} is {edge} there."
    )


def log_of_negative(at: Step) -> str:
    """Tell of a logarithm below its domain."""
    edge, x = -1 if at.name == "log1p" else 0, at.real(0)
    if at.name not in LOGS | {"log1p"} or x is None or not x < edge or at.event.stage == 1:
        return ""
    return (
        f"`{at.text}` is nan{at.place}: {at.label(at.form.operands[0])} is {x:.6g} there, below "
        f"{edge}."
    )


# ---- inverse functions ---------------------------------------------------------------------


def inverse_at_edge(at: Step) -> str:
    """Tell of an inverse function at the end of its domain, where its slope is infinite."""
    x = at.real(0)
    if at.name not in INVERSES or x is None or x not in INVERSES[at.name]:
        return ""
    what = "value" if at.event.stage == 0 else "slope"
    return (
        f"{at.label(at.form.operands[0])} is {x:.6g}{at.place}, the end of the domain of "
        f"{at.name}: the {what} of `{at.text}` is {number(at.event.value)} there."
    )


def inverse_outside(at: Step) -> str:
    """Tell of an inverse function outside its domain."""
    x = at.real(0)
    if at.name not in INVERSES or x is None or not at.event.is_nan or at.event.stage == 1:
        return ""
    low, high = INVERSES[at.name]
    if low <= x <= high:
        return ""
    over = x - high if x > high else low - x
    return (
        f"`{at.text}` is nan{at.place}: {at.label(at.form.operands[0])} is {x:.17g} there, "
        f"{over:.3g} outside [{low:g}, {high:g}]."
    )


def _given(at: Step) -> str:
    """Return what the operation was given, in words."""
    parts = []
    for k, operand in enumerate(at.form.operands):
        if operand.row is not None and (x := at.value(k)) is not None:
            text = f"{at.label(operand)} is {number(x)}"
            parts += [text] if text not in parts else []
    return f" where {' and '.join(parts)}" if parts else ""
