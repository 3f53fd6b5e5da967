"""`check --json`: the schema `gradcli.check/1`, strict JSON.

Top level: `schema`; `files`, one record a file; `verdict` and `status`, the worst of all and the
exit status. A file's record:

- `file`: as it was named. `verdict`: the worst of its findings, `"WRONG"` where a claim is false,
  `"ERROR"` where it could not be run, `"SKIPPED"` where a folder was walked and the file has
  inputs that are not bound. `error`: the message of an error, null otherwise. `needs`: the inputs.
- `outputs`: labels of the real numbers that were differentiated: `loss`, `y[2]`, `z.re`, or
  `y·v1`, a random projection of a large tensor. `why`: why it is that, `""` where no other could
  be meant.
- `findings`: one a parameter and mode. `claims`: one an `assert`. `notes`: sentences.
- `evaluations`: how often the tape was replayed.

A finding: `parameter`, `line`, `shape`, `dtype`; `mode` (`"reverse"` or `"forward"`), `order`;
`verdict` (`"OK"`, `"WRONG"`, `"KINK"`, `"DOMAIN"`, `"CUT"`, `"NOISY"`); `elements`, how many real
numbers the parameter has, `checked` how many of them were compared one by one, `directions` how
many random directions stand for the rest; `counts`, verdicts of elements; `method`, `"complex
step"` or `"differences"`; `mean` absolute error, `cosine` and `ratio` of norms of the analytic
gradient and the numeric one (null where one of them is zero); `slope` of the Taylor remainder (2
right, 1 wrong, null where not needed); `zero`, whether every derivative is 0 on both sides, so that
nothing was tested; `status`, the exit status that it alone would give; `note`; `worst`, the
elements that matter, worst first; `sweep` (with `--verbose`), central differences of the first of
them as `step`, `estimate`, `difference`, `roundoff`.

An element: `output`; `index`, a list, null for a random direction; `part`, `"re"`, `"im"` or
`""`; `analytic`, `numeric`, `error` (the error bar), `step`, `absolute` and `relative` distance;
`left`, `right`, one-sided derivatives, null where they were not needed, `"nan"` where the
function is not defined on that side; `limits`, the values on both sides of a jump, null where there
is none; `op` and `line` of what is responsible, or null; `verdict`, `note`; `exact`, a string of
the digits asked for with `--digits`, or null.

A claim: `line`, `source`, `holds` (at the file's point and at every other), `here` (at the
file's point), `points` and `held`, how many random points were tried and at how many it held,
`outside`, how many more decide nothing because a side is not finite there, `kept`, which
structure the points have kept, `note`, how the sides differ, `worst` (places of the largest
differences: `index`, `left`, `right`, a complex number as `{"re", "im"}`).

NaN and infinities are the strings `"nan"`, `"inf"`, `"-inf"`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from gradcli.render.words import json_text
from gradcli.verify.report import ClaimFinding, Element, Finding, Report
from gradcli.verify.run import Outcome, status_of, verdict_of

SCHEMA = "gradcli.check/1"


def render(outcomes: Sequence[Outcome]) -> str:
    """Return the outcome of every file as JSON (see the module for every key)."""
    record = {
        "schema": SCHEMA,
        "verdict": verdict_of(outcomes),
        "status": status_of(outcomes),
        "files": [_file(outcome) for outcome in outcomes],
    }
    return json_text(_strict(record), indent=2) + "\n"


def _file(outcome: Outcome) -> dict[str, Any]:
    report = outcome.report or Report(outcome.file, (), (), ())
    return {
        "file": outcome.file,
        "verdict": outcome.verdict,
        "error": outcome.error,
        "needs": outcome.needs,
        "outputs": report.outputs,
        "why": report.why,
        "findings": [_finding(f) for f in report.findings],
        "claims": [_claim(c) for c in report.claims],
        "notes": report.notes,
        "evaluations": report.evaluations,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    record = asdict(finding)
    record["status"] = record.pop("level")["status"]
    del record["seconds"]  # the same file gives the same text
    record["worst"] = [_element(e) for e in finding.worst]
    return record


def _element(element: Element) -> dict[str, Any]:
    return asdict(element) | {"absolute": element.absolute, "relative": element.relative}


def _claim(finding: ClaimFinding) -> dict[str, Any]:
    return {
        "line": finding.claim.line,
        "source": finding.claim.source,
        "holds": finding.holds,
        "here": finding.claim.holds,
        "points": finding.points,
        "held": finding.held,
        "outside": finding.outside,
        "note": finding.note,
        "kept": finding.kept,
        "worst": [{"index": i, "left": a, "right": b} for i, a, b in finding.worst],
    }


def _strict(value: Any) -> Any:
    """Return a value with the floats that JSON does not have as strings."""
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    if isinstance(value, complex):
        return {"re": _strict(value.real), "im": _strict(value.imag)}
    if isinstance(value, float) and value - value != 0:
        return repr(value)
    return value
