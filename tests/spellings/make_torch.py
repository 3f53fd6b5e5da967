"""Write torch.json.gz: what PyTorch makes of the calls and programs of torch_cases.py.

Run it in the checkout with the release of PyTorch that `pyproject.toml` names:
`python -m tests.spellings.make_torch`. A call that PyTorch refuses is an error here.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch

from tests.spellings.running import INPUTS, stored, write
from tests.spellings.torch_cases import FACTS, MADE, PRINTED, PROGRAMS, REFUSED

FILE = Path(__file__).parent / "torch.json.gz"


def names() -> dict[str, Any]:
    """Return what the cases name: the inputs, and `k` of which gradients are taken."""
    given = {name: torch.tensor(x) for name, x in INPUTS.items()}
    return {"torch": torch, "k": torch.tensor(2.0, requires_grad=True), **given}


def plain(x: Any) -> Any:
    """Return a result with arrays for tensors, and PyTorch's other values as text."""
    if isinstance(x, torch.Tensor):
        if x.dtype == torch.bfloat16:
            return stored(x.detach().double().numpy()) | {"dtype": "bfloat16"}
        return stored(x.detach().resolve_conj().numpy())
    if isinstance(x, torch.dtype):
        return {"text": str(x).removeprefix("torch.")}
    if isinstance(x, tuple | list):
        return [plain(item) for item in x]
    return stored(x)


def program(text: str) -> Any:
    """Return what a program calls `y`."""
    scope = names()
    exec(text, scope)
    return plain(scope["y"])


def refusal(text: str) -> str:
    """Return what PyTorch says of a call that it refuses."""
    try:
        eval(text, names())
    except (RuntimeError, ValueError, TypeError) as error:
        return str(error)
    raise AssertionError(f"it is not refused: {text}")


def main() -> None:
    """Run everything and write the file."""
    torch.set_default_dtype(torch.float64)
    warnings.simplefilter("ignore")
    data = {
        "about": f"PyTorch {torch.__version__} (CPU), default dtype float64, on running.INPUTS",
        "calls": {text: plain(eval(text, names())) for text in dict.fromkeys([*MADE, *FACTS])},
        "printed": {text: str(eval(text, names())) for text in PRINTED},
        "programs": {name: program(text) for name, text in PROGRAMS.items()},
        "refused": {text: refusal(text) for text in REFUSED},
    }
    write(FILE, data)


if __name__ == "__main__":
    main()
