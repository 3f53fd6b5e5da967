"""gradcli as a library, as every workload uses it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import StringIO
from typing import Any

import gradcli
from benchmarks.frame import Result
from gradcli.inspection import Inspection


def loads(text: str, data: Mapping[str, Any], parameters: Mapping[str, Any]) -> Inspection:
    """Run a text with its inputs bound."""
    return gradcli.loads(text, set=data, param=parameters).inspection


def show(inspection: Inspection) -> None:
    """Render the table of `gradcli eval`, as the command does."""
    from rich.console import Console

    from gradcli.render import EVAL

    console = Console(file=StringIO(), width=100, highlight=False)
    console.print(EVAL["table"](inspection, named=False, full=False, precision=None), crop=False)


def results(inspection: Inspection, value: str, gradients: Iterable[str] = ()) -> Result:
    """Return the value of a node and the gradients of others, by their names."""
    wanted = set(gradients)
    found: dict[str, Any] = {}
    for node in inspection.nodes:
        if node.name == value:
            found[value] = node.value
        elif node.name in wanted and node.grad is not None:
            found[f"d {node.name}"] = node.grad
    return found
