"""How often a check is mistaken where gradients are hard: 200 programs, beside 50-digit arithmetic.

    python -m benchmarks.check_programs [--each N] [--seed S] [--digits N] [--only gradcli]

Loops, chaotic maps, ODE steps, networks, numbers of every size, kinks and infinite slopes, at a
random point each (benchmarks/programs.py); the truth is the same text in mpmath's numbers
(benchmarks/exact.py). `gradcheck` gets the same programs, with its defaults. Then each gradient is
made wrong in five ways. A *contradiction* is a verdict that the truth refutes: OK of a derivative
that is another, WRONG of one that is right to 1e-6, an error bar without the truth in it.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.exact import Truth, truths
from benchmarks.programs import Program, programs
from gradcli.api import options_for
from gradcli.errors import Source
from gradcli.graph import Node
from gradcli.rule.dtypes import Array
from gradcli.session import Request, Session, run
from gradcli.verify import Element, Report, Settings, check
from gradcli.verify.analytic import reverse
from gradcli.verify.target import target_of

RIGHT, WRONG = 1e-6, 0.0299  # a derivative within the one is right, beyond the other wrong
LOST = 1e-9  # of a parameter's largest derivative: round-off, which no check can see through
LISTED = 0.01  # the largest error bar with which an element that is not listed can be OK

Change = Callable[[Any], Any]


def _missing(g: Any) -> Any:
    flat = 1 * g.reshape(-1)  # a copy, whatever the order of its memory
    flat[0] = 0
    return flat.reshape(g.shape)


CHANGES: dict[str, Change] = {
    "factor 1.03": lambda g: g * 1.03,
    "wrong sign": lambda g: -g,
    "missing element": _missing,
    "wrong index": lambda g: g.reshape(-1)[[*range(1, g.reshape(-1).shape[0]), 0]].reshape(g.shape),
    "term too many": lambda g: g + 0.05 * abs(g).max(),
}


class Case(NamedTuple):
    """A program with its truth, and gradcli's gradient of it."""

    program: Program
    truth: list[Truth]
    gradient: Array


def session_of(program: Program, change: Change | None = None) -> Session:
    """Return gradcli's run of a program, its gradient changed where it arrives."""
    text = f"x = clone(point)\n{program.text}"
    session = run(Source("<program>", text), options_for(param={"point": program.x}),
                  Request(backward=False))  # fmt: skip
    graph = session.graph
    for id, op in enumerate(graph.ops):
        if change is not None and op is not None and op.derivative and op.name == "clone":
            wrong = replace(op.derivative, bodies=(lambda g, *_: _changed(g, change),))
            graph.ops[id] = replace(op, derivative=wrong)
    return session


def _changed(g: Any, change: Change) -> Any:
    """Return a changed gradient: a constant, where it is recorded."""
    return g.constant(np.asarray(change(np.array(g.value)))) if isinstance(g, Node) else change(g)


def case_of(program: Program) -> Case:
    """Return a program with its truth and its gradient."""
    session = session_of(program)
    target = target_of(session, Settings(of=("y",)), np.random.default_rng(0))
    with np.errstate(all="ignore"):
        found = reverse(target.graph, target.outputs, target.parameters)[target.parameters[0]]
    gradient = np.zeros(program.x.size) if found is None else found[:, 0]
    return Case(program, truths(program.text, program.x), gradient)


# ---- what the truth says of a gradient and of a verdict ---------------------------------------


def agrees(gradient: float, truth: Truth, room: float = 0.0) -> bool:
    """Say whether a derivative is the truth, or lies between the two at a kink."""
    low, high = sorted((truth.left, truth.right))
    if truth.kind in ("smooth", "edge"):
        low = high = truth.value
    slack = room + RIGHT * max((abs(v) for v in (low, high, gradient) if np.isfinite(v)), default=0)
    return bool(low - slack <= gradient <= high + slack)


def judged(case: Case, gradient: Array) -> str:
    """Return `right` or `wrong`, and "" where it is neither: between the two, or undefined."""
    finite = [abs(t.value) for t in case.truth if np.isfinite(t.value)]
    lost = LOST * max(finite, default=0.0)
    known = [(g, t) for g, t in zip(gradient, case.truth, strict=True) if t.kind != "undefined"]
    if len(known) < len(case.truth) or any(t.kind == "jump" for _, t in known):
        return ""
    if all(agrees(g, t, lost) for g, t in known):
        return "right"
    gaps = [abs(g - t.value) >= WRONG * max(abs(g), abs(t.value)) and not agrees(g, t, 1e6 * lost)
            for g, t in known if t.kind == "smooth"]  # fmt: skip
    return "wrong" if any(gaps) or np.isnan(gradient).any() else ""


def contradictions(case: Case, report: Report) -> Iterator[tuple[str, int, Element | None]]:
    """Yield what the truth refutes: what is wrong, the element's place, and the element."""
    finding = report.findings[0]
    listed = {e.position(finding.shape): e for e in finding.worst if e.index is not None}
    finite = np.abs(case.gradient[np.isfinite(case.gradient)])
    room = 1e-13 * float(finite.max(initial=0.0))  # of round-off
    for k, truth in enumerate(case.truth):
        element = listed.get(k)
        verdict = "OK" if element is None else element.verdict.value
        what = _refuted(verdict, float(case.gradient[k]), truth, element, room)
        if what:
            yield what, k, element


def _refuted(
    verdict: str, gradient: float, truth: Truth, element: Element | None, room: float
) -> str:
    if truth.kind == "undefined":
        return ""
    if verdict == "OK":
        bar = LISTED * abs(truth.value) if element is None else element.error
        sides = [truth.left, truth.right] if truth.kind in ("kink", "jump") else [truth.value]
        for side in sides:
            apart = 0.0 if gradient == side else abs(gradient - side)
            if not apart <= bar + room + RIGHT * abs(side):
                return f"OK of a gradient that is wrong ({truth.kind})"
    if verdict == "WRONG" and truth.kind != "jump" and agrees(gradient, truth):
        return "WRONG of a gradient that is right"
    if element is not None and verdict in ("OK", "WRONG", "NOISY") and truth.kind == "smooth":
        apart = abs(element.numeric - truth.value)
        if np.isfinite(element.error) and apart > element.error * (1 + 1e-9) + 1e-300:
            return "an error bar without the truth"
    return ""


# ---- the checks ------------------------------------------------------------------------------


def gradcli_says(program: Program, change: Change | None, settings: Settings) -> str:
    """Return the verdict: `right`, `wrong` or `undecided`; what is not finite is undecided too."""
    report = check(session_of(program, change), settings)
    if report.verdict == "WRONG":
        return "wrong"
    return "undecided" if report.status else "right"


def torch_says(program: Program, change: Change | None) -> str:
    """Return what gradcheck says of the same program."""
    import torch

    class Changed(torch.autograd.Function):
        @staticmethod
        def forward(_: Any, a: Any) -> Any:
            return a.clone()

        @staticmethod
        def backward(_: Any, g: Any) -> Any:
            return g if change is None else change(g.clone())

    def broadcasting(function: Any) -> Any:
        return lambda a, b: function(a, torch.as_tensor(b))

    names = {**vars(torch), **vars(torch.special), "linalg": torch.linalg, "sum": torch.sum,
             "abs": torch.abs, "tensor": lambda a: torch.tensor(a, dtype=torch.float64),
             "range": range}  # fmt: skip
    names |= {name: broadcasting(getattr(torch, name)) for name in ("maximum", "minimum")}
    code = compile(program.text, "<program>", "exec")
    apply: Any = Changed.apply

    def f(w: Any) -> Any:
        scope = {**names, "x": apply(w)}
        exec(code, scope)
        return scope["y"]

    w = torch.tensor(program.x, dtype=torch.float64, requires_grad=True)
    good = torch.autograd.gradcheck(f, (w,), raise_exception=False)
    return "right" if good else "wrong"


def measure(name: str, says: Callable[..., str], cases: list[Case]) -> list[str]:
    """Print the rates of one check; return its mistakes in words."""
    counts: dict[str, Counter[str]] = {"right": Counter(), "wrong": Counter()}
    started, bad, at_kinks = time.perf_counter(), [], 0
    for case in cases:
        smooth = all(t.kind == "smooth" for t in case.truth)
        for what, change in {"as it is": None, **CHANGES}.items():
            gradient = case.gradient
            if change is not None:
                if not smooth:
                    continue
                with np.errstate(all="ignore"):
                    gradient = change(gradient.copy())
            truth = judged(case, gradient)
            if not truth or (change is not None and truth == "right"):
                continue
            try:
                said = says(case.program, change)
            except Exception as error:  # what a library cannot state
                said = "not stated"
                bad.append(f"{type(error).__name__} {str(error)[:80]}\n{case.program}")
            counts[truth][said] += 1
            at_kinks += (truth, said, smooth) == ("right", "wrong", False)
            if said not in (truth, "not stated"):
                bad.append(f"{what} ({truth}), called {said}\n{case.program}")
    right, wrong = counts["right"], counts["wrong"]
    print(
        f"{name:12} false alarms {right['wrong']}/{_stated(right)} ({at_kinks} where the slope is "
        "not unique)  missed "
        f"{wrong['right']}/{_stated(wrong)}  undecided {right['undecided']}+{wrong['undecided']}  "
        f"not stated {right['not stated']}+{wrong['not stated']}  "
        f"{time.perf_counter() - started:.0f} s",
        flush=True,
    )
    return [f"{name}: {text}" for text in bad]


def _stated(counts: Counter[str]) -> int:
    return counts.total() - counts["not stated"]


def confront(cases: list[Case], settings: Settings) -> list[str]:
    """Print the verdicts, and how many the truth refutes; return those in words."""
    verdicts: Counter[str] = Counter()
    refuted: Counter[str] = Counter()
    told = []
    for case in cases:
        try:
            report = check(session_of(case.program), settings)
        except Exception as error:
            refuted["no verdict"] += 1
            told.append(f"no verdict: {type(error).__name__} {error}\n{case.program}")
            continue
        verdicts[report.verdict.value] += 1
        for what, k, e in contradictions(case, report):
            refuted[what] += 1
            told.append(_told(case, what, k, e))
    print("verdicts  " + "  ".join(f"{v} {n}" for v, n in verdicts.most_common()))
    print(f"refuted by 50 digits  {refuted.total()}  ({dict(refuted)})", flush=True)
    return told


def _told(case: Case, what: str, k: int, e: Element | None) -> str:
    truth = case.truth[k]
    lines = [
        f"{what}: {case.program.kind}, element {k}",
        f"  gradient {float(case.gradient[k])!r}  truth {truth.value!r} ({truth.kind}: left "
        f"{truth.left!r}, right {truth.right!r})",
    ]
    if e is not None:
        apart = abs(e.numeric - truth.value)
        lines.append(f"  off by {apart:.3g}, relative {apart / abs(truth.value or 1):.3g}")
        lines.append(f"  {e.verdict.value} {e.numeric!r} ± {e.error:.3g} at step {e.step:.3g}, "
                     f"left {e.left}, right {e.right}  {e.note}")  # fmt: skip
    return "\n".join([*lines, *(f"    {line}" for line in str(case.program).split("\n"))])


def main() -> None:
    """Print what the truth says of the verdicts, and the rates of every check installed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--each", type=int, default=10, help="programs of each of 20 kinds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--digits", type=int, help="as of gradcli check")
    parser.add_argument("--only", default="gradcli,gradcheck", help="whose rates")
    parser.add_argument("--list", metavar="FILE", help="write every mistake here")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    cases = [case_of(program) for program in programs(given.seed, given.each)]
    kinds = Counter(t.kind for case in cases for t in case.truth)
    print(f"{len(cases)} programs, derivatives: {dict(kinds)}", flush=True)
    settings = Settings(of=("y",), digits=given.digits)
    told = confront(cases, settings)
    checks = {"gradcli": partial(gradcli_says, settings=settings), "gradcheck": torch_says}
    for name, says in checks.items():
        if name in given.only.split(","):
            told += measure(name, says, cases)
    if given.list:
        Path(given.list).write_text("\n\n".join(told) + "\n")


if __name__ == "__main__":
    main()
