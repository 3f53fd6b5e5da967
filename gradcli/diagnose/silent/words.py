"""Numbers and places of stopped gradients in words."""

from __future__ import annotations

from gradcli.diagnose.subject import Subject
from gradcli.rule.dtypes import Array


def dead(subject: Subject, row: int, operand: int) -> str:
    """Return in words that a rectifier is off everywhere."""
    given = subject.value(operand)
    below = "below 0" if (given < 0).all() else "at most 0"
    verb = "is" if given.size == 1 else "are"
    return (
        f"{every(given)} of `{subject.label(operand)}` {verb} {below} ({spread(given)}), where "
        f"{call(subject, row)} is 0 and has the slope 0"
    )


def spread(value: Array) -> str:
    """Return an array's numbers in words: `-3`, or `from -3 to -1`."""
    if not value.size:
        return "empty"
    least, most = value.min(), value.max()
    return f"{least:.4g}" if least == most else f"from {least:.4g} to {most:.4g}"


def every(value: Array) -> str:
    """Return `all 4 elements`, as many as an array has."""
    if value.size == 1:
        return "the only element"
    return "both elements" if value.size == 2 else f"all {value.size:,} elements"


def everywhere(value: Array) -> str:
    """Return ` in all 4 elements`, nothing for a single one."""
    return "" if value.size == 1 else f" in all {value.size:,} elements"


def call(subject: Subject, row: int) -> str:
    """Return the piece of the file that made a row, as code."""
    return f"`{subject.text(row)}`"
