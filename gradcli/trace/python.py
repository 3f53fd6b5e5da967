"""Python's own functions: on tensors they are operations, on what is no tensor Python's."""

from __future__ import annotations

from math import gcd, isfinite
from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault
from gradcli.graph import Node
from gradcli.ops import FUNCTIONS as ROWS
from gradcli.rule.rule import number
from gradcli.rule.signature import Signature
from gradcli.trace import classes, iterators, kinds, objects
from gradcli.trace.budgets import kept
from gradcli.trace.calls import Args, Keywords, any_node, only, row_function
from gradcli.trace.classes import Instance, special
from gradcli.trace.containers import CONTAINERS, items_of, sort
from gradcli.trace.conversions import MOST_DIGITS
from gradcli.trace.sentences import class_name, fault, python_errors
from gradcli.trace.skipped import Bar, Grid
from gradcli.trace.strings import ascii_of
from gradcli.trace.values import Function, Skipped, described, is_numeric_list

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer


def _iterable(x: Any) -> bool:
    return isinstance(x, (Instance, *CONTAINERS)) or hasattr(x, "__next__")


def _row(name: str, tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    if args and not isinstance(args[0], Node | list) and not any_node((*args, *keywords.values())):
        if len(args) == 1 and not _iterable(args[0]):
            raise ArgumentFault(f"'{class_name(args[0])}' object is not iterable")
        given = ", ".join(described(x) for x in args)
        raise ArgumentFault(f"{name}() takes a tensor or a sequence, not {given}")
    return row_function(ROWS[name], name).run(tracer, args, keywords)


SUM = Signature("sum(iterable: any, start: any = 0)")


def _sum(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    if not args or not _iterable(args[0]) or keywords.keys() - {"start"}:
        return _row("sum", tracer, args, keywords)
    values, total = SUM.bind(args, keywords).values()
    if isinstance(total, str):
        raise ArgumentFault("sum() can't sum strings [use ''.join(seq) instead]")
    items = items_of(tracer, values)
    if number(total) and all(number(x) for x in items):
        return sum(items, total)
    for item in items:
        total = tracer.binary("+", total, item)
    return total


def _extremum(name: str, sign: str) -> Any:
    """Make `max` or `min`: Python's gives one of the items, and the gradient goes to that one."""

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        keyed = "key" in keywords and args and isinstance(args[0], Node)  # of a tensor's elements
        alone = len(args) == 1 and bool(keyed or _iterable(args[0]))
        plain = [x for x in args if not isinstance(x, Node)]
        several = len(args) > 1 and (
            any(isinstance(x, float) for x in plain)
            or len(plain) == len(args)
            or (bool(plain) and isinstance(args[0], Node) and not args[0].shape)  # no axis to name
        )
        if not (alone or several) or keywords.keys() - {"key", "default"}:
            return _row(name, tracer, args, keywords)
        if several and "default" in keywords:
            raise ArgumentFault(
                f"Cannot specify a default for {name}() with multiple positional arguments"
            )
        found, rank, key = None, None, keywords.get("key")
        items = items_of(tracer, args[0]) if alone else list(args)
        for i, x in enumerate(items):
            size = x if key is None else tracer.call(key, (x,), {})
            if not i or tracer.truth(tracer.compare(sign, size, rank)):
                found, rank = x, size
        if not items and "default" not in keywords:
            raise ArgumentFault(
                f"{name}() arg is an empty sequence", hint="default=… says what it is then"
            )
        return found if items else keywords["default"]

    return run


def _quantified(name: str, stops: bool) -> Any:
    """`any` and `all`: of a tensor operations, of what is no tensor Python's."""

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        if len(args) != 1 or keywords or not _iterable(args[0]):
            return _row(name, tracer, args, keywords)
        return any(tracer.truth(x) == stops for x in tracer.iterate(args[0])) == stops

    return run


SORTED = Signature("sorted(iterable: any, key: any = None, reverse: whole = False)")


def _sorted(tracer: Tracer, args: Args, keywords: Keywords) -> list[Any]:
    iterable, key, reverse = SORTED.bind(args, keywords).values()
    found = items_of(tracer, iterable)
    sort(tracer, found, key=key, reverse=reverse)
    return kept(tracer, found)


def _len(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    x = only(args, keywords, "len")
    if isinstance(x, Node):
        if not x.shape:
            raise ArgumentFault("len() of a 0-d tensor")
        return x.shape[0]
    if isinstance(x, Instance):
        return _length(tracer, x)
    if isinstance(x, CONTAINERS):
        return len(x)
    if isinstance(x, Bar):
        return _len(tracer, (x.items,), {})
    if isinstance(x, Grid):
        return x.shape[0]
    raise ArgumentFault(f"object of type '{class_name(x)}' has no len()")


def _on_numbers(text: str, function: Any) -> Any:
    """Make a function that is Python's on numbers, and the operation of its name on tensors."""
    signature = Signature(text)

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        own = special(tracer, args[0], f"__{signature.name}__") if args else None
        if own is not None:
            return own(*args[1:], *keywords.values())
        if any_node((*args, *keywords.values())) or is_numeric_list(args[0] if args else None):
            return _row(signature.name, tracer, args, keywords)
        return function(tracer, *signature.bind(args, keywords).values())

    return run


def _abs(tracer: Tracer, x: Any) -> Any:
    if not number(x):
        raise fault(TypeError(f"bad operand type for abs(): '{class_name(x)}'"))
    try:
        return abs(x)
    except OverflowError:  # of a complex number
        raise ArgumentFault(f"abs({x}) is too large for a number") from None


def _round(tracer: Tracer, x: Any, digits: int | None) -> Any:
    if digits is None and isinstance(x, float) and not isfinite(x):
        raise ArgumentFault(f"round({x}): no integer is near to it", hint="round(x, 0) is a float")
    try:
        return round(x, digits and max(-MOST_DIGITS, min(digits, MOST_DIGITS)))
    except OverflowError:
        raise ArgumentFault(f"round({x}, {digits}) is too large for a number") from None


def _power(tracer: Tracer, base: Any, exponent: Any, mod: Any) -> Any:
    if mod is None:
        return tracer.binary("**", base, exponent)  # keeps integers within bounds
    if not all(isinstance(x, int) for x in (base, exponent, mod)) or not mod:
        raise ArgumentFault("pow() takes a modulus, which is not 0, with integers only")
    if exponent < 0 and gcd(base, mod) != 1:
        raise ArgumentFault(f"pow(): {base} has no inverse modulo {mod}")
    return pow(base, exponent, mod)


def _print(tracer: Tracer, args: Args, keywords: Keywords) -> None:
    for word, value in keywords.items():
        if word not in ("sep", "end", "flush", "file"):
            raise ArgumentFault(
                f"print() got an unexpected keyword argument '{word}'",
                hint="the signature is `print(…, sep=' ', end='\\n')`",
            )
        if word in ("sep", "end") and not isinstance(value, str | None):
            raise ArgumentFault(f"{word} must be None or a string, not {described(value)}")
    separator, end = keywords.get("sep"), keywords.get("end")
    text = (" " if separator is None else separator).join(tracer.text(x) for x in args)
    if isinstance(keywords.get("file"), Skipped):
        return
    if keywords.get("file") is not None and _to(keywords["file"]) == "sys.stderr":
        tracer.notice(text)
        return
    tracer.write(text + ("\n" if end is None else end))


def _to(stream: Any) -> str:
    """Return which stream `print(file=…)` means.

    Raises: ArgumentFault where it is none.
    """
    name = getattr(stream, "name", None) if isinstance(stream, Function) else None
    if name not in ("sys.stdout", "sys.stderr"):
        raise ArgumentFault(
            f"print() writes to no file: {described(stream)}",
            hint="file=sys.stderr and file=sys.stdout are all",
        )
    return str(name)


def _length(tracer: Tracer, x: Instance) -> int:
    size = special(tracer, x, "__len__")
    if size is None:
        raise fault(TypeError(f"object of type '{class_name(x)}' has no len()"))
    found = size()
    if not isinstance(found, int):
        raise fault(TypeError(f"'{class_name(found)}' object cannot be interpreted as an integer"))
    if found < 0:
        raise fault(ValueError("__len__() should return >= 0"))
    return found


def _divmod(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    if keywords:
        raise fault(TypeError("divmod() takes no keyword arguments"))
    if len(args) != 2:
        raise fault(TypeError(f"divmod expected 2 arguments, got {len(args)}"))
    for owner, method, other in zip(args, ("__divmod__", "__rdivmod__"), args[::-1], strict=True):
        own = special(tracer, owner, method)
        if own is not None:
            return own(other)
    if any(isinstance(x, complex | str | list | tuple | dict | set | None) for x in args):
        names = " and ".join(f"'{class_name(x)}'" for x in args)
        raise fault(TypeError(f"unsupported operand type(s) for divmod(): {names}"))
    return tracer.binary("//", *args), tracer.binary("%", *args)


def _ord(tracer: Tracer, x: Any) -> int:
    if not isinstance(x, str):
        raise fault(TypeError(f"ord() expected string of length 1, but {class_name(x)} found"))
    with python_errors():
        return ord(x)


def _chr(tracer: Tracer, x: Any) -> str:
    with python_errors():
        return chr(_index(x))


def _index(x: Any) -> int:
    if isinstance(x, Node) and x.is_index:
        return int(x.__index__())
    if not isinstance(x, int):
        raise TypeError(f"'{class_name(x)}' object cannot be interpreted as an integer")
    return x


def _in_base(name: str) -> Any:
    written = {"bin": bin, "oct": oct, "hex": hex}[name]

    def run(tracer: Tracer, x: Any) -> str:
        with python_errors():
            return written(_index(x))

    return run


def _format(tracer: Tracer, args: Args, keywords: Keywords) -> str:
    if keywords:
        raise fault(TypeError("format() takes no keyword arguments"))
    if not 1 <= len(args) <= 2:
        raise fault(TypeError(f"format expected 1 to 2 arguments, got {len(args)}"))
    value, form = args[0], args[1] if len(args) == 2 else ""
    if not isinstance(form, str):
        raise fault(TypeError(f"format() argument 2 must be str, not {class_name(form)}"))
    with python_errors():
        return kept(tracer, tracer.formatted(value, form))


def _ascii(tracer: Tracer, x: Any) -> str:
    return ascii_of(tracer.text(x, quoted=True))


def _one(name: str, function: Any) -> Any:
    """Make a function of one argument, which has no name."""
    return lambda tracer, args, keywords: function(tracer, only(args, keywords, name))


PYTHON: dict[str, Any] = {
    **classes.FUNCTIONS, **kinds.PYTHON, **kinds.FUNCTIONS, **iterators.FUNCTIONS,
    **objects.FUNCTIONS,
    "sum": _sum, "max": _extremum("max", ">"), "min": _extremum("min", "<"), "len": _len,
    "any": _quantified("any", True), "all": _quantified("all", False), "sorted": _sorted,
    "repr": lambda tracer, args, keywords: tracer.text(only(args, keywords, "repr"), quoted=True),
    "print": _print, "divmod": _divmod, "format": _format,
    "ord": _one("ord", _ord), "chr": _one("chr", _chr), "ascii": _one("ascii", _ascii),
    **{name: _one(name, _in_base(name)) for name in ("bin", "oct", "hex")},
    "round": _on_numbers("round(number: plain, ndigits: whole = None)", _round),
    "abs": _on_numbers("abs(x: any)", _abs),
    "pow": _on_numbers("pow(base: any, exp: any, mod: any = None)", _power),
}  # fmt: skip
