"""Which of Python's classes of errors an error of a file is: what `except` goes by."""

from __future__ import annotations

import re
from typing import Any

from gradcli.errors import (
    GradcliError,
    InputFault,
    LimitFault,
    NameFault,
    Span,
    SyntaxFault,
)
from gradcli.trace.values import Jump, Return

# each of Python's classes of errors, and PyTorch's, with the one that it is derived from
PARENTS = {
    "Exception": "BaseException", "KeyboardInterrupt": "BaseException",
    "GeneratorExit": "BaseException", "SystemExit": "BaseException",
    **dict.fromkeys((
        "ArithmeticError", "AssertionError", "AttributeError", "BufferError", "EOFError",
        "ImportError", "LookupError", "MemoryError", "NameError", "OSError", "RuntimeError",
        "StopIteration", "StopAsyncIteration", "SyntaxError", "TypeError", "ValueError", "Warning",
    ), "Exception"),
    **dict.fromkeys(("FloatingPointError", "OverflowError", "ZeroDivisionError"),
                    "ArithmeticError"),
    "ModuleNotFoundError": "ImportError", "IndexError": "LookupError", "KeyError": "LookupError",
    "UnboundLocalError": "NameError", "FileNotFoundError": "OSError", "FileExistsError": "OSError",
    "PermissionError": "OSError", "TimeoutError": "OSError",
    "NotImplementedError": "RuntimeError", "RecursionError": "RuntimeError",
    "_LinAlgError": "RuntimeError", "OutOfMemoryError": "RuntimeError",
    "GradcheckError": "RuntimeError",
    "IndentationError": "SyntaxError", "UnicodeError": "ValueError",
    **dict.fromkeys((
        "BytesWarning", "DeprecationWarning", "FutureWarning", "ImportWarning",
        "PendingDeprecationWarning", "ResourceWarning", "RuntimeWarning", "SyntaxWarning",
        "UnicodeWarning", "UserWarning",
    ), "Warning"),
}  # fmt: skip

# what the sentence of an error says of its class: the first that is found; what PyTorch raises
# besides are RuntimeErrors
_SENTENCES = tuple((re.compile(text), name) for name, text in (
    ("KeyError", r"^KeyError: "),
    ("ZeroDivisionError", r": division by zero$|^Expected num groups to be greater than 0"),
    ("OverflowError", r"is too large for a number|without overflow$"),
    ("RecursionError", r"^maximum recursion depth"),
    ("AssertionError", r"^Padding_idx must be"),
    ("_LinAlgError", r"could not be completed because|algorithm failed to converge"),
    ("NotImplementedError",
     r"\" not implemented for |^Input Error: |D input, but \w+ mode needs |^affine_grid only "
     r"|^Unrecognised padding|^Only 2D, 3D, 4D, 5D padding|^clamp is not supported"),
    ("TypeError",
     r"\bargument '\w+'.* must be |\(\) (takes|missing|needs)\b|\bgot (an unexpected|multiple val)"
     r"|\(\): argument .*must be|received an invalid combination|^argument '\w+' must be a Tensor"
     r"|object is not |object cannot be |cannot be called$|^unsupported operand|bad operand type"
     r"|not supported between|^`\S+` cannot (combine|compare|be applied)|indices must be integers"
     r"|^can only concatenate|has no len\(\)|^unhashable|^iteration over a 0-d|^len\(\) of a 0-d"
     r"|is not iterable$|^cannot unpack|^a tensor is made of numbers|^exceptions must derive"
     r"|does not support item|argument after \*\*|is no context for|^keywords must be"
     r"|MRO\)|^duplicate base class"),
    ("IndexError",
     r"^Dimension (out of range|specified)|out of bounds"
     r"|^(?!selected|kthvalue|target).*out of range"
     r"|^too many indices"
     r"|^invalid index of|^tensors used as indices|^only integers, slices|^The shape of the mask"
     r"|Index is supposed|^slice\(\) cannot be applied|Expected reduction dim|^pop from an? empty"),
    ("ValueError",
     r"non-empty list of Tensors|^min_val |probability has to be|one operand$|has negative entry"
     r"|is not a valid value for|^margin must be|both be None or neither|^Expected 1 or more dim"
     r"|batch_size|1D target must|^weight must be one-d|^Weights and input|(?i:target size \()"
     r"|^Fan in and"
     r"|is of incorrect size|step must be greater than zero|^expected sequence of length"
     r"|^align_corners option|^recompute_scale_factor|more than 1 value per channel|to unpack"
     r"|more than 1 spatial|^invalid literal|^math\.\w+\(.*is not defined"
     r"|^could not convert string|^Expected theta"
     r"|^range\(\) arg|arg is an empty sequence|must not be zero$"),
))  # fmt: skip


class Raised(GradcliError):
    """What `raise` has raised, on its way to an `except`: `value` is an object of the file."""

    def __init__(self, value: Any, lineage: tuple[str, ...], span: Span | None) -> None:
        super().__init__(lineage[0], span)
        self.value = value
        self.lineage = lineage


def lineage(name: str) -> tuple[str, ...]:
    """Return one of Python's classes of errors with those that it is derived from."""
    found = [name]
    while found[-1] in PARENTS:
        found.append(PARENTS[found[-1]])
    return tuple(found)


def class_of(error: GradcliError) -> str:
    """Return the name of Python's class that an error is of, as Python or PyTorch raise it."""
    if error.python:
        return error.python
    for pattern, name in _SENTENCES:
        if pattern.search(error.message):
            return name
    if isinstance(error, NameFault):
        return "AttributeError" if "has no" in error.message else "NameError"
    return "RuntimeError"


def is_a(error: GradcliError, name: str) -> bool:
    """Say whether an error is of one of Python's classes, or of one derived from it."""
    return name in (error.lineage if isinstance(error, Raised) else lineage(class_of(error)))


def can_be_caught(error: GradcliError) -> bool:
    """Say whether a file can catch an error: what bounds a run ends it."""
    return not isinstance(error, LimitFault | InputFault | SyntaxFault)


def outside(jump: Return | Jump) -> GradcliError:
    """Return the error for a `return`, `break` or `continue` that stands where it has no effect."""
    if isinstance(jump, Return):
        return SyntaxFault("'return' outside function", hint="give the result a name: `loss = …`")
    return SyntaxFault(f"'{jump.args[0]}' outside loop", hint="it stands inside `for … in …:`")
