"""The verdict that each gradient deserves: kinks, edges, cuts, noise, and wrong rules."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradcli.rule.rule import Elementwise
from gradcli.verify import Settings, check
from tests.verify.checking import checked, session_of, with_wrong_rule

# text, verdict of the first parameter, words of its note
CASES: tuple[tuple[str, str, str], ...] = (
    ("w = param(1.5)\ny = relu(w)", "OK", ""),
    ("w = param(0.)\ny = relu(w)", "KINK", "relu (line 2): the slope jumps: left 0, right 1"),
    ("w = param([0., 1., -1.])\ny = sum(abs(w))", "KINK", "convention is 0 at 0"),
    ("w = param([1., 1., 0.5])\ny = max(w)", "KINK", "max (line 2)"),
    ("w = param(1.)\ny = clamp(w, -1, 1)", "KINK", "clamp (line 2)"),
    ("w = param([0.5, 0.5])\ny = minimum(w[0], w[1])", "KINK", "a tie is halved"),
    ("w = param([0., 0.])\ny = norm(w)", "KINK", "vector_norm"),
    ("w = param([1., 1.])\ny = std(w)", "KINK", "std (line 2)"),
    ("w = param(0.)\ny = abs(w)*1e-3 + w**2", "KINK", "abs (line 2)"),
    ("w = param(1.)\ny = where(w > 1, w, 2*w)", "KINK", "where (line 2): the function jumps"),
    ("w = param(0.)\ny = sign(w) + 3*w", "KINK", "sign (line 2): the function jumps"),
    ("w = param([1., 2.5])\ny = sum(floor(w))", "KINK", "floor (line 2): the function jumps"),
    ("w = param(1.000000001)\ny = relu(w - 1)", "OK", ""),
    ("w = param(0.)\ny = w*abs(w)", "OK", ""),
    ("w = param(1e-300)\ny = log(w)", "OK", ""),
    ("w = param(1e-7)\ny = log(w)", "OK", ""),
    ("w = param(0.999999999999)\ny = asin(w)", "OK", ""),
    ("w = param(0.)\ny = log(w)", "DOMAIN", "log (line 2) is -inf"),
    ("w = param(0.)\ny = sqrt(w)", "DOMAIN", "derivative of sqrt (line 2), taken at 0"),
    ("w = param(1.)\ny = asin(w)", "DOMAIN", "derivative of asin (line 2), taken at 1"),
    ("w = param(ones(4))\ny = w.sort().values", "KINK", "sort's values (line 2)"),
    ("w = param([0.1, 2.])\ny = sum(bessel_j0(w))*param(1.)", "CUT", "bessel_j0 (line 2)"),
    ("w = param([1., 2.], dtype=bfloat16)\ny = sum(w*w)", "OK", ""),
    ("w = param([nan, 1.])\ny = sum(w**2)", "DOMAIN", "the parameter itself is nan"),
    ("w = param(0.)\ny = 1/w", "DOMAIN", "reciprocal (line 2) is inf"),
    ("w = param([0., 4.])\ny = sum(w[w > 0])", "DOMAIN", "not defined on the right"),
    ("w = param(0.)\ny = w*sqrt(w)", "WRONG", "sqrt (line 2)"),  # nan; it is 0
    ("w = param([1., -1.])\ny = sum(where(w > 0, sqrt(w), w))", "WRONG", "derivative of sqrt"),
    ("w = param(1.5)\ny = floor(w)", "CUT", "floor (line 2) stops the gradient"),
    ("w = param(2.)\ny = (w*3).detach()*2 + param(1.)", "CUT", "detach (line 2)"),
    ("w = param(2.)\ny = w*w.detach()", "OK", ""),
    ("w = param([[1., 2.], [3., 4.]])\ny = sum(F.embedding(tensor([0, 1]), 2*w, padding_idx=0))",
     "OK", ""),
    ("w = param([[1., 2.]])\ny = sum(F.embedding(tensor([0]), sin(w), padding_idx=0))",
     "CUT", "embedding (line 2)"),
    ("w = param(2.)\nwith no_grad():\n    c = w**2\ny = c*w", "OK", ""),
    ("w = param(3.)\nb = param(1.)\ny = b*2", "CUT", "does not depend on it"),
    ("w = param([1e-20, 1e20])\ny = sum(w**2)", "OK", ""),
    ("w = param([1e-20, 1e20])\ny = sum(log(w))", "OK", ""),
    ("w = param([1e-12, 1.])\ny = sum((w - 1)**2)", "OK", ""),
    ("w = param(1e-20)\ny = (w - 1)**2", "OK", ""),
    ("w = param(1e-3)\ny = 1e8 + w**2", "OK", ""),
    ("w = param(1e-8)\ny = 1e12 + w**2", "OK", ""),  # the complex step sees it
    ("w = param(1e-8)\ny = 1e12 + w*abs(w)", "NOISY", "error bar"),
    ("w = param(1.)\ny = cos(1e6*w)", "OK", ""),
    ("w = param(3e-7)\ny = exp(-(w*1e6)**2)", "OK", ""),
    ("w = param(1.)\ny = w.float()*2", "OK", ""),
    ("w = param([0., 2.])\ny = prod(w)", "OK", ""),
    ("z = param([1 + 2j, 3 - 1j])\ny = sum(abs(z)**2)", "OK", ""),
    ("z = param([1 + 2j, 3 - 1j])\ny = z*z", "OK", ""),
)  # fmt: skip


# what reads one triangle, or takes a matrix for symmetric, has PyTorch's gradient: no difference of
# single elements, but the derivative along the moves that the row names
MATRIX = "A = param([[4., 1., .3], [.5, 5., .2], [1.1, .7, 6.]])\n"
TRIANGLES = (
    "linalg.eigh(A)[0]", "linalg.eigh(A)[1]**2", "linalg.eigh(A, 'U')[1]**2", "linalg.eigvalsh(A)",
    "linalg.cholesky(A)", "linalg.cholesky(A, upper=True)", "cholesky(A)",
    "linalg.cholesky_ex(A)[0]",
    "cholesky_inverse(A)", "cholesky_inverse(A, upper=True)",
    "cholesky_solve(A.detach(), A)", "cholesky_solve(A.detach(), A, upper=True)",
    "cholesky_solve(A, A)", "linalg.pinv(A + A.T, hermitian=True)",
    "linalg.solve_triangular(A, eye(3), upper=True)", "triangular_solve(eye(3), A).solution",
)  # fmt: skip


@pytest.mark.parametrize("call", TRIANGLES)
def test_a_triangle_that_is_not_read_has_the_gradient_that_pytorch_gives_it(call: str) -> None:
    weights = "tensor([[1., 2., 3.], [4., 5., 7.], [-1., 2., 1.]])"
    text = f"{MATRIX}y = sum({call} * {weights})"
    assert checked(text).findings[0].verdict == "OK"


@pytest.mark.parametrize("name", ["linalg.eigh", "linalg.cholesky", "cholesky_inverse"])
def test_a_wrong_gradient_of_a_triangle_is_caught(name: str) -> None:
    session = session_of(f"{MATRIX}y = sum({name}(A){'[1]**2 * A' if 'eigh' in name else ''})")

    def in_one_triangle(body: Any) -> Any:
        return lambda *args, **attrs: np.tril(body(*args, **attrs)) * 2

    assert with_wrong_rule(session.graph, name, in_one_triangle) == 1
    assert check(session).findings[0].verdict == "WRONG"


@pytest.mark.parametrize(("text", "verdict", "words"), CASES)
def test_every_case_has_the_verdict_it_deserves(text: str, verdict: str, words: str) -> None:
    finding = checked(text).findings[0]
    assert finding.verdict == verdict, finding
    assert words in finding.note


def test_differences_can_look_through_padding() -> None:
    text = "w = param([[1.], [3.]])\ny = sum(F.embedding(tensor([0, 1]), w, padding_idx=0))"
    finding = checked(text, through_detach=True).findings[0]
    assert [(e.index, e.verdict) for e in finding.worst] == [((0, 0), "WRONG")]


def test_differences_can_look_through_detach() -> None:
    text = "w = param(2.)\ny = w*w.detach()"
    finding = checked(text, through_detach=True).findings[0]
    assert finding.verdict == "WRONG"
    assert finding.worst[0].numeric == pytest.approx(4)


WRONG: dict[str, Any] = {
    "a factor of 1.03": lambda body: lambda *a, **k: body(*a, **k) * 1.03,
    "the wrong sign": lambda body: lambda *a, **k: -body(*a, **k),
    "no derivative": lambda body: lambda *a, **k: body(*a, **k) * 0,
    "a term too many": lambda body: lambda *a, **k: body(*a, **k) + 0.03 * a[0],
}


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_a_gradient_that_is_not_finite_is_wrong_where_the_derivative_is(value: float) -> None:
    session = session_of("w = param([0.3, -0.5])\ny = sum(tanh(w))")
    with_wrong_rule(session.graph, "tanh", lambda body: lambda *a: body(*a) * 0 + value)
    assert check(session).findings[0].counts == {"WRONG": 2}


@pytest.mark.parametrize("change", WRONG, ids=str)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_wrong_rule_is_caught(change: str, dtype: str) -> None:
    text = "w = param([0.3, -0.5])\ny = sum(tanh(w)*tensor([1., 2.]))"
    session = session_of(text, {"dtype": dtype})
    assert check(session).verdict == "OK"
    assert with_wrong_rule(session.graph, "tanh", WRONG[change]) == 1
    report = check(session)
    assert report.verdict == "WRONG"
    assert report.status == 1


@pytest.mark.parametrize("element", [0, 1])
def test_a_wrong_derivative_is_caught_beside_ones_of_another_size(element: int) -> None:
    session = session_of("w = param([1e-20, 1e20])\ny = sum(log(w))")
    factors = np.ones(2)
    factors[element] = 1.5
    with_wrong_rule(session.graph, "log", lambda body: lambda *a, **k: body(*a, **k) * factors)
    worst = check(session).findings[0].worst
    assert [(e.index, e.verdict) for e in worst] == [((element,), "WRONG")]


def test_the_error_bar_of_a_small_derivative_is_its_own() -> None:
    finding = checked("w = param([1e-20, 1e20])\ny = sum(w**2)").findings[0]
    assert all(e.error < 1e-12 * abs(e.analytic) for e in finding.worst)


def test_the_report_says_how_a_wrong_gradient_differs() -> None:
    session = session_of("w = param([0.3, -0.5])\ny = sum(tanh(w))")
    with_wrong_rule(session.graph, "tanh", lambda body: lambda *a: body(*a) * 2)
    finding = check(session).findings[0]
    rule, factor = finding.note.split("; ")
    assert rule == "the rule of tanh (line 2) is not the derivative of its values here"
    assert factor == "the gradient is 2 times the difference quotient"
    assert finding.slope == pytest.approx(1, abs=0.05)


def test_the_taylor_remainder_of_a_right_gradient_is_of_second_order() -> None:
    finding = checked("w = param([0.3, -0.5])\ny = sum(exp(w))", verbose=True).findings[0]
    assert finding.slope == pytest.approx(2, abs=0.05)
    assert len(finding.sweep) > 10


def test_forward_mode_is_checked_too() -> None:
    text = "w = param([0.3, -0.5])\ny = sum(tanh(w)*sin(w))"
    report = checked(text, modes=("reverse", "forward"))
    assert [(f.mode, f.verdict) for f in report.findings] == [("reverse", "OK"), ("forward", "OK")]


def test_both_modes_are_compared_with_each_other() -> None:
    # at a kink any slope between the two sides is right: only the other mode tells
    session = session_of("w = param(0.)\ny = relu(w)")
    assert check(session, Settings(modes=("reverse", "forward"))).verdict == "KINK"
    for id, op in enumerate(session.graph.ops):
        if op is not None and op.name == "relu":
            derivative = _Apart(op.derivative.bodies) if op.derivative is not None else None
            session.graph.ops[id] = replace(op, derivative=derivative)
    report = check(session, Settings(modes=("reverse", "forward")))
    assert [(f.mode, f.verdict) for f in report.findings] == [
        ("forward", "WRONG"), ("reverse", "KINK"),
    ]  # fmt: skip
    assert "reverse mode gives 0" in report.findings[0].note


class _Apart(Elementwise):
    """A rule whose two modes take another slope at a kink."""

    def jvp(self, *args: Any, **keywords: Any) -> Any:
        return super().jvp(*args, **keywords) + 0.5


def test_the_gradient_of_the_gradient_is_checked() -> None:
    session = session_of("w = param([0.3, -0.5])\ny = sum(tanh(w)*sin(w))")
    report = check(session, Settings(order=2))
    assert report.verdict == "OK"
    assert report.outputs == ("dy/dw[0]", "dy/dw[1]")


def test_several_outputs_are_differentiated_together() -> None:
    text = "w = param([0.3, -0.5])\na = sum(w**2)\nb = exp(w)"
    report = checked(text, of=("a", "b"))
    assert report.outputs == ("a", "b[0]", "b[1]")
    assert report.findings[0].counts == {"OK": 6}


def test_a_large_parameter_is_sampled_and_the_coverage_is_told() -> None:
    text = "w = randn(50, 20, requires_grad=True)\ny = sum(sin(w)*w)"
    finding = checked(text, max_elements=64).findings[0]
    assert (finding.verdict, finding.elements, finding.checked) == ("OK", 1000, 64)
    assert finding.directions == 8
    assert finding.counts == {"OK": 72}


def test_fewer_elements_are_compared_where_each_takes_long() -> None:
    assert Settings().most(1_000) == 4096
    assert Settings().most(10_000_000) < 100
    assert Settings(max_elements=10**6).most(10_000_000) == 10**6
    finding = checked("w = param(ones(1500, 800))\ny = sum(tanh(w))").findings[0]
    assert finding.checked < 4096
    assert finding.verdict == "OK"
    assert finding.directions == 8


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_directions_catch_a_wrong_derivative_that_no_sampled_element_has(activation: str) -> None:
    session = session_of(f"w = randn(5000, requires_grad=True)\ny = sum({activation}(w)*2)")
    report = check(session, Settings(max_elements=50))
    assert report.verdict == "OK"
    known = {e.index for e in report.findings[0].worst}
    factors = np.ones(5000)
    for k in range(2000, 2400):
        factors[k] = 1.0 if (k,) in known else 1.5
    with_wrong_rule(session.graph, activation, lambda body: lambda *a, **k: body(*a, **k) * factors)
    finding = check(session, Settings(max_elements=50)).findings[0]
    assert finding.verdict == "WRONG"
    assert any(e.index is None and e.verdict == "WRONG" for e in finding.worst)


def test_a_sampled_check_catches_one_wrong_row_of_many() -> None:
    session = session_of("w = randn(50, 20, requires_grad=True)\ny = sum(sin(w)*w)")

    def change(body: Any) -> Any:
        def changed(g: Any, y: Any, a: Any) -> Any:
            found = body(g, y, a)
            found[7] *= 1.5
            return found

        return changed

    with_wrong_rule(session.graph, "sin", change)
    assert check(session, Settings(max_elements=64)).verdict == "WRONG"


def test_a_large_root_is_projected_on_random_directions() -> None:
    report = checked("w = param([0.3, -0.5])\ny = outer(exp(w), arange(1., 301.))")
    assert report.verdict == "OK"
    assert len(report.outputs) == 4


def test_wrt_limits_the_check() -> None:
    text = "a = param(1.)\nb = param(2.)\ny = a*b"
    report = checked(text, {"wrt": ("b",)})
    assert [f.parameter for f in report.findings] == ["b"]


def test_a_file_without_gradients_and_claims_is_undecided() -> None:
    assert checked("a = tensor(1.)").status == 3


def test_round_off_of_float32_is_told_apart_from_a_wrong_rule() -> None:
    # (w + 1e4) - 1e4 loses the digits of w
    text = "w = param(0.0123)\ny = ((w + 1e4) - 1e4)**2"
    finding = checked(text, {"dtype": "float32"}).findings[0]
    assert finding.verdict == "NOISY"
    assert "try --dtype float64" in finding.note
    assert checked(text).findings[0].verdict == "OK"
