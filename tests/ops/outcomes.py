"""What a call gives: by gradcli, as the store has it, and what differs between two such."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gradcli import autodiff
from gradcli.errors import GradcliError, Source
from gradcli.graph import Node
from gradcli.rule.dtypes import DTYPES, Array
from gradcli.session import Request, run
from gradcli.trace import Binding, Options
from gradcli.trace.values import Results
from tests.ops.calls import FLOATS, Call, Operand, cotangent, family, operands

FOLDER = Path(__file__).parent / "store"
DIGITS = {"float32": 6, "complex64": 6}  # of the numbers in the store; 9 for other dtypes
NARROW = {"float16", "bfloat16", "float32", "complex64"}
TOLERANCES = {True: (2e-4, 2e-4), False: (1e-8, 1e-10)}  # where numbers are narrow, and elsewhere

# a dtype, a shape, a grad_fn: "" for a leaf with a gradient, None for what has none
Fact = tuple[str, tuple[int, ...], str | None]


class Outcome(NamedTuple):
    """Facts to compare exactly, and arrays to compare within tolerances.

    `second` are the gradients of the gradients by the operands and by what the gradients start
    from; None where there is no derivative of the derivative.
    """

    facts: list[Fact]
    values: list[Array]
    gradients: list[Array | None]
    second: list[Array | None] | None


class Refusal(NamedTuple):
    """What is said of a call that is refused."""

    message: str


def floats_of(call: Call) -> str:
    """Return the default dtype of a call."""
    return call.dtype if call.dtype in FLOATS else "float64"


# ---- gradcli -------------------------------------------------------------------------------


def by_gradcli(call: Call) -> Outcome | Refusal:
    """Run a call."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _run(call.text, operands(call), floats_of(call))
    except GradcliError as error:
        return Refusal(error.message)


def _run(text: str, given: Mapping[str, Operand], floats: str) -> Outcome:
    bindings = {k: Binding(x.value, x.moves, optional=True) for k, x in given.items()}
    session = run(
        Source("call", f"result = {text}"),
        Options(default_dtype=DTYPES[floats], bindings=bindings),
        Request(backward=False),
    )
    graph, scope = session.graph, session.tracer.scope
    results = listed(scope["result"])
    facts = [_fact(y) for y in results]
    arrays = [np.asarray(y.value if isinstance(y, Node) else y) for y in results]
    outputs = [y for y in results if isinstance(y, Node) and y.requires_grad]
    inputs = [scope[k].id for k, x in given.items() if x.moves]
    if not outputs:
        return Outcome(facts, arrays, [], [])
    rng = np.random.RandomState(1)
    with graph.settings("gradient", True):
        starts = [graph.leaf(cotangent(rng, y.shape, y.dtype), True) for y in outputs]
        roots = {y.id: g for y, g in zip(outputs, starts, strict=True)}
        found = autodiff.gradients(graph, roots, inputs)
    again = [g for g in found if g is not None and g.requires_grad]
    more: dict[int, Array] = {}
    for g in again:  # one node may be several gradients, as for a + b
        start = cotangent(rng, g.shape, g.dtype)
        more[g.id] = more[g.id] + start if g.id in more else start
    parameters = [*inputs, *(g.id for g in starts)]
    twice = again and floats == "float64"
    second = autodiff.gradient_values(graph, more, parameters) if twice else []
    return Outcome(facts, arrays, [None if g is None else g.value for g in found], second)


def listed(result: Any) -> list[Any]:
    """Return the results of a call, those in tuples of tuples as well."""
    if isinstance(result, tuple | list | Results):
        return [y for part in result for y in listed(part)]
    return [result]


def _fact(y: Any) -> Fact:
    """Return the fact of a result: a tensor, or something of Python's."""
    if not isinstance(y, Node):
        return (type(y).__name__, (), None)
    return (y.dtype.name, y.shape, (y.graph.grad_fn(y.id) or "") if y.requires_grad else None)


# ---- the store -----------------------------------------------------------------------------


def written(call: Call, outcome: Outcome | Refusal) -> str:
    """Return a call's line of the store."""
    parts: list[Any] = [call.row.name, call.key]
    if isinstance(outcome, Refusal):
        parts.append(outcome.message)
    else:
        results = [
            [*fact, _numbers(y)] for fact, y in zip(outcome.facts, outcome.values, strict=True)
        ]
        second = None if outcome.second is None else list(map(_numbers, outcome.second))
        parts += [results, list(map(_numbers, outcome.gradients)), second]
    return json.dumps(parts, separators=(",", ":"), ensure_ascii=False)


def _numbers(x: Array | None) -> list[Any] | None:
    """Return the elements of an array; a complex number is two, one after the other."""
    if x is None:
        return None
    digits = DIGITS.get(x.dtype.name, 9)
    flat = x.ravel()
    if x.dtype.kind == "c":
        flat = flat.view(flat.real.dtype)
    if x.dtype.kind != "f" and x.dtype.kind != "c":
        return [int(n) for n in flat]
    return [_short(float(n), digits) for n in flat]


def _short(x: float, digits: int) -> float | int:
    rounded = float(f"{x:.{digits}g}")
    whole = np.isfinite(rounded) and rounded == int(rounded) and abs(rounded) < 1e9
    return int(rounded) if whole and not (rounded == 0 and np.signbit(x)) else rounded


@cache
def stored(family: str) -> dict[tuple[str, str], list[Any]]:
    """Return the lines of a file of the store by row and call; none where it is missing."""
    path = FOLDER / f"{family}.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {(line[0], line[1]): line[2:] for line in map(json.loads, lines)}


def by_store(call: Call) -> Outcome | Refusal | None:
    """Return what PyTorch gave, None where the call is not in the store."""
    found = stored(family(call.row)).get((call.row.name, call.key))
    if found is None:
        return None
    if isinstance(found[0], str):
        return Refusal(found[0])
    results, gradients, second = found
    moving = [x.value for x in operands(call).values() if x.moves]
    values = [_array(numbers, dtype, shape) for dtype, shape, _, numbers in results]
    starts = [y for y, fact in zip(values, results, strict=True) if fact[2] is not None]
    return Outcome(
        [(dtype, tuple(shape), name) for dtype, shape, name, _ in results],
        values,
        [_like(n, x) for n, x in zip(gradients, moving, strict=False)],
        second and [_like(n, x) for n, x in zip(second, [*moving, *starts], strict=True)],
    )


def _like(numbers: list[Any] | None, x: Array) -> Array | None:
    return None if numbers is None else _array(numbers, x.dtype.name, x.shape)


def _array(numbers: list[Any], dtype: str, shape: Sequence[int]) -> Array:
    if dtype.startswith("complex"):
        flat = np.asarray(numbers, "float64").view("complex128")
    else:
        flat = np.asarray(numbers, DTYPES.get(dtype))
    return np.asarray(flat.astype(DTYPES.get(dtype, flat.dtype)).reshape(shape))


# ---- the comparison ------------------------------------------------------------------------


def difference(
    found: Outcome | Refusal, expected: Outcome | Refusal, slack: float = 1
) -> str | None:
    """Say what differs first, None where nothing does; words of refusals may differ."""
    if isinstance(expected, Refusal):
        return None if isinstance(found, Refusal) else f"PyTorch refuses it: {expected.message}"
    if isinstance(found, Refusal):
        return f"it is refused: {found.message}"
    if found.facts != expected.facts:
        return f"it is {found.facts}, PyTorch's is {expected.facts}"
    arrays = [*expected.values, *(g for g in expected.gradients if g is not None)]
    rtol, atol = TOLERANCES[any(x.dtype.name in NARROW for x in arrays)]
    within = (slack * rtol, slack * atol)
    pairs: list[tuple[str, Sequence[Array | None], Sequence[Array | None]]] = [
        ("value", found.values, expected.values),
        ("gradient", found.gradients, expected.gradients),
    ]
    if found.second and expected.second and all(x.size for x in expected.values):
        pairs.append(("gradient of the gradient", found.second, expected.second))
    for what, ours, theirs in pairs:
        for a, b in zip(ours, theirs, strict=True):
            if a is None or b is None:
                if not _negligible(a if b is None else b, within[1]):
                    return f"a {what} is {a}, PyTorch's is {b}"
            elif a.dtype != b.dtype:
                return f"the dtype of a {what} is {a.dtype}, PyTorch's is {b.dtype}"
            elif not _close(a, b, within):
                return f"a {what} is {a}, PyTorch's is {b}"
    return None


def _close(a: Array, b: Array, within: tuple[float, float]) -> bool:
    with np.errstate(all="ignore"):
        return bool(np.allclose(a, b, *within, equal_nan=True))


def _negligible(x: Array | None, atol: float) -> bool:
    """Say whether a gradient is as good as none: PyTorch makes no difference between the two."""
    return x is None or bool(np.all(np.isnan(x) | (np.abs(x) <= atol)))
