"""Values as `print` and f-strings show them, as in PyTorch."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault, GradcliError, LimitFault
from gradcli.graph import Node
from gradcli.rule.nesting import MAX_NESTING
from gradcli.syntax import tree
from gradcli.tensor_text import format_tensor, number_text, shown_count, tensor_text
from gradcli.trace import classes
from gradcli.trace.array_text import array_format, array_text, dtype_text
from gradcli.trace.budgets import kept
from gradcli.trace.classes import Instance
from gradcli.trace.code import Code
from gradcli.trace.containers import VIEWS
from gradcli.trace.libraries import has_arrays, library_of
from gradcli.trace.sentences import class_name, sentence
from gradcli.trace.skipped import Device
from gradcli.trace.strings import ascii_of, check_width
from gradcli.trace.values import TOO_DEEP, Results, Skipped, check_size

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer


MAX_LENGTH = 4_000_000  # of what one print shows
FORMATS = "for example `.4f` or `.3e` for numbers, `>10` for text"


def text(tracer: Tracer, value: Any, *, quoted: bool = False, limit: int = MAX_LENGTH) -> str:
    """Return a value as Python's `str` shows it (`repr` where `quoted`).

    Raises: LimitFault where it has more than so many characters.
    """
    if isinstance(value, str) and not quoted:
        return value
    return kept(tracer, _Text(tracer, limit, quoted).of(value))


class _Text:
    """Writes values, and those in them, as Python's `repr` does: what holds itself is `[...]`."""

    def __init__(self, tracer: Tracer, limit: int, quoted: bool) -> None:
        self.tracer = tracer
        self.quoted = quoted
        self.limit = limit
        self.quoted = quoted
        self.active: list[int] = []  # ids of the containers that are being written
        self.length = 0

    def of(self, value: Any) -> str:
        """Return the text of a value.

        Raises: ArgumentFault where it is nested too deeply, LimitFault where it is too long.
        """
        if isinstance(value, (list, tuple, dict, set, frozenset, deque, *VIEWS, Results)):
            return self._container(value)
        found = self._single(value)
        self.length += len(found)
        if self.length > self.limit:
            raise LimitFault(f"a text of more than {self.limit:,} characters")
        return found

    def _single(self, value: Any) -> str:
        quoted = self.quoted or bool(self.active)  # what is in a container is
        if isinstance(value, Node):
            graph, options = value.graph, self.tracer.print_options
            if (count := shown_count(value.shape, options)) > self.limit:
                raise LimitFault(f"a text of {count:,} elements")
            library = library_of(self.tracer, value)
            if has_arrays(library):
                return array_text(self.tracer, value, library, quoted=quoted)
            named = "Parameter containing:\n" * getattr(value, "is_parameter", False)
            return named + tensor_text(
                value.value,
                requires_grad=value.requires_grad,
                grad_fn=graph.grad_fn(value.id),
                default_dtype=graph.default_dtype,
                options=options,
            )
        if isinstance(value, np.dtype):
            return dtype_text(value, self.tracer.library, quoted=quoted)
        if isinstance(value, Device) and not quoted:
            return str(value)
        if isinstance(value, Instance):
            return classes.text(self.tracer, value, quoted=quoted)
        return repr(value)

    def _container(self, value: Any) -> str:
        if id(value) in self.active:
            return (
                "[...]"
                if isinstance(value, list)
                else "{...}"
                if isinstance(value, dict)
                else "(...)"
            )
        if len(self.active) > MAX_NESTING:
            raise ArgumentFault(TOO_DEEP)
        if not value and type(value) in (list, tuple, dict, set, frozenset):
            return repr(value)
        self.active.append(id(value))
        if isinstance(value, OrderedDict):
            parts = [f"({self.of(k)}, {self.of(v)})" for k, v in value.items()]
        elif isinstance(value, dict):
            items = value.most_common() if isinstance(value, Counter) else value.items()
            parts = [f"{self.of(k)}: {self.of(v)}" for k, v in items]
        else:
            parts = [self.of(x) for x in value]
        self.active.pop()
        self.length += 2 * len(parts)
        if isinstance(value, Results) and value.names:
            named = [f"{n}={p}" for n, p in zip(value.names, parts, strict=True)]
            fields = ",\n".join(named)
            return f"torch.return_types.{value.kind}(\n{fields})"
        return _enclosed(value, parts)


def _enclosed(value: Any, parts: list[str]) -> str:
    """Return a container as Python writes it, of the texts of its items."""
    inside = ", ".join(parts)
    name = class_name(value)
    if isinstance(value, dict):
        return _dictionary(value, inside, name)
    if isinstance(value, list | deque):
        if isinstance(value, list):
            return f"[{inside}]"
        most = "" if value.maxlen is None else f", maxlen={value.maxlen}"
        return f"deque([{inside}]{most})"
    if isinstance(value, set):
        return f"{{{inside}}}"
    if isinstance(value, frozenset):
        return f"frozenset({{{inside}}})"
    if isinstance(value, VIEWS):
        return f"{name}([{inside}])"
    fields = getattr(value, "fields", None)  # of a named tuple
    if fields is not None:
        named = ", ".join(f"{k}={x}" for k, x in zip(fields, parts, strict=True))
        return f"{name}({named})"
    if type(value) not in (tuple, Results):
        return repr(value)
    return f"({inside},)" if len(value) == 1 else f"({inside})"


def _dictionary(value: dict[Any, Any], inside: str, name: str) -> str:
    if name == "collections.defaultdict":
        factory = getattr(value, "factory", None)
        return f"defaultdict({factory!r}, {{{inside}}})"
    if isinstance(value, OrderedDict):
        pairs = f"[{inside}]" if value else ""
        return f"OrderedDict({pairs})"
    if isinstance(value, Counter):
        return f"Counter({{{inside}}})" if value else "Counter()"
    return f"{{{inside}}}"


def formatted(tracer: Tracer, e: tree.FormattedString) -> Code:
    """Return what gives the text of an f-string."""
    parts = [part if isinstance(part, str) else _field(tracer, part) for part in e.parts]

    def write() -> str:
        size, texts = 0, list[str]()
        for part in parts:
            texts.append(part if isinstance(part, str) else part())
            size += len(texts[-1])
            check_size(size, "characters")
        return kept(tracer, "".join(texts))

    return write


def _field(tracer: Tracer, field: tree.Field) -> Code:
    evaluate, form = tracer.code(field.value), field.format
    form_of = (lambda: form) if isinstance(form, str) else tracer.code(form)

    def write() -> str:
        value = evaluate()
        if field.conversion or (field.label and not field.format):
            value = text(tracer, value, quoted=field.conversion != "s")
            value = ascii_of(value) if field.conversion == "a" else value
        try:
            return field.label + formatted_value(tracer, value, form_of())
        except (TypeError, ValueError) as error:
            raise ArgumentFault(sentence(error), field.span, FORMATS) from None
        except GradcliError as error:
            raise error.at(None, field.span) from None

    return write


def formatted_value(tracer: Tracer, value: Any, form: str) -> str:
    """Return the text of a value in a format such as `.4f`.

    Raises: TypeError and ValueError, as Python does, where it has no such format.
    """
    check_width(form)
    own = classes.special(tracer, value, "__format__")
    if own is not None:
        found = own(form)
        if not isinstance(found, str):
            raise TypeError(f"__format__ must return a str, not {class_name(found)}")
        return found
    if isinstance(value, Node):
        library = library_of(tracer, value)
        if has_arrays(library):
            return array_format(tracer, value, library, form)
        return format_tensor(value.value, form) if form or not value.shape else text(tracer, value)
    if isinstance(value, int | float | complex):
        return number_text(value, form)
    if isinstance(value, Skipped):
        return text(tracer, value)
    if form and not isinstance(value, str | np.dtype | Results):
        kind = class_name(value)
        raise TypeError(f"unsupported format string passed to {kind}.__format__")
    return format(text(tracer, value), form)
