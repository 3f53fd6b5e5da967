"""Make the rows of the table: one function for each kind of row, its arguments the columns."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from gradcli.rule.costs import Cost
from gradcli.rule.meta import Meta, elementwise_meta
from gradcli.rule.rule import (
    Body,
    Composite,
    Derivative,
    Elementwise,
    Interval,
    OfFormula,
    Primitive,
    View,
)
from gradcli.rule.signature import Signature


def _facts(
    doc: str,
    aliases: str,
    kink: str,
    domain: tuple[Interval, ...],
    examples: str,
    refuses: str,
    alike: str,
    needs: str = "",
    often: str = "",
) -> dict[str, Any]:
    return {
        "doc": doc,
        "aliases": tuple(aliases.split()),
        "kink": kink,
        "domain": domain,
        "examples": tuple(e.strip() for e in examples.split(";") if e.strip()),
        "refuses": refuses,
        "alike": alike,
        "needs": needs,
        "often": often,
    }


def elementwise(
    signature: str,
    grad_fn: str | Callable[..., str],
    forward: Callable[..., Any],
    *bodies: Body | None,
    result: str = "same",
    wraps: bool = True,
    view: View = "",
    in_place: str = "",
    saves: str = "",
    doc: str = "",
    aliases: str = "",
    kink: str = "",
    domain: tuple[Interval, ...] = (),
    examples: str = "",
    refuses: str = "",
    alike: str = "",
    jumps: bool = False,
    memory: Cost | None = None,
    work: Cost | None = None,
) -> Primitive:
    """Make a row of an elementwise operation: broadcasting, promotion and jvp follow.

    `result` is the dtype: "same" as the operands', "float" (integers become floats), "inexact"
    (integers are refused), "difference" (masks are refused), "real", "real float", "complex" or
    "bool". Without bodies the result needs no gradient.
    """
    parameters = Signature(signature)
    return Primitive(
        parameters,
        **_facts(doc, aliases, kink, domain, examples, refuses, alike),
        grad_fn=grad_fn,
        forward=forward,
        meta=_as_it_lies if view else elementwise_meta(parameters, result),
        derivative=Elementwise(bodies) if bodies else None,
        wraps=wraps,
        promotes=True,
        numbers=True,
        view=view,
        in_place=in_place,
        saves=tuple(saves.split()),
        jumps=jumps,
        elementwise=True,
        memory=memory,
        work=work,
    )


def _as_it_lies(a: Any) -> Meta:
    """Return what is known of a view that shows each element where it lies."""
    return Meta(a.shape, a.dtype, a.strides)


floating = partial(elementwise, result="float")  # integers become floats
inexact = partial(elementwise, result="inexact")  # integers are refused


def primitive(
    kind: type[Derivative],
    signature: str,
    grad_fn: str | Callable[..., str],
    forward: Callable[..., Any],
    meta: Callable[..., Any],
    *bodies: Body | None,
    tangent: Body | None = None,
    outputs: str = "",
    promotes: bool = False,
    numbers: bool = False,
    held: Callable[..., Any] | None = None,
    view: View = "",
    saves: str = "",
    taken: Callable[..., Any] | None = None,
    doc: str = "",
    aliases: str = "",
    kink: str = "",
    domain: tuple[Interval, ...] = (),
    examples: str = "",
    refuses: str = "",
    alike: str = "",
    needs: str = "",
    often: str = "",
    memory: Cost | None = None,
    work: Cost | None = None,
) -> Primitive:
    """Make a row of any other operation that has a derivative of a given kind."""
    return Primitive(
        Signature(signature),
        **_facts(doc, aliases, kink, domain, examples, refuses, alike, needs, often),
        grad_fn=grad_fn,
        forward=forward,
        meta=meta,
        derivative=kind(bodies, tangent) if bodies else None,
        promotes=promotes,
        numbers=numbers,
        outputs=tuple(outputs.split()),
        held=held,
        view=view,
        saves=tuple(saves.split()),
        taken=taken,
        elementwise=issubclass(kind, Elementwise),
        memory=memory,
        work=work,
    )


def pullback(
    signature: str,
    grad_fn: str | Callable[..., str],
    formula: Body,
    meta: Callable[..., Any] | None = None,
    fixed: str = "",
    memory: Cost | None = None,
    work: Cost | None = None,
) -> Primitive:
    """Make a row of the derivative of another, which PyTorch has as one operation.

    The formula calls operations of the table; no gradient flows to the tensors that are `fixed`.
    The result is elementwise where `meta` does not say otherwise.
    """
    parameters = Signature(signature)
    bodies = tuple(None if name in fixed.split() else formula for name in parameters.tensors)
    return Primitive(
        parameters,
        **_facts("The derivative of another operation", "", "", (), "", "", ""),
        grad_fn=grad_fn,
        forward=formula,
        meta=meta or elementwise_meta(parameters, "same"),
        derivative=OfFormula(bodies),
        formula=formula,
        elementwise=meta is None and "dim: int" not in signature,  # along which a softmax adds up
        memory=memory,
        work=work,
    )


def composite(
    signature: str,
    expand: Body,
    *,
    doc: str = "",
    aliases: str = "",
    kink: str = "",
    domain: tuple[Interval, ...] = (),
    examples: str = "",
    refuses: str = "",
    alike: str = "",
    needs: str = "",
    memory: Cost | None = None,
    work: Cost | None = None,
    draws: bool = False,
) -> Composite:
    """Make a row of an operation that is written with others."""
    return Composite(
        Signature(signature),
        **_facts(doc, aliases, kink, domain, examples, refuses, alike, needs),
        expand=expand,
        memory=memory,
        work=work,
        draws=draws,
    )
