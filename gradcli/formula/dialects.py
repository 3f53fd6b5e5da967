"""How formulas are spelled in the language, in NumPy, PyTorch, JAX, and in mathematics."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, count
from types import MappingProxyType

from gradcli.errors import ArgumentFault


@dataclass(frozen=True)
class Dialect:
    """Operators, and functions by their names in the language.

    `imports` are the lines that a text needs before it. `functions` are those that have another
    name, with `prefix` before the others, and `templates` what is written in other ways: `{0}` is
    the first argument, `{dim}` an argument by name. Where a dialect is `closed` there are no
    functions but these, and only those with several results that are in `tuples`; those that are
    `lacking` are methods there, or take other arguments. `keywords` are
    arguments that have other names, `defaults` those that must be said. `sizes` says how a shape is
    written, `(2, 3)` or `2, 3`, and `root` how the square root of a number. `taken` are names that
    stand for something else where the text is, `spelled` what the file's names are there: others
    than `imports` have.
    """

    name: str
    title: str = ""
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
    defaults: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: MappingProxyType({}))
    closed: bool = False
    lacking: frozenset[str] = frozenset()
    tuples: frozenset[str] = frozenset()
    sizes: str = "{}"
    root: str = "sqrt({})"
    taken: frozenset[str] = frozenset()
    spelled: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def beside(self, names: frozenset[str]) -> Dialect:
        """Return the dialect as it is written where a file has these names."""
        if not self.imports:
            return replace(self, taken=names)
        own = {line.split()[-1] for line in self.imports}
        spelled: dict[str, str] = {}
        for name in sorted(own & names):
            spelled[name] = fresh(name, own | names | {*spelled.values()})
        return replace(self, spelled=spelled)

    def function(self, name: str) -> str:
        """Return what a function is called.

        Raises: ArgumentFault where there is none.
        """
        found = self.functions.get(name)
        if name in self.lacking or (found is None and self.closed):
            raise self._lacks(name)
        found = found or self.prefix + name
        return f"torch.{found}" if found.partition(".")[0] in self.taken else found

    def several(self, name: str) -> None:
        """Refuse a function that gives its several results in another way here.

        Raises: ArgumentFault.
        """
        if self.closed and name not in self.tuples:
            raise self._lacks(name)

    def _lacks(self, name: str) -> ArgumentFault:
        return ArgumentFault(f"gradcli writes no {self.title} for {name}()")

    def padded(self, widths: tuple[tuple[int, int], ...]) -> tuple[object, ...]:
        """Return how much `pad` adds at both ends of each dimension, as the library takes it."""
        if self.closed:
            return widths
        return tuple(n for pair in reversed(widths) for n in pair)


def fresh(name: str, taken: Collection[str]) -> str:
    """Return a name, with a number behind it where it is taken."""
    numbered = (f"{name}_{k}" for k in count(1))
    return next(n for n in chain([name], numbered) if n not in taken)


LANGUAGE = Dialect("gradcli")
MATHEMATICS = Dialect(
    "mathematics", times="·", minus="−", transposed="ᵀ", pi="π", spaced=False,
)  # fmt: skip
ASCII = Dialect("ascii", spaced=False)

# of numpy and jax.numpy alike: under the same name, and under others
_SAME = """
    exp log sqrt sin cos tan sinh cosh tanh abs maximum minimum where outer ones zeros eye arange
    sum mean var std prod trace diag diagonal cumsum cumprod flip tril triu floor ceil round log1p
    expm1 log2 log10 exp2 sinc kron logical_not logical_and logical_or isnan isfinite argmax argmin
    stack reshape broadcast_to pad max min conj square linalg.norm linalg.solve linalg.cholesky
    linalg.svd linalg.eigh linalg.slogdet linalg.qr linalg.pinv linalg.matrix_power
"""
_OTHERS = {
    "sgn": "sign", "sign": "sign", "det": "linalg.det", "linalg.det": "linalg.det",
    "inverse": "linalg.inv", "amax": "max", "amin": "min", "linalg.vector_norm": "linalg.norm",
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh",
    "atanh": "arctanh", "atan2": "arctan2", "cat": "concatenate", "clamp": "clip",
    "tensor": "array",
}  # fmt: skip


def _arrays(prefix: str, more: Mapping[str, str]) -> Mapping[str, str]:
    same = {name: name for name in _SAME.split()}
    found = {name: prefix + other for name, other in {**same, **_OTHERS}.items()}
    return MappingProxyType({**found, **more})


_KEYWORDS = MappingProxyType({"dim": "axis", "dims": "axis", "keepdim": "keepdims",
                              "correction": "ddof", "diagonal": "k"})  # fmt: skip
_DEFAULTS = MappingProxyType({"var": {"correction": 1}, "std": {"correction": 1}})
_TUPLES = frozenset({"linalg.svd", "linalg.eigh", "linalg.slogdet", "linalg.qr"})
_SPECIAL = {"erf": "erf", "erfc": "erfc", "digamma": "digamma", "lgamma": "gammaln",
            "logsumexp": "logsumexp", "polygamma": "polygamma"}  # fmt: skip

NUMPY = Dialect(
    "numpy",
    title="NumPy",
    imports=("import numpy as np", "import scipy"),
    pi="np.pi",
    prefix="np.",
    functions=_arrays(
        "np.",
        {n: f"scipy.special.{other}" for n, other in _SPECIAL.items()}
        | {n: f"scipy.special.{n}" for n in ("softmax", "log_softmax", "xlogy", "erfinv")}
        | {"sigmoid": "scipy.special.expit", "linalg.matrix_exp": "scipy.linalg.expm"},
    ),
    templates=MappingProxyType(
        {
            "relu": "np.maximum({0}, 0)",
            "softplus": "np.logaddexp(0, {0})",
            "one_hot": "np.eye({num_classes})[{0}]",
            "logdet": "np.linalg.slogdet({0})[1]",
        }
    ),
    keywords=_KEYWORDS,
    defaults=_DEFAULTS,
    closed=True,
    tuples=_TUPLES,
    sizes="({})",
    root="np.sqrt({})",
)
_FUNCTIONAL = """
    logsigmoid softplus one_hot pad silu gelu elu leaky_relu hardtanh mish softsign hardswish
    hardsigmoid softmin tanhshrink softshrink hardshrink glu relu6
    conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d
"""
_TORCH_SPECIAL = """
    erfcx ndtri log_ndtr multigammaln gammainc gammaincc zeta i0e i1 i1e xlog1py entr
    bessel_j0 bessel_j1 bessel_y0 bessel_y1 modified_bessel_i0 modified_bessel_i1
    modified_bessel_k0 modified_bessel_k1 scaled_modified_bessel_k0 scaled_modified_bessel_k1
    spherical_bessel_j0 airy_ai
"""
TORCH = Dialect(
    "torch",
    title="PyTorch",
    imports=("import torch", "import torch.nn.functional as F"),
    pi="torch.pi",
    prefix="torch.",
    functions=MappingProxyType(
        {name: f"F.{name}" for name in _FUNCTIONAL.split()}
        | {name: f"torch.special.{name}" for name in _TORCH_SPECIAL.split()}
        | {"cholesky": "torch.linalg.cholesky"}
    ),
    templates=MappingProxyType({"one_hot": "F.one_hot({0}, {num_classes})"}),
    lacking=frozenset({"repeat", "expand", "view", "unfold"}),
    root="{}**0.5",
)
JAX = Dialect(
    "jax",
    title="JAX",
    imports=("import jax", "import jax.numpy as jnp"),
    pi="jnp.pi",
    prefix="jnp.",
    functions=_arrays(
        "jnp.",
        {n: f"jax.scipy.special.{other}" for n, other in _SPECIAL.items()}
        | {n: f"jax.nn.{n}" for n in ("relu", "sigmoid", "softmax", "log_softmax", "softplus",
                                      "silu")}
        | {"logsigmoid": "jax.nn.log_sigmoid", "linalg.matrix_exp": "jax.scipy.linalg.expm"},
    ),
    templates=MappingProxyType(
        {
            "one_hot": "jax.nn.one_hot({0}, {num_classes})",
            "logdet": "jnp.linalg.slogdet({0})[1]",
        }
    ),
    keywords=_KEYWORDS,
    defaults=_DEFAULTS,
    closed=True,
    tuples=_TUPLES,
    sizes="({})",
    root="jnp.sqrt({})",
)  # fmt: skip
BY_NAME = {d.name: d for d in (LANGUAGE, NUMPY, TORCH, JAX)}
