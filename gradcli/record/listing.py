"""A record: the rows of a program's run as lines of an expression file, and the arrays beside it.

No library is needed here: whoever records gives NumPy arrays and lines of text.
"""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradcli.errors import visible
from gradcli.rule.dtypes import Array

# names that the lines of a record have a meaning for
TAKEN = {
    "torch", "np", "jnp", "jax", "math", "nn", "F", "data", "recorded", "param", "tensor", "opaque",
    "module", "no_grad", "load", "print", "float", "int", "bool", "inf", "nan",
}  # fmt: skip
SHOWN = 72  # characters of the program's text in a comment
TRUTH = "truth/"  # what the replay is held to stands under names that begin so


@dataclass
class Place:
    """Where the program's text made a row: `model.py:12:6`, and the text itself."""

    at: str = ""
    source: str = ""

    def __str__(self) -> str:
        text = " ".join(self.source.split())
        text = text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
        return visible(f"{self.at} `{text}`" if text else self.at)


Modules = tuple[tuple[str, str], ...]  # the paths and classes of the modules that a row is made in


@dataclass
class Leaf:
    """A tensor that the recorded rows begin from.

    `label` is the name that people know it by, "" for `name` itself. `value` is None where it is
    left out, so that the file declares the shape and the dtype alone. `order` are the dimensions as
    they lie in memory, where they lie in another order: that decides what some operations do.
    """

    name: str
    value: Array | None
    shape: tuple[int, ...]
    dtype: str
    label: str = ""
    requires_grad: bool = False
    place: Place = field(default_factory=Place)
    order: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """The name of the value in the file of arrays."""
        return self.label or self.name

    def line(self) -> str:
        """Return the line of the file."""
        title = f', name="{visible(self.label)}"' if self.label not in ("", self.name) else ""
        if self.value is None:
            known = f"  # {visible(self.label)}" if title else ""
            kind = f"{self.dtype}[{', '.join(map(str, self.shape))}]"
            return f"{self.name}: {kind}{known}"
        value = entry(self.key) + (".bfloat16()" if self.dtype == "bfloat16" else "")
        if self.order:
            back = (self.order.index(dim) for dim in range(len(self.order)))
            value += f".permute({', '.join(map(str, back))})"
        if self.requires_grad:
            return f"{self.name} = param({value}{title})"
        return f"{self.name} = tensor({value}{title})" if title else f"{self.name} = {value}"

    def arrays(self) -> dict[str, Array]:
        """Return what the line reads."""
        if self.value is None:
            return {}
        return {self.key: self.value.transpose(self.order) if self.order else self.value}


@dataclass
class Row:
    """A line of the file: what it computes, the names it gives, and the module it runs in.

    A line without names is a statement: `loss.backward()`. `grad_fn` is by name.
    """

    names: tuple[str, ...]
    text: str
    modules: Modules = ()
    no_grad: bool = False
    place: Place = field(default_factory=Place)
    grad_fn: dict[str, str] = field(default_factory=dict)

    def line(self) -> str:
        """Return the line of the file."""
        return f"{', '.join(self.names)} = {self.text}" if self.names else self.text

    def arrays(self) -> dict[str, Array]:
        """Return what the line reads."""
        return {}


@dataclass
class Opaque(Row):
    """A row that no operation of the table stands for: its value, and its measured gradient.

    `inputs` are names; `gradients` has what backward gave to each of them, and `jacobians` the
    derivatives, where they are known: of the shape of the result, then of the input. `is_hook` says
    that it leaves the value, and changes the gradient alone.
    """

    inputs: tuple[str, ...] = ()
    value: Array | None = None
    gradients: dict[str, Array] = field(default_factory=dict)
    jacobians: dict[str, Array] = field(default_factory=dict)
    is_hook: bool = False

    def line(self) -> str:
        """Return the line of the file."""
        (name,) = self.names
        value = entry(name)
        if self.value is not None and self.value.dtype.name == "bfloat16":
            value += ".bfloat16()"
        parts = [json.dumps(visible(self.text), ensure_ascii=False), *self.inputs, f"value={value}"]
        if name in self.grad_fn:
            parts.append(f'grad_fn="{self.grad_fn[name]}"')
        known = (("gradients", self.gradients, "<-"), ("jacobians", self.jacobians, "/"))
        for word, found, sign in known:
            if found:
                listed = [entry(f"{name}{sign}{i}") if i in found else "None" for i in self.inputs]
                parts.append(f"{word}=({', '.join(listed)},)")
        return f"{name} = opaque({', '.join(parts)})"

    def arrays(self) -> dict[str, Array]:
        """Return what the line reads."""
        (name,) = self.names
        found = {f"{name}<-{i}": array for i, array in self.gradients.items()}
        found |= {f"{name}/{i}": array for i, array in self.jacobians.items()}
        return found if self.value is None else {name: self.value, **found}


@dataclass
class Listing:
    """A record: leaves and rows in their order, and what the program's own run has given.

    `title` are the lines of the comment that the file begins with, `facts` plain facts about the
    run (`torch`, `script`, `step`, `tolerance`). `grads`, `cotangents` and `values` are by name.
    """

    title: list[str] = field(default_factory=list)
    facts: dict[str, str | int | float] = field(default_factory=dict)
    items: list[Leaf | Row] = field(default_factory=list)
    grads: dict[str, Array] = field(default_factory=dict)
    cotangents: dict[str, Array] = field(default_factory=dict)
    values: dict[str, Array] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    def name(self, wanted: str) -> str:
        """Return an identifier like the wanted name that nothing in the file has."""
        plain = re.sub(r"\W+", "_", wanted, flags=re.ASCII).strip("_") or "x"
        plain = f"x{plain}" if plain[0].isdigit() else plain
        plain = f"{plain}_" if keyword.iskeyword(plain) or plain in TAKEN else plain
        found, turn = plain, 1
        while found in self.names:
            turn += 1
            found = f"{plain}_{turn}"
        self.names.add(found)
        return found

    @property
    def leaves(self) -> list[Leaf]:
        """The tensors that the rows begin from."""
        return [x for x in self.items if isinstance(x, Leaf)]

    @property
    def rows(self) -> list[Row]:
        """The rows, with the opaque ones among them."""
        return [x for x in self.items if isinstance(x, Row)]

    @property
    def opaque(self) -> list[Opaque]:
        """The rows that the table does not know."""
        return [x for x in self.items if isinstance(x, Opaque)]

    def text(self, file: str) -> str:
        """Return the expression file, which reads its arrays from the file of that name."""
        lines = [f"# {visible(line)}".rstrip() for line in self.title]
        lines += [f'data = recorded("{visible(file)}")', ""]
        lines += _aligned([(x.line(), str(x.place)) for x in self.leaves])
        blocks: tuple[str, ...] = ()
        pending: list[tuple[str, str]] = []
        for row in self.rows:
            wanted = _blocks(row)
            kept = 0
            while kept < min(len(blocks), len(wanted)) and blocks[kept] == wanted[kept]:
                kept += 1
            if kept < max(len(blocks), len(wanted)):
                lines += _aligned(pending, len(blocks))
                pending = []
                lines += [""] if not wanted[:kept] else []
                lines += [f"{'    ' * i}{wanted[i]}" for i in range(kept, len(wanted))]
                blocks = wanted
            pending.append((row.line(), str(row.place)))
        lines += _aligned(pending, len(blocks))
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"

    def arrays(self) -> dict[str, Array]:
        """Return the arrays of the file beside it: the data, and below `truth/` what is held to."""
        found: dict[str, Array] = {}
        for item in self.items:
            found |= item.arrays()
        kinds = (("grad", self.grads), ("cotangent", self.cotangents), ("value", self.values))
        for kind, arrays in kinds:
            found |= {f"{TRUTH}{kind}/{name}": array for name, array in arrays.items()}
        found = {name: _wide(array) for name, array in found.items()}
        rows = np.frombuffer(json.dumps(self._told()).encode(), np.uint8)
        return {**found, f"{TRUTH}rows": rows}

    def _told(self) -> dict[str, Any]:
        """Return what is known of each row, and of the run."""
        told: dict[str, Any] = dict(self.facts)
        for row in self.rows:
            path = row.modules[-1][0] if row.modules else ""
            for name in row.names:
                fact = {"grad_fn": row.grad_fn.get(name, ""), "place": row.place.at,
                        "source": row.place.source, "module": path}  # fmt: skip
                told[name] = {key: text for key, text in fact.items() if text}
        places = {x.name: x.place for x in self.leaves if x.place.source}
        told["data"] = {n: {"place": at.at, "source": at.source} for n, at in places.items()}
        return told


def entry(key: str) -> str:
    """Return the expression for an array of the file beside it."""
    return f"data[{json.dumps(key, ensure_ascii=False)}]"


def _blocks(row: Row) -> tuple[str, ...]:
    """Return the first lines of the blocks that a row stands in."""
    modules = [
        f"with module({json.dumps(path)}, {json.dumps(kind)}):" for path, kind in row.modules
    ]
    return (*modules, *(["with torch.no_grad():"] if row.no_grad else []))


def _aligned(lines: Sequence[tuple[str, str]], depth: int = 0) -> Iterable[str]:
    """Return lines at a depth with their comments below each other, as far as they are short."""
    short = [len(line) for line, comment in lines if comment and len(line) <= 60]
    width = max(short, default=0)
    for line, comment in lines:
        tail = f"{line:{width}}  # {comment}" if comment else line
        yield "    " * depth + tail


def _wide(array: Array) -> Array:
    """Return an array as the file holds it: NumPy's files do not know bfloat16."""
    if array.dtype.name == "bfloat16":
        return np.asarray(array, np.float32)
    return array
