"""Values as `print` and f-strings show them, as in PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault, GradcliError
from gradcli.graph import Node
from gradcli.syntax import tree
from gradcli.tensor_text import format_tensor, number_text, tensor_text
from gradcli.trace.values import Results

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer


FORMATS = "for example `.4f` or `.3e` for numbers, `>10` for text"


def text(tracer: Tracer, value: Any, *, quoted: bool = False) -> str:
    """Return a value as Python's `str` shows it (`repr` where `quoted`)."""
    if isinstance(value, Node):
        graph = value.graph
        return tensor_text(
            value.value,
            requires_grad=value.requires_grad,
            grad_fn=graph.grad_fn(value.id),
            default_dtype=graph.default_dtype,
        )
    if isinstance(value, np.dtype):
        return f"torch.{value.name}"
    if isinstance(value, Results) and value.names:
        named = zip(value.names, value.items, strict=True)
        fields = ",\n".join(f"{name}={text(tracer, x)}" for name, x in named)
        return f"torch.return_types.{value.kind}(\n{fields})"
    if type(value) in (list, tuple, Results):
        parts = [text(tracer, x, quoted=True) for x in value]
        inside = ", ".join(parts)
        if isinstance(value, list):
            return f"[{inside}]"
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return repr(value) if quoted else str(value)


def formatted(tracer: Tracer, e: tree.FormattedString) -> str:
    """Return the text of an f-string."""
    return "".join(part if isinstance(part, str) else _field(tracer, part) for part in e.parts)


def _field(tracer: Tracer, field: tree.Field) -> str:
    value = tracer.evaluate(field.value)
    if field.conversion or (field.label and not field.format):
        shown = text(tracer, value, quoted=field.conversion != "s")
        return field.label + format(shown, field.format)
    try:
        if isinstance(value, Node):
            if not field.format and value.shape:
                return field.label + text(tracer, value)
            return field.label + format_tensor(value.value, field.format)
        if type(value) in (list, tuple) or isinstance(value, Results | np.dtype):
            value = text(tracer, value)
        if isinstance(value, int | float | complex):
            return field.label + number_text(value, field.format)
        return field.label + format(value, field.format)
    except (TypeError, ValueError) as error:
        raise ArgumentFault(str(error), field.span, FORMATS) from None
    except GradcliError as error:
        raise error.at(None, field.span) from None
