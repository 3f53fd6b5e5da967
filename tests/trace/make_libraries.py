"""Write libraries.json: what Python prints for the programs of library_cases.py.

Run it in the checkout with PyTorch and JAX: `python -m tests.trace.make_libraries`. Each program
runs with the defaults that its libraries have; one that fails is an error here.
"""

from __future__ import annotations

import io
import json
import warnings
from contextlib import redirect_stdout
from pathlib import Path

import jax
import numpy as np
import torch

from tests.trace.library_cases import programs

FILE = Path(__file__).parent / "libraries.json"


def printed(text: str) -> str:
    """Return what a program prints; what it has set is undone."""
    out, options = io.StringIO(), np.get_printoptions()
    try:
        with redirect_stdout(out):
            exec(text, {})
    finally:
        torch.set_default_dtype(torch.float32)
        jax.config.update("jax_enable_x64", False)
        np.set_printoptions(**options)
    return out.getvalue()


def main() -> None:
    """Run everything and write the file."""
    warnings.simplefilter("ignore")
    about = f"NumPy {np.__version__}, JAX {jax.__version__}, PyTorch {torch.__version__}, on a CPU"
    found = {text: printed(text) for text in programs()}
    text = json.dumps({"about": about, "printed": found}, indent=0, ensure_ascii=False)
    FILE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
