"""What a comparison of two runs finds: plain facts, which every renderer reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

# how two arrays can differ: in size, in which elements are finite, in shape, in being there
Cause = Literal["", "numbers", "finite", "shape", "missing"]
NodeKind = Literal["parameter", "data", "intermediate", "root"]
Kind = Literal[
    "input", "seed", "draws", "requires_grad", "rounding", "dtype", "order", "constant", "argument",
    "operand", "sign", "factor", "transpose", "shift", "finite", "shape", "convention", "cut",
    "passes", "root", "operation",
]  # fmt: skip


class Spot(NamedTuple):
    """A node of one of the runs: its id, what to call it, its line, its source text.

    `text` is all that stands in the line, `turn` which turn of a loop made it, None where none did.
    """

    id: int
    label: str
    line: int
    source: str
    text: str
    turn: int | None


class Gap(NamedTuple):
    """How far two arrays lie apart.

    `cause` is "" where they are within the tolerance. `absolute` and `relative` are the largest
    difference and that relative to the largest element of either; `at` is where the difference
    is largest, `left` and `right` the elements there (None: that side has none), `ulps` by how many
    units in the last place of the coarser dtype they differ there, None where that says nothing.
    `exact` says whether they are the same bit for bit.
    """

    cause: Cause
    absolute: float
    relative: float
    at: tuple[int, ...]
    left: complex | None
    right: complex | None
    ulps: float | None
    exact: bool

    @property
    def differs(self) -> bool:
        """Whether the arrays differ beyond the tolerance."""
        return bool(self.cause)


@dataclass(frozen=True)
class Row:
    """Two nodes that belong together, or one to which none does.

    `gradient` is the difference of what `.grad` holds, or where no side keeps one of what flowed;
    None where neither has any. `kept` says which of these it is. `name` is that of the file, in the
    left run or the only one. `shapes` and `dtypes` are left's and right's. `remarks` are what else
    differs: shape, dtype, requires_grad, grad_fn, the name.
    """

    left: Spot | None
    right: Spot | None
    value: Gap | None
    gradient: Gap | None
    kept: bool
    kind: NodeKind
    name: str | None
    shapes: tuple[tuple[int, ...] | None, tuple[int, ...] | None]
    dtypes: tuple[str | None, str | None]
    remarks: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether a value differs, or a gradient that a leaf or `.grad` has.

        A gradient that only flows through an intermediate node changes nothing by itself.
        """
        return self.value_differs or self.gradient_differs

    @property
    def named(self) -> bool:
        """Whether it has a name in the left run, or in the only one that has it."""
        return self.name is not None

    @property
    def counted(self) -> tuple[Gap, ...]:
        """The differences that count: of the value, and of a gradient that is kept."""
        gradient = self.gradient if self.kept else None
        return tuple(gap for gap in (self.value, gradient) if gap is not None)

    @property
    def value_differs(self) -> bool:
        """Whether the values differ beyond the tolerance."""
        return self.value is not None and self.value.differs

    @property
    def gradient_differs(self) -> bool:
        """Whether a gradient that is kept differs beyond the tolerance, or is on one side only."""
        return self.kept and self.gradient is not None and self.gradient.differs

    @property
    def spot(self) -> Spot:
        """The node, the left one where there are two."""
        spot = self.left or self.right
        assert spot is not None, "a row has a node"
        return spot


@dataclass(frozen=True)
class Divergence:
    """From where on two runs differ.

    All that the pair is made of agrees, or, of a `gradient`, all that passes it on. `why` explains
    it in a sentence, and `kind` says which explanation was found by computing it. `gap` is that of
    the values, or of what flowed in the pass that first differs. `left` and `right` are the nodes
    to look at: the pair, or of a gradient what first passes another one back.
    """

    row: Row
    what: Literal["value", "gradient"]
    kind: Kind
    why: str
    gap: Gap | None
    left: Spot
    right: Spot


@dataclass(frozen=True)
class Differences:
    """What differs between two runs, `left` and `right`.

    `rows` are all pairs in the order of the left run, then those that only one has. `divergence` is
    the first of `divergences`, which begin independently of each other. `tolerance` is that of the
    coarsest dtype compared. `roots` are what is differentiated. `same` says whether nothing
    differs beyond the tolerance, `exact` whether nothing does at all. `notes` are sentences.
    `whole` says how right's root and gradients follow from left's, "" where that is not plain.
    """

    left: str
    right: str
    rows: tuple[Row, ...]
    divergence: Divergence | None
    others: tuple[Row, ...]
    tolerance: tuple[float, float]
    dtype: str
    roots: tuple[Spot | None, Spot | None]
    notes: tuple[str, ...] = ()
    whole: str = ""

    @property
    def pairs(self) -> tuple[Row, ...]:
        """The rows that both runs have."""
        return tuple(row for row in self.rows if row.left and row.right)

    @property
    def unpaired(self) -> tuple[Row, ...]:
        """The rows that one run alone has."""
        return tuple(row for row in self.rows if not (row.left and row.right))

    @property
    def differing(self) -> tuple[Row, ...]:
        """The pairs that differ beyond the tolerance."""
        return tuple(row for row in self.pairs if row.differs)

    @property
    def lost(self) -> tuple[Row, ...]:
        """The parameters of one run alone that have a gradient there."""
        return tuple(row for row in self.unpaired if row.gradient_differs)

    @property
    def same(self) -> bool:
        """Whether nothing differs beyond the tolerance."""
        return not self.differing and not self.lost and self.compared

    @property
    def compared(self) -> bool:
        """Whether there was anything to compare, or both files are empty."""
        return bool(self.pairs) or not self.rows

    @property
    def exact(self) -> bool:
        """Whether every value, and every gradient that is kept, is the same bit for bit."""
        return self.same and all(gap.exact for row in self.pairs for gap in row.counted)
