"""The functions that a dialect names are those of the library."""

from __future__ import annotations

import importlib
from functools import reduce

import pytest

from gradcli.errors import ArgumentFault
from gradcli.formula.dialects import BY_NAME, Dialect
from gradcli.formula.expressions import Call, Name, Number, coefficient
from gradcli.formula.text import text

IMPORTED = {
    "np": "numpy", "scipy": "scipy", "torch": "torch", "F": "torch.nn.functional",
    "jnp": "jax.numpy", "jax": "jax",
}  # fmt: skip


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_the_functions_are_there(library: str) -> None:
    pytest.importorskip("scipy" if library == "numpy" else library)
    for part in ("scipy.special", "scipy.linalg") if library == "numpy" else ():
        importlib.import_module(part)
    for part in ("jax.scipy.special", "jax.scipy.linalg") if library == "jax" else ():
        importlib.import_module(part)
    missing = []
    for name in BY_NAME[library].functions.values():
        first, *rest = name.split(".")
        try:
            reduce(getattr, rest, importlib.import_module(IMPORTED[first]))
        except AttributeError:
            missing.append(name)
    assert missing == []


def test_what_a_library_lacks_is_refused() -> None:
    call = Call("gather_backward", (Name("x", (2,)),), {}, (2,))
    for name, title in (("numpy", "NumPy"), ("jax", "JAX")):
        with pytest.raises(
            ArgumentFault, match=rf"gradcli writes no {title} for gather_backward\(\)"
        ):
            text(call, BY_NAME[name])


# numbers as they are written, from their values: (value, dialect): text
NUMBERS: dict[tuple[float, str], str] = {
    (0.2, "gradcli"): "0.2",
    (0.5, "gradcli"): "0.5",
    (1 / 3, "gradcli"): "1/3",
    (1 / 569, "gradcli"): "1/569",
    (2**0.5, "gradcli"): "sqrt(2)",
    (2**-0.5, "gradcli"): "1/sqrt(2)",
    (3.141592653589793, "gradcli"): "pi",
    (0.3989422804014327, "gradcli"): "1/sqrt(2*pi)",
    (0.8862269254527579, "gradcli"): "sqrt(pi)/2",
    (0.6931471805599453, "gradcli"): "log(2)",
    (0.43429448190325176, "gradcli"): "1/log(10)",
    (2**0.5, "torch"): "2**0.5",
    (0.3989422804014327, "torch"): "1/(2*torch.pi)**0.5",
    (2**0.5, "numpy"): "np.sqrt(2)",
    (-1.5, "gradcli"): "-1.5",
    (1e-8, "gradcli"): "1e-08",
    (0.12345678901234566, "gradcli"): "0.12345678901234566",
}


@pytest.mark.parametrize("case", NUMBERS, ids=str)
def test_numbers_are_what_one_recognises(case: tuple[float, str]) -> None:
    value, name = case
    dialect: Dialect = BY_NAME[name]
    assert text(Number(coefficient(value)), dialect) == NUMBERS[case]
