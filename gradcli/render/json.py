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
- `printed`: what `print` wrote, one string a call.
- `values`: the numbers, lists, strings and other values of Python that the file's own names hold
  in the end, and those of expressions on their own, in the order of the file. A list that was used
  as a tensor is a node instead. The table shows them where a file has no tensor.

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

A value: `name` (null for an expression on its own), `label` (the name, or the source text),
`line`, `type` (Python's class: `"int"`, `"list"`), `text` (the value as Python shows it) and
`value`: a number, true, false, a string or nested lists of these, null for anything else.

A function: `id`, `name` (the class name, or `"AccumulateGrad"`), `node` (the id of the node it
belongs to; for AccumulateGrad, the leaf) and `next`, PyTorch's `next_functions`: the ids of the
functions that receive its gradients, null where an operand needs none.

A claim: `line`, `source`, `holds`, `message` (or null), `relation` (for instance `"=="` or
`"allclose"`, or null), `left` and `right`: each null or `{"source", "value"}`;
`note`: how the sides of a false claim differ, in words, "" where nothing fits.

Numbers: integers are exact, booleans are true and false, NaN and infinities are the strings
`"nan"`, `"inf"`, `"-inf"`, a complex number is `{"re", "im"}`. Floats read back exactly in their
dtype: `float32` and `float16` are written with the decimals of their own precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from gradcli.inspection import Array, Claim, Inspection, NodeFacts, ValueFacts
from gradcli.render.numbers import shortest
from gradcli.render.words import json_text, shown

SCHEMA = "gradcli.eval/1"
WHICH = ("why", "sum", "elsewhere")  # of what is differentiated
NODE_KEYS = tuple(field.name for field in fields(NodeFacts))


def render(
    inspection: Inspection,
    *,
    named: bool = False,
    full: bool = True,
    precision: int | None = None,
) -> str:
    """Return the inspection as JSON (see the module for every key).

    `precision` rounds floats to so many significant digits; without it they are exact. `full`
    changes nothing: data are never elided.
    """
    del full
    nodes = [node_record(node, precision) for node in shown(inspection, named)]
    claims = [_claim(claim, precision) for claim in inspection.claims]
    parts = [
        f'"schema": {json_text(SCHEMA)}',
        f'"file": {json_text(inspection.file)}',
        f'"root": {json_text(inspection.root)}',
        *(f'"{key}": {json_text(getattr(inspection, key))}' for key in WHICH),
        f'"ran_backward": {json_text(inspection.ran_backward)}',
        f'"nodes": {_list(nodes)}',
        f'"functions": {_list(map(asdict, inspection.functions))}',
        f'"claims": {_list(claims)}',
        f'"notices": {_list(map(asdict, inspection.notices))}',
        f'"printed": {_list(inspection.printed)}',
        f'"values": {_list(_value(value, precision) for value in inspection.values)}',
    ]
    return "{\n  " + ",\n  ".join(parts) + "\n}\n"


def plain(array: Array | None, precision: int | None = None) -> Any:
    """Return an array as nested lists of what strict JSON holds (see the module), None as None."""
    if array is None:
        return None
    array = shortest(array)
    if array.dtype.kind in "biu":
        return array.tolist()
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


def node_record(node: NodeFacts, precision: int | None = None) -> dict[str, Any]:
    """Return a node with the keys and values of the schema."""
    record = {key: getattr(node, key) for key in NODE_KEYS}
    return record | {"value": plain(node.value, precision), "grad": plain(node.grad, precision)}


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


def _list(items: Iterable[Any]) -> str:
    """Return a JSON list with one line an item: readable, and fast."""
    texts = [json_text(item) for item in items]
    return "[\n    " + ",\n    ".join(texts) + "\n  ]" if texts else "[]"
