"""Values of terms at some points: in a dtype, as a run has them, and to any number of digits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from gradcli.diagnose.precision.exact import errors
from gradcli.diagnose.precision.terms import HALF, Term
from gradcli.execute.functions import functions
from gradcli.execute.numbers import Arithmetic
from gradcli.ops import FUNCTIONS, Primitive
from gradcli.rule.dtypes import Array, DType

LARGEST = 5000  # the exponent of 2 beyond which numbers are not computed with
# the language's names, and NumPy's or SciPy's where they are others
OTHERS = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh",
    "atanh": "arctanh", "atan2": "arctan2", "sigmoid": "expit", "logsigmoid": "log_expit",
    "abs": "absolute", "pow": "power",
}  # fmt: skip
SAME = """
    exp expm1 exp2 log log1p log2 log10 sin cos tan sinh cosh tanh logaddexp hypot erf erfc xlogy
    logit maximum minimum
"""
KNOWN = {**{name: name for name in SAME.split()}, **OTHERS, "softplus": ""}

Number = Any  # of a context of mpmath


class Points:
    """Points at which terms are computed; what was computed once is kept.

    `columns` has the values of each name at all points, `dtype` is that of the run.
    """

    def __init__(self, columns: Mapping[str, Sequence[float]], dtype: DType, digits: int) -> None:
        self.columns = {k: np.asarray(v, np.float64) for k, v in columns.items()}
        self.dtype = dtype
        self.count = len(next(iter(self.columns.values())))
        self.context: Any = Arithmetic(digits).context
        self._rounded: dict[str, Array] = {}
        self._exact: dict[str, list[Number]] = {}

    # ---- in a dtype ----------------------------------------------------------------------

    def rounded(self, term: Term) -> Array:
        """Return the values that a run has, shape (points,)."""
        found = self._rounded.get(term.ordered)
        if found is None:
            found = np.broadcast_to(
                np.asarray(self.combined(term, [self.rounded(x) for x in term.args]), self.dtype),
                (self.count,),
            )
            self._rounded[term.ordered] = found
        return found

    def combined(self, term: Term, args: Sequence[Array]) -> Any:
        """Return the values of a term's own operation, of the values of its parts."""
        if term.op == "name":
            return self.columns[term.name].astype(self.dtype)
        if term.op == "total":
            return self._sum(term, args)
        if term.op == "product":
            return self._product(term, args)
        if term.op == "near":
            return np.where(np.abs(args[0]) < float(term.factor), args[1], args[2])
        if term.op == "pow":
            return np.power(*args)
        op = FUNCTIONS[term.op]
        assert isinstance(op, Primitive), term.op
        return op.forward(*args, **op.complete(tuple(args), {**op.signature.defaults}))

    def _number(self, value: Fraction) -> Any:
        return self.dtype.type(float(value))

    def _sum(self, term: Term, args: Sequence[Array]) -> Any:
        result: Any = None
        for weight, x in zip(term.weights, args, strict=True):
            part = self._scaled(abs(weight), x)
            if result is None:
                result = part if weight > 0 else -part
            else:
                result = result + part if weight > 0 else result - part
        return result

    def _scaled(self, weight: Fraction, x: Any) -> Any:
        if weight == 1:
            return x
        if weight.denominator > 1 and weight.denominator & (weight.denominator - 1):
            return (
                self._number(Fraction(weight.numerator)) * x / self.dtype.type(weight.denominator)
            )
        return self._number(weight) * x

    def _product(self, term: Term, args: Sequence[Array]) -> Any:
        above: Any = None
        below: Any = None
        for exponent, x in zip(term.weights, args, strict=True):
            part = self._power(x, abs(exponent))
            if exponent > 0:
                above = part if above is None else above * part
            else:
                below = part if below is None else below * part
        factor = term.factor
        if above is None:
            above = self._number(Fraction(factor.numerator)) if below is not None else None
            if above is None:
                return self._number(factor)
            factor = Fraction(1, factor.denominator)
        result = self._scaled(abs(factor), above)
        result = -result if factor < 0 else result
        return result if below is None else result / below

    def _power(self, x: Any, exponent: Fraction) -> Any:
        if exponent == 1:
            return x
        if exponent == HALF:
            return np.sqrt(x)
        if exponent.denominator == 2:
            return np.sqrt(x) * self._power(x, exponent - HALF)
        return np.power(x, self.dtype.type(float(exponent)))

    # ---- to any number of digits ---------------------------------------------------------

    def exact(self, term: Term) -> list[Number]:
        """Return the values at all points to as many digits as there are; NaN where it has none."""
        found = self._exact.get(term.key)
        if found is None:
            if term.op == "name":
                found = [self.context.mpf(float(x)) for x in self.columns[term.name]]
            else:
                parts = [self.exact(x) for x in term.args]
                found = [self._of(term, [x[k] for x in parts]) for k in range(self.count)]
            self._exact[term.key] = found
        return found

    def _of(self, term: Term, args: list[Number]) -> Number:
        c = self.context
        if any(not c.isfinite(x) or (x and abs(c.mag(x)) > LARGEST) for x in args):
            return c.nan
        try:
            found = self._at(term, args)
        except (ValueError, ZeroDivisionError, OverflowError):
            return c.nan
        return found if isinstance(found, c.mpf) else c.nan

    def _at(self, term: Term, args: list[Number]) -> Number:
        c = self.context
        if term.op == "total":
            pairs = zip(term.weights, args, strict=True)
            return sum((self._fraction(w) * x for w, x in pairs), c.zero)
        if term.op == "product":
            found = self._fraction(term.factor)
            for exponent, x in zip(term.weights, args, strict=True):
                whole = exponent.denominator == 1
                found *= x ** (int(exponent) if whole else self._fraction(exponent))
            return found
        if term.op in ("exp", "expm1", "sinh", "cosh", "exp2") and c.mag(args[0]) > 12:
            return c.nan  # too large to be of use, or so small that it takes long
        if term.op == "near":  # both are the same up to rounding, which is looked at elsewhere
            return args[2]
        if term.op == "softplus":
            return args[0] + c.log1p(c.exp(-args[0])) if args[0] > 0 else c.log1p(c.exp(args[0]))
        return functions()[KNOWN[term.op]](c, *args)

    def _fraction(self, value: Fraction) -> Number:
        return self.context.mpf(value.numerator) / value.denominator

    # ---- both ----------------------------------------------------------------------------

    def errors(self, term: Term, exact: list[Number] | None = None) -> Array:
        """Return by how much the values of a run are off, relative, at each point, (points,).

        `exact` are the values that are meant, the term's own where they are not given.
        """
        return self.apart(self.rounded(term), self.exact(term) if exact is None else exact)

    def local(self, term: Term) -> float:
        """Return the part of the error at the first point that is the term's own operation's."""
        args = [self._as_rounded(self.exact(x)) for x in term.args]
        with np.errstate(all="ignore"):
            found = np.broadcast_to(np.asarray(self.combined(term, args)), (self.count,))
        return float(self.apart(found[:1], self.exact(term)[:1])[0])

    def _as_rounded(self, values: list[Number]) -> Array:
        return np.array([float(x) for x in values], np.float64).astype(self.dtype)

    def apart(self, values: Array, exact: list[Number]) -> Array:
        """Return how far values are from exact ones, relative; NaN where those are none."""
        return errors(np.asarray(values), np.array(exact, object))
