"""Write the files of tests/ops/store: what PyTorch computes, and what it refuses.

Run it in the checkout with PyTorch 2.13:

    python -m tests.ops.make_store                 every call anew
    python -m tests.ops.make_store --new           the calls that are not there yet
    python -m tests.ops.make_store --check         say whether the store is current, write nothing

A line of a file is a call: its row, its text with dtype and shapes, then either PyTorch's words of
refusal, or its results (dtype, shape, grad_fn, numbers), the gradients of the operands, and the
gradients of these.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from gradcli.rule.dtypes import Array
from tests.ops.calls import ROWS, Call, Operand, calls, cotangent, family, operands
from tests.ops.outcomes import (
    FOLDER,
    Fact,
    Outcome,
    Refusal,
    by_store,
    difference,
    floats_of,
    listed,
    stored,
    written,
)

REFUSALS = (
    RuntimeError,
    TypeError,
    IndexError,
    ValueError,
    AttributeError,
    AssertionError,
    NotImplementedError,
    ZeroDivisionError,
)


class Names(dict[str, Any]):
    """PyTorch's names, wherever they live."""

    def __missing__(self, name: str) -> Any:
        if name in ("torch", "F"):
            return torch if name == "torch" else torch.nn.functional
        for home in (torch, torch.nn.functional, torch.special):
            if hasattr(home, name):
                return getattr(home, name)
        raise KeyError(name)


@contextmanager
def default_dtype(name: str) -> Iterator[None]:
    """Make a dtype that of Python's numbers, without PyTorch's warnings."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, name))
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_default_dtype(before)


def by_torch(call: Call) -> Outcome | Refusal:
    """Run a call with PyTorch; what is drawn at random is drawn from the seed that a file has."""
    torch.manual_seed(0)
    with default_dtype(floats_of(call)):
        try:
            return _run(call.text, operands(call), twice=floats_of(call) == "float64")
        except REFUSALS as error:
            first = str(error).strip().partition("\n")[0]
            return Refusal(f"{type(error).__name__}: {first[:120]}")


def _run(text: str, given: Mapping[str, Operand], twice: bool) -> Outcome:
    tensors = {k: torch.tensor(x.value, requires_grad=x.moves) for k, x in given.items()}
    results = listed(eval(text, {}, Names(tensors)))
    inputs = [tensors[k] for k, x in given.items() if x.moves]
    facts = [_fact(y) for y in results]
    arrays = [_array(y) if isinstance(y, torch.Tensor) else np.asarray(y) for y in results]
    outputs = [y for y in results if isinstance(y, torch.Tensor) and y.requires_grad]
    if not outputs:
        return Outcome(facts, arrays, [], [])
    rng = np.random.RandomState(1)
    starts = [torch.tensor(cotangent(rng, y.shape, _dtype(y)), requires_grad=True)
              for y in outputs]  # fmt: skip
    found = torch.autograd.grad(outputs, inputs, starts, create_graph=True, allow_unused=True)
    again = [g for g in found if g is not None and g.requires_grad]
    second: list[Array | None] | None = []
    if again and twice:
        more = [torch.tensor(cotangent(rng, g.shape, _dtype(g))) for g in again]
        try:
            second = [
                None if g is None else _array(g)
                for g in torch.autograd.grad(again, [*inputs, *starts], more, allow_unused=True)
            ]
        except RuntimeError:
            second = None  # it has no derivative of that derivative
    return Outcome(facts, arrays, [None if g is None else _array(g) for g in found], second)


def _fact(y: Any) -> Fact:
    if not isinstance(y, torch.Tensor):
        return (type(y).__name__, (), None)
    name = None if not y.requires_grad else type(y.grad_fn).__name__ if y.grad_fn else ""
    return (_dtype(y), tuple(y.shape), name)


def _dtype(y: torch.Tensor) -> str:
    return str(y.dtype)[6:]


def _array(y: torch.Tensor) -> Array:
    if y._is_zerotensor():  # a gradient that PyTorch knows to be 0 has no memory
        return np.zeros(y.shape, _dtype(y))
    dense = y.detach().to_dense() if y.is_sparse else y.detach()
    return np.asarray(dense.resolve_conj().resolve_neg().numpy())


def outdated(call: Call) -> str | None:
    """Say in what the store is not what PyTorch computes, None where it is."""
    known = by_store(call)
    if known is None:
        return "it is not in the store"
    return difference(by_torch(call), known, slack=10)  # another processor rounds otherwise


def main(option: str = "") -> int:
    """Write the files, or say what is not current."""
    torch.set_num_threads(1)
    lines: dict[str, list[str]] = {family(row): [] for row in ROWS.values()}
    every = [call for row in ROWS.values() for call in calls(row)]
    if option == "--check":
        said = [f"{call.row.name}: {call.key}: {why}" for call in every if (why := outdated(call))]
        kept = {(call.row.name, call.key) for call in every}
        left = {key for name in lines for key in stored(name)} - kept
        said += [f"{name}: {key}: no row makes this call" for name, key in sorted(left)]
        print("\n".join(said) or f"the store is current: {len(every)} calls")
        return bool(said)
    for call in every:
        known = by_store(call) if option == "--new" else None
        lines[family(call.row)].append(written(call, known or by_torch(call)))
    FOLDER.mkdir(exist_ok=True)
    for name, texts in lines.items():
        if texts:
            (FOLDER / f"{name}.jsonl").write_text("\n".join(texts) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
