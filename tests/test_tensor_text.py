"""A tensor is written exactly as PyTorch writes it."""

import json
from itertools import cycle, islice
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcli.errors import ArgumentFault, Source
from gradcli.rule.dtypes import DTYPES, Array
from gradcli.session import Request, run
from gradcli.tensor_text import PrintOptions, format_tensor, number_text, tensor_text
from gradcli.trace import Options

STORED = Path(__file__).parent / "reference" / "tensor_text.json"
FLOAT32 = np.dtype(np.float32)

# every pair was printed by PyTorch 2.13; a message is that of the exception it raised
FORMATS = [
    (np.float32(1.5), ".3f", "1.500"),
    (np.float32(1.5), "", "1.5"),
    (np.float32(1.1), "", "1.100000023841858"),
    (np.float16(1.1), "", "1.099609375"),
    (np.float64(1.1), ">10", "       1.1"),
    (np.int64(3), "d", "3"),
    (np.bool_(True), ".2f", "1.00"),
    (np.complex64(1 + 2j), "", "(1+2j)"),
    (np.complex64(1 + 2j), ".2f", "1.00+2.00j"),
    (np.array([1.0, 2.0], np.float32), "", "tensor([1., 2.])"),
]
BAD_FORMATS = [
    (np.float32(3), "d", "Unknown format code 'd' for object of type 'float'"),
    (np.float32(1.5), "zz", "Unknown format code 'z' for object of type 'float'"),
    (np.array([1.5]), ".3f", "unsupported format string passed to Tensor.__format__"),
    (np.float32(1.5), ">1000000000", "asks for more than 999 characters"),
]


def number(item: Any) -> complex:
    if isinstance(item, list):
        return complex(float(item[0]), float(item[1]))
    return float(item)


def array_of(dtype: str, shape: list[int], data: list[Any]) -> Array:
    if dtype == "bfloat16":
        kind = np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    else:
        kind = DTYPES[dtype]
    exact = data if kind.kind in "biu" else map(number, data)
    return np.array(list(islice(cycle(exact), prod(shape))), kind).reshape(shape)


@pytest.mark.parametrize("case", json.loads(STORED.read_text(encoding="utf-8")), ids=str)
def test_a_stored_tensor_is_written_as_pytorch_wrote_it(case: list[Any]) -> None:
    dtype, shape, data, how, expected = case
    text = tensor_text(
        array_of(dtype, shape, data),
        requires_grad=how.get("requires_grad", False),
        grad_fn=how.get("grad_fn"),
        default_dtype=DTYPES[how.get("default", "float32")],
        options=options_of(how.get("options", {})),
    )
    assert text == expected


def options_of(given: dict[str, Any]) -> PrintOptions:
    """Return what `set_printoptions` sets, through the language."""
    text = ", ".join(f"{k}={v!r}" for k, v in given.items())
    source = Source("options", f"torch.set_printoptions(profile='default')\n"
                    f"torch.set_printoptions({text})" if given else "")  # fmt: skip
    return run(source, Options(), Request(backward=False)).tracer.print_options


@pytest.mark.parametrize(("value", "spec", "expected"), FORMATS)
def test_a_format_is_that_of_the_number_held(value: Any, spec: str, expected: str) -> None:
    assert format_tensor(np.asarray(value), spec, default_dtype=FLOAT32) == expected


@pytest.mark.parametrize(("value", "spec", "message"), BAD_FORMATS)
def test_a_format_that_does_not_suit_is_refused(value: Any, spec: str, message: str) -> None:
    with pytest.raises(ArgumentFault, match=message):
        format_tensor(np.asarray(value), spec, default_dtype=FLOAT32)


def test_a_python_number_is_formatted_as_by_python() -> None:
    assert number_text(True, "") == "True"
    assert number_text(10**6, ",") == "1,000,000"


def test_a_number_whose_digits_are_too_many_is_refused() -> None:
    with pytest.raises(ArgumentFault, match="4300"):
        number_text(10**5000, "")


def test_a_large_tensor_is_summarised_without_looking_at_all_of_it() -> None:
    endless = np.broadcast_to(np.float64(0.5), (10**6, 10**6))
    assert tensor_text(endless, default_dtype=FLOAT32).count("0.5000") == 36


def magnitudes(rng: np.random.Generator, n: int) -> Array:
    """Return numbers of many kinds: mixed and equal magnitudes, whole numbers, zeros."""
    x = rng.standard_normal(n)
    kinds = [
        x * 10.0 ** rng.integers(-12, 12),
        x * 10.0 ** rng.uniform(-6, 10, n),
        np.rint(x * 10.0 ** rng.integers(0, 10)),
        np.rint(x * 10.0 ** rng.uniform(0, 4, n)),
        np.rint(x * 4) / 4 * 10.0 ** rng.integers(-2, 4),
        10.0 ** rng.integers(-9, 9, n),
        np.zeros(n),
        x,
    ]
    some = kinds[rng.integers(len(kinds))]
    if rng.random() < 0.3:
        odd = rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0], n)
        some = np.where(rng.random(n) < 0.3, odd, some)
    return some


def random_shape(rng: np.random.Generator) -> tuple[int, ...]:
    ndim = int(rng.integers(0, 5))
    if rng.random() < 0.1:
        return tuple(map(int, rng.integers(0, 4, ndim)))
    longest = [0, 60, 12, 7, 4] if rng.random() < 0.8 else [0, 1300, 60, 20, 9]
    return tuple(map(int, rng.integers(1, longest[ndim] + 1, ndim)))


def random_array(rng: np.random.Generator, dtype: np.dtype[Any]) -> Array:
    shape = random_shape(rng)
    n = prod(shape)
    if dtype.kind == "b":
        return (rng.random(n) < rng.random()).reshape(shape)
    if dtype.kind in "iu":
        largest = np.iinfo(dtype).max
        bound = min(10 ** int(rng.integers(1, 20)), int(largest))
        lowest = -bound if dtype.kind == "i" else 0
        return rng.integers(lowest, bound, n, dtype).reshape(shape)
    values = magnitudes(rng, n).astype(np.complex128)
    if dtype.kind == "c":
        values.imag = magnitudes(rng, n)
        return values.astype(dtype).reshape(shape)
    return values.real.astype(dtype).reshape(shape)


@pytest.mark.parametrize("name", DTYPES)
def test_random_tensors_are_written_as_pytorch_writes_them(name: str) -> None:
    torch = pytest.importorskip("torch")
    dtype = DTYPES[name]
    rng = np.random.default_rng(sum(map(ord, name)))
    try:
        for _ in range(400):
            with np.errstate(over="ignore", under="ignore"):
                array = random_array(rng, dtype)
            default = str(rng.choice(["float16", "float32", "float64"]))
            torch.set_default_dtype(getattr(torch, default))
            tensor = torch.from_numpy(array.copy()).reshape(array.shape)
            leaf, made = (rng.random(2) < 0.3) & (dtype.kind in "fc")
            if leaf or made:
                tensor.requires_grad_()
            text = tensor_text(
                array,
                requires_grad=bool(leaf),
                grad_fn="CloneBackward0" if made else None,
                default_dtype=DTYPES[default],
            )
            assert text == repr(tensor.clone() if made else tensor)
    finally:
        torch.set_default_dtype(torch.float32)
