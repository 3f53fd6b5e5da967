"""The rows of findings about values and gradients that are nan or infinite.

The last rows have a word for whatever no other row knows.
"""

from __future__ import annotations

from gradcli.diagnose.findings import Group, Kind, Severity
from gradcli.diagnose.nonfinite.elementary import KINDS as ELEMENTARY
from gradcli.diagnose.nonfinite.events import Event
from gradcli.diagnose.nonfinite.kinds import where
from gradcli.diagnose.nonfinite.structured import HIDDEN
from gradcli.diagnose.nonfinite.structured import KINDS as STRUCTURED
from gradcli.diagnose.nonfinite.told import at, number, operands
from gradcli.diagnose.subject import Subject


def _given(subject: Subject, event: Event) -> str:
    if not event.given:
        return ""
    label, more = subject.label(event.at), f", and {event.count - 1:,} more"
    return (
        f"`{label}` is {number(event.value)}{at(event.index)} from the start"
        f"{more if event.count > 1 else ''}."
    )


def _value(subject: Subject, event: Event) -> str:
    if event.stage == 1:
        return ""
    label = subject.label(event.at)
    return f"`{label}` is {number(event.value)}{at(event.index)}{operands(subject, event)}."


def _gradient(subject: Subject, event: Event) -> str:
    if event.edge is None:
        return ""
    label = subject.label(event.at)
    return (
        f"The derivative of `{subject.text(event.row)}` by `{label}` makes the gradient "
        f"{number(event.value)}{at(event.index)}{operands(subject, event)}."
    )


KINDS = (
    *STRUCTURED,
    *ELEMENTARY,
    *HIDDEN,
    Kind(
        "nonfinite-input", Group.NONFINITE, Severity.ERROR,
        "nan or infinity in the data",
        "A number that is not finite comes in with the data, or is written in the file, and "
        "reaches what is differentiated.",
        "look at the data: x[isfinite(x)], nan_to_num, or a mask",
        "x = tensor([1.0, nan])\nw = param(2.0)\nloss = sum(w*x)",
        where(_given),
    ),
    Kind(
        "nonfinite-value", Group.NONFINITE, Severity.ERROR,
        "a value that is not finite",
        "An operation gives nan or infinity for finite operands.",
        "keep the operand inside the operation's domain",
        "w = param(0.0)\nloss = lgamma(w)",
        where(_value),
    ),
    Kind(
        "nonfinite-gradient", Group.NONFINITE, Severity.ERROR,
        "a gradient that is not finite",
        "The derivative of an operation is infinite at a point where its value is finite.",
        "keep away from that point, or write a function that is smooth there",
        "w = param(0.0)\nloss = igamma(tensor(0.5), w)",
        where(_gradient),
    ),
)  # fmt: skip
