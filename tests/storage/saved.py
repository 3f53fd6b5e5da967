"""Which tensors an operation saves: those whose change in place stops backward.

`python -m tests.storage.saved` writes saved.json, with PyTorch 2.13: for every call of the table
the tensors that must not change between the call and backward. With `--check` it writes nothing,
and its exit status is 1 where PyTorch saves others than are stored.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradcli.errors import GradcliError, Source
from gradcli.syntax import parse
from gradcli.trace import Options, Tracer
from tests.ops.cases import Case, cases, values_of

FILE = Path(__file__).with_name("saved.json")
MODIFIED = "modified by an inplace operation"


def calls() -> dict[str, Case]:
    """Return the calls of the table that a file can write, by their text."""
    found: dict[str, Case] = {}
    for case in cases():
        name = case.row.name
        if not case.text and (name.startswith("_") or not name.isidentifier()):
            continue
        text = case.text or f"{name}({', '.join(case.shapes)})"
        found.setdefault(text, case)
    return found


def program(text: str, case: Case, results: Sequence[str], changed: str = "") -> str:
    """Return a program that makes a call, changes one tensor in place, and runs backward.

    `results` are those that gradients come from: `y`, or `y[0]` and so on where there are several.
    """
    lines = []
    for name, array in values_of(case).items():
        lines.append(f"{name}_ = torch.tensor({array.round(4).tolist()}, requires_grad=True)")
        fixed = ".detach()" if name in case.fixed else ""
        lines.append(f"{name} = {name}_{fixed} * 1")
    lines.append(f"y = {text}")
    if changed:
        lines.append(f"{changed}.mul_(1)")
    if results:
        lines.append(f"({' + '.join(f'{y}.real.sum()' for y in results)}).backward()")
    return "\n".join(lines) + "\n"


def by_pytorch(text: str) -> tuple[dict[str, Any], str | None]:
    """Run a program with PyTorch; return what its names stand for, and the error that ends it."""
    import torch

    names: dict[str, Any] = {}
    for home in (torch.special, torch.nn.functional, torch):
        names |= vars(home)
    names |= {"torch": torch, "F": torch.nn.functional, "sum": torch.sum}
    names["grad"] = torch.func.grad
    torch.manual_seed(0)
    try:
        exec(text, names)
    except Exception as error:
        return names, str(error) or type(error).__name__
    return names, None


def saved_by_pytorch(text: str, case: Case) -> dict[str, Any] | None:
    """Return the results of a call that require a gradient, and what it saves of all tensors.

    None where PyTorch refuses the call, or gives it no gradient.
    """
    import torch

    names, error = by_pytorch(program(text, case, ()))
    if error:
        return None
    y = names["y"]
    parts = {"y": y} if isinstance(y, torch.Tensor) else {f"y[{i}]": p for i, p in enumerate(y)}
    results = [k for k, p in parts.items() if p.requires_grad]
    if not results or by_pytorch(program(text, case, results))[1]:
        return None
    saved = {}
    for changed in (*case.shapes, *results):
        _, error = by_pytorch(program(text, case, results, changed))
        if error is None or MODIFIED in error:
            saved[changed] = error is not None
    return {"results": results, "saved": saved}


def by_gradcli(text: str) -> str | None:
    """Run a program here; return the error that ends it."""
    try:
        Tracer(parse(Source("program", text)), Options()).run()
    except GradcliError as error:
        return error.message
    return None


def main() -> int:
    """Write or check saved.json."""
    import torch

    torch.set_default_dtype(torch.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {text: saved_by_pytorch(text, case) for text, case in calls().items()}
    known = {text: facts for text, facts in found.items() if facts is not None}
    if sys.argv[1:] == ["--check"]:
        return int(json.loads(FILE.read_text()) != known)
    lines = (f"{json.dumps(text)}: {json.dumps(facts)}" for text, facts in known.items())
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
