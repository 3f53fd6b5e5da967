"""The check of a whole run: every parameter, mode and order, and every claim."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from math import isfinite
from time import monotonic
from typing import Any

import numpy as np

from gradcli.errors import Source
from gradcli.facts import inspect
from gradcli.graph import Graph
from gradcli.inspection import Inspection, NodeFacts
from gradcli.roots import name_of
from gradcli.rule.dtypes import Array, is_differentiable
from gradcli.rule.rule import Multilinear
from gradcli.session import Request, Session, run
from gradcli.verify import analytic
from gradcli.verify.chain import Known
from gradcli.verify.claims import check_claims
from gradcli.verify.compare import described, vectors
from gradcli.verify.complex_step import ComplexStep
from gradcli.verify.digits import decided_elements
from gradcli.verify.estimates import differences
from gradcli.verify.examine import ROUND_OFF, Examination, counted, examine
from gradcli.verify.places import flat
from gradcli.verify.probe import Probe, place
from gradcli.verify.reasons import cuts, numbers, reason
from gradcli.verify.report import Element, Finding, Mode, Report, worst_of
from gradcli.verify.target import (
    Settings,
    Target,
    every_parameter,
    is_recorded,
    recorded_rows,
    target_of,
)
from gradcli.verify.taylor import slope, sweep
from gradcli.verify.together import DIRECTIONS, Sum, alike
from gradcli.verify.verdicts import FAILURE, Level, Verdict
from gradcli.verify.workers import Rows, Work, Workers

FEW = 3  # operations named where a gradient is 0
NAMED = 2  # opaque rows that a note names
MANY, CLOSELY = 32, 4  # parameters of a record that are moved together; those looked at closely
KEPT = 50  # elements of a finding that a report keeps: those that are not OK; when verbose, any


def check(
    session: Session,
    settings: Settings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Compare every gradient of a run with numeric derivatives, and test its claims.

    `progress` is told how many elements are done, and how many there are.

    Raises: InputFault where a name is not known, AutogradFault where nothing can be differentiated.
    """
    with np.errstate(all="ignore"), warnings.catch_warnings():  # nan and inf are values like others
        warnings.simplefilter("ignore", RuntimeWarning)
        return _checked(session, settings or Settings(), progress)


def _checked(
    session: Session, settings: Settings, progress: Callable[[int, int], None] | None
) -> Report:
    inspection = inspect(session)
    generator = np.random.default_rng(settings.seed)
    target = target_of(session, settings, generator)
    arguments = session.source, session.tracer.options, settings
    with closing(Workers(settings.jobs, _prepared, arguments)) as workers:
        if progress is not None:
            workers.advance = _counting(progress, target, settings.most(1))
        checked = _Check(session, inspection, target, settings, generator, workers)
        if target.own is not None:
            checked.notes.append("differences and gradients are computed in float64")
        if target.idle:
            checked.notes.append(f"only evaluated, and not checked: {', '.join(target.idle)}")
        findings = checked.together()
        others = [leaf for leaf in target.parameters if leaf not in checked.right]
        findings += [f for leaf in others for f in checked.parameter(leaf)]
    if settings.strict and all(f.zero for f in findings):
        findings = [replace(f, level=FAILURE) for f in findings]
    findings.sort(key=lambda f: f.verdict.rank)
    began = monotonic()
    # what an opaque row gives at other points nobody knows
    points = 0 if any(map(is_recorded, session.graph.ops)) else settings.points
    claims = check_claims(session, inspection, every_parameter(session), points, generator)
    return Report(
        session.source.name,
        target.outputs.labels,
        tuple(findings),
        claims,
        checked.evaluations,
        tuple(dict.fromkeys(checked.notes)),
        "" if settings.of else session.choice.why,
        monotonic() - began,
    )


def _counting(
    progress: Callable[[int, int], None], target: Target, most: int
) -> Callable[[int], None]:
    sizes = [target.graph.values[leaf].size for leaf in target.parameters]
    done, total = 0, sum(min(size, most) for size in sizes)

    def advance(count: int) -> None:
        nonlocal done
        done += count
        progress(min(done, total), total)  # a complex element counts twice

    return advance


def _prepared(source: Source, options: Any, settings: Settings) -> Callable[[Work], Rows]:
    """Return the differences of any parameter, in a process that has not run the file yet."""
    session = run(source, options, Request(backward=False))
    target = target_of(session, settings, np.random.default_rng(settings.seed))

    def rows(work: Work) -> Rows:
        probe = _probe(target, work.leaf, settings)
        step = ComplexStep(probe, {}) if work.exact else None
        if step is not None:
            step.serves(np.random.default_rng(settings.seed))
        return differences(probe, step)

    return rows


def _probe(target: Target, leaf: int, settings: Settings) -> Probe:
    return Probe(target.graph, leaf, target.outputs, settings.through_detach)


# ---- one parameter -------------------------------------------------------------------------


@dataclass
class _Check:
    """What the check of every parameter needs; `evaluations` counts replays of the tape.

    `known` are derivatives by rows that several parameters pass, `right` the parameters that were
    found right all together.
    """

    session: Session
    inspection: Inspection
    target: Target
    settings: Settings
    generator: np.random.Generator
    workers: Workers
    evaluations: int = 0
    notes: list[str] = field(default_factory=list)
    known: Known = field(default_factory=dict)
    right: Mapping[int, Sum] = field(default_factory=dict)

    def together(self) -> list[Finding]:
        """Return findings of a large record's parameters that were right when all were moved."""
        target, settings = self.target, self.settings
        plain = settings.modes == ("reverse",) and not (settings.verbose or settings.digits)
        large = self.session.tracer.record is not None and len(target.parameters) > MANY
        if not (large and plain and settings.max_elements is None):
            return []
        began = monotonic()
        with self.session.tracer.placed():
            found = analytic.reverse(target.graph, target.outputs, target.parameters)
        whole = {leaf: g for leaf, g in found.items()
                 if g is not None and np.isfinite(g).all() and g.any()}  # fmt: skip
        close = self.generator.choice(sorted(whole), min(CLOSELY, len(whole)), replace=False)
        told = alike(target.graph, target.outputs, whole, self.generator, settings.through_detach)
        self.right = {leaf: one for leaf, one in told.items() if leaf not in close}
        if self.right:
            share = f"{len(self.right)} of {len(target.parameters)} parameters"
            self.notes.append(f"{share} are moved together, along {DIRECTIONS} random directions; "
                              "--max-elements N compares elements of each")  # fmt: skip
        seconds = (monotonic() - began) / max(len(self.right), 1)
        return [self._together(leaf, one, seconds) for leaf, one in self.right.items()]

    def _together(self, leaf: int, one: Sum, seconds: float) -> Finding:
        session, target = self.session, self.target
        node, verdict, note = self.inspection.node(leaf), Verdict.OK, ""
        if passed := recorded_rows(target.graph, leaf, target.outputs.roots):
            verdict, note = Verdict.RECORDED, _recorded(session, passed)
        size = analytic.real(np.asarray(target.graph.values[leaf])).size
        element = Element(target.outputs.labels[one.output], None, "", one.analytic, one.numeric,
                          one.error, one.step, verdict)  # fmt: skip
        return Finding(
            _label(session.graph, target, node), node.line, node.shape, node.dtype, "reverse",
            target.order, verdict, size, 0, DIRECTIONS, {verdict: 1}, (element,), verdict.level,
            note, seconds=seconds,
        )  # fmt: skip

    def parameter(self, leaf: int) -> list[Finding]:
        """Return a finding for each mode."""
        began = monotonic()
        target, settings = self.target, self.settings
        graph, outputs = target.graph, target.outputs
        probe = _probe(target, leaf, settings)
        with self.session.tracer.placed():  # a rule may stumble over what its operation took
            found = analytic.reverse(graph, outputs, (leaf,))[leaf]
        jacobian = np.zeros((probe.base.size, len(outputs.labels))) if found is None else found
        # a model has many parameters, and a check of its record takes no longer than others
        share = 1 if self.session.tracer.record is None else len(target.parameters)
        chosen = _chosen(jacobian, settings.most(probe.stack.size, share), self.generator)
        examination = examine(
            probe,
            self.session.source,
            chosen,
            jacobian,
            settings.tolerance,
            self.generator,
            self.workers,
            self.known,
        )
        findings = []
        for mode in settings.modes:
            side, along = jacobian[chosen], examination.directions @ jacobian
            if mode == "forward":
                with self.session.tracer.placed():
                    side = analytic.forward(graph, outputs, leaf, chosen.tolist())
                    push = analytic.pusher(graph, outputs, leaf)
                    along = np.array([push(d) for d in examination.directions])
                along = along.reshape(len(examination.directions), side.shape[1])
            elements = examination.elements_of(side, along)
            if settings.digits is not None:
                with self.session.tracer.placed():
                    elements, note = decided_elements(target, leaf, mode, elements, settings)
                self.notes.append(note)
            if target.own is not None and mode == "reverse":
                elements = self._as_the_file_does(examination, elements)
            if mode == "forward" and "reverse" in settings.modes:
                elements = _as_reverse_mode_does(jacobian, probe, elements, settings.tolerance)
            findings.append(self._finding(examination, mode, elements, found))
        self.evaluations += probe.evaluations
        seconds = (monotonic() - began) / len(findings)
        return [replace(finding, seconds=seconds) for finding in findings]

    def _level(self, verdict: Verdict, elements: list[Element], finite: bool) -> Level:
        """Return how much a finding matters: what is not finite is a failure, unless allowed."""
        if not self.settings.allow_nonfinite:
            return verdict.level if finite else FAILURE
        others = (e.verdict for e in elements if isfinite(e.analytic))
        return worst_of(others).level if verdict is Verdict.WRONG else verdict.level

    def _as_the_file_does(self, examination: Examination, elements: list[Element]) -> list[Element]:
        """Compare the gradient of float64 with the one in the file's own precision."""
        from gradcli.verify.precision import as_the_file_does

        own, leaf = self.target.own, examination.probe.leaf
        assert own is not None, "asked only of files below double precision"
        jacobian = analytic.reverse(own, self.target.outputs, (leaf,))[leaf]
        if jacobian is None:
            return elements
        changes = self.session.tracer.default_dtype == own.metas[leaf].dtype
        hint = "; try --dtype float64" if changes else ""
        return as_the_file_does(elements, own, jacobian, examination, hint)

    def _finding(
        self, examination: Examination, mode: Mode, elements: list[Element], gradient: Array | None
    ) -> Finding:
        session, target = self.session, self.target
        node = self.inspection.node(examination.probe.leaf)
        elements.sort(key=lambda e: (e.verdict.rank, -_weight(e)))
        verdict = worst_of(e.verdict for e in elements)
        settled, note = self.settings.digits is not None, ""
        if verdict is Verdict.WRONG:
            told = [elements[0].note, "" if settled else described(elements, node.shape)]
            note = "; ".join(filter(None, told))
        if verdict is Verdict.OK and not any(e.analytic for e in elements):
            verdict, note = _cut(session, target, node.id, gradient)
        note = note or next((e.note for e in elements if e.note), "")
        if verdict is Verdict.OK and not note:
            note = _where_flat(session, target, node.id, elements)
        if passed := recorded_rows(target.graph, node.id, target.outputs.roots):
            elements = [
                replace(e, verdict=Verdict.RECORDED) if e.verdict is Verdict.OK else e
                for e in elements
            ]
            if verdict is Verdict.OK:
                verdict, note = Verdict.RECORDED, _recorded(session, passed)
        finite = all(map(isfinite, [*target.values, *(e.analytic for e in elements)]))
        facts = vectors(elements)
        doubtful = (not verdict.level.good and not settled) or self.settings.verbose
        right = (Verdict.OK, Verdict.RECORDED)
        odd = [e for e in elements if e.verdict not in right and not self.settings.verbose]
        return Finding(
            parameter=_label(session.graph, target, node),
            line=node.line,
            shape=node.shape,
            dtype=node.dtype,
            mode=mode,
            order=target.order,
            verdict=verdict,
            elements=examination.probe.base.size,
            checked=len(examination.elements),
            directions=len(examination.directions),
            counts=counted(elements),
            worst=tuple((odd or elements)[:KEPT]),
            level=self._level(verdict, elements, finite),
            note=note,
            method="complex step" if examination.exact else "differences",
            mean=facts.mean,
            cosine=facts.cosine,
            ratio=facts.ratio,
            slope=slope(examination, elements) if doubtful and elements else None,
            sweep=sweep(examination, elements) if self.settings.verbose and elements else (),
            zero=all(e.zero for e in elements),
        )


def _chosen(jacobian: Array, most: int, generator: np.random.Generator) -> Array:
    """Return the elements to compare one by one: all, or the steepest and a random sample."""
    count = len(jacobian)
    if count <= most:
        return np.arange(count)
    size = np.nan_to_num(np.abs(jacobian).max(axis=1, initial=0.0), nan=np.inf)
    steepest = np.argsort(-size)[: most // 8]
    rest = np.setdiff1d(np.arange(count), steepest)
    drawn = generator.choice(rest, most - len(steepest), replace=False)
    return np.sort(np.concatenate([steepest, drawn]))


def _as_reverse_mode_does(
    jacobian: Array, probe: Probe, elements: list[Element], tolerance: float
) -> list[Element]:
    """Compare the derivatives of forward mode with those of reverse mode."""
    room = ROUND_OFF * np.abs(jacobian).max(axis=0, initial=0.0)
    result = []
    for e in elements:
        if e.index is not None and e.verdict not in (Verdict.WRONG, Verdict.NOISY):
            output = probe.outputs.labels.index(e.output)
            other = float(jacobian[e.position(probe.shape), output])
            allowed = tolerance * max(abs(other), abs(e.analytic)) + float(room[output])
            if abs(e.analytic - other) > allowed:
                e = replace(e, verdict=Verdict.WRONG, note=f"reverse mode gives {other:g}")
        result.append(e)
    return result


def _recorded(session: Session, rows: Sequence[int]) -> str:
    """Return through which opaque rows a gradient comes."""
    said = [f"`{name_of(session.graph, session.source, i)}` ({session.graph.label(i)})"
            for i in rows[:NAMED]]  # fmt: skip
    more = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
    return f"through {', '.join(said)}{more}: recorded, not checked"


def _label(graph: Graph, target: Target, node: NodeFacts) -> str:
    """Return a parameter's name; with its line where another one that counts has it too."""
    names = [graph.notes.title(i) for i in target.parameters]
    return node.name if node.name and names.count(node.name) == 1 else node.label


def _weight(element: Element) -> float:
    """Order elements of one verdict: by how far the two sides differ."""
    distance = element.absolute
    return float("inf") if distance != distance else distance


def _cut(
    session: Session, target: Target, leaf: int, gradient: Array | None
) -> tuple[Verdict, str]:
    """Return the verdict on a gradient of zeros, and where its way ends."""
    graph = target.graph
    ends = cuts(graph, leaf, target.outputs.roots)
    if gradient is not None:  # differences see what comparisons and indices do
        ends = [i for i in ends if is_differentiable(graph.metas[i].dtype)]
    if ends:
        where = reason(graph, session.source, ends[0])
        return Verdict.CUT, f"{where} stops the gradient"
    if gradient is None:
        text = f"{', '.join(target.outputs.labels[:3])} does not depend on it"
        read = numbers(graph, leaf)
        if read:
            names = ", ".join(str(reason(graph, session.source, i)) for i in read[:FEW])
            text += f", unless through a number that is read from {names}"
        return Verdict.CUT, text
    return Verdict.OK, ""


def _where_flat(session: Session, target: Target, leaf: int, elements: list[Element]) -> str:
    """Say which elements have a gradient of 0, and which operations are flat there."""
    zero = [e for e in elements if not e.analytic and e.index is not None and not e.note]
    if not zero or target.order != 1:
        return ""
    graph, shape = target.graph, target.graph.metas[leaf].shape
    rows = flat(graph, target.outputs, leaf, zero[0].position(shape))
    told = dict.fromkeys(_flat_text(graph, session.source, *found) for found in rows.items())
    where = "" if len(zero) == len(elements) else f" at {_place(zero[0])}"
    return f"0{where}: {', '.join(list(told)[:FEW])}" if told else ""


def _place(element: Element) -> str:
    """Return which element: `[1, 2]`, `[0].im`, `.re`."""
    return place(element.index or ()) + (f".{element.part}" if element.part else "")


def _flat_text(graph: Graph, source: Source, row: int, moving: int) -> str:
    op, cause = graph.ops[row], reason(graph, source, row)
    if moving > 1:
        return f"it cancels in {cause}"
    linear = op is not None and isinstance(op.derivative, Multilinear)
    return f"{cause} {'leaves nothing of it' if linear else 'has slope 0 here'}"
