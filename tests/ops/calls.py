"""The calls that the store holds: a row's examples, its attributes off their defaults, and more.

A call is a text that gradcli and PyTorch both evaluate, and the tensors that it names. Everything
about it follows from the row and the lists here, bit for bit, so that only results are stored.
"""

from __future__ import annotations

import ast
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gradcli.ops import FUNCTIONS, Primitive, Row
from gradcli.rule.dtypes import Array
from gradcli.rule.rule import REAL, Elementwise, Interval
from gradcli.rule.signature import REQUIRED, Parameter
from tests.ops.cases import Shape, domain, examples

# what n, m and the batch are, for the letters v (n,), M (m, n), A (n, n) and T (batch, n, n)
SIZES = [(3, 2, 2), (1, 1, 1), (4, 1, 3), (0, 2, 2), (3, 0, 0)]
OPERANDS: list[tuple[Shape, ...]] = [
    ((3,), (3,), (3,)), ((2, 3), (3,), ()), ((), (), ()), ((0,), (1,), ()), ((1,), (1,), (1,)),
    ((2, 1, 3), (4, 1), (3,)), ((3,), (), (2, 1)), ((2, 0), (1, 0), (1, 1)),
]  # fmt: skip
FLOATS = ("float64", "float32")
DTYPES = (*FLOATS, "int64", "bool", "complex128")

# tensors of a shape of their own: drawn in the dtype of the call
SHAPES: dict[str, Shape] = {
    "signal": (2, 2, 6), "image": (1, 2, 5, 4), "volume": (1, 2, 3, 4, 3), "square": (1, 4, 2, 2),
    "line_kernel": (2, 2, 3), "kernel": (2, 2, 3, 2), "cube_kernel": (2, 2, 2, 2, 2),
    "heads": (1, 4, 2, 3), "long": (9,), "wide": (2, 5), "queries": (4, 1, 3),
    "in_weight": (18, 6), "in_bias": (18,), "out_weight": (6, 6),
}  # fmt: skip
COMPLEX: dict[str, Shape] = {"z": (3,), "Z": (2, 3), "C": (3, 3)}
NAN, INF = float("nan"), float("inf")
CONSTANTS: dict[str, Array] = {
    "odd": np.array([NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -2.5, 3.0, 30.0, -30.0,
                     1e10, 1e-10]),
    "ints": np.array([[-4, 0, 3], [6, -9, 12]]),
    "more_ints": np.array([[6, 5, -2], [-4, 3, 8]]),
    "small": np.array([[0, 2, 1], [2, 2, 0]]),
    "mask": np.array([[True, False, True], [False, False, True]]),
    "holes": np.array([[1.0, NAN, 3.0], [NAN, -2.0, 5.0]]),
}  # fmt: skip
# kinks and ties: these have a gradient
KINKS: dict[str, Array] = {
    "ties": np.array([[2.0, 1.0, 2.0, 1.0], [3.0, 3.0, 0.0, -1.0]]),
    "whole": np.array([[-3.0, 2.0, 0.0], [6.0, -1.0, 3.0]]),
}

# what elementwise rows are called with, besides what is drawn
SPECIAL = (
    ("odd", "odd[:, None]", "2.0"), ("whole", "whole.flip(0)", "whole + 1"),
    ("ints", "more_ints", "small"), ("mask", "mask.flip(1)", "mask"),
    ("M.T", "(M * 2).T", "(M + 1).T"),
)  # fmt: skip
NUMBERS = (("v", "2"), ("v", "0.5"), ("3", "v"), ("v", "s"))

# attributes: what they are besides their defaults, by name, else by kind
NAMED: dict[str, tuple[str, ...]] = {
    "reduction": ("'sum'", "'none'", "'mean'", "'total'"),
    "rounding_mode": ("'floor'", "'trunc'", "'up'"),
    "approximate": ("'tanh'", "'none'", "'erf'"),
    "interpolation": ("'lower'", "'higher'", "'midpoint'", "'nearest'", "'cubic'"),
    "norm": ("'ortho'", "'forward'", "'backward'", "'unit'"),
    "UPLO": ("'U'", "'L'", "'X'"),
    "side": ("'right'", "'left'", "'up'"),
    "indexing": ("'xy'", "'ij'", "'yx'"),
    "driver": ("'gels'", "'gelsd'", "'none'"),
    "reduce": ("'sum'", "'prod'", "'mean'", "'amax'", "'amin'", "'add'", "'multiply'", "'norm'"),
    "mode": ("'linear'", "'nearest'", "'nearest-exact'", "'bilinear'", "'bicubic'", "'area'",
             "'reflect'", "'replicate'", "'circular'", "'constant'", "'complete'", "'r'"),
    "padding_mode": ("'border'", "'reflection'", "'zeros'", "'wrap'"),
    "compute_mode": ("'use_mm_for_euclid_dist'", "'donot_use_mm_for_euclid_dist'"),
    "p": ("1", "3", "0", "inf", "0.5", "-inf", "2"),
    "ord": ("1", "3", "0", "inf", "-inf", "2", "-2", "0.5", "'fro'", "'nuc'", "'bogus'"),
    "q": ("0.25", "1", "tensor([0.1, 0.9])", "1.5"),
    "correction": ("0", "2", "1", "0.5", "3"),
    "size": ("5", "(2, 4)", "1"),
    "scale_factor": ("2", "0.6", "1.5"),
    "padding": ("1", "0", "'same'", "'valid'", "2", "-1"),
    "stride": ("2", "1", "3", "0"),
    "dilation": ("2", "1", "0"),
    "groups": ("2", "1", "3", "0"),
    "output_size": ("1", "2", "3"),
    "max_norm": ("0.5",),
    "repeats": ("2", "0", "tensor([1, 2])", "tensor([0, 2, 1])"),
    "eps": ("0.1", "1e-3"),
    "num_groups": ("1", "3", "2"),
    "bins": ("4", "1", "0"),
    "generator": (),
}  # fmt: skip
KINDS: dict[str, tuple[str, ...]] = {
    "dim": ("-1", "0", "1", "-2", "7"),
    "dims": ("-1", "0", "(0, 1)", "(-1, 0)", "()", "7"),
    "int": ("2", "0", "-1", "1", "3"),
    "number": ("0.3", "2", "-1.5", "0"),
    "scalar": ("0.3", "2", "-1.5", "0"),
    "bool": ("True", "False"),
    "dtype": ("float32", "complex128", "int64"),
    "sizes": ("1", "2", "(2, 1)", "0"),
    "tensor": ("v", "M", "s"),
    "any": ("-1", "0", "1", "(0, 1)", "2"),
}
# no call is made of these: PyTorch reads what is not there, and its process ends
FATAL = ("None, None, False",)  # a batch norm in evaluation without running statistics
# kinds that are given what another is; one of several kinds is given what "any" is
LIKE = {"real": "number", "index": "tensor", "arrays": "tensors", "operand": "any", "axes": "any",
        "outputs": "any"}  # fmt: skip
SPACES = {"F", "torch", "linalg", "fft", "special", "nn"}
WRITTEN = Path(__file__).parent / "calls.txt"


class Call(NamedTuple):
    """A text, the dtype of its tensors, and their shapes."""

    row: Row
    text: str
    dtype: str
    shapes: Mapping[str, Shape]

    @property
    def key(self) -> str:
        """The name that the call has in the store."""
        return f"{self.text} on {self.dtype} {list(self.shapes.values())}"


# the rows that a file calls by PyTorch's names; np.cumsum and its kin are NumPy's
ROWS = {row.name: row for row in FUNCTIONS.values() if not row.name.startswith("np.")}


def family(row: Row) -> str:
    """Return the name of the file in which a row stands."""
    return FUNCTIONS.homes[row.name].rpartition(".")[2]


@cache
def written() -> dict[str, list[str]]:
    """Return the calls of calls.txt by row."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in WRITTEN.read_text(encoding="utf-8").splitlines():
        if line.startswith("    "):
            found[name] += [text.strip() for text in line.split(";") if text.strip()]
        elif line and not line.startswith("#"):
            name = line
            assert name not in found, f"{name} is there twice"
            found[name] = []
    return found


@cache
def calls(row: Row) -> list[Call]:
    """Return all calls of a row, each once."""
    every = {call.key: call for call in _calls(row) if not any(x in call.text for x in FATAL)}
    return list(every.values())


def _calls(row: Row) -> Iterator[Call]:
    shown = examples(row)
    for text in shown:
        letters = names_of(text)
        for sizes in SIZES if letters & set(sized(*SIZES[0])) - {"s"} else SIZES[:1]:
            yield _call(row, text, "float64", sizes)
        yield _call(row, text, "float32")
        yield apart(row, text)
    more = written().get(row.name, [])
    for text in more:
        yield _call(row, text, "float64")
    for i, text in enumerate((*shown, *more[: max(0, 2 - len(shown))])):
        for other in varied(row, text, pairs=i == 0):
            yield _call(row, other, "float64")
        for dtype in DTYPES[1:] if i < 2 else ():
            yield _call(row, text, dtype)
    if is_elementwise(row):
        yield from _elementwise_calls(row)


def _call(row: Row, text: str, dtype: str, sizes: tuple[int, int, int] = SIZES[0]) -> Call:
    known = sized(*sizes) | SHAPES | COMPLEX | {k: x.shape for k, x in KINKS.items()}
    known |= {k: x.shape for k, x in CONSTANTS.items()}
    names = names_of(text)
    return Call(row, text, dtype, {k: shape for k, shape in known.items() if k in names})


def sized(n: int, m: int, batch: int) -> dict[str, Shape]:
    """Return the shapes of the letters of examples."""
    return {"s": (), "v": (n,), "M": (m, n), "A": (n, n), "T": (batch, n, n)}


def names_of(text: str) -> set[str]:
    """Return the names that stand in a text."""
    return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}


def is_elementwise(row: Row) -> bool:
    """Say whether a row works element by element."""
    return isinstance(row, Primitive) and (
        isinstance(row.derivative, Elementwise) or (row.derivative is None and row.numbers)
    )


def _elementwise_calls(row: Row) -> Iterator[Call]:
    """Yield an elementwise row's calls over shapes, dtypes, numbers and special values."""
    if not direct(row):
        return
    count = len(row.signature.tensors)
    names = "abc"[:count]
    text = _text(row, names)
    for shapes in OPERANDS:
        yield Call(row, text, "float64", dict(zip(names, shapes, strict=False)))
    for dtype in DTYPES[1:]:
        for shapes in OPERANDS[:2]:
            yield Call(row, text, dtype, dict(zip(names, shapes, strict=False)))
    for other in varied(row, text, pairs=True):
        yield Call(row, other, "float64", dict(zip(names, OPERANDS[0], strict=False)))
    for given in SPECIAL:
        yield _call(row, _text(row, given[:count]), "float64")
    for numbers in NUMBERS if count == 2 else ():
        for dtype in ("float64", "int64"):
            yield _call(row, _text(row, numbers), dtype)


def _text(row: Row, given: Sequence[str]) -> str:
    """Return the text of a call; what is changed in place is a copy."""
    if row.name.endswith("_"):
        return f"({given[0]} * 1).{row.name}({', '.join(given[1:])})"
    return f"{row.name}({', '.join(given)})"


def direct(row: Row) -> bool:
    """Say whether a row is called with tensors alone."""
    return all(p.kind == "tensor" or p.default is not REQUIRED for p in row.signature.parameters)


# ---- attributes ----------------------------------------------------------------------------


def varied(row: Row, text: str, pairs: bool) -> Iterator[str]:
    """Yield a call with each attribute set to what it is not, and with two of them."""
    choices = {p.name: choice(p) for p in row.signature.parameters if choice(p)}
    if row.name == "linalg.lstsq":  # PyTorch leaves gelsy's pivots unset: each run gives another
        del choices["rcond"]
    for name, values in choices.items():
        for value in values:
            yield from changed(row, text, {name: value})
    for one, other in combinations(choices, 2) if pairs else ():
        for i in range(2):
            yield from changed(
                row, text, {k: choices[k][i % len(choices[k])] for k in (one, other)}
            )


def choice(parameter: Parameter) -> tuple[str, ...]:
    """Return what an attribute is given, as texts; nothing for a tensor that must be there."""
    kind = parameter.kind.rstrip("?")
    kind = "any" if "|" in kind else LIKE.get(kind, kind)
    if kind == "tensors" or (kind == "tensor" and parameter.default is not None):
        return ()
    if parameter.name in ("dim", "axis", "dims") and kind in ("any", "int"):
        kind = "dim" if kind == "int" else "dims"
    found = NAMED.get(parameter.name, KINDS.get(kind, ()))
    return tuple(x for x in found if x != repr(parameter.default))


def changed(row: Row, text: str, values: Mapping[str, str]) -> Iterator[str]:
    """Yield a text in which the call of a row has other attributes, where it is such a call."""
    tree = ast.parse(text, mode="eval")
    names = {name.rpartition(".")[2] for name in (row.name, *row.aliases)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _named(node) in names:
            positions = [p.name for p in row.signature.parameters][_is_method(node) :]
            if len(node.args) > len(positions) or any(
                isinstance(x, ast.Starred) for x in node.args
            ):
                return
            for name, value in values.items():
                _set(node, positions, name, ast.parse(value, mode="eval").body)
            yield ast.unparse(tree)
            return


def _set(node: ast.Call, positions: list[str], name: str, value: ast.expr) -> None:
    if name in positions[: len(node.args)]:
        node.args[positions.index(name)] = value
        return
    node.keywords = [k for k in node.keywords if k.arg != name]
    node.keywords.append(ast.keyword(name, value))


def _named(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _is_method(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and not (
        isinstance(node.func.value, ast.Name) and node.func.value.id in SPACES
    )


class _Apart(ast.NodeTransformer):
    """Puts views in the places of letters: matrices transposed, every other element of vectors."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in ("M", "A", "T"):
            return ast.parse(f"{node.id}.mT", mode="eval").body
        return ast.parse("v[::2]", mode="eval").body if node.id == "v" else node


def apart(row: Row, text: str) -> Call:
    """Return a call on tensors whose elements do not lie one after another."""
    n, m, batch = SIZES[0]
    text = ast.unparse(_Apart().visit(ast.parse(text, mode="eval")))
    known = {"v": (2 * n - 1,), "M": (n, m), "A": (n, n), "T": (batch, n, n), "s": ()}
    call = _call(row, text, "float64")
    return call._replace(shapes={k: known.get(k, shape) for k, shape in call.shapes.items()})


# ---- operands ------------------------------------------------------------------------------


class Operand(NamedTuple):
    """A tensor, and whether it has a gradient."""

    value: Array
    moves: bool


def operands(call: Call) -> dict[str, Operand]:
    """Return the tensors of a call, always the same ones: the stream of RandomState is frozen."""
    rng = np.random.RandomState(zlib.crc32(call.text.encode()))
    slots = {"a": 0, "b": 1, "c": 2}
    found = {}
    for name, shape in call.shapes.items():
        if name in CONSTANTS:
            found[name] = Operand(CONSTANTS[name], False)
            continue
        if name in KINKS:
            found[name] = Operand(KINKS[name], True)
            continue
        dtype = "complex128" if name in COMPLEX else call.dtype
        x = drawn(rng, shape, domain(call.row, slots.get(name, 0)), dtype)
        found[name] = Operand(x, x.dtype.kind in "fc")
    return found


def drawn(rng: np.random.RandomState, shape: Shape, interval: Interval, dtype: str) -> Array:
    """Draw a tensor of a dtype from the inside of an interval, away from its ends and from 0."""
    low, high = interval
    unit = 0.15 + 0.7 * rng.random_sample(shape)
    if interval == REAL:
        x = (0.1 + 2 * unit) * np.where(rng.random_sample(shape) < 0.5, -1.0, 1.0)
    elif np.isinf(high):
        x = low + 0.1 + 2 * unit
    elif np.isinf(low):
        x = high - 0.1 - 2 * unit
    else:
        x = low + (high - low) * unit
    if dtype == "complex128":
        return np.asarray(x + 1j * (0.2 + 0.7 * rng.random_sample(shape)))
    if dtype == "bool":
        return np.asarray(unit > 0.5)
    return np.asarray(np.rint(2 * x) if dtype == "int64" else x).astype(dtype)


def cotangent(rng: np.random.RandomState, shape: Any, dtype: Any) -> Array:
    """Draw what a gradient starts from."""
    x = 2 * rng.random_sample(tuple(shape)) - 1
    if np.dtype(dtype).kind == "c":
        x = x + 1j * (2 * rng.random_sample(tuple(shape)) - 1)
    return np.asarray(x).astype(dtype)
