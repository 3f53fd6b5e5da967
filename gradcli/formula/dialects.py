"""How formulas are spelled in the language, in NumPy, PyTorch, JAX, and in mathematics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class Dialect:
    """Operators, and functions by their names in the language.

    `imports` are the lines that a text needs before it. `prefix` stands before functions that have
    the same name; `functions` are those that have another, and `templates` what is written in other
    ways: `{0}` is the first argument, `{dim}` an argument by name. `keywords` are arguments that
    have other names. `lacks` are functions that there are none for. `sizes` says how a shape is
    written: `(2, 3)` or `2, 3`.
    """

    name: str
    imports: tuple[str, ...] = ()
    times: str = "*"
    minus: str = "-"
    power: str = "**"
    transposed: str = ".T"
    pi: str = "pi"
    spaced: bool = True
    prefix: str = ""
    functions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    templates: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    keywords: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    lacks: frozenset[str] = frozenset()
    sizes: str = "{}"


LANGUAGE = Dialect("gradcli")
MATHEMATICS = Dialect(
    "mathematics", times="·", minus="−", transposed="ᵀ", pi="π", spaced=False,
)  # fmt: skip
ASCII = Dialect("ascii", spaced=False)
_ARRAYS = {"dim": "axis", "keepdim": "keepdims", "correction": "ddof"}
_NUMPY = {
    "sgn": "sign", "det": "linalg.det", "inverse": "linalg.inv", "amax": "max", "amin": "min",
    "linalg.solve": "linalg.solve", "linalg.vector_norm": "linalg.norm", "asin": "arcsin",
    "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh",
    "atan2": "arctan2", "clamp": "clip", "squeeze": "squeeze",
}  # fmt: skip
NUMPY = Dialect(
    "numpy",
    imports=("import numpy as np", "import scipy"),
    pi="np.pi",
    prefix="np.",
    functions=MappingProxyType(
        {name: f"np.{other}" for name, other in _NUMPY.items()}
        | {n: f"scipy.special.{n}" for n in ("erf", "erfc", "digamma", "softmax", "log_softmax",
                                             "logsumexp")}
        | {"sigmoid": "scipy.special.expit", "lgamma": "scipy.special.gammaln"}
    ),
    templates=MappingProxyType(
        {
            "relu": "np.maximum({0}, 0)",
            "one_hot": "np.eye({num_classes})[{0}]",
            "logdet": "np.linalg.slogdet({0})[1]",
            "unsqueeze": "np.expand_dims({0}, {dim})",
        }
    ),
    keywords=MappingProxyType(_ARRAYS),
    lacks=frozenset({"gather", "polygamma"}),
    sizes="({})",
)  # fmt: skip
TORCH = Dialect(
    "torch",
    imports=("import torch", "import torch.nn.functional as F"),
    pi="torch.pi",
    prefix="torch.",
    templates=MappingProxyType({"one_hot": "F.one_hot({0}, {num_classes})"}),
)
JAX = Dialect(
    "jax",
    imports=("import jax", "import jax.numpy as jnp"),
    pi="jnp.pi",
    prefix="jnp.",
    functions=MappingProxyType(
        {name: f"jnp.{other}" for name, other in _NUMPY.items()}
        | {n: f"jax.nn.{n}" for n in ("relu", "sigmoid", "softmax", "log_softmax", "logsumexp")}
        | {n: f"jax.scipy.special.{n}" for n in ("erf", "erfc", "digamma")}
        | {"lgamma": "jax.scipy.special.gammaln"}
    ),
    templates=MappingProxyType(
        {
            "one_hot": "jax.nn.one_hot({0}, {num_classes})",
            "logdet": "jnp.linalg.slogdet({0})[1]",
            "unsqueeze": "jnp.expand_dims({0}, {dim})",
        }
    ),
    keywords=MappingProxyType(_ARRAYS),
    lacks=frozenset({"gather"}),
    sizes="({})",
)
BY_NAME = {d.name: d for d in (LANGUAGE, NUMPY, TORCH, JAX)}
