"""What a picture is made of: cards, links and what was asked for; plain facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log10
from typing import Literal, NamedTuple, TypeVar

import numpy as np

from gradcli.inspection import Array, Kind, NodeFacts
from gradcli.render.words import MARKS

TITLE, SOURCE = 32, 40  # characters
Key = TypeVar("Key")
FOLD = -1  # the id of the card that stands for what there are too many cards for


@dataclass(frozen=True)
class Asked:
    """What a picture is asked to show.

    `names` are the only nodes where there are any (`named`: all with names), `around` one of which
    those are shown that are at most `hops` edges away; more than `most` cards are folded. `theme`
    is a name of `themes.THEMES`, `across` draws from left to right; None: not, but where only that
    fits into a page. `backward` shows the graph of grad_fns; `combined` says beside each edge what
    flows back through it, `local` by which local derivative. Calls of `functions` are boxes around
    what was made in them, or closed: one card each, where there are many cards.
    """

    values: bool = True
    precision: int | None = None
    named: bool = False
    around: str | None = None
    hops: int = 2
    most: int = 150
    full: bool = False
    turn: int | None = None
    theme: str = "light"
    across: bool | None = None
    backward: bool = False
    combined: bool = False
    local: bool = False
    functions: Literal["open", "closed", "auto"] = "auto"


@dataclass(frozen=True, slots=True)
class Card:
    """A node, or what stands for several.

    `value` and `gradient` are lines of numbers; `passed` marks a gradient that flowed and was not
    kept. `faint` is what does not lead to the root, `bad` what is not finite, `origin` where that
    begins, in the value or in the gradient. `notes` are short: "× 100". `boxes` are those that it
    is in, the outermost first. `node` is the node that a card tells of whose id is not that of one.
    """

    id: int
    kind: Kind
    title: str
    shape: str
    source: str
    line: int
    value: tuple[str, ...] = ()
    gradient: tuple[str, ...] = ()
    passed: bool = False
    faint: bool = False
    bad: bool = False
    origin: str = ""
    notes: tuple[str, ...] = ()
    fold: int = 0  # how many nodes it stands for, 0: one of its own
    boxes: tuple[int, ...] = ()
    node: int | None = None

    @property
    def mark(self) -> str:
        """The mark of its kind."""
        return "⋯" if self.fold else MARKS[self.kind]


class Box(NamedTuple):
    """A call of a function of the file, drawn around what was made in it."""

    id: int
    title: str
    line: int


@dataclass(frozen=True, slots=True)
class Link:
    """An edge, from an operand to what is made of it.

    `weight` is 0 to 1, by the logarithm of the gradient that comes back, None where none does;
    `label` says which operand it is, where that matters. `back` are lines about what flows back,
    for a picture that shows it; `saved` marks a tensor that a function keeps.
    """

    source: int
    target: int
    weight: float | None
    label: str = ""
    bad: bool = False
    back: tuple[str, ...] = ()
    saved: bool = False


@dataclass(frozen=True)
class Scene:
    """All that a picture shows, the cards in an order in which operands come first."""

    file: str
    answer: str
    root: str
    cards: tuple[Card, ...]
    links: tuple[Link, ...]
    notes: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()


def weights(gradients: Mapping[Key, Array | None]) -> Mapping[Key, float]:
    """Return how much gradient there is, 0 to 1 by the logarithm of its size; 0 has no entry."""
    sizes = {
        key: log10(size)
        for key, g in gradients.items()
        if g is not None and g.size and (size := _norm(g)) > 0
    }
    if not sizes:
        return {}
    low, high = min(sizes.values()), max(sizes.values())
    return {key: 0.2 + 0.8 * (x - low) / max(high - low, 1.0) for key, x in sizes.items()}


def gradient_of(node: NodeFacts) -> Array | None:
    """Return a node's `.grad`, or what flowed to it."""
    return node.gradient if node.grad is None else node.grad


def _norm(g: Array) -> float:
    with np.errstate(all="ignore"):
        found = float(np.sqrt(np.sum(np.abs(g.astype(np.complex128 if g.dtype.kind == "c" else
                                                     np.float64)) ** 2)))  # fmt: skip
    return found if np.isfinite(found) else 0.0


def shape_of(node: NodeFacts) -> str:
    """Return a node's shape, with its dtype where that is not the usual one."""
    shape = "×".join(map(str, node.shape))
    dtype = "" if node.dtype == "float64" else node.dtype
    return " ".join(filter(None, (shape, dtype)))
