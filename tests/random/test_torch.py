"""PyTorch's random numbers to the last bit, from a table that PyTorch made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcli.errors import GradcliError, LimitFault, Source
from gradcli.graph import Limits
from gradcli.session import Request, run
from gradcli.trace import Options
from tests.random import make_torch
from tests.random.make_torch import exact
from tests.random.torch_cases import CALLS, CLOSE, REFUSED, SEEDS, STREAMS, draws, program

DATA = json.loads((Path(__file__).parent / "torch.json").read_text("utf-8"))


def ran(text: str, seed: int = 0) -> Any:
    """Return what a file has under the name `y`."""
    request = Request(backward=False)
    return run(Source("<test>", text), Options(seed=seed), request).tracer.scope["y"]


def test_the_table_has_every_case() -> None:
    assert [*DATA["calls"]] == [*CALLS]
    assert [*DATA["streams"]] == [*STREAMS]
    assert [*DATA["close"]] == [*CLOSE]
    assert [*DATA["refused"]] == [*REFUSED]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("call", CALLS)
def test_a_draw_of_any_size_and_dtype_has_pytorchs_bits(call: str, seed: int) -> None:
    found = [exact(x.value) for x in ran(draws(call, seed))]
    assert found == DATA["calls"][call][str(seed)]


@pytest.mark.parametrize("name", STREAMS)
def test_draws_after_each_other_have_pytorchs_bits(name: str) -> None:
    assert [exact(x.value) for x in ran(program(STREAMS[name], 3))] == DATA["streams"][name]


@pytest.mark.parametrize("name", CLOSE)
def test_what_is_factorised_is_pytorchs_but_for_rounding(name: str) -> None:
    for found, wanted in zip(ran(program(CLOSE[name], 3)), DATA["close"][name], strict=True):
        np.testing.assert_allclose(found.value, wanted, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("text", REFUSED)
def test_what_pytorch_refuses_is_refused_in_its_words(text: str) -> None:
    with pytest.raises(GradcliError) as caught:
        ran(program(f"y = {text}", 0))
    assert caught.value.message.rstrip(".") == DATA["refused"][text].rstrip(".")


def test_a_file_that_imports_torch_begins_with_the_seed_of_the_run() -> None:
    seeded = ran("import torch\ntorch.manual_seed(4)\ny = torch.rand(3)\n").value
    np.testing.assert_array_equal(ran("import torch\ny = torch.rand(3)\n", 4).value, seeded)
    np.testing.assert_array_equal(ran("manual_seed(4)\ny = rand(3, dtype=float32)\n").value, seeded)
    assert (ran("y = rand(3)\n", 4).value != seeded).all()


def test_a_seed_that_nobody_gave_is_the_same_at_every_run() -> None:
    text = "import torch\ns = torch.seed()\ny = [torch.rand(2), s, torch.initial_seed()]\n"
    (first, seed, initial), (second, *_) = ran(text), ran(text)
    np.testing.assert_array_equal(first.value, second.value)
    assert seed == initial != 0


@pytest.mark.parametrize(
    "text",
    ["torch.get_rng_state()", "torch.Generator().get_state()", "torch.rand(2, generator=3)",
     "torch.Generator().__class__.__init__", "torch.Generator().made",
     "torch.multinomial(torch.tensor([1.0, 0.0, 0.0]), 2)", "torch.rand(10**12)"],
)  # fmt: skip
def test_what_is_not_done_is_refused_in_words(text: str) -> None:
    with pytest.raises(GradcliError):
        ran(f"import torch\ny = {text}\n")


@pytest.mark.parametrize("make", ["torch.Generator()", "np.random.RandomState(1)",
                                  "np.random.default_rng(1)", "random.Random(1)"])  # fmt: skip
def test_generators_count_as_memory(make: str) -> None:
    text = f"import torch, random\nimport numpy as np\ny = [{make} for i in range(300)]\n"
    request, limits = Request(backward=False), Limits(memory=1_000_000)
    with pytest.raises(LimitFault):
        run(Source("<test>", text), Options(limits=limits), request)


def test_a_draw_into_a_computed_tensor_has_the_gradient_0() -> None:
    text = "import torch\nx = torch.ones(3, requires_grad=True)\nz = x * 2\nz.uniform_()\n"
    assert ran(text + "z.sum().backward()\ny = x.grad\n").value.tolist() == [0, 0, 0]


def test_the_table_is_what_pytorch_makes_today() -> None:
    torch = pytest.importorskip("torch")
    vectors = torch.backends.cpu.get_cpu_capability()
    if not torch.__version__.startswith("2.13") or not vectors.startswith("AVX"):
        pytest.skip("the table is of PyTorch 2.13 on x86 with AVX2")
    assert make_torch.made() == DATA
