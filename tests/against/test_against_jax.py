"""`check --against jax`: the same tape computed and differentiated by JAX, value by value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcli.against.sides import Comparison, Comparisons, against
from gradcli.api import options_for
from gradcli.autodiff import GRAD_COPY
from gradcli.errors import InputFault, Source
from gradcli.graph import Node
from gradcli.ops import Primitive
from gradcli.ops.shape.shapes import sum_
from gradcli.ops.table import every_row
from gradcli.roots import Root
from gradcli.session import Session, run
from tests.ops.cases import Case, build
from tests.verify import test_command
from tests.verify.checking import with_wrong_rule
from tests.verify.rules import all_cases, session_of, values_at

pytestmark = pytest.mark.usefixtures("jax")

ROOT = Path(__file__).parent.parent.parent
SAMPLES = sorted((ROOT / "samples").glob("*.expr"))
INPUTS = ("-p", "w=1.", "-p", "b=0.", "-s", "x=[1.,2.]", "-s", "y=[5.,7.]")  # of one_liner.expr

EVERY = 48  # calls of the table that JAX compiles here; `python -m benchmarks.against_jax`: all
KNOWN = dict(
    line.split("\t")[:2] for line in (
        Path(__file__).with_name("jax_differences.txt").read_text().splitlines()
    )
)  # fmt: skip

# rows that no file has by itself: derivatives make them, and JAX differentiates on its own
OF_DERIVATIVES = {
    "_adaptive_avg_pool_backward", "_adjugate", "_avg_pool_backward", "_bessel_i",
    "_convolution_weight", "_diagonal_backward", "_gather_backward", "_grid_sample_backward",
    "_index_backward", "_pair_weights", "_scaled_bessel_i", "_select_backward",
    "_slice_backward", "_spherical_bessel", "_unfold_backward", "_upsample_backward",
    "_masked_select_back", "_index_select_backward", "_scatter_back",
    *(row.name for row in every_row() if isinstance(row, Primitive) and row.formula is not None),
}  # fmt: skip
LACKING = {  # what JAX has no function for
    "airy_ai", "bessel_y0", "bessel_y1", "modified_bessel_k0", "modified_bessel_k1",
    "scaled_modified_bessel_k0", "scaled_modified_bessel_k1",
}  # fmt: skip
# what JAX leaves to other libraries: alignments, layers of cells, weights of a norm, unpooling
FAMILIES = (
    "_ctc_", "ctc_", "lstm", "gru", "rnn_", "_mkldnn_", "unsafe_", "max_unpool", "_max_unpool",
    "embedding_bag", "torch._weight_norm", "_weight_norm", "norm_except_dim", "_norm",
    "adaptive_max_pool3d_with",  # its maxima are close: float32 picks another
)  # fmt: skip

LOOP = """
w = param([1., 2.])
for i in range(3):
    loss = sum(softplus(w))
    loss.backward()
    with no_grad():
        w -= 0.1*w.grad
    w.grad.zero_()
"""
STEPS = """
x = param([1., 2.])
y = sum(x**3)
g = grad(y, x)
h = grad(sum(g*g), x)
H = hessian(y, x)
J = jacobian(x**2 * y, x)
v = tensor([1., -2.])
j = jvp(y, x, v)
p = vjp(x*x, x, v)
loss = sum(H) + sum(g) + j
"""
FUNCTIONS = """
import jax, jax.numpy as jnp
def f(x):
    return jnp.sum(jnp.sin(x) * x)
x = jnp.array([1., 2.])
g = jax.grad(f)(x)
h = jax.grad(lambda x: jax.grad(lambda y: y**3 * x)(x))(2.)
"""
MAPPED = """
import jax, jax.numpy as jnp
w = param([1., -2., 3.])
x = jnp.array([[.3, -1.2, .7], [1.1, .4, -.6], [-.8, .9, 1.5], [.2, -.5, 2.]])
y = jax.vmap(jax.grad(lambda x: (jnp.tanh(x) ** 2).sum()))(x)
z = jax.vmap(jax.grad(lambda w, x: jnp.tanh(w[1:] * x[1:]).sum()), (None, 0))(w, x)
loss = (z ** 2).sum()
"""
SPARSE = """
x = param(linspace(-1., 1., 12))
w = param(linspace(1., 2., 8))
y = sum(100 * (x[1:] - x[:-1]**2)**2 + (1 - x[:-1])**2)
H = hessian(y, x)
J = jacobian(x[:8] * w, x)
loss = sum(H**2) + sum(J**3)
"""
COMPLEX = """
z = tensor([1.+2.j, 3.-1.j], requires_grad=True)
w = z*z*(1. + 2.j) + conj(z)
g = grad(sum(abs(z)**2), z)
loss = sum(abs(w)) + sum(fft.fft(z).real**2)
"""
DETACHED = """
x = param([1., 2.])
y = x.detach()*x
with no_grad():
    z = x*x
loss = sum(y*z + (x > 1.5)*x)
"""
AGREE = {"loop": LOOP, "steps": STEPS, "functions": FUNCTIONS, "complex": COMPLEX,
         "detached": DETACHED, "mapped": MAPPED, "sparse": SPARSE}  # fmt: skip
INSTALLED = find_spec("jax") is not None
UNSETTLED = {  # where a difference is not the derivative, or not close enough, or takes too long
    "_to_copy: v.to(float32)",
    "linalg.matrix_exp: matrix_exp(T)",
    "grid_sample: F.grid_sample(T[None], A[:, :2].reshape(1, 3, 1, 2), padding_mode='border', "
    "align_corners=True)",
    "linalg.det: linalg.det(outer(v, v))",
}
KINKS = {  # a text, and the gradient by x: gradcli's and JAX's
    "y = sum(clamp(x, 0., 1.))": (1.0, 0.5),
    "y = sum(abs(x - 1.))": (0.0, 1.0),
    "y = sum(x.max(0).values) + 0*x.max(0).indices": (1.0, 0.5),
    "y = norm(x - x.detach())": (0.0, np.nan),
}


def compared(text: str, **options: Any) -> dict[str, Comparison]:
    return {c.name: c for c in comparisons(text, **options).tensors}


def comparisons(text: str, **options: Any) -> Comparisons:
    return against(run(Source("<test>", text), options_for(**options)), "jax")


# ---- files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("file", SAMPLES, ids=lambda f: f.name)
def test_every_sample_agrees(file: Path) -> None:
    if not INSTALLED and file.name == "gaussian_mixture.expr":
        pytest.skip("JAX is not installed, and its stand-in takes too long")
    inputs = INPUTS if file.name == "one_liner.expr" else ()
    status, text = test_command.run(file, "--against", "jax", *inputs)
    assert "all the same" in text
    assert status == 0


@pytest.mark.parametrize("name", AGREE)
def test_the_tape_agrees(name: str) -> None:
    if not INSTALLED and name == "sparse":
        pytest.skip("JAX is not installed, and three differences in each other take minutes")
    found = comparisons(AGREE[name])
    assert {c.name: c.differs for c in found.tensors if c.differs} == {}
    assert found.unstated == ()
    assert (found.tensors[0].grad_error is not None) == (name != "functions")


def test_the_gradient_after_several_passes_is_that_of_the_last() -> None:
    found = comparisons(LOOP)
    assert found.gradients.startswith("gradients of `loss` (line 4), the last of 3 backward passes")
    w = next(c for c in found.tensors if c.name == "w")
    assert w.theirs.grad is not None
    assert np.all(w.theirs.grad < 0.95)  # softplus at the w of the last pass


def test_a_file_in_single_precision_runs_in_it() -> None:
    found = compared("w = param([1., 2.])\ni = arange(2)\ny = sum(exp(w)*(i/2 + 0.5))",
                     dtype="float32")  # fmt: skip
    assert {c.theirs.dtype for c in found.values()} == {"float32", "int64"}
    assert not any(c.differs for c in found.values())


def test_the_state_of_jax_is_left_as_it_was(jax: Any) -> None:
    before = jax.config.jax_enable_x64
    compared("w = param(1.)\ny = w*w")
    assert jax.config.jax_enable_x64 == before
    assert jax.numpy.asarray(1.0).dtype == ("float64" if before else "float32")


def test_drawn_numbers_are_the_same() -> None:
    found = compared("w = randn(3, requires_grad=True)\ny = sum(dropout(w, 0.5)*rand(3))")
    assert not any(c.differs for c in found.values())


# ---- differences ---------------------------------------------------------------------------


def test_a_wrong_derivative_differs_and_is_found() -> None:
    session = run(Source("<test>", "w = param([1., 2.])\nh = sin(w)\ny = sum(exp(h))\n"))
    assert with_wrong_rule(session.graph, "exp", lambda body: lambda *a: body(*a) * 1.01) == 1
    found = against(session, "jax")
    assert {c.name: c.differs for c in found.tensors} == {
        "w": ("gradient",), "h": ("gradient",), "y": (),
    }  # fmt: skip
    assert found.status == 1
    assert found.tensors[0].reasons == ("`exp` (line 3) has another derivative in JAX",)


def test_a_wrong_step_of_differentiation_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    row = next(r for r in every_row() if isinstance(r, Primitive) and r.name == "exp")
    assert row.derivative is not None
    wrong = replace(row.derivative, bodies=(lambda g, y, _: g * y * 2,))
    monkeypatch.setitem(row.__dict__, "derivative", wrong)
    found = compared("w = param([1., 2.])\ng = grad(sum(exp(w)), w)\n")
    assert found["g"].differs == ("value",)
    assert "line 2" in found["g"].reasons[0]


@pytest.mark.parametrize("text", KINKS)
def test_a_difference_at_a_kink_is_shown_with_its_reason(text: str) -> None:
    if not INSTALLED and KINKS[text][1] != 0.5:
        pytest.skip("JAX is not installed, and its stand-in has not its conventions")
    found = compared(f"x = param([1., 1.])\n{text}")["x"]
    ours, theirs = KINKS[text]
    assert found.differs == ("gradient",)
    assert found.ours.grad is not None
    assert found.theirs.grad is not None
    assert np.array_equal(found.ours.grad[0], ours)
    assert np.allclose(found.theirs.grad[0], theirs, equal_nan=True)
    assert "(line 2) has another derivative in JAX; PyTorch and gradcli: " in found.reasons[0]


def test_what_cancels_differs_by_rounding_alone() -> None:
    found = compared("x = param([0.1, 0.7, -0.3])\ny = sum(softmax(x, 0))")["x"]
    assert found.differs == ()


def test_the_command_says_what_differs_and_by_how_much() -> None:
    text = "x = param([2., 1.])\ny = sum(clamp(x, 0., 1.))"
    status, shown = test_command.run("--against", "jax", "-e", text)
    assert status == 1
    assert "gradcli against JAX\ngradients of `y` (line 2)\n" in shown
    assert "x[1]: gradient 1 in gradcli, 0.5 in JAX" in shown
    assert "2 tensors compared, 1 differs" in shown
    record = json.loads(test_command.run("--against", "jax", "--json", "-e", text)[1])
    assert (record["schema"], record["library"]) == ("gradcli.against/1", "jax")
    file = record["files"][0]
    assert (file["gradients"], file["unstated"]) == ("gradients of `y` (line 2)", [])
    assert file["tensors"][0]["differs"] == ["gradient"]
    assert file["tensors"][0]["grad_fn"] == [None, None]


# ---- what JAX lacks ------------------------------------------------------------------------


def test_a_missing_library_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("gradcli.against.sides.import_module", missing)
    with pytest.raises(InputFault, match="JAX is not installed") as caught:
        against(run(Source("<test>", "w = param(1.)\n")), "jax")
    assert "pip install 'jax[cpu]'" in str(caught.value.hint)


def test_a_broken_library_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: str) -> Any:
        raise RuntimeError("jaxlib is version 0.1, but this version of jax requires 0.2")

    monkeypatch.setattr("gradcli.against.sides.import_module", broken)
    with pytest.raises(InputFault, match=r"cannot be imported: jaxlib is version 0\.1"):
        against(run(Source("<test>", "w = param(1.)\n")), "jax")


def test_only_what_depends_on_a_missing_operation_is_left_out() -> None:
    found = comparisons("x = param(2.)\nq = airy_ai(x.detach())\nr = q + 1\ny = x*x\n")
    assert [c.name for c in found.tensors] == ["x", "y"]
    assert not any(c.differs for c in found.tensors)
    assert [(u.name, u.op, u.line) for u in found.unstated] == [
        ("q", "airy_ai", 2), ("r", "airy_ai", 2),
    ]  # fmt: skip
    assert found.status == 3


def test_a_gradient_that_jax_does_not_have_is_left_out() -> None:
    found = comparisons("x = param([2., 3.])\ny = sum(nextafter(x, x + 1))\n")
    assert [c.grad_error for c in found.tensors] == [None, None]
    assert [c.differs for c in found.tensors] == [(), ()]
    assert [(u.name, u.op) for u in found.unstated] == [("gradients of `y` (line 2)", "nextafter")]
    assert "not implemented" in found.unstated[0].why


def test_a_file_of_nothing_else_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(InputFault, match="line 1: `airy_ai` is not stated in JAX") as caught:
        comparisons("y = airy_ai(tensor(1.))\n")
    assert "--against torch" in str(caught.value.hint)


def test_a_file_without_tensors_is_undecided() -> None:
    assert comparisons("y = 1\n").status == 3


# ---- the table -----------------------------------------------------------------------------


def test_every_row_that_jax_can_state_is_stated() -> None:
    from gradcli.against.jax_rows import FAMILIES as MODULES
    from gradcli.against.jax_rows import ROWS as STATED

    names = {row.name for row in (*every_row(), GRAD_COPY) if isinstance(row, Primitive)}
    assert set(STATED) <= names
    assert sum(len(module.ROWS) for module in MODULES) == len(STATED), "a row is stated twice"
    left = {n for n in names - set(STATED) if not n.startswith(FAMILIES)}
    assert left - OF_DERIVATIVES - LACKING == set()


def findings(case: Case, dtype: str) -> Iterator[str]:
    """Yield in what a call of the table and JAX differ."""
    built = build(case, values_at(case, 0, dtype))
    session, _ = session_of(built)
    for k, node in enumerate(built.inputs):
        session.tracer.scope[f"x{k}"] = node
    for y in [y for y in built.outputs if y.requires_grad]:
        yield from _differences(replace(session, choice=Root(_weighted(y).id)))


def _weighted(y: Node) -> Node:
    """Return a root that depends on every element otherwise: the sum of some is a constant."""
    weights = np.random.default_rng(0).uniform(0.5, 1.5, y.shape).astype(y.dtype)
    product = y * y.constant(weights)
    root: Node = product if y.dtype.kind == "c" else sum_(product)
    return root


def _differences(session: Session) -> Iterator[str]:
    found = against(session, "jax")
    for c in found.tensors:
        if c.differs:
            yield f"{c.name}: {', '.join(c.differs)}"
    yield from (f"{u.op}: {u.why}" for u in found.unstated)


def names() -> list[str]:
    """Return the calls of what JAX is to have."""
    return [str(case) for case in all_cases() if not case.row.name.startswith(FAMILIES)]


def firsts() -> list[str]:
    """Return the first call of each row, and every call of those that have a word as argument."""
    found: dict[str, str] = {}
    for case in all_cases():
        if not case.row.name.startswith(FAMILIES) and str(case) not in UNSETTLED:
            key = str(case) if "'" in case.text else case.row.name
            found.setdefault(key, str(case))
    return list(found.values())


# the stand-in compiles nothing, and has time for a call of each row
SAMPLED = [
    *((name, "float64") for name in (names()[::EVERY] if INSTALLED else firsts())),
    *((name, "float32") for name in names()[EVERY // 2 :: 4 * EVERY]),
]


@pytest.mark.parametrize(("name", "dtype"), SAMPLED)
def test_a_call_of_the_table_agrees(name: str, dtype: str) -> None:
    case = next(case for case in all_cases() if str(case) == name)
    assert (list(findings(case, dtype)) != []) == (name in KNOWN)
