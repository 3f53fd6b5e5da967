"""What `.grad` has gathered over several `backward()` calls is checked as the sum of them."""

import pytest

import gradcli
from gradcli.render import CHECK
from gradcli.verify import Verdict
from tests.render.printing import printed
from tests.verify.checking import checked, session_of, with_wrong_rule

W = "w = param(2.)\n"
# a file, its outputs, and the gradients that PyTorch leaves: by name, in the order of elements
SUMS = {
    "two losses": (
        f"{W}a = w**2\nb = w**3\na.backward()\nb.backward()", ("a + b",), {"w": [16.0]},
    ),
    "one loss twice": (
        f"{W}a = w**2\na.backward(retain_graph=True)\na.backward()", ("2*a",), {"w": [8.0]},
    ),
    "with cotangents": (
        "w = param([1., 2.])\ny = w**2\ny.backward(tensor([1., 0.5]), retain_graph=True)\n"
        "y.backward(tensor([0., 2.]))", ("y·v + y·v",), {"w": [2.0, 10.0]},
    ),
    "a complex result": (
        "w = param([1., 2.])\nz = complex(w**2, w)\nz.backward(tensor([1+1j, 2j]), "
        "retain_graph=True)\nz.backward(tensor([1j, 1+0j]))", ("z·v + z·v",), {"w": [4.0, 6.0]},
    ),
    "set to None between": (
        f"{W}a = w**2\nb = w**3\na.backward()\nw.grad = None\nb.backward()", ("b",), {"w": [12.0]},
    ),
    "zeroed between": (
        f"{W}a = w**2\nb = w**3\na.backward()\nw.grad.zero_()\nb.backward()", ("b",), {"w": [12.0]},
    ),
    "zeroed through its data": (
        f"{W}a = w**2\nb = w**3\na.backward()\nw.grad.data.zero_()\nb.backward()", ("b",),
        {"w": [12.0]},
    ),
    "zeroed after the last": (
        f"{W}a = w**2\nb = w**3\na.backward()\nb.backward()\nw.grad.zero_()", ("a + b",),
        {"w": [16.0]},
    ),
    "looked at between": (
        f"{W}a = w**2\nb = w**3\na.backward()\nprint(w.grad)\nb.backward()", ("a + b",),
        {"w": [16.0]},
    ),
    "a gradient of zero that is kept": (
        f"{W}a = relu(w - 3)\nb = w**3\na.backward()\nb.backward()", ("a + b",), {"w": [12.0]},
    ),
    "each of a parameter of its own": (
        f"{W}v = param(3.)\na = w**2\nb = v**3\na.backward()\nb.backward()", ("a + b",),
        {"w": [4.0], "v": [27.0]},
    ),
    "one parameter reset, the other not": (
        f"{W}v = param(3.)\na = w**2*v\na.backward()\nw.grad = None\nb = w*v\nb.backward()",
        ("a + b", "b"), {"w": [3.0, 15.0], "v": [2.0, 6.0]},
    ),
    "for some inputs alone": (
        f"{W}v = param(3.)\na = w**2*v\nb = w*v\na.backward(inputs=[w])\nb.backward()",
        ("a + b", "b"), {"w": [15.0, 3.0], "v": [6.0, 2.0]},
    ),
    "a loop that forgets to reset": (
        f"{W}for x in [1., 2., 3.]:\n    loss = w*x\n    loss.backward()",
        ("loss + loss + loss",), {"w": [6.0]},
    ),
    "a loop of many": (
        f"{W}for i in range(7):\n    loss = w*i\n    loss.backward()", ("loss + … + loss",),
        {"w": [21.0]},
    ),
    "a loop that resets": (
        f"{W}for x in [1., 2., 3.]:\n    w.grad = None\n    loss = w*x\n    loss.backward()",
        ("loss",), {"w": [3.0]},
    ),
    "with a graph": (
        f"{W}a = w**2\nb = w**3\na.backward(create_graph=True)\nb.backward(create_graph=True)",
        ("a + b",), {"w": [16.0]},
    ),
    "expressions without names": (
        f"{W}(w**2).backward()\n(w*3).backward()", ("(w**2) + (w*3)",), {"w": [7.0]},
    ),
}  # fmt: skip
HELD = {  # what `.grad` holds in the end where the outputs above are several
    "one parameter reset, the other not": {"w": 3.0, "v": 6.0},
    "for some inputs alone": {"w": 15.0, "v": 2.0},
}


@pytest.mark.parametrize("case", SUMS)
def test_a_check_is_of_what_grad_holds(case: str) -> None:
    text, outputs, gradients = SUMS[case]
    report = checked(text, verbose=True)
    assert report.outputs == outputs
    found = {f.parameter: {(e.index, e.output): e.analytic for e in f.worst}
             for f in report.findings}  # fmt: skip
    assert {name: sorted(values.values()) for name, values in found.items()} == {
        name: sorted(values) for name, values in gradients.items()
    }
    assert report.verdict in (Verdict.OK, Verdict.CUT)
    for name, grad in HELD.get(case, {}).items():
        nodes = gradcli.loads(text).nodes
        assert [n.grad for n in nodes if n.name == name] == [grad]


def test_the_first_line_says_over_how_many_calls() -> None:
    text = f"{W}loss1 = w**2\nloss2 = w**3\nloss1.backward()\nloss2.backward()"
    line = printed(CHECK["table"](checked(text)), 200).splitlines()[0]
    assert "the gradient of loss1 + loss2, accumulated over 2 backward() calls" in line
    assert "--of NODE takes another" in line
    assert gradcli.loads(text).inspection.sum == "loss1 + loss2"
    assert checked(text, of=("loss2",)).outputs == ("loss2",)


def test_a_parameter_that_a_loop_moves_is_checked_at_each_of_its_values() -> None:
    """PyTorch's w.grad: d(w²)/dw at 2, and at 2 - 0.1*4 = 1.6."""
    report = checked(
        f"{W}for i in range(2):\n    loss = w**2\n    loss.backward()\n"
        "    with no_grad():\n        w -= 0.1*w.grad",
        verbose=True,
    )
    assert sorted(round(f.worst[0].analytic, 9) for f in report.findings) == [3.2, 4.0]
    assert report.verdict is Verdict.OK


def test_a_wrong_rule_in_an_earlier_call_is_found() -> None:
    from gradcli.verify import Settings, check

    session = session_of(f"{W}a = exp(w)\nb = w*3\na.backward()\nb.backward()")
    with_wrong_rule(session.graph, "exp", lambda body: lambda *args: 2 * body(*args))
    report = check(session, Settings())
    assert report.outputs == ("a + b",)
    assert report.verdict is Verdict.WRONG
