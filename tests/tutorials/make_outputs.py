"""Write NAME.out for every NAME.expr of these folders: what Python prints, with the libraries.

Run it in the checkout with PyTorch 2.13, JAX, autograd, matplotlib and tqdm:
`python tests/tutorials/make_outputs.py [NAME …]`. With `--check` it writes nothing, and its exit
status is 1 where a stored output differs; programs whose libraries are not installed are left out.

Every program is plain Python and runs as it stands. Those of this folder that are in JAX's style
have a twin, the same computation in PyTorch (`jax_grad_pytorch.expr` for `jax_grad.expr`), whose
output is theirs too: it has 64 bits, and JAX alone has 32.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIBRARIES = ("torch", "jax", "autograd", "matplotlib", "tqdm")


def program_for(snippet: Path) -> Path:
    """Return the file to run for a program: itself, or the PyTorch twin of one in JAX's style."""
    twin = snippet.with_name(f"{snippet.stem}_pytorch.expr")
    return twin if twin.exists() else snippet


def is_runnable(snippet: Path) -> bool:
    """Say whether the libraries that a program imports are installed."""
    text = program_for(snippet).read_text(encoding="utf-8")
    wanted = (x for x in LIBRARIES if f"import {x}" in text or f"from {x}" in text)
    return all(find_spec(library) for library in wanted)


def output_of(snippet: Path) -> str:
    """Run a program in a Python of its own and return what it prints to stdout."""
    command = [sys.executable, "-W", "ignore", str(program_for(snippet))]
    environment = {**os.environ, "MPLBACKEND": "Agg", "JAX_PLATFORMS": "cpu"}
    run = subprocess.run(
        command, capture_output=True, check=False, text=True, env=environment, cwd=HERE
    )
    if run.returncode:
        raise SystemExit(f"{snippet.name} fails:\n{run.stderr}")
    return run.stdout


def main() -> int:
    """Write or check every output, or those of the programs that are named."""
    check_only = "--check" in sys.argv[1:]
    names = {Path(name).stem for name in sys.argv[1:] if name != "--check"}
    differing = 0
    snippets = [
        p for p in sorted(HERE.rglob("*.expr")) if (not names or p.stem in names) and is_runnable(p)
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outputs = list(pool.map(output_of, snippets))
    for snippet, printed in zip(snippets, outputs, strict=True):
        stored = snippet.with_suffix(".out")
        if not check_only:
            stored.write_text(printed, encoding="utf-8")
        elif not stored.exists() or stored.read_text(encoding="utf-8") != printed:
            print(f"{stored.name} differs from what Python prints", file=sys.stderr)
            differing += 1
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
