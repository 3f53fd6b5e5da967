"""What an exported script is made of: lines in a library's words, and arrays beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Literal, NamedTuple

import numpy as np

from gradcli.export.torch_words import paths
from gradcli.formula import dialects
from gradcli.formula.dialects import Dialect
from gradcli.rule.dtypes import Array, DType

Target = Literal["torch", "jax", "numpy"]

LINE_END = re.compile(r"\r\n?|\n")  # in a file, as Python has it
MOST = 100  # elements of an array that is written out
FEW = 20  # elements that the table shows each of
WIDTH = 92
FROM_DATA = "data = np.load(Path(__file__).with_suffix('.npz'))"


# functions that leave the dtype of an array as it is; those of numbers alone give doubles
CALM = re.compile(
    r"j?np\.(?:(?:sum|mean|dot|outer|ones|zeros|eye)\("
    r"|(?:exp|log|sin|cos|tan|tanh|sqrt|abs|reshape)"
    r"\((?=[-(]*(?:[\d.]+ ?\* ?)?(?!j?np\.)[a-zA-Z_]))"
)
WIDENS = re.compile(r"[\w.]\(|[<>!&|~]|==|\[")  # another function, a mask, an index


@dataclass(frozen=True)
class Library:
    """How a library spells a script.

    `array` makes one of numbers, `taken_over` of an array of NumPy, `cut` what no gradient passes.
    `own` is the dtype of its own floats, "" where it is the run's.
    """

    dialect: Dialect
    short: str
    array: str
    taken_over: str
    cut: str
    own: str = ""

    def narrow(self, dtype: DType) -> str:
        """Return a dtype of floats that this library has to be told, "" for another one."""
        narrower = ("float16", "float32", "complex64")[: 3 if self.own == "float64" else 1]
        return dtype.name if self.own and dtype.name in narrower else ""

    def at(self, dtype: DType) -> Dialect:
        """Return the words of a line whose result has a dtype."""
        name = self.narrow(dtype).replace("complex64", "float32")
        if not name:
            return self.dialect
        told = f"dtype={self.short}.{name}"
        eye = {"eye": f"{self.short}.eye({{0}}, {told})"}
        if self.short == "np":
            eye["one_hot"] = f"np.eye({{num_classes}}, {told})[{{0}}]"
        found = replace(self.dialect, templates={**self.dialect.templates, **eye})
        return replace(found, sizes=f"({{}}), {told}")

    def kept(self, text: str, dtype: DType, used: set[DType | None]) -> str:
        """Return a formula so that its result has a dtype, given those of the names in it."""
        name = self.narrow(dtype)
        told = used == {dtype} or (not used and f"dtype={self.short}.{name}" in text)
        if not name or (told and not WIDENS.search(CALM.sub("(", text))):
            return text
        return f"{self.short}.asarray({text}, dtype={self.short}.{name})"

    def number(self, x: np.generic) -> str:
        """Return a number as it is written, `torch.inf` where it is no literal."""
        if not isinstance(x, np.inexact) or np.isfinite(x):
            shown = str(x)
        elif isinstance(x, np.complexfloating):
            shown = f"complex({self.number(x.real)}, {self.number(x.imag)})"
        else:
            sign = "-" * bool(x < 0)
            shown = f"{sign}{self.short}.{'nan' if np.isnan(x) else 'inf'}"
        return shown

    def literal(self, x: Array) -> str:
        """Return an array as nested lists, in lines that are not too long."""
        if not x.ndim:
            return self.number(x.dtype.type(x))
        items = [self.literal(part) for part in x]
        line = f"[{', '.join(items)}]"
        if len(line) < WIDTH - 20:
            return line
        if x.ndim > 1:
            return "[\n" + "".join(f"{_indented(i)},\n" for i in items) + "]"
        rows, row = [], ""
        for item in items:
            if len(row) + len(item) > WIDTH - 16:
                rows.append(row.rstrip())
                row = ""
            row += f"{item}, "
        return "[\n" + "".join(f"    {r}\n" for r in [*rows, row.rstrip()]) + "]"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def _spelled(dialect: Dialect, **templates: str) -> Dialect:
    defaults = {**dialect.defaults, "leaky_relu": {"negative_slope": 0.01}}
    return replace(
        dialect,
        templates={**dialect.templates, **templates},
        defaults=defaults,  # type: ignore[arg-type]
    )


# what has no function of its own; where an argument is missing that it has, the comparison says so
_NUMPY = _spelled(
    dialects.NUMPY,
    masked_fill="np.where({1}, {value}, {0})",
    diag_embed="np.diag({0})",
    mse_loss="np.mean(({0} - ({1}))**2)",
    l1_loss="np.mean(np.abs({0} - ({1})))",
    binary_cross_entropy_with_logits="np.mean(np.logaddexp(0, {0}) - ({1}) * ({0}))",
    leaky_relu="np.where(({0}) > 0, {0}, {negative_slope} * ({0}))",
    elu="np.where(({0}) > 0, {0}, np.expm1({0}))",
    silu="(({0}) * scipy.special.expit({0}))",
    gelu="(({0}) * scipy.special.ndtr({0}))",
)
_JAX = _spelled(
    dialects.JAX,
    masked_fill="jnp.where({1}, {value}, {0})",
    diag_embed="jnp.diag({0})",
    mse_loss="jnp.mean(({0} - ({1}))**2)",
    l1_loss="jnp.mean(jnp.abs({0} - ({1})))",
    binary_cross_entropy_with_logits="jnp.mean(jax.nn.softplus({0}) - ({1}) * ({0}))",
    leaky_relu="jax.nn.leaky_relu({0}, {negative_slope})",
    elu="jax.nn.elu({0})",
    gelu="jax.nn.gelu({0}, approximate=False)",
)
_TORCH = replace(dialects.TORCH, functions={**dialects.TORCH.functions, **paths()})
LIBRARIES: Mapping[Target, Library] = {
    "numpy": Library(_NUMPY, "np", "np.array", "{}", "{}", "float64"),
    "torch": Library(_TORCH, "torch", "torch.tensor", "torch.from_numpy({})", "({}).detach()"),
    "jax": Library(_JAX, "jnp", "jnp.array", "jnp.asarray({})", "jax.lax.stop_gradient({})"),
}


class Arrays:
    """Arrays as expressions: those of few elements written out, the others kept for a data file."""

    def __init__(self, library: Library, default: str) -> None:
        self.library, self.default = library, default
        self.data: dict[str, Array] = {}

    def written(self, name: str, value: Array, *, moves: bool = False) -> str:
        """Return an expression for an array; `moves`: it requires a gradient, as PyTorch has it."""
        library, kind = self.library, value.dtype.name
        if kind != "bfloat16" and value.size > MOST:
            found = library.taken_over.format(f'data["{self._kept(name, value)}"]')
            return f"{found}.requires_grad_()" if moves else found
        more = "" if self._is_plain(value) else f", dtype={library.short}.{kind}"
        more += ", requires_grad=True" * moves
        if not value.size:
            return f"{library.short}.zeros({value.shape}{more})"
        return f"{library.array}({library.literal(value)}{more})"

    def _kept(self, name: str, value: Array) -> str:
        """Keep an array for the data file, under a name that no other one has; return that."""
        base = f"_{name}" if name == "file" else re.sub(r"\W", "_", name)  # savez takes a `file`
        key, count = base, 0
        while key in self.data and not np.array_equal(self.data[key], value):
            count += 1
            key = f"{base}_{count}"
        self.data[key] = value
        return key

    def _is_plain(self, value: Array) -> bool:
        """Say whether the numbers alone say which dtype it has."""
        wide = self.default == "float64"
        own = {"f": self.default, "c": "complex128" if wide else "complex64", "i": "int64",
               "b": "bool"}  # fmt: skip
        agreed = value.dtype.kind not in "fc" or self.library.own in ("", self.default)
        return bool(value.size) and agreed and own.get(value.dtype.kind) == value.dtype.name


@dataclass(frozen=True)
class Script:
    """A script: its text, and the arrays that stand beside it in an .npz file of its name.

    `checked` is the text with which gradcli has computed the same: what it loads, it loads from
    `data.npz`, and what is said to the library alone is left out.
    """

    text: str
    checked: str
    data: Mapping[str, Array]

    def archive(self) -> bytes:
        """Return the arrays as an .npz file."""
        file = BytesIO()
        np.savez(file, allow_pickle=False, **dict(self.data))
        return file.getvalue()


class Row(NamedTuple):
    """A row of the table: a label, what holds the value and the gradient, and their shape."""

    label: str
    value: str
    shape: tuple[int, ...]
    grad: str | None


def table(rows: Iterable[Row]) -> list[str]:
    """Return lines that print a table."""
    lines = ["# name: value, gradient"]
    for row in rows:
        grad = "None" if row.grad is None else _printed(row.grad, row.shape)
        lines.append(f'print("{row.label}:", {_printed(row.value, row.shape)}, "grad", {grad})')
    return lines


def _printed(name: str, shape: tuple[int, ...]) -> str:
    if int(np.prod(shape, dtype=object)) <= FEW:
        return f"{name}.tolist()"
    return f'"{shape}", "sum", {name}.sum().item()'
