"""What of a run is recorded, and how much of its data is kept."""

from __future__ import annotations

from dataclasses import dataclass

from gradcli.errors import InputFault

DATA = ("none", "small", "all")
LEAF, TRUTH = 1 << 20, 4096  # elements of a leaf, and of a row's own value and gradient: "small"
ROWS = 10_000


@dataclass(frozen=True)
class Settings:
    """How to record.

    `first` and `last` are the steps that are recorded, counted from 1; `last` None: to the end.
    `on_nan` keeps the last step alone, and ends at the first whose loss or gradient is not finite.
    `data` says which values are kept: "none", "small" ones or "all". `verify` holds the gradients
    of opaque rows against differences.
    """

    first: int = 1
    last: int | None = None
    on_nan: bool = False
    max_rows: int = ROWS
    data: str = "small"
    verify: bool = False

    def keeps(self, elements: int, *, truth: bool) -> bool:
        """Say whether a value of so many elements is kept: of a leaf, or of the truth."""
        if self.data == "small":
            return elements <= (TRUTH if truth else LEAF)
        return self.data == "all"


def settings(
    step: int | None = None,
    steps: str | None = None,
    on_nan: bool = False,
    max_rows: int = ROWS,
    save_data: str = "small",
    verify: bool = False,
) -> Settings:
    """Return settings from values as people give them; `steps` is `A:B`, both of them recorded.

    Raises: InputFault.
    """
    if sum((step is not None, steps is not None, on_nan)) > 1:
        raise InputFault("--step, --steps and --on-nan exclude each other", hint="give one of them")
    if save_data not in DATA:
        raise InputFault(f"--save-data {save_data} is not known", hint=f"one of {', '.join(DATA)}")
    first, last = (1, None) if step is None else (step, step)
    if steps is not None:
        begin, sign, end = steps.partition(":")
        numbers = [x for x in (begin, end) if x]
        if not sign or not all(x.isdecimal() for x in numbers):
            raise InputFault(f"--steps {steps} is no range", hint="--steps 3:5, 3: or :5")
        first, last = int(begin or 1), int(end) if end else None
    if first < 1 or (last is not None and last < first) or max_rows < 1:
        raise InputFault("steps and rows are counted from 1", hint="--steps 1:3 is the first three")
    return Settings(first, last, on_nan, max_rows, save_data, verify)
