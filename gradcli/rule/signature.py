"""Signatures of operations, as PyTorch writes them, and the binding of a call's arguments to one.

A signature is text: `sum(input, dim: dims = None, keepdim: bool = False)`. A parameter without a
kind takes a tensor. The kinds are the keys of `KINDS`; `array|int` takes either, the first first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from reprlib import Repr
from typing import Any, NamedTuple, NoReturn

import numpy as np

from gradcli.errors import ArgumentFault
from gradcli.rule.dtypes import DTYPES
from gradcli.rule.nesting import NESTED, check_arguments
from gradcli.rule.spelling import nearest

REQUIRED = object()
TENSOR_KINDS = ("tensor", "index", "tensors", "arrays")  # the rest are attributes

# What NumPy and JAX call a parameter that PyTorch calls otherwise; PyTorch's own short forms too.
# Of several names, the first that an operation has is meant.
SYNONYMS = {
    "axis": ("dim", "dims"),
    "axes": ("dims", "dim"),
    "axis1": ("dim0", "dim1"),
    "axis2": ("dim2", "dim1"),
    "keepdims": ("keepdim",),
    "ddof": ("correction",),
    "a_min": ("min",),
    "a_max": ("max",),
    "x1": ("input",),
    "x2": ("other",),
    "self": ("input",),
    "a": ("input", "A"),
    "b": ("other", "B", "vec2"),
    "x": ("input", "A"),
    "m": ("input",),
    "arr": ("input",),
    "ary": ("input",),
    "A": ("input",),
    "k": ("diagonal", "offset"),
    "reps": ("dims",),
    "shape": ("size",),
    "newshape": ("shape",),
    "arrays": ("tensors",),
    "ord": ("p",),
    "method": ("interpolation",),
}


# What PyTorch's functions still hand on, though it says nothing: a word, its value, and a parameter
# of the functions that know it. With another value it would change the reduction: it is refused.
PAST = {
    "size_average": (None, "reduction"),
    "reduce": (None, "reduction"),
    "_stacklevel": (3, "dtype"),
}


class Parameter(NamedTuple):
    """A parameter: its name, its kind, and its default, `REQUIRED` where it has none."""

    name: str
    kind: str
    default: Any

    def __str__(self) -> str:
        if self.default is REQUIRED:
            return self.name
        return f"{self.name}={self.default!r}"


class Signature:
    """The name and the parameters of an operation, read from their text when first needed."""

    def __init__(self, text: str) -> None:
        self.text = text

    @property
    def name(self) -> str:
        """The name before the bracket."""
        return self.text[: self.text.index("(")]

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters in order."""
        inside = self.text[self.text.index("(") + 1 : -1]
        return tuple(_parameter(text) for text in inside.split(", ") if text)

    @cached_property
    def tensors(self) -> tuple[str, ...]:
        """Names of the parameters that take a tensor or a list of tensors, in order."""
        return tuple(p.name for p in self.parameters if p.kind.rstrip("?") in TENSOR_KINDS)

    @cached_property
    def attributes(self) -> tuple[Parameter, ...]:
        """The other parameters."""
        return tuple(p for p in self.parameters if p.name not in self.tensors)

    @cached_property
    def scalars(self) -> tuple[str, ...]:
        """Names of the numbers that count for the dtype of the result."""
        return tuple(p.name for p in self.parameters if p.kind == "scalar")

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """Default values of the attributes that have one."""
        return {p.name: p.default for p in self.attributes if p.default is not REQUIRED}

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.parameters))})"

    def bind(self, arguments: Sequence[Any], keywords: dict[str, Any]) -> dict[str, Any]:
        """Return a value for each parameter, converted to its kind.

        Raises: ArgumentFault where an argument is unknown, missing, given twice or of a wrong kind,
        LimitFault where it is nested too deeply.
        """
        check_arguments(arguments)
        check_arguments(keywords.values())
        return self.bound(arguments, keywords)

    def bound(self, arguments: Sequence[Any], keywords: dict[str, Any]) -> dict[str, Any]:
        """Return the same for what goes through no list: one that holds itself may be put in one.

        Raises: ArgumentFault, as `bind` does.
        """
        given = self._positional(arguments)
        for word, value in keywords.items():
            if self._is_past(word, value):
                continue
            name = self.word(word) or self._unknown(word)
            if name in given:
                raise self._fault(f"got multiple values for argument '{name}'")
            given[name] = value
        bound: dict[str, Any] = {}
        for parameter in self.parameters:
            name, default = parameter.name, parameter.default
            if name in given:
                bound[name] = self._convert(parameter, given[name])
            elif default is REQUIRED:
                raise self._fault(f"missing argument '{name}'")
            else:
                bound[name] = default
        return bound

    def _positional(self, arguments: Sequence[Any]) -> dict[str, Any]:
        """Give positional arguments to parameters; sizes may be spread: `view(2, 3)`."""
        given: dict[str, Any] = {}
        for i, parameter in enumerate(self.parameters):
            rest = arguments[i:]
            if not rest:
                break
            spread = parameter.kind in ("sizes", "dims") and len(rest) > 1
            if spread and all(_is_int(x) for x in rest) and self._may_spread(i):
                given[parameter.name] = tuple(rest)
                return given
            given[parameter.name] = rest[0]
        n = len(self.parameters)
        if len(arguments) > n:
            raise self._fault(
                f"takes {n or 'no'} argument{'s' * (n != 1)} but {len(arguments)} "
                f"{'was' if len(arguments) == 1 else 'were'} given"
            )
        return given

    def _may_spread(self, index: int) -> bool:
        parameter = self.parameters[index]
        return parameter.kind == "sizes" or index == len(self.parameters) - 1

    def word(self, word: str) -> str | None:
        """Return the parameter that a keyword means, None where there is none."""
        names = [p.name for p in self.parameters]
        return next((name for name in (word, *SYNONYMS.get(word, ())) if name in names), None)

    def _is_past(self, word: str, value: Any) -> bool:
        """Say whether a keyword is one of PyTorch's past, with the value that says nothing."""
        if word not in PAST or self.word(word) is not None:
            return False
        silent, beside = PAST[word]
        alike = type(value) is type(silent) and value == silent
        return alike and any(p.name == beside for p in self.parameters)

    def _unknown(self, word: str) -> NoReturn:
        names = [p.name for p in self.parameters]
        known = [*names, *(k for k in SYNONYMS if self.word(k))]
        near = nearest(word, known)[:1]
        raise self._fault(
            f"got an unexpected keyword argument '{word}'",
            f"did you mean `{near[0]}`? " if near else "",
        )

    def _convert(self, parameter: Parameter, value: Any) -> Any:
        if value is None and (parameter.kind.endswith("?") or parameter.default is None):
            return None
        kinds = [KINDS[kind] for kind in parameter.kind.rstrip("?").split("|")]
        for _, convert in kinds:
            try:
                return convert(value)
            except OverflowError:
                raise self._fault(
                    f"argument '{parameter.name}' is too large: an integer has 64 bits"
                ) from None
            except (TypeError, ValueError, KeyError, AttributeError):
                continue
        wanted = " or ".join(description for description, _ in kinds)
        raise self._fault(f"argument '{parameter.name}' must be {wanted}, not {_described(value)}")

    def _fault(self, message: str, hint: str = "") -> ArgumentFault:
        return ArgumentFault(f"{self.name}() {message}", hint=f"{hint}the signature is `{self}`")


def _parameter(text: str) -> Parameter:
    declaration, _, default = text.partition(" = ")
    name, _, kind = declaration.partition(": ")
    value = REQUIRED if not default else _LITERALS.get(default)
    if default and default not in _LITERALS:
        value = default[1:-1] if default[0] == "'" else complex(default)
        if isinstance(value, complex):
            value = int(default) if default.lstrip("-").isdigit() else value.real
    return Parameter(name, kind or "tensor", value)


# what is shown of a list: it may be long, or hold another one many times
_SHORT = Repr()
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = _SHORT.maxset = 20
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
_SHORT.maxlevel = 3
_LITERALS: dict[str, Any] = {"None": None, "True": True, "False": False, "()": ()}


class _Brief(Repr):
    """Writes the first items of lists, two deep: they may hold each other, or themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxlist, self.maxtuple, self.maxdict, self.maxstring = 2, 4, 4, 2, 60

    def repr_instance(self, x: Any, level: int) -> str:
        if isinstance(x, tuple):  # a shape
            return self.repr_tuple(tuple(x), level)
        return repr(x) if isinstance(x, int | float | complex | None) else _described(x)


def brief(value: object) -> str:
    """Return a value as Python writes it, cut after a few items and after 40 characters."""
    return _Brief().repr(value)


def _described(value: object) -> str:
    if isinstance(value, str):
        return f"'{value}'" if len(value) <= 60 else f"'{value[:59]}…'"
    if isinstance(value, np.dtype):
        return f"the dtype {value.name}"
    if hasattr(value, "shape"):
        return f"a tensor of shape {list(value.shape)}"
    if value is None or isinstance(value, range):
        return repr(value)
    if hasattr(value, "__next__"):
        return "an iterator"
    if isinstance(value, bool | int | float | complex | list | tuple | dict | set):
        return f"{type(value).__name__} {brief(value)}"
    if hasattr(value, "words"):  # what is passed over
        return str(value.words)
    if hasattr(value, "name"):
        return f"the function `{value.name}`"
    return repr(value) if type(value).__repr__ is not object.__repr__ else "several results"


def _is_int(value: object) -> bool:
    return isinstance(value, int | np.integer) or getattr(value, "is_index", False) is True


def _whole(value: Any) -> int:
    if isinstance(value, str | float):
        raise TypeError
    return int(value.__index__())


def _bounded(number: Any) -> Any:
    """Return a number; raise OverflowError for an integer that PyTorch does not hold."""
    if isinstance(number, int) and not -(1 << 63) <= number < 1 << 63:
        raise OverflowError
    return number


def _int(value: Any) -> int:
    return int(_bounded(_whole(value)))


NUMBERS = (int, float, complex, np.number)


def _number(value: Any) -> Any:
    return _bounded(value if isinstance(value, NUMBERS) else value.item())


def _array(value: Any) -> Any:
    if not hasattr(value, "dtype"):
        raise TypeError
    return value


def _index(value: Any) -> Any:
    if value.dtype.kind not in "iu":
        raise TypeError
    return value


def _real(value: Any) -> Any:
    found = _number(value)
    if isinstance(found, complex):
        raise TypeError
    return found


def _axes(value: Any) -> int | tuple[int, ...]:
    return _several(_int)(value) if isinstance(value, tuple | list) else _int(value)


def _several(one: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    def convert(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, tuple | list):
            raise TypeError
        return tuple(one(x) for x in value)

    return convert


def _outputs(value: Any) -> Any:
    sizes = value if isinstance(value, tuple | list) else (value,)
    converted = tuple(None if n is None else _int(n) for n in sizes)
    return converted if isinstance(value, tuple | list) else converted[0]


def _ints(value: Any) -> tuple[int, ...]:
    if isinstance(value, tuple | list):
        return tuple(_int(x) for x in value)
    return (_int(value),)


PYTHON_TYPES = {"bool": "bool", "int": "int64", "float": "float64", "complex": "complex128"}


def _dtype(value: Any) -> np.dtype[Any]:
    if isinstance(value, np.dtype):  # a file's may know whose it is, which no tensor's does
        return DTYPES[value.name] if value.metadata else value
    if isinstance(value, NESTED):
        raise TypeError
    # Python's types, under the names by which a file has them
    name = getattr(value, "__name__", getattr(value, "name", str(value)))
    return DTYPES[PYTHON_TYPES.get(name, name)]


def _instance(*types: type) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if not isinstance(value, types):
            raise TypeError
        return value

    return convert


def _tensor(value: Any) -> Any:
    if value is None or isinstance(value, str | tuple | list):
        raise TypeError
    if not isinstance(value, int | float | complex) and not hasattr(value, "dtype"):
        raise TypeError
    return value


def _tensors(value: Any) -> tuple[Any, ...]:
    if hasattr(value, "unbind"):
        return tuple(value.unbind())
    if not isinstance(value, tuple | list):
        raise TypeError
    return tuple(_array(x) for x in value)


# what an argument of each kind must be, in words, and its conversion
KINDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "tensor": ("a tensor", _tensor),
    "tensors": ("a list of tensors", _tensors),
    "operand": ("a tensor or a number", _tensor),
    "array": ("a tensor", _array),
    "arrays": ("a list of tensors", _several(_array)),
    "index": ("a tensor of integers", _index),
    "number": ("a number", _number),
    "real": ("a real number", _real),
    "plain": ("a real number", _instance(int, float)),  # Python's, of any size
    "scalar": ("a number", _number),  # one that counts for the dtype of the result
    "numbers": ("a list of numbers", _several(_number)),
    "int": ("an integer", _int),
    "whole": ("an integer", _whole),  # of any size, as Python has them
    "ints": ("a list of integers", _several(_int)),
    "axes": ("an integer or a tuple of integers", _axes),
    "outputs": ("an integer, None, or a tuple of them", _outputs),
    "bool": ("True or False", _instance(bool)),
    "str": ("a string", _instance(str)),
    "strs": ("a tuple of strings", _several(_instance(str))),
    "dim": ("an integer", _int),
    "dims": ("an integer or a tuple of integers", _ints),
    "sizes": ("integers", _ints),
    "dtype": ("a dtype", _dtype),
    "any": ("anything", lambda value: value),
}
