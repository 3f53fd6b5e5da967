"""What is wrong where no operation is to blame: unknown names, calls of what is no function."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping
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
from gradcli.rule.spelling import nearest
from gradcli.syntax import tree
from gradcli.trace.attributes import ATTRIBUTES, METHODS
from gradcli.trace.builtins import MODULES, member, names
from gradcli.trace.elsewhere import of_module, of_name
from gradcli.trace.inputs import assigned_names, called_names
from gradcli.trace.prelude import names as names_of_prelude
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


def counted(n: int, noun: str) -> str:
    """Return a number of things: `1 argument`, `2 arguments`."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def suggestion(name: str, known: Iterable[str]) -> str | None:
    """Say what to write for a name that is not here: something else, or the nearest known name."""
    if (instead := of_name(name)) is not None:
        return instead
    return next((f"did you mean `{near}`?" for near in nearest(name, known)), None)


def of_member(module: Namespace, name: str) -> str | None:
    """Say what to write for a name that a module lacks: something else, or one that it has."""
    instead = of_module(f"{module.path}.{name}") or of_name(name, module.path)
    if instead is not None:
        return instead
    prefix = MODULES.get(module.path, module.path)
    found = nearest(name, [*names_of_prelude(prefix), *(n.rpartition(".")[2] for n in names())])
    return next((f"did you mean `{n}`?" for n in found if member(module, n) is not None), None)


def unbound(program: tree.Program, missing: Mapping[str, Span]) -> GradcliError:
    """Return the error for names that the file reads, and that nothing binds."""
    known = [*assigned_names(program), *names()]
    called = called_names(program)
    for name, span in missing.items():
        if name in called:  # an input is a tensor, and no tensor can be called
            if hasattr(builtins, name):
                what = f"Python's `{name}` is not part of the language"
                return NameFault(what, span, of_name(name))
            hint = suggestion(name, known) or f"define it with `def {name}(…):`"
            return NameFault(f"the function `{name}` is not defined", span, hint)
    first = list(missing)[:LISTED]
    more = f" and {len(missing) - LISTED:,} more" if len(missing) > LISTED else ""
    listed = ", ".join(f"`{name}`" for name in first) + more
    subject = "the input {} is" if len(missing) == 1 else "the inputs {} are"
    near = {name: nearest(name, known) for name in first}
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
