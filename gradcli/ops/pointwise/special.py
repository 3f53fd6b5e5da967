"""Special functions: error functions, gamma, Bessel, and those of statistics. Most use scipy."""

from __future__ import annotations

from collections.abc import Callable
from math import log, pi, sqrt
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault
from gradcli.ops.pointwise.elementwise import (
    Undefined,
    eq,
    exp,
    ge,
    le,
    logical_and,
    masked_fill_number,
    sgn,
    where,
)
from gradcli.ops.pointwise.elementwise import log as log_
from gradcli.ops.pointwise.scalars import mul_number
from gradcli.ops.reduce.reductions import vector_norm
from gradcli.ops.shape.shapes import conj, ones_like, sum_, sum_to
from gradcli.rule.costs import elements, fold
from gradcli.rule.dtypes import SCALAR_NAMES, is_differentiable, promote, to_real
from gradcli.rule.meta import Meta, broadcast
from gradcli.rule.rows import composite, floating, inexact, primitive
from gradcli.rule.rule import POSITIVE, UNIT, Derivative, Interval, Primitive, number

ROOT_PI, ROOT_2PI = sqrt(pi), sqrt(2 * pi)
PROBABILITY: Interval = (0.0, 1.0)


def _scipy(name: str) -> Callable[..., Any]:
    """Return a function of scipy.special, which is imported when it is first called."""

    def forward(*operands: Any) -> Any:
        import scipy.special

        return getattr(scipy.special, name)(*operands)

    return forward


# ---- forward functions ---------------------------------------------------------------------


def _lgamma(a: Any) -> Any:
    return np.where(a == -np.inf, np.inf, _scipy("gammaln")(a))


def _polygamma(a: Any, n: int) -> Any:
    from scipy.special import gamma, psi, zeta

    return psi(a) if n == 0 else (-1) ** (n + 1) * gamma(n + 1.0) * zeta(n + 1, a)


def _multigammaln(a: Any, p: int) -> Any:
    from scipy.special import gammaln

    if p < 1:
        raise ArgumentFault("p has to be greater than or equal to 1")
    shifts: Any = sum(gammaln(a - k / 2) for k in range(p))
    return shifts + p * (p - 1) / 4 * log(pi)


def _multigammaln_work(a: Any, p: int) -> int:
    return (1000 + 30 * elements(a)) * max(p, 0)  # 1000: a call of NumPy; 30: a logarithm of Γ


def _logit(a: Any, eps: float | None) -> Any:
    if eps is not None:
        a = np.clip(a, eps, 1 - eps)
    return np.log(a / (1 - a))


def _spherical_bessel(a: Any, n: int) -> Any:
    from scipy.special import spherical_jn

    return spherical_jn(n, a)


# ---- pieces of rules -----------------------------------------------------------------------


def _logit_rule(g: Any, y: Any, a: Any, eps: float | None) -> Any:
    low, outside = (0.0, float("nan")) if eps is None else (eps, 0.0)
    return where(logical_and(ge(a, low), le(a, 1 - low)), g / (a * (1 - a)), outside)


def _gamma_density(g: Any, a: Any, x: Any) -> Any:
    return g * exp((a - 1) * log_(x) - x - lgamma(a))


def _bessel_rule(row: Primitive, g: Any, a: Any, n: int) -> Any:
    return g * row(a, n=1) if n == 0 else g * ((row(a, n=n - 1) + row(a, n=n + 1)) / 2)


def _dist_slope(g: Any, y: Any, a: Any, b: Any, p: float) -> Any:
    assert vector_norm.derivative is not None
    attrs = {"ord": p, "dim": None, "keepdim": False}
    return vector_norm.derivative.vjp(0, g, y, (a - b,), attrs)


def _dist_tangent(ts: Any, y: Any, a: Any, b: Any, p: float) -> Any:
    moved = -ts[1] if ts[0] is None else ts[0] if ts[1] is None else ts[0] - ts[1]
    return sum_(_dist_slope(ones_like(y), y, a, b, p) * conj(moved))


def _spherical_rule(g: Any, y: Any, a: Any, n: int) -> Any:
    after = spherical_bessel(a, n=n + 1)
    if n == 0:
        return -g * after
    return g * ((n * spherical_bessel(a, n=n - 1) - (n + 1) * after) / (2 * n + 1))


# ---- the rows ------------------------------------------------------------------------------


def _polygamma_of(n: int, a: Any) -> Any:
    if n < 0:
        raise ArgumentFault("polygamma(n, x) does not support negative n.")
    return polygamma_(a, n=n)


# fmt: off

# error functions and the normal distribution
erf = floating("erf(input)", "ErfBackward0", _scipy("erf"),
    lambda g, y, a: g * (2 / ROOT_PI * exp(-(a ** 2))), refuses="complex", doc="Error function")
erfc = floating("erfc(input)", "ErfcBackward0", _scipy("erfc"),
    lambda g, y, a: g * (-2 / ROOT_PI * exp(-(a ** 2))), refuses="complex", doc="1 - erf(a)")
erfcx = floating("erfcx(input)", "SpecialErfcxBackward0", _scipy("erfcx"),
    lambda g, y, a: g * (2 * a * y - 2 / ROOT_PI), refuses="complex", doc="exp(a²)·erfc(a)")
erfinv = floating("erfinv(input)", "ErfinvBackward0", _scipy("erfinv"),
    lambda g, y, a: g * (ROOT_PI / 2 * exp(y ** 2)), saves="input",
    doc="Inverse of erf", domain=(UNIT,),
    kink="infinite at -1 and 1")
ndtri = floating("ndtri(input)", "SpecialNdtriBackward0", _scipy("ndtri"),
    lambda g, y, a: g * (ROOT_2PI * exp(y ** 2 / 2)), doc="Quantile of the normal distribution",
    domain=(PROBABILITY,), kink="infinite at 0 and 1")
log_ndtr = floating("log_ndtr(input)", "SpecialLogNdtrBackward0", _scipy("log_ndtr"),
    lambda g, y, a: g * (exp(-(y + a ** 2 / 2)) / ROOT_2PI),
    refuses="complex", doc="log of the normal distribution function")

# gamma functions
lgamma = floating("lgamma(input)", "LgammaBackward0", _lgamma,
    lambda g, y, a: g * digamma(a), doc="log of |Γ(a)|", aliases="gammaln", domain=(POSITIVE,))
digamma = floating("digamma(input)", "DigammaBackward0", _scipy("psi"),
    lambda g, y, a: g * polygamma_(a, n=1),
    refuses="complex", doc="Derivative of log Γ(a)", aliases="psi",
    domain=(POSITIVE,))
polygamma_ = floating("_polygamma(input, n: int)", "PolygammaBackward0", _polygamma,
    lambda g, y, a, n: g * polygamma_(a, n=n + 1), doc="n-th derivative of digamma",
    domain=(POSITIVE,))
multigammaln = floating("multigammaln(input, p: int)", "MvlgammaBackward0", _multigammaln,
    lambda g, y, a, p: g * sum(digamma(a - k / 2) for k in range(p)),
    refuses="bool", work=_multigammaln_work,
    doc="log of the multivariate Γ function", aliases="mvlgamma", domain=((1.0, float("inf")),),
    examples="multigammaln(v*v + 1, 2)")
gammainc = inexact("gammainc(input, other)", "IgammaBackward0", _scipy("gammainc"),
    Undefined("igamma: input"),
    lambda g, y, a, x: _gamma_density(g, a, x), doc="Lower regularised incomplete Γ function",
    aliases="igamma", domain=(POSITIVE, POSITIVE), examples="gammainc(M.detach()**2 + 1, M*M + 1)")
gammaincc = inexact("gammaincc(input, other)", "IgammacBackward0", _scipy("gammaincc"),
    Undefined("igammac: input"),
    lambda g, y, a, x: -_gamma_density(g, a, x), doc="Upper regularised incomplete Γ function",
    aliases="igammac", domain=(POSITIVE, POSITIVE),
    examples="gammaincc(M.detach()**2 + 1, M*M + 1)")
zeta = floating("zeta(input, other)",
    lambda a, b: f"SpecialZetaBackward{1 if number(a) else 2 if number(b) else 0}",
    _scipy("zeta"),
    Undefined("zeta"),
    lambda g, y, a, b: g * (-a * zeta(a + 1, b)), wraps=False, doc="Hurwitz ζ function",
    domain=((1.0, float("inf")), POSITIVE), examples="zeta(2, v*v + 1)")

# Bessel functions
i0 = floating("i0(input)", "I0Backward0", _scipy("i0"),
    lambda g, y, a: g * i1(a), doc="Modified Bessel function of order 0")
i0e = floating("i0e(input)", "SpecialI0EBackward0", _scipy("i0e"),
    lambda g, y, a: g * (i1e(a) - sgn(a) * y), doc="exp(-|a|)·i0(a)", kink="0 at 0")
i1 = floating("i1(input)", "SpecialI1Backward0", _scipy("i1"),
    lambda g, y, a: g * ((i0(a) + bessel_i(a, n=2)) / 2),
    saves="input result",
    doc="Modified Bessel function of order 1")
i1e = floating("i1e(input)", "SpecialI1EBackward0", _scipy("i1e"),
    lambda g, y, a: g * ((i0e(a) + scaled_bessel_i(a, n=2)) / 2 - sgn(a) * y),
    doc="exp(-|a|)·i1(a)", kink="1/2 at 0")
bessel_i = floating("_bessel_i(input, n: int)", "", lambda a, n: _scipy("iv")(n, a),
    lambda g, y, a, n: _bessel_rule(bessel_i, g, a, n), doc="Modified Bessel function of order n")
scaled_bessel_i = floating("_scaled_bessel_i(input, n: int)", "", lambda a, n: _scipy("ive")(n, a),
    lambda g, y, a, n: _bessel_rule(scaled_bessel_i, g, a, n) - g * (sgn(a) * y),
    doc="exp(-|a|) times the modified Bessel function of order n")
spherical_bessel = floating("_spherical_bessel(input, n: int)", "", _spherical_bessel,
    _spherical_rule, doc="Spherical Bessel function of order n")
sinc = floating("sinc(input)", "SincBackward0", np.sinc,
    lambda g, y, a: g * (-pi * spherical_bessel(a * pi, n=1)), doc="sin(πa) / (πa), 1 at 0")

# logarithms with care at 0
logit = floating("logit(input, eps: real = None)", "LogitBackward0", _logit, _logit_rule,
    refuses="complex", doc="log(a / (1 - a)), a kept eps from 0 and 1", domain=(PROBABILITY,),
    kink="0 beyond eps, infinite at 0 and 1", examples="logit(v); logit(v, 0.3)")
xlogy = floating("xlogy(input, other)",
    lambda a, b: f"XlogyBackward{1 if number(a) else 2 if number(b) else 0}", _scipy("xlogy"),
    lambda g, y, a, b: masked_fill_number(
        xlogy(g, b), logical_and(eq(a, 0), le(b, 0)), value=0),
    lambda g, y, a, b: g * a / b, wraps=False,
    refuses="input other: complex", doc="a·log(b), 0 where a is 0",
    domain=(POSITIVE, POSITIVE), kink="0 in a at (0, 0)")
xlog1py = floating("xlog1py(input, other)",
    lambda a, b: f"SpecialXlog1PyBackward{1 if number(a) else 2 if number(b) else 0}",
    _scipy("xlog1py"),
    lambda g, y, a, b: masked_fill_number(
        xlog1py(g, b), logical_and(eq(a, 0), le(b, -1)), value=0),
    lambda g, y, a, b: g * a / (b + 1), wraps=False,
    refuses="input other: complex", doc="a·log(1 + b), 0 where a is 0",
    domain=(POSITIVE, POSITIVE), kink="0 in a at (0, -1)")
entr = floating("entr(input)", "SpecialEntrBackward0", _scipy("entr"),
    lambda g, y, a: g * (-(1 + log_(a))), doc="-a·log(a)", domain=(POSITIVE,),
    kink="infinite at 0")

# no gradient in PyTorch
bessel_j0 = floating("bessel_j0(input)", "", _scipy("j0"), doc="Bessel function of order 0")
bessel_j1 = floating("bessel_j1(input)", "", _scipy("j1"), doc="Bessel function of order 1")
bessel_y0 = floating("bessel_y0(input)", "", _scipy("y0"), domain=(POSITIVE,),
    doc="Bessel function of the second kind, order 0")
bessel_y1 = floating("bessel_y1(input)", "", _scipy("y1"), domain=(POSITIVE,),
    doc="Bessel function of the second kind, order 1")
modified_bessel_i0 = floating("modified_bessel_i0(input)", "", _scipy("i0"),
    doc="Modified Bessel function of order 0, without a derivative")
modified_bessel_i1 = floating("modified_bessel_i1(input)", "", _scipy("i1"),
    doc="Modified Bessel function of order 1, without a derivative")
modified_bessel_k0 = floating("modified_bessel_k0(input)", "", _scipy("k0"), domain=(POSITIVE,),
    doc="Modified Bessel function of the second kind, order 0")
modified_bessel_k1 = floating("modified_bessel_k1(input)", "", _scipy("k1"), domain=(POSITIVE,),
    doc="Modified Bessel function of the second kind, order 1")
scaled_modified_bessel_k0 = floating("scaled_modified_bessel_k0(input)", "", _scipy("k0e"),
    domain=(POSITIVE,), doc="exp(a)·modified_bessel_k0(a)")
scaled_modified_bessel_k1 = floating("scaled_modified_bessel_k1(input)", "", _scipy("k1e"),
    domain=(POSITIVE,), doc="exp(a)·modified_bessel_k1(a)")
spherical_bessel_j0 = floating("spherical_bessel_j0(input)", "",
    lambda a: _spherical_bessel(a, 0),
    refuses="complex", doc="Spherical Bessel function of order 0")
airy_ai = floating("airy_ai(input)", "", lambda a: _scipy("airy")(a)[0],
    refuses="complex", doc="Airy function")

# composites
polygamma = composite("polygamma(n: int, input)",
    _polygamma_of, doc="n-th derivative of digamma",
    domain=(POSITIVE,), examples="polygamma(1, v*v + 1); polygamma(2, v*v + 1)")
ndtr = composite("ndtr(input)", lambda a: mul_number(1 + erf(a / sqrt(2)), other=0.5),
    refuses="complex", doc="Normal distribution function", examples="ndtr(v)")
# fmt: on


def _dist_meta(a: Any, b: Any, p: float) -> Meta:
    dtype = promote((a, b), a.default_dtype)
    if not is_differentiable(dtype):
        raise DtypeFault(
            "norm(): input dtype should be either floating point or complex. Got "
            f"{SCALAR_NAMES[dtype.name]} instead."
        )
    apart = Meta(broadcast(a.shape, b.shape), dtype)
    vector_norm.meta(apart, ord=p, dim=None, keepdim=False)  # it must have such a norm
    return Meta((), to_real(dtype))


# fmt: off
dist = primitive(Derivative, "dist(input, other, p: real = 2)", "DistBackward0",
    lambda a, b, p: vector_norm.forward(a - b, ord=p, dim=None, keepdim=False),
    _dist_meta,
    lambda g, y, a, b, p: sum_to(_dist_slope(g, y, a, b, p), a.shape),
    lambda g, y, a, b, p: -sum_to(_dist_slope(g, y, a, b, p), b.shape),
    tangent=_dist_tangent, promotes=True, memory=fold(3), doc="Norm of a - b", kink="0 at 0",
    examples="dist(v, v*v); dist(v, v*v, 3)")
# fmt: on
