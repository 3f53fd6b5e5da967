"""A false claim says how its sides differ: in a factor, a path, a term, a rule, or where most."""

import pytest

import gradcli
from gradcli.render import CHECK
from gradcli.render.check_files import remarks
from gradcli.verify.run import Outcome
from tests.cli.runner import run
from tests.render.printing import printed
from tests.verify.checking import checked

BATCH_NORM = """x = param([[1., 2.], [3., 5.], [4., 7.], [6., 6.5]])
c = tensor([[1., 2.], [-1., 0.5], [3., -2.], [0.3, 1.]])
mu = x.mean(0)
sd = x.std(0, unbiased=False)
xhat = (x - mu)/sd
loss = (c*xhat).sum()
"""
NET = """x = tensor([[1., 2.], [3., -4.], [5., 7.], [0.3, 0.9], [1.1, -0.2]])
y = tensor([[1.], [0.5], [-2.], [0.2], [0.7]])
W1 = param([[0.5, -0.3, 0.2], [0.1, 0.4, -0.6]])
W2 = param([[0.7], [-0.5], [0.3]])
z = x @ W1
h = sigmoid(z)
r = h @ W2 - y
lam = 0.15
data = (r**2).mean()
reg = lam*(W1**2).sum()
other = (W1**3).sum()
loss = data + reg
d = 2*r/5
"""
ROWS = """X = tensor([[1., 2., 0.5], [3., 4., -1.]])
w = param([0.5, -0.3, 0.2])
loss = (sin(X @ w)).mean()
"""
# the file, the claim on the last side, and what is said of it
SAID = {
    # ---- a size, and which one
    (ROWS, "grad(loss, w)", "X.T @ cos(X @ w)"): "is 2 times `grad(loss, w)` "
    "(2 is the number of rows of `X`)",
    (ROWS, "grad(loss, w)", "X.T @ cos(X @ w)/6"): "is 1/3 times `grad(loss, w)` "
    "(3 is the number of columns of `X`)",
    ("v = param([1., 2., 4., 3., 5.])\ny = log(v).mean()\n", "grad(y, v)", "1/v"):
        "is 5 times `grad(y, v)` (5 is the number of elements of `v`)",
    ("T = param([[[1., 2.], [3., 4.], [5., 7.]]])\ny = exp(T/9).mean(1).sum()*9\n", "grad(y, T)",
     "exp(T/9)"): "is 3 times `grad(y, T)` (3 is the number of slices along dimension 1 of `T`)",
    (NET, "grad(loss, W2)", "h.T @ (2*r)"): "is 5 times `grad(loss, W2)` "
    "(5 is the number of rows of `x`)",
    # ---- a number of the file
    ("w = param([1., 2.])\ny = (w**5).sum()\n", "grad(y, w)", "w**4"): "is 1/5 times `grad(y, w)` "
    "(5 stands in `w**5` in line 2)",
    ("w = param([1., 2.])\ny = (0.37*exp(w)).sum()\n", "grad(y, w)", "exp(w)"):
        "is 1/0.37 times `grad(y, w)` (0.37 stands in `0.37*exp(w)` in line 2)",
    ("lr = tensor(0.23)\nw = param([1., 2.])\ny = (lr*w**3).sum()/lr\n", "grad(y, w)", "lr*3*w**2"):
        "is 0.23 times `grad(y, w)` (0.23 is `lr`)",
    ("q = param([0.2, 0.5])\nk = tensor([1., 3.])\ny = exp(q @ k / sqrt(2.))\n", "grad(y, q)",
     "y*k"): "is 1.41421 times `grad(y, q)` (1.41421 stands in `q @ k / sqrt(2.)` in line 3)",
    ("w = param([1., 2.])\ny = -(w**3).sum()\n", "grad(y, w)", "3*w**2"): "is minus `grad(y, w)`",
    # ---- a path
    (BATCH_NORM, "grad(loss, x)", "c/sd"):
        "lacks the paths through `mu` (line 3) and `sd` (line 4)",
    (BATCH_NORM, "grad(loss, x)", "(c - c.mean(0))/sd"): "lacks the path through `sd` (line 4)",
    (BATCH_NORM, "grad(loss, x)", "(c - xhat*(c*xhat).mean(0))/sd"):
        "lacks the path through `mu` (line 3)",
    ("z = param([0.1, 0.5, -0.3])\nc = tensor([1., 2., 0.5])\ne = exp(z)\n"
     "y = (c*e/e.sum()).sum()\n", "grad(y, z)", "c*e/e.sum()"):
        "lacks the path through `e.sum()` (line 4)",
    ("h = param([0.4, -0.7])\nU = tensor([[0.3, 0.5], [-0.2, 0.9]])\na = tanh(U @ h)\n"
     "out = (a*h*tensor([1., 3.])).sum()\n", "grad(out, h)", "a*tensor([1., 3.])"):
        "lacks the path through `a` (line 3)",
    ("w = param([1., 2.])\nt = (w**2).detach()\ny = (w*t).sum()\n", "grad(y, w)", "3*w**2"):
        "has the path through `t` (line 2), which the file stops",
    ("w = param([1., 2.])\nwith torch.no_grad():\n    s = exp(w)\ny = (w*s).sum()\n", "grad(y, w)",
     "exp(w) + w*exp(w)"): "has the path through `s` (line 3), which the file stops",
    ("x = param([[1., 2.], [3., 5.], [4., 7.]])\nc = tensor([[1., 2.], [-1., 0.5], [3., -2.]])\n"
     "y = (c*(x - x.mean(0))/x.std(0)).sum()\n", "grad(y, x)", "c/x.std(0)"):
        "lacks the paths through `x.mean(0)` (line 3) and `x.std(0)` (line 3)",
    # ---- a term
    (NET, "grad(loss, W1)", "x.T @ ((d @ W2.T)*h*(1 - h))"):
        "lacks 0.3 times `W1`, the gradient of `reg` (line 10)",
    (NET, "grad(loss, W1)", "x.T @ ((d @ W2.T)*h*(1 - h)) + lam*W1"):
        "has 1/2 times the part of the gradient through `reg` (line 10)",
    (NET, "grad(loss, W1)", "2*lam*W1"): "lacks the gradient of `data` (line 9)",
    (NET, "grad(loss, W1)", "x.T @ ((d @ W2.T)*h*(1 - h)) + 2*lam*W1 + 3*W1**2"):
        "adds the gradient of `other` (line 11), which is not in it",
    (NET, "grad(loss, W2)", "h.T @ d + 2*lam*W2"): "adds 0.3 times `W2` (line 4)",
    ("Z = param([[0.2, -0.4], [0.9, 0.3]])\nY = tensor([[0., 1.], [1., 0.]])\n"
     "y = -(Y*log_softmax(Z, 1)).sum()\n", "grad(y, Z)", "softmax(Z, 1)"): "adds `Y` (line 2)",
    ("Z = param([[0.2, -0.4], [0.9, 0.3]])\nY = tensor([[0., 1.], [1., 0.]])\n"
     "y = -(Y*log_softmax(Z, 1)).sum()\n", "grad(y, Z)", "softmax(Z, 1) - 2*Y"):
        "lacks `Y` (line 2)",
    ("w = param([1., 2.])\nreg = abs(w).sum()\ny = exp(w).sum() + 0.7*reg\n", "grad(y, w)",
     "exp(w)"): "lacks the gradient of `reg` (line 2)",
    ("w = param([1., 2.])\nreg = (w**2).sum()\ny = w.sum() + 0.25*reg\n", "grad(y, w)", "ones(2)"):
        "lacks 0.5 times `w`, the gradient of `reg` (line 2)",
    ("w = param([1., 2.])\ny = exp(w).sum()\n", "grad(y, w)", "tensor([1., 2.])"): "",
    ("w = param([1., 2.])\ny = (w**2).sum()\n", "grad(y, w)", "tensor([4., 8.])"):
        "is 2 times `grad(y, w)`",
    # ---- a rule
    (NET, "grad(loss, W1)", "x.T @ (d @ W2.T) + 2*lam*W1"):
        "lacks the factor `(1 - h) * h`, the derivative of sigmoid in `h` (line 6)",
    (NET, "grad(loss, W1)", "x.T @ ((d @ W2.T)*z*(1 - z)) + 2*lam*W1"):
        "takes `z` where the derivative of sigmoid in `h` (line 6) takes `h`",
    (NET, "grad(loss, W1)", "x.T @ ((d @ W2.T)*(h*(1 - h))**2) + 2*lam*W1"):
        "has the derivative of sigmoid in `h` (line 6) twice",
    ("x = tensor([[1., 2.], [0.3, -1.]])\nw = param([0.5, 0.2])\nu = x @ w\nt = tanh(u)\n"
     "y = t.sum()\n", "grad(y, w)", "x.T @ (1 - u**2)"):
        "takes `u` where the derivative of tanh in `t` (line 4) takes `t`",
    ("x = tensor([[1., 2.], [0.3, -1.]])\nw = param([0.5, 0.2])\nu = x @ w\ne = exp(u)\n"
     "y = (e**2).sum()\n", "grad(y, w)", "x.T @ (2*e)"): "lacks the factor `e`, the derivative of "
    "exp in `e` (line 4)",
    ("x = tensor([[1., 2.], [0.3, -1.]])\nw = param([0.5, 0.2])\nu = x @ w\nt = sin(u)\n"
     "y = t.sum()\n", "grad(y, w)", "x.T @ ones(2)"): "lacks the factor `cos(u)`, the derivative "
    "of sin in `t` (line 4)",
    ("Z = param([[0.2, -0.4, 1.1], [0.9, 0.3, -0.5]])\nC = tensor([[1., 2., 0.5], [-1., 3., 2.]])\n"
     "P = softmax(Z, 1)\ny = (C*P).sum()\n", "grad(y, Z)", "C*P*(1 - P)"):
        "takes the derivative of softmax in `P` (line 3) as if no element depended on another",
    ("x = param([0.5, 1.5, -1.])\nc = tensor([1., 2., 3.])\ny = (c*cumsum(x, 0)**2).sum()\n",
     "grad(y, x)", "2*c*cumsum(x, 0)"): "lacks the derivative of cumsum in `cumsum(x, 0)` (line 3)",
    ("x = tensor([1., 2.])\nw = param([0.3, -0.4])\nh = tanh(w*x)\ny = h.sum()\n", "grad(y, w)",
     "x"): "lacks the factor `1 - h**2`, the derivative of tanh in `h` (line 3)",
    ("W = tensor([[1., 2.], [0.5, 3.]])\nx = param([0.3, -0.4])\nh = tanh(W @ x)\ny = h.sum()\n",
     "grad(y, x)", "W @ (1 - h**2)"): "takes `W` for its transpose in the derivative of mv in "
     "`W @ x` (line 3)",
    ("W = tensor([[1., 2.], [0.5, 3.]])\nx = param([0.3, -0.4])\nh = tanh(W @ x)\ny = h.sum()\n",
     "grad(y, x)", "1 - h**2"): "lacks the derivative of mv in `W @ x` (line 3)",
    ("X = tensor([[1., -2.], [0.3, 1.]])\nw = param([-0.5, 0.2])\nh = relu(X @ w)\n"
     "y = (h**2).sum()\nd = 2*h + tensor([1., 1.])\nz = (h*d).sum()\n", "grad(z, w)",
     "X.T @ (d + 2*h)"): "lacks the factor `h > 0`, the derivative of relu in `h` (line 3)",
    # ---- a shape
    ("W = param([[1., 2.], [3., 5.]])\ny = sum(W**3)\n", "grad(y, W)", "3*W.T**2"):
        "is the transpose of `grad(y, W)`",
    (ROWS, "grad(loss, w)", "X*cos(X @ w)[:, None]/2"): "lacks a sum over dimension 0: summed, it "
    "is `grad(loss, w)`",
    ("X = tensor([[1., 2.], [3., 4.]])\nb = param(0.5)\ny = exp(X/4 + b).sum()\n", "grad(y, b)",
     "exp(X/4 + b)"): "lacks a sum over dimensions 0, 1: summed, it is `grad(y, b)`",
    ("w = param([0.5, -1., 2.])\nx = tensor([1., 3., -2., 0.5, 4.])\ng = tensor([1., -0.5, 2.])\n"
     "y = (g*stack([(w*x[i:i+3]).sum() for i in range(3)])**2).sum()/2\n", "grad(y, w)",
     "stack([(g*stack([(w*x[i:i+3]).sum() for i in range(3)])*x[2-j:5-j]).sum() "
     "for j in range(3)])"): "is `grad(y, w)` reversed along dimension 0",
    # ---- nothing that means anything
    (NET, "grad(loss, W2)", "2.46083*(h.T @ d)"): "",
    (NET, "grad(loss, W2)", "exp(h.T @ d)"): "",
    (NET, "grad(loss, W1)", "sin(W1)*x.sum()"): "",
    ("w = param([1., 2.])\ny = (w**3).sum()\n", "grad(y, w)", "17.3*w**2"): "",
    ("w = param([1., 2.])\ny = exp(w).sum()\n", "grad(y, w)", "cos(w)"): "",
}  # fmt: skip


def false(file: str, side: str, other: str) -> str:
    return f"{file}assert allclose({side}, {other})\n"


@pytest.mark.parametrize("case", SAID, ids=lambda case: case[2])
def test_what_is_wrong_is_named(case: tuple[str, str, str]) -> None:
    found = checked(false(*case)).claims[0]
    assert not found.claim.holds
    said = f"`{case[2]}` {SAID[case]}" if SAID[case] else ""
    assert found.note.startswith(said) if said else found.note == ""
    assert found.worst


@pytest.mark.parametrize("case", SAID, ids=lambda case: case[2])
def test_which_side_is_claimed_does_not_matter(case: tuple[str, str, str]) -> None:
    file, side, other = case
    if not SAID[case].startswith(("is ", "lacks a sum")):
        assert (
            checked(false(file, other, side)).claims[0].note == checked(false(*case)).claims[0].note
        )


@pytest.mark.parametrize("case", list(SAID)[::3], ids=lambda case: case[2])
def test_every_output_says_the_same(case: tuple[str, str, str]) -> None:
    text = false(*case)
    report = checked(text)
    (inspected,) = gradcli.loads(text).claims
    assert inspected.note == report.claims[0].note
    shown = run("eval", "-e", text).output
    table = printed(CHECK["table"](report), 200)
    told = "\n".join(remarks(Outcome("f.expr", report)))
    for words in (inspected.note, "difference "):
        assert all(words in output for output in (" ".join(shown.split()), table, told))
    assert f"{case[1]} = " in told


def test_grad_after_backward_is_explained_alike() -> None:
    text = BATCH_NORM + "loss.backward()\nassert allclose(x.grad, c/sd)\n"
    note = checked(text).claims[0].note
    assert note == "`c/sd` lacks the paths through `mu` (line 3) and `sd` (line 4)"


def test_float32_files_are_explained_alike() -> None:
    text = "set_default_dtype(float32)\n" + false(BATCH_NORM, "grad(loss, x)", "c/sd")
    note = checked(text).claims[0].note
    assert note == "`c/sd` lacks the paths through `mu` (line 4) and `sd` (line 5)"


def test_a_loop_of_many_rows_is_explained_by_what_is_near_its_end() -> None:
    text = (
        "w = param([0.3, 0.5])\nh = w\nfor i in range(100):\n    h = h + 0.001*sin(h)\n"
        "reg = (w**2).sum()\ny = h.sum() + reg\n"
    )
    plain = text.replace(" + reg", "")
    gradient = "grad(h.sum(), w)"
    found = checked(f"{text}assert allclose(grad(y, w), {gradient})\n", points=1).claims[0]
    assert found.note == f"`{gradient}` lacks 2 times `w`, the gradient of `reg` (line 5)"
    assert checked(f"{plain}assert allclose(grad(y, w), {gradient})\n", points=1).claims[0].holds


def test_the_largest_difference_of_two_sides_is_said_with_place_values_and_relative_size() -> None:
    text = "w = param([1., 2., 4.])\ny = (w**2).sum()\nassert allclose(grad(y, w), 2*w + exp(w))\n"
    words = "largest difference 54.5982 (relative 0.87) at [2]: 8 and 62.5982"
    assert words in run("eval", "-e", text).output
    assert words in printed(CHECK["table"](checked(text)), 120)


def test_complex_sides_differ_by_a_complex_number() -> None:
    text = (
        "z = param([1+2j, 3-1j])\ny = (z.abs()**2).sum()\nassert allclose(grad(y, z), 2*z + 1j)\n"
    )
    assert "largest difference 1 (relative" in run("eval", "-e", text).output
    assert '"re"' in CHECK["json"]([Outcome("f", checked(text))])
