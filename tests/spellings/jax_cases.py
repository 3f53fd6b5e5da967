"""Calls of JAX's functions, as text; jax.json holds what JAX makes of them."""

import re

from tests.spellings import numpy_cases, scalar_cases
from tests.spellings.numpy_cases import CASES, FFT, LINALG, METHODS
from tests.spellings.scalar_cases import SPECIAL

_NN = [
    "celu", "elu", "gelu", "glu", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh",
    "leaky_relu", "log_sigmoid", "log_softmax", "logsumexp", "mish", "relu", "relu6", "selu",
    "sigmoid", "silu", "soft_sign", "softmax", "softplus", "swish", "tanh",
]  # fmt: skip

NN = [
    *(f"jax.nn.{name}({x})" for name in _NN for x in ("v * 3", "M", "T", "s",
      "f") if name != "glu" or x == "T"),
    "jax.nn.gelu(v, approximate=False)", "jax.nn.gelu(v, False)", "jax.nn.elu(v, alpha=0.5)",
      "jax.nn.celu(v, alpha=2.0)",
    "jax.nn.elu(v, 2.0)", "jax.nn.leaky_relu(v, 0.3)", "jax.nn.leaky_relu(v, negative_slope=0.2)",
    "jax.nn.glu(T, axis=0)", "jax.nn.glu(T, 2)", "jax.nn.softmax(M, axis=0)",
      "jax.nn.softmax(M, 0)", "jax.nn.softmax(M, axis=None)",
    "jax.nn.log_softmax(M, axis=0)", "jax.nn.log_softmax(T, axis=1)",
      "jax.nn.logsumexp(M, axis=0)", "jax.nn.logsumexp(T, axis=(0, 2), keepdims=True)",
    "jax.nn.one_hot(i, 5)", "jax.nn.one_hot(i, 4, dtype=jnp.float32)",
      "jax.nn.one_hot(i, 4, axis=0)", "jax.nn.one_hot(I % 3, num_classes=3)",
    "jax.nn.relu(i)", "jax.nn.sigmoid(i)",
]  # fmt: skip

# each is a file; `y` is what it is about
PROGRAMS = {
    "grad": "y = jax.grad(lambda x: (x ** 3).sum())(v)",
    "grad_second_argument": "y = jax.grad(lambda a, b: (a * b ** 2).sum(), argnums=1)(v, w)",
    "grad_positional_argnums": "y = jax.grad(lambda a, b: (a * b ** 2).sum(), 1)(v, w)",
    "grad_negative_argnums": "y = jax.grad(lambda a, b: (a * b ** 2).sum(), argnums=-1)(v, w)",
    "grad_two": "y = jax.grad(lambda a, b: (a * b ** 2).sum(), argnums=(0, 1))(v, w)",
    "grad_one_in_a_tuple": "y = jax.grad(lambda a, b: (a * b ** 2).sum(), argnums=(1,))(v, w)",
    "grad_aux": "y = jax.grad(lambda x: ((x ** 2).sum(), x + 1), has_aux=True)(v)",
    "grad_keyword_of_the_function": "y = jax.grad(lambda x, k=2: (x ** k).sum())(v, k=3)",
    "grad_named": "y = jax.grad(fun=lambda x: x.sum(), argnums=0)(v)",
    "grad_unused": "y = jax.grad(lambda a, b: a.sum(), argnums=1)(v, w)",
    "grad_of_grad": "y = jax.grad(jax.grad(lambda x: x ** 3 * jnp.sin(x)))(0.7)",
    "grad_of_a_number": "y = jax.grad(jnp.tanh)(0.5)",
    "grad_of_def": "def f(x):\n    return jnp.sum(jnp.exp(-x ** 2))\ny = jax.grad(f)(M)",
    "value_and_grad": "y = jax.value_and_grad(lambda x: (x ** 3).sum())(v)",
    "value_and_grad_argnums": "y = jax.value_and_grad(lambda a, b: (a * b ** 2).sum(), 1)(v, w)",
    "value_and_grad_two": "y = jax.value_and_grad(lambda a, b: (a * b).sum(), argnums=(0, 1))(v, "
    "w)",
    "value_and_grad_aux": "y = jax.value_and_grad(lambda x: ((x ** 2).sum(), x + 1), "
    "has_aux=True)(v)",
    "value_and_grad_unpacked": "value, g = jax.value_and_grad(lambda x: (x ** 3).sum())(v)\n"
    "y = value * g",
    "value_and_grad_keyword": "y = jax.value_and_grad(lambda x, k: (x * k).sum())(v, k=3.0)",
    "jacfwd": "y = jax.jacfwd(lambda x: x ** 2 * x.sum())(v)",
    "jacrev": "y = jax.jacrev(lambda x: x ** 2 * x.sum())(v)",
    "jacobian": "y = jax.jacobian(lambda x: M @ x)(v)",
    "jacrev_argnums": "y = jax.jacrev(lambda a, b: a * b.sum(), argnums=1)(v, w)",
    "jacrev_two": "y = jax.jacrev(lambda a, b: a * b.sum(), argnums=(0, 1))(v, w)",
    "jacfwd_two": "y = jax.jacfwd(lambda a, b: a * b.sum(), (0, 1))(v, w)",
    "jacrev_aux": "y = jax.jacrev(lambda x: (x ** 2, x.sum()), has_aux=True)(v)",
    "jacrev_of_a_matrix": "y = jax.jacrev(lambda A: A @ v)(M)",
    "jacrev_keyword": "y = jax.jacrev(lambda x, k=1: x * k)(v, k=4.0)",
    "hessian": "y = jax.hessian(lambda x: (x ** 3).sum() + x[0] * x[1])(v)",
    "hessian_argnums": "y = jax.hessian(lambda a, b: (a * b ** 3).sum(), argnums=1)(v, w)",
    "hessian_two": "y = jax.hessian(lambda a, b: (a * b ** 3).sum(), argnums=(0, 1))(v, w)",
    "jacfwd_of_jacrev": "y = jax.jacfwd(jax.jacrev(lambda x: (x ** 4).sum()))(v)",
    "vjp": "value, back = jax.vjp(lambda x: x ** 2, v)\ny = (value, back(w))",
    "vjp_two": "value, back = jax.vjp(lambda a, b: a * b ** 2, v, w)\ny = (value, back(p))",
    "vjp_aux": "value, back, aux = jax.vjp(lambda x: (x ** 2, x + 1), v, has_aux=True)\n"
    "y = (value, back(w), aux)",
    "jvp": "y = jax.jvp(lambda x: x ** 2, (v,), (w,))",
    "jvp_two": "y = jax.jvp(lambda a, b: a * b ** 2, (v, w), (p, v))",
    "jvp_aux": "y = jax.jvp(lambda x: (x ** 2, x + 1), (v,), (w,), has_aux=True)",
    "vmap": "y = jax.vmap(lambda x: x * x.sum())(M)",
    "vmap_two": "y = jax.vmap(lambda a, b: jnp.dot(a, b))(M, N)",
    "vmap_in_axes": "y = jax.vmap(lambda a, b: a * b.sum(), in_axes=(0, None))(M, v)",
    "vmap_columns": "y = jax.vmap(lambda x: x * x.sum(), in_axes=1)(M)",
    "vmap_out_axes": "y = jax.vmap(lambda x: x * x.sum(), out_axes=1)(M)",
    "vmap_positional": "y = jax.vmap(lambda x: x ** 2, 1, 1)(M)",
    "vmap_negative": "y = jax.vmap(lambda x: x * x.sum(), in_axes=-1, out_axes=-1)(T)",
    "vmap_of_a_pair": "y = jax.vmap(lambda x: (x.sum(), x * 2))(M)",
    "vmap_of_a_pair_out_axes": "y = jax.vmap(lambda x: (x.sum(), x * 2), out_axes=(0, 1))(M)",
    "vmap_of_grad": "y = jax.vmap(jax.grad(lambda x: (x ** 3).sum()))(M)",
    "vmap_of_grad_of_numbers": "y = jax.vmap(jax.grad(lambda x: x ** 3))(v)",
    "grad_of_vmap": "y = jax.grad(lambda x: jax.vmap(lambda r: (r ** 2).sum())(x).sum())(M)",
    "vmap_of_vmap": "y = jax.vmap(jax.vmap(lambda x: x ** 2))(M)",
    "vmap_of_constants": "y = jax.vmap(lambda x: 1.0)(v)",
    "jit": "y = jax.jit(lambda x: x ** 2)(v)",
    "jit_of_grad": "y = jax.jit(jax.grad(lambda x: (x ** 3).sum()))(v)",
    "stop_gradient": "y = jax.grad(lambda x: (x * jax.lax.stop_gradient(x)).sum())(v)",
    "array_of_tensors": "y = jax.grad(lambda x: jnp.array([x ** 2, 3 * x, 1.0]).sum())(2.0)",
    "full_of_a_tensor": "y = jax.grad(lambda x: jnp.full((3,), x).sum())(2.0)",
    "average": "y = jax.grad(lambda x: jnp.average(x, weights=p) ** 2)(v)",
    "logsumexp": "y = jax.grad(jax.scipy.special.logsumexp)(v)",
    "kl_div": "y = jax.grad(lambda x: jax.scipy.special.kl_div(x, jnp.abs(w)).sum())(p)",
    "softmax": "y = jax.grad(lambda x: (jax.nn.softmax(x) * N).sum())(M)",
    "gelu": "y = jax.grad(lambda x: jax.nn.gelu(x).sum())(v)",
    "std": "y = jax.grad(lambda x: jnp.std(x))(v)",
    "select": "y = jax.grad(lambda x: jnp.select([x > 1, x < 0], [x ** 2, -x], 3 * x).sum())(v)",
    "take_along_axis": "y = jax.grad(lambda x: (jnp.take_along_axis(x, jnp.argsort(x), 1) * "
    "N).sum())(M)",
    "norm": "y = jax.grad(jnp.linalg.norm)(M)",
    "trace": "y = jax.grad(lambda x: jnp.trace(x, 1) ** 2)(Q)",
    "lstsq": "y = jax.grad(lambda a: jnp.linalg.lstsq(a, v)[0].sum())(M.T)",
    "cov": "y = jax.grad(lambda x: jnp.cov(x, rowvar=False).sum())(M)",
    "method_std": "y = M.std()",
    "method_var": "y = M.var(axis=0, ddof=1)",
}


def _in_jax(text: str) -> str:
    text = re.sub(r"(?<![\w.])np\.", "jnp.", text)
    return re.sub(r"(?<![\w.])special\.", "jax.scipy.special.", text)


CALLS = [*dict.fromkeys([*map(_in_jax, [*CASES, *LINALG, *FFT, *METHODS, *SPECIAL]), *NN])]

# what gradcli refuses: what it refuses of NumPy and SciPy
REFUSED: dict[str, set[str]] = {
    "as of NumPy": {_in_jax(t) for texts in numpy_cases.REFUSED.values() for t in texts},
    "as of SciPy": {_in_jax(t) for t in scalar_cases.REFUSED},
}

# where a call means what it means in PyTorch, or in NumPy: why, and the calls
DIFFERENT: dict[str, set[str]] = {
    "JAX takes booleans for float32 or int32, PyTorch for the default dtype or booleans": {
        *(f"jnp.{name}(b, b)" for name in ("divide", "true_divide", "mod", "remainder", "fmod",
                                           "copysign", "atan2", "arctan2", "float_power")),
        *(f"jnp.{name}(B)" for name in ("mean", "std", "var", "median")),
        *(f"B.{name}()" for name in ("mean", "std", "var")),
        *(f"jax.scipy.special.{name}(b)" for name in (
            "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "expit", "gammaln", "i0", "i0e",
            "i1", "i1e", "logit")),
    },
    "PyTorch keeps integers": {
        "jnp.fabs(i)", "jnp.heaviside(i, j)", "jnp.heaviside(I, i)", "jnp.heaviside(b, b)",
    },
    "PyTorch's float_power is of float64": {"jnp.float_power(f, 2)"},
    "PyTorch's sign of nan is 0": {"jnp.sign(n)"},
    "JAX has nan at the pole -i, NumPy an infinity": {"jnp.arctan(C)", "jnp.atan(C)"},
    "JAX takes -1j for false": {"jnp.all(C)", "jnp.all(C, axis=1)"},
    "NumPy's and PyTorch's positions are int64": {
        t for t in map(_in_jax, [*CASES, *METHODS]) if "searchsorted(" in t and "[0.5" not in t
    },
    "PyTorch's sums of integer weights are floats": {"jnp.bincount(i, j)"},
    "JAX makes a matrix symmetric first": {
        "jnp.linalg.eigh(Q, UPLO='U')[0]", "jnp.linalg.eigh(Q, 'L')[0]",
        "jnp.linalg.eigvalsh(Q, 'U')", "jnp.linalg.eigvalsh(Q, UPLO='L')",
        "jnp.linalg.cholesky(Q, upper=False)",
    },
    "JAX takes no rtol into account": {"jnp.linalg.matrix_rank(Q, rtol=0.4)"},
    "SciPy's value is 1 where a is 0": {"jax.scipy.special.gammainc(jnp.zeros(3), v)"},
}  # fmt: skip
