"""Files with a training loop: the gradient at the point where the parameter stood."""

import pytest

from gradcli.verify import check
from tests.verify.checking import checked, session_of, with_wrong_rule

LOOP = """
x = tensor([1., 2., 3.])
w = param([0.5, -0.3, 0.1])
lr = 0.1
for i in range({steps}):
    loss = sum((w*x - 1)**2)
    loss.backward()
    with no_grad():
        w -= lr*w.grad
    w.grad.zero_()
"""


def test_a_parameter_that_is_updated_in_place_is_one_parameter() -> None:
    report = checked(LOOP.format(steps=20))
    assert [(f.parameter, f.verdict) for f in report.findings] == [("w", "OK")]


def test_the_gradient_is_that_at_the_value_that_the_root_has_seen() -> None:
    finding = checked(LOOP.format(steps=1)).findings[0]
    found = {e.index: e.analytic for e in finding.worst}
    assert found == pytest.approx({(0,): -1.0, (1,): -6.4, (2,): -4.2})
    after = checked(LOOP.format(steps=1) + "after = sum(w)**2\n", of=("after",)).findings[0]
    assert after.worst[0].analytic == pytest.approx(2 * (0.92 + 0.34 + 0.2))


def test_a_wrong_rule_in_a_loop_is_caught() -> None:
    session = session_of(LOOP.format(steps=5))
    assert with_wrong_rule(session.graph, "sub.Tensor", lambda body: body) == 0
    with_wrong_rule(session.graph, "pow.Tensor_Scalar", lambda body: lambda *a, **k: -body(*a, **k))
    report = check(session)
    assert [(f.parameter, f.verdict) for f in report.findings] == [("w", "WRONG")]


def test_a_root_that_has_seen_several_values_has_a_derivative_by_each() -> None:
    text = "w = param(2.)\na = w**2\nwith no_grad():\n    w += 1.\ny = a*w\n"
    report = checked(text)
    found = {f.parameter: f.worst[0].analytic for f in report.findings}
    assert found == {"w:1": 12, "w:4": 4}
    assert report.verdict == "OK"


def test_a_name_that_is_bound_again_is_not_confused() -> None:
    text = "w = param(1.)\nfor i in range(3):\n    y = w**3\n"
    text += "    w = (w + 1).detach().requires_grad_()\n"
    report = checked(text)
    assert [(f.parameter, f.verdict) for f in report.findings] == [("w", "OK")]
    assert report.findings[0].worst[0].analytic == 27


def test_a_claim_after_an_update_speaks_of_the_values_that_it_names() -> None:
    text = "w = param([1., 2.])\ny = sum(w**2)\ny.backward()\nwith no_grad():\n"
    text += "    w -= 0.1*w.grad\nz = sum(w**3)\nassert allclose(grad(z, w), 3*w**2)\n"
    claim = checked(text).claims[0]
    assert (claim.holds, claim.points, claim.held) == (True, 8, 8)


def test_many_steps_take_no_longer_than_their_run() -> None:
    few, many = (checked(LOOP.format(steps=n)) for n in (20, 400))
    assert many.evaluations < 20 * few.evaluations
    assert many.verdict == "OK"
