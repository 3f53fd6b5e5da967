"""Write refusals.json: what PyTorch says of the wrong calls that it refuses.

Run it in the checkout with PyTorch 2.13: `python -m tests.reference.make_refusals`. The calls are
those of `tests/ops/wrong_calls.py`. Of those of one row that are wrong in the same place, and of
which PyTorch says the same but for numbers, one is kept. Each is run in a process that may die.
"""

from __future__ import annotations

import json
import re
import warnings
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from gradcli.ops import FUNCTIONS, Row
from tests.ops.wrong_calls import PROGRAMS, WRITTEN, leaves, right_calls, wrong_calls

FILE = Path(__file__).parent / "refusals.json"
ABOUT = (
    "PyTorch 2.13.0 (CPU), float64: the class and the first line of its error, by operation and "
    "call. v, M and the like are those of tests/ops/wrong_calls.py."
)
SECONDS = 20

# not a sentence about the call: Python or a library stumbled, and whoever asked did not
ACCIDENTS = re.compile(
    r"AttributeError|NameError|KeyError|AssertionError: $|UnboundLocalError|object is not|object of"
    r" type|not supported between|unsupported operand|values to unpack|division by zero|index out "
    r"of range$|INTERNAL ASSERT|MKL|overflow|interpreted as an integer|must be real number|"
    r"can only concatenate|can't multiply|not all arguments|bad operand|argument must be a string|"
    r"MemoryError|not enough memory|must be str|could not convert string|invalid literal"
)


class Names(dict[str, Any]):
    """PyTorch's names, wherever they live."""

    def __missing__(self, name: str) -> Any:
        if name in ("torch", "F"):
            return torch if name == "torch" else torch.nn.functional
        for home in (torch, torch.nn.functional, torch.special):
            if hasattr(home, name):
                return getattr(home, name)
        raise NameError(name)


def refusal(text: str) -> str | None:
    """Return what PyTorch says of a call that it refuses, None of one that it answers."""
    names = Names({name: torch.tensor(x) for name, x in leaves().items()})
    try:
        exec(text, {}, names)
    except Exception as error:
        first = next(iter(str(error).splitlines()), "")
        if "received an invalid combination of arguments" in first:
            first = first.partition(" - got")[0]
        return f"{type(error).__name__}: {first.strip()}"
    return None


def answer(pipe: Connection) -> None:
    """Run the calls that arrive."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    while True:
        pipe.send(refusal(pipe.recv()))


class Other:
    """Another process that runs calls, started again where one of them ends it."""

    def __init__(self) -> None:
        self.pipe, theirs = get_context("fork").Pipe()
        self.process = get_context("fork").Process(target=answer, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()

    def refusal(self, text: str) -> str | None:
        """Run a call there."""
        self.pipe.send(text)
        try:
            if self.pipe.poll(SECONDS):
                said: str | None = self.pipe.recv()
                return said
        except EOFError:
            pass
        self.process.kill()
        self.__init__()  # type: ignore[misc]
        print(f"it ends the process, or takes long: {text}")
        return "NameError: no answer"


def kept(row: Row, other: Other) -> dict[str, str]:
    """Return the calls of a row that PyTorch refuses, with what it says."""
    lacks = (str(other.refusal(text)).startswith("NameError") for text in right_calls(row))
    if row.name.startswith("np.") or any(lacks):
        return {}
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for what, text in wrong_calls(row):
        said = other.refusal(text)
        if said is not None and not ACCIDENTS.search(said):
            found.setdefault((what, re.sub(r"-?[\d.]+(e-?\d+)?", "#", said)), (text, said))
    return dict(found.values())


def main() -> None:
    """Write the file."""
    rows = {id(row): row for row in FUNCTIONS.values()}.values()
    other = Other()
    calls = {row.name: kept(row, other) for row in rows}
    written = {text: other.refusal(text) for text in WRITTEN + PROGRAMS}
    answered = {text: said for text, said in written.items() if not said}
    assert not answered, f"PyTorch does not refuse {answered}"
    data = {"about": ABOUT, "calls": {k: v for k, v in calls.items() if v}, "written": written}
    FILE.write_text(json.dumps(data, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    count = sum(map(len, calls.values()))
    print(f"{count} calls of {len(data['calls'])} operations, and {len(written)} written ones")


if __name__ == "__main__":
    main()
