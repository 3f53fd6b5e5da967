"""How a hand-derived gradient differs from the gradient: in a factor, a path, a term, a rule."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, islice
from math import prod
from typing import Any

import numpy as np

from gradcli.errors import Source
from gradcli.execute import compute
from gradcli.formula.expressions import Name, Number, divide
from gradcli.formula.rules import rules
from gradcli.formula.text import text
from gradcli.graph import OUTPUT, Graph
from gradcli.rule.dtypes import Array
from gradcli.rule.meta import Meta
from gradcli.rule.rule import Elementwise, Primitive, number
from gradcli.verify.altered import (
    Of,
    by_itself,
    computed,
    gradient,
    gradient_of,
    opened,
    stops,
    tape_at,
    upstream,
)
from gradcli.verify.compare import Pair, close, constant_factor, pattern, relation, shift, simple
from gradcli.verify.misread import misread

FEW = 12  # named intermediates of which pairs and triples are tried
TOGETHER = 3  # paths that may be missing at once
MANY, LEAST = 300, 2  # rows, or groups of them, that are tried:
WORK = 1 << 17  # fewer where a backward pass goes through many rows,
ELEMENTS = 1 << 10  # of which so many elements count as one more


@dataclass(frozen=True)
class Differing:
    """A claim whose sides differ: rows of the tape, and points at which they do.

    `grads` are leaves that hold a `.grad`, with the rows that compute it at any point. `names` are
    what to call the sides.
    """

    source: Source
    graph: Graph
    sides: tuple[int, int]
    grads: Mapping[int, int]
    points: Sequence[Mapping[int, Array]]
    names: tuple[str, str]

    @cached_property
    def tapes(self) -> list[Graph]:
        """The tape at every point."""
        return [tape_at(self.graph, values, self.grads) for values in self.points]

    def pairs(self) -> list[Pair]:
        """Return the values of both sides at every point."""
        for tape in self.tapes:
            compute(tape, self.sides)  # both sides are finite at these points
        return [(t.values[self.sides[0]], t.values[self.sides[1]]) for t in self.tapes]

    def label(self, id: int) -> str:
        """Return what to call a row: its name or text, and its line."""
        return f"{self.text(id)} (line {self.source.line_of(self.graph.notes.spans[id])})"

    def text(self, id: int) -> str:
        """Return a row's name, or its text in the file."""
        name = self.graph.notes.names.get(id)
        return f"`{name or self.source.snippet(self.graph.notes.spans[id])}`"


def how_they_differ(d: Differing) -> str:
    """Return how the sides of a claim differ in words, "" where no pattern fits at every point."""
    with np.errstate(all="ignore"):
        pairs = d.pairs()
        if not all(np.all(np.isfinite(x)) and x.dtype.kind in "fiu" for p in pairs for x in p):
            return ""
        turned, of = False, gradient_of(d.graph, d.grads.get(d.sides[0], d.sides[0]))
        if of is None:
            turned, of = True, gradient_of(d.graph, d.grads.get(d.sides[1], d.sides[1]))
        known = _known_numbers(d, of)
        if of is None or any(x.shape != y.shape for x, y in pairs):
            return relation(pairs, d.names, known)
        true = [y if turned else x for x, y in pairs]
        claimed = [x if turned else y for x, y in pairs]
        if not _is_as_recorded(d, of, true):
            return relation(pairs, d.names, known)
        name = d.names[0] if turned else d.names[1]
        comparison = _Comparison(d, of, true, claimed, known)
        found = next(comparison.stopped_paths(), "")
        if not found and (said := pattern(pairs, d.names, known)):
            return said
        found = found or next(comparison.found(), "")
        return f"{name} {found}" if found else shift(pairs, d.names)


def _is_as_recorded(d: Differing, of: Of, true: Sequence[Array]) -> bool:
    """Say whether the tapes give the gradient: not where values were changed behind autograd."""
    order = of.order(d.graph)
    return all(
        computed(tape, order) and close(gradient(tape, of, order), x)
        for tape, x in zip(d.tapes, true, strict=True)
    )


def _known_numbers(d: Differing, of: Of | None) -> dict[float, list[str]]:
    """Return where the numbers stand that a factor may come from: exponents, names, sizes."""
    graph, found = d.graph, dict[float, list[str]]()

    def keep(size: int, words: str) -> None:
        known = found.setdefault(float(size), [])
        if not any(w.startswith("is the number of") for w in known):
            known.append(words)

    path = set() if of is None else set(of.order(graph))
    for id in sorted(path, reverse=True):
        if graph.notes.origins[id] != "file" or graph.ops[id] is OUTPUT:
            continue
        span = graph.notes.spans[id]
        text = f"stands in `{d.source.snippet(span)}` in line {d.source.line_of(span)}"
        for value in (
            *(graph.scalars[~i] for i in graph.inputs[id] if i < 0),
            *graph.attrs[id].values(),
        ):
            if not number(value) or isinstance(value, bool | complex):
                continue
            # what an operation has within itself does not stand in the file
            if not float(value).is_integer() or f"{value:.0f}" in text:
                found.setdefault(float(value), [text])
    used = upstream(graph, [*d.sides, *([] if of is None else of.given)])
    for id in sorted(used & graph.notes.names.keys()):
        name = graph.notes.names[id]
        shape = graph.metas[id].shape
        if not shape and graph.ops[id] is None and not graph.requires_grad[id]:
            found.setdefault(float(np.real(graph.values[id])), [f"is `{name}`"])
        for dim, n in enumerate(shape):
            keep(n, f"is the number of {_counted(shape, dim)} of `{name}`")
        if len(shape) > 1:
            keep(prod(shape), f"is the number of elements of `{name}`")
    return found


def _counted(shape: tuple[int, ...], dim: int) -> str:
    if len(shape) == 1:
        return "elements"
    return ("rows", "columns")[dim] if len(shape) == 2 else f"slices along dimension {dim}"


# ---- what fits the claim -------------------------------------------------------------------


@dataclass(frozen=True)
class _Comparison:
    """The gradient at every point, and a claim that is another array of the same shape."""

    d: Differing
    of: Of
    true: list[Array]
    claimed: list[Array]
    known: Mapping[float, list[str]]

    def found(self) -> Iterator[str]:
        """Yield what fits at every point: the simplest first."""
        if not any(np.any(x) for x in self.claimed):
            yield "is 0 at every point"
            return
        yield from self._missing_paths()
        yield from self._wrong_rules()
        yield from self._factors()
        yield from self._parts()
        yield from self._further_terms()

    @cached_property
    def order(self) -> list[int]:
        """The rows that the gradient passes."""
        return self.of.order(self.d.graph)

    @cached_property
    def rows(self) -> list[int]:
        """The rows of the file between the root and what is differentiated by, in its order.

        Of those that one expression makes, the last stands for it.
        """
        graph, last = self.d.graph, dict[Any, int]()
        for id in sorted(self.order):
            inside = id != self.of.leaf and id not in self.of.given and id not in graph.widths
            if inside and graph.notes.origins[id] == "file":
                last[graph.notes.spans[id]] = id
        return sorted(last.values())[-self.most :]

    @cached_property
    def most(self) -> int:
        """How many rows are tried."""
        elements = sum(prod(m.shape) for m in self._metas())
        return min(MANY, max(LEAST, WORK // (len(self.order) + elements // ELEMENTS)))

    def _metas(self) -> Iterator[Meta]:
        graph = self.d.graph
        return (graph.metas[id] for id in self.order if id not in graph.widths)

    @cached_property
    def named(self) -> list[int]:
        """Those of them that have a name."""
        return [id for id in self.rows if id in self.d.graph.notes.names]

    def without(self, ids: Collection[int]) -> Iterator[Array]:
        """Yield the gradient at each point where some rows count as constants."""
        order = [id for id in self.order if id not in ids]
        return (gradient(tape, self.of, order) for tape in self.d.tapes)

    def fits(self, found: Iterable[Array]) -> bool:
        """Say whether a gradient is what is claimed, at every point."""
        return all(close(x, y) for x, y in zip(found, self.claimed, strict=True))

    def fits_with(self, id: int, op: Primitive) -> bool:
        """Say whether the gradient is what is claimed where a row has another rule."""
        for tape, claimed in zip(self.d.tapes, self.claimed, strict=True):
            own, tape.ops[id] = tape.ops[id], op
            found = gradient(tape, self.of, self.order)
            tape.ops[id] = own
            if not close(found, claimed):
                return False
        return True

    # ---- paths and terms -------------------------------------------------------------------

    def _missing_paths(self) -> Iterator[str]:
        alone = [id for id in self.rows if self.fits(self.without([id]))]
        if alone:
            named = [id for id in alone if id in self.named]
            yield self._lacks([(named or alone)[-1]])
            return
        unnamed = [id for id in self.rows if id not in self.named]
        few = [*self.named, *unnamed][:FEW]
        groups = (ids for count in range(2, TOGETHER + 1) for ids in combinations(few, count))
        for ids in islice(groups, self.most):
            if self.fits(self.without(ids)):
                yield self._lacks(sorted(ids))
                return

    def _lacks(self, ids: Sequence[int]) -> str:
        listed = " and ".join(self.d.label(id) for id in ids)
        if len(ids) > 1 or not self._is_term(ids[0]):
            return f"lacks the path{'s' * (len(ids) > 1)} through {listed}"
        values = [tape.values[self.of.leaf] for tape in self.d.tapes]
        factor = constant_factor(list(zip(values, self._missing(), strict=True)))
        what = "" if factor is None else f"{factor:.6g} times {self.d.text(self.of.leaf)}, "
        return f"lacks {what}the gradient of {listed}"

    def _is_term(self, id: int) -> bool:
        """Say whether a row is a number that the function adds, or a multiple of one."""
        if prod(self.d.graph.metas[id].shape) != 1:
            return False
        own = [by_itself(tape, id, self.of.leaf) for tape in self.d.tapes]
        return constant_factor(list(zip(own, self._missing(), strict=True))) is not None

    def _missing(self) -> list[Array]:
        return [x - y for x, y in zip(self.true, self.claimed, strict=True)]

    def _parts(self) -> Iterator[str]:
        """Yield terms of which the claim has another multiple than the function."""
        gaps = [-gap for gap in self._missing()]
        for id in reversed(self.rows):
            parts = [x - c for x, c in zip(self.true, self.without([id]), strict=True)]
            factor = constant_factor(list(zip(parts, gaps, strict=True)))
            words = None if factor is None else simple(1 + factor, self.known)
            if words is not None:
                part = f"the part of the gradient through {self.d.label(id)}"
                yield f"has {words[0]} {part}{words[1]}"

    def _further_terms(self) -> Iterator[str]:
        """Yield what is added that the function does not contain."""
        graph, inside = self.d.graph, set(self.order)
        gaps = [-gap for gap in self._missing()]
        outside = [
            id
            for id in range(self.of.leaf + 1, len(graph))
            if graph.requires_grad[id] and graph.notes.origins[id] == "file"
            and graph.ops[id] is not None and id not in graph.widths
            and prod(graph.metas[id].shape) == 1 and id not in inside
        ]  # fmt: skip
        outside.sort(key=lambda row: row not in graph.notes.names)
        for id in outside[: self.most]:
            if not all(computed(tape, (id,)) for tape in self.d.tapes):
                continue
            own = [by_itself(tape, id, self.of.leaf) for tape in self.d.tapes]
            factor = constant_factor(list(zip(own, gaps, strict=True)))
            words = None if factor is None else simple(factor, self.known)
            if words is not None:
                times = "" if words[0] == "1 times" else f"{words[0]} "
                yield f"adds {times}the gradient of {self.d.label(id)}, which is not in it"
        yield from self._further_tensors(gaps)

    def _further_tensors(self, gaps: list[Array]) -> Iterator[str]:
        """Yield named tensors of which the claim adds a multiple, or lacks one."""
        graph = self.d.graph
        named = [id for id in graph.notes.names if graph.metas[id].dtype.kind in "fiu"]
        for id in dict.fromkeys([self.of.leaf, *named]):
            if graph.metas[id].shape == graph.metas[self.of.leaf].shape and all(
                computed(tape, (id,)) for tape in self.d.tapes
            ):
                values = [tape.values[id] for tape in self.d.tapes]
                factor = constant_factor(list(zip(values, gaps, strict=True)))
                if factor is not None:
                    times = (
                        "" if close(np.abs(factor), np.ones(())) else f"{abs(factor):.6g} times "
                    )
                    yield f"{'adds' if factor > 0 else 'lacks'} {times}{self.d.label(id)}"

    def stopped_paths(self) -> Iterator[str]:
        """Yield paths that the function stops, as `detach` does, and the claim goes along."""
        found = stops(self.d.graph, self.of.leaf)
        together = [tuple(found)] if len(found) > 1 else []
        for ids in [*((id,) for id in found[: self.most]), *together]:
            tapes = (opened(tape, ids) for tape in self.d.tapes)
            if self.fits(gradient(tape, self.of, self.of.order(tape)) for tape in tapes):
                listed = " and ".join(self.d.label(id) for id in ids)
                yield f"has the path{'s' * (len(ids) > 1)} through {listed}, which the file stops"

    # ---- rules and factors -----------------------------------------------------------------

    def _wrong_rules(self) -> Iterator[str]:
        """Yield operations whose own derivative the claim lacks, has twice or takes elsewhere."""
        graph, inside = self.d.graph, set(self.order)
        file = [id for id in self.order if graph.notes.origins[id] == "file"]
        for id in file[: self.most]:
            for slot, i in enumerate(graph.inputs[id]):
                for sentence, op in misread(graph, id, slot) if i in inside else ():
                    if self.fits_with(id, op):
                        other = graph.inputs[id][1 - slot] if len(graph.inputs[id]) == 2 else id
                        yield sentence.format(
                            factor=self._factor(id, slot), op=op.label, row=self.d.label(id),
                            operand=self.d.text(i), result=self.d.text(id),
                            other=self.d.text(other) if other >= 0 else "",
                        )  # fmt: skip

    def _factor(self, id: int, slot: int) -> str:
        """Return what an elementwise rule multiplies with, `the factor (1 - h) * h, `, or ""."""
        graph, op = self.d.graph, self.d.graph.ops[id]
        if op is None or not isinstance(op.derivative, Elementwise):
            return ""
        inputs, names = graph.inputs[id], op.signature.tensors
        operands = [graph.metas[i] if i >= 0 else graph.scalars[~i] for i in inputs]
        found = [r.formula for r in rules(op, operands, **graph.attrs[id])
                 if r.argument == names[slot] and r.formula is not None]  # fmt: skip
        if not found:
            return ""
        own = divide(found[0], Name("g", found[0].shape))
        factor = text(own)
        rows = {"y": id} | {n: i for n, i in zip(names, inputs, strict=True) if i >= 0}
        written = {n: self.d.text(i).strip("`") for n, i in rows.items() if n in _words(factor)}
        plain = not isinstance(own, Number) and "g" not in _words(factor)
        if not plain or not all(name.isidentifier() for name in written.values()):
            return ""
        return "the factor `" + re.sub(r"\w+", lambda m: written.get(m[0], m[0]), factor) + "`, "

    def _factors(self) -> Iterator[str]:
        """Yield named tensors that the claim lacks as a factor, or has as one too many."""
        graph = self.d.graph
        for id, name in graph.notes.names.items():
            if graph.notes.origins[id] != "file" or graph.metas[id].dtype.kind not in "fiu":
                continue
            if not all(computed(tape, (id,)) for tape in self.d.tapes):
                continue
            values = [tape.values[id] for tape in self.d.tapes]
            for x, y, words in (
                (self.claimed, self.true, "lacks the factor"),
                (self.true, self.claimed, "has the factor"),
            ):
                if all(map(_times_is, x, values, y)):
                    more = "" if words.startswith("lacks") else " too often"
                    yield f"{words} `{name}`{more} (line {self._line(id)})"

    def _line(self, id: int) -> int:
        return self.d.source.line_of(self.d.graph.notes.spans[id])


def _words(formula: str) -> list[str]:
    return re.findall(r"\w+", formula)


def _times_is(x: Array, factor: Array, y: Array) -> bool:
    try:
        return close(np.asarray(x * factor), y)
    except ValueError:
        return False
