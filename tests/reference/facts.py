"""What a run says of its result, beside what PyTorch says of it: the first difference in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gradcli import autodiff
from gradcli.errors import AutogradFault, GradcliError, Source
from gradcli.graph import Graph, Node
from gradcli.rule.dtypes import Array
from gradcli.session import Request, run
from gradcli.trace import Binding, Options

FOLDER = Path(__file__).parent
DEPTH = 9  # of the chains in the reference data; what lies deeper was left out


class Ran(NamedTuple):
    """An expression that was run: its result, and the tensors by name."""

    graph: Graph
    node: Node
    scope: Mapping[str, Any]


def evaluate(text: str, inputs: Mapping[str, tuple[Array, bool]]) -> Ran:
    """Run one expression on inputs, each with whether it requires a gradient."""
    bindings = {name: Binding(*given, optional=True) for name, given in inputs.items()}
    session = run(
        Source("reference", f"result = {text}"),
        Options(bindings=bindings),
        Request(backward=False),
    )
    return Ran(session.graph, session.tracer.scope["result"], session.tracer.scope)


def numbers(data: Any) -> Any:
    """Return JSON's numbers, "nan", "inf" and {re, im} among them, as Python's."""
    if isinstance(data, list):
        return [numbers(x) for x in data]
    if isinstance(data, dict):
        return np.asarray(numbers(data["re"])) + 1j * np.asarray(numbers(data["im"]))
    return float(data) if isinstance(data, str) else data


def chain(graph: Graph, id: int | None, depth: int = DEPTH) -> Any:
    """Return a grad_fn and the chains of its next_functions, as the reference data writes them."""
    if id is None:
        return None
    op = graph.ops[id]
    if op is None:
        return ["AccumulateGrad"]
    name = op.grad_fn_name(graph.operands(id), graph.attrs[id])
    return [name, *(chain(graph, edge, depth - 1) for edge in graph.edges(id) if depth > 1)]


def differences(found: Any, expected: Any, what: str, rtol: float, atol: float) -> str | None:
    """Say where two arrays differ, None where they do not; NaN equals NaN."""
    try:
        np.testing.assert_allclose(found, expected, rtol, atol, err_msg=what)
    except AssertionError as error:
        return " ".join(str(error).split())
    return None


def gradients(ran: Ran, cotangent: Array, names: Iterable[str]) -> dict[str, Array | None]:
    """Return the gradients of sum(result · cotangent) by name."""
    names = list(names)
    ids = [ran.scope[name].id for name in names]
    found = autodiff.gradient_values(ran.graph, {ran.node.id: cotangent}, ids)
    return dict(zip(names, found, strict=True))


# ---- a row of reference data ------------------------------------------------------------------


def inputs_of(data: Mapping[str, Any]) -> dict[str, tuple[Array, bool]]:
    """Return the inputs of a file of reference data by name."""
    return {
        name: (
            np.asarray(numbers(x["value"])).astype(x["dtype"]).reshape(x["shape"]),
            x["requires_grad"],
        )
        for name, x in data["inputs"].items()
    }


def first_difference(
    row: Mapping[str, Any], inputs: Mapping[str, tuple[Array, bool]]
) -> str | None:
    """Say what of a row of reference data differs from PyTorch first, None where nothing does."""
    try:
        ran = evaluate(row["expr"], inputs)
        return _facts(row, ran) or _values(row, ran) or _gradients(row, ran, inputs)
    except GradcliError as error:
        return error.message


def _facts(row: Mapping[str, Any], ran: Ran) -> str | None:
    graph, node = ran.graph, ran.node
    found = {
        "dtype": node.dtype.name,
        "shape": list(node.shape),
        "requires_grad": node.requires_grad,
        "is_leaf": graph.is_leaf(node.id),
        "grad_fn": graph.grad_fn(node.id),
    }
    if row["chain"] is not None:
        found["chain"] = chain(graph, graph.producer(node.id))
    for what, value in found.items():
        if value != row[what]:
            return f"{what} is {value}, PyTorch's is {row[what]}"
    return None


def _values(row: Mapping[str, Any], ran: Ran) -> str | None:
    if not row["deterministic"]:
        return None
    expected = np.asarray(numbers(row["value"])).reshape(row["shape"])
    return differences(ran.node.value, expected, "value", 1e-9, 1e-12)


def _gradients(row: Mapping[str, Any], ran: Ran, leaves: Iterable[str]) -> str | None:
    size, shape, dtype = max(ran.node.value.size, 1), ran.node.shape, ran.node.dtype
    cotangent = (1 + np.arange(ran.node.value.size) / size).reshape(shape).astype(dtype)
    refusal = row.get("backward_error", "")
    if "is not implemented" in refusal:
        try:
            gradients(ran, cotangent, [name for name in leaves if name in ran.scope])
        except AutogradFault as error:
            same = error.message.rstrip(".") == refusal.rstrip(".")
            return None if same else f"backward says {error.message}, PyTorch says {refusal}"
        return f"backward gives a gradient, PyTorch says {refusal}"
    if not row["deterministic"] or "grads" not in row:
        return None
    for name, g in gradients(ran, cotangent, row["grads"]).items():
        wanted = row["grads"][name]
        if wanted is None:
            if g is not None and np.any(g):
                return f"the gradient of {name} is {g}, PyTorch has none"
            continue
        if g is None:
            if np.any(numbers(wanted)):
                return f"there is no gradient of {name}"
            continue
        found = differences(g, numbers(wanted), f"gradient of {name}", 1e-8, 1e-10)
        if found:
            return found
    return None


# ---- the list of what is not covered -------------------------------------------------------


class Uncovered:
    """A file of cases that do not pass yet: a name and a reason a line. It may only shrink."""

    def __init__(self, file: str, about: str, names: Iterable[str]) -> None:
        self.path = FOLDER / file
        self.about = about
        self.names = tuple(names)
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        self.header = lines[0] if lines else ""
        self.reasons = dict(line.split("\t", 1) for line in lines[1:])

    @property
    def covered(self) -> int:
        """How many cases are covered."""
        return len(self.names) - len(self.reasons)

    def text(self, reasons: Mapping[str, str]) -> str:
        """Return the file with some reasons left: the count of what is covered, and the rest."""
        kept = {name: reasons[name] for name in self.names if name in reasons}
        header = f"# {len(self.names) - len(kept)} of {len(self.names)} {self.about} are covered"
        return "\n".join([header, *(f"{n}\t{r}" for n, r in kept.items())]) + "\n"
