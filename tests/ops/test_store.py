"""Every row against PyTorch: values, shapes, dtypes, names, two orders of gradient, refusals.

What PyTorch gives for the calls of calls.py is stored; make_store.py writes it, and a new call
needs it: `python -m tests.ops.make_store --new`. `differences.txt` has the calls on which the two
differ, under the reason why that is right, or not yet right; `--update-golden` takes off what
agrees, and nothing puts a call on it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gradcli.ops import FUNCTIONS
from tests.ops.calls import DTYPES, ROWS, Call, calls, family, written
from tests.ops.outcomes import FOLDER, Refusal, by_gradcli, by_store, difference, stored

DIFFERENCES = Path(__file__).parent / "differences.txt"
# rows of which no call of the store is accepted: why
UNHELD: dict[str, str] = {}
# rows that are NumPy's: their calls are compared with NumPy
NUMPY = {name for name in FUNCTIONS if name.startswith("np.")}


def listed() -> dict[str, list[str]]:
    """Return the calls of the list of differences by reason."""
    found: dict[str, list[str]] = {}
    reason = ""
    for line in DIFFERENCES.read_text(encoding="utf-8").splitlines():
        if line.startswith("\t"):
            found[reason].append(line[1:])
        elif line:
            reason = line
            assert reason not in found, f"a reason is there twice: {reason}"
            found[reason] = []
    return found


KNOWN = {key for keys in listed().values() for key in keys}


# which agree on one processor and differ on another
BY_ROUNDING = {name for reason in listed() if "matter of rounding" in reason
               for name in listed()[reason]}  # fmt: skip


def name_of(call: Call) -> str:
    return f"{call.row.name}: {call.key}"


def fault(call: Call) -> str | None:
    """Say what differs between gradcli and PyTorch, None where nothing does."""
    expected = by_store(call)
    if expected is None:
        return "it is not in the store: python -m tests.ops.make_store --new"
    try:
        found = by_gradcli(call)
    except Exception as error:  # a crash is what this test is there to find
        return f"it crashes: {error!r}"
    return difference(found, expected)


@pytest.mark.parametrize("name", ROWS)
def test_values_dtypes_names_two_orders_of_gradients_and_refusals_are_pytorchs(name: str) -> None:
    faults = []
    for call in calls(ROWS[name]):
        found, known = fault(call), name_of(call) in KNOWN
        if found is not None and not known:
            faults.append(f"{name_of(call)}: {found}")
        if found is None and known and name_of(call) not in BY_ROUNDING:
            faults.append(f"{name_of(call)} agrees: take it off the list with --update-golden")
    assert faults == [], f"{len(faults)} of {len(calls(ROWS[name]))} calls"


@pytest.mark.parametrize("name", ROWS)
def test_every_row_has_calls_that_pytorch_accepts(name: str) -> None:
    kept = [by_store(call) for call in calls(ROWS[name])]
    held = any(outcome is not None and not isinstance(outcome, Refusal) for outcome in kept)
    assert held != (name in UNHELD)


def test_the_store_and_the_list_of_differences_have_no_call_that_no_row_makes(
    request: pytest.FixtureRequest,
) -> None:
    every = {name_of(call): call for row in ROWS.values() for call in calls(row)}
    if request.config.getoption("--update-golden"):
        return _prune(every)
    assert KNOWN - set(every) == set()
    assert sum(map(len, listed().values())) == len(KNOWN), "a call is there twice"
    assert all(listed().values()), "a reason has no calls left"
    kept = [f"{row}: {key}" for path in FOLDER.iterdir() for row, key in stored(path.stem)]
    assert sorted(kept) == sorted(every)
    assert {path.stem for path in FOLDER.iterdir()} <= set(map(family, ROWS.values()))
    assert len(every) > 17_000
    assert {call.dtype for call in every.values()} == set(DTYPES)
    return None


def _prune(every: dict[str, Call]) -> None:
    """Take off the list what agrees, and what is no call any more."""
    left = {
        reason: [key for key in keys if key in every and fault(every[key]) is not None]
        for reason, keys in listed().items()
    }
    lines = [line for reason, keys in left.items() if keys
             for line in (reason, *(f"\t{key}" for key in keys))]  # fmt: skip
    DIFFERENCES.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_every_call_that_is_written_down_is_of_a_row() -> None:
    assert set(written()) <= set(ROWS)
    assert {row.name for row in FUNCTIONS.values()} == {*ROWS, *NUMPY}
