"""`check --against torch` accepts what the language accepts, and names of NumPy, SciPy and JAX."""

from importlib.util import find_spec
from typing import Any

import pytest

from gradcli.against.sides import Comparisons
from gradcli.api import options_for
from gradcli.errors import ArgumentFault, Source
from gradcli.verify.run import compare_source

pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")

TORCH = "import torch\nimport torch.nn.functional as F\n"
W = "w = torch.tensor([1.2, 0.7], requires_grad=True)\n"
# a file, and what its names are bound to from outside
LANGUAGE: dict[str, tuple[str, dict[str, Any]]] = {
    "inputs by shape": ("X: float64[3, 2]\nw = param([1., 2.])\nloss = ((X @ w)**2).sum()", {}),
    "set param": ("loss = (w*x).sum()", {"param": {"w": [1.0, 2.0]}, "set": {"x": [3.0, 4.0]}}),
    "param scalar": ("loss = w*x", {"param": {"w": 1.5}, "set": {"x": 2.0}}),
    "set overrides": (
        "x = tensor([1.,2.])\nw = param([1.,1.])\nloss = (w*x).sum()",
        {"set": {"x": [3.0, 4.0]}},
    ),
    "param overrides": (
        "x = tensor([1.,2.])\nw = param([1.,1.])\nloss = (w*x).sum()",
        {"param": {"w": [3.0, 4.0]}},
    ),
    "wrt": ("x = tensor([1.,2.])\nw = param([1.,1.])\nloss = (w*x).sum()", {"wrt": ("x",)}),
    "number param": ("k = 3.0\nloss = k*param(2.)", {"param": {"k": 4.0}}),
    "list as tensor": ("x = [1., 2.]\nw = param([1., 2.])\nloss = sum((w*x - 1)**2)", {}),
    "list leaf": (
        "x = [1., 2.]\ny = [3., 4.]\nw = param(0.5)\nb = param(0.)\nloss = sum((w*x + b - y)**2)",
        {},
    ),
    "fstring": (
        TORCH
        + W
        + (
            "loss = (w**2).sum()\n"
            "print(f'{loss:.3f} {loss.item():>10.4g} {w}')\n"
            "print('%s' % 3, loss.item(), sep=';')"
        ),
        {},
    ),
    "dict": (
        TORCH
        + W
        + (
            "p = {'w': w, 'b': 2.0}\n"
            "loss = (p['w']*p['b']).sum()\n"
            "for k, v in p.items():\n"
            "    print(k, v)"
        ),
        {},
    ),
    "dict comp": (TORCH + W + ("sq = {i: w[i]**2 for i in range(2)}\nloss = sum(sq.values())"), {}),
    "set": (TORCH + W + ("s = {1, 2}\nloss = (w*len(s)).sum()"), {}),
    "list comp": (TORCH + W + ("l = [w[i]*i for i in range(2) if i > 0]\nloss = sum(l)"), {}),
    "del": (TORCH + W + ("t = w*2\nloss = t.sum()\ndel t"), {}),
    "in place": (TORCH + W + ("h = w*2\nh[0] = 3.\nh += w\nh.mul_(2)\nloss = h.sum()"), {}),
    "no_grad": (
        TORCH
        + W
        + (
            "loss = (w**2).sum()\n"
            "loss.backward()\n"
            "with torch.no_grad():\n"
            "    w -= 0.1*w.grad\n"
            "    w.grad.zero_()"
        ),
        {},
    ),
    "retain_grad": (
        TORCH
        + W
        + ("h = w*2\nh.retain_grad()\nloss = (h**2).sum()\nloss.backward()\nprint(h.grad)"),
        {},
    ),
    "claims": (
        TORCH
        + W
        + ("loss = (w**2).sum()\nassert torch.allclose(torch.autograd.grad(loss, w)[0], 2*w)"),
        {},
    ),
    "grad kw": (
        "w = param([1.,2.])\n"
        "loss = sum(w**3)\n"
        "g = grad(loss, w, create_graph=True)\n"
        "h = grad(g.sum(), w)",
        {},
    ),
    "grad outputs": (
        "w = param([1.,2.])\n"
        "y = w**3\n"
        "g = grad(y, w, grad_outputs=tensor([1.,2.]))\n"
        "loss = y.sum()",
        {},
    ),
    "allow unused": (
        "w = param([1.,2.])\n"
        "v = param(1.)\n"
        "loss = sum(w**3)\n"
        "g = grad(loss, [w, v], allow_unused=True)",
        {},
    ),
    "grad list": (
        "w = param([1.,2.])\nv = param(1.)\nloss = sum(w**3)*v\na, b = grad(loss, [w, v])",
        {},
    ),
    "jacobian": ("w = param([1.,2.])\ny = w**2*w.sum()\nJ = jacobian(y, w)\nloss = y.sum()", {}),
    "hessian": ("w = param([1.,2.])\nloss = sum(w**3)\nH = hessian(loss, w)", {}),
    "hessian linear part": ("w = param([1.,2.])\nloss = (w[0]**3)+w[1]\nH = hessian(loss, w)", {}),
    "vjp": ("w = param([1.,2.])\ny = w**2\nv = vjp(y, w, tensor([1.,2.]))\nloss = y.sum()", {}),
    "jvp": ("w = param([1.,2.])\ny = w**2\nv = jvp(y, w, tensor([1.,2.]))\nloss = y.sum()", {}),
    "grad f": (
        "w = param([1.,2.])\ndef f(w):\n    return (w**3).sum()\nloss = f(w)\ng = grad(f)(w)",
        {},
    ),
    "func": (
        "import torch\n"
        "from torch.func import grad, vmap, jacrev, hessian\n"
        "w = torch.tensor([1.,2.], requires_grad=True)\n"
        "f = lambda w: (w**3).sum()\n"
        "loss = f(w)\n"
        "g = grad(f)(w)\n"
        "H = hessian(f)(w)",
        {},
    ),
    "functional": (
        "import torch\n"
        "from torch.autograd.functional import jacobian\n"
        "w = torch.tensor([1.,2.], requires_grad=True)\n"
        "J = jacobian(lambda w: w**2, w)\n"
        "loss = (w**2).sum()",
        {},
    ),
    "strings": (
        TORCH
        + W
        + (
            "name = 'loss'.upper().replace('L', 'l')\n"
            "print('-'.join(['a', name]), '{} {:.2f}'.format(name, 2.0))\n"
            "loss = (w**2).sum()"
        ),
        {},
    ),
    "list methods": (
        TORCH
        + W
        + (
            "l = [3, 1, 2]\n"
            "l.sort()\n"
            "l.append(4); l.insert(0, 5); l.pop(); l.reverse()\n"
            "loss = (w*l[0]).sum()\n"
            "d = {}\n"
            "d.update(a=1)\n"
            "d.setdefault('b', 2)\n"
            "d.get('c')"
        ),
        {},
    ),
    "sorted zip": (
        TORCH
        + W
        + (
            "t = 0.0\n"
            "for i, (a, b) in enumerate(zip(w, [1., 2.])):\n"
            "    t = t + a*b*i\n"
            "for x in sorted([3, 1], reverse=True):\n"
            "    t = t*x\n"
            "loss = t"
        ),
        {},
    ),
    "ternary lambda": (
        TORCH + W + ("f = lambda x, p=2: x**p if p > 1 else x\nloss = f(w, p=3).sum()"),
        {},
    ),
    "decorator": (
        TORCH
        + W
        + ("@torch.no_grad()\ndef ev(w):\n    return (w**2).sum()\nm = ev(w)\nloss = (w**3).sum()"),
        {},
    ),
    "nn.Parameter": (
        TORCH
        + (
            "import torch.nn as nn\n"
            "w = nn.Parameter(torch.ones(2))\n"
            "loss = (w**2).sum()\n"
            "loss.backward()"
        ),
        {},
    ),
    "data": (
        TORCH
        + W
        + (
            "loss = (w**2).sum()\n"
            "loss.backward()\n"
            "w.data -= 0.1*w.grad\n"
            "w.grad = None\n"
            "loss = (w**2).sum()\n"
            "loss.backward()"
        ),
        {},
    ),
    "set_grad_enabled": (
        TORCH + W + ("with torch.set_grad_enabled(False):\n    m = w*2\nloss = (w*m).sum()"),
        {},
    ),
    "inference": (
        TORCH + W + ("with torch.inference_mode():\n    m = w*2\nloss = (w**2).sum()"),
        {},
    ),
    "accumulate": (
        TORCH + W + ("a = (w**2).sum()\nb = (w**3).sum()\na.backward()\nb.backward()"),
        {},
    ),
    "backward gradient": (TORCH + W + ("y = w**2\ny.backward(torch.tensor([1.,2.]))"), {}),
    "backward inputs": (TORCH + W + ("y = (w**2).sum()\ny.backward(inputs=[w])"), {}),
    "rand": (
        TORCH
        + (
            "torch.manual_seed(1)\n"
            "x = torch.randn(3, 2)\n"
            "w = torch.rand(2, requires_grad=True)\n"
            "loss = ((x@w)**2).sum()"
        ),
        {},
    ),
    "randint etc": (
        TORCH
        + (
            "torch.manual_seed(1)\n"
            "i = torch.randint(0, 5, (4,))\n"
            "p = torch.randperm(5)\n"
            "b = torch.bernoulli(torch.full((6,), 0.5))\n"
            "n = torch.normal(0.0, 1.0, (3,))\n"
            "w = torch.rand(6, requires_grad=True)\n"
            "loss = (w*b).sum()"
        ),
        {},
    ),
    "dropout": (TORCH + W + ("torch.manual_seed(1)\nh = F.dropout(w*2, 0.5)\nloss = h.sum()"), {}),
    "dropout train": (
        TORCH
        + W
        + (
            "h = F.dropout(w*2, p=0.5, training=True)\n"
            "k = torch.dropout(w, 0.3, True)\n"
            "loss = (h*k).sum()"
        ),
        {},
    ),
    "rand_like": (
        TORCH + W + ("n = torch.rand_like(w)\nm = torch.randn_like(w)\nloss = (w*n*m).sum()"),
        {},
    ),
    "bern method": (
        TORCH + W + ("b = torch.full((4,), 0.5).bernoulli()\nloss = (w.sum()*b).sum()"),
        {},
    ),
    "numpy rand": (
        "import numpy as np\n"
        "np.random.seed(0)\n"
        "x = np.random.randn(3)\n"
        "w = param([1.,2.,3.])\n"
        "loss = np.sum((w*x)**2)",
        {},
    ),
    "numpy meth": (
        "import numpy as np\n"
        "x = np.array([[1.,2.],[3.,4.]])\n"
        "w = param([1.,2.])\n"
        "p = (x @ w).astype(np.float64)\n"
        "loss = ((p - p.mean())**2).mean() + x.std() + w.var(axis=0)",
        {},
    ),
    "numpy plain": (
        "import numpy as np\n"
        "X = np.array([[1.,2.],[3.,4.]])\n"
        "w = np.zeros(2)\n"
        "for i in range(3):\n"
        "    g = X.T @ (X @ w - 1)\n"
        "    w = w - 0.1*g\n"
        "loss = np.mean((X@w - 1)**2)",
        {},
    ),
    "jax": (
        "import jax\n"
        "import jax.numpy as jnp\n"
        "def f(w):\n"
        "    return jnp.sum(jnp.tanh(w)**2)\n"
        "w = jnp.array([1.,2.])\n"
        "g = jax.grad(f)(w)\n"
        "v, h = jax.value_and_grad(f)(w)\n"
        "H = jax.hessian(f)(w)",
        {},
    ),
    "jax vmap": (
        "import jax\n"
        "import jax.numpy as jnp\n"
        "x = jnp.arange(3.0)\n"
        "y = jax.vmap(jax.grad(jnp.sin))(x)",
        {},
    ),
    "hips": (
        "import autograd.numpy as np\n"
        "from autograd import grad\n"
        "def f(w):\n"
        "    return np.sum(w**3)\n"
        "w = np.array([1.,2.])\n"
        "g = grad(f)(w)",
        {},
    ),
    "scipy": (
        "from scipy.special import logsumexp, expit\n"
        "w = param([1.,2.])\n"
        "loss = logsumexp(w) + expit(w).sum()",
        {},
    ),
    "math": ("import math\nw = param([1.,2.])\nloss = (w*math.pi).sum() + math.exp(1.0)", {}),
    "assert str": ("w = param(1.)\nloss = w**2\nassert loss > 5, f'loss is {loss.item()}'", {}),
    "global module": (
        TORCH
        + W
        + ("device = 'cpu'\nx = torch.ones(2, device=device)\nloss = (w*x.to(device)).sum()"),
        {},
    ),
    "claims of .grad": ("w = param(2.)\nloss = w**2\nloss.backward()\nassert w.grad == 4", {}),
    "unnamed backward": (TORCH + W + "(w**2).sum().backward()", {}),
    "hand": ("w = param(2.); x = tensor(3.)\nloss = (w*x)**2\ndw = 2*w*x*x", {}),
    "chained cmp": (TORCH + W + ("k = 0.5\nm = 1 if 0 < k < 1 else 2\nloss = (w*m).sum()"), {}),
    "slice": (
        TORCH
        + W
        + ("x = torch.arange(6.).reshape(2, 3)\nloss = (x[:, ::2] @ w).sum() + x[..., -1].sum()"),
        {},
    ),
    "eigh": ("A = param([[2.,1.],[1.,3.]])\nvals, vecs = torch.linalg.eigh(A)\nloss = vals[0]", {}),
    "float32": ("set_default_dtype(float32)\nw = param([1.,2.])\nloss = sum(w**2)", {}),
    "dtype option": ("w = param([1.,2.])\nloss = sum(w**2)", {"dtype": "float32"}),
    "nn.Module": (
        TORCH
        + (
            "import torch.nn as nn\n"
            "x = torch.ones(2)\n"
            "w = torch.ones(3, 2, requires_grad=True)\n"
            "loss = F.linear(x, w).relu().sum()"
        ),
        {},
    ),
    "print kw": (
        TORCH + W + ("print(w, end='')\nloss = (w**2).sum()\nprint('a', 'b', sep='')"),
        {},
    ),
    "round": ("w = param([1.234])\nr = round(w[0].item(), 2)\nloss = sum(w*r)", {}),
    "any all": ("w = param([1.2,2.])\nm = (w > 1).all()\nloss = sum(w)*float(m)", {}),
    "a function that torch has as a kernel": (
        "p = param([0.4, 0.6])\nloss = kl_div(log(p), tensor([0.2, 0.8]), reduction='sum')",
        {},
    ),
    "another": (
        "x = param([0.4, -0.6])\nloss = binary_cross_entropy_with_logits(x, tensor([1.0, 0.0]))",
        {},
    ),
    "max bare": ("w = param([1.2,2.])\nloss = max(w) + abs(w).sum() + max(1.0, 2.0)", {}),
    "where": ("w = param([1.2,-2.])\nloss = where(w > 0, w, 0.1*w).sum()", {}),
}
ARRAYS = "import numpy as np\nw = param([1.2, 0.7, 2.1])\nA = param([[2.0, 0.5], [0.3, 1.5]])\n"
NUMPY = (
    "np.linalg.norm(w)",
    "np.linalg.norm(A)",
    "np.linalg.norm(A, axis=0)",
    "np.sum(w**2)",
    "np.mean(A, axis=1)",
    "np.std(w)",
    "np.var(A, axis=0, ddof=1)",
    "np.max(w)",
    "np.min(A, axis=0)",
    "np.exp(w)",
    "np.log1p(w)",
    "np.power(w, 3)",
    "np.absolute(w)",
    "np.concatenate([w, w])",
    "np.stack([w, w])",
    "np.dot(w, w)",
    "np.dot(A, A)",
    "np.outer(w, w)",
    "np.trace(A)",
    "np.transpose(A)",
    "np.cumsum(w)",
    "np.cumsum(A, axis=0)",
    "np.cumprod(w)",
    "np.sort(w)",
    "np.median(w)",
    "np.percentile(w, 30)",
    "np.flip(w)",
    "np.roll(w, 1)",
    "np.take(w, [0, 2])",
    "np.repeat(w, 2)",
    "np.split(w, 3)[0]",
    "np.expand_dims(w, 0)",
    "np.where(w > 1, w, 0.0)",
    "np.maximum(w, 1.0)",
    "np.clip(w, 0.8, 2.0)",
    "np.linalg.det(A)",
    "np.linalg.inv(A)",
    "np.linalg.solve(A, np.ones(2))",
    "np.einsum('ij,j->i', A, np.ones(2))",
    "np.tanh(w)",
    "np.arctan2(w, w)",
    "np.reshape(A, (4,))",
    "np.ravel(A)",
    "np.squeeze(A)",
    "np.average(w)",
    "np.tensordot(A, A, 1)",
    "np.kron(A, A)",
    "np.prod(w)",
    "np.sqrt(w)",
    "np.square(w)",
    "np.hypot(w, 2.0*w)",
    "np.logaddexp(w, 2*w)",
    "np.diff(w)",
    "np.array([w[0], w[1]])",
    "np.vstack([w, w])",
    "np.hstack([w, w])",
    "np.linalg.eigvalsh(A @ A.T)",
    "np.linalg.cholesky(A @ A.T)",
    "np.inner(w, w)",
    "np.float64(2.0)*w",
    "np.zeros(3) + w",
    "np.arange(3.0) * w",
    "w @ np.array([1.0, 2.0, 3.0])",
    "np.array([[1.,2.],[3.,4.]]) @ A",
    "np.full(3, 2.0) * w",
    "np.sinc(w)",
    "np.reciprocal(w)",
    "np.negative(w)",
    "np.multiply(w, w)",
    "np.matmul(A, A)",
    "np.add(w, w)",
    "np.sign(w)",
    "np.floor(w)",
    "np.mod(w, 0.5)",
    "np.nan_to_num(w)",
    "np.tril(A)",
    "np.diag(A)",
    "np.triu(A)",
    "np.swapaxes(A, 0, 1)",
    "np.moveaxis(A, 0, 1)",
    "np.broadcast_to(w, (2, 3))",
    "np.tile(w, 2)",
    "np.amax(w)",
    "np.cov(A)",
    "np.linalg.svd(A)[1]",
    "np.linalg.qr(A)[1]",
    "np.linalg.pinv(A)",
    "np.linalg.matrix_power(A, 3)",
    "np.select([w > 1], [w], 0.0)",
    "np.pad(w, 1)",
    "np.exp2(w)",
    "np.expm1(w)",
    "np.i0(w)",
    "np.log2(w)",
    "np.nanmean(w)",
    "np.nansum(w)",
    "np.count_nonzero(w)*w",
    "np.argmax(w)*w",
    "np.cross(w, 2*w+1)",
    "np.cov(A, rowvar=False, bias=True)",
    "np.corrcoef(A @ A)",
    "np.linalg.trace(A)",
    "np.diff(A, axis=0)",
    "np.any(w > 2)*w",
)


def compared(text: str, **options: Any) -> Comparisons:
    return compare_source(Source("<test>", text), options_for(**options), "torch")


def differing(found: Comparisons) -> dict[str, tuple[str, ...]]:
    return {c.name: c.differs for c in found.tensors if c.differs}


@pytest.mark.parametrize("case", LANGUAGE)
def test_a_file_of_the_language_runs_in_pytorch_and_is_the_same_there(case: str) -> None:
    text, options = LANGUAGE[case]
    found = compared(text, **options)
    assert found.tensors
    assert differing(found) == {}


@pytest.mark.parametrize("call", NUMPY)
def test_a_function_of_numpy_is_the_same_in_pytorch_with_its_gradient(call: str) -> None:
    found = compared(f"{ARRAYS}y = {call}\nloss = (y.sum() + w.sum() + A.sum())*2\n")
    assert differing(found) == {}
    assert found.gradients == "gradients of `loss` (line 5)"
    assert "y" in {c.name for c in found.tensors}


def test_what_pytorch_has_not_is_refused_by_its_name() -> None:
    with pytest.raises(ArgumentFault, match="`pad` with mode 'edge' is not stated") as caught:
        compared(f"{ARRAYS}y = np.pad(w, 1, mode='edge')\nloss = y.sum()")
    assert "line 4" in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        "g = grad(loss, w, create=True)",
        "g = grad(loss)(w)",
        "g = grad(loss, w, grad_outputs=tensor([1., 2., 3.]))",
    ],
)
def test_no_message_names_an_inner_function(line: str) -> None:
    """Whether gradcli or PyTorch refuses it."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - either's own
        compared(f"w = param([1., 2.])\nloss = sum(w**2)\n{line}")
    assert "<locals>" not in str(caught.value)


def test_a_gradient_that_vanishes_may_differ_by_rounding() -> None:
    """At a least squares fit the gradient is 0 but for what cancels."""
    text = (
        "x = tensor([1., 2., 3., 4.]); y = tensor([1.1, 1.9, 3.2, 3.9])\n"
        "A = stack([ones(4), x], 1)\nbeta = linalg.solve(A.T @ A, A.T @ y)\n"
        "beta.requires_grad_()\nloss = ((y - A @ beta)**2).sum()"
    )
    assert differing(compared(text)) == {}


def test_a_file_that_switches_gradients_off_does_so_for_itself_alone() -> None:
    compared(f"{TORCH}{W}loss = (w**2).sum()\ntorch.set_grad_enabled(False)")
    assert differing(compared(f"{TORCH}{W}loss = (w**2).sum()\nloss.backward()")) == {}


def test_numpys_arrays_stay_arrays_beside_pytorch() -> None:
    text = (
        "import numpy as np\nimport torch\na = np.array([1.0, 2.0])\nx = torch.from_numpy(a)\n"
        "w = torch.ones(2, dtype=torch.float64, requires_grad=True)\nloss = (w*x).sum()"
    )
    assert differing(compared(text)) == {}
