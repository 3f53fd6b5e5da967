"""Identities of means, products and the like, which are judged by running them alone."""

from __future__ import annotations

from collections.abc import Iterator

from gradcli.diagnose.precision.rules import reductions
from gradcli.diagnose.precision.search import applied
from gradcli.diagnose.precision.terms import Term, product

NAMES = "mean", "sum", "prod", "softmax", "log_softmax"


def rewritten(term: Term, count: int) -> Iterator[Term]:
    """Yield what may be written for a term with reductions, all along the same dimensions.

    `count` times a mean is a sum.
    """
    where = {x.name for x in _reductions(term)}
    if len({x.replace(", keepdim=True", "") for x in where}) != 1:
        return
    dims = min(where, key=len)
    for identity in reductions():
        found = applied(term, identity)
        if found is not term:
            yield _along(_summed(found, count), dims)


def _summed(term: Term, count: int) -> Term:
    args = tuple(_summed(x, count) for x in term.args)
    if term.op == "product" and term.factor == count > 1:
        for k, x in enumerate(args):
            if x.op == "mean" and term.weights[k] == 1:
                parts = [*args[:k], Term("sum", x.args, name=x.name), *args[k + 1 :]]
                return product(zip(parts, term.weights, strict=True))
    return Term(term.op, args, term.weights, term.factor, term.name)


def _reductions(term: Term) -> Iterator[Term]:
    if term.op in NAMES:
        yield term
    for x in term.args:
        yield from _reductions(x)


def _along(term: Term, dims: str, inside: bool = False) -> Term:
    """Return a term whose reductions have dimensions; one inside another keeps its own."""
    reduces = term.op in NAMES
    args = tuple(_along(x, dims, inside or reduces) for x in term.args)
    text = dims
    if inside and dims and "softmax" not in term.op and "keepdim" not in dims:
        text = f"{dims}, keepdim=True"
    return Term(term.op, args, term.weights, term.factor, text if reduces else term.name)
