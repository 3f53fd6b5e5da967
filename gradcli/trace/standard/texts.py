"""`json`, `pprint`, `textwrap`, `string`: values as texts, and texts made over."""

from __future__ import annotations

import json
import string
import textwrap
from typing import TYPE_CHECKING, Any

from gradcli.errors import LimitFault
from gradcli.graph import Node
from gradcli.rule.nesting import MAX_NESTING
from gradcli.rule.signature import Signature
from gradcli.trace.budgets import kept
from gradcli.trace.calls import Args, Keywords
from gradcli.trace.sentences import class_name, fault, python_errors
from gradcli.trace.values import Function, Results, check_size

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

DUMPS = Signature(
    "dumps(obj: any, skipkeys: bool = False, ensure_ascii: bool = True, allow_nan: bool = True, "
    "indent: any = None, separators: any = None, default: any = None, sort_keys: bool = False)"
)
LOADS = Signature("loads(s: str)")
PRINT = Signature(
    "pprint(object: any, indent: whole = 1, width: whole = 80, depth: any = None, "
    "sort_dicts: bool = True)"
)
MOST_INDENT = 100


def _plain(tracer: Tracer, value: Any, default: Any, depth: int = 0) -> Any:
    """Return a value of lists, dictionaries, texts and numbers alone, as JSON has them.

    Raises: ArgumentFault, with Python's sentence, where it has something else.
    """
    tracer.graph.spend()
    if depth > MAX_NESTING:
        raise LimitFault(f"values more than {MAX_NESTING} deep in one another, or in themselves")
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str | int | float | None):
                said = "keys must be str, int, float, bool or None, not "
                raise fault(TypeError(said + class_name(key)))
        return {k: _plain(tracer, x, default, depth + 1) for k, x in value.items()}
    if isinstance(value, list | tuple | Results):
        return [_plain(tracer, x, default, depth + 1) for x in value]
    if value is None or isinstance(value, str | int | float):
        return value
    if default is not None:
        return _plain(tracer, tracer.call(default, (value,), {}), default, depth + 1)
    hint = "x.tolist() is a list, x.item() a number" if isinstance(value, Node) else None
    said = f"Object of type {class_name(value)} is not JSON serializable"
    raise fault(TypeError(said), hint=hint)


def _dumps(tracer: Tracer, args: Args, keywords: Keywords) -> str:
    given = DUMPS.bound(args[:1], keywords) if len(args) < 2 else DUMPS.bound(args, keywords)
    value = _plain(tracer, given.pop("obj"), given.pop("default"))
    indent, separators = given["indent"], given["separators"]
    if not isinstance(indent, int | str | None) or (
        (len(indent) if isinstance(indent, str) else indent or 0) > MOST_INDENT
    ):
        raise fault(ValueError(f"indent is None, a text, or a number up to {MOST_INDENT}"))
    if separators is not None and not (
        isinstance(separators, tuple | list)
        and len(separators) == 2
        and all(isinstance(x, str) and len(x) <= MOST_INDENT for x in separators)
    ):
        raise fault(ValueError("separators are two short texts"))
    with python_errors():
        found = json.dumps(value, **given)
    check_size(len(found), "characters")
    return kept(tracer, found)


def _loads(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    text = LOADS.bound(args, keywords)["s"]
    depth = 0
    for char in text:
        depth += (char in "[{") - (char in "]}")
        if depth > MAX_NESTING:
            raise LimitFault(f"JSON more than {MAX_NESTING} deep")
    tracer.graph.charge(8 * len(text), "what JSON holds")
    with python_errors():
        return json.loads(text)


def _pformat(tracer: Tracer, args: Args, keywords: Keywords) -> str:
    """Return a value as `pprint` shows it where it fits a line.

    Raises: ArgumentFault where it does not: how Python breaks its lines is not here.
    """
    given = PRINT.bound(args, keywords)
    value = given["object"]
    if isinstance(value, dict) and given["sort_dicts"]:
        with python_errors():
            value = dict(sorted(value.items(), key=lambda pair: pair[0]))
    found = tracer.text(value, quoted=True)
    if isinstance(value, list | tuple | dict | set) and len(found) > given["width"]:
        raise fault(
            ValueError("pprint breaks no lines here: this value takes more than one"),
            hint="print(x), or json.dumps(x, indent=2)",
        )
    return found


def _pprint(tracer: Tracer, args: Args, keywords: Keywords) -> None:
    tracer.write(_pformat(tracer, args, keywords) + "\n")


def _dedent(tracer: Tracer, args: Args, keywords: Keywords) -> str:
    text = Signature("dedent(text: str)").bound(args, keywords)["text"]
    return kept(tracer, textwrap.dedent(text))


def _indent(tracer: Tracer, args: Args, keywords: Keywords) -> str:
    text, prefix = Signature("indent(text: str, prefix: str)").bound(args, keywords).values()
    check_size(len(text) + (text.count("\n") + 1) * len(prefix), "characters")
    return kept(tracer, textwrap.indent(text, prefix))


CONSTANTS = (
    "ascii_letters", "ascii_lowercase", "ascii_uppercase", "digits", "hexdigits", "octdigits",
    "punctuation", "printable", "whitespace",
)  # fmt: skip

MODULES: dict[str, dict[str, Any]] = {
    "json": {"dumps": Function("dumps", _dumps), "loads": Function("loads", _loads)},
    "pprint": {"pprint": Function("pprint", _pprint), "pformat": Function("pformat", _pformat)},
    "textwrap": {"dedent": Function("dedent", _dedent), "indent": Function("indent", _indent)},
    "string": {name: getattr(string, name) for name in CONSTANTS},
}
