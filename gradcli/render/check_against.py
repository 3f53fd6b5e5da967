"""The table of `check --against`: a row a named tensor, gradcli's side beside the library's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.table import Table
from rich.text import Text

from gradcli.against.sides import LIBRARIES, Comparison, Comparisons, furthest
from gradcli.inspection import Array
from gradcli.render.cells import shorten
from gradcli.render.check_words import error_text
from gradcli.render.words import json_text, one_line, plural
from gradcli.verify.verdicts import Verdict

SCHEMA = "gradcli.against/1"
_NAME = 24


def render(files: Sequence[tuple[str, Comparisons]]) -> RenderableType:
    """Return the tables of some files, one below the other."""
    tables: list[RenderableType] = []
    for file, found in files:
        tables += ["", _Table(file, found)] if tables else [_Table(file, found)]
    return Group(*tables)


def render_json(library: str, files: Sequence[tuple[str, Comparisons]]) -> str:
    """Return `gradcli.against/1`.

    `library`; `files`, each with its `tensors`: `name`, `same`, what `differs` (of `"shape"`,
    `"dtype"`, `"grad_fn"`, `"value"`, `"gradient"`), `value_error` and `grad_error` relative to
    the largest value (null where there is no gradient, a string where not finite), `dtype` and
    `grad_fn`, gradcli's and the library's (null where the library has none), and `reasons`,
    sentences. Each file has `gradients`, what they are of, and `unstated`, what the library
    cannot state: `name`, `op`, `line` and `why`.
    """
    record = {
        "schema": SCHEMA,
        "library": library,
        "files": [
            {
                "file": file,
                "tensors": [_record(c) for c in found.tensors],
                "gradients": found.gradients,
                "unstated": [
                    {"name": u.name, "op": u.op, "line": u.line, "why": u.why}
                    for u in found.unstated
                ],
            }
            for file, found in files
        ],
    }
    return json_text(record, indent=2) + "\n"


def _record(c: Comparison) -> dict[str, object]:
    def number(x: float | None) -> float | str | None:
        return x if x is None or x - x == 0 else repr(x)

    return {
        "name": c.name,
        "same": not c.differs,
        "differs": list(c.differs),
        "value_error": number(c.value_error),
        "grad_error": number(c.grad_error),
        "dtype": [c.ours.dtype, c.theirs.dtype],
        "grad_fn": [c.ours.grad_fn, c.theirs.grad_fn],
        "reasons": list(c.reasons),
    }


@dataclass(frozen=True)
class _Table:
    file: str
    found: Comparisons

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        ascii_only = options.ascii_only
        library = LIBRARIES[self.found.library].name
        title = f"{self.file}: gradcli against {library}"
        yield Text(one_line(title, ascii_only=ascii_only), style="bold")
        yield Text(one_line(self.found.gradients, ascii_only=ascii_only))
        if self.found.tensors:
            yield Text()
            yield self._table(ascii_only)
        lines = [*self._sides(library), *self._reasons(), *self._unstated(library)]
        if lines:
            yield Text()
        for line in lines:
            yield Text(one_line(line, ascii_only=ascii_only))
        yield Text()
        yield self._summary(library)

    def _summary(self, library: str) -> Text:
        tensors, bad = self.found.tensors, [c for c in self.found.tensors if c.differs]
        text = f"{plural(len(tensors), 'tensor')} compared, "
        text += f"{len(bad)} differ{'s' * (len(bad) == 1)}" if bad else "all the same"
        if self.found.unstated:
            text += f", {len(self.found.unstated)} not stated in {library}"
        return Text(text if tensors else "Nothing was compared", "bold red" if bad else "bold")

    def _sides(self, library: str) -> Iterator[str]:
        """Say what both sides have where they are the furthest apart."""
        for c in self.found.tensors:
            pairs = {"value": (c.ours.value, c.theirs.value),
                     "gradient": (c.ours.grad, c.theirs.grad)}  # fmt: skip
            for what in set(c.differs) & set(pairs):
                place = furthest(*pairs[what])
                if place is None:
                    yield f"{c.name}: {what} {_kind(pairs[what][0])} in gradcli, " \
                          f"{_kind(pairs[what][1])} in {library}"  # fmt: skip
                    continue
                at, ours, theirs = place
                index = f"[{', '.join(map(str, at))}]" if at else ""
                yield f"{c.name}{index}: {what} {ours} in gradcli, {theirs} in {library}"

    def _reasons(self) -> Iterator[str]:
        """Say each reason once, with the names of all that it is of."""
        names: dict[str, list[str]] = {}
        for c in self.found.tensors:
            for reason in c.reasons:
                names.setdefault(reason, []).append(c.name)
        for reason, of in names.items():
            yield f"{', '.join(of)}: {reason}"

    def _unstated(self, library: str) -> Iterator[str]:
        for u in self.found.unstated:
            yield f"{u.name}: not stated in {library}, for `{u.op}` (line {u.line}): {u.why}"

    def _table(self, ascii_only: bool) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        nodes = any(c.ours.grad_fn or c.theirs.grad_fn for c in self.found.tensors)
        columns = ["  tensor", "value error", "gradient error", "dtype", "grad_fn", "differs"]
        for column in columns if nodes else [c for c in columns if c != "grad_fn"]:
            table.add_column(column, no_wrap=column != "grad_fn", overflow="fold")
        for c in self.found.tensors:
            verdict = Verdict.WRONG if c.differs else Verdict.OK
            name = one_line(c.name, ascii_only=ascii_only)
            name = shorten(name, _NAME, ascii_only=ascii_only)
            cells = [
                _error(c.value_error),
                _gradient(c),
                _both(c.ours.dtype, c.theirs.dtype),
                *([_both(c.ours.grad_fn or "", c.theirs.grad_fn or "")] if nodes else []),
                ", ".join(c.differs),
            ]
            table.add_row(Text(f"{verdict.mark(ascii_only)} {name}", verdict.row.style), *cells)
        return table


def _gradient(c: Comparison) -> str:
    """Return how far the gradients are apart, or which side has none; gradcli's comes first."""
    if c.grad_error is not None:
        return _error(c.grad_error)
    sides = [side.grad is not None for side in (c.ours, c.theirs)]
    return " / ".join("some" if has else "none" for has in sides) if any(sides) else ""


def _error(error: float) -> str:
    return "0" if not error else error_text(error) if isfinite(error) else "inf"


def _kind(array: Array | None) -> str:
    return "none" if array is None else f"of shape {list(array.shape)}"


def _both(ours: str, theirs: str) -> str:
    return ours if ours == theirs else f"{ours or 'none'} / {theirs or 'none'}"
