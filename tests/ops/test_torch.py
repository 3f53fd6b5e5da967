"""Every row against the PyTorch that is installed: values, dtypes, names, two orders of gradient.

One text is run by both: by gradcli, and by Python with PyTorch's names. Where PyTorch refuses a
call, gradcli may give an answer, and must not crash. `torch_differences.txt` lists the calls on
which the two differ, how, and why that is right; `--update-golden` takes off what agrees, and
nothing puts a call on it.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from gradcli import autodiff
from gradcli.errors import GradcliError, Source
from gradcli.graph import Node
from gradcli.ops import FUNCTIONS, Primitive, Row
from gradcli.ops.dtypes import DTYPES, Array
from gradcli.ops.rule import Elementwise, Interval
from gradcli.session import Request, run
from gradcli.trace import Binding, Options
from gradcli.trace.values import Results
from tests.ops.cases import LETTERS, Shape, domain, draw, examples, letters_of

torch: Any = pytest.importorskip("torch")
torch.set_num_threads(1)  # the tensors are small, and the tests run in parallel

# what n, m and the batch are, for the letters v (n,), M (m, n), A (n, n) and T (batch, n, n)
SIZES = [(3, 2, 2), (1, 1, 1), (4, 1, 3), (0, 2, 2), (3, 0, 0)]
OPERANDS: list[tuple[Shape, ...]] = [
    ((), (), ()), ((3,), (3,), (3,)), ((0,), (1,), ()), ((1,), (1,), (1,)), ((2, 3), (3,), ()),
    ((2, 1, 3), (4, 1), (3,)), ((3,), (), (2, 1)), ((2, 0), (1, 0), (1, 1)),
]  # fmt: skip
FLOATS = ["float64", "float32"]
OTHERS = ["int64", "bool", "complex128"]
TOLERANCES = {"float64": (1e-8, 1e-10), "complex128": (1e-9, 1e-10), "float32": (2e-4, 2e-4)}

REFUSALS = (
    RuntimeError,
    TypeError,
    IndexError,
    ValueError,
    NameError,
    AttributeError,
    AssertionError,
)

DIFFERENCES = Path(__file__).parent / "torch_differences.txt"
KNOWN = {line.split("\t")[0]: line for line in DIFFERENCES.read_text().splitlines()}


class Call(NamedTuple):
    """A text and the tensors that it names."""

    row: Row
    text: str
    shapes: Mapping[str, Shape]


def sized(n: int, m: int, batch: int) -> dict[str, Shape]:
    return {"s": (), "v": (n,), "M": (m, n), "A": (n, n), "T": (batch, n, n)}


def calls(row: Row) -> Iterator[Call]:
    """Return the calls of a row, over shapes."""
    for text in examples(row):
        letters = letters_of(text)
        for sizes in SIZES if set(letters) - {"s"} else SIZES[:1]:
            yield Call(row, text, {k: sized(*sizes)[k] for k in letters})
        if set(letters) == {"v"} and is_elementwise(row):
            for shapes in OPERANDS:
                yield Call(row, text, {"v": shapes[0]})
    if is_elementwise(row) and all(p.kind == "tensor" for p in row.signature.parameters[:1]):
        names = "abc"[: len(row.signature.tensors)]
        for shapes in OPERANDS:
            yield Call(
                row, f"{row.name}({', '.join(names)})", dict(zip(names, shapes, strict=False))
            )


def is_elementwise(row: Row) -> bool:
    return isinstance(row, Primitive) and (
        isinstance(row.derivative, Elementwise) or (row.derivative is None and row.numbers)
    )


ROWS = {row.name: row for row in FUNCTIONS.values()}


class Outcome(NamedTuple):
    """What a call gives: facts to compare exactly, and arrays to compare within tolerances."""

    facts: list[tuple[str, Shape, str | None]]
    values: list[Array]
    gradients: list[Array | None]
    second: list[Array | None] | None


class Names(dict[str, Any]):
    """PyTorch's names, wherever they live."""

    def __missing__(self, name: str) -> Any:
        if name in ("torch", "F"):
            return torch if name == "torch" else torch.nn.functional
        for home in (torch, torch.nn.functional, torch.special):
            if hasattr(home, name):
                return getattr(home, name)
        raise NameError(name)


@contextmanager
def default_dtype(name: str) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, name))
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_default_dtype(before)


def random(rng: np.random.Generator, shape: Any, dtype: Any) -> Array:
    drawn = rng.uniform(-1, 1, tuple(shape))
    if np.dtype(dtype).kind == "c":
        drawn = drawn + 1j * rng.uniform(-1, 1, tuple(shape))
    return np.asarray(drawn).astype(dtype)


def by_torch(text: str, values: Mapping[str, Array], floats: str) -> Outcome:
    """Run a text with PyTorch."""
    names = Names()
    for name, x in values.items():
        names[name] = torch.tensor(x, requires_grad=x.dtype.kind in "fc")
    with default_dtype(floats):
        result = eval(text, {}, names)
    results = tuple(result) if isinstance(result, tuple | list) else (result,)
    inputs = [names[k] for k in values]
    facts = [
        (str(y.dtype)[6:], tuple(y.shape), None if y.grad_fn is None else type(y.grad_fn).__name__)
        for y in results
    ]
    arrays = [y.detach().resolve_conj().resolve_neg().numpy() for y in results]
    outputs = [y for y in results if y.requires_grad]
    if not outputs:
        return Outcome(facts, arrays, [], None)
    rng = np.random.default_rng(1)
    starts = [torch.tensor(random(rng, y.shape, str(y.dtype)[6:]), requires_grad=True)
              for y in outputs]  # fmt: skip
    found = torch.autograd.grad(outputs, inputs, starts, create_graph=True, allow_unused=True)
    again = [g for g in found if g is not None and g.requires_grad]
    second: list[Array | None] | None = []
    if again:
        more = [torch.tensor(random(rng, g.shape, str(g.dtype)[6:])) for g in again]
        try:
            parameters = [*inputs, *starts]
            second = [_array(g) for g in
                      torch.autograd.grad(again, parameters, more, allow_unused=True)]  # fmt: skip
        except RuntimeError:
            second = None  # it has no derivative of that derivative
    return Outcome(facts, arrays, [_array(g) for g in found], second)


def _array(g: Any) -> Array | None:
    return None if g is None else np.asarray(g.detach().resolve_conj().resolve_neg().numpy())


def by_gradcli(text: str, values: Mapping[str, Array], floats: str) -> Outcome:
    """Run a text with gradcli."""
    bindings = {k: Binding(x, x.dtype.kind in "fc", optional=True) for k, x in values.items()}
    session = run(
        Source("call", f"result = {text}"),
        Options(default_dtype=DTYPES[floats], bindings=bindings),
        Request(backward=False),
    )
    graph, scope = session.graph, session.tracer.scope
    result = scope["result"]
    results: tuple[Node, ...] = (
        tuple(result) if isinstance(result, tuple | list | Results) else (result,)
    )
    facts = [(y.dtype.name, y.shape, graph.grad_fn(y.id)) for y in results]
    arrays = [y.value for y in results]
    outputs = [y for y in results if y.requires_grad]
    if not outputs:
        return Outcome(facts, arrays, [], None)
    rng = np.random.default_rng(1)
    inputs = [scope[k].id for k in values]
    with graph.settings("gradient", True):
        starts = [graph.leaf(random(rng, y.shape, y.dtype), True) for y in outputs]
        roots = {y.id: g for y, g in zip(outputs, starts, strict=True)}
        found = autodiff.gradients(graph, roots, inputs)
    again = [g for g in found if g is not None and g.requires_grad]
    more: dict[int, Array] = {}
    for g in again:  # one node may be several gradients, as for a + b
        drawn = random(rng, g.shape, g.dtype)
        more[g.id] = more[g.id] + drawn if g.id in more else drawn
    parameters = [*inputs, *(g.id for g in starts)]
    second = autodiff.gradient_values(graph, more, parameters) if again else []
    return Outcome(facts, arrays, [None if g is None else g.value for g in found], second)


def key(call: Call, dtype: str) -> str:
    """Return the name that a call has in the list of differences."""
    return f"{call.text} on {dtype} {list(call.shapes.values())}"


def difference(call: Call, dtype: str) -> str | None:
    """Say what differs first between PyTorch and gradcli, None where nothing does."""
    rng = np.random.default_rng(zlib.crc32(call.text.encode()))
    one = call.text in examples(call.row)
    values = {
        k: operand(rng, shape, domain(call.row, 0 if one else i), dtype)
        for i, (k, shape) in enumerate(call.shapes.items())
    }
    floats = dtype if dtype in FLOATS else "float64"
    try:
        expected = by_torch(call.text, values, floats)
    except REFUSALS:
        expected = None
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = by_gradcli(call.text, values, floats)
    except GradcliError as error:
        return None if expected is None else f"it is refused: {error.message}"
    except Exception as error:  # a crash is what this test is there to find
        return f"it crashes: {error!r}"
    if expected is None:
        return None
    if found.facts != expected.facts:
        return f"it is {found.facts}, PyTorch's is {expected.facts}"
    return _compared(found, expected, TOLERANCES.get(dtype, (1e-8, 1e-10)))


def operand(rng: np.random.Generator, shape: Shape, interval: Interval, dtype: str) -> Array:
    """Draw a tensor of a dtype from the inside of an interval."""
    drawn = draw(rng, shape, interval)
    if dtype == "complex128":
        return np.asarray(drawn + 1j * rng.uniform(0.2, 0.9, shape))
    return np.asarray(np.ceil(np.abs(drawn)) if dtype in ("int64", "bool") else drawn).astype(dtype)


def _compared(found: Outcome, expected: Outcome, tolerances: tuple[float, float]) -> str | None:
    pairs: list[tuple[str, Sequence[Array | None], Sequence[Array | None]]] = [
        ("value", found.values, expected.values),
        ("gradient", found.gradients, expected.gradients),
    ]
    if found.second and expected.second and all(x.size for x in expected.values):
        pairs.append(("gradient of the gradient", found.second, expected.second))
    for what, ours, theirs in pairs:
        for a, b in zip(ours, theirs, strict=True):
            if a is None or b is None:
                if not _negligible(a if b is None else b, tolerances[1]):
                    return f"a {what} is {a}, PyTorch's is {b}"
            elif a.dtype != b.dtype:
                return f"the dtype of a {what} is {a.dtype}, PyTorch's is {b.dtype}"
            elif not np.allclose(a, b, *tolerances, equal_nan=True):
                return f"a {what} is {a}, PyTorch's is {b}"
    return None


def _negligible(x: Array | None, atol: float) -> bool:
    """Say whether a gradient is as good as none: PyTorch makes no difference between the two."""
    return x is None or bool(np.all(np.isnan(x) | (np.abs(x) <= atol)))


def compare(calls: Iterable[Call], dtype: str, updating: bool) -> None:
    """Compare calls, those that are known to differ the other way round."""
    for call in calls:
        found, listed = difference(call, dtype), key(call, dtype) in KNOWN
        assert found is None or listed, f"{key(call, dtype)}: {found}"
        assert found is not None or not listed or updating, (
            f"{key(call, dtype)} agrees: take it off the list with pytest --update-golden"
        )


def taken(row: Row, dtype: str) -> list[Call]:
    """Return the calls of a row that are compared in a dtype."""
    if dtype in FLOATS:
        return list(calls(row))
    return list(calls(row))[:2] if is_elementwise(row) else []


@pytest.mark.parametrize("dtype", FLOATS + OTHERS)
@pytest.mark.parametrize("name", ROWS)
def test_values_dtypes_names_and_two_orders_of_gradients_are_pytorchs(
    name: str, dtype: str, request: pytest.FixtureRequest
) -> None:
    compare(taken(ROWS[name], dtype), dtype, request.config.getoption("--update-golden"))


def test_the_list_of_differences_only_shrinks(request: pytest.FixtureRequest) -> None:
    every = {
        key(call, dtype): (call, dtype)
        for row in ROWS.values()
        for dtype in FLOATS + OTHERS
        for call in taken(row, dtype)
    }
    left = {k: line for k, line in KNOWN.items() if k in every}
    if request.config.getoption("--update-golden"):
        left = {k: line for k, line in left.items() if difference(*every[k]) is not None}
        DIFFERENCES.write_text("".join(f"{line}\n" for line in left.values()))
        return
    assert all(len(line.split("\t")) == 3 for line in KNOWN.values()), "a reason is missing"
    assert left == KNOWN, "a call is listed that no row makes: pytest --update-golden removes it"
    assert len(every) > 8000
    assert set(LETTERS) == set(sized(3, 2, 2))
