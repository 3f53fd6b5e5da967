"""The steps of a run as lines of a record: words that were tried, else opaque rows, else data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import jax
import numpy as np

from gradcli.errors import InputFault
from gradcli.record.jax.alike import near
from gradcli.record.jax.places import Site
from gradcli.record.jax.rows import ROWS, Call, Said, Word, written
from gradcli.record.jax.steps import RULED, Number, Operand, Step, Tape
from gradcli.record.jax.sweep import Cotangents, pulled
from gradcli.record.jax.trial import Case, words
from gradcli.record.listing import Leaf, Listing, Modules, Opaque, Place, Row
from gradcli.record.settings import Settings
from gradcli.rule.dtypes import DTYPES, Array
from gradcli.trace.builtins import names as known_names

JACOBIAN = 4096  # elements up to which the derivatives of an opaque row are stored
# steps of sums, which may cancel: of numbers, and of products of two
SUMS = ("reduce_sum", "cumsum", "scatter-add", "reduce_window_sum")
PRODUCTS = ("dot_general", "conv_general_dilated")


class Writer:
    """What writes a tape to a listing, from its end on: what nothing reads is left out.

    `cotangents` are what came to each value; `wanted` the values that the file must have.
    """

    def __init__(
        self, tape: Tape, cotangents: Cotangents, listing: Listing, settings: Settings
    ) -> None:
        self.settings = settings
        self.tape = tape
        self.cotangents = cotangents
        self.listing = listing
        self.names: dict[int, str] = {}
        self.hints: dict[int, str] = {}  # names for values that the program gives none
        self.same: dict[int, Operand] = {}  # results of an opened step: what its inside ends in
        self.needed: set[int] = set()
        self.ordered: list[Step] = []
        self.rows: list[Row] = []
        self.data: list[Leaf] = []
        self.remarks: list[str] = []
        self.random = np.random.default_rng(0)
        listing.names.update(known_names())

    # ---- names ----------------------------------------------------------------------------

    def name_steps(self, steps: Sequence[Step]) -> None:
        """Give names to what steps make: the program's own, else the primitive's."""
        self.ordered = ordered = list(self._opened(steps))
        last = {}
        for step in ordered:
            if step.site.span is not None:
                last[step.site.span] = step
        counts: dict[str, int] = {}
        hints = {self.operand(i): name for i, name in self.hints.items()}
        for step in ordered:
            span = step.site.span
            target = span.target if span is not None and last[span] is step else None
            for result in step.results:
                if result in self.names:
                    continue
                wanted = target or hints.get(result)
                if wanted is None:
                    word = str(step.params.get("name", step.name)).removeprefix("_")
                    counts[word] = counts.get(word, 0) + 1
                    wanted = f"{word}_{counts[word]}"
                self.names[result] = self.listing.name(wanted)

    def _opened(self, steps: Iterable[Step]) -> Iterator[Step]:
        """Return the steps that rows may be made of; an opened one's ends are its results."""
        for step in steps:
            if step.opened and not self._chosen(step):
                self.same.update(zip(step.results, step.ends, strict=True))
                yield from self._opened(step.inside)
            else:
                yield step

    def _chosen(self, step: Step) -> bool:
        """Say whether a function with its own derivative has a word of its own."""
        return step.name in RULED and self._said(step, list(step.results)) is not None

    def operand(self, operand: Operand) -> Operand:
        """Return what stands for an operand in the file."""
        while isinstance(operand, int) and operand in self.same:
            operand = self.same[operand]
        return operand

    # ---- rows -----------------------------------------------------------------------------

    def write(self, wanted: Iterable[int]) -> None:
        """Write the steps that the wanted values need."""
        self.needed.update(x for w in wanted if isinstance(x := self.operand(w), int))
        for step in reversed(self.ordered):
            results = [r for r in step.results if r in self.needed]
            if results:
                self._write(step, results)
        self.rows.reverse()
        self.data.reverse()

    def _write(self, step: Step, results: list[int]) -> None:
        if self.tape.drawn.intersection(results) and not self.tape.active.intersection(results):
            self._as_data(step, results)
            return
        found = self._said(step, results)
        if found is not None:
            texts, data = found
            for name, array in data.items():
                self.data.append(Leaf(name, array, array.shape, array.dtype.name))
            for text, result in reversed(list(zip(texts, step.results, strict=True))):
                if result in results:
                    if not text:
                        self._as_data(step, [result])
                        continue
                    self.rows.append(self._row(step, result, text))
            self._need(step, " ".join(texts))
            return
        for result in reversed(results):
            if result in self.tape.active and result in self.cotangents:
                self.rows.append(self._opaque(step, result))
                self._need(step)
            else:
                self._as_data(step, [result])

    def _need(self, step: Step, text: str | None = None) -> None:
        """Need what a step reads, of it what a text names."""
        words = None if text is None else set(re.findall(r"\w+", text))
        ids = {x for o in step.operands if isinstance(x := self.operand(o), int)}
        self.needed |= {i for i in ids if words is None or self.names[i] in words}

    def _row(self, step: Step, result: int, text: str) -> Row:
        return Row((self.names[result],), text, _modules(step.site), place=_place(step.site))

    def _as_data(self, step: Step, results: Iterable[int]) -> None:
        for result in results:
            self.data.append(replace(self.leaf(result), place=_place(step.site)))

    def _opaque(self, step: Step, result: int) -> Opaque:
        inputs = [i for i in step.inputs if isinstance(self.operand(i), int)]
        names = {i: self.names[self.id_of(i)] for i in inputs}
        back = pulled(self.tape, step, {result: self.cotangents[result]})
        gradients = {names[i]: plain(g) for i, g in back.items()}
        row = Opaque(
            (self.names[result],), _title(step), _modules(step.site), place=_place(step.site),
            inputs=tuple(dict.fromkeys(names.values())), value=self.array(result),
        )  # fmt: skip
        jacobians = self._jacobians(step, result, back)
        if jacobians:
            row.jacobians = {names[i]: g for i, g in jacobians.items()}
        else:
            row.gradients = gradients
        return row

    def id_of(self, operand: Operand) -> int:
        """Return the value that stands for a result in the file."""
        found = self.operand(operand)
        assert isinstance(found, int), "numbers are no inputs"
        return found

    def _jacobians(self, step: Step, result: int, back: Cotangents) -> dict[int, Array]:
        """Return the derivatives of a small opaque row, none where they are not all finite."""
        tape, moved = self.tape, list(back)
        value = tape.values[result]
        size = value.size * sum(tape.values[i].size for i in moved)
        if size > JACOBIAN or any(np.iscomplexobj(tape.values[i]) for i in (result, *moved)):
            return {}
        k = step.results.index(result)

        def function(*xs: Any) -> Any:
            known = dict(zip(moved, xs, strict=True))
            return step.call(*(known.get(i, tape.values[i]) for i in step.inputs))[k]

        found = jax.jacrev(function, argnums=tuple(range(len(moved))))(
            *(tape.values[i] for i in moved)
        )
        arrays = {i: np.asarray(x) for i, x in zip(moved, found, strict=True)}
        g = np.asarray(self.cotangents[result])
        # a rule of one's own need not be linear, as that of clipped gradients is not
        linear = all(near(np.tensordot(g, x, g.ndim), back[i]) for i, x in arrays.items())
        return arrays if linear and all(np.isfinite(x).all() for x in arrays.values()) else {}

    # ---- words ----------------------------------------------------------------------------

    def _said(self, step: Step, results: list[int]) -> Said | None:
        """Return words for a step's results that do what JAX has done, and the arrays they read."""
        row = ROWS.get(step.name)
        if row is None or not self._known(step):
            return None
        call = self._call(step)
        case = None
        for said in row(call):
            case = case or self._case(step, call)
            places = self._named(step, said)
            texts = tuple(
                _filled(text, places) if r in results else ""
                for text, r in zip(said.texts, step.results, strict=True)
            )
            data = {places[key]: array for key, array in said.data.items()}
            tried = words(case._replace(operands={**case.operands, **data}), texts)
            if tried is not None:
                return Said(tried, data)
        return None

    def _named(self, step: Step, said: Said) -> dict[str, str]:
        name = self.names.get(step.results[0], step.name)
        return {key: self.listing.name(f"{name}_{key}") for key in said.data}

    def _known(self, step: Step) -> bool:
        dtypes = [self.tape.value(x).dtype for x in (*step.operands, *step.results)]
        return all(getattr(d, "name", "") in (*DTYPES, "bfloat16") for d in dtypes)

    def _call(self, step: Step) -> Call:
        operands = []
        for operand in step.operands:
            x = self.operand(operand)
            value = np.asarray(self.tape.value(x))
            if isinstance(x, Number):
                operands.append(Word(written(value), value, is_number=True))
            else:
                operands.append(Word(self.names.get(x, f"_x{x}"), value))
        results = tuple(np.asarray(self.tape.values[r]) for r in step.results)
        return Call(step.name, step.params, tuple(operands), results)

    def _case(self, step: Step, call: Call) -> Case:
        """Return what JAX has done, and sends back for the cotangents of the run and for others."""
        operands = {x.name: x.value for x in call.operands if not x.is_number}
        of = {self.operand(o): w.name for o, w in zip(step.operands, call.operands, strict=True)}
        moved = [i for i in step.inputs if i in self.tape.active]
        backs = []
        active = [r for r in step.results if r in self.tape.active]
        if moved and active:
            recorded = {r: self.cotangents[r] for r in active if r in self.cotangents}
            probe = {r: self._probe(self.tape.values[r]) for r in recorded or active}
            for given in (recorded, probe):
                if given:
                    found = pulled(self.tape, step, given)
                    arrays = [plain(given[r]) if r in given else None for r in step.results]
                    total: dict[str, Array] = {}
                    for i, g in found.items():
                        name = of[self.operand(i)]
                        total[name] = total[name] + plain(g) if name in total else plain(g)
                    backs.append((arrays, total))
        sizes = [_largest(x.value) for x in call.operands if x.value.dtype.kind in "fcV"]
        scale = prod(sizes) if step.name in PRODUCTS else max(sizes, default=0.0)
        scale *= step.name in (*SUMS, *PRODUCTS)
        names = list(dict.fromkeys(of[self.operand(i)] for i in moved)) if backs else []
        factor = max(sizes, default=0.0) if step.name in PRODUCTS else float(step.name in SUMS)
        return Case(operands, names, call.results, backs, scale, factor)

    def _probe(self, value: Any) -> Any:
        numbers = self.random.uniform(0.5, 1.5, value.shape)
        return jax.numpy.asarray(numbers, value.dtype)

    # ---- values ---------------------------------------------------------------------------

    def leaf(self, id: int) -> Leaf:
        """Return a value as a leaf of the file; its numbers are left out where they are many."""
        value = self.array(id)
        kept = self.settings.keeps(value.size, truth=False)
        return Leaf(self.names[id], value if kept else None, value.shape, value.dtype.name)

    def array(self, id: int) -> Array:
        """Return a value as the file's dtypes have it.

        Raises: InputFault for a dtype that the language has not.
        """
        value = self.tape.values[id]
        dtype = getattr(value.dtype, "name", str(value.dtype))
        if dtype in (*DTYPES, "bfloat16"):
            return np.asarray(value)
        if dtype.startswith("uint"):
            return np.asarray(value).astype(np.int64)
        raise InputFault(
            f"`{self.names[id]}` is of dtype {dtype}, which the language does not have",
            hint="record a function whose arrays are float32, float64 or integers",
        )

    def truth(self) -> None:
        """Keep the gradients and the values of the rows, which the replay is held to."""
        of = {name: id for id, name in self.names.items()}
        for row in self.rows:
            for name in row.names:
                id = of[name]
                size = self.tape.values[id].size
                kept = self.settings.keeps(size, truth=True) or isinstance(row, Opaque)
                if kept and id in self.cotangents:
                    self.listing.cotangents[name] = plain(self.cotangents[id])
                if kept:
                    self.listing.values[name] = self.array(id)


def plain(g: Any) -> Array:
    """Return a cotangent as PyTorch has it: JAX's of a complex number is the conjugate."""
    array = np.asarray(g)
    return np.conj(array) if array.dtype.kind == "c" else array


def _largest(array: Array) -> float:
    finite = np.abs(array[np.isfinite(array)])
    return float(np.max(finite, initial=0.0))


def _filled(text: str, places: dict[str, str]) -> str:
    for key, name in places.items():
        text = text.replace(f"{{{key}}}", name)
    return text


def _title(step: Step) -> str:
    name = str(step.params.get("name", step.name))
    return "".join(c if c.isalnum() or c in "_." else "_" for c in name)


def _modules(site: Site) -> Modules:
    path, found = "", []
    for name, kind in site.scope:
        path = f"{path}.{name}" if path else name
        found.append((path, kind))
    return tuple(found)


def _place(site: Site) -> Place:
    return Place() if site.span is None else Place(site.span.place, site.span.text)
