r"""See and verify every gradient of a formula.

>>> import gradcli
>>> gradcli.loads("w = param(3.0)\nloss = w**2").node(1).value
array(9.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradcli.api import check, load, loads
    from gradcli.errors import GradcliError
    from gradcli.inspection import Inspection

__version__ = "0.1.0"
__all__ = ["GradcliError", "Inspection", "check", "load", "loads"]

_HOMES = {
    "check": "gradcli.api",
    "load": "gradcli.api",
    "loads": "gradcli.api",
    "GradcliError": "gradcli.errors",
    "Inspection": "gradcli.inspection",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is: `gradcli --help` needs none of it."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'gradcli' has no attribute {name!r}")
