"""Arrays of numbers of any precision, on which NumPy's and SciPy's functions work.

A row's own forward function computes with them: each function of NumPy is that of mpmath of the
same name, or a few lines here. What has none is refused; so is a conversion to double precision,
which would lose the digits without a word.

Source of the dispatch: NumPy's protocols `__array_ufunc__` and `__array_function__`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcli.execute.functions import OF_NAN, TRUTHS, Function, array_functions, functions
from gradcli.rule.dtypes import FLOAT64


class Unknown(TypeError):
    """A function that is not known to more digits than double precision has."""


class Arithmetic:
    """Numbers of a precision of their own; arrays of them are made here.

    `digits` are decimal digits that each operation keeps.

    Raises: ImportError where mpmath is not installed.
    """

    def __init__(self, digits: int) -> None:
        from mpmath.ctx_mp import MPContext

        self.context: Any = MPContext()
        self.context.dps = digits
        self.number = _number_class(self.context)

    def array(self, values: Any) -> Extended:
        """Return values, numbers or an array of them, as exact numbers."""
        given = np.asarray(values)
        if given.dtype.kind == "c":
            raise Unknown("complex numbers")
        each = np.frompyfunc(self._exactly, 1, 1)
        return self.wrapped(each(given if given.dtype.kind in "Obiu" else given.astype(FLOAT64)))

    def wrapped(self, values: Any) -> Extended:
        """Return an array whose elements are numbers already."""
        if not isinstance(values, np.ndarray):
            values = _boxed(values)
        result: Extended = values.view(Extended)
        result.arithmetic = self
        return result

    def applied(self, name: str) -> Any:
        """Return a function of NumPy or SciPy as a ufunc on these numbers.

        Raises: Unknown.
        """
        function = functions().get(name)
        if function is None:
            raise Unknown(name)
        count = function.__code__.co_argcount - 1
        passed_on = name not in OF_NAN
        return np.frompyfunc(lambda *x: self._of(function, x, passed_on), count, 1)

    def _exactly(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):  # of one element, where one was assigned to a place
            value = value.item()
        if type(value) is self.number:
            return value
        number = self.context.convert(value)
        if not hasattr(number, "_mpf_"):
            raise Unknown("complex numbers")
        return self.number(number)

    def _of(self, function: Function, values: tuple[Any, ...], passed_on: bool) -> Any:
        """Return a function of numbers: NaN where it has a pole, is complex, or is of NaN."""
        c = self.context
        if passed_on and any(x != x for x in values):
            return self.number(c.nan)
        try:
            found = function(c, *(c.convert(x) for x in values))
        except (ValueError, ZeroDivisionError):
            found = c.nan
        if isinstance(found, bool):
            return found
        return self.number(c.nan if isinstance(found, c.mpc) else found)


def _boxed(value: Any) -> Any:
    box = np.empty((), object)
    box[()] = value
    return box


def _number_class(context: Any) -> Any:
    """Return the class of a context's real numbers, with IEEE's division and powers."""
    base, nan = context.mpf, context.nan
    number: Any

    def refuse(_: Any) -> float:
        raise Unknown("a function in double precision")

    def divided(a: Any, b: Any) -> Any:
        try:
            return base.__truediv__(a, b)
        except ZeroDivisionError:
            return a * context.inf if a == a and a != 0 else a * nan

    def power(a: Any, b: Any) -> Any:
        try:
            found = base.__pow__(a, b)
        except ZeroDivisionError:
            return number(context.inf)
        if found is NotImplemented or hasattr(found, "_mpf_"):
            return found
        return number(nan)

    number = type("Number", (base,), {
        "__slots__": (), "context": context, "__float__": refuse,
        "__truediv__": divided, "__rtruediv__": lambda a, b: number(b) / a,
        "__pow__": power, "__rpow__": lambda a, b: number(b) ** a,
    })  # fmt: skip
    number._ctxdata = [number, object.__new__, context._prec_rounding]
    return number


# ---- arrays ----------------------------------------------------------------------------------

# what Python's operators on numbers do as NumPy does it
OPERATORS = """
    add subtract multiply divide negative positive equal not_equal less less_equal greater
    greater_equal matmul logical_not logical_and logical_or logical_xor
"""


class Extended(np.ndarray[Any, Any]):
    """An array of numbers of an arithmetic."""

    arithmetic: Arithmetic

    def __array_finalize__(self, source: Any) -> None:
        if isinstance(source, Extended):
            self.arithmetic = source.arithmetic

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return found if isinstance(found, np.ndarray) else self.arithmetic.wrapped(found)

    def astype(self, dtype: Any, *_: Any, **__: Any) -> Any:
        """Convert to integers or masks; every kind of float is as precise as these numbers."""
        kind = np.dtype(dtype).kind
        if kind == "c":
            raise Unknown("complex numbers")
        plain = _plain(self)
        if kind == "b":
            return np.asarray(plain != 0, bool)
        return plain.astype(dtype) if kind in "iu" else self

    def __array_ufunc__(
        self, ufunc: Any, method: Any, *inputs: Any, out: Any = None, **more: Any
    ) -> Any:
        name, given = ufunc.__name__, [_plain(x) for x in inputs]
        if name.startswith("logical"):
            given = [x != 0 if _is_object(x) else x for x in given]
        made = ufunc if name in OPERATORS.split() else self.arithmetic.applied(name)
        if method == "__call__" and isinstance(more.get("dtype"), np.dtype):
            del more["dtype"]
        if out is not None:
            more["out"] = tuple(_plain(x) for x in out)
        if method == "reduce" and made is not ufunc:
            found = _reduced(made, *given, **more)
        else:
            found = getattr(made, method)(*given, **more)
        return np.asarray(found, bool) if name in TRUTHS else self._wrapped(found)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        own = array_functions().get(function)
        if own is not None:
            found = own(self.arithmetic, *args, **kwargs)
        else:
            found = super().__array_function__(function, (Extended, np.ndarray), args, kwargs)
        return self._wrapped(found)

    def _wrapped(self, found: Any) -> Any:
        if isinstance(found, tuple | list):
            return type(found)(self._wrapped(x) for x in found)
        if type(found) is self.arithmetic.number or _is_object(found):
            return self.arithmetic.wrapped(found)
        return _plain(found)  # of indices or truths


def _reduced(ufunc: Any, a: Any, axis: Any = 0, keepdims: bool = False, **more: Any) -> Any:
    """Reduce several dimensions one after the other, which NumPy's own ufuncs alone do at once."""
    axes: Sequence[int] = range(a.ndim) if axis is None else np.atleast_1d(axis).tolist()
    for dim in sorted((d % a.ndim for d in axes), reverse=True):
        a = ufunc.reduce(a, axis=dim, keepdims=keepdims, **more)
    return a


def _is_object(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "O"


def _plain(x: Any) -> Any:
    """Return an array as NumPy's own; other floats become Python's, which are exact."""
    return x.view(np.ndarray) if isinstance(x, Extended) else x
