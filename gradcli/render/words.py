"""The marks and words that the outputs share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from gradcli.inspection import Claim, Inspection, Kind, NodeFacts, ValueFacts
from gradcli.render.numbers import EXACT_DIGITS, lines, number

MARKS: Mapping[Kind, str] = {"parameter": "●", "data": "□", "intermediate": "○", "root": "★"}
# for terminals that have no such characters
ASCII_MARKS: Mapping[Kind, str] = {"parameter": "P", "data": "D", "intermediate": ".", "root": "R"}

OTHERS = " (--of NODE takes another)"  # after the reason for a root that was not asked for
# so many of the parameters that a note is about are named in it
_NAMED = 5

_MEANINGS: Mapping[Kind, str] = {
    "parameter": "parameter: leaf, requires grad",
    "data": "data: leaf, no grad",
    "intermediate": "intermediate",
    "root": "root",
}


def harmless(text: str, *, ascii_only: bool = False) -> str:
    """Return text with what is unprintable escaped: a file must not steer the terminal."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return text.encode("ascii", "backslashreplace").decode() if ascii_only else text


def one_line(text: str, *, ascii_only: bool = False) -> str:
    """Return harmless text in one line, its runs of white space as single spaces."""
    return harmless(" ".join(text.split()), ascii_only=ascii_only)


def shown(inspection: Inspection, named: bool, *, derived: bool = True) -> list[NodeFacts]:
    """Return the nodes to show: all, or the named ones and the root.

    Without `derived`, the steps of differentiations are left out where they have no name.
    """
    return [
        node
        for node in inspection.nodes
        if node.name is not None
        or node.id == inspection.root
        or not (named or (node.derived and not derived))
    ]


def dtype_and_shape(node: NodeFacts) -> str:
    """Return shape and dtype, as far as they are not a float64 scalar's."""
    parts = [str(node.shape)] if node.shape else []
    return " ".join(parts + ([node.dtype] if node.dtype != "float64" else []))


def legend(nodes: list[NodeFacts], marks: Mapping[Kind, str] = MARKS) -> list[str]:
    """Return what each mark means, of those that occur."""
    kinds = {node.kind for node in nodes}
    return [f"{mark} {_MEANINGS[kind]}" for kind, mark in marks.items() if kind in kinds]


def stated(inspection: Inspection) -> tuple[ValueFacts, ...]:
    """Return the numbers, lists and texts to show: those of a file that has no tensor."""
    return () if inspection.nodes else inspection.values


def headline(inspection: Inspection) -> str:
    """Return what was run, in one line."""
    count = len(inspection.nodes)
    if values := stated(inspection):
        plural = "" if len(values) == 1 else "s"
        return f"{inspection.file}: {len(values):,} value{plural}, no tensor"
    text = f"{inspection.file}: {count:,} node{'' if count == 1 else 's'}"
    if inspection.root is None:
        return text
    root = inspection.node(inspection.root)
    verb = "backward from" if inspection.ran_backward and not inspection.elsewhere else "root"
    text += f", {verb} {inspection.sum or f'{root.label} (line {root.line})'}"
    if inspection.why:
        text += f", {inspection.why}"
    if inspection.elsewhere:
        text += f"; grad is what backward() from {inspection.elsewhere} left"
    return text + OTHERS * bool(inspection.why)


def notes(inspection: Inspection) -> list[str]:
    """Return how lines are written, why gradients are None where they are, and how to have them."""
    called = next((n for n in inspection.nodes if n.call_line is not None), None)
    if called is None:
        return _notes_on_gradients(inspection)
    lines = f"{called.call_line}>{called.line}"
    where = f"{lines}: line {called.line}, in a function that line {called.call_line} calls."
    return [where, *_notes_on_gradients(inspection)]


def _notes_on_gradients(inspection: Inspection) -> list[str]:
    nodes = inspection.nodes
    if not any(node.requires_grad for node in nodes):
        return ["Nothing requires grad: make a parameter with param(...) or --param NAME=VALUE."]
    if not inspection.ran_backward:
        return ["Backward did not run: every grad is None."]
    result = []
    if any(node.requires_grad and not node.is_leaf and node.grad is None for node in nodes):
        result.append(
            "An intermediate's grad is None unless it is kept: --retain-grad keeps them all, "
            "`.retain_grad()` one."
        )
    reached = {function.node for function in inspection.functions}
    newest = {n.name or n.label: n.id for n in nodes}  # updated in place, a parameter is a new one
    missed = [
        n.label
        for n in nodes
        if n.kind == "parameter"
        and n.id == newest[n.name or n.label]
        and n.id not in reached
        and n.grad is None
    ]
    if missed:
        others = f" and {len(missed) - _NAMED} others" if len(missed) > _NAMED else ""
        result.append(
            f"Backward did not reach {', '.join(missed[:_NAMED])}{others}: the root does not "
            f"depend on {'it' if len(missed) == 1 else 'them'}."
        )
    return result


def claims_headline(inspection: Inspection) -> str:
    """Return how many claims hold, in a few words."""
    count = len(inspection.claims)
    false = sum(not claim.holds for claim in inspection.claims)
    if false:
        return f"{false} of {count} claims {'is' if false == 1 else 'are'} false"
    return "the claim holds" if count == 1 else f"all {count} claims hold"


def sides(claim: Claim, width: int, digits: int | None = None) -> list[tuple[str, list[str]]]:
    """Return the sides of a claim with their values in lines, in enough digits to differ.

    A side that states its value itself, as `-28` does, is left out.
    """
    pairs = [side for side in (claim.left, claim.right) if side]
    values = [lines(array, width, digits) for _, array in pairs]
    if not claim.holds and len(values) == 2 and values[0] == values[1]:
        values = [lines(x, width, None if x.ndim else EXACT_DIGITS) for _, x in pairs]
    named = zip(pairs, values, strict=True)
    return [(source, value) for (source, _), value in named if value != [source]]


def largest_difference(claim: Claim) -> Iterator[str]:
    """Yield where two tensors differ most, for what is shown of them may be the same."""
    if claim.holds or not claim.left or not claim.right:
        return
    try:
        with np.errstate(all="ignore"):
            left, right = (side[1].astype(np.complex128) for side in (claim.left, claim.right))
            difference = np.abs(left - right)
    except ValueError:  # their shapes do not match, which is seen already
        return
    if difference.ndim and difference.size:
        place = np.unravel_index(np.argmax(difference), difference.shape)
        index = ", ".join(str(int(i)) for i in place)
        yield f"largest difference {number(float(difference[place]), 6)} at [{index}]"
