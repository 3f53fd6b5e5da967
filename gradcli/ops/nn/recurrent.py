"""Recurrent cells, and layers of them, by the steps that ATen takes on a CPU.

A layer of LSTM cells in float32 is one node, oneDNN's; every other is as many nodes as its cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

from gradcli.errors import ArgumentFault, DtypeFault, ShapeFault
from gradcli.ops.linalg.linalg import matmul
from gradcli.ops.linalg.products import linear
from gradcli.ops.pointwise.elementwise import relu, sigmoid, tanh
from gradcli.ops.shape.indexing import select, slice_
from gradcli.ops.shape.joining import unbind_, unsafe_chunk
from gradcli.ops.shape.shapes import cat, reshape, stack, t, transpose
from gradcli.ops.shape.views import contiguous_, transpose_in_place
from gradcli.rule.dtypes import FLOAT32
from gradcli.rule.meta import Meta
from gradcli.rule.rows import composite, primitive
from gradcli.rule.rule import Body, Composite, Derivative, OfFormula

State = tuple[Any, ...]  # (h,), or (h, c) of an LSTM


class Weights(NamedTuple):
    """The parameters of a cell; `w_hr` projects what it gives, None where nothing does."""

    w_ih: Any
    w_hh: Any
    b_ih: Any = None
    b_hh: Any = None
    w_hr: Any = None


# a cell: what its input comes to, its state and its parameters, to its next state
Cell = Callable[[Any, State, Weights], State]
Drop = Callable[[Any, float], Any]

# ---- cells ---------------------------------------------------------------------------------


def _of_input(x: Any, weights: Weights) -> Any:
    return linear(x, weights.w_ih, weights.b_ih)


def _of_state(h: Any, weights: Weights) -> Any:
    return linear(h, weights.w_hh, weights.b_hh)


def _gates(x: Any, count: int) -> tuple[Any, ...]:
    if x.shape[1] % count:
        raise ShapeFault(
            f"a cell has {count} gates, so its weights have {count} times as many rows as its "
            f"hidden size, not {x.shape[1]}"
        )
    found: tuple[Any, ...] = unsafe_chunk(x, count, 1)
    return found


def _lstm_step(x: Any, state: State, weights: Weights) -> State:
    h, c = state
    i, f, g, o = _gates(_of_state(h, weights) + x, 4)
    i, f, g, o = sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)
    c = f * c + i * g
    h = o * tanh(c)
    return (h if weights.w_hr is None else matmul(h, t(weights.w_hr))), c


def _gru_step(x: Any, state: State, weights: Weights) -> State:
    (h,) = state
    x_reset, x_update, x_new = _gates(x, 3)
    h_reset, h_update, h_new = _gates(_of_state(h, weights), 3)
    reset, update = sigmoid(h_reset + x_reset), sigmoid(h_update + x_update)
    new = tanh(x_new + h_new * reset)
    return ((h - new) * update + new,)


def _simple_step(function: Body) -> Cell:
    def step(x: Any, state: State, weights: Weights) -> State:
        return (function(_of_state(state[0], weights) + x),)

    return step


def _check_cell(x: Any, states: State, weights: Weights, gates: int) -> None:
    """Refuse what does not fit together, nearly in PyTorch's words."""
    w_ih, w_hh = weights[:2]
    if any(len(a.shape) != 2 for a in (x, *states, w_ih, w_hh)):
        raise ShapeFault(
            "a recurrent cell takes matrices: input, states and weights have "
            f"{[len(a.shape) for a in (x, *states, w_ih, w_hh)]} dimensions",
            hint="of a single sample, x.unsqueeze(0)",
        )
    if x.shape[1] != w_ih.shape[1]:
        raise ShapeFault(
            f"input has inconsistent input_size: got {x.shape[1]} expected {w_ih.shape[1]}"
        )
    size = w_hh.shape[1]
    for k, h in enumerate(states):
        if x.shape[0] != h.shape[0]:
            raise ShapeFault(
                f"Input batch size {x.shape[0]} doesn't match hidden{k} batch size {h.shape[0]}"
            )
        if h.shape[1] != size:
            raise ShapeFault(
                f"hidden{k} has inconsistent hidden_size: got {h.shape[1]}, expected {size}"
            )
    for name, w in (("weight_ih", w_ih), ("weight_hh", w_hh)):
        if w.shape[0] != gates * size:
            raise ShapeFault(
                f"{name} first dim must be {gates} * hidden_size = {gates * size}, but got "
                f"{w.shape[0]}"
            )


def _check_dtypes(name: str, *tensors: Any) -> None:
    found = {x.dtype.name: x for x in tensors if x is not None}
    if len(found) > 1:
        raise DtypeFault(
            f"{name}(): input, states and parameters must have one dtype, not "
            + " and ".join(sorted(found)),
            hint="convert them: x.to(dtype)",
        )


def _one_step(step: Cell, gates: int) -> Body:
    def cell(x: Any, h: Any, *parameters: Any) -> Any:
        weights = Weights(*parameters)
        _check_cell(x, (h,), weights, gates)
        return step(_of_input(x, weights), (h,), weights)[0]

    return cell


def _lstm_cell(x: Any, hx: State, *parameters: Any) -> State:
    if len(hx) != 2:
        raise ArgumentFault("lstm_cell expects two hidden states")
    weights = Weights(*parameters)
    _check_dtypes("lstm_cell", x, *hx)
    _check_cell(x, hx, weights, 4)
    return _lstm_step(_of_input(x, weights), hx, weights)


# ---- layers --------------------------------------------------------------------------------


def _run(
    step: Cell, x: Any, state: State, weights: Weights, reverse: bool = False
) -> tuple[Any, State]:
    """Run a cell along dimension 0; return all that it gives, and its last state."""
    found, inputs = [], unbind_(_of_input(x, weights), dim=0)
    for one in reversed(inputs) if reverse else inputs:
        state = step(one, state, weights)
        found.append(state[0])
    return stack(*(reversed(found) if reverse else found), dim=0), state


def _is_fused(x: Any, weights: Weights) -> bool:
    """Say whether PyTorch gives a layer of LSTM cells to oneDNN."""
    return bool(x.dtype == FLOAT32 and prod(x.shape) and weights.w_hr is None)


def _fused(x: Any, state: State, weights: Weights, reverse: bool) -> tuple[Any, State]:
    y, *last = lstm_layer(x, *weights[:4], *state, reverse=reverse)
    return y, tuple(last)


def _weights(params: Sequence[Any], has_biases: bool, projected: bool, count: int) -> list[Weights]:
    """Return a list of parameters cell by cell, as PyTorch has them one after another."""
    size = 2 + 2 * has_biases + projected
    if len(params) != size * count:
        raise ArgumentFault(
            f"got an incorrect number of RNN parameters: {len(params)}, and {count} cells have "
            f"{size * count}"
        )
    groups = [params[k : k + size] for k in range(0, len(params), size)]
    biases = 2 + 2 * has_biases
    return [
        Weights(*group[:2], *(group[2:biases] or (None, None)), *group[biases:]) for group in groups
    ]


def _layers(
    name: str, step: Cell, x: Any, states: list[State], cells: list[Weights], dropout: float,
    train: bool, bidirectional: bool, batch_first: bool, drop: Drop | None,
) -> tuple[Any, ...]:  # fmt: skip
    """Run layers one upon another; return what the last one gives, and all last states."""
    if len(x.shape) != 3 or not x.shape[not batch_first and 0]:
        raise ShapeFault(
            f"{name}() takes a batch of sequences that are not empty, three dimensions, not "
            f"{list(x.shape)}",
            hint="of a single sequence, x.unsqueeze(1), or x.unsqueeze(0) with batch_first",
        )
    _check_dtypes(name, x, *(h for state in states for h in state), *(w for c in cells for w in c))
    ways = 1 + bidirectional
    between = dropout if train else 0
    if between and drop is None and len(cells) > ways:
        raise ArgumentFault(
            f"{name}(): dropout in training is random, and there is no run to draw it in",
            hint="dropout=0.0, or train=False",
        )
    fused = step is _lstm_step and _is_fused(x, cells[0])
    x = transpose(x, dim0=0, dim1=1) if batch_first else x
    x = contiguous_(x) if fused else x
    last: list[State] = []
    for k in range(0, len(cells), ways):
        found = []
        for way in range(ways):
            given = (x, states[k + way], cells[k + way])
            y, state = _fused(*given, bool(way)) if fused else _run(step, *given, bool(way))
            found.append(y)
            last.append(state)
        x = cat(*found, dim=2) if bidirectional else found[0]
        if between and drop is not None and k + ways < len(cells):
            x = drop(x, between)
    if batch_first:
        x = (transpose if step is _lstm_step else transpose_in_place)(x, dim0=0, dim1=1)
    return x, *(stack(*parts, dim=0) for parts in zip(*last, strict=True))


def _states(name: str, hx: State, count: int, single: Body) -> list[State]:
    """Return the first state of each cell."""
    for h in hx:
        if len(h.shape) != 3 or h.shape[0] != count:
            raise ShapeFault(
                f"{name}(): the hidden state has shape {list(h.shape)}, and there are {count} "
                "cells: it is (cells, batch, hidden size)"
            )
    return list(zip(*(single(h) for h in hx), strict=True))


def _apart(h: Any) -> tuple[Any, ...]:
    found: tuple[Any, ...] = unbind_(h, dim=0)
    return found


def _picked(h: Any) -> tuple[Any, ...]:
    return tuple(select(h, dim=0, index=k) for k in range(h.shape[0]))


def _stack_of(name: str, step: Cell) -> Body:
    def expand(
        x: Any, h: Any, params: Sequence[Any], has_biases: bool, num_layers: int, dropout: float,
        train: bool, bidirectional: bool, batch_first: bool, drop: Drop | None = None,
    ) -> tuple[Any, ...]:  # fmt: skip
        count = num_layers * (1 + bidirectional)
        cells = _weights(params, has_biases, False, count)
        states = _states(name, (h,), count, _apart)
        options = dropout, train, bidirectional, batch_first, drop
        return _layers(name, step, x, states, cells, *options)

    return expand


def _lstm(
    x: Any, hx: State, params: Sequence[Any], has_biases: bool, num_layers: int, dropout: float,
    train: bool, bidirectional: bool, batch_first: bool, drop: Drop | None = None,
) -> tuple[Any, ...]:  # fmt: skip
    if len(hx) != 2:
        raise ArgumentFault("lstm expects two hidden states")
    if not params:
        raise ArgumentFault("lstm() got no parameters")
    count = num_layers * (1 + bidirectional)
    projected = hx[0].shape[-1:] != hx[1].shape[-1:]
    cells = _weights(params, has_biases, projected, count)
    states = _states("lstm", hx, count, _apart if projected or x.dtype != FLOAT32 else _picked)
    options = dropout, train, bidirectional, batch_first, drop
    return _layers("lstm", _lstm_step, x, states, cells, *options)


# ---- a layer that is one node --------------------------------------------------------------


def _lstm_run(*operands: Any, reverse: bool) -> tuple[Any, ...]:
    x, *parameters, h, c = operands
    y, state = _run(_lstm_step, x, (h, c), Weights(*parameters), reverse)
    return y, *state


def _joined(parts: Sequence[Any]) -> Any:
    return cat(*(reshape(x, (prod(x.shape),)) for x in parts), dim=0)


def _in_one(*operands: Any, reverse: bool) -> Any:
    """Return all that a layer gives as one vector: of that the derivatives are taken."""
    return _joined(_lstm_run(*operands, reverse=reverse))


def _taken_apart(joined: Any, y: Sequence[Any]) -> tuple[Any, ...]:
    found, start = [], 0
    for x in y:
        end = start + prod(x.shape)
        found.append(reshape(slice_(joined, dim=0, start=start, end=end, step=1), x.shape))
        start = end
    return tuple(found)


def _lstm_rule(slot: int) -> Body:
    def rule(g: Any, y: Any, *operands: Any, reverse: bool) -> Any:
        whole = _joined([part * 0 if x is None else x for x, part in zip(g, y, strict=True)])
        return OfFormula.pulled(_in_one, slot, whole, operands, {"reverse": reverse})

    return rule


def _lstm_meta(x: Any, w_ih: Any, *others: Any, reverse: bool) -> tuple[Meta, ...]:
    *_, h, c = others
    shape = (*x.shape[:2], h.shape[-1])
    return Meta(shape, x.dtype), Meta(h.shape, x.dtype), Meta(c.shape, x.dtype)


# ---- the rows ------------------------------------------------------------------------------
# fmt: off

lstm_layer = primitive(Derivative,
    "_mkldnn_rnn_layer(input, w_ih, w_hh, b_ih, b_hh, hx, cx, reverse: bool = False)",
    "MkldnnRnnLayerBackward0", _lstm_run, _lstm_meta, *map(_lstm_rule, range(7)),
    tangent=lambda ts, y, *operands, reverse:
        _taken_apart(OfFormula.pushed(_in_one, ts, operands, {"reverse": reverse}), y),
    outputs="output hn cn", doc="LSTM cells along a sequence, as one node")

_CELL = "w_ih, w_hh, b_ih = None, b_hh = None"
_LAYERS = ("params: tensors, has_biases: bool, num_layers: int, dropout: real, train: bool, "
           "bidirectional: bool, batch_first: bool")
_ONE = "True, 1, 0.0, False, False, False"
_FOUR, _THREE = "cat([A, A, 2*A, A])", "cat([A, 2*A, A])"


def _cell(name: str, step: Cell, gates: int, refuses: str, doc: str) -> Composite:
    weights = {1: "A", 3: _THREE}[gates]
    return composite(f"{name}(input, hx, {_CELL})", _one_step(step, gates), doc=doc,
        refuses=f"input hx w_ih w_hh: {refuses}", alike="input hx w_ih w_hh b_ih b_hh",
        examples=f"{name}(M, 2*M, {weights}, {weights})")


def _stacked(name: str, step: Cell, params: str, refuses: str, doc: str) -> Composite:
    return composite(f"{name}(input, hx, {_LAYERS})", _stack_of(name, step), doc=doc, draws=True,
        refuses=f"input hx: {refuses}", alike="input hx",
        examples=f"{name}(T, A[None], [{params}], {_ONE})[0]")


_tanh_step, _relu_step = _simple_step(tanh), _simple_step(relu)
lstm_cell = composite(f"lstm_cell(input, hx: tensors, {_CELL})", _lstm_cell,
    refuses="input w_ih w_hh: bool integer", alike="input w_ih w_hh b_ih b_hh",
    doc="A step of an LSTM: the next hidden state and cell state",
    examples=f"lstm_cell(M, (M, 2*M), {_FOUR}, {_FOUR})[0]")
gru_cell = _cell("gru_cell", _gru_step, 3, "bool integer",
    "A step of a GRU: the next hidden state")
rnn_tanh_cell = _cell("rnn_tanh_cell", _tanh_step, 1, "bool",
    "tanh(W_hh h + b_hh + W_ih x + b_ih)")
rnn_relu_cell = _cell("rnn_relu_cell", _relu_step, 1, "bool complex",
    "relu(W_hh h + b_hh + W_ih x + b_ih)")
lstm = composite(f"lstm(input, hx: tensors, {_LAYERS})", _lstm,
    refuses="bool integer", draws=True,
    doc="Layers of LSTM cells along sequences: all that the last one gives, the last hidden "
    "states and cell states",
    examples=f"lstm(T, (A[None], 2*A[None]), [{_FOUR}, {_FOUR}, cat([v, v, v, v]), "
    f"cat([v, v, v, v])], {_ONE})")
gru = _stacked("gru", _gru_step, f"{_THREE}, {_THREE}, cat([v, v, v]), cat([v, v, v])",
    "bool integer", "Layers of GRU cells along sequences, and their last states")
rnn_tanh = _stacked("rnn_tanh", _tanh_step, "A, A, v, v", "bool integer",
    "Layers of cells along sequences, with tanh, and their last states")
rnn_relu = _stacked("rnn_relu", _relu_step, "A, A, v, v", "bool complex",
    "Layers of cells along sequences, with relu, and their last states")
# fmt: on
