"""Write jax.json.gz: what JAX makes of the calls and programs of jax_cases.py.

Run it in the checkout with the release of JAX that `pyproject.toml` names:
`python -m tests.spellings.make_jax` (five minutes). A call that JAX refuses, or has not, has null.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from tests.spellings.jax_cases import CALLS, PROGRAMS
from tests.spellings.running import INPUTS, stored, write

FILE = Path(__file__).parent / "jax.json.gz"


def result(text: str) -> Any:
    """Return what JAX makes of an expression, None where it refuses it."""
    names = {"jnp": jnp, "jax": jax, **{k: jnp.asarray(x) for k, x in INPUTS.items()}}
    try:
        return stored(eval(text, names))
    except Exception as error:  # of any kind: JAX has many
        print(f"{text}: {' '.join(str(error).split())[:90]}")
        return None


def program(text: str) -> Any:
    """Return what a program of JAX calls `y`."""
    names: dict[str, Any] = {"jnp": jnp, "jax": jax}
    names |= {k: jnp.asarray(x) for k, x in INPUTS.items()}
    exec(text, names)
    return stored(names["y"])


def main() -> None:
    """Run everything and write the file."""
    jax.config.update("jax_enable_x64", True)
    warnings.simplefilter("ignore")
    calls = {text: result(text) for text in CALLS}
    data = {
        "about": f"JAX {jax.__version__} (CPU, x64) on the inputs of running.py",
        "calls": calls,
        "programs": {name: program(text) for name, text in PROGRAMS.items()},
    }
    write(FILE, data)


if __name__ == "__main__":
    main()
