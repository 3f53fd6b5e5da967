"""Identities: what may be written for what. Each letter stands for a formula.

What stands on the left loses digits somewhere, or goes out of range; what stands on the right is
the same function, at least in a part of the plane. Which part that is, nobody has to know: only
what high precision confirms is kept.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from gradcli.diagnose.precision.terms import Term, parsed

IDENTITIES = """
    # functions that are there for it
    exp(a) - 1                                  expm1(a)
    1 - exp(a)                                  -expm1(a)
    exp2(a) - 1                                 expm1(a*log(2))
    log(1 + a)                                  log1p(a)
    log(1 - a)                                  log1p(-a)
    log(a)                                      log1p(a - 1)
    log(1 + exp(a))                             softplus(a)
    log1p(exp(a))                               softplus(a)
    log(1 - exp(a))                             log(-expm1(a))
    log(exp(a) - 1)                             a + log(-expm1(-a))
    log(exp(a) + exp(b))                        logaddexp(a, b)
    log(sigmoid(a))                             logsigmoid(a)
    log(1 - sigmoid(a))                         logsigmoid(-a)
    log1p(-sigmoid(a))                          logsigmoid(-a)
    log(1/(1 + exp(a)))                         -softplus(a)
    1 - sigmoid(a)                              sigmoid(-a)
    1/(1 + exp(a))                              sigmoid(-a)
    exp(a)/(1 + exp(a))                         sigmoid(a)
    exp(a)/(exp(a) + exp(b))                    sigmoid(a - b)
    1 - erf(a)                                  erfc(a)
    1 + erf(a)                                  erfc(-a)
    sqrt(a**2 + b**2)                           hypot(a, b)
    sqrt(a**2 + 1)                              hypot(a, 1)
    sqrt(a**2 + b**2 + c**2)                    hypot(hypot(a, b), c)
    log(a/(1 - a))                              logit(a)

    # exponentials and logarithms
    exp(a)/(exp(a) - 1)                         -1/expm1(-a)
    1/(1 - exp(a)) - 1                          exp(a)/(1 - exp(a))
    exp(a) - exp(b)                             exp(b)*expm1(a - b)
    exp(a) - exp(-a)                            2*sinh(a)
    exp(a) + exp(-a)                            2*cosh(a)
    exp(a) + exp(-a) - 2                        4*sinh(a/2)**2
    (exp(a) - exp(-a))/(exp(a) + exp(-a))       tanh(a)
    (exp(a) - 1)/(exp(a) + 1)                   tanh(a/2)
    (1 - exp(a))/(1 + exp(a))                   -tanh(a/2)
    exp(a)**2 - 1                               expm1(2*a)
    expm1(a) - expm1(b)                         exp(b)*expm1(a - b)
    expm1(a) + expm1(-a)                        4*sinh(a/2)**2
    expm1(a) - expm1(-a)                        2*sinh(a)
    exp(a)*exp(b)                               exp(a + b)
    exp(a)/exp(b)                               exp(a - b)
    exp(log(a))                                 a
    exp(-log(a))                                1/a
    log(exp(a))                                 a
    log(a) - log(b)                             log1p((a - b)/b)
    log(a) - log(b)                             log(a/b)
    log(a) + log(b)                             log(a*b)
    log(a) - 2*log(b)                           log1p((a - b**2)/b**2)
    2*log(a) - log(b)                           log1p((a**2 - b)/b)
    exp(a) + exp(b)                             2*exp((a + b)/2)*cosh((a - b)/2)
    log(a/b)                                    log(a) - log(b)
    log(a/b)                                    log1p((a - b)/b)
    log(1 + a) - log(1 - a)                     2*atanh(a)
    log1p(a) - log1p(-a)                        2*atanh(a)
    log((1 + a)/(1 - a))                        2*atanh(a)
    log((1 - a)/(1 + a))                        -2*atanh(a)
    log1p(a) - log1p(b)                         log1p((a - b)/(1 + b))
    log(a + sqrt(1 + a**2))                     asinh(a)
    log(a + sqrt(a**2 - 1))                     acosh(a)
    log(sqrt(a))                                log(a)/2
    log(a**2)                                   2*log(abs(a))
    log(pow(a, b))                              b*log(a)
    log(cosh(a))                                abs(a) - log(2) + log1p(exp(-2*abs(a)))
    log2(a) - log2(b)                           (log(a) - log(b))/log(2)
    log10(a) - log10(b)                         (log(a) - log(b))/log(10)
    log2(1 + a)                                 log1p(a)/log(2)
    log10(1 + a)                                log1p(a)/log(10)
    pow(a, b) - 1                               expm1(b*log(a))
    pow(a, b)                                   exp(b*log(a))
    pow(a, c) - pow(b, c)                       pow(b, c)*expm1(c*(log(a) - log(b)))
    pow(a, c)/pow(b, c)                         pow(a/b, c)
    pow(a, c)*pow(b, c)                         pow(a*b, c)
    a*log(b) - a*log(c)                         a*log(b/c)

    # angles
    1 - cos(a)                                  2*sin(a/2)**2
    1 + cos(a)                                  2*cos(a/2)**2
    1 - cos(a)**2                               sin(a)**2
    1 - sin(a)**2                               cos(a)**2
    cos(a)**2 - sin(a)**2                       cos(2*a)
    cos(a)**2 + sin(a)**2                       1
    (1 - cos(a))/sin(a)                         tan(a/2)
    (1 - cos(a))/sin(a)**2                      1/(1 + cos(a))
    sin(a)/(1 + cos(a))                         tan(a/2)
    sin(a) - sin(b)                             2*cos((a + b)/2)*sin((a - b)/2)
    cos(a) - cos(b)                             -2*sin((a + b)/2)*sin((a - b)/2)
    sin(a) + sin(b)                             2*sin((a + b)/2)*cos((a - b)/2)
    cos(a) + cos(b)                             2*cos((a + b)/2)*cos((a - b)/2)
    tan(a) - tan(b)                             sin(a - b)/(cos(a)*cos(b))
    1/tan(a) - 1/tan(b)                         sin(b - a)/(sin(a)*sin(b))
    1/cos(a) - 1                                2*sin(a/2)**2/cos(a)
    1/cos(a) - 1                                tan(a)*tan(a/2)
    sin(a)*cos(b) - cos(a)*sin(b)               sin(a - b)
    cos(a)*cos(b) - sin(a)*sin(b)               cos(a + b)
    cos(a)*cos(b) + sin(a)*sin(b)               cos(a - b)
    atan(a) - atan(b)                           atan((a - b)/(1 + a*b))
    atan(a) - atan(b)                           atan2(a - b, 1 + a*b)
    acos(a)                                     2*asin(sqrt((1 - a)/2))
    acos(a)                                     atan2(sqrt((1 - a)*(1 + a)), a)
    asin(a) - asin(b)                           asin(a*sqrt(1 - b**2) - b*sqrt(1 - a**2))

    # hyperbolic functions
    cosh(a) - 1                                 2*sinh(a/2)**2
    cosh(a)**2 - 1                              sinh(a)**2
    cosh(a)**2 - sinh(a)**2                     1
    cosh(a) - sinh(a)                           exp(-a)
    cosh(a) + sinh(a)                           exp(a)
    cosh(a) - cosh(b)                           2*sinh((a + b)/2)*sinh((a - b)/2)
    sinh(a) - sinh(b)                           2*cosh((a + b)/2)*sinh((a - b)/2)
    cosh(a) + cosh(b)                           2*cosh((a + b)/2)*cosh((a - b)/2)
    sinh(a) + sinh(b)                           2*sinh((a + b)/2)*cosh((a - b)/2)
    tanh(a) - tanh(b)                           sinh(a - b)/(cosh(a)*cosh(b))
    1 - tanh(a)                                 2*sigmoid(-2*a)
    1 + tanh(a)                                 2*sigmoid(2*a)
    1 - tanh(a)**2                              1/cosh(a)**2
    asinh(a) - asinh(b)                         asinh(a*sqrt(1 + b**2) - b*sqrt(1 + a**2))
    acosh(a)                                    2*asinh(sqrt((a - 1)/2))
    atanh(a) - atanh(b)                         atanh((a - b)/(1 - a*b))
    sigmoid(a) - sigmoid(b)                     sigmoid(a)*sigmoid(-b)*(-expm1(b - a))
    sigmoid(a) - 1/2                            tanh(a/2)/2

    # powers
    a**2 - b**2                                 (a - b)*(a + b)
    a**2 - 1                                    (a - 1)*(a + 1)
    a**2 - 2*a*b + b**2                         (a - b)**2
    a**2 + 2*a*b + b**2                         (a + b)**2
    a**2 - 2*a + 1                              (a - 1)**2
    a**3 - 3*a**2 + 3*a - 1                     (a - 1)**3
    a**3 - b**3                                 (a - b)*(a**2 + a*b + b**2)
    a**4 - b**4                                 (a - b)*(a + b)*(a**2 + b**2)
    sqrt(a**2)                                  abs(a)
    sqrt(a*b)                                   sqrt(a)*sqrt(b)
    sqrt(a/b)                                   sqrt(a)/sqrt(b)
    sqrt(a)/sqrt(b)                             sqrt(a/b)
    a/sqrt(b)                                   1/sqrt(b/a**2)
    a/(1 + a)                                   1/(1 + 1/a)
    a/(1 + a)                                   1 - 1/(1 + a)
"""


# in what is read a sum is a multiple of a mean
REDUCTIONS = """
    mean(a**2) - mean(a)**2                     mean((a - mean(a))**2)
    mean(a*b) - mean(a)*mean(b)                 mean((a - mean(a))*(b - mean(b)))
    log(prod(a))                                sum(log(a))
    log(softmax(a))                             log_softmax(a)
"""


class Identity(NamedTuple):
    """A pattern, and what may stand in its place."""

    left: Term
    right: Term


@cache
def identities() -> tuple[Identity, ...]:
    """Return the identities, those that are tried first first."""
    return _table(IDENTITIES)


@cache
def reductions() -> tuple[Identity, ...]:
    """Return the identities of means and the like."""
    return _table(REDUCTIONS)


def _table(text: str) -> tuple[Identity, ...]:
    lines = [line.strip() for line in text.splitlines()]
    pairs = [line.split("   ", 1) for line in lines if line and not line.startswith("#")]
    return tuple(Identity(parsed(a, True), parsed(b.strip(), True)) for a, b in pairs)
