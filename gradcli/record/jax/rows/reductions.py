"""Reductions, running sums, orders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradcli.record.jax.rows.call import Call, Row, Said, one, sizes


def _dims(axes: Sequence[int], rank: int) -> str:
    """Return words for the dimensions of a reduction: none for all of them."""
    if len(axes) == rank:
        return ""
    return f", dim={axes[0]}" if len(axes) == 1 else f", dim={sizes(axes)}"


def over(word: str) -> Row:
    """Return the row of a reduction over several dimensions at once."""

    def row(call: Call) -> Iterator[Said]:
        a, axes = call[0], tuple(call.params["axes"])
        if not axes:
            yield one(f"{a}.clone()")
        else:
            yield one(f"{word}({a}{_dims(axes, len(a.shape))})")

    return row


def one_by_one(word: str) -> Row:
    """Return the row of a reduction that takes one dimension in a call."""

    def row(call: Call) -> Iterator[Said]:
        a, axes = call[0], tuple(call.params["axes"])
        if len(axes) == len(a.shape) and axes:
            yield one(f"{word}({a})")
        text = str(a)
        for d in sorted(axes, reverse=True):
            text = f"{word}({text}, dim={d})"
        yield one(text if axes else f"{a}.clone()")

    return row


def place(word: str) -> Row:
    """Return the row of the index of an extreme."""

    def row(call: Call) -> Iterator[Said]:
        yield one(f"{word}({call[0]}, dim={call.params['axes'][0]})")

    return row


def running(text: str) -> Row:
    """Return the row of a running reduction, from either end."""

    def row(call: Call) -> Iterator[Said]:
        a, d = call[0], call.params["axis"]
        if call.params["reverse"]:
            yield one(f"flip({text.format(a=f'flip({a}, ({d},))', d=d)}, ({d},))")
        else:
            yield one(text.format(a=a, d=d))

    return row


def _sort(call: Call) -> Iterator[Said]:
    if call.params["num_keys"] != 1:
        return
    d, key = call.params["dimension"], call[0]
    order = f"argsort({key}, dim={d}, stable=True)"
    rest = [f"take_along_dim({x}, {order}, {d})" for x in call.operands[1:]]
    yield Said((f"sort({key}, dim={d}, stable=True)[0]", *rest))


def _top_k(call: Call) -> Iterator[Said]:
    p = call.params
    d = p.get("axis", -1)
    text = f"topk({call[0]}, {p['k']}, dim={d})"
    yield Said((f"{text}[0]", f"{text}[1]"))


ROWS: dict[str, Row] = {
    "reduce_sum": over("sum"),
    "reduce_max": over("amax"),
    "reduce_min": over("amin"),
    "reduce_prod": one_by_one("prod"),
    "reduce_and": one_by_one("all"),
    "reduce_or": one_by_one("any"),
    "argmax": place("argmax"),
    "argmin": place("argmin"),
    "cumsum": running("cumsum({a}, {d})"),
    "cumprod": running("cumprod({a}, {d})"),
    "cummax": running("cummax({a}, {d})[0]"),
    "cummin": running("cummin({a}, {d})[0]"),
    "cumlogsumexp": running("logcumsumexp({a}, {d})"),
    "sort": _sort,
    "top_k": _top_k,
}
