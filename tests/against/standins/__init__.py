"""Libraries that are compared with, or what stands in for them where they are not installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOMS = {"jax": ("gradcli.against.jax_",), "torch": ()}  # what imports a library when imported


@contextmanager
def library(name: str) -> Iterator[Any]:
    """Import a library: itself where it is installed, or the package of its name in this folder."""
    if find_spec(name) is not None:
        yield import_module(name)
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        try:
            yield import_module(name)
        finally:
            ours = (name, f"{name}.", *ROOMS[name])
            for module in [m for m in sys.modules if m == name or m.startswith(ours[1:])]:
                del sys.modules[module]
