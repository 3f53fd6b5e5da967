"""Rewritings of an operation at a point where it is singular: a safe operand, or another value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from gradcli.diagnose.findings import Rewrite, Sighting
from gradcli.diagnose.nonfinite.events import Event
from gradcli.diagnose.nonfinite.forms import Form, Operand, bare, form
from gradcli.diagnose.nonfinite.hiding import Hider, hider
from gradcli.diagnose.nonfinite.patterns import edit, replaced, rewritings, text_of
from gradcli.diagnose.nonfinite.spelling import bracketed, compared, family, filled
from gradcli.diagnose.nonfinite.steps import Step, step
from gradcli.diagnose.subject import Subject
from gradcli.errors import Span
from gradcli.syntax import tree


class Domain(NamedTuple):
    """Where a function is smooth, a number from there, and a clamp to it.

    `x` is the operand in that slot, `y` the one after it, `e` a small number.
    """

    condition: str
    safe: str = "1.0"
    low: str | None = None
    high: str | None = None
    slot: int = 0


_POSITIVE = Domain("x > 0", "1.0", "e")
_BETWEEN = Domain("abs(x) < 1", "0.0", "-1 + e", "1 - e")
_PLANE = Domain("abs(x) + abs(y) > 0")
DOMAINS: Mapping[str, Domain] = {
    **dict.fromkeys(
        ("sqrt", "rsqrt", "log", "log2", "log10", "entr", "lgamma", "digamma"), _POSITIVE
    ),
    "pow": _POSITIVE,
    "hypot": _PLANE,
    "xlogy": Domain("x > 0", "1.0", "e", slot=1),
    "div": Domain("x != 0", "1.0", "e", slot=1),
    "log1p": Domain("x > -1", "0.0", "-1 + e"),
    **dict.fromkeys(("acos", "asin", "atanh", "erfinv"), _BETWEEN),
    "acosh": Domain("x > 1", "2.0", "1 + e"),
    **dict.fromkeys(("logit", "ndtri"), Domain("(x > 0) & (x < 1)", "0.5", "e", "1 - e")),
    **dict.fromkeys(("exp", "expm1", "cosh", "sinh"), Domain("abs(x) < 80", "0.0", None, "80.0")),
}
SMALL = {"float64": "1e-12", "float32": "1e-6", "float16": "1e-3", "bfloat16": "1e-2"}
EDGE = {"float64": "1e-7", "float32": "1e-6", "float16": "1e-3", "bfloat16": "1e-2"}
TINY = {"float64": "1e-300", "float32": "1e-37", "float16": "6e-8", "bfloat16": "1e-37"}
SAFE = "the operand is safe where its result is not used"


def _condition(at: Step, domain: Domain) -> str | None:
    """Return the text of where an operation is smooth."""
    texts = {"x": text_of(at.subject, at.form.operands[domain.slot])}
    if len(at.form.operands) > domain.slot + 1:
        texts["y"] = text_of(at.subject, at.form.operands[domain.slot + 1])
    return filled(at.subject, domain.condition, texts)


def hidden(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Yield what keeps a hidden element out of the operation's singular points."""
    at = _step(subject, sighting)
    if at is None or (domain := _domain(at)) is None:
        return
    operand, found = at.form.operands[domain.slot], hider(at)
    span = None if operand.text is None else operand.text.span
    if span is None:
        return
    x = text_of(subject, operand)
    if found is not None and found.how == "pick":
        yield from _picked_first(at, found, x, span)
    for condition, kept in _conditions(at, found, domain):
        text = "where(c, x, s)" if kept else "where(c, s, x)"
        yield from _replaced(subject, span, text, {"c": condition, "x": x, "s": domain.safe}, SAFE)
    yield from rewritings(subject, at.event.row)
    if found is not None and found.how == "cut":
        yield from _instead_of_cut(at, found, domain, x, span)
    yield from clamped(at, domain, x, span, TINY)


def _conditions(at: Step, found: Hider | None, domain: Domain) -> Iterator[tuple[str, bool]]:
    """Yield conditions, and whether the element is kept where they hold."""
    if found is not None:
        slot = {"where": 0, "masked_fill": 1, "product": 1 - found.slot}.get(found.how)
        if slot is not None:
            mask = found.form.operands[slot]
            kept = found.how == "product" or (found.how == "where" and found.slot == 1)
            for text, is_bool in _masks(at.subject, mask):
                yield text if is_bool else f"{compared(text)} != 0", kept
    own = _condition(at, domain)
    if own is not None:
        yield own, True


def _masks(subject: Subject, mask: Operand) -> Iterator[tuple[str, bool]]:
    """Yield the texts of a mask, where it is used and where it is made, and whether it is bool."""
    graph = subject.graph
    if mask.row is None:
        return
    yield text_of(subject, mask), graph.metas[mask.row].dtype.kind == "b"
    row = mask.row
    op = graph.ops[row]
    if op is not None and op.name == "_to_copy":
        row = graph.inputs[row][0]
    if graph.metas[row].dtype.kind == "b":
        made = subject.expression(subject.span(row))
        yield subject.written((bare(made) or made).span if made else subject.span(row)), True


def _picked_first(at: Step, found: Hider, x: str, span: Span) -> Iterator[Rewrite]:
    """Yield what picks the elements before the operation and not after it."""
    whole, inner = found.form.whole, at.form.whole
    if not isinstance(whole, tree.Subscript) or inner is None:
        return
    if (bare(whole.value) or whole.value).span != (bare(inner) or inner).span:
        return
    subject = at.subject
    index = subject.written(Span(whole.value.span.end, whole.span.end))
    before = subject.written(Span(inner.span.start, span.start))
    after = subject.written(Span(span.end, inner.span.end))
    text = f"{before}{bracketed(x)}{index}{after}"
    yield Rewrite((edit(subject, whole.span, text),), "the elements are taken first")


def _instead_of_cut(
    at: Step, found: Hider, domain: Domain, x: str, span: Span
) -> Iterator[Rewrite]:
    """Yield what has the value that a clamp or nan_to_num leaves, without the singular point."""
    subject, cut, inner = at.subject, found.form.whole, at.form.whole
    condition = _condition(at, domain)
    row = found.form.row
    if cut is None or inner is None or condition is None or at.event.inner is None:
        return
    shape = subject.graph.metas[row].shape
    if shape != at.shape:
        return
    value = float(np.real(subject.value(row)[at.event.inner]))
    safe = filled(subject, "where(c, x, s)", {"c": condition, "x": x, "s": domain.safe})
    if safe is not None:
        text = replaced(subject, cut.span, [(span, safe)])
        yield from _replaced(subject, cut.span, "where(c, y, v)",
                             {"c": condition, "y": text, "v": repr(value)}, SAFE)  # fmt: skip


def avoided(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Yield the stable formula where there is one; else the operation with its point left out."""
    at = _step(subject, sighting)
    if at is None:
        return
    if at.arriving == 0 and hider(at) is not None:
        yield from hidden(subject, sighting)
    yield from rewritings(subject, at.event.row)
    if (domain := _domain(at)) is None:
        return
    operand = at.form.operands[domain.slot]
    if operand.text is None:
        return
    x, span = text_of(subject, operand), operand.text.span
    if at.event.stage == 1 and at.form.name not in EDGES:
        yield from left_out(at, domain, x, span)
    yield from clamped(at, domain, x, span, EDGE if at.form.name in EDGES else SMALL)
    if domain.low == "e":  # values close by may be too much changed by the first
        yield from clamped(at, domain, x, span, {**SMALL, "float32": SMALL["float64"]})
    if at.event.stage == 0 and at.form.name in {"div", "pow", "rsqrt"} and not _is_root(at):
        yield from left_out(at, domain, x, span)


def _is_root(at: Step) -> bool:
    """Say whether it is a fractional power of a negative number."""
    base = at.real(0)
    return at.form.name != "div" and (base is None or base < 0)


EDGES = {"acos", "asin", "atanh", "acosh", "erfinv", "logit", "ndtri"}


def left_out(at: Step, domain: Domain, x: str, span: Span) -> Iterator[Rewrite]:
    """Yield the operation where it is smooth, and its value elsewhere, with the gradient 0."""
    subject, whole = at.subject, at.form.whole
    condition = _condition(at, domain)
    if whole is None or condition is None or at.event.inner is None:
        return
    value = float(np.real(np.asarray(subject.value(at.event.row))[at.event.inner]))
    value = value if np.isfinite(value) else 0.0
    safe = filled(subject, "where(c, x, s)", {"c": condition, "x": x, "s": domain.safe})
    if safe is not None:
        text = replaced(subject, whole.span, [(span, safe)])
        yield from _replaced(subject, whole.span, "where(c, y, v)",
                             {"c": condition, "y": text, "v": repr(value)},
                             f"{value:g} with the gradient 0 at that point")  # fmt: skip


def clamped(
    at: Step, domain: Domain, x: str, span: Span, small: Mapping[str, str]
) -> Iterator[Rewrite]:
    """Yield the operand kept away from the edge of the domain by a small number."""
    subject = at.subject
    row = at.form.operands[domain.slot].row
    inside = None if row is None else form(subject, row)
    if inside is not None and inside.name == "clamp" and inside.whole is not None:
        whole = bare(at.form.operands[domain.slot].text)
        if whole is not None and whole.span == inside.whole.span:  # one clamp is enough
            x = text_of(subject, inside.operands[0])
    e = small.get(subject.graph.metas[at.event.row].dtype.name, "1e-6")
    low, high = (None if t is None else t.replace("e", e) for t in (domain.low, domain.high))
    if low is None:
        return
    if low.startswith("-1 + ") and float(e) > 1e-20:
        low = f"-1 + {e}"
    texts = {"x": x, "a": low, "b": high or ""}
    if family(subject) in {"jax", "numpy"}:
        template = "clamp(x, a, b)" if high else "maximum(x, a)"
    else:
        template = "clamp(x, min=a, max=b)" if high else "clamp(x, min=a)"
    yield from _replaced(subject, span, template, texts, "the operand stays off the edge")


def _replaced(
    subject: Subject, span: Span, template: str, texts: Mapping[str, str], why: str
) -> Iterator[Rewrite]:
    text = filled(subject, template, texts)
    if text is not None:
        yield Rewrite((edit(subject, span, text),), why)


def _step(subject: Subject, sighting: Sighting) -> Step | None:
    event = sighting.evidence
    assert isinstance(event, Event), "these kinds are about beginnings"
    return step(subject, event)


def _domain(at: Step) -> Domain | None:
    """Return where the operation is smooth, by the operand at which it is not."""
    form: Form = at.form
    domain = DOMAINS.get(form.name)
    if domain is None or domain.slot >= len(form.operands):
        return None
    if form.name == "pow":
        power = form.operands[1].number
        if isinstance(power, int | float) and power < 0:
            return Domain("x != 0", "1.0", "e")
    return domain
