"""What Python says of a mistake, as an error of the file."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, Span
from gradcli.rule.signature import brief
from gradcli.trace.values import Skipped

# what our classes are called in Python's and PyTorch's sentences
CLASSES = {"Node": "Tensor", "UserFunction": "function", "Function": "function",
           "Namespace": "module", "Results": "tuple", "Size": "torch.Size",
           }  # fmt: skip
# those that Python's sentences name with their module
LONG = {"Type": "type", "deque": "collections.deque", "OrderedDict": "collections.OrderedDict",
        "Default": "collections.defaultdict"}  # fmt: skip
PYTHONS = (TypeError, ValueError, LookupError, RuntimeError, OverflowError)


def fault(error: Exception, span: Span | None = None, hint: str | None = None) -> ArgumentFault:
    """Return what Python raised as an error of the file, with Python's sentence."""
    text = sentence(error)
    if isinstance(error, KeyError):  # it says nothing but the key
        text = f"KeyError: {brief(*error.args)}"
    found = ArgumentFault(text, span, hint)
    found.python = type(error).__name__
    if isinstance(error, KeyError):
        found.given = error.args
    return found


def python_errors(span: Span | None = None, hint: str | None = None) -> PythonErrors:
    """Return a context that turns what Python raises into an error of the file."""
    return PythonErrors(span, hint)


class PythonErrors:
    """The context of `python_errors`: a generator would take thrice the time."""

    __slots__ = ("hint", "span")

    def __init__(self, span: Span | None = None, hint: str | None = None) -> None:
        self.span, self.hint = span, hint

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, PYTHONS):
            raise fault(error, self.span, self.hint) from None


def sentence(error: Exception) -> str:
    """Return what Python says of an error, with the names that our classes have for a file."""
    if "index-sized" in str(error):  # an integer of more than 64 bits
        return "index out of range"
    words = "|".join(CLASSES)
    return re.sub(rf"\b({words})\b(?!\()", lambda m: CLASSES[m[0]], str(error))


def class_name(value: Any) -> str:
    """Return the name of a value's class, as Python's sentences have it."""
    if isinstance(value, Skipped):
        return value.name
    name = "dtype" if isinstance(value, np.dtype) else type(value).__name__
    if name == "Instance":
        return str(value.cls.name)
    return CLASSES.get(name) or LONG.get(name, name)
