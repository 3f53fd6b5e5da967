"""The methods of strings, and `%`: texts are made of values as `print` shows them."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping, Sequence
from operator import index
from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault, LimitFault
from gradcli.graph import Node
from gradcli.trace.sentences import class_name
from gradcli.trace.values import Results, check_size

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

MAX_WIDTH = 10_000  # to which a format fills a value up


def check_width(form: str) -> int:
    """Return the sum of the widths of a format, after refusing what fills up beyond reason.

    Raises: LimitFault.
    """
    numbers = re.findall(r"\d+", form)
    if any(len(digits.lstrip("0")) > len(str(MAX_WIDTH)) for digits in numbers) or any(
        int(digits) > MAX_WIDTH for digits in numbers
    ):
        raise LimitFault(f"a format wider than {MAX_WIDTH:,} characters")
    return sum(map(int, numbers))


# ---- format and % --------------------------------------------------------------------------


class _Formatter(string.Formatter):
    """`str.format`, which reaches the items of a value, and nothing else of it."""

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer
        self.size = 0  # characters of the fields so far

    def get_value(self, key: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        if isinstance(key, int) and key >= len(args):
            raise IndexError(f"Replacement index {key} out of range for positional args tuple")
        return args[key] if isinstance(key, int) else kwargs[key]

    def get_field(self, field: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        name, *items = re.split(r"[\[.]", field)
        if "." in field or any(not item.endswith("]") for item in items):
            raise ArgumentFault(
                f"the field `{{{field}}}` of a format is more than a name and items",
                hint="give format() the value itself: '{}'.format(x.shape)",
            )
        key: Any = int(name) if name.isdigit() else name
        value = self.get_value(key, args, kwargs)
        for item in items:
            if not isinstance(value, list | tuple | dict | str | Results):
                raise TypeError(f"'{class_name(value)}' object is not subscriptable")
            at: Any = int(item[:-1]) if item[:-1].isdigit() else item[:-1]
            value = value[at]
        return value, key

    def convert_field(self, value: Any, conversion: str | None) -> Any:
        if conversion is None:
            return value
        return self.tracer.text(value, quoted=conversion != "s")

    def format_field(self, value: Any, form: str) -> str:
        found = self.tracer.formatted(value, form)
        self.size += len(found)
        check_size(self.size, "characters")
        return found


def _format(tracer: Tracer, text: str, /, *args: Any, **keywords: Any) -> str:
    found = _Formatter(tracer).vformat(text, args, keywords)
    check_size(len(found), "characters")
    return found


class _Text:
    """A value whose text `%` takes."""

    def __init__(self, tracer: Tracer, value: Any) -> None:
        self.tracer = tracer
        self.value = value

    def __str__(self) -> str:
        return self.tracer.text(self.value)

    def __repr__(self) -> str:
        return self.tracer.text(self.value, quoted=True)


class _Number(_Text):
    """A tensor whose text or number `%` takes."""

    def __float__(self) -> float:
        return float(self.value.value.item())

    def __int__(self) -> int:
        return int(self.value.value.item())


def percent(tracer: Tracer, text: str, values: Any) -> str:
    """Carry out `text % values`.

    Raises: TypeError, ValueError and KeyError, as Python does.
    """
    widths = check_width(text)
    count = text.count("%") if isinstance(values, dict) else 1  # times that one may be written

    def taken(value: Any) -> Any:
        nonlocal widths
        if isinstance(value, Node):
            return _Number(tracer, value)
        if isinstance(value, int) and "*" in text:
            widths += check_width(str(abs(value)))
        if isinstance(value, str):
            widths += count * len(value)
        check_size(widths, "characters")
        if value is None or isinstance(value, int | float | complex | str):
            return value
        return type(class_name(value), (_Text,), {})(tracer, value)

    if isinstance(values, tuple | Results):
        found = text % tuple(map(taken, values))
    elif isinstance(values, dict):
        found = text % {k: taken(v) for k, v in values.items()}
    else:
        found = text % taken(values)
    check_size(len(found), "characters")
    return found


# ---- methods -------------------------------------------------------------------------------


def _join(tracer: Tracer, text: str, items: Any, /) -> str:
    if isinstance(items, int | float | complex | None):
        raise TypeError("can only join an iterable")
    found = []
    size = 0
    for item in tracer.iterate(items):
        found.append(item)
        size += len(text) + (len(item) if isinstance(item, str) else 0)
        check_size(size, "characters")
    return text.join(found)


def own(name: str) -> Callable[..., Any]:
    """Return Python's own method, whose result is no longer than the value."""

    def method(tracer: Tracer, value: Any, /, *args: Any, **keywords: Any) -> Any:
        return getattr(value, name)(*args, **keywords)

    return method


def _filled(name: str) -> Callable[..., Any]:
    """Return Python's own method that fills a text up to a width."""

    def method(tracer: Tracer, text: str, /, *args: Any, **keywords: Any) -> Any:
        if args and hasattr(args[0], "__index__"):
            check_size(index(args[0]), "characters")
        return getattr(text, name)(*args, **keywords)

    return method


def _replace(tracer: Tracer, text: str, /, *args: Any, **keywords: Any) -> str:
    if len(args) > 1 and isinstance(args[0], str) and isinstance(args[1], str):
        check_size(len(text) + text.count(args[0]) * len(args[1]), "characters")
    return text.replace(*args, **keywords)


def named(make: Callable[[str], Any], names: str) -> dict[str, Any]:
    """Return methods by their names, each made of its name."""
    return {name: make(name) for name in names.split()}


METHODS: dict[str, Callable[..., Any]] = {
    **named(own, "upper lower title capitalize swapcase casefold strip lstrip rstrip split rsplit "
            "splitlines partition rpartition removeprefix removesuffix startswith endswith count "
            "find rfind index rindex isdigit isdecimal isnumeric isalpha isalnum isspace isupper "
            "islower istitle isidentifier isascii isprintable"),
    **named(_filled, "center ljust rjust zfill"),
    "join": _join, "replace": _replace, "format": _format,
}  # fmt: skip
