"""Write printed.json: what the libraries print for the programs of programs.txt and rules.txt.

Run it in the checkout with PyTorch, JAX and autograd: `python -m tests.trace.custom.make_printed`.
One that ends with an error is an error here: programs catch what they are about.
"""

from __future__ import annotations

import io
import json
import warnings
from contextlib import redirect_stdout

import jax
import torch

from tests.trace.custom.programs import FILE, programs


def main() -> None:
    """Run everything and write the file."""
    warnings.simplefilter("ignore")
    printed = {}
    for title, program in programs().items():
        out = io.StringIO()
        with redirect_stdout(out):
            exec(program, {"__name__": "__main__"})
        printed[title] = out.getvalue()
    about = f"PyTorch {torch.__version__}, JAX {jax.__version__}, on a CPU"
    text = json.dumps({"about": about, "printed": printed}, indent=1)
    FILE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
