"""NumPy's spellings against NumPy itself: values, shapes and dtypes of every call."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from gradcli.errors import GradcliError
from gradcli.trace.attributes import ATTRIBUTES, METHODS
from gradcli.trace.builtins import MODULES
from gradcli.trace.numpy_forms import FORMS, MAKERS, PRESET
from gradcli.trace.numpy_random import LEGACY
from tests.spellings.numpy_cases import CASES as SHARED
from tests.spellings.numpy_cases import DIFFERENT, FFT, LINALG, REFUSED
from tests.spellings.numpy_cases import METHODS as METHOD_CASES
from tests.spellings.running import INPUTS, accepted, arrays, difference, evaluated, ran, spelled

# with those that are not stored as JAX has them
CASES = [*SHARED, "np.copy(M)", "np.copy(i)", "np.lexsort((v, w))", "np.lexsort((v, i, v))"]
ALL = [*dict.fromkeys([*CASES, *LINALG, *FFT, *METHOD_CASES])]
NOT_HERE = {text for texts in REFUSED.values() for text in texts}
OTHERWISE = {text: meant for texts in DIFFERENT.values() for text, meant in texts.items()}
SAME = [text for text in ALL if text not in NOT_HERE and text not in OTHERWISE]


def numpys(text: str) -> Any:
    """Return what NumPy makes of an expression, with copies of the inputs."""
    with warnings.catch_warnings():  # of what NumPy will take away one day
        warnings.simplefilter("ignore")
        return arrays(eval(text, {"np": np, **{name: x.copy() for name, x in INPUTS.items()}}))


@pytest.mark.parametrize("text", SAME)
def test_a_call_gives_what_numpy_gives(text: str) -> None:
    assert difference(arrays(evaluated(text, "import numpy as np")), numpys(text)) is None


@pytest.mark.parametrize("text", OTHERWISE)
def test_a_call_that_differs_differs_as_the_table_says(text: str) -> None:
    found = arrays(evaluated(text, "import numpy as np"))
    assert difference(found, numpys(OTHERWISE[text])) is None
    assert difference(found, numpys(text)) is not None


@pytest.mark.parametrize("text", sorted(NOT_HERE))
def test_what_is_not_here_is_refused(text: str) -> None:
    numpys(text)
    with pytest.raises(GradcliError):
        arrays(evaluated(text, "import numpy as np"))


# ---- the tables are whole ----------------------------------------------------------------------


def test_every_difference_is_one_of_a_case() -> None:
    assert NOT_HERE | set(OTHERWISE) <= set(ALL)
    assert not NOT_HERE & set(OTHERWISE)


@pytest.mark.parametrize(
    ("library", "path", "cases", "others"),
    [
        # those that are no functions of arrays alone: the tutorials have them
        (
            np,
            "np",
            CASES,
            {
                "load",
                "ndarray",
                "printoptions",
                "array2string",
                "ndindex",
                "nditer",
                "save",
                "savez",
                "savez_compressed",
                "savetxt",
                "vectorize",
                "c_",
                "r_",
            },
        ),
        (np.linalg, "np.linalg", LINALG, {"LinAlgError"}),
        (np.fft, "np.fft", FFT, set()),
        (np.random, "np.random", [], {*LEGACY, "RandomState", "default_rng"}),
    ],
)
def test_every_spelling_has_a_case(
    library: Any, path: str, cases: list[str], others: set[str]
) -> None:
    modules = {name for name in dir(library) if f"{path}.{name}" in MODULES}
    assert accepted(library, path) - modules - others == spelled(cases, path) - {"put"}


def test_every_method_of_an_array_has_a_case() -> None:
    array = INPUTS["M"]
    here = {
        name for name in dir(array)
        if not name.startswith("_")
        and (name in ATTRIBUTES or name in METHODS or name in FORMS or name in PRESET)
    }  # fmt: skip
    used = {name for text in METHOD_CASES for name in dir(array) if f".{name}" in text}
    assert here - used <= {"data", "shape"}


def test_every_form_has_a_case() -> None:
    named = spelled(CASES, "np") | {f"linalg.{name}" for name in spelled(LINALG, "np.linalg")}
    assert {*FORMS, *MAKERS, *PRESET} <= named


@pytest.mark.parametrize(
    "text",
    ["np.add(v)", "np.sum(v, axes=0)", "np.clip(v, lo=0)", "np.sum()",
     "np.std(v, ddof=1, unbiased=True)", "np.linspace(0, 1, num=-1)", "np.eye(-2)", "np.dot(M, M)",
     "np.array([v, M])", "np.select([b], [v, w])", "np.average(M, weights=v)",
     "np.expand_dims(v, (0, 0))", "np.expand_dims(v, 5)", "np.arange()", "np.take(v, 9)",
     "np.concatenate([])", "np.quantile(v, 1.5)", "np.quantile(v, 0.5, method='median')",
     "np.searchsorted(v, 0, side='middle')", "np.full((2, 2), v)", "np.trace(v)"],
)  # fmt: skip
def test_what_numpy_refuses_is_refused(text: str) -> None:
    with pytest.raises((TypeError, ValueError, IndexError)):
        numpys(text)
    with pytest.raises(GradcliError):
        arrays(evaluated(text, "import numpy as np"))


# ---- what values, shapes and dtypes do not show ----------------------------------------------


@pytest.mark.parametrize(
    ("change", "after"),
    [
        ("x.sort()", [-1.5, 0.5, 2.0]),
        ("x.fill(2.0)", [2.0, 2.0, 2.0]),
        ("x.sort(axis=0)", [-1.5, 0.5, 2.0]),
    ],
)
def test_a_method_that_changes_an_array_changes_it(change: str, after: list[float]) -> None:
    x = ran(f"import numpy as np\nx = v * 1\n{change}\n")["x"]
    assert x.value.tolist() == after
    with pytest.raises(GradcliError, match="none of JAX's"):
        ran(f"import numpy as np\nimport jax.numpy as jnp\nx = v * 1\n{change}\n")
    y = ran("import jax.numpy as jnp\nx = v * 1\ny = x.sort()\n")
    assert (y["x"].value.tolist(), y["y"].value.tolist()) == ([0.5, -1.5, 2.0], [-1.5, 0.5, 2.0])


@pytest.mark.parametrize(
    ("imports", "ddof"),
    [("", 1), ("import math", 1), ("import torch", 1), ("import torch, numpy as np", 1),
     ("import numpy as np", 0), ("import jax.numpy as jnp", 0), ("import typing", 1),
     ("import numpy as np, math", 0), ("import autograd.numpy as np", 0)],
)  # fmt: skip
def test_methods_are_numpys_in_files_that_import_arrays_and_no_pytorch(
    imports: str, ddof: int
) -> None:
    imports = "\n".join(f"import {x}" for x in imports.removeprefix("import ").split(", ") if x)
    assert evaluated("v.std()", imports).value == pytest.approx(np.std(INPUTS["v"], ddof=ddof))


@pytest.mark.parametrize("module", ["numpy", "jax.numpy", "autograd.numpy"])
def test_a_gradient_passes_through_an_array_of_tensors(module: str) -> None:
    text = f"""import {module} as np
k = param(3.0)
y = (np.array([[k * k, 2.0], [1.0, k]]) * M[:, :2]).sum() + np.full((2,), k).sum()
g = grad(y, k)
"""
    assert ran(text)["g"].value == 2 * 3.0 * 1.5 + 3.0 + 2
