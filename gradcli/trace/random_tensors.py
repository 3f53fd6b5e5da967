"""Functions that make tensors of random numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault
from gradcli.rule.dtypes import INT64, Array, DType
from gradcli.rule.signature import Signature
from gradcli.trace.creation import Maker, made, tensor_shape
from gradcli.trace.draws import generator_of, laid_out, normal_like

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer


def _drawn(draw: str) -> Maker:
    def make(tracer: Tracer, dtype: DType | None, size: tuple[int, ...], generator: Any) -> Array:
        method = getattr(generator_of(tracer, generator), draw)
        return np.asarray(method(size, dtype or tracer.graph.default_dtype))

    return make


def _rand_like(tracer: Tracer, dtype: DType | None, input: Any, generator: Any) -> Array:
    tensor_shape(input)
    source = generator_of(tracer, generator)
    return laid_out(input, lambda shape: source.rand(shape, dtype or input.dtype))


def _randn_like(tracer: Tracer, dtype: DType | None, input: Any, generator: Any) -> Array:
    tensor_shape(input)
    source = generator_of(tracer, generator)
    return normal_like(source, input, 0.0, 1.0, dtype or input.dtype, fresh=True)


def _randint(
    tracer: Tracer, dtype: DType | None, low: int, high: Any, size: Any, generator: Any
) -> Array:
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if size is None:
        raise ArgumentFault("randint() missing argument 'size'", hint="randint(0, 6, (3,))")
    given = {"low": low, "high": high, "size": size}
    low, high, bounds = (
        Signature("randint(low: int, high: int, size: sizes)").bind((), given).values()
    )
    tracer.afford(bounds)
    source = generator_of(tracer, generator)
    return np.asarray(source.randint(low, high, bounds, dtype or INT64))


def _randint_like(
    tracer: Tracer, dtype: DType | None, input: Any, low: int, high: int | None, generator: Any
) -> Array:
    tensor_shape(input)
    source, ends = generator_of(tracer, generator), (0, low) if high is None else (low, high)
    return laid_out(input, lambda shape: source.randint(*ends, shape, dtype or input.dtype))


def _randperm(tracer: Tracer, dtype: DType | None, n: int, generator: Any) -> Array:
    tracer.afford((n,))
    return np.asarray(generator_of(tracer, generator).randperm(n)).astype(dtype or INT64)


_GENERATOR = ", generator: any = None"
FUNCTIONS: dict[str, Any] = {
    "rand": made(f"rand(size: sizes{_GENERATOR})", _drawn("rand")),
    "randn": made(f"randn(size: sizes{_GENERATOR})", _drawn("randn")),
    "rand_like": made(f"rand_like(input{_GENERATOR})", _rand_like),
    "randn_like": made(f"randn_like(input{_GENERATOR})", _randn_like),
    "randint": made(f"randint(low: int, high: any = None, size: any = None{_GENERATOR})", _randint),
    "randint_like": made(
        f"randint_like(input, low: int, high: int = None{_GENERATOR})", _randint_like
    ),
    "randperm": made(f"randperm(n: int{_GENERATOR})", _randperm),
}
