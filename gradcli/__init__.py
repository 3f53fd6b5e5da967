r"""See and verify every gradient of a formula.

>>> import gradcli
>>> run = gradcli.loads("w = param(3.0)\nloss = w**2")
>>> run["w"].grad
array(6.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradcli.api import RunOptions, check, checks, diff, load, loads
    from gradcli.compare import Differences
    from gradcli.errors import GradcliError
    from gradcli.inspection import Inspection, NodeFacts
    from gradcli.record.api import record
    from gradcli.record.jax.call import record_jax
    from gradcli.run import Run
    from gradcli.verify import Settings

__version__ = "0.1.0"
__all__ = [
    "Differences",
    "GradcliError",
    "Inspection",
    "NodeFacts",
    "Run",
    "RunOptions",
    "Settings",
    "check",
    "checks",
    "diff",
    "load",
    "loads",
    "record",
    "record_jax",
]

_HOMES = {
    "Differences": "gradcli.compare",
    "RunOptions": "gradcli.api",
    "check": "gradcli.api",
    "checks": "gradcli.api",
    "diff": "gradcli.api",
    "load": "gradcli.api",
    "loads": "gradcli.api",
    "GradcliError": "gradcli.errors",
    "Inspection": "gradcli.inspection",
    "NodeFacts": "gradcli.inspection",
    "Run": "gradcli.run",
    "record_jax": "gradcli.record.jax.call",
    "Settings": "gradcli.verify",
    "load_ipython_extension": "gradcli.notebook",  # for %load_ext gradcli
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is: `gradcli --help` needs none of it."""
    from importlib import import_module

    if name == "record":  # a room, which can be called
        return import_module("gradcli.record")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'gradcli' has no attribute {name!r}")
