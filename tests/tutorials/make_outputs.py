"""Write NAME.out for every NAME.expr of this folder: what Python prints, with PyTorch and NumPy.

Run it in the checkout with PyTorch 2.13: `python tests/tutorials/make_outputs.py`. With `--check`
it writes nothing, and its exit status is 1 where a stored output differs.

Every snippet is plain Python and runs as it stands. Those in JAX's style have a twin, the same
computation in PyTorch (`jax_grad_pytorch.expr` for `jax_grad.expr`), whose output is theirs too.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent


def program_for(snippet: Path) -> Path:
    """Return the file to run for a snippet: itself, or the PyTorch twin of one in JAX's style."""
    if "import jax" in snippet.read_text(encoding="utf-8"):
        return snippet.with_name(f"{snippet.stem}_pytorch.expr")
    return snippet


def output_of(snippet: Path) -> str:
    """Run a snippet in a Python of its own and return what it prints to stdout."""
    command = [sys.executable, "-W", "ignore", str(program_for(snippet))]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


def main() -> int:
    """Write or check every output."""
    check_only = sys.argv[1:] == ["--check"]
    differing = 0
    snippets = sorted(HERE.glob("*.expr"))
    with ThreadPoolExecutor() as pool:
        outputs = list(pool.map(output_of, snippets))
    for snippet, printed in zip(snippets, outputs, strict=True):
        stored = snippet.with_suffix(".out")
        if not check_only:
            stored.write_text(printed, encoding="utf-8")
        elif not stored.exists() or stored.read_text(encoding="utf-8") != printed:
            print(f"{stored.name} differs from what PyTorch prints", file=sys.stderr)
            differing += 1
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
