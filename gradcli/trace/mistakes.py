"""What is wrong where no operation is to blame: unknown names, calls of what is no function."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from gradcli.errors import (
    ArgumentFault,
    GradcliError,
    InputFault,
    NameFault,
    Source,
    Span,
)
from gradcli.graph import Node
from gradcli.ops import FUNCTIONS as ROWS
from gradcli.rule.signature import GUESSED
from gradcli.syntax import tree
from gradcli.trace.attributes import ATTRIBUTES, METHODS
from gradcli.trace.builtins import names
from gradcli.trace.inputs import assigned_names, called_names
from gradcli.trace.values import Namespace, Results

# what NumPy and Python raise over arguments that no operation has refused; an AssertionError is not
# among them: it is a fault of the engine, and none of the file
UNFORESEEN = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    NotImplementedError,
)
LISTED = 20  # names in one message
NOT_COMPUTED = "cannot be computed with these values"
WHAT_TO_CHECK = "check their shapes, dtypes and ranges"

# what people use that is not here, and what to write instead
INSTEAD = {
    "open": 'load("data.npz") reads a data file',
    "input": "bind values on the command line: -s NAME=…, -p NAME=…, --data FILE",
    "bytes": "write a string",
    "bytearray": "write a list of integers",
    "cuda": "leave it out: tensors are on the CPU",
    "optim": "write the update by hand: with no_grad(): w -= 0.1 * w.grad",
    "Linear": "write F.linear(x, weight, bias), with parameters that the file makes",
    "Module": "write functions with `def`, and parameters with param(...)",
    "Sequential": "write functions with `def`, and parameters with param(...)",
}


def counted(n: int, noun: str) -> str:
    """Return a number of things: `1 argument`, `2 arguments`."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def nearest(name: str, known: Iterable[str], likeness: float = 0.6) -> list[str]:
    """Return the known name most like one that is not, if any is: long names are like nothing."""
    if len(name) > GUESSED:
        return []
    return get_close_matches(name, [k for k in known if len(k) <= GUESSED], 1, likeness)


def suggestion(name: str, known: Any) -> str | None:
    """Say what to write for a name that is not here: something else, or the nearest known name."""
    near = INSTEAD.get(name) or next(iter(nearest(name, known)), None)
    return near if near is None or name in INSTEAD else f"did you mean `{near}`?"


def unbound(program: tree.Program, missing: Mapping[str, Span]) -> GradcliError:
    """Return the error for names that the file reads, and that nothing binds."""
    known = [*assigned_names(program), *names()]
    called = called_names(program)
    for name, span in missing.items():
        if name in called:  # an input is a tensor, and no tensor can be called
            if hasattr(builtins, name):
                what = f"Python's `{name}` is not part of the language"
                return NameFault(what, span, INSTEAD.get(name))
            hint = suggestion(name, known) or f"define it with `def {name}(…):`"
            return NameFault(f"the function `{name}` is not defined", span, hint)
    first = list(missing)[:LISTED]
    more = f" and {len(missing) - LISTED:,} more" if len(missing) > LISTED else ""
    listed = ", ".join(f"`{name}`" for name in first) + more
    subject = "the input {} is" if len(missing) == 1 else "the inputs {} are"
    near = {name: nearest(name, known, 0.75) for name in first}
    guesses = [f"`{v[0]}`" + f" for `{k}`" * (len(missing) > 1) for k, v in near.items() if v]
    hint = "bind it with" if len(missing) == 1 else "bind them with"
    hint = f"{hint} {' '.join(f'-s {name}=…' for name in first)} (-p for a parameter), or --data"
    if guesses:
        hint = f"did you mean {', '.join(guesses)}? Otherwise {hint}"
    return InputFault(
        f"{subject.format(listed)} not bound", next(iter(missing.values())), f"{hint} FILE"
    )


def uncallable(value: Any, name: str | None) -> str | None:
    """Say what to write instead of a call of something that is no function."""
    if isinstance(value, Namespace):
        return f"call one of its functions: {value.path}.tensor(…)"
    if isinstance(value, Node | int | float | complex):
        if name is not None and (name in names() or hasattr(builtins, name)):
            return f"the file binds `{name}`, which hides the function: choose another name"
        return "write `*` for a product, and [ ] for an element"
    return None


def no_attribute(value: Any, name: str) -> str | None:
    """Say why a value that is no tensor lacks an attribute, where tensors have it."""
    if isinstance(value, Results) and value.names:
        return f"it has {', '.join(f'`{n}`' for n in value.names)}"
    if value is None:
        return "`.grad` of a leaf is None before backward(), and so is a function without `return`"
    if name in ATTRIBUTES or name in METHODS or name in ROWS:
        return "tensors have it: tensor(…) makes one"
    return None


def unforeseen(source: Source, span: Span) -> GradcliError:
    """Return the error for an expression over which NumPy or Python stumbled.

    It is the last resort, and a fault of gradcli: what they say, in words that are not the file's,
    is shown to nobody, unless GRADCLI_TRACEBACK is set.
    """
    text = source.snippet(span)
    text = text if len(text) <= 60 else text[:59] + "…"
    return ArgumentFault(f"`{text}` {NOT_COMPUTED}", span, WHAT_TO_CHECK, source)
