"""`--json`: the schema `gradcli.eval/1`, strict JSON, one line a node.

Top level:

- `schema`: `"gradcli.eval/1"`. Keys may be added within a version; none changes its meaning.
- `file`: the expression file as it was named, `"-"` for standard input.
- `root`: the id of the node that backward started from, or null.
- `why`: why it is this root, `""` where no other could be meant. `sum`: what the gradients are of
  where several `backward()` calls have gathered them, else `""`. `elsewhere`: what the file's own
  `backward()` ran from where that is not the root, else `""`.
- `ran_backward`: whether gradients were computed.
- `nodes`: the nodes in the order of their creation (with `--named`, those with a name and the
  root; `inputs` then may name ids that are left out).
- `functions`: the backward graph reachable from the root, in the order in which backward
  visits it.
- `claims`: the `assert` statements in the order of the file.
- `notices`: warnings, each with `line` and `message`.
- `passed_over`: the lines that are passed over, as they have no gradient, each with `line` and
  `what`, the module or function: one of the notices says the same in words.
- Of a notebook there is a `cell` beside each `line`, which is counted in that cell of code, and a
  `call_cell` beside `call_line`; the lines of `frames` are counted through all cells.
- `printed`: what `print` wrote, one string a call.
- `loops`: the loops that are in no other, each with `line` and `turns`: for each turn the id from
  which its nodes are, and at the end one id more, that after the last turn.
- `values`: the numbers, lists, strings and other values of Python that the file's own names hold
  in the end, and those of expressions on their own, in the order of the file. A list that was used
  as a tensor is a node instead. The table shows them where a file has no tensor.
- `record`: only of a file that replays a record: how the run compares with the recorded one.

A node:

- `id`: an integer, increasing in the order of creation. `name`: the name it is bound to, or null.
- `label`: what the table calls it: the name, `x:3` (name and line) where a name is bound again,
  or the source text. `source`: its source text. `line`: its line, from 1.
- `op`: the operation's name, or `"leaf"`. `inputs`: the ids of its operands, in their order.
- `kind`: `"parameter"` (a leaf that requires grad), `"data"` (a leaf that does not),
  `"intermediate"` or `"root"`.
- `shape`: a list of sizes, empty for a scalar. `dtype`: PyTorch's name without `torch.`.
- `requires_grad`, `is_leaf`, `retains_grad`: as PyTorch's attributes.
- `grad_fn`: the class name, for instance `"MulBackward0"`, or null.
- `derived`: whether a differentiation in the file (`grad(y, x)`) made it.
- `operands`: what the operation's signature calls its inputs, in their order.
- `call_line`: the line on which the file called the function in whose body `line` is, or null.
- `aliases`: the other names that it is bound to when the file ends, as `b` in `a = b = x`.
- `value`, `grad`: a number, or nested lists of the node's shape; null where there is none.
- `gradient`: what flowed to it in the only backward pass that reached it, whether `grad` has kept
  it or not, in the same form; null where no pass or several did, where the file wrote to `.data`
  before, and where the run is so large that intermediates are not stored. Not with `--pytorch`.
- `view`: whether it is a view of its first operand.
- `taken_from`: the id of the node whose value a leaf took over, as in `param(randn(3))`, or null.
- `frames`: the calls of the file's functions in which it was made, the outermost first; each is a
  number of its own, the function's name, and the line of the call. The block of a module of a
  model is one too: its path stands for the name, and its class comes fourth.

A value: `name` (null for an expression on its own), `label` (the name, or the source text),
`line`, `type` (Python's class: `"int"`, `"list"`), `text` (the value as Python shows it) and
`value`: a number, true, false, a string or nested lists of these, null for anything else.

A function: `id`, `name` (the class name, or `"AccumulateGrad"`), `node` (the id of the node it
belongs to; for AccumulateGrad, the leaf) and `next`, PyTorch's `next_functions`: the ids of the
functions that receive its gradients, null where an operand needs none.

A claim: `line`, `source`, `holds`, `message` (or null), `relation` (for instance `"=="` or
`"allclose"`, or null), `left` and `right`: each null or `{"source", "value"}`;
`note`: how the sides of a false claim differ, in words, "" where nothing fits.

A record: `file` (its data file), `torch` (PyTorch's release), `holds` (whether values and gradients
are the recorded ones), `own` (whether gradients were compared: those of the file's own backward
passes are), `compared` (how many of each kind: `grad_fn`, `value`, `gradient`), `gaps` (the largest
gap of those that agree, relative to the largest element), `absent` (names that the file has no
longer) and `rows`, each with `id`, `place` (`"model.py:12:6"` in the program), `source` (its text
there), `module` (the path of the model's module), and `differs`: for each difference its `kind`,
`gap` and `words`.

Numbers: integers are exact, booleans are true and false, NaN and infinities are the strings
`"nan"`, `"inf"`, `"-inf"`, a complex number is `{"re", "im"}`. Floats read back exactly in their
dtype: `float32` and `float16` are written with the decimals of their own precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from gradcli.inspection import (
    Array,
    Claim,
    FrameFacts,
    FunctionFacts,
    Inspection,
    NodeFacts,
    RecordedRow,
    RecordFacts,
    ValueFacts,
)
from gradcli.render.numbers import shortest
from gradcli.render.rows import shown
from gradcli.render.words import json_text, with_cells

SCHEMA = "gradcli.eval/1"
WHICH = ("why", "sum", "elsewhere")  # of what is differentiated
NODE_KEYS = tuple(field.name for field in fields(NodeFacts))
ARRAYS = ("value", "grad", "gradient")
PIECE = 1 << 14  # elements that are written at once


def render(
    inspection: Inspection,
    *,
    named: bool = False,
    full: bool = True,
    precision: int | None = None,
    pytorch: bool = False,
    turn: int | None = None,
    all_turns: bool = True,
    depth: int | None = None,
) -> Iterator[str]:
    """Yield the inspection as JSON (see the module for every key).

    `precision` rounds floats to so many significant digits; without it they are exact. `pytorch`
    leaves out `gradient`. `full`, `turn`, `all_turns` and `depth` change nothing: data are never
    elided.
    """
    del full, turn, all_turns, depth
    yield f'{{\n  "schema": {json_text(SCHEMA)}'
    for key in ("file", "root", *WHICH, "ran_backward"):
        yield f',\n  "{key}": {json_text(getattr(inspection, key))}'
    lists: Mapping[str, Iterable[Iterable[str]]] = {
        "nodes": (
            node_text(node_record(node, pytorch), precision) for node in shown(inspection, named)
        ),
        "functions": ([_function(function)] for function in inspection.functions),
        "claims": ([json_text(_claim(claim, precision))] for claim in inspection.claims),
        "passed_over": ([json_text(over._asdict())] for over in inspection.passed_over),
        "notices": ([json_text(asdict(notice))] for notice in inspection.notices),
        "printed": ([json_text(line)] for line in inspection.printed),
        "loops": (
            [json_text({"line": loop.line, "turns": list(loop.turns)})] for loop in inspection.loops
        ),
        "values": ([json_text(_value(value, precision))] for value in inspection.values),
    }
    for key, items in lists.items():
        yield f',\n  "{key}": '
        yield from _list(items)
    if inspection.record is not None:
        yield f',\n  "record": {json_text(_record(inspection.record))}'
    yield "\n}\n"


def _list(items: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield a JSON list with one line an item: readable, and fast."""
    before = "[\n    "
    for item in items:
        yield before
        yield from item
        before = ",\n    "
    yield "[]" if before.startswith("[") else "\n  ]"


def plain(array: Array | None, precision: int | None = None) -> Any:
    """Return an array as nested lists of what strict JSON holds (see the module), None as None."""
    if array is None:
        return None
    array = shortest(array)
    if array.dtype.kind in "biu":
        return array.tolist()
    if array.dtype.kind == "f" and not array.ndim:
        return _float(array.item(), precision)
    if array.dtype.kind == "c":
        return _mapped(array.tolist(), lambda z: _complex(z, precision))
    if precision is None and np.isfinite(array).all():
        return array.tolist()
    return _mapped(array.tolist(), lambda x: _float(x, precision))


def _float(value: float, precision: int | None) -> float | str:
    if value - value != 0:  # nan and both infinities
        return repr(value)
    rounded = value if precision is None else float(f"{value:.{precision}g}")
    return rounded if rounded - rounded == 0 else value  # the largest numbers round to infinity


def _complex(value: complex, precision: int | None) -> dict[str, float | str]:
    return {"re": _float(value.real, precision), "im": _float(value.imag, precision)}


def _mapped(value: Any, function: Callable[[Any], Any]) -> Any:
    if isinstance(value, list):
        return [_mapped(item, function) for item in value]
    return function(value)


def node_keys(pytorch: bool) -> Iterator[str]:
    """Yield the keys of a node: all, or those whose facts PyTorch would show."""
    return (key for key in NODE_KEYS if key != "gradient" or not pytorch)


def node_record(node: NodeFacts, pytorch: bool) -> dict[str, Any]:
    """Return a node with the keys of the schema, its value and gradients as arrays."""
    record = {key: getattr(node, key) for key in node_keys(pytorch)}
    frames: tuple[FrameFacts, ...] = record["frames"]
    return record | {"frames": [frame if frame.module else frame[:3] for frame in frames]}


def plain_record(record: dict[str, Any], precision: int | None) -> dict[str, Any] | None:
    """Return a record with its arrays as lists, None where one is too large for one piece."""
    arrays = {key: record[key] for key in ARRAYS if key in record}
    if any(array is not None and array.size > PIECE for array in arrays.values()):
        return None
    return record | {key: plain(array, precision) for key, array in arrays.items()}


def node_text(record: dict[str, Any], precision: int | None) -> Iterator[str]:
    """Yield a node's record: at once, or in pieces where it has a large array."""
    small = plain_record(record, precision)
    if small is not None:
        yield json_text(small)
        return
    before = "{"
    for key, fact in with_cells(record).items():
        yield f'{before}"{key}": '
        yield from array_text(fact, precision) if key in ARRAYS else [json_text(fact)]
        before = ", "
    yield "}"


def array_text(array: Array | None, precision: int | None) -> Iterator[str]:
    """Yield an array as nested lists, so many of its elements at a time."""
    if array is None or array.size <= PIECE:
        yield json_text(plain(array, precision))
        return
    rows = PIECE * len(array) // array.size  # together; none where a row is too large itself
    before = "["
    for k in range(0, len(array), rows or 1):
        yield before
        if rows:
            yield json_text(plain(array[k : k + rows], precision))[1:-1]
        else:
            yield from array_text(array[k], precision)
        before = ", "
    yield "]"


def _record(record: RecordFacts) -> dict[str, Any]:
    def row(id: int, row: RecordedRow) -> dict[str, Any]:
        differs = [d._asdict() | {"gap": _float(d.gap, None)} for d in row.differs]
        return {"id": id} | row._asdict() | {"differs": differs}

    return {
        "file": record.file,
        "torch": record.torch,
        "holds": record.holds,
        "own": record.own,
        "compared": dict(record.compared),
        "gaps": dict(record.gaps),
        "absent": record.absent,
        "rows": [row(id, one) for id, one in record.rows.items()],
    }


def _function(function: FunctionFacts) -> str:
    record = {"id": function.id, "name": function.name, "node": function.node}
    return json_text(record | {"next": function.next})


def _claim(claim: Claim, precision: int | None) -> dict[str, Any]:
    def side(pair: tuple[str, Array] | None) -> dict[str, Any] | None:
        return pair and {"source": pair[0], "value": plain(pair[1], precision)}

    return {
        "line": claim.line,
        "source": claim.source,
        "holds": claim.holds,
        "message": claim.message,
        "relation": claim.relation,
        "left": side(claim.left),
        "right": side(claim.right),
        "note": claim.note,
    }


def _value(value: ValueFacts, precision: int | None) -> dict[str, Any]:
    def plainly(x: Any) -> Any:
        if isinstance(x, complex):
            return _complex(x, precision)
        return _float(x, precision) if isinstance(x, float) else x

    found = asdict(value)
    return found | {"value": _mapped(found.pop("data"), plainly)}
