"""Primitives that arrange elements: shapes, parts, joins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gradcli.record.jax.rows.call import Call, Row, Said, one, sizes


def _broadcast_in_dim(call: Call) -> Iterator[Said]:
    a, shape = call[0], call.shape
    if a.is_number:
        yield one(f"full({sizes(shape)}, {a.name}, dtype={a.dtype})")
        return
    aligned = [1] * len(shape)
    for d, n in zip(call.params["broadcast_dimensions"], a.shape, strict=True):
        aligned[d] = n
    if tuple(aligned) == shape:
        yield one(f"reshape({a}, {sizes(shape)})")
        return
    while aligned and aligned[0] == 1 and len(aligned) > len(a.shape):
        aligned.pop(0)  # leading dimensions come by themselves
    text = str(a) if tuple(aligned) == a.shape else f"reshape({a}, {sizes(aligned)})"
    yield one(f"broadcast_to({text}, {sizes(shape)})")


def _reshape(call: Call) -> Iterator[Said]:
    yield one(f"reshape({call[0]}, {sizes(call.shape)})")


def _transpose(call: Call) -> Iterator[Said]:
    order = tuple(call.params["permutation"])
    yield one(f"{call[0]}.T" if order == (1, 0) else f"permute({call[0]}, {sizes(order)})")


def _concatenate(call: Call) -> Iterator[Said]:
    parts = ", ".join(map(str, call.operands))
    yield one(f"cat([{parts}], dim={call.params['dimension']})")


def _stack(call: Call) -> Iterator[Said]:
    yield one(f"stack([{', '.join(map(str, call.operands))}])")


def _item(call: Call) -> Iterator[Said]:
    yield one(f"{call[0]}[{call.params['index']}]")


def _cut(text: str, shape: Sequence[int], starts: Sequence[int], ends: Sequence[int],
         steps: Sequence[int]) -> str:  # fmt: skip
    """Return words for a part of a tensor."""
    parts = []
    for n, start, end, step in zip(shape, starts, ends, steps, strict=True):
        whole = start == 0 and end >= n
        a, b = "" if start == 0 else str(start), "" if end >= n else str(end)
        parts.append((":" if whole else f"{a}:{b}") + (f":{step}" if step != 1 else ""))
    while parts and parts[-1] == ":":
        parts.pop()
    return f"{text}[{', '.join(parts)}]" if parts else f"{text}.clone()"


def _slice(call: Call) -> Iterator[Said]:
    a, p = call[0], call.params
    steps = p["strides"] or (1,) * len(a.shape)
    yield one(_cut(str(a), a.shape, p["start_indices"], p["limit_indices"], steps))


def _starts(call: Call, first: int, window: Sequence[int]) -> list[int]:
    """Return where a window begins: what JAX moves to the inside."""
    given = [int(x.value) for x in call.operands[first:]]
    return [
        max(0, min(i, n - w))
        for i, n, w in zip(given, call[0].shape, window, strict=True)
    ]  # fmt: skip


def _dynamic_slice(call: Call) -> Iterator[Said]:
    a, window = call[0], call.shape
    starts = _starts(call, 1, window)
    ends = [i + n for i, n in zip(starts, window, strict=True)]
    yield one(_cut(str(a), a.shape, starts, ends, [1] * len(window)))


def _dynamic_update_slice(call: Call) -> Iterator[Said]:
    a, update = call[0], call[1]
    starts = _starts(call, 2, update.shape)
    yield one(placed(str(a), a.shape, str(update), update.shape, starts))


def placed(a: str, shape: Sequence[int], update: str, part: Sequence[int], starts: Sequence[int],
           steps: Sequence[int] | None = None) -> str:  # fmt: skip
    """Return words for a tensor of which a part is replaced: `slice_scatter`, nested."""
    steps = steps or [1] * len(shape)
    text, done = update, False
    for d in reversed(range(len(shape))):
        if part[d] == shape[d]:
            continue
        end = starts[d] + (part[d] - 1) * steps[d] + 1
        whole = _outer(a, shape, part, starts, steps, d)
        text = f"slice_scatter({whole}, {text}, {d}, {starts[d]}, {end}, {steps[d]})"
        done = True
    return text if done else f"{text}.clone()"


def _outer(a: str, shape: Sequence[int], part: Sequence[int], starts: Sequence[int],
           steps: Sequence[int], dim: int) -> str:  # fmt: skip
    """Return words for the part of a tensor that is cut in the dimensions before one."""
    ends = [s + (n - 1) * k + 1 for s, n, k in zip(starts, part, steps, strict=True)]
    cuts = [
        f"{starts[d]}:{ends[d]}" + (f":{steps[d]}" if steps[d] != 1 else "")
        if d < dim and part[d] != shape[d]
        else ":"
        for d in range(dim)
    ]
    while cuts and cuts[-1] == ":":
        cuts.pop()
    return f"{a}[{', '.join(cuts)}]" if cuts else a


def _pad(call: Call) -> Iterator[Said]:
    a, filler = call.operands
    config = call.params["padding_config"]
    if not any(inner for _, _, inner in config):
        sides = [int(n) for low, high, _ in reversed(config) for n in (low, high)]
        if filler.is_number and filler.value == 0:
            yield one(f"F.pad({a}, {sizes(sides)})")
        elif filler.value.size == 1 and filler.is_number:
            yield one(f"F.pad({a}, {sizes(sides)}, value={filler.name})")
    if all(low >= 0 and high >= 0 for low, high, _ in config) and a.value.size:
        base = f"full({sizes(call.shape)}, {filler.name}, dtype={a.dtype})"
        if not filler.is_number:
            base = f"broadcast_to({filler}, {sizes(call.shape)})"
        starts = [low for low, _, _ in config]
        steps = [inner + 1 for _, _, inner in config]
        yield one(placed(base, call.shape, str(a), a.shape, starts, steps))


def _iota(call: Call) -> Iterator[Said]:
    shape, d, dtype = call.shape, call.params["dimension"], call.result.dtype.name
    text = f"arange({shape[d]}, dtype={dtype})"
    if len(shape) > 1:
        aligned = [n if k == d else 1 for k, n in enumerate(shape)][d:]
        text = f"reshape({text}, {sizes(aligned)})" if len(aligned) > 1 else text
        text = f"broadcast_to({text}, {sizes(shape)})"
    yield one(text)


def _rev(call: Call) -> Iterator[Said]:
    yield one(f"flip({call[0]}, {sizes(call.params['dimensions'])})")


def _split(call: Call) -> Iterator[Said]:
    axis, ends = call.params["axis"], np.cumsum(call.params["sizes"])
    front = ":, " * axis
    starts = [0, *ends[:-1]]
    yield Said(tuple(f"{call[0]}[{front}{i}:{j}]" for i, j in zip(starts, ends, strict=True)))


def _tile(call: Call) -> Iterator[Said]:
    yield one(f"tile({call[0]}, {sizes(call.params['reps'])})")


ROWS: dict[str, Row] = {
    "broadcast_in_dim": _broadcast_in_dim,
    "reshape": _reshape,
    "squeeze": _reshape,
    "expand_dims": _reshape,
    "transpose": _transpose,
    "concatenate": _concatenate,
    "stack": _stack,
    "item": _item,
    "slice": _slice,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "pad": _pad,
    "iota": _iota,
    "rev": _rev,
    "split": _split,
    "tile": _tile,
}
