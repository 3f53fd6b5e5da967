"""What hides a value from forward, but not its derivative from backward: a mask, a choice, a 0."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gradcli.diagnose.findings import Index
from gradcli.diagnose.nonfinite.forms import Form, form, users
from gradcli.diagnose.nonfinite.steps import Step
from gradcli.diagnose.subject import Subject

FAR = 12  # operations on which an element is followed
CUTS = {"clamp", "relu", "maximum", "minimum", "hardtanh", "relu6", "threshold", "nan_to_num",
        "fmax", "fmin", "sgn", "sign", "floor", "clamp_min", "clamp_max"}  # fmt: skip
PICKS = {"_index", "select", "slice", "index_select", "masked_select", "narrow", "gather", "take",
         "_slice", "max", "min", "amax", "amin", "split", "topk", "median", "nansum", "nanmean",
         "prod"}  # fmt: skip
FILLS = {"_index_put", "_copy_slices", "index_fill", "masked_scatter", "scatter"}


class Hider(NamedTuple):
    """The row that hides an element, in which of its operands, and how.

    `how` is "where", "masked_fill", "product" (with 0), "cut" (a clamp), "pick" (others are taken)
    or "fill" (it is written over).
    """

    how: str
    form: Form
    slot: int


def hider(step: Step) -> Hider | None:
    """Return what hides the element with which something begins; None where nothing does."""
    subject, following = step.subject, users(step.subject)
    pending: list[tuple[int, Index | None]] = [(step.event.row, step.event.inner)]
    seen = {step.event.row}
    for _ in range(FAR * 4):
        if not pending:
            return None
        row, index = pending.pop(0)
        for user in following.get(row, ()):
            if user in seen or (it := form(subject, user)) is None:
                continue
            seen.add(user)
            slots = [k for k, x in enumerate(it.operands) if x.row == row]
            if not slots and subject.graph.inputs[user][:1] == (row,):
                slots = [0]
            for slot in slots:
                how = _how(subject, it, slot, index)
                if how:
                    return Hider(how, it, slot)
            pending.append((user, _same_place(subject, user, row, index)))
    return None


def _same_place(subject: Subject, user: int, row: int, index: Index | None) -> Index | None:
    metas = subject.graph.metas
    return index if metas[user].shape == metas[row].shape else None


def _how(subject: Subject, it: Form, slot: int, index: Index | None) -> str:
    match it.name:
        case "where" if slot:
            taken = _element(subject, it.operands[0].row, it.row, index)
            return "where" if taken is None or bool(taken) == (slot == 2) else ""
        case "masked_fill":
            mask = _element(subject, it.operands[1].row, it.row, index)
            return "masked_fill" if mask is None or bool(mask) else ""
        case "mul" if len(it.operands) == 2:
            other = it.operands[1 - slot]
            if other.row is None:
                return "product" if other.number == 0 else ""
            found = _element(subject, other.row, it.row, index)
            return "product" if found == 0 else ""
        case "dot" | "vdot" if index is not None:
            factor = it.operands[1 - slot].row
            return "product" if factor is not None and subject.value(factor)[index] == 0 else ""
    if it.name in CUTS:
        return "cut"
    if it.name in FILLS:
        return "fill" if slot == 0 else ""
    return "pick" if it.name in PICKS else ""


def _element(subject: Subject, row: int | None, of: int, index: Index | None) -> complex | None:
    """Return the element of an operand beside one; None where it is not known."""
    shape = subject.graph.metas[of].shape
    if row is None or index is None or len(index) != len(shape):
        return None
    return complex(np.broadcast_to(subject.value(row), shape)[index])
