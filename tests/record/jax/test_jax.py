"""Calls of functions of JAX are recorded: `gradcli.record_jax`, `gradcli record --jax`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradcli
from gradcli.errors import GradcliError
from tests.cli.runner import run
from tests.record.jax.test_replays import gap

jax = pytest.importorskip("jax")
jnp = jax.numpy


def recorded(
    folder: Path, f: Callable[..., Any], *args: Any, **options: Any
) -> tuple[str, gradcli.Run]:
    """Record a call; return the text and the replay."""
    gradcli.record_jax(f, folder / "run", **options)(*args)
    return (folder / "run.expr").read_text(), gradcli.load(folder / "run.expr")


def of_jax(f: Callable[..., Any], *args: Any) -> list[np.ndarray]:
    """Return JAX's gradients by all arguments."""
    found = jax.grad(f, argnums=tuple(range(len(args))))(*args)
    return [np.asarray(x) for x in jax.tree_util.tree_leaves(found)]


X = np.array([-1.5, 0.0, 0.5, 2.0], np.float32)
M = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.25], [0.5, 0.25, 2.0]], np.float32)
ONE = {
    # a call, and what its record must have
    "abs at 0 has the slope 1": (lambda x: jnp.abs(x).sum(), X, "where(x >= 0, x, -x)"),
    "relu at 0 has the slope 0": (lambda x: jax.nn.relu(x).sum(), X, "F.relu(x)"),
    "a tie of max is shared": (lambda x: jnp.maximum(x, 0.5).sum(), X, "maximum(x, "),
    "clip has the slope 0 at its ends": (
        lambda x: jax.lax.clamp(0.0, x, 2.0).sum(), X, ".detach(), "),
    "a running maximum has its ties in another way": (
        lambda x: jax.lax.cummax(jnp.concatenate([x, x])).sum(), X, "jacobians="),
    "softplus is opened to one operation": (lambda x: jax.nn.softplus(x).sum(), X, "logaddexp("),
    "the gradient of a factor is the symmetric one": (
        lambda a: jnp.linalg.cholesky(a).sum(), M, "linalg.cholesky("),
    "a solution has a matrix that is turned": (
        lambda a: jnp.linalg.solve(a, a[0]).sum(), M, "linalg.solve("),
    "powers of integers": (lambda x: (x[2:] ** -2).sum(), X, "1 / "),
    "an integer result is no gradient": (lambda x: x[jnp.argmax(x)] ** 2, X, "argmax("),
    "parts": (lambda x: (x[::2] * x[1:3]).sum(), X, "x[::2]"),
    "batches of products": (
        lambda a: jnp.einsum("ij,kj->ki", a, a)[0, 1] ** 2, M, "@"),
}  # fmt: skip


@pytest.mark.parametrize("case", ONE)
def test_a_record_gives_the_gradient_of_jax(case: str, tmp_path: Path) -> None:
    f, x, word = ONE[case]
    text, replay = recorded(tmp_path, f, x)
    (leaf,) = replay.grads
    assert gap(replay.grads[leaf], of_jax(f, x)[0]) < 1e-5
    assert word in text


def test_the_result_is_that_of_the_function(tmp_path: Path) -> None:
    found = gradcli.record_jax(lambda x: (x.sum(), {"twice": 2 * x}), tmp_path / "run")(X)
    assert float(found[0]) == 1.0
    assert np.array_equal(found[1]["twice"], 2 * X)


def test_double_precision_is_kept(tmp_path: Path) -> None:
    with jax.enable_x64(True):
        x = jnp.asarray(X, jnp.float64)
        _, replay = recorded(tmp_path, lambda x: jnp.sin(x).sum(), x)
        expected = of_jax(lambda x: jnp.sin(x).sum(), x)[0]
    assert replay["x"].grad is not None
    assert replay["x"].grad.dtype == np.float64
    assert gap(replay["x"].grad, expected) < 1e-14


def test_arguments_are_named_by_their_paths(tmp_path: Path) -> None:
    params = {"layers": [{"w": X}, {"w": 2 * X}], "b": np.float32(1)}

    def loss(params: Any, *, scale: Any = 1.0) -> Any:
        first, second = params["layers"]
        return (first["w"] * second["w"] * scale + params["b"]).sum()

    text, _ = recorded(tmp_path, loss, params)
    for name in ("params.b", "params.layers.0.w", "params.layers.1.w"):
        assert f'name="{name}"' in text


def test_only_the_asked_arguments_are_parameters(tmp_path: Path) -> None:
    text, replay = recorded(tmp_path, lambda w, x: (w * x).sum(), X, X, argnums=0)
    assert list(replay.grads) == ["w"]
    assert 'x = data["x"]' in text


def test_names_of_the_program_are_those_of_the_rows(tmp_path: Path) -> None:
    def loss(x: Any) -> Any:
        hidden = jnp.tanh(x)
        doubled = 2.0 * hidden
        return doubled.sum()

    text, _ = recorded(tmp_path, loss, X)
    assert "\nhidden = tanh(x)" in text
    assert "\ndoubled = 2.0 * hidden" in text
    assert "`jnp.tanh(x)`" in text
    assert "test_jax.py:" in text


def test_a_derivative_of_ones_own_that_is_no_derivative_is_opaque(tmp_path: Path) -> None:
    @jax.custom_vjp  # type: ignore[untyped-decorator]
    def doubled(x: Any) -> Any:
        return x * 2.0

    doubled.defvjp(lambda x: (x * 2.0, None), lambda _, g: (3.0 * g,))
    text, replay = recorded(tmp_path, lambda x: doubled(x).sum(), X)
    assert 'opaque("doubled", x' in text
    assert np.array_equal(replay.grads["x"], [3.0, 3.0, 3.0, 3.0])


def test_a_derivative_of_ones_own_that_is_the_derivative_is_opened(tmp_path: Path) -> None:
    @jax.custom_jvp  # type: ignore[untyped-decorator]
    def squared(x: Any) -> Any:
        return x * x

    squared.defjvp(lambda x, t: (x[0] * x[0], 2 * x[0] * t[0]))
    text, replay = recorded(tmp_path, lambda x: squared(x).sum(), X)
    assert "opaque(" not in text
    assert 'with module("squared", "custom_jvp_call"):' in text
    assert np.array_equal(replay.grads["x"], 2 * X)


def test_a_rule_that_is_not_linear_has_its_gradient_and_no_jacobian(tmp_path: Path) -> None:
    @jax.custom_vjp  # type: ignore[untyped-decorator]
    def clipped(x: Any) -> Any:
        return x * 1.0

    clipped.defvjp(lambda x: (x * 1.0, None), lambda _, g: (jnp.clip(g, -0.5, 0.5),))
    text, replay = recorded(tmp_path, lambda x: (clipped(x) * X).sum(), X)
    assert "gradients=" in text
    assert "jacobians=" not in text
    assert np.array_equal(replay.grads["x"], np.clip(X, -0.5, 0.5))


def test_a_loop_is_written_out(tmp_path: Path) -> None:
    def loss(x: Any) -> Any:
        return jax.lax.scan(lambda c, r: (c * r, c), x[3], x[2:], reverse=True)[0] ** 2

    text, replay = recorded(tmp_path, loss, X)
    assert text.count("mul_") >= 2
    assert gap(replay.grads["x"], of_jax(loss, X)[0]) < 1e-6


def test_random_numbers_are_data(tmp_path: Path) -> None:
    def loss(key: Any, x: Any) -> Any:
        return (jax.random.normal(key, x.shape) * x).sum()

    text, replay = recorded(tmp_path, loss, jax.random.key(0), X)
    assert "random_bits" not in text
    assert gap(replay.grads["x"], np.asarray(jax.random.normal(jax.random.key(0), (4,)))) < 1e-6


REFUSED: dict[str, tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], str]] = {
    "no scalar": (lambda x: 2 * x, (X,), {}, "returns no real scalar"),
    "integers": (lambda x: 2 * x, (3,), {}, "no array of floating point"),
    "many steps": (
        lambda x: jax.lax.fori_loop(0, 50, lambda _, a: jnp.sin(a), x), (1.0,),
        {"max_rows": 10}, "more than 10 steps"),
    "dtypes": (
        lambda x: x.astype(jnp.float8_e4m3fn).astype(jnp.float32).sum(), (X,), {},
        "of dtype float8_e4m3fn"),
    "traced": (
        lambda x: jax.jit(gradcli.record_jax(lambda y: y.sum()))(x), (X,), {}, "inside of jit"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_recorded_is_refused_and_nothing_is_written(
    case: str, tmp_path: Path
) -> None:
    f, args, options, words = REFUSED[case]
    with pytest.raises(GradcliError, match=words):
        gradcli.record_jax(f, tmp_path / "run", **options)(*args)
    assert list(tmp_path.iterdir()) == []


# ---- the command ---------------------------------------------------------------------------

SCRIPT = """\
import sys
import jax, jax.numpy as jnp

def model(p, x):
    return jnp.tanh(x @ p)

def loss(p, x, y):
    return jnp.mean((model(p, x) - y) ** 2)

@jax.jit
def step(p, x, y):
    return p - 0.1 * jax.grad(loss)(p, x, y)

p, x = jnp.ones(2), jnp.array([[1.0, 2.0], [3.0, -1.0]])
for _ in range(int(sys.argv[1])):
    p = step(p, x, x[:, 0])
"""


def test_a_call_within_jit_and_grad_is_recorded_by_the_command(tmp_path: Path) -> None:
    script, record = tmp_path / "train.py", tmp_path / "run"
    script.write_text(SCRIPT)
    outcome = run("record", "--jax", "--function", "loss", "--step", "2", "-o", str(record),
                  str(script), "3")  # fmt: skip
    assert outcome.status == 0, outcome.errors
    replay = gradcli.load(tmp_path / "run.expr")

    def loss(p: Any, x: Any, y: Any) -> Any:
        return jnp.mean((jnp.tanh(x @ p) - y) ** 2)

    p, x = jnp.ones(2), jnp.array([[1.0, 2.0], [3.0, -1.0]])
    p = p - 0.1 * jax.grad(loss)(p, x, x[:, 0])
    assert gap(replay["p"].value, np.asarray(p)) < 1e-6
    assert gap(replay.grads["p"], np.asarray(jax.grad(loss)(p, x, x[:, 0]))) < 1e-5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--function", "loss", "--step", "9"), "called 3 times"),
        (("--function", "nothing"), "no function `nothing`"),
        ((), "which function"),
        (("--function", "loss", "--on-nan"), "PyTorch"),
    ],
)
def test_the_command_says_what_it_needs(
    options: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    outcome = run("record", "--jax", "-o", str(tmp_path / "run"), *options, str(script), "3")
    assert outcome.status == 2
    assert words in outcome.errors
    assert not (tmp_path / "run.expr").exists()
