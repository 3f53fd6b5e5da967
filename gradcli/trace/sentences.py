"""What Python says of a mistake, as an error of the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, Span
from gradcli.rule.signature import brief

# what our classes are called in Python's and PyTorch's sentences
CLASSES = {"Node": "Tensor", "UserFunction": "function", "Function": "function",
           "Namespace": "module", "Results": "tuple", "Size": "torch.Size",
           "Zip": "zip", "Enumerate": "enumerate"}  # fmt: skip


PYTHONS = (TypeError, ValueError, LookupError, RuntimeError, OverflowError)


def fault(error: Exception, span: Span | None = None, hint: str | None = None) -> ArgumentFault:
    """Return what Python raised as an error of the file, with Python's sentence."""
    text = sentence(error)
    if isinstance(error, KeyError):  # it says nothing but the key
        text = f"KeyError: {brief(*error.args)}"
    return ArgumentFault(text, span, hint)


@contextmanager
def python_errors(span: Span | None = None, hint: str | None = None) -> Iterator[None]:
    """Turn what Python raises into an error of the file."""
    try:
        yield
    except PYTHONS as error:
        raise fault(error, span, hint) from None


def sentence(error: Exception) -> str:
    """Return what Python says of an error, with the names that our classes have for a file."""
    if "index-sized" in str(error):  # an integer of more than 64 bits
        return "index out of range"
    words = "|".join(CLASSES)
    return re.sub(rf"\b({words})\b(?!\()", lambda m: CLASSES[m[0]], str(error))


def class_name(value: Any) -> str:
    """Return the name of a value's class, as Python's sentences have it."""
    name = "dtype" if isinstance(value, np.dtype) else type(value).__name__
    return CLASSES.get(name, name)
