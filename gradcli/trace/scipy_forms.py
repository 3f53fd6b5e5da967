"""The functions of scipy.special and jax.nn that differ from PyTorch's of the same name."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault
from gradcli.ops import FUNCTIONS as ROWS
from gradcli.rule.rule import concrete
from gradcli.trace.calls import row_function
from gradcli.trace.forms import Form, as_floats, dims_of, form_function, row_of
from gradcli.trace.values import Function


def _logsumexp(a: Any, axis: Any, b: Any, keepdims: bool) -> Any:
    if b is not None:
        raise ArgumentFault("logsumexp() takes no weights", hint="write logsumexp(a + log(b))")
    dims = tuple(range(len(a.shape))) if axis is None else dims_of(axis)
    return row_of("logsumexp", as_floats(a), dim=dims, keepdim=keepdims)


def _normalised(name: str, axis: str) -> Form:
    def normalise(x: Any, axis: Any) -> Any:
        x = as_floats(x)
        if axis is None:
            flat = row_of(name, row_of("reshape", x, (-1,)), 0)
            return row_of("reshape", flat, x.shape)
        return row_of(name, x, axis)

    return f"(x, axis: int? = {axis})", normalise


def _kl_div(x: Any, y: Any) -> Any:
    """Return x·log(x/y) - x + y, which is y where x is 0 and infinite outside of the domain."""
    inside = row_of("logical_and", row_of("ge", x, 0), row_of("gt", y, 0))
    a, b = (row_of("where", inside, z, 1.0) for z in (x, y))
    edge = row_of("logical_and", row_of("eq", x, 0), row_of("eq", y, 0))
    outside = row_of("where", edge, row_of("zeros_like", a), float("inf"))
    return row_of("where", inside, row_of("xlogy", a, a / b) - a + b, outside)


def _gammaln(x: Any) -> Any:
    """Return log |Γ(x)|, which SciPy takes to be -inf at -inf; JAX and PyTorch to be inf."""
    found = row_of("gammaln", x)
    below = concrete(x) == -np.inf
    return row_of("where", row_of("eq", x, -np.inf), x, found) if np.any(below) else found


def _one_hot(x: Any, num_classes: int, dtype: Any, axis: int) -> Any:
    found = row_of("one_hot", x, num_classes)
    found = row_of("to", found, dtype or x.default_dtype)
    return found if axis == -1 else row_of("movedim", found, -1, axis)


_LOGSUMEXP: Form = ("(a, axis: dims = None, b = None, keepdims: bool = False)", _logsumexp)
SPECIAL: dict[str, Form] = {
    "logsumexp": _LOGSUMEXP,
    "softmax": _normalised("softmax", "None"), "log_softmax": _normalised("log_softmax", "None"),
    "kl_div": ("(x, y)", _kl_div), "gammaln": ("(x)", _gammaln),
    "polygamma": ("(n: int, x)", lambda n, x: row_of("polygamma", n, x)),
    "multigammaln": ("(a, d: int)", lambda a, d: row_of("mvlgamma", a, d)),
}  # fmt: skip
JAX_SPECIAL: dict[str, Form] = {**SPECIAL, "gammaln": ("(x)", lambda x: row_of("gammaln", x))}
# functions that are rows as they are
SPECIAL_ROWS = frozenset({
    "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expit", "expm1", "gammainc",
    "gammaincc", "i0", "i0e", "i1", "i1e", "log1p", "log_ndtr", "logit", "ndtr",
    "ndtri", "psi", "round", "sinc", "softplus", "xlog1py", "xlogy", "zeta",
})  # fmt: skip

JAX_NN: dict[str, Form] = {
    "logsumexp": _LOGSUMEXP,
    "softmax": _normalised("softmax", "-1"), "log_softmax": _normalised("log_softmax", "-1"),
    "gelu": (
        "(x, approximate: bool = True)",
        lambda x, approximate: row_of("gelu", x, "tanh" if approximate else "none"),
    ),
    "one_hot": ("(x, num_classes: int, dtype: dtype = None, axis: int = -1)", _one_hot),
    "log_sigmoid": ("(x)", lambda x: row_of("logsigmoid", x)),
    "glu": ("(x, axis: int = -1)", lambda x, axis: row_of("glu", x, axis)),
}  # fmt: skip
JAX_NN_ROWS = frozenset({
    "celu", "elu", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "leaky_relu", "mish",
    "relu", "relu6", "selu", "sigmoid", "silu", "soft_sign", "softplus", "swish", "tanh",
})  # fmt: skip


def special_function(name: str, *, of_jax: bool = False) -> Function | None:
    """Return a function of scipy.special, or JAX's of that name; None where there is none here."""
    return _found(name, JAX_SPECIAL if of_jax else SPECIAL, SPECIAL_ROWS)


def nn_function(name: str) -> Function | None:
    """Return a function of jax.nn, None where there is none of that name here."""
    return _found(name, JAX_NN, JAX_NN_ROWS)


def _found(name: str, forms: dict[str, Form], rows: frozenset[str]) -> Function | None:
    if name in forms:
        return form_function(name, *forms[name])
    return row_function(ROWS[name], name) if name in rows else None
