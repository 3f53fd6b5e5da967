"""What is derived is right, or refused in words: names, loops, values in place, kinks, dtypes."""

from __future__ import annotations

import pytest

from gradcli.errors import AutogradFault, InputFault, Source
from gradcli.formula import elements, rows
from gradcli.formula.claims import tried
from gradcli.formula.derive import Derivatives, derived
from gradcli.formula.expressions import Coefficient, Formula
from gradcli.formula.text import text
from gradcli.session import run
from gradcli.trace import Options


def of(program: str, *names: str, hessian: bool = False) -> Derivatives:
    return derived(run(Source("file", program)), names, hessian=hessian)


def printed(program: str, *, hessian: bool = False) -> dict[str, str]:
    return {d.target: text(d.formula) for d in of(program, hessian=hessian).found}


def refused(program: str, *, hessian: bool = False) -> dict[str, str]:
    return {d.target: d.why for d in of(program, hessian=hessian).refused}


W = "w = tensor([1., 2.], requires_grad=True)\n"

# ---- names -----------------------------------------------------------------------------------
NAMES = {
    # a name that is bound again means what it means in the end
    "x = tensor([1., 2.], requires_grad=True)\nx = x * 2\nloss = sum(x**2)": {"x_1": "4 * x"},
    # a leaf that has lost its name has the line with it, a result is written out
    f"x = randn(3, 2)\n{W}x = tanh(x @ w)\nx = x * 3\nloss = sum(x)": {
        "w": "3 * x_1.T @ (1 - tanh(x_1 @ w)**2)"
    },
    # functions and letters as names
    "e = tensor([1., 2.], requires_grad=True)\npi = tensor(2.)\nsum = tensor(3.)\n"
    "loss = torch.sum(pi * e**2 * sum)": {"e": "2 * sum * pi * e"},
    "found = tensor([1., 2.], requires_grad=True)\nloss = sum(found**2)": {"found": "2 * found"},
    # in place
    f"{W}y = w * 2\ny += 1\ny.mul_(w)\nloss = sum(y)": {"w": "4 * w + 1"},
    # held constants keep their names
    f"{W}t = softmax(w, 0).detach()\nloss = sum(t * w)": {"w": "t"},
    f"{W}with no_grad():\n    s = exp(w)\nloss = sum(s * w)": {"w": "s"},
    # lists and numbers without names
    "x = [1., 2.]\nw = param(2.0)\nloss = sum((w*x - [3., 4.])**2)": {
        "w": "2 * sum((w * x - tensor([3.0, 4.0])) * x)"
    },
    f"{W}loss = 0.3 * sum(w**2)": {"w": "0.6 * w"},
    # functions of the file
    f"def f(w):\n    h = w * 2\n    return sum(h**2)\n{W}loss = f(w)": {"w": "8 * w"},
    # by hand in the file: a part of it is written by its name, but it is no answer itself
    f"{W}X = randn(3, 2)\nr = X @ w\ngw = 2 * X.T @ r\nloss = sum(r**2)": {"w": "2 * X.T @ r"},
    f"{W}X = randn(3, 2)\nz = X @ w\np = sigmoid(z)\nloss = sum(softplus(z))": {"w": "X.T @ p"},
}


@pytest.mark.parametrize("program", NAMES)
def test_names_mean_what_they_mean_at_the_end_of_the_file(program: str) -> None:
    assert printed(program) == NAMES[program]


def test_a_name_that_means_something_else_at_the_end_is_explained() -> None:
    loop = (
        "w = tensor(1.0, requires_grad=True)\nfor i in range(3):\n    loss = (w - 3)**2\n"
        "    loss.backward()\n    with no_grad():\n        w -= 0.1 * w.grad\n    w.grad = None\n"
    )
    found = of(loop)
    assert [text(d.formula) for d in found.found] == ["2 * (w - 3)"]
    assert found.earlier == {"w": "as it was when `loss` was computed"}
    rebound = of("x = tensor([1.], requires_grad=True)\nx = x * 2\nloss = sum(x)")
    assert rebound.earlier == {"x_1": "x of line 1"}


def test_a_named_parameter_of_a_loop_is_the_one_that_the_loss_had() -> None:
    loop = "w = param(1.0)\nloss = w**2\nloss.backward()\nwith no_grad():\n    w -= 1.0\n"
    assert [text(d.formula) for d in of(loop, "w").found] == ["2 * w"]


# ---- what there is no formula for ------------------------------------------------------------
REFUSED = {
    "w = param(2.0)\nloss = sum(w * randn(30))**2": {
        "w": "`randn(30)` in line 2 has no name at the end of the file: give it one"
    },
    "ws = [param([1., 2.])]\nloss = sum(ws[0]**2)": {
        "param([1., 2.])": "`param([1., 2.])` in line 1 has no name at the end of the file: "
        "give it one"
    },
    f"{W}v = param(1.0)\nloss = sum(w)": {"v": "no gradient flows from `loss`"},
    "x = tensor([1., 2.], requires_grad=True, dtype=float16)\nloss = sum(x**2)": {
        "x": "float16 has 3 digits, too few to compare in: use float32 or more"
    },
    "x = tensor(0.5, requires_grad=True)\ny = x\nfor i in range(60):\n    y = sin(y) + y * x\n"
    "loss = y": {"x": "its formula is too long to be read"},
    "x = randn(1, 1, 5, 5)\nw = randn(1, 1, 3, 3, requires_grad=True)\n"
    "loss = sum(conv2d(x, w)**2)": {
        "w": "the language has no function for the derivative of `conv2d(x, w)`"
    },
}


@pytest.mark.parametrize("program", REFUSED)
def test_what_has_no_formula_says_why(program: str) -> None:
    assert refused(program) == REFUSED[program]


def test_the_other_parameters_are_still_derived() -> None:
    program = f"{W}v = param(1.0)\nloss = sum(w)"
    assert printed(program) == {"w": "ones(2)"}


def test_a_run_without_a_root_is_refused() -> None:
    with pytest.raises(InputFault, match="nothing to differentiate"):
        of("x = tensor([1., 2.], requires_grad=True)\ny = x**2")
    with pytest.raises(AutogradFault, match="only for scalar outputs"):
        derived(run(Source("file", f"{W}y = w**2\nloss = sum(y)")), (), ["y"])


# ---- a wrong formula is never shown ------------------------------------------------------------
def test_a_formula_that_is_wrong_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    program = f"{W}loss = sum(w**3)"
    assert printed(program) == {"w": "3 * w**2"}
    right = elements.power

    def wrong(a: Formula, exponent: Coefficient) -> Formula:
        return right(a, exponent + 1 if exponent == 2 else exponent)

    monkeypatch.setattr("gradcli.formula.expressions.power", wrong)
    assert printed(program) == {}
    assert refused(program) == {
        "w": "the formula that follows from the rules does not give its values"
    }


@pytest.mark.parametrize(
    ("row", "program"),
    [
        ("mul", f"{W}x = tensor([3., 4.])\nloss = sum(w * x * w)"),
        ("mm", "A = randn(2, 3)\nW = randn(3, 2, requires_grad=True)\nloss = sum((A @ W)**2)"),
        ("where.self", f"{W}loss = sum(where(w > 1.5, w**2, 0 * w))"),
        ("sum", f"{W}loss = sum(w)**2"),
    ],
)
def test_a_row_that_is_read_wrongly_is_refused(
    row: str, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert printed(program)
    right = rows.ROWS[row]

    def wrong(*given: object, **attrs: object) -> Formula | None:
        found = right(*given, **attrs)
        return None if found is None else elements.multiply(elements.number(1.001), found)

    monkeypatch.setitem(rows.ROWS, row, wrong)
    assert printed(program) == {}


def test_a_formula_that_is_right_only_where_the_file_stands_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All elements are positive in the file, and so they are close to it."""
    program = f"{W}loss = sum(abs(w) * w)"
    assert printed(program)
    monkeypatch.setitem(rows.ROWS, "abs", lambda a, **_: a)
    assert printed(program) == {}


# ---- kinks, dtypes, shapes -------------------------------------------------------------------
KINKS = {
    f"{W}loss = sum(relu(w))": "w > 0",
    f"{W}loss = sum(abs(w))": "sgn(w)",
    f"{W}loss = sum(where(w > 0, w, 0.01 * w))": "(w > 0) + 0.01 * (w <= 0)",
    f"{W}loss = sum(clamp(w, -1, 1)**2)": "2 * ((w >= -1) & (w <= 1)) * clamp(w, min=-1, max=1)",
    f"{W}loss = max(w) - min(w)": "(w == max(w)) / sum(w == max(w)) "
    "- (w == min(w)) / sum(w == min(w))",
    f"{W}v = tensor([1., 3.])\nloss = sum(relu(w) - relu(w - v))": (
        "1.0 * (w > 0) - 1.0 * (w - v > 0)"
    ),
    f"{W}loss = -sum(relu(w))": "-1.0 * (w > 0)",
    "w = tensor([[[2., 1.], [0., 1.]], [[1., 1.], [0., 3.]]], requires_grad=True)\n"
    "f = sum(det(w))": "det(w)[:, None, None] * inverse(w).mT",
    f"{W}i = tensor([1, 1, 0])\nloss = sum(gather(w * w, 0, i))": "2 * sum(eye(2)[i], dim=0) * w",
    f"{W}n = tensor([1, 2])\nloss = sum(n * w**2)": "2 * n * w",
    f"{W}m = tensor([True, False])\nloss = sum(m * w**2)": "2 * m * w",
    f"{W}loss = sum(w[w > 1.5]**2)": "2 * (w > 1.5) * w",
    "import torch\nw = torch.tensor([1., 2.], requires_grad=True)\nloss = (w**2).sum()": "2 * w",
    "w = tensor([1+2j, 2-1j], requires_grad=True)\nloss = sum((w * w.conj()).real)": "2 * w",
    f"{W}loss = sum(softmax(w, 0))": "zeros(2)",
    f"{W}loss = sum(w / sum(w))": "zeros(2)",
    "w = randn(2, 3, 4, requires_grad=True)\nG = randn(2, 3, 3)\nloss = sum(G * (w @ w.mT))": (
        "(G + G.mT) @ w"
    ),
    "A = randn(2, 3)\nw = randn(4, 3, requires_grad=True)\n"
    'loss = sum(einsum("ij,kj->ik", A, w)**2)': "2 * w @ A.T @ A",
}


@pytest.mark.parametrize("program", KINKS)
def test_kinks_dtypes_and_shapes_are_kept(program: str) -> None:
    assert printed(program) == {"w": KINKS[program]}


def test_points_where_the_root_has_no_value_do_not_count() -> None:
    """Where the determinant is negative `logdet` is nan, and its gradient is of nothing."""
    program = "w = tensor([[2., 1.], [1., 3.]], requires_grad=True)\nf = logdet(w)"
    assert printed(program) == {"w": "inverse(w).T"}


def test_a_sum_of_data_that_happens_to_be_zero_stays() -> None:
    program = f"{W}c = tensor([1, 1])\nloss = sum((c - 1) * w + w**2)"
    assert printed(program) == {"w": "2 * w + c - 1"}


def test_definitions_are_what_the_file_computes() -> None:
    program = f"{W}X = randn(3, 2)\nz = X @ w\nh = tanh(z)\nloss = sum(h**2)"
    found = of(program)
    assert [(n, text(f)) for n, f in found.definitions] == [("z", "X @ w"), ("h", "tanh(z)")]


# ---- second derivatives ------------------------------------------------------------------------
HESSIANS = {
    "X = randn(5, 3)\ny = randn(5)\nw = randn(3, requires_grad=True)\nf = sum((X @ w - y)**2)": {
        "w∂w": "2 * X.T @ X"
    },
    "A = randn(3, 3)\nx = randn(3, requires_grad=True)\nf = x @ A @ x": {"x∂x": "A + A.T"},
    "a = randn(3)\nx = randn(3, requires_grad=True)\nf = a @ x": {"x∂x": "zeros(3, 3)"},
    "z = randn(4, requires_grad=True)\nf = cross_entropy(z, tensor(1))": {
        "z∂z": "diag(softmax(z, dim=0)) - outer(softmax(z, dim=0), softmax(z, dim=0))"
    },
    "x = randn(3, requires_grad=True)\nf = norm(x)": {"x∂x": "eye(3) / f - outer(x, x) / f**3"},
    "x = param(1.2)\ny = param(0.7)\nf = (1 - x)**2 + 100 * (y - x**2)**2": {
        "x∂x": "1200 * x**2 + 2 - 400 * y", "x∂y": "-400 * x", "y∂y": "200",
    },
    "X = randn(5, 3)\ny = rand(5)\nw = randn(3, requires_grad=True)\n"
    "f = sum(exp(X @ w) - y * (X @ w))": {"w∂w": "(exp(X @ w)[:, None] * X).T @ X"},
    "X = randn(5, 3)\ny = randn(5)\nw = randn(3, requires_grad=True)\nb = param(0.1)\n"
    "f = sum((X @ w + b - y)**2)": {"w∂w": "2 * X.T @ X", "w∂b": "2 * sum(X, dim=0)", "b∂b": "10"},
}  # fmt: skip


@pytest.mark.parametrize("program", HESSIANS)
def test_second_derivatives_are_matrices(program: str) -> None:
    assert printed(program, hessian=True) == HESSIANS[program]


def test_second_derivatives_by_a_matrix_are_refused() -> None:
    program = "w = randn(2, 2, requires_grad=True)\nf = sum(w**2)"
    why = "its second derivatives have more than two dimensions"
    assert refused(program, hessian=True) == {"w∂w": why}


# ---- claims ------------------------------------------------------------------------------------
def test_a_claim_that_does_not_hold_in_its_file_says_why() -> None:
    source = Source("file", "w = param(2.0)\nloss = w**2\ng = torch.autograd.grad(loss, w)[0]")
    right = "assert allclose(w**2, 4.0)"
    freed = "assert allclose(grad(loss, w), 2 * w)"
    wrong = "assert allclose(w, 3.0)"
    lines = tried(source, Options(), f"{right}\n{freed}\n{wrong}\n").splitlines()
    assert lines[0] == right
    assert lines[1].startswith(f"# {freed}: Trying to backward through the graph a second time")
    assert lines[2] == f"# {wrong}: it does not hold at the end of the file"


# ---- functions of the file, parts of tensors ---------------------------------------------------
PARTS = {
    "w = param([1., 2.])\ndef f(p):\n    a, b = p\n    return a**2 * b\nloss = f(w)": (
        "stack([2 * w[1] * w[0], w[0]**2])"
    ),
    "w = param([1., 2., 3.])\nloss = w[::2].prod()": "loss * (eye(3)[::2].T @ (1 / w[::2]))",
    "w = param([1., 2., 3.])\nloss = w[0] * w[-1]": "w[0] * eye(3)[-1] + w[-1] * eye(3)[0]",
    "w = param([1., 2., 3.])\nx = [4., 5.]\nloss = sum(cat([w, tensor(x)])**2)": "2 * w",
    "w = param([[1., 2.], [3., 4.]])\ni = tensor([1, 0, 1])\nloss = sum(w[i]**2)": (
        "2 * eye(2)[i].T @ w[i]"
    ),
    "w = param([1., 2., 3.])\ndef f(x):\n    s, t = zeros(()), ones(())\n    for k in range(2):\n"
    "        s = s + t\n        t = t * x\n    return sum(s)\nloss = f(w)": "ones(3)",
}


@pytest.mark.parametrize("program", PARTS)
def test_parts_of_tensors_are_written_as_one_writes_them(program: str) -> None:
    assert printed(program) == {"w": PARTS[program]}


# ---- what the language cannot say ------------------------------------------------------------
UNSAID = {
    "x = randn(1, 1, 4)\nk = randn(1, 1, 2, requires_grad=True)\nloss = sum(conv1d(x, k)**2)": (
        "the language has no function for the derivative of `conv1d(x, k)`"
    ),
    "x = randn(1, 4, requires_grad=True)\nloss = sum(max_pool1d(x, 2))": (
        "the language has no function for the derivative of `max_pool1d(x, 2)`"
    ),
    "x = randn(2, 2, requires_grad=True)\ny = log_softmax(x, 1)\n"
    "loss = nll_loss(y, tensor([1, 0]), weight=tensor([1., 3.]))": (
        "the language has no function for the derivative of "
        "`nll_loss(y, tensor([1, 0]), weight=tensor([1., 3.]))`"
    ),
    "x = tensor([1., 2.], requires_grad=True)\ntorch = tensor(3.)\nexp = tensor(2.)\n"
    "loss = sum(x.exp()) * torch * exp": (
        "the names of the file, `torch` among them, hide functions that it needs"
    ),
}


@pytest.mark.parametrize("program", UNSAID)
def test_a_reason_is_a_sentence_about_the_file(program: str) -> None:
    assert list(refused(program).values()) == [UNSAID[program]]


def test_derivatives_of_digamma_are_calls_of_polygamma() -> None:
    assert printed("x = tensor([1., 2.], requires_grad=True)\nloss = sum(digamma(x))") == {
        "x": "polygamma(1, x)"
    }
    assert printed("x = tensor([1., 2.], requires_grad=True)\nloss = sum(polygamma(2, x))") == {
        "x": "polygamma(3, x)"
    }
