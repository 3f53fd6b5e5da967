"""Gathering and scattering.

JAX's are of one general kind, of which the common ones have words of their own. The rest is said
by places in the flat tensor, which are found by gathering the places themselves.
"""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from gradcli.record.jax.rows.call import Call, Row, Said, one, sizes
from gradcli.rule.dtypes import Array

_EXACT = 1 << 24  # integers up to here are exact in float32


def _gather(call: Call) -> Iterator[Said]:
    a, index = call.operands
    numbers = call.params["dimension_numbers"]
    rank = len(a.shape)
    if len(numbers.start_index_map) == 1 and not numbers.operand_batching_dims:
        yield from _rows(call, numbers.start_index_map[0])
    if (
        len(numbers.start_index_map) == 1
        and len(numbers.operand_batching_dims) == rank - 1
        and not numbers.offset_dims
        and index.shape[:-1] == call.shape
        and not index.is_number
    ):
        d = numbers.start_index_map[0]
        yield one(f"gather({a}, {d}, reshape({index}, {sizes(call.shape)}).to(int64))")
    places = _places(call)
    if places is None:
        return
    flat = f"reshape({a}, (-1,))" if rank != 1 else str(a)
    if np.all(places > 0):
        yield one(f"{flat}[{{places}}]", places=places - 1)
    else:  # what lies outside is filled, or dropped
        filler = f"full({sizes(call.shape)}, nan, dtype={a.dtype})"
        fill = call.params["fill_value"]
        if fill is not None:
            filler = f"full({sizes(call.shape)}, {fill}, dtype={a.dtype})"
        inside = np.maximum(places - 1, 0)
        yield one(f"where({{inside}}, {flat}[{{places}}], {filler})",
                  places=inside, inside=places > 0)  # fmt: skip


def _rows(call: Call, d: int) -> Iterator[Said]:
    """Return words for `a[index]` along one dimension, the others whole."""
    a, index = call.operands
    numbers, window = call.params["dimension_numbers"], call.params["slice_sizes"]
    whole = all(w == n for k, (w, n) in enumerate(zip(window, a.shape, strict=True)) if k != d)
    if tuple(numbers.collapsed_slice_dims) != (d,) or not whole:
        return
    front = ":, " * d
    if index.value.size == 1 and len(index.shape) == 1:
        yield one(f"{a}[{front}{int(index.value.item())}]")
    if not index.is_number:
        yield one(f"{a}[{front}reshape({index}, {sizes(index.shape[:-1])})]")


def _places(call: Call) -> Array | None:
    """Return from where each element comes, counted from 1 in the flat tensor; 0 is outside."""
    a, index = call.operands
    if a.value.size >= _EXACT:
        return None
    counted = jnp.arange(1, a.value.size + 1, dtype="int32").reshape(a.shape)
    p = call.params
    found = jax.lax.gather(
        counted, jnp.asarray(index.value), p["dimension_numbers"], p["slice_sizes"],
        mode=p["mode"], fill_value=0,
    )  # fmt: skip
    return np.asarray(found).astype(np.int64)


def _scatter_add(call: Call) -> Iterator[Said]:
    a, _, update = call.operands
    found = _targets(call)
    if found is None:
        return
    places, kept = found
    flat, values = f"reshape({a}, (-1,))", f"reshape({update}, (-1,))"
    if kept is None:
        added, data = f"{flat}.index_add(0, {{places}}, {values})", {"places": places}
    else:
        added = f"{flat}.index_add(0, {{places}}, {values}[{{kept}}])"
        data = {"places": places, "kept": kept}
    yield one(f"reshape({added}, {sizes(a.shape)})", **data)


def _scatter(call: Call) -> Iterator[Said]:
    a, _, update = call.operands
    found = _targets(call)
    if found is None:
        return
    places, kept = found
    data = {"places": places}
    values = f"reshape({update}, (-1,))"
    if kept is not None:
        values, data["kept"] = f"{values}[{{kept}}]", kept
    flat = f"reshape({a}, (-1,))"
    if call.name != "scatter":
        values = f"{flat}[{{places}}] * {values}"
    text = f"index_put({flat}, ({{places}},), {values})"
    yield one(f"reshape({text}, {sizes(a.shape)})", **data)


def _targets(call: Call) -> tuple[Array, Array | None] | None:
    """Return where each element of the update goes in the flat tensor, and which of them go."""
    a, index, update = call.operands
    if a.value.size >= _EXACT:
        return None
    p = call.params

    def scattered(moved: jax.Array) -> jax.Array:
        base = jnp.zeros(a.shape, moved.dtype)
        return jax.lax.scatter_add(
            base, jnp.asarray(index.value), moved, p["dimension_numbers"], mode=p["mode"]
        )

    # the gradient of a sum at a place is what stands there: the place itself
    _, pull = jax.vjp(scattered, jnp.zeros(update.shape, jnp.float32))
    counted = jnp.arange(1, a.value.size + 1, dtype=jnp.float32).reshape(a.shape)
    places = np.asarray(pull(counted)[0]).astype(np.int64).reshape(-1)
    kept = np.flatnonzero(places)
    if len(kept) == len(places):
        return places - 1, None
    return places[kept] - 1, kept


ROWS: dict[str, Row] = {
    "gather": _gather,
    "scatter-add": _scatter_add,
    "scatter": _scatter,
    "scatter-mul": _scatter,
}
