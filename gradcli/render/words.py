"""The marks and words that the outputs share."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from gradcli.errors import Line
from gradcli.inspection import (
    Claim,
    Inspection,
    Kind,
    NodeFacts,
    Place,
    Summary,
    ValueFacts,
)
from gradcli.render.numbers import (
    EXACT_DIGITS,
    finite_text,
    inline,
    lines,
    number,
    summarised,
    value_of,
)

MARKS: Mapping[Kind, str] = {"parameter": "●", "data": "□", "intermediate": "○", "root": "★"}
# for terminals that have no such characters
ASCII_MARKS: Mapping[Kind, str] = {"parameter": "P", "data": "D", "intermediate": ".", "root": "R"}

OTHERS = " (--of NODE takes another)"  # after the reason for a root that was not asked for
# so many of the parameters that a note is about are named in it
_NAMED = 5

# operations whose operands may change places: their edges need no numbers
_SYMMETRIC = frozenset({"add", "mul", "maximum", "minimum", "eq", "ne", "logaddexp", "dot"})
_SAY_NOTHING = frozenset({"input", "other", "mat", "vec", "tensor", "grad"})

_ROOT = 40  # characters of the root's value in the first line
_FEW = 8  # a claim's sides are shown in full up to so many elements
_NOT_ASCII = re.compile(r"[^\n -~]+")

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


def harmless_lines(text: str) -> str:
    """Return text with what is unprintable escaped, ends of lines excepted."""
    return "\n".join(map(harmless, text.split("\n")))


def with_cells(value: Any) -> Any:
    """Return data with `cell` beside each `line` of a notebook, which is counted within it."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [with_cells(x) for x in value]
    if not isinstance(value, dict):
        return value
    found: dict[Any, Any] = {}
    for key, x in value.items():
        if isinstance(x, Line):
            found[key.replace("line", "cell")] = x.cell
        found[key] = x.line if isinstance(x, Line) else with_cells(x)
    return found


def json_text(value: object, indent: int | None = None) -> str:
    """Return a value as strict JSON, with what is unprintable in strings as JSON's own escapes.

    A lone surrogate, of a file name that is not UTF-8, is no character of JSON and becomes the
    text that `harmless` makes of it.
    """
    text = _encoder(indent).encode(with_cells(value))
    if text.isascii() and text.isprintable():
        return text
    return _NOT_ASCII.sub(lambda found: "".join(map(_in_json, found.group())), text)


@cache
def _encoder(indent: int | None) -> json.JSONEncoder:
    return json.JSONEncoder(allow_nan=False, ensure_ascii=False, indent=indent)


def _in_json(character: str) -> str:
    if character.isprintable():
        return character
    lone = "\ud800" <= character <= "\udfff"
    return json.dumps(harmless(character) if lone else character)[1:-1]


def dtype_and_shape(node: NodeFacts) -> str:
    """Return shape and dtype, as far as they are not a float64 scalar's."""
    parts = [str(node.shape)] if node.shape else []
    return " ".join(parts + ([node.dtype] if node.dtype != "float64" else []))


def legend(nodes: list[NodeFacts], marks: Mapping[Kind, str] = MARKS) -> list[str]:
    """Return what each mark means, of those that occur."""
    kinds = {node.kind for node in nodes}
    return [f"{mark} {_MEANINGS[kind]}" for kind, mark in marks.items() if kind in kinds]


def stated(inspection: Inspection) -> Sequence[ValueFacts]:
    """Return the numbers, lists and texts to show: those of a file that has no tensor."""
    return () if inspection.nodes else inspection.values


def plural(count: int, noun: str) -> str:
    """Return `1 element`, `2 elements`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


class TurnsRoot(NamedTuple):
    """What was the root in the turn of a loop that is shown, and which turn that is, in words."""

    node: NodeFacts
    turn: str


def nothing(inspection: Inspection) -> str:
    """Return what is said instead of a graph without nodes."""
    return f"no nodes: the file {'has no tensor' if inspection.values else 'computes nothing'}"


def answer(
    inspection: Inspection, precision: int | None = None, shown: TurnsRoot | None = None
) -> str:
    """Return the result of a run in one line: the root's value, the gradients, the claims.

    `shown` stands for the root where another turn than the last is shown.
    """
    parts = []
    if values := stated(inspection):
        parts = [f"{plural(len(values), 'value')}, no tensor"]
    elif inspection.root is not None:
        root, turn = shown or (inspection.node(inspection.root), "")
        name, value = root.name or root.label, value_of(root)
        if value is None:
            parts = [name]
        else:
            text = None if isinstance(value, Summary) else inline(value, _ROOT, precision)
            parts = [f"{name} = {text or summarised(value, _ROOT, precision)}{turn}"]
        parts.append(_gradients(inspection))
    elif inspection.nodes:
        parts = [_gradients(inspection)]
    if inspection.claims:
        parts.append(claims_headline(inspection))
    return " · ".join(parts) or nothing(inspection)


def _gradients(inspection: Inspection) -> str:
    """Return how many parameters have a `.grad`, and whether all of it is finite."""
    if not inspection.ran_backward:
        requires = any(node.requires_grad for node in inspection.nodes)
        return "backward did not run" if requires else "nothing requires grad"
    grads = [node.grad for node in inspection.nodes if node.kind == "parameter"]
    found = [grad for grad in grads if grad is not None]
    if not found:
        return "no gradient kept"
    return f"{plural(len(found), 'gradient')}, {finite_text(found)}"


def headline(inspection: Inspection) -> str:
    """Return what was run, in one line."""
    count = len(inspection.nodes)
    if stated(inspection):
        return inspection.file
    text = f"{inspection.file}: {plural(count, 'node')}"
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


def notes(
    inspection: Inspection, nodes: Sequence[NodeFacts], *, flowed: Sequence[NodeFacts]
) -> list[str]:
    """Return how the lines of some nodes are written, and why gradients are None where they are.

    `flowed` are those whose gradients stand in brackets: `.grad` does not hold them.
    """
    result = []
    if called := next((n for n in nodes if n.call_line is not None), None):
        lines = f"{called.call_line}>{called.line}"
        result = [f"{lines}: line {called.line}, in a function that line {called.call_line} calls."]
    passed = any(not node.is_leaf for node in flowed)
    if passed:
        result.append("(…) flowed, not kept: .grad is None. --retain-grad keeps it.")
    if any(node.is_leaf for node in flowed):
        result.append(
            "(…) of a parameter: flowed to it before the file cleared .grad or changed the value."
        )
    return result + _notes_on_gradients(inspection, passed)


def _notes_on_gradients(inspection: Inspection, flowed: bool) -> list[str]:
    nodes = inspection.nodes
    if not any(node.requires_grad for node in nodes):
        return ["Nothing requires grad: make a parameter with param(...) or --param NAME=VALUE."]
    if not inspection.ran_backward:
        return ["Backward did not run: every grad is None."]
    result = []
    if not flowed and any(
        node.requires_grad and not node.is_leaf and node.grad is None for node in nodes
    ):
        result.append(
            "An intermediate's grad is None unless it is kept: --retain-grad keeps them all, "
            "`.retain_grad()` one."
        )
    missed = _missed(inspection)
    if missed:
        others = f" and {len(missed) - _NAMED} others" if len(missed) > _NAMED else ""
        result.append(
            f"Backward did not reach {', '.join(missed[:_NAMED])}{others}: the root does not "
            f"depend on {'it' if len(missed) == 1 else 'them'}."
        )
    return result


def _missed(inspection: Inspection) -> list[str]:
    """Return the labels of the parameters that backward did not reach.

    Updated in place, a parameter is a new one: of several of one name, the newest counts. What a
    loop's last turn has updated is left out: no loss has used it yet.
    """
    missed: list[NodeFacts] = []
    seen = set()
    reached: set[int] = set()
    for node in reversed(inspection.nodes):
        name = node.name
        if name not in seen and node.kind == "parameter" and node.grad is None:
            missed.append(node)
        if name is not None:
            seen.add(name)
    if missed:  # the backward order is found when it is asked for
        reached = {function.node for function in inspection.functions}
        missed = [node for node in missed if node.id not in reached]
    newest: dict[str, int] = {}
    for node in reversed(inspection.nodes) if missed else ():
        if node.id < missed[-1].id:
            break
        newest.setdefault(node.name or node.label, node.id)
    missed = [node for node in missed if node.id == newest[node.name or node.label]]
    names = {inspection.node(i).name for i in reached} if inspection.loops else set()
    return [
        node.label
        for node in reversed(missed)
        if node.name not in names or not _in_last_turn(inspection, node.id)
    ]


def _in_last_turn(inspection: Inspection, id: int) -> bool:
    loops = (loop for loop in inspection.loops if len(loop))
    return any(loop.turns[-2] <= id < loop.turns[-1] for loop in loops)


def claims_headline(inspection: Inspection) -> str:
    """Return how many claims hold, in a few words."""
    return claims_text([claim.holds for claim in inspection.claims])


def claims_text(held: Sequence[bool]) -> str:
    """Return how many of some claims hold, or are false: `2 claims hold`."""
    count, false = len(held), sum(not holds for holds in held)
    if not false:
        return f"{plural(count, 'claim')} {'holds' if count == 1 else 'hold'}"
    of = "1 claim" if count == 1 else f"{false:,} of {count:,} claims"
    return f"{of} {'is' if false == 1 else 'are'} false"


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


def differing(claim: Claim, note: str, worst: Sequence[Place] = ()) -> Iterator[str]:
    """Yield what is to be said of a false claim: how its sides differ, where most, its message.

    `worst` are the places where they differ most: those of the claim's own values where not given.
    """
    if note:
        yield note
    if not worst and not claim.holds and claim.left and claim.right:
        from gradcli.verify.compare import farthest

        worst = farthest(claim.left[1], claim.right[1], 1)
    # where the sides agree at the file's point, the places are those of another
    few = claim.left is not None and claim.left[1].size <= _FEW
    for k, (index, left, right) in enumerate(worst[:1] if few else worst):
        digits = 6 if number(left, 6) != number(right, 6) else EXACT_DIGITS
        values = f": {number(left, digits)} and {number(right, digits)}"
        place = f" at [{', '.join(map(str, index))}]" if index else ""
        if k:
            yield f"then{place}{values}"
            continue
        gap, size = abs(left - right), max(abs(left), abs(right))
        relative = f" (relative {gap / size:.2g})" if gap <= 2 * size < float("inf") else ""
        text = f"{'largest ' if index else ''}difference {number(gap, 6)}{relative}{place}"
        if claim.holds:
            yield f"at a random point: {text}{values}"
        else:  # numbers are both shown already
            yield f"{text}{values}" if index else text
    if claim.message:
        yield claim.message


def operand_labels(node: NodeFacts) -> Sequence[str]:
    """Return what operands are called where their order matters, or which each is.

    One without a telling name needs none beside others that have one.
    """
    if len(set(node.inputs)) < 2 or node.op in _SYMMETRIC:
        return ()
    names = [*node.operands, *("" for _ in node.inputs)][: len(node.inputs)]
    names = ["" if name.rstrip("0123456789") in _SAY_NOTHING else name for name in names]
    if names.count("") == 1:
        return names
    return [name or ordinal(place + 1) for place, name in enumerate(names)]


def ordinal(number: int) -> str:
    """Return "1st", "2nd", "11th"."""
    ends = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if number % 100 in (11, 12, 13) else ends.get(number % 10, 'th')}"
