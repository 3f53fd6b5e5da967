"""Where PyTorch has what a file calls by a bare name, and what it calls what it has not."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from gradcli.ops import FUNCTIONS
from gradcli.trace.builtins import names

# of torch.nn.functional, torch.special, torch.linalg and torch.fft; other names are of torch
_FUNCTIONAL = """
    adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d affine_grid
    avg_pool2d avg_pool3d binary_cross_entropy cross_entropy dropout1d dropout2d dropout3d elu fold
    gaussian_nll_loss gelu glu grid_sample hardsigmoid hardswish hardtanh huber_loss interpolate
    l1_loss leaky_relu linear local_response_norm logsigmoid lp_pool1d lp_pool2d lp_pool3d mish
    mse_loss multi_margin_loss multilabel_margin_loss multilabel_soft_margin_loss nll_loss normalize
    one_hot pad relu6 scaled_dot_product_attention silu smooth_l1_loss soft_margin_loss softmin
    softplus softshrink softsign tanhshrink unfold upsample
"""
_SPECIAL = """
    airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 entr erfcx expit gammainc gammaincc gammaln i0e
    i1 i1e log_ndtr modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 modified_bessel_k1
    multigammaln ndtr ndtri psi scaled_modified_bessel_k0 scaled_modified_bessel_k1
    spherical_bessel_j0 xlog1py zeta
"""
_METHODS = """
    contiguous copy_ expand expand_as repeat reshape_as squeeze_ sum_to_size swapaxes_ swapdims_ t_
    to transpose_ type type_as unsqueeze_ view view_as
"""
_OTHERS = {
    "fft": "torch.fft.fft", "vecdot": "torch.linalg.vecdot", "array": "torch.tensor",
    "Parameter": "torch.nn.Parameter", "array_equal": "torch.equal", "fabs": "torch.abs",
    "degrees": "torch.rad2deg", "radians": "torch.deg2rad", "conjugate": "torch.conj",
    "power": "torch.pow", "mod": "torch.remainder", "expm": "torch.matrix_exp",
    "expand_dims": "torch.unsqueeze", "swish": "F.silu", "hard_sigmoid": "F.hardsigmoid",
    "hard_silu": "F.hardswish", "hard_swish": "F.hardswish", "hard_tanh": "F.hardtanh",
    "soft_sign": "F.softsign", "bool_": "torch.bool", "equal_to": "torch.eq",
    "left_shift": "torch.bitwise_left_shift", "right_shift": "torch.bitwise_right_shift",
    "take_along_axis": "torch.take_along_dim", "array_split": "torch.tensor_split",
    **{name: f"torch.func.{name}" for name in ("vmap", "jacfwd", "jacrev", "grad_and_value")},
    **{name: f"torch.autograd.functional.{name}" for name in ("hvp", "vhp")},
}  # fmt: skip
_HOMES = (("F", _FUNCTIONAL), ("torch.special", _SPECIAL), ("torch.Tensor", _METHODS))
WORDS = {n: f"{home}.{n}" for home, listed in _HOMES for n in listed.split()} | _OTHERS

MODULES = {"torch": "torch", "F": "F", "math": "math", "nn": "torch.nn",
           "linalg": "torch.linalg", "special": "torch.special", "fft": "torch.fft",
           "func": "torch.func", "autograd": "torch.autograd"}  # fmt: skip
MISSING = frozenset({"astype", "average", "np", "numpy", "jnp", "jax", "scipy", "random",
                     "value_and_grad"})  # fmt: skip

# what the language has of its own, as functions of PyTorch's: what each is made of, and its text
HELPERS = {
    "grad": (
        (),
        '''def grad(y, x):
    """Return the gradient of y by x, which can be differentiated again."""
    return torch.autograd.grad(y, x, create_graph=True)[0]''',
    ),
    "jacobian": (
        (),
        '''def jacobian(y, x):
    """Return the derivatives of each element of y by each of x."""
    parts = [
        torch.autograd.grad(one, x, create_graph=True, materialize_grads=True)[0]
        for one in y.reshape(-1)
    ]
    return torch.stack(parts).reshape(*y.shape, *x.shape)''',
    ),
    "hessian": (
        ("jacobian",),
        '''def hessian(y, x):
    """Return the second derivatives of y by x."""
    first = torch.autograd.grad(y, x, create_graph=True, materialize_grads=True)[0]
    return jacobian(first, x)''',
    ),
    "vjp": (
        (),
        '''def vjp(y, x, v):
    """Return v times the derivatives of y by x."""
    return torch.autograd.grad(y, x, v, create_graph=True)[0]''',
    ),
    "jvp": (
        (),
        '''def jvp(y, x, v):
    """Return the derivatives of y by x times v."""
    u = torch.zeros_like(y, requires_grad=True)
    back = torch.autograd.grad(y, x, u, create_graph=True)[0]
    return torch.autograd.grad(back, u, v, create_graph=True)[0]''',
    ),
}
OF_FUNCTIONS = {
    "grad": "torch.func.grad",
    **{n: f"torch.autograd.functional.{n}" for n in ("jacobian", "hessian", "vjp", "jvp")},
}


@cache
def paths() -> Mapping[str, str]:
    """Return what PyTorch has elsewhere than in `torch` under the same name, or has otherwise."""
    # those of torch.nn.functional take other arguments than their namesakes in torch
    namesakes = {name.removeprefix("torch.") for name in FUNCTIONS if name.startswith("torch.")}
    return WORDS | {name: f"F.{name}" for name in namesakes}


def word(name: str) -> str | None:
    """Return what PyTorch calls a bare name of the language, None where it has nothing like it."""
    if name in MISSING or name not in names():
        return None
    return paths().get(name, f"torch.{name}")
