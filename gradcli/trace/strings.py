"""The methods of strings, and `%`: texts are made of values as `print` shows them."""

from __future__ import annotations

import _string  # type: ignore[import-not-found]  # splits a field, as str.format does
import re
import string
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.errors import ArgumentFault, LimitFault
from gradcli.graph import Node
from gradcli.rule.signature import Signature
from gradcli.trace.sentences import class_name
from gradcli.trace.values import Results, check_size

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Run = Callable[..., Any]  # run(tracer, value, *arguments)
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
        """Return what `{0.shape[1]}` stands for, read as the file itself would read it."""
        first, rest = _string.formatter_field_name_split(field)
        value = self.get_value(first, args, kwargs)
        for is_attribute, name in rest:
            read = self.tracer.member if is_attribute else self.tracer.item
            value = read(value, name)
        return value, first

    def convert_field(self, value: Any, conversion: str | None) -> Any:
        if conversion is None:
            return value
        if conversion not in ("s", "r", "a"):
            raise ValueError(f"Unknown conversion specifier {conversion!s}")
        found = self.tracer.text(value, quoted=conversion != "s")
        return ascii_of(found) if conversion == "a" else found

    def format_field(self, value: Any, form: str) -> str:
        found = self.tracer.formatted(value, form)
        self.size += len(found)
        check_size(self.size, "characters")
        return found


def ascii_of(text: str) -> str:
    """Return a text with escapes for what is not ASCII, as `ascii` and `!a` write it."""
    return text.encode("ascii", "backslashreplace").decode("ascii")


def _format(tracer: Tracer, text: str, /, *args: Any, **keywords: Any) -> str:
    found = _Formatter(tracer).vformat(text, args, keywords)
    check_size(len(found), "characters")
    return found


def _format_map(tracer: Tracer, text: str, values: Any) -> str:
    if not isinstance(values, dict):
        raise TypeError("format_map() takes a dictionary here")
    found = _Formatter(tracer).vformat(text, (), values)
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


class Method(NamedTuple):
    """A method of one of Python's values: its signature, and what it does with the arguments.

    Where there is no signature it takes any number of them. `words` says whether Python takes them
    by their names: not at all, "too" or "only" so.
    """

    signature: Signature | None
    run: Run
    words: str = ""

    def arguments(
        self, name: str, args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return a call's arguments in the order of the signature, to the last that is given.

        Raises: ArgumentFault where they do not fit it.
        """
        if keywords and not self.words:
            raise ArgumentFault(f"{name}() takes no keyword arguments: `{next(iter(keywords))}=`")
        if args and self.words == "only":
            raise ArgumentFault(f"{name}() takes its arguments by name: {self.signature}")
        if self.signature is None:
            return args, keywords
        bound = self.signature.bound(args, keywords)
        last = max((i for i, word in enumerate(bound, 1) if i <= len(args) or word in keywords),
                   default=0)  # fmt: skip
        return tuple(bound.values()) if self.words == "only" else tuple(bound.values())[:last], {}


def named(make: Callable[[str], Run], texts: str, words: str = "") -> dict[str, Method]:
    """Return methods by their names, each made of its name, of signatures with `;` between them."""
    found = map(Signature, texts.split("; "))
    return {signature.name: Method(signature, make(signature.name), words) for signature in found}


def _join(tracer: Tracer, text: str, items: Any) -> str:
    if isinstance(items, int | float | complex | None):
        raise TypeError("can only join an iterable")
    found = []
    size = 0
    for item in tracer.iterate(items):
        found.append(item)
        size += len(text) + (len(item) if isinstance(item, str) else 0)
        check_size(size, "characters")
    return text.join(found)


def own(name: str) -> Run:
    """Return Python's own method, whose result is no longer than the value."""

    def method(tracer: Tracer, value: Any, *args: Any) -> Any:
        return getattr(value, name)(*args)

    return method


def _filled(name: str) -> Run:
    """Return Python's own method that fills a text up to a width."""

    def method(tracer: Tracer, text: str, width: int, *filling: str) -> str:
        check_size(width, "characters")
        return str(getattr(text, name)(width, *filling))

    return method


def _replace(tracer: Tracer, text: str, old: str, new: str, *count: int) -> str:
    check_size(len(text) + text.count(old) * len(new), "characters")
    return text.replace(old, new, *count)


def _expand_tabs(tracer: Tracer, text: str, size: int = 8) -> str:
    check_size(len(text) + text.count("\t") * max(size, 0), "characters")
    return text.expandtabs(size)


def _translate(tracer: Tracer, text: str, table: Any) -> str:
    if not isinstance(table, dict):
        raise TypeError("translate() takes the dictionary that str.maketrans() gives")
    for x in table.values():
        if not isinstance(x, str | int | None):
            raise TypeError("character mapping must return integer, None or str")
    longest = max((len(x) for x in table.values() if isinstance(x, str)), default=1)
    check_size(len(text) * longest, "characters")
    return text.translate(table)


def _encode(tracer: Tracer, text: str, *encoding: str) -> Any:
    raise TypeError("bytes are not part of the language: a text stays a text")


_PLACES = "(sub: str, start: int = None, end: int = None)"
_ENDS = "(prefix: str|strs, start: int = None, end: int = None)"

METHODS: dict[str, Method] = {
    **named(own, "upper(); lower(); title(); capitalize(); swapcase(); casefold(); isdigit(); "
            "isdecimal(); isnumeric(); isalpha(); isalnum(); isspace(); isupper(); islower(); "
            "istitle(); isidentifier(); isascii(); isprintable(); strip(chars: str = None); "
            "lstrip(chars: str = None); rstrip(chars: str = None); partition(sep: str); "
            "rpartition(sep: str); removeprefix(prefix: str); removesuffix(suffix: str); "
            f"count{_PLACES}; find{_PLACES}; rfind{_PLACES}; index{_PLACES}; rindex{_PLACES}; "
            f"startswith{_ENDS}; endswith{_ENDS}"),
    **named(own, "split(sep: str = None, maxsplit: int = -1); splitlines(keepends: bool = False); "
            "rsplit(sep: str = None, maxsplit: int = -1)", "too"),
    **named(_filled, "center(width: int, fillchar: str = ' '); zfill(width: int); "
            "ljust(width: int, fillchar: str = ' '); rjust(width: int, fillchar: str = ' ')"),
    **named(lambda name: _join, "join(iterable: any)"),
    **named(lambda name: _replace, "replace(old: str, new: str, count: int = -1)"),
    **named(lambda name: _expand_tabs, "expandtabs(tabsize: int = 8)", "too"),
    **named(lambda name: _translate, "translate(table: any)"),
    **named(lambda name: _encode, "encode(encoding: str = 'utf-8', errors: str = 'strict')", "too"),
    **named(lambda name: _format_map, "format_map(mapping: any)"),
    "format": Method(None, _format, "too"),
}  # fmt: skip
