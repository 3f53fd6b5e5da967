"""`record_jax(f, "run")(*args)`: a call of a function of JAX, written as a record."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from gradcli import __version__
from gradcli.errors import InputFault
from gradcli.record.files import write
from gradcli.record.jax.alike import epsilon, near
from gradcli.record.jax.places import Site
from gradcli.record.jax.steps import Operand, Tape, Walk
from gradcli.record.jax.sweep import Cotangents, sweep
from gradcli.record.jax.writer import Writer, plain
from gradcli.record.listing import Listing, Row
from gradcli.record.settings import ROWS, Settings, settings

DEFAULT = Settings()

P = ParamSpec("P")
R = TypeVar("R")


def record_jax(
    f: Callable[P, R],
    output: str | Path = "run",
    *,
    argnums: int | Sequence[int] | None = None,
    max_rows: int = ROWS,
    save_data: str = "small",
) -> Callable[P, R]:
    """Return a function that calls `f`, writes the call as a record and returns what `f` returns.

    The record is `output` with the endings .expr and .npz. Differentiated is the first scalar of
    what `f` returns, by every array of floating point among the arguments, or by the arguments at
    `argnums` alone. `max_rows` is the most steps that a call may take: loops are written out.
    `save_data` says which values are kept, as the command's option does.

    Raises: InputFault where `f` returns no scalar that depends on these, takes too many steps or
    has a dtype that the language has not, or where the files cannot be written.
    """
    numbers = (argnums,) if isinstance(argnums, int) else argnums
    made = settings(max_rows=max_rows, save_data=save_data)

    @wraps(f)
    def recorded(*args: P.args, **kwargs: P.kwargs) -> R:
        listing = listed(f, args, kwargs, numbers, made)
        write(listing, Path(output))
        return f(*args, **kwargs)

    return recorded


class Argument(NamedTuple):
    """An array among the arguments: its path, `params.w1`, and whether it is differentiated."""

    path: str
    value: Any
    moved: bool


@dataclass
class _Given:
    """The arguments of a call as arrays, and the function of them."""

    arguments: list[Argument]
    function: Callable[..., Any]


def listed(
    f: Callable[..., Any],
    args: Sequence[Any],
    kwargs: dict[str, Any],
    argnums: Sequence[int] | None = None,
    settings: Settings = DEFAULT,
) -> Listing:
    """Return the record of a call of a function of JAX.

    Raises: InputFault as `record_jax` does.
    """
    if any(isinstance(x, jax.core.Tracer) for x in jax.tree_util.tree_leaves((args, kwargs))):
        raise InputFault(
            f"{_name(f)} is called inside of jit, grad or vmap, where arrays have no numbers",
            hint="record_jax(f)(*args) outside of them, or gradcli record --jax --function NAME",
        )
    given = _given(f, args, kwargs, argnums)
    values = [x.value for x in given.arguments]
    closed, shapes = jax.make_jaxpr(given.function, return_shape=True)(*values)
    tape = Tape()
    inputs = [tape.new(jnp.asarray(x)) for x in values]
    tape.active.update(i for i, x in zip(inputs, given.arguments, strict=True) if x.moved)
    consts = [tape.new(jnp.asarray(x)) for x in closed.consts]
    walk = Walk(tape, settings.max_rows)
    ends = walk.run(closed.jaxpr, [*consts, *inputs], Site())
    root = _root(f, tape, ends, given.arguments)

    grads = {} if tape.has_while else _truth(given, ends.index(root), inputs)
    cotangents = _cotangents(tape, root, grads)
    listing = Listing()
    writer = Writer(tape, cotangents, listing, settings)
    for i, x in zip(inputs, given.arguments, strict=True):
        writer.names[i] = listing.name(x.path)
    for k, i in enumerate(consts, 1):
        writer.names[i] = listing.name(f"const_{k}")
    _name_results(writer, ends, root, shapes)
    writer.name_steps(tape.steps)
    writer.write([root, *(x for x in ends if isinstance(x, int))])
    _leaves(writer, inputs, consts, given.arguments)
    listing.items += [*writer.data, *writer.rows]
    listing.items.append(Row((), f"{writer.names[writer.id_of(root)]}.backward()"))
    writer.truth()
    for i, x in zip(inputs, given.arguments, strict=True):
        if x.moved:
            g = grads.get(i, cotangents.get(i, jnp.zeros_like(tape.values[i])))
            reached = i in cotangents or bool(jnp.any(g))  # JAX's 0 is none where nothing comes
            if reached and settings.keeps(g.size, truth=True):
                listing.grads[writer.names[i]] = plain(g)
    _title(listing, f, tape, writer, root)
    return listing


def _given(
    f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any],
    argnums: Sequence[int] | None,
) -> _Given:  # fmt: skip
    """Return the arrays among the arguments, with their paths; the rest stays as it is."""
    names = _names(f, len(args))
    leaves, tree = jax.tree_util.tree_flatten_with_path((tuple(args), dict(kwargs)))
    arguments, at = [], []
    chosen = None if argnums is None else {k % max(len(args), 1) for k in argnums}
    for place, (path, value) in enumerate(leaves):
        if not isinstance(value, jax.Array | np.ndarray | np.generic | float | int | complex):
            continue  # a text, a function: what the program is, and not what it is given
        positional = path[0].idx == 0
        name = names[path[1].idx] if positional else str(path[1].key)
        asked = chosen is None or (positional and path[1].idx in chosen)
        moved = asked and jnp.issubdtype(jnp.result_type(value), jnp.inexact)
        arguments.append(Argument(name + _dotted(path[2:]), value, bool(moved)))
        at.append(place)

    def function(*arrays: Any) -> Any:
        given = [value for _, value in leaves]
        for place, array in zip(at, arrays, strict=True):
            given[place] = array
        inner, named = jax.tree_util.tree_unflatten(tree, given)
        return f(*inner, **named)

    return _Given(arguments, function)


def _names(f: Callable[..., Any], count: int) -> list[str]:
    """Return names for positional arguments."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):  # a function of C says nothing of its parameters
        parameters = []
    found = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "arg")
    return [*found, *(f"{rest}.{k}" for k in range(len(found), count))][:count]


def _name(f: Callable[..., Any]) -> str:
    return getattr(f, "__name__", "the function")


def _dotted(path: Iterable[Any]) -> str:
    """Return a path in a tree as people write it: `.layers.0.w`."""
    text = jax.tree_util.keystr(tuple(path))
    return re.sub(r"\[['\"]?([^'\"\]]*)['\"]?\]", r".\1", text)


def _root(
    f: Callable[..., Any], tape: Tape, ends: Sequence[Operand], arguments: Sequence[Argument]
) -> int:
    """Return the scalar that is differentiated: the first one of what the function returns."""
    for end in ends:
        if isinstance(end, int) and end in tape.active:
            value = tape.values[end]
            if value.shape == () and jnp.issubdtype(value.dtype, jnp.floating):
                return end
    name = _name(f)
    if not any(x.moved for x in arguments):
        raise InputFault(
            f"{name} is given no array of floating point, by which it could be differentiated",
            hint="an argument `3` is an integer; `3.0` is not",
        )
    raise InputFault(
        f"{name} returns no real scalar that depends on its arguments: there is no gradient",
        hint="record the function that returns the loss, as jax.grad takes it",
    )


def _name_results(writer: Writer, ends: Sequence[Operand], root: int, shapes: Any) -> None:
    """Give names to the results that the program gives none."""
    paths = [
        _dotted(path).strip(".") for path, _ in jax.tree_util.tree_flatten_with_path(shapes)[0]
    ]
    for end, path in zip(ends, paths, strict=True):
        if isinstance(end, int) and end not in writer.names:
            plain = "loss" if end == root else f"result.{path}" if path else "result"
            writer.hints[end] = plain


def _leaves(
    writer: Writer, inputs: Sequence[int], consts: Sequence[int], arguments: Sequence[Argument]
) -> None:
    """Put the arguments and the constants that are read at the beginning of the listing."""
    for i, x in zip(inputs, arguments, strict=True):
        if i in writer.needed or x.moved:
            writer.listing.items.append(
                replace(writer.leaf(i), label=x.path, requires_grad=x.moved)
            )
    for i in consts:
        if i in writer.needed:
            writer.listing.items.append(writer.leaf(i))


def _truth(given: _Given, place: int, inputs: Sequence[int]) -> Cotangents:
    """Return JAX's own gradients of the whole function, by the values of its arguments."""
    moved = [k for k, x in enumerate(given.arguments) if x.moved]
    values = [jnp.asarray(x.value) for x in given.arguments]

    def function(*xs: Any) -> Any:
        for k, x in zip(moved, xs, strict=True):
            values[k] = x
        return jax.tree_util.tree_leaves(given.function(*values))[place]

    root, pull = jax.vjp(function, *(values[k] for k in moved))
    return {inputs[k]: g for k, g in zip(moved, pull(jnp.ones((), root.dtype)), strict=True)}


def _cotangents(tape: Tape, root: int, grads: Cotangents) -> Cotangents:
    """Return what comes to each value from the root.

    To matrices that are decomposed it is the symmetric part, if with that the gradients of the
    arguments are JAX's own.
    """
    for tape.symmetric in (True, False):
        found: Cotangents = {root: jnp.ones((), tape.values[root].dtype)}
        sweep(tape, tape.steps, found)
        # to half of their digits: another matrix would be another by far more
        if all(near(found[i], g, 0.0, epsilon(g) ** -0.5) for i, g in grads.items() if i in found):
            break
    return found


def _title(listing: Listing, f: Callable[..., Any], tape: Tape, writer: Writer, root: int) -> None:
    """Write what the record is of."""
    name = _name(f)
    dtype = tape.values[root].dtype.name
    rows, opaque = len([x for x in listing.rows if x.names]), listing.opaque
    word = "row" if len(opaque) == 1 else "rows"
    parameters = sum(leaf.requires_grad for leaf in listing.leaves)
    code = getattr(inspect.unwrap(f), "__code__", None)
    where = f", {Path(code.co_filename).name}:{code.co_firstlineno}" if code else ""
    listing.title += [
        f"Recorded by gradcli {__version__} from `{name}`{where}; JAX {jax.__version__}, {dtype}.",
        f"{rows} rows, {parameters} parameters, {len(opaque)} opaque {word}.",
    ]
    listing.title += writer.remarks
    if tape.has_while:
        listing.title.append(
            "JAX has no gradient through while_loop: the recorded ones are those of its turns."
        )
    # XLA sums and rounds in its own order, and a gradient may be what is left of larger numbers
    tolerance = epsilon(tape.values[root]) ** 0.5
    listing.facts |= {"jax": jax.__version__, "script": name, "tolerance": tolerance}
