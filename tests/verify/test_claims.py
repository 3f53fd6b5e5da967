"""Gradients derived by hand: right everywhere, right here only, wrong in a way that has a name."""

import pytest

from gradcli.render import CHECK
from gradcli.verify import ClaimFinding
from tests.render.printing import printed
from tests.verify.checking import checked

DATA = """
x = tensor([[1., 2.], [3., 4.], [5., 7.]])
y = tensor([1., 2., 4.])
w = param([0.5, -0.3])
r = x @ w - y
loss = mean(r**2)
"""
FALSE = (
    ("x.T @ r", "`x.T @ r` is 3/2 times `grad(loss, w)` (3 is"),
    ("2*x.T @ r", "is 3 times `grad(loss, w)` (3 is the number of rows of `x`)"),
    ("-2*x.T @ r/3", "is minus `grad(loss, w)`"),
    ("2*x*r[:, None]/3", "lacks a sum over dimension 0"),
)


def claim(text: str, points: int = 8) -> ClaimFinding:
    return checked(text, points=points).claims[0]


def test_a_right_gradient_holds_at_random_points() -> None:
    found = claim(DATA + "assert allclose(grad(loss, w), 2*x.T @ r/3)")
    assert found.holds
    assert (found.points, found.held) == (8, 8)


@pytest.mark.parametrize(("formula", "words"), FALSE)
def test_a_false_claim_says_how_the_sides_differ(formula: str, words: str) -> None:
    found = claim(DATA + f"assert allclose(grad(loss, w), {formula})")
    assert not found.holds
    assert words in found.note


def test_a_transposed_gradient_is_recognised() -> None:
    text = "W = param([[1., 2.], [3., 5.]])\ny = sum(W**3)\n"
    found = claim(text + "assert allclose(grad(y, W), (3*W**2).T)")
    assert "the transpose of" in found.note
    assert found.worst[0] == ((0, 1), 12, 27)


def test_a_claim_that_holds_only_here_is_false() -> None:
    found = claim("w = param(2.)\ny = w**2\nassert allclose(grad(y, w), w**3/2)")
    assert found.claim.holds
    assert not found.holds
    assert (found.points, found.held) == (8, 0)
    assert found.note == "it holds at the file's point, and at 0 of 8 random points"


def test_a_claim_that_holds_only_here_is_taken_at_its_word_without_points() -> None:
    text = "w = param(2.)\ny = w**2\nassert allclose(grad(y, w), w**3/2)"
    assert claim(text, points=0).holds


def test_a_claim_on_numbers_is_about_the_file_s_point() -> None:
    found = claim("w = param(2.)\ny = w**2\nassert allclose(grad(y, w), tensor(4.))")
    assert found.holds
    assert found.points == 0


def test_a_claim_on_grad_after_backward_is_verified_too() -> None:
    text = "w = param(2.)\ny = w**2\ny.backward()\n"
    assert claim(text + "assert allclose(w.grad, 2*w)").held == 8
    assert not claim(text + "assert allclose(w.grad, w**2)").holds


def test_hessians_are_verified() -> None:
    text = "w = param([1., 2.])\ny = sum(w**3)\n"
    assert claim(text + "assert allclose(hessian(y, w), eye(2)*6*w)").held == 8


def test_a_point_outside_the_domain_is_drawn_nearer() -> None:
    text = "w = param(1e-3)\ny = log(w - 9e-4)\nassert allclose(grad(y, w), 1/(w - 9e-4))"
    found = claim(text)
    assert found.holds
    assert found.points >= 6


def test_claims_of_float32_files_are_verified_in_float64() -> None:
    text = (
        "w = param([1., 2.], dtype=float32)\ny = sum(exp(w))\nassert allclose(grad(y, w), exp(w))"
    )
    assert claim(text).held == 8


def test_points_outside_the_domain_are_undecided_and_said() -> None:
    text = "w = param([1.] * 40)\ny = sum(asin(w))\n"
    found = claim(text + "assert allclose(grad(y, w), 1/sqrt(1 - w**2))")
    assert found.holds
    assert (found.points, found.held, found.outside) == (0, 0, 8)
    text = printed(CHECK["table"](checked(text + "assert allclose(grad(y, w), 1/sqrt(1 - w**2))")))
    assert "undecided at 8 random points: outside the domain" in text


FIXED = "w = param(ones(2))\nx = tensor([3., 5.])\ny = (x*w**2).sum()\n"


@pytest.mark.parametrize(
    ("formula", "points"), [("2*x", 0), ("2*1.0*x", 0), ("2*x*w", 8), ("tensor([6., 10.])", 0)]
)
def test_a_formula_of_the_data_alone_may_have_numbers_for_parameters(
    formula: str, points: int
) -> None:
    report = checked(f"{FIXED}assert allclose(grad(y, w), {formula})\n")
    found = report.claims[0]
    assert (found.holds, found.points) == (True, points)
    said = f"`{formula}` depends on no parameter: at other points it does not hold"
    assert (said in printed(CHECK["table"](report), 120)) == ("x" in formula and not points)
