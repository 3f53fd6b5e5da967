"""Functions of PyTorch that are recorded as what they compute: random ones, recurrent ones.

A dropout is a product with a mask that is drawn here as PyTorch draws it, from the same generator,
so that the run is the one that it would have been. Source: ATen's `_dropout_impl`, and the
equations of `torch.nn.LSTM`, `GRU` and `RNN`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Any

import torch
from torch.nn import functional

Tensor = Any  # PyTorch's
_SELU_FLOOR = 1.7580993408473766  # -(the least value of selu), which alpha dropout drops to


def _dropout(feature: bool = False, alpha: bool = False) -> Callable[..., Any]:
    def run(input: Tensor, p: float = 0.5, train: bool = True) -> Tensor:
        if not train or not p or not input.numel():
            return input
        if p == 1 and not alpha:
            return input * torch.zeros((), dtype=input.dtype)
        shape = (*input.shape[:2], *(1,) * (input.dim() - 2)) if feature else input.shape
        with torch.no_grad():
            mask = torch.empty(shape, dtype=input.dtype, device=input.device).bernoulli_(1 - p)
            if not alpha:
                mask.div_(1 - p)
                return_mask, shift = mask, None
            else:
                scale = 1 / sqrt((_SELU_FLOOR**2 * p + 1) * (1 - p)) if p < 1 else 0.0
                shift = (mask - 1) * (_SELU_FLOOR * scale) + _SELU_FLOOR * scale * p
                return_mask = mask * scale
        return input * return_mask if shift is None else input * return_mask + shift

    return run


def _functional_dropout(kernel: Callable[..., Any], rank: int = 0, default: bool = True) -> Any:
    def run(input: Tensor, p: float = 0.5, training: bool = default, **_: Any) -> Any:
        if rank == input.dim() and training and p:
            return kernel(input.unsqueeze(0), p, training).squeeze(0)
        return kernel(input, p, training)

    return run


def _cell(kind: str, x: Tensor, h: Tensor, c: Any, w: Sequence[Tensor]) -> Any:
    """Return the next h, and the next c of an LSTM."""
    bias = w[2:4] if len(w) >= 4 else (None, None)
    i, r = functional.linear(x, w[0], bias[0]), functional.linear(h, w[1], bias[1])
    if kind == "lstm":
        parts = (i + r).chunk(4, 1)
        c = torch.sigmoid(parts[1]) * c + torch.sigmoid(parts[0]) * torch.tanh(parts[2])
        return torch.sigmoid(parts[3]) * torch.tanh(c), c
    if kind == "gru":
        a, b = i.chunk(3, 1), r.chunk(3, 1)
        reset, update = torch.sigmoid(a[0] + b[0]), torch.sigmoid(a[1] + b[1])
        new = torch.tanh(a[2] + reset * b[2])
        return new + update * (h - new), None
    return (torch.tanh(i + r) if kind == "rnn_tanh" else torch.relu(i + r)), None


def _recurrent(kind: str) -> Callable[..., Any]:
    def run(
        input: Tensor, hx: Any, params: Any, has_biases: bool, num_layers: int, dropout: float,
        train: bool, bidirectional: bool, batch_first: bool,
    ) -> Any:  # fmt: skip
        first, second = hx if kind == "lstm" else (hx, None)
        x = input.transpose(0, 1) if batch_first else input
        count = 4 if has_biases else 2
        if len(params) != count * num_layers * (1 + bidirectional):
            return NotImplemented  # with projections
        hs: list[Tensor] = []
        cs: list[Any] = []
        place = 0
        for layer in range(num_layers):
            ways = []
            for backwards in range(1 + bidirectional):
                w = params[count * place : count * place + count]
                h, c = first[place], None if second is None else second[place]
                steps = list(x.unbind(0))
                outputs = []
                for step in reversed(steps) if backwards else steps:
                    h, c = _cell(kind, step, h, c, w)
                    outputs.append(h)
                ways.append(torch.stack(outputs[::-1] if backwards else outputs))
                hs.append(h)
                cs.append(c)
                place += 1
            x = torch.cat(ways, -1) if bidirectional else ways[0]
            if dropout and train and layer + 1 < num_layers:
                x = functional.dropout(x, dropout, True)
        y = x.transpose(0, 1) if batch_first else x
        last = torch.stack(hs)
        return (y, last, torch.stack(cs)) if kind == "lstm" else (y, last)

    def opened(*args: Any) -> Any:
        return run(*args) if isinstance(args[3], bool) else NotImplemented  # packed sequences

    return opened


def _one_cell(kind: str) -> Callable[..., Any]:
    def run(input: Tensor, hx: Any, *w: Any) -> Any:
        h, c = hx if kind == "lstm" else (hx, None)
        found = _cell(kind, input, h, c, [x for x in w if x is not None])
        return found if kind == "lstm" else found[0]

    return run


def _attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Any = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False,
) -> Any:  # fmt: skip
    if not dropout_p or enable_gqa:
        return NotImplemented
    scores = query @ key.transpose(-2, -1) * (query.size(-1) ** -0.5 if scale is None else scale)
    if is_causal:
        allowed = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
        scores = scores.masked_fill(~allowed, float("-inf"))
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, float("-inf"))
    elif attn_mask is not None:
        scores = scores + attn_mask
    return functional.dropout(torch.softmax(scores, -1), dropout_p, True) @ value


# each returns NotImplemented where the call is of another kind than it knows
OPENINGS: dict[Any, Callable[..., Any]] = {
    torch.dropout: _dropout(),
    torch.feature_dropout: _dropout(feature=True),
    torch.alpha_dropout: _dropout(alpha=True),
    torch.feature_alpha_dropout: _dropout(feature=True, alpha=True),
    functional.dropout: _functional_dropout(_dropout()),
    functional.dropout1d: _functional_dropout(_dropout(feature=True), 2),
    functional.dropout2d: _functional_dropout(_dropout(feature=True)),
    functional.dropout3d: _functional_dropout(_dropout(feature=True), 4),
    functional.alpha_dropout: _functional_dropout(_dropout(alpha=True), default=False),
    functional.feature_alpha_dropout: _functional_dropout(
        _dropout(feature=True, alpha=True), default=False
    ),
    functional.scaled_dot_product_attention: _attention,
    torch.lstm: _recurrent("lstm"),
    torch.gru: _recurrent("gru"),
    torch.rnn_tanh: _recurrent("rnn_tanh"),
    torch.rnn_relu: _recurrent("rnn_relu"),
    torch.lstm_cell: _one_cell("lstm"),
    torch.gru_cell: _one_cell("gru"),
    torch.rnn_tanh_cell: _one_cell("rnn_tanh"),
    torch.rnn_relu_cell: _one_cell("rnn_relu"),
}


def foreach(name: str) -> Callable[..., Any]:
    """Return what a function on lists of tensors does, `_foreach_mul_`, one tensor at a time."""
    base = name.removeprefix("_foreach_")
    one: Any = torch.linalg.vector_norm if base == "norm" else getattr(torch.Tensor, base)

    def run(tensors: Sequence[Tensor], *args: Any, **keywords: Any) -> Any:
        count = len(tensors)
        found = [
            one(tensor, *(x[i] if isinstance(x, list | tuple) and len(x) == count else x
                          for x in args), **keywords)
            for i, tensor in enumerate(tensors)
        ]  # fmt: skip
        return None if base.endswith("_") else tuple(found)

    return run
