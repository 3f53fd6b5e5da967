"""Write what PyTorch prints for the programs of this folder: outputs.json and random.json.

Run it in the checkout with PyTorch 2.13: `python -m tests.storage.make_outputs`. With `--check` it
writes nothing, and its exit status is 1 where a stored output differs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.storage.programs import programs
from tests.storage.random_programs import program
from tests.storage.sides import in_pytorch

HERE = Path(__file__).parent
OUTPUTS, RANDOM = HERE / "outputs.json", HERE / "random.json"
SEEDS = 300


def outputs() -> dict[str, object]:
    """Return what each program prints, and the error that ends it."""
    return {name: in_pytorch(text) for name, text in programs().items()}


def random() -> dict[str, object]:
    """Return the random programs of the first seeds with what they print."""
    found: dict[str, object] = {}
    for seed in range(SEEDS):
        text = program(seed)
        found[str(seed)] = [text, *in_pytorch(text)]
    return found


def main() -> int:
    """Write or check both files."""
    differing = 0
    for file, found in ((OUTPUTS, outputs()), (RANDOM, random())):
        lines = (f"{json.dumps(name)}: {json.dumps(what)}" for name, what in found.items())
        text = "{\n" + ",\n".join(lines) + "\n}\n"
        if sys.argv[1:] != ["--check"]:
            file.write_text(text, encoding="utf-8")
        elif file.read_text(encoding="utf-8") != text:
            print(f"{file.name} differs from what PyTorch prints", file=sys.stderr)
            differing += 1
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
