"""Gradients by parameters as bars, histograms and heat maps, in one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite, log10

from gradcli.picture.report import BINS, Gradient
from gradcli.picture.svg import text
from gradcli.render.numbers import SCALAR_DIGITS, number

BAR, THICK = 140, 12  # of a bar, in pixels
HIGH, WIDE = 36, 5  # of a histogram, and of one of its columns
MAP, CELLS = 110, (3, 14)  # of a heat map, and of its smallest and largest element
LEVELS = 8  # of strength in a heat map
_HEADS = ("parameter", "‖gradient‖", "log scale", "‖value‖", "ratio", "histogram", "heat map")


def charts(gradients: Sequence[Gradient]) -> Iterator[str]:
    """Yield a table with a row for each parameter."""
    if not gradients:
        yield '<p class="pale">No parameter has a gradient.</p>'
        return
    sizes = [log10(g.norm) for g in gradients if isfinite(g.norm) and g.norm > 0]
    low, high = (min(sizes), max(sizes)) if sizes else (0.0, 0.0)
    heads = "".join(f'<th scope="col">{name}</th>' for name in _HEADS)
    yield f'<div class="wide"><table class="gradients"><thead><tr>{heads}</tr></thead><tbody>'
    for g in gradients:
        ratio = g.norm / g.value_norm if g.value_norm else float("inf")
        cells = (_short(g.norm), _bar(g, low, high), _short(g.value_norm), _short(ratio),
                 _histogram(g), _map(g))  # fmt: skip
        bad = "" if isfinite(g.norm) else ' class="bad"'
        yield (
            f'<tr data-node="{g.id}"{bad}><th scope="row">{text(g.name)}{_note(g)}</th>'
            f"{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
        )
    yield "</tbody></table></div>"


def _note(g: Gradient) -> str:
    return f"<br><small>{text(g.note)}</small>" if g.note else ""


def _short(value: float) -> str:
    return number(float(f"{value:.4g}"), SCALAR_DIGITS) if isfinite(value) else str(value)


def _bar(g: Gradient, low: float, high: float) -> str:
    """Return a bar by the logarithm of a gradient's size, from that of the smallest one."""
    if not isfinite(g.norm):
        part, kind = 1.0, "bar odd"
    else:
        span = max(high - low, 1.0)
        part, kind = 0.0 if g.norm <= 0 else 0.1 + 0.9 * (log10(g.norm) - low) / span, "bar"
    return (
        f'<svg width="{BAR}" height="{THICK}" class="{kind}" role="img" '
        f'aria-label="{_short(g.norm)}"><rect width="{BAR * part:.0f}" height="{THICK}"/></svg>'
    )


def _histogram(g: Gradient) -> str:
    """Return how often elements of a gradient are of which size."""
    if not g.counts:
        return ""
    top, wide, columns = max(g.counts), WIDE * BINS, []
    step = wide / len(g.counts)
    for k, count in enumerate(g.counts):
        height = 0 if not count else max(2.0, (HIGH - 2) * count / top)
        if height:
            columns.append(f"M{k * step:.1f} {HIGH}v-{height:.1f}h{step - 1:.1f}V{HIGH}z")
    said = f"{_short(g.low)} to {_short(g.high)}"
    scale = f"<small><span>{_short(g.low)}</span><span>{_short(g.high)}</span></small>"
    return (
        f'<figure><svg width="{wide}" height="{HIGH}" class="histogram" role="img" '
        f'aria-label="from {said}"><path d="{"".join(columns)}"/></svg>{scale}</figure>'
    )


def _map(g: Gradient) -> str:
    """Return a matrix in colours: orange above 0, blue below, as strong as an element is large."""
    if not g.heat:
        return ""
    top = max((abs(x) for row in g.heat for x in row if isfinite(x)), default=0.0)
    rows, columns = len(g.heat), len(g.heat[0])
    side = max(CELLS[0], min(CELLS[1], MAP // max(rows, columns)))
    cells: dict[str, list[str]] = {}
    for i, row in enumerate(g.heat):
        for j, x in enumerate(row):
            place = f"M{j * side} {i * side}h{side}v{side}h-{side}z"
            cells.setdefault(_level(x, top), []).append(place)
    paths = "".join(
        f'<path class="{kind}" d="{"".join(places)}"/>' for kind, places in sorted(cells.items())
    )
    scale = f"<small><span>−{_short(top)}</span><span>0</span><span>{_short(top)}</span></small>"
    return (
        f'<figure><svg width="{side * columns}" height="{side * rows}" class="heat" role="img" '
        f'aria-label="heat map, strongest {_short(top)}">{paths}</svg>'
        f'<i class="scale"></i>{scale}</figure>'
    )


def _level(x: float, top: float) -> str:
    """Return the class of an element: its sign and, in eighths of the largest, its size."""
    if not isfinite(x):
        return "odd"
    level = round(LEVELS * abs(x) / top) if top else 0
    return f"{'up' if x > 0 else 'down'} l{level}" if level else "l0"
