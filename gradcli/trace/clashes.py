"""Why two tensors of one operation are float32 and float64: which default made which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.errors import NOWHERE, DtypeFault
from gradcli.graph import Node
from gradcli.rule.dtypes import FLOAT32, FLOAT64
from gradcli.syntax import tree
from gradcli.trace.libraries import NUMPY, library_of

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

SHORT = 40  # characters of the text that a tensor was made by


def explained(
    tracer: Tracer, error: DtypeFault, operands: list[tuple[tree.Expression, Any]]
) -> DtypeFault:
    """Give an error of operands that are float32 and float64 a hint: which default made which."""
    if error.source is not None:
        return error
    found: dict[Any, tuple[str, Node]] = {}
    for e, value in operands:
        if isinstance(value, Node):
            found.setdefault(value.dtype, (_text(tracer, e, value), value))
    if FLOAT32 in found and FLOAT64 in found:
        told = [f"`{text}` is {x.dtype.name}, {_why(tracer, x)}" for text, x in found.values()]
        (wide, _), stated = found[FLOAT64], tracer.options.default_dtype is not None
        cast = f"{wide}.float()" if wide.isidentifier() else f"({wide}).float()"
        ways = [] if stated or tracer.default_dtype == FLOAT64 else ["--dtype float64"]
        error.hint = f"{'; '.join(told)}: {', or '.join([*ways, cast])}"
    return error


def _text(tracer: Tracer, e: tree.Expression, x: Node) -> str:
    """Return what a file calls an operand: within a module of PyTorch's it is `fc1.weight`."""
    if e.span is not NOWHERE:
        return tracer.source.snippet(e.span)
    notes = x.graph.notes
    name = notes.titles.get(x.id) or notes.names.get(x.id)
    return name or tracer.source.snippet(notes.spans[x.id])


def _why(tracer: Tracer, x: Node) -> str:
    """Say what made a tensor's dtype: the tensor that it has it from, a default, a conversion."""
    graph, row = x.graph, x.id
    while parents := [i for i in graph.inputs[row] if i >= 0 and graph.metas[i].dtype == x.dtype]:
        row = parents[0]
    span, name = graph.notes.spans[row], graph.notes.names.get(row, "")
    if graph.ops[row] is None and name in tracer.options.bindings:
        return f"as `{name}` was given"
    text, line = tracer.source.snippet(span), tracer.source.line_of(span)
    made = f"as `{text}` made it" if len(text) <= SHORT else "as it was made"
    made = f"{made} in line {line}"
    if graph.ops[row] is not None:
        return made
    if library_of(tracer, Node(graph, row)) is NUMPY and x.dtype == NUMPY.default_dtype:
        return f"{made}: NumPy's floats are"
    if x.dtype != graph.default_dtype:
        return made
    if tracer.library is None or x.dtype != tracer.library.default_dtype:
        return "the default"
    return f"the default of a file that imports {tracer.library.name}"
