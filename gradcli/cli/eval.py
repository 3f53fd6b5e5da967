"""`gradcli eval`: every node's value and gradient."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from gradcli.cli import options as o
from gradcli.cli.output import FALSE, show, write


class Format(StrEnum):
    """How the nodes are written."""

    table = "table"
    json = "json"
    csv = "csv"
    markdown = "markdown"


def evaluate(
    file: o.File = None,
    expr: o.Expr = None,
    set: o.Set = None,
    param: o.Param = None,
    data: o.Data = None,
    of: o.Of = None,
    wrt: o.Wrt = None,
    grad_output: Annotated[
        str | None,
        typer.Option("--grad-output", metavar="VALUE", help="Cotangent of a root with elements."),
    ] = None,
    backward: Annotated[
        bool, typer.Option("--backward/--no-backward", help="Whether to run backward.")
    ] = True,
    retain_grad: Annotated[
        bool, typer.Option("--retain-grad", help="Keep the gradients of intermediate nodes.")
    ] = False,
    dtype: o.Dtype = "float64",
    seed: o.Seed = 0,
    allow_path: o.AllowPath = None,
    max_nodes: o.MaxNodes = 1_000_000,
    max_memory: o.MaxMemory = None,
    format: Annotated[Format, typer.Option("--format", help="How to write.")] = Format.table,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    precision: o.Precision = None,
    named: Annotated[bool, typer.Option("--named", help="Named nodes only.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Leave nothing out.")] = False,
    output: o.Output = None,
) -> None:
    """Evaluate a file, run backward, and show every node."""
    source, folder = o.source_and_folder(file, expr)
    options = o.made_options(
        folder, set=set, param=param, data=data, wrt=wrt, dtype=dtype, seed=seed,
        retain_grad=retain_grad, max_nodes=max_nodes, max_memory=max_memory, allow_path=allow_path,
    )  # fmt: skip
    request = o.made_request(options, of, grad_output, backward=backward)
    from gradcli.facts import inspect
    from gradcli.render import EVAL

    inspection = inspect(o.session(source, options, request))
    kind = "json" if json else format.value
    rendered = EVAL[kind](inspection, named=named, full=full, precision=precision)
    if isinstance(rendered, str):
        write(rendered, output)
    else:
        show(rendered, output)
    if not all(claim.holds for claim in inspection.claims):
        raise typer.Exit(FALSE)
