"""PyTorch's functions, methods and attributes that are no rows, against PyTorch's results."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcli import loads
from gradcli.errors import GradcliError
from gradcli.trace import draws, init
from gradcli.trace.attributes import ATTRIBUTES, METHODS
from gradcli.trace.builtins import OTHERS
from tests.spellings.running import INPUTS, arrays, difference, evaluated, ran, read, restored
from tests.spellings.torch_cases import FACTS, MADE, PRINTED, PROGRAMS, REFUSED

DATA = read(Path(__file__).parent / "torch.json.gz")
IMPORTS = "import torch\nk = param(2.0)"


def plain(x: Any) -> Any:
    """Return a result as it is stored: other values than tensors and numbers are text."""
    if isinstance(x, np.dtype):
        return x.name
    if isinstance(x, list):
        return [plain(item) for item in x]
    return str(x) if x is None or isinstance(x, str) else x


@pytest.mark.parametrize("text", dict.fromkeys([*MADE, *FACTS]))
def test_a_call_gives_what_pytorch_gives(text: str) -> None:
    found = plain(arrays(evaluated(text, IMPORTS)))
    assert difference(found, restored(DATA["calls"][text])) is None


@pytest.mark.parametrize("text", PRINTED)
def test_results_are_printed_as_pytorchs(text: str) -> None:
    values = "\n".join(f"{name} = tensor({INPUTS[name].tolist()})" for name in "vMiQ")
    values += "\nf = tensor([0.5, -1.5, 2.0], dtype=float32)"
    printed = loads(f"{IMPORTS}\n{values}\nprint({text})\n", dtype="float64").printed
    assert "\n".join(printed) == DATA["printed"][text]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_gives_what_pytorch_gives(name: str) -> None:
    found = arrays(ran(f"import torch\n{PROGRAMS[name]}\n")["y"])
    assert difference(found, restored(DATA["programs"][name])) is None


@pytest.mark.parametrize("text", REFUSED)
def test_what_pytorch_refuses_is_refused_in_its_words(text: str) -> None:
    with pytest.raises(GradcliError) as caught:
        arrays(evaluated(text, IMPORTS))
    assert caught.value.message.rstrip(".") == DATA["refused"][text].rstrip(".")


def test_the_store_has_every_case_and_no_other() -> None:
    assert set(DATA["calls"]) == {*MADE, *FACTS}
    assert set(DATA["printed"]) == set(PRINTED)
    assert set(DATA["programs"]) == set(PROGRAMS)
    assert set(DATA["refused"]) == set(REFUSED)


# tested elsewhere: in-place and backward by the tutorials and the messages, drawing below
ELSEWHERE = {
    "param", "nn.Parameter", "Parameter", "array", "from_numpy", "array_equal", "load", "device",
    "module", "opaque", "recorded", "nn.Buffer", "Buffer",
    "manual_seed", "set_default_dtype", "set_default_tensor_type", "config.update",
    "FloatTensor", "DoubleTensor", "HalfTensor", "set_printoptions", "unfold", "grad",
    "batch_norm", "instance_norm", "torch.batch_norm", "torch.instance_norm",
    "native_batch_norm", "rrelu", "dropout", "dropout1d", "dropout2d", "dropout3d",
    "alpha_dropout", "feature_alpha_dropout", "value_and_grad", "jax.vjp", "jax.jvp", "jax.jit",
    "lax.stop_gradient", "no_grad", "enable_grad", "set_grad_enabled", "inference_mode",
    "is_grad_enabled", "is_inference_mode_enabled", *draws.FUNCTIONS, *init.FUNCTIONS,
    "randint_like",
}  # fmt: skip
PASSED_OVER = {"device", "is_cuda", "is_mps", "is_xpu", "cuda", "block_until_ready",
               "get_device", "pin_memory", "share_memory_"}  # fmt: skip
METHODS_ELSEWHERE = {
    "backward", "retain_grad", "astype", "copy", "zero_", "polygamma", "where", "__setitem__",
    "detach_", "fill_diagonal_", "as_strided", *draws.METHODS,
}  # fmt: skip


def test_every_function_that_is_no_row_has_a_case() -> None:
    text = "\n".join([*MADE, *FACTS, *PRINTED, *PROGRAMS.values()])
    for name in {*OTHERS} - ELSEWHERE:
        short = name.removeprefix("autograd.").rpartition(".")[2]
        assert f"{short}(" in text or name.startswith("hips."), name
    for name in {*METHODS, *ATTRIBUTES} - METHODS_ELSEWHERE - PASSED_OVER:
        assert f".{name}" in text, name


# ---- random tensors: their distribution, and what the numbers depend on -------------------------

DRAWN = {  # mean, variance, least and greatest value of a distribution
    "torch.rand(count)": (1 / 2, 1 / 12, 0, 1), "torch.randn(count)": (0, 1, -math.inf, math.inf),
    "torch.randint(3, 9, (count,))": (5.5, 35 / 12, 3, 8),
    "torch.rand_like(x)": (1 / 2, 1 / 12, 0, 1),
    "torch.randn_like(x)": (0, 1, -math.inf, math.inf),
    "torch.bernoulli(x * 0 + 0.3)": (0.3, 0.21, 0, 1), "x.bernoulli(0.3)": (0.3, 0.21, 0, 1),
    "torch.normal(2.0, 3.0, (count,))": (2, 9, -math.inf, math.inf),
    "torch.normal(x * 0 + 2, 3.0)": (2, 9, -math.inf, math.inf),
    "torch.randperm(count)": (9999.5, (20000**2 - 1) / 12, 0, 19999),
    "torch.nn.functional.rrelu(x - 1, 0.2, 0.4, training=True)": (-0.3, 0.04 / 12, -0.4, -0.2),
}  # fmt: skip


def drawn(text: str, before: str = "") -> Any:
    return ran(f"import torch\ncount = 20000\nx = torch.zeros(count)\n{before}\ny = {text}\n")[
        "y"
    ].value


@pytest.mark.parametrize("text", DRAWN)
def test_random_numbers_have_their_distribution(text: str) -> None:
    mean, variance, least, greatest = DRAWN[text]
    found = drawn(text).astype(float)
    assert least <= found.min() <= found.max() <= greatest
    assert abs(found.mean() - mean) < 5 * math.sqrt(variance / found.size)
    assert found.var() == pytest.approx(variance, rel=0.05)


@pytest.mark.parametrize("text", DRAWN)
def test_random_numbers_depend_on_the_seed_and_on_what_was_drawn_before(text: str) -> None:
    assert np.array_equal(drawn(text), drawn(text))
    seeded = drawn(text, "torch.manual_seed(3)")
    assert np.array_equal(seeded, drawn(text, "z = torch.rand(5)\ntorch.manual_seed(3)"))
    assert not np.array_equal(seeded, drawn(text))
    assert not np.array_equal(seeded, drawn(text, "torch.manual_seed(3)\nz = torch.rand(5)"))


@pytest.mark.parametrize(
    "text",
    ["torch.bernoulli(torch.tensor([2.0]))", "torch.bernoulli(k)", "torch.bernoulli(0.5)",
     "torch.tril_indices(-1, 2)", "torch.hann_window(-1)",
     "torch.hann_window(3, dtype=torch.int64)",
     "torch.randint(5, 5, (2,))", "torch.linspace(0, 1)", "torch.logspace(0, 1)",
     "torch.linspace(0, 1j, 3, dtype=torch.float64)", "torch.numel(2.0)", "torch.equal(v)",
     "torch.equal(v, v, equal_nan=True)", "torch.result_type(v)", "torch.is_nonzero(v)",
     "torch.func.grad(v)", "torch.func.grad(lambda x: x, argnums=2)(v)",
     "torch.func.grad(lambda x: x)(v)",
     "torch.func.grad(lambda x: x.sum(), argnum='a')(v)",
     "torch.func.grad(lambda x: x.sum(), aux=1)",
     "torch.func.grad(lambda x: x.sum(), has_aux=True)(v)", "torch.func.jvp(lambda x: x, v, v)",
     "torch.vmap(lambda x: x)(s)", "torch.vmap(lambda a, b: a + b)(v, M)", "torch.vmap(v)",
     "torch.vmap(lambda a, b: a + b, in_dims=(0,))(v, v)",
     "torch.autograd.functional.jacobian(lambda x: x, v, strict=True)",
     "torch.autograd.functional.jacobian(lambda x: x, v, chunks=2)",
     "torch.autograd.functional.vjp(lambda x: x, v, v, v)"],
)  # fmt: skip
def test_a_wrong_call_is_refused(text: str) -> None:
    with pytest.raises(GradcliError):
        arrays(evaluated(text, IMPORTS))


# ---- HIPS autograd: its names, of closed forms -----------------------------------------------

v, w, p = INPUTS["v"], INPUTS["w"], INPUTS["p"]
HIPS: dict[str, Any] = {
    "grad(lambda x: np.sum(x ** 3))(v)": 3 * v**2,
    "grad(lambda a, b: np.sum(a * b ** 2), 1)(v, w)": 2 * v * w,
    "grad(lambda a, b: np.sum(a * b ** 2), argnum=1)(v, w)": 2 * v * w,
    "grad(fun=lambda x: np.sum(x ** 3))(v)": 3 * v**2,
    "grad(grad(np.tanh))(0.5)": -2 * math.tanh(0.5) * (1 - math.tanh(0.5) ** 2),
    "value_and_grad(lambda x: np.sum(x ** 3))(v)": [np.sum(v**3), 3 * v**2],
    "elementwise_grad(np.sin)(v)": np.cos(v),
    "elementwise_grad(elementwise_grad(np.sin))(v)": -np.sin(v),
    "jacobian(lambda x: x ** 2 * np.sum(x))(v)": np.diag(2 * v * v.sum()) + v[:, None] ** 2,
    "jacobian(lambda a, b: a * b, 1)(v, w)": np.diag(v),
    "hessian(lambda x: np.sum(x ** 3))(v)": np.diag(6 * v),
    "hessian_vector_product(lambda x: np.sum(x ** 3))(v, w)": 6 * v * w,
    "grad_and_aux(lambda x: (np.sum(x ** 2), x + 1))(v)": [2 * v, v + 1],
    "make_jvp(lambda x: x ** 2)(v)(w)": [v**2, 2 * v * w],
    "make_vjp(lambda x: x ** 2)(v)[0](w)": 2 * v * w,
    "make_vjp(lambda x: x ** 2)(v)[1]": v**2,
    "make_vjp(lambda a, b: a * b ** 2, 1)(v, w)[0](p)": 2 * v * w * p,
    "np.std(v)": np.std(v), "np.linalg.norm(v)": np.linalg.norm(v),
    "special.logsumexp(v)": np.log(np.exp(v).sum()),
}  # fmt: skip


@pytest.mark.parametrize("text", HIPS)
def test_the_names_of_hips_autograd(text: str) -> None:
    name = text.partition("(")[0]
    imports = "import autograd.numpy as np\nfrom autograd.scipy import special\n"
    imports += "from autograd import grad\n"
    imports += "" if "." in name else f"from autograd import {name}"
    assert difference(arrays(evaluated(text, imports)), HIPS[text]) is None


def test_value_and_grad_gives_the_value_first_and_grad_and_value_last() -> None:
    for text in ("jax.value_and_grad(h)(v)", "torch.func.grad_and_value(h)(v)[::-1]"):
        found = ran(f"import jax, torch\nh = lambda x: (x ** 3).sum()\ny = {text}\n")["y"]
        assert difference(arrays(found), [np.sum(v**3), 3 * v**2]) is None


def test_autograd_alone_is_pytorchs_module() -> None:
    assert (
        difference(arrays(evaluated("autograd.grad(k ** 2, k)", IMPORTS)), [np.array(4.0)]) is None
    )
