"""A value is printed as the library prints it whose it is, and has that library's default dtype."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gradcli import loads
from gradcli.errors import GradcliError
from tests.trace.library_cases import programs

PRINTED = json.loads((Path(__file__).parent / "libraries.json").read_text("utf-8"))["printed"]
# the dtype of `x` under --dtype, by what the file imports
STATED = [
    ("import torch\nx = torch.ones(2)", None, "float32"),
    ("import torch\nx = torch.ones(2)", "float64", "float64"),
    ("from torch import ones\nx = ones(2)", None, "float32"),
    ("import torch.nn.functional as F\nx = ones(2)", None, "float32"),
    ("x = ones(2)\nimport torch", None, "float32"),
    ("import jax\nx = jax.numpy.ones(2)", None, "float32"),
    ("import jax.numpy as jnp\nx = jnp.ones(2)", "float64", "float64"),
    ("import numpy as np\nx = np.ones(2)", None, "float64"),
    ("import numpy as np\nx = np.ones(2)", "float32", "float32"),
    ("import numpy as np\nimport torch\nx = np.ones(2)", "float32", "float32"),
    ("import autograd.numpy as np\nx = np.ones(2)", None, "float64"),
    ("x = ones(2)", None, "float64"),
    ("import math\nx = ones(2)", None, "float64"),
]
CLASHES = {  # the hint of an error of two dtypes
    "import numpy as np\nimport torch\nX = torch.from_numpy(np.array([[1., 2.]]))\n"
    "w = torch.ones(2, 1)\ny = X @ w": "`X` is float64, as `torch.from_numpy(np.array([[1., 2.]]))`"
    " made it in line 3; `w` is float32, the default of a file that imports torch: --dtype float64,"
    " or X.float()",
    "import numpy as np\nimport torch\nX = np.array([[1., 2.]])\nw = torch.ones(2, 1)\n"
    "y = torch.mm(X, w)": "`X` is float64, as `np.array([[1., 2.]])` made it in line 3: NumPy's "
    "floats are; `w` is float32, the default of a file that imports torch: --dtype float64, or "
    "X.float()",
    "import torch\nX = torch.ones(1, 2).double()\nw = torch.ones(2, 1)\ny = X @ (w * 2)":
    "`X` is float64, as `torch.ones(1, 2).double()` made it in line 2; `(w * 2)` is float32, the "
    "default of a file that imports torch: --dtype float64, or X.float()",
}  # fmt: skip


@pytest.mark.parametrize("text", programs())
def test_a_program_prints_what_its_libraries_print(text: str) -> None:
    assert "\n".join(loads(text, backward=False).printed) + "\n" == PRINTED[text]


@pytest.mark.parametrize(("text", "dtype", "expected"), STATED)
def test_floats_have_the_default_dtype_of_the_library(
    text: str, dtype: str | None, expected: str
) -> None:
    run = loads(text, dtype=dtype, backward=False)
    assert run["x"].dtype == expected


@pytest.mark.parametrize(("value", "dtype"), [("2.0", "float32"), ("tensor(2.0)", "float32"),
                         ("tensor(2.0, dtype=float64)", "float64"), ("2", "int64")])  # fmt: skip
def test_what_is_given_for_a_name_has_the_files_default_unless_it_states_one(
    value: str, dtype: str
) -> None:
    text = "import torch\ny = torch.exp(torch.zeros(2)) + w"
    assert loads(text, set={"w": value}, backward=False)["w"].dtype == dtype


@pytest.mark.parametrize("text", CLASHES)
def test_a_clash_of_dtypes_says_which_default_made_which(text: str) -> None:
    with pytest.raises(GradcliError) as caught:
        loads(text)
    assert caught.value.hint == CLASHES[text]


@pytest.mark.parametrize("write", ["y[0] = 1.0", "y += 1", "z = y[1:]\nz[0] = 3.0", "y.sort()"])
def test_what_a_negative_step_turns_round_is_not_written_to(write: str) -> None:
    start = "import numpy as np\nx = np.arange(4.0)\ny = x[::-1]\n"
    with pytest.raises(GradcliError, match="negative step is a view"):
        loads(start + write)
    assert loads(start.replace("x[::-1]", "x[::-1].copy()") + "y[0] = 9.0\nprint(x)").printed == (
        "[0. 1. 2. 3.]",
    )
