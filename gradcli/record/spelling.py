"""How a call of PyTorch is written in an expression file."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable
from functools import cache
from types import EllipsisType, FunctionType
from typing import Any

import numpy as np
import torch
from torch.overrides import resolve_name

Named = Callable[[torch.Tensor], str]
_TENSOR = "torch.Tensor."
_OPERATORS = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "true_divide": "/", "matmul": "@", "pow": "**",
    "gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "==", "ne": "!=", "and": "&", "or": "|",
    "xor": "^", "floordiv": "//", "floor_divide": "//", "mod": "%", "remainder": "%",
    "truediv": "/",
}  # fmt: skip
_MODULES = {
    "torch.nn.functional.": "F.", "torch._C._nn.": "F.", "torch.functional.": "torch.",
    "torch._VF.": "torch.", "torch._C._linalg.": "torch.linalg.",
    "torch._C._special.": "torch.special.", "torch._C._fft.": "torch.fft.",
}  # fmt: skip
# what says where a result lies, not what it is
_NOWHERE = {"device", "layout", "memory_format", "generator", "pin_memory", "non_blocking"}


class UnspelledError(Exception):
    """A call has an argument that the language has no word for."""


@cache
def name_of(function: Any) -> str:
    """Return the name of a function of PyTorch as `torch.Tensor.add`; "" where it has none."""
    found = resolve_name(function)
    if not isinstance(found, str):
        found = f"torch.{function.__name__}" if hasattr(function, "__name__") else ""
    return found


def spelled(function: Any, args: Any, keywords: dict[str, Any], named: Named) -> list[str]:
    """Return texts for a call, the best first; `named` gives the names of tensors.

    Raises: UnspelledError.
    """
    name, words = name_of(function), _words(function, keywords)
    if name.startswith(_TENSOR):
        return _method(name.removeprefix(_TENSOR), args, words, named)
    called = name
    for module, short in _MODULES.items():
        if name.startswith(module):
            called = short + name.removeprefix(module)
    texts = [f"{called}({_listed(args, words, named)})"]
    last = called.rpartition(".")[2]
    if args and isinstance(args[0], torch.Tensor):
        texts.append(f"{text(args[0], named)}.{last}({_listed(args[1:], words, named)})")
    return texts


def _method(name: str, args: Any, words: dict[str, Any], named: Named) -> list[str]:
    first, *rest = args
    owner = text(first, named)
    if name.endswith(".__get__"):
        return [f"{owner}.{name.removesuffix('.__get__')}"]
    if name == "__getitem__":
        return [f"{owner}[{_subscript(rest[0], named)}]"]
    if name == "__setitem__":
        return [f"{owner}[{_subscript(rest[0], named)}] = {text(rest[1], named)}"]
    plain = name.strip("_")
    if not words and len(rest) == 1 and not name.endswith("_") | (name[:2] == "__"):
        sign = _OPERATORS.get(plain)
        if sign:
            return [
                f"{owner} {sign} {text(rest[0], named)}",
                f"{owner}.{name}({text(rest[0], named)})",
            ]
    if name.startswith("__") and not words:
        if len(rest) == 1 and plain in _OPERATORS:
            return [f"{owner} {_OPERATORS[plain]} {text(rest[0], named)}"]
        if len(rest) == 1 and plain[1:] in _OPERATORS and plain[0] == "r":
            return [f"{text(rest[0], named)} {_OPERATORS[plain[1:]]} {owner}"]
        if len(rest) == 1 and plain[1:] in _OPERATORS and plain[0] == "i":
            return [f"{owner} {_OPERATORS[plain[1:]]}= {text(rest[0], named)}"]
        unary = {"rdiv": "/", "invert": "~", "neg": "-", "pos": "+", "abs": "abs"}.get(plain)
        if plain == "rdiv":
            return [f"{text(rest[0], named)} / {owner}"]
        if unary and not rest:
            return [f"abs({owner})" if unary == "abs" else f"{unary}{owner}"]
    if name == "neg" and not rest:
        return [f"-{owner}"]
    listed = _listed(rest, words, named)
    return [f"{owner}.{name}({listed})", f"torch.{name}({_listed(args, words, named)})"]


def _words(function: Any, keywords: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords that say something."""
    defaults = _defaults(function) if isinstance(function, FunctionType) else {}
    return {
        word: value
        for word, value in keywords.items()
        if word not in _NOWHERE
        if not (word in defaults and _is_default(value, defaults[word]))
        if not (word in ("dtype", "out") and value is None)
    }


def _is_default(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and bool(value == default))


@cache
def _defaults(function: Any) -> dict[str, Any]:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}
    return {n: p.default for n, p in parameters.items() if p.default is not p.empty}


def _listed(args: Iterable[Any], words: dict[str, Any], named: Named) -> str:
    given = [text(x, named) for x in args if not isinstance(x, torch.Generator)]
    return ", ".join([*given, *(f"{word}={text(x, named)}" for word, x in words.items())])


def text(value: Any, named: Named) -> str:
    """Return an argument as the language has it.

    Raises: UnspelledError.
    """
    if isinstance(value, torch.Tensor):
        return named(value)
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, int | float | complex):
        return _number(value)
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, torch.dtype):
        return str(value)
    if isinstance(value, tuple | list):
        items = [text(x, named) for x in value]
        if isinstance(value, list):
            return f"[{', '.join(items)}]"
        return f"({', '.join(items)}{',' * (len(items) == 1)})"
    raise UnspelledError(type(value).__name__)


def _number(value: Any) -> str:
    if isinstance(value, int):  # also of a class of its own
        return repr(int(value))
    if isinstance(value, complex):
        return repr(complex(value))
    real = float(value)
    return repr(real) if np.isfinite(real) else f'float("{real}")'


def _subscript(index: Any, named: Named) -> str:
    if isinstance(index, tuple) and index:
        return ", ".join(_part(x, named) for x in index) + "," * (len(index) == 1)
    return _part(index, named)


def _part(index: Any, named: Named) -> str:
    if isinstance(index, EllipsisType):
        return "..."
    if isinstance(index, slice):
        ends = ["" if x is None else text(x, named) for x in (index.start, index.stop)]
        step = "" if index.step is None else f":{text(index.step, named)}"
        return f"{ends[0]}:{ends[1]}{step}"
    if isinstance(index, np.ndarray | range):
        return text(list(index), named)
    return text(index, named)
