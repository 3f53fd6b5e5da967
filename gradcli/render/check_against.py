"""The table of `check --against`: a row a named tensor, gradcli's side beside the library's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from gradcli.render.cells import shorten
from gradcli.render.check_words import ASCII_MARKS, MARKS, STYLES, error_text, plural
from gradcli.render.words import one_line
from gradcli.verify.against import Comparison
from gradcli.verify.report import Verdict

SCHEMA = "gradcli.against/1"
_NAME = 24


def render(file: str, library: str, found: Sequence[Comparison]) -> RenderableType:
    """Return the table of one file."""
    return _Table(file, library, found)


def render_json(library: str, files: Sequence[tuple[str, Sequence[Comparison]]]) -> str:
    """Return `gradcli.against/1`.

    `library`; `files`, each with its `tensors`: `name`, `same`, what `differs` (of `"shape"`,
    `"dtype"`, `"grad_fn"`, `"value"`, `"gradient"`), `value_error` and `grad_error` relative to
    the largest value (null where there is no gradient, a string where not finite), and `dtype` and
    `grad_fn`, gradcli's and the library's.
    """
    record = {
        "schema": SCHEMA,
        "library": library,
        "files": [{"file": file, "tensors": [_record(c) for c in found]} for file, found in files],
    }
    return json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


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
    }


@dataclass(frozen=True)
class _Table:
    file: str
    library: str
    found: Sequence[Comparison]

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        ascii_only = options.ascii_only
        title = f"{self.file}: gradcli against {self.library}"
        yield Text(one_line(title, ascii_only=ascii_only), style="bold")
        if self.found:
            yield Text()
            yield self._table(ascii_only)
        yield Text()
        bad = [c for c in self.found if c.differs]
        text = f"{plural(len(self.found), 'tensor')} compared, "
        text += f"{len(bad)} differ" if bad else "all the same"
        yield Text(text if self.found else "Nothing was compared", "bold red" if bad else "bold")

    def _table(self, ascii_only: bool) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for column in ("  tensor", "value error", "gradient error", "dtype", "grad_fn", "differs"):
            table.add_column(column, no_wrap=column != "grad_fn", overflow="fold")
        marks = ASCII_MARKS if ascii_only else MARKS
        for c in self.found:
            verdict: Verdict = "WRONG" if c.differs else "OK"
            name = shorten(c.name, _NAME, ascii_only=ascii_only)
            table.add_row(
                Text(f"{marks[verdict]} {name}", STYLES[verdict]),
                "0" if not c.value_error else error_text(c.value_error),
                "" if c.grad_error is None else error_text(c.grad_error),
                _both(c.ours.dtype, c.theirs.dtype),
                _both(c.ours.grad_fn or "", c.theirs.grad_fn or ""),
                ", ".join(c.differs),
            )
        return table


def _both(ours: str, theirs: str) -> str:
    return ours if ours == theirs else f"{ours or 'none'} / {theirs or 'none'}"
