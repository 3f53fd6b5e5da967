"""`gradcli explain --json`: the schema `gradcli.explain/1`, strict JSON.

Top level: `schema`, `file`, `root` (the id of the node that is differentiated), `nodes` (those that
the derivations name, with the keys of `gradcli.eval/1` except `value` and `grad`) and
`explanations`, one a node that was asked for:

- `target`: the id of the node. `gradient`: what arrives at it in all, null where none flows.
- `passes`: what is added up in it: one for each node that `backward()` ran from, none where no
  gradient flows.
- `cuts`: rows that depend on the node and pass nothing back: `row` (an id) and `why`.
- `notes`: sentences.

A pass: `root`, `times` (how often it ran), `start` (the cotangent at the root), `arriving`
(what formulas of steps call what arrives at a row), `gradient`,
`formula` (in the file's names) and `whole` (in its inputs), in the language, each null where there
is none; `steps` in the order of the engine; `places`, empty unless an element is followed.

A step is what an operation passes on to one of its operands: `row`, `operand` (ids); `formula` in
the language, in terms of what arrives, or in words where the language has none, as of a write
through a view; `factor`, where it is a product of that and this; `numbers`, the value of the
factor; `summed`: whether a sum undoes broadcasting; `passed`; `way`: which of several that meet at
the operand, and `total`: their sum, at the last; `kink` (null, or `convention` and `places`),
`breaks`: whether nan or inf begins here; `distance` from the root in steps.

A place: `node`, `moved` (which elements move), `tangent`, `gradient` and `share`.

Numbers are as in `gradcli.eval/1`. `full` and `depth` change nothing but the steps: with `depth` N
those of N steps from the root.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcli.explain.derivation import Step
from gradcli.explain.explanation import Explanation, Passed
from gradcli.formula.expressions import Formula
from gradcli.formula.text import text
from gradcli.inspection import Inspection
from gradcli.render.json import node_record, plain
from gradcli.render.words import json_text

SCHEMA = "gradcli.explain/1"


def render(
    explanations: Sequence[Explanation],
    *,
    inspection: Inspection,
    full: bool = False,
    depth: int | None = None,
) -> str:
    """Return the derivations as JSON (see the module for every key)."""
    del full
    records = [_explanation(e, depth) for e in explanations]
    named = {inspection.root, *(e.target for e in explanations)}
    named |= {c.row for e in explanations for c in e.cuts}
    for e in explanations:
        for p in e.passes:
            named |= {i for s in p.derivation.steps for i in (s.row, s.operand)}
    nodes = [
        {k: v for k, v in node_record(n, pytorch=True).items() if k not in ("value", "grad")}
        for n in inspection.nodes
        if n.id in named
    ]
    top = {"schema": SCHEMA, "file": inspection.file, "root": inspection.root, "nodes": nodes}
    return json_text(top | {"explanations": records}, indent=1) + "\n"


def _explanation(e: Explanation, depth: int | None) -> dict[str, Any]:
    return {
        "target": e.target,
        "gradient": plain(e.gradient),
        "passes": [_pass(p, depth) for p in e.passes],
        "cuts": [{"row": c.row, "why": c.why} for c in e.cuts],
        "notes": list(e.notes),
    }


def _pass(p: Passed, depth: int | None) -> dict[str, Any]:
    d = p.derivation
    return {
        "root": d.root,
        "times": p.times,
        "start": plain(d.start),
        "arriving": d.arriving,
        "gradient": plain(d.gradient),
        "formula": _text(p.formula),
        "whole": _text(p.whole),
        "steps": [_step(s) for s in d.steps if depth is None or s.distance < depth],
        "places": [
            {"node": x.node, "moved": x.moved.tolist(), "tangent": plain(x.tangent),
             "gradient": plain(x.gradient), "share": plain(np.asarray(x.share))}
            for x in p.places
        ],
    }  # fmt: skip


def _step(s: Step) -> dict[str, Any]:
    return {
        "row": s.row,
        "operand": s.operand,
        "formula": text(s.formula),
        "factor": _text(s.factor),
        "numbers": plain(s.numbers),
        "summed": s.summed,
        "passed": plain(s.passed),
        "way": s.way,
        "total": plain(s.total),
        "kink": None if s.kink is None else s.kink._asdict(),
        "breaks": s.breaks,
        "distance": s.distance,
    }


def _text(formula: Formula | None) -> str | None:
    return None if formula is None else text(formula)
