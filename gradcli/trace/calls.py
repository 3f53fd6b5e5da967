"""Operations of the table as functions of a file, and what a call's arguments have to be."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault
from gradcli.graph import Node, Use
from gradcli.ops import Row
from gradcli.rule.nesting import check_arguments
from gradcli.rule.rule import Composite, number
from gradcli.trace.in_place import WITH_KEYWORD, into, method
from gradcli.trace.values import (
    Function,
    is_numeric_list,
    parts,
    results_of,
    to_array,
)

if TYPE_CHECKING:
    from gradcli.trace.bindings import Bindings
    from gradcli.trace.interpreter import Tracer

SEQUENCES = (list, tuple)
Args = tuple[Any, ...]
Keywords = dict[str, Any]


def row_function(
    row: Row, name: str, preset: Keywords | None = None, *, lenient: bool = False
) -> Function:
    """Return an operation of the table as a function of a file; NumPy's take more dtypes."""

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        if keywords:
            out = keywords.pop("out", None)
            if out is not None:
                others = (*args, *keywords.values())
                return into(tracer, name, out, lambda: run(tracer, args, keywords), others)
            if name in WITH_KEYWORD and keywords.pop("inplace", False):
                return method(name, run).run(tracer, args, keywords)
        bindings = tracer.bindings_of(row)
        bound = bindings.known(args, keywords) if preset is None else None
        if bound is None:
            args, keywords = _with_tensors(bindings, tracer, args, keywords)
        try:
            if bound is None:
                if not any_node(args) and not any_node(tuple(keywords.values())):
                    return _on_numbers(row, name, tracer, args, keywords, lenient)
                if preset is None:
                    bound = bindings.made(args, keywords)
                else:
                    given = {row.signature.word(word) for word in keywords}
                    unset = {k: v for k, v in preset.items() if k not in given}
                    bound = row.bind(args, unset | keywords)
            if isinstance(row, Composite) and (row.needs or row.domain):
                _note(row, tracer, args, keywords)
            if isinstance(row, Composite) and row.draws:
                bound["drop"] = tracer.dropper
            return results_of(row.run(bound, lenient=lenient), name)
        except (AttributeError, TypeError, LookupError, ValueError, ArithmeticError):
            _refuse_numbers(row, name, args, keywords)
            raise

    return Function(name, run)


def _note(row: Composite, tracer: Tracer, args: Args, keywords: Keywords) -> None:
    """Keep which tensors a row was called with that says of them what they are: it makes no node.

    What the call is refused for, the row itself says.
    """
    given = dict(zip((p.name for p in row.signature.parameters), args, strict=False)) | keywords
    for slot, name in enumerate(row.signature.tensors):
        node = given.get(name)
        if isinstance(node, Node):
            tracer.graph.notes.uses.append(Use(row, slot, node.id, tracer.graph.place))


def _with_tensors(
    bindings: Bindings, tracer: Tracer, args: Args, keywords: Keywords
) -> tuple[Args, Keywords]:
    """Return arguments in which a list stands for a tensor where the signature takes one."""
    for x in (*args, *keywords.values()):
        if isinstance(x, SEQUENCES) or hasattr(x, "__next__"):
            break
    else:
        return args, keywords
    check_arguments((*args, *keywords.values()))
    kinds, word = bindings.kinds, bindings.row.signature.word

    def tensor(value: Any, kind: str | None) -> Any:
        if hasattr(value, "__next__"):
            value = list(value)
        if kind == "tensors" and isinstance(value, list | tuple):
            if not any(isinstance(x, list) for x in value):
                return value
            return type(value)(tensor(x, "tensor") for x in value)
        return tracer.tensor(value) if kind == "tensor" and tracer.lists.stands(value) else value

    return (
        tuple(tensor(x, kind) for x, kind in zip_longest(args, [*kinds.values()][: len(args)])),
        {name: tensor(x, kinds.get(word(name) or name)) for name, x in keywords.items()},
    )  # fmt: skip


def _refuse_numbers(row: Row, name: str, args: Args, keywords: Keywords) -> None:
    """Say that a number stands in a tensor's place, where an operation stumbled over one."""
    for word, value in row.signature.bind(args, keywords).items():
        if word in row.signature.tensors and number(value):
            raise ArgumentFault(
                f"{name}(): argument '{word}' must be a Tensor, not {type(value).__name__}",
                hint=f"tensor({value}) makes a tensor of a number",
            ) from None


def any_node(values: Args) -> bool:
    """Say whether a tensor is among some arguments, or in a list of them."""
    for x in values:
        if isinstance(x, Node):
            return True
    return any(isinstance(x, Node) for x in parts(values))


def _on_numbers(
    row: Row, name: str, tracer: Tracer, args: Args, keywords: Keywords, lenient: bool
) -> Any:
    """Compute `exp(2.0)` as a number; lists, as NumPy takes them, become tensors."""
    if args and is_numeric_list(args[0]):
        first = tracer.tensor(args[0])
        return results_of(row.call((first, *args[1:]), keywords, lenient=lenient), name)
    with np.errstate(all="ignore"):
        arrays = tuple(to_array(x) if number(x) else x for x in args)
        result = row.call(arrays, keywords, lenient=lenient)
    if isinstance(result, tuple):
        return tuple(_number(tracer, x) for x in result)
    return _number(tracer, result)


def _number(tracer: Tracer, x: Any) -> Any:
    return x.item() if not np.ndim(x) else tracer.graph.leaf(np.asarray(x))


def only(args: Args, keywords: Keywords, name: str) -> Any:
    """Return the one argument of a call, or refuse the call."""
    if keywords:
        raise ArgumentFault(f"{name}() takes no keyword arguments: `{next(iter(keywords))}=`")
    if len(args) != 1:
        raise ArgumentFault(f"{name}() takes one argument ({len(args)} given)")
    return args[0]


def first_of(args: Args, name: str, signature: str) -> Any:
    """Return the first argument of a call, or refuse the call."""
    if not args:
        raise ArgumentFault(f"{name}() needs an argument", hint=f"the signature is `{signature}`")
    return args[0]
