"""A file in PyTorch: it is valid Python, and is run as it stands, with PyTorch's own functions.

Its claims are left out, which are the check's.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from typing import Any

import numpy as np

from gradcli import autodiff
from gradcli.against.admitted import admitted, fitted
from gradcli.against.sides import (
    ROUNDING,
    Comparison,
    Comparisons,
    Side,
    compared,
    is_rounding,
    root_of,
)
from gradcli.against.torch_names import OWN_METHODS, bound, names_for
from gradcli.against.torch_numpy import METHODS
from gradcli.errors import ArgumentFault
from gradcli.graph import Graph, Node
from gradcli.rule.dtypes import Array
from gradcli.session import Session
from gradcli.trace.attributes import ARRAYS


def comparisons(session: Session, torch: Any) -> Comparisons:
    """Compare a run with PyTorch's run of the same file: what each name holds in the end.

    Raises: InputFault where the file is not one to run as Python; ArgumentFault where it does not
    run in PyTorch.
    """
    scope = _executed(session, torch)
    gradients, why_not = _differentiated(session, scope)
    found = tuple(_comparisons(session, scope, torch, bool(gradients)))
    return Comparisons("torch", found, gradients or f"no gradients: {why_not}")


def _differentiated(session: Session, scope: dict[str, Any]) -> tuple[str, str]:
    """Run backward where the file did not; return what gradients are of, or why there are none."""
    passes, root = len(session.tracer.passes.made), session.root
    if root is None:
        return "", "nothing was differentiated"
    if passes:
        return (
            f"gradients as .grad holds them after {passes} backward pass{'es' * (passes > 1)}",
            "",
        )
    name = session.graph.notes.names.get(root)
    if name not in scope:
        return "", f"{root_of(session)} has no name"
    try:
        scope[name].backward()
    except RuntimeError as error:  # the file itself has run: its own passes have freed the graph
        return "", f"PyTorch says of {root_of(session)}: {str(error).partition('. ')[0]}"
    return f"gradients of {root_of(session)}", ""


# ---- there ---------------------------------------------------------------------------------


def _executed(session: Session, torch: Any) -> dict[str, Any]:
    """Return the names of the file after PyTorch has run it."""
    options, libraries = session.tracer.options, session.tracer.libraries
    of_arrays = "torch" not in libraries and not libraries.isdisjoint(ARRAYS)
    methods = OWN_METHODS | METHODS if of_arrays else OWN_METHODS
    tree = fitted(admitted(session.source), methods, {*options.bindings, *options.wrt})
    scope = names_for(session, torch)
    default = getattr(torch, session.tracer.default_dtype.name)
    for name in options.bindings:
        scope[name] = bound(session, torch, name)
    before = torch.get_default_dtype()
    torch.set_default_dtype(default)
    try:
        # whatever mode the file sets is gone after it
        with torch.enable_grad(), redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # gradcli's own run warns of the same
            exec(compile(tree, session.source.name, "exec", dont_inherit=True), scope)
    except Exception as error:
        line = _line(error, session.source.name)
        raise ArgumentFault(
            f"PyTorch does not run {session.source.name}{line}: {type(error).__name__}: {error}"
        ) from None
    finally:
        torch.set_default_dtype(before)
    return scope


def _line(error: Exception, name: str) -> str:
    trace, line = error.__traceback__, ""
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == name:
            line = f", line {trace.tb_lineno}"
        trace = trace.tb_next
    return line


# ---- beside each other ---------------------------------------------------------------------


def _comparisons(
    session: Session, scope: dict[str, Any], torch: Any, gradients: bool
) -> Iterator[Comparison]:
    for name, value in session.tracer.scope.items():
        there = scope.get(name)
        if isinstance(value, Node) and isinstance(there, np.ndarray | np.generic):
            array = np.asarray(there)  # NumPy's own, of a file that differentiates nothing
            yield compared(name, _ours(session.graph, value), Side(array, None, array.dtype.name))
        elif isinstance(value, Node) and isinstance(there, torch.Tensor):
            ours, theirs = _ours(session.graph, value), _theirs(there)
            if not gradients:
                ours, theirs = replace(ours, grad=None), replace(theirs, grad=None)
            yield _forgiven(session, value.id, compared(name, ours, theirs))


def _forgiven(session: Session, id: int, found: Comparison) -> Comparison:
    """Take back differences that are rounding alone: of larger numbers, which have cancelled."""
    graph, ours, theirs = session.graph, found.ours, found.theirs
    forgiven = []
    if "value" in found.differs:
        behind = [graph.values[i] for i in autodiff.behind(graph, (id,), 0)]
        if is_rounding(ours.value, theirs.value, ours.dtype, behind):
            forgiven.append("value")
    grads = ours.grad, theirs.grad
    if "gradient" in found.differs and grads[0] is not None and grads[1] is not None:
        rounding = is_rounding(grads[0], grads[1], ours.dtype, _cotangents(session))
        forgiven += ["gradient"] * rounding
    differs = tuple(what for what in found.differs if what not in forgiven)
    reasons = tuple(f"{what}: {ROUNDING}" for what in forgiven)
    return replace(found, differs=differs, reasons=reasons)


def _cotangents(session: Session) -> list[Any]:
    """Return what the backward passes carried back, to measure their rounding by."""
    graph, calls = session.graph, session.tracer.passes.made
    roots: list[tuple[int | None, Array | None]] = [(call.root, call.cotangent) for call in calls]
    roots = roots or [(session.root, None)]
    found: list[Any] = []
    for root, cotangent in roots:
        if root is not None:
            meta = graph.metas[root]
            start = np.ones(meta.shape, meta.dtype) if cotangent is None else cotangent
            order = autodiff.reachable(graph, (root,))
            found += autodiff.pull(graph, {root: start}, order, graph.value).values()
    return found


def _ours(graph: Graph, node: Node) -> Side:
    grad = graph.grad(node.id)
    return Side(np.asarray(node.value), grad, node.dtype.name, graph.grad_fn(node.id))


def _theirs(tensor: Any) -> Side:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # reading .grad of a node that is no leaf
        grad = tensor.grad
    function = tensor.grad_fn
    value = tensor.detach().resolve_conj().resolve_neg()
    return Side(
        _array(value),
        None if grad is None else _array(grad.detach()),
        str(tensor.dtype).removeprefix("torch."),
        None if function is None else type(function).__name__,
    )


def _array(tensor: Any) -> Array:
    found: Array = (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()
    return found
