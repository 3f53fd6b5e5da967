"""Write PyTorch's random numbers: `python -m tests.random.make_torch`, with PyTorch for x86.

Tensors of up to 8 elements are kept as hexadecimal floats, larger ones as a hash of them.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from tests.random.torch_cases import CALLS, CLOSE, REFUSED, SEEDS, STREAMS, draws, program

PLACE = Path(__file__).parent / "torch.json"
WRITTEN = 8  # elements


def exact(x: Any) -> str:
    """Return the elements of an array as text that has every bit of them."""
    if x.dtype.kind == "c":
        x = np.stack([x.real, x.imag], -1)
    values = (x.astype(int) if x.dtype.kind in "biu" else x.astype(float)).ravel().tolist()
    each = [value.hex() if isinstance(value, float) else str(value) for value in values]
    text = " ".join(each)
    return text if len(each) <= WRITTEN else sha256(text.encode()).hexdigest()[:16]


def _plain(x: Any) -> Any:
    import torch

    return (x.float() if x.dtype == torch.bfloat16 else x).detach().numpy()


def _run(text: str) -> list[Any]:
    import torch

    scope: dict[str, Any] = {}
    try:
        exec(text, scope)
    finally:
        torch.set_default_dtype(torch.float32)
    return [_plain(x) for x in scope["y"]]


def made() -> dict[str, Any]:
    """Return PyTorch's numbers of all cases."""
    return {
        "calls": {call: {str(seed): [exact(x) for x in _run(draws(call, seed))] for seed in SEEDS}
                  for call in CALLS},
        "streams": {name: [exact(x) for x in _run(program(text, 3))]
                    for name, text in STREAMS.items()},
        "close": {name: [x.tolist() for x in _run(program(text, 3))]
                  for name, text in CLOSE.items()},
        "refused": {text: _refusal(text) for text in REFUSED},
    }  # fmt: skip


def _refusal(text: str) -> str:
    try:
        _run(program(text, 0))
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        return str(error).partition("\n")[0]
    raise AssertionError(f"PyTorch takes {text}")


if __name__ == "__main__":
    PLACE.write_text(json.dumps(made(), indent=0) + "\n", "utf-8")
