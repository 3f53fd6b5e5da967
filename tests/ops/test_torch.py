"""The PyTorch that is installed: the store is what it computes, and gradients have its names."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcli import autodiff
from gradcli.errors import GradcliError, Source
from gradcli.graph import Node
from gradcli.session import Request, run
from gradcli.trace import Binding, Options
from tests.ops.calls import ROWS, Call, Operand, calls, is_elementwise, operands
from tests.ops.cases import examples
from tests.ops.outcomes import listed

torch: Any = pytest.importorskip("torch")
torch.set_num_threads(1)  # the tensors are small, and the tests run in parallel
SHARE = 8  # one call in so many; `python -m tests.ops.make_store --check` compares all


@pytest.mark.parametrize("name", ROWS)
def test_the_store_is_current(name: str) -> None:
    from tests.ops.make_store import outdated

    every = calls(ROWS[name])
    found = {call.key: outdated(call) for call in every[len(every) % SHARE :: SHARE]}
    assert {key: why for key, why in found.items() if why is not None} == {}


# ---- gradients of constant cotangents: whether they have one themselves, and its name --------

NAMES_APART = Path(__file__).parent / "torch_gradient_names.txt"
NAMED_OTHERWISE = dict(line.split("\t") for line in NAMES_APART.read_text().splitlines())

Named = list[str | None]


def named_calls(name: str) -> dict[str, Call]:
    """Return the calls of a row whose gradients are looked at, each text in its first shapes."""
    row = ROWS[name]
    texts = {*examples(row)}
    if is_elementwise(row):
        texts.add(f"{name}({', '.join('abc'[: len(row.signature.tensors)])})")
    return {
        call.text: call
        for call in reversed(calls(row))
        if call.text in texts and call.dtype == "float64"
    }


def names_by_torch(text: str, given: dict[str, Operand]) -> Named:
    """Return the grad_fn of each gradient, None where it requires no gradient."""
    from tests.ops.make_store import Names, default_dtype

    tensors = {k: torch.tensor(x.value, requires_grad=x.moves) for k, x in given.items()}
    with default_dtype("float64"):
        results = listed(eval(text, {}, Names(tensors)))
    outputs = [y for y in results if isinstance(y, torch.Tensor) and y.requires_grad]
    if not outputs:
        return []
    inputs, starts = [x for x in tensors.values() if x.requires_grad], map(torch.ones_like, outputs)
    found = torch.autograd.grad(outputs, inputs, list(starts), create_graph=True, allow_unused=True)
    return [None if g is None or g.grad_fn is None else type(g.grad_fn).__name__ for g in found]


def names_by_gradcli(text: str, given: dict[str, Operand]) -> Named:
    """Return the same of gradcli's gradients."""
    bindings = {k: Binding(x.value, x.moves, optional=True) for k, x in given.items()}
    session = run(Source("call", f"result = {text}"), Options(bindings=bindings),
                  Request(backward=False))  # fmt: skip
    graph, scope = session.graph, session.tracer.scope
    outputs = [y for y in listed(scope["result"]) if isinstance(y, Node) and y.requires_grad]
    if not outputs:
        return []
    with graph.settings("gradient", True):
        roots = {y.id: graph.leaf(np.ones(y.shape, y.dtype)) for y in outputs}
        inputs = [scope[k].id for k, x in given.items() if x.moves]
        found = autodiff.gradients(graph, roots, inputs)
    return [None if g is None else graph.grad_fn(g.id) for g in found]


def names_apart(call: Call) -> str | None:
    """Say how the names of a call's gradients differ from PyTorch's, None where they do not."""
    from tests.ops.make_store import REFUSALS

    given = operands(call)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            expected, found = names_by_torch(call.text, given), names_by_gradcli(call.text, given)
    except (*REFUSALS, GradcliError):
        return None  # the comparison of values says which of the two refuses it, and why
    return None if found == expected else f"{found}, PyTorch's {expected}"


@pytest.mark.parametrize("name", ROWS)
def test_a_gradient_requires_one_where_pytorchs_does_and_has_its_name(name: str) -> None:
    for text, call in named_calls(name).items():
        found, known = names_apart(call), NAMED_OTHERWISE.get(text)
        assert found == known, f"{text}: {found}, listed is {known}"
