"""The verdicts, a row each: all that a table, a report, a page and an exit status say of one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


@dataclass(frozen=True, slots=True)
class Level:
    """How much a finding matters to the programs that read it.

    `status` is the exit status; `junit` the element of a test case, `github` the workflow command,
    None where there is none.
    """

    status: int
    junit: str | None = None
    github: str | None = None

    @property
    def good(self) -> bool:
        """Whether nobody has to act."""
        return self.status == 0


FAILURE = Level(1, "failure", "error")
FAULT = Level(2, "error", "error")
UNDECIDED = Level(3, "skipped", "warning")
REMARK = Level(0)
LEFT_OUT = Level(0, "skipped")


@dataclass(frozen=True, slots=True)
class Row:
    """A verdict's looks, its level and its words; a file that gets it, and that file mended."""

    mark: str
    ascii_mark: str
    style: str
    level: Level
    meaning: str
    why: str = ""
    example: str = ""
    mended: str = ""


class Verdict(StrEnum):
    """What a check says of a derivative, a parameter and a file: the worst first.

    The last two are of files alone.
    """

    WRONG = "WRONG", Row(
        "✗", "x", "bold red", FAILURE,
        "it differs by more than the error bar and the tolerance",
        "The derivative exists, the differences have settled on it, and the gradient is another "
        "number, or none. Either the rule of an operation is wrong, or the gradient is made of "
        "numbers that are not finite.",
        "w = param(0.)\ny = w*sqrt(w)",
        "w = param(1.)\ny = w*sqrt(w)",
    )  # fmt: skip
    ERROR = "ERROR", Row(
        "!", "!", "bold red", FAULT,
        "the file cannot be run",
    )  # fmt: skip
    NOISY = "NOISY", Row(
        "?", "?", "magenta", UNDECIDED,
        "undecided: each step is too large for the function or too small for round-off; "
        "--digits 50 may decide",
        "Large terms cancel, or the function changes within the last digits of its argument: "
        "double precision does not tell. The note says which. `--digits 50` computes function "
        "and derivative to 50 digits; a node before large terms come in (`--of NODE`) and a point "
        "of ordinary size show more.",
        "w = param(1e-8)\ny = 1e12 + w*abs(w)",
        "w = param(1e-8)\ny = 1 + 1e12*w*abs(w)",
    )  # fmt: skip
    DOMAIN = "DOMAIN", Row(
        "|", "|", "yellow", REMARK,
        "the function is not defined here, or on one side only",
        "The point lies at the edge of an operation's domain or beyond it. A gradient that is nan "
        "or infinite there makes the exit status 1, unless `--allow-nonfinite` is given.",
        "w = param(0.)\ny = sqrt(w)",
        "w = param(0.5)\ny = sqrt(w)",
    )  # fmt: skip
    KINK = "KINK", Row(
        "∧", "^", "yellow", REMARK,
        "an operation has a corner, a tie or a jump here, and a convention picks the gradient",
        "The derivatives of the two sides differ and the gradient lies between them, or several "
        "operations have their corners here and what their conventions add up to is no slope of "
        "either side. The note names the operations and PyTorch's conventions; close by the "
        "gradient is right.",
        "w = param(0.)\ny = relu(w)",
        "w = param(0.5)\ny = relu(w)",
    )  # fmt: skip
    CUT = "CUT", Row(
        "∅", "0", "cyan", REMARK,
        "no gradient flows, and what is cut off is held at its value",
        "`detach`, `no_grad`, an index or an operation without a derivative stands between the "
        "parameter and what is differentiated. `--through-detach` compares with differences that "
        "see through it.",
        "w = param(2.)\ny = (w*3).detach()*2 + param(1.)",
        "w = param(2.)\ny = (w*3)*2 + param(1.)",
    )  # fmt: skip
    RECORDED = "RECORDED", Row(
        "◦", "o", "cyan", REMARK,
        "recorded, not checked: it comes through an operation of which only the record is known",
        "An `opaque` row stands between the parameter and what is differentiated. Its gradient is "
        "what the recorded run has given, and differences see the same: what agrees is the way to "
        "it and from it. Write the operation out to have it checked.",
        'w = param(2.)\ny = opaque("MySquare", w, value=4., jacobians=(4.,)) * 3',
        "w = param(2.)\ny = w**2 * 3",
    )  # fmt: skip
    OK = "OK", Row(
        "✓", "+", "green", REMARK,
        "the gradient agrees with the differences",
    )  # fmt: skip
    SKIPPED = "SKIPPED", Row(
        "–", "-", "dim", LEFT_OUT,
        "the file needs inputs, and was found by walking a folder",
    )  # fmt: skip

    row: Row
    rank: int  # its place in the order, 0 the worst

    def __new__(cls, name: str, row: Row) -> Self:
        """Make a member: a string with a row."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.row, member.rank = row, len(cls.__members__)
        return member

    @property
    def level(self) -> Level:
        """How much it matters by itself."""
        return self.row.level

    def mark(self, ascii_only: bool) -> str:
        """Return its mark for a console."""
        return self.row.ascii_mark if ascii_only else self.row.mark


OF_A_DERIVATIVE = tuple(v for v in Verdict if v not in (Verdict.ERROR, Verdict.SKIPPED))
