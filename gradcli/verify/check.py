"""The check of a whole run: every parameter, mode and order, and every claim."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from gradcli.errors import AutogradFault, InputFault
from gradcli.graph import Graph, Node
from gradcli.inspection import Inspection, NodeFacts
from gradcli.ops.dtypes import Array
from gradcli.session import Session, inspect, leaves
from gradcli.verify import analytic
from gradcli.verify.claims import check_claims, upstream
from gradcli.verify.compare import described, vectors
from gradcli.verify.examine import Examination, counted, examine
from gradcli.verify.probe import Outputs, Probe, held_rows, outputs_of
from gradcli.verify.reasons import cuts, reason
from gradcli.verify.report import SEVERITY, Element, Finding, Mode, Report, Verdict, worst_of
from gradcli.verify.taylor import slope, sweep
from gradcli.verify.wide import is_narrow, widened

KEPT = 50  # elements of a finding that a report keeps: all that are not OK, up to this many


@dataclass(frozen=True)
class Settings:
    """What to check, and how closely.

    `of` names what is differentiated (None: the run's root). `order` 2 checks the gradients'
    gradients. `points` is the number of random points for claims. Above `max_elements` elements
    a parameter is sampled. `tolerance` is relative, beside the error bar of the differences.
    """

    of: tuple[str, ...] = ()
    modes: tuple[Mode, ...] = ("reverse",)
    order: int = 1
    points: int = 8
    max_elements: int = 4096
    tolerance: float = 1e-6
    through_detach: bool = False
    verbose: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Target:
    """What is differentiated on one tape, and by what.

    `graph` is in double precision; `own` is the tape as the file made it, where it is not.
    """

    graph: Graph
    own: Graph | None
    outputs: Outputs
    parameters: tuple[int, ...]
    order: int


def check(
    session: Session,
    settings: Settings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Compare every gradient of a run with numeric derivatives, and test its claims.

    `progress` is told how many parameters are done, and how many there are.

    Raises: InputFault where a name is not known, AutogradFault where nothing can be differentiated.
    """
    settings = settings or Settings()
    inspection = inspect(session)
    every = _parameters(session)
    roots = _roots(session, settings, every)
    parameters = _current(session.graph, every, [id for id, _ in roots])
    generator = np.random.default_rng(settings.seed)
    targets, notes = [], []
    if roots:
        targets = [_target(session, roots, parameters, settings, generator)]
        if targets[0].own is not None:
            notes.append("differences and gradients are computed in float64")
    findings: list[Finding] = []
    evaluations = 0
    for target in targets:
        for k, leaf in enumerate(target.parameters):
            found, count = _check_parameter(session, inspection, target, leaf, settings, generator)
            findings += found
            evaluations += count
            if progress is not None:
                progress(k + 1, len(target.parameters))
    findings.sort(key=lambda f: SEVERITY.index(f.verdict))
    claims = check_claims(session, inspection, every, settings.points, generator)
    labels = targets[0].outputs.labels if targets else ()
    return Report(session.source.name, labels, tuple(findings), claims, evaluations, tuple(notes))


# ---- what is checked -----------------------------------------------------------------------


def _parameters(session: Session) -> list[int]:
    """Return the parameters: those asked for by name, or all."""
    graph, wanted = session.graph, session.tracer.options.wrt
    found = leaves(graph, [i for i in range(len(graph)) if graph.origins[i] == "file"])
    return [i for i in found if not wanted or graph.names.get(i) in wanted]


def _current(graph: Graph, parameters: list[int], roots: list[int]) -> list[int]:
    """Return the parameters that count: of those that share a name, what the roots have seen.

    A loop makes a row of its own at each update. Those that no root depends on are its past; where
    none is depended on, the last stands for all of them.
    """
    seen = upstream(graph, roots)
    last: dict[int | str, int] = {}
    for i in parameters:
        name = graph.names.get(i, graph.current(i))
        if i in seen or last.get(name) not in seen:
            last[name] = i
    return [i for i in parameters if i in seen or i in last.values()]


def _roots(
    session: Session, settings: Settings, parameters: Sequence[int]
) -> list[tuple[int, str]]:
    """Return what is differentiated, with its name: the last tensor where there is no scalar."""
    graph, tracer = session.graph, session.tracer
    if settings.of:
        return [(_named(session, name), name) for name in settings.of]
    root = session.root
    if root is None:
        moving = [n.id for n in tracer.results if n.requires_grad and n.id not in parameters]
        if not moving:
            return []
        root = moving[-1]
    return [(root, graph.names.get(root) or session.source.snippet(graph.spans[root]))]


def _named(session: Session, name: str) -> int:
    value = session.tracer.scope.get(name)
    if not isinstance(value, Node):
        raise InputFault(f"{session.source.name} has no tensor `{name}`")
    if not value.requires_grad:
        raise AutogradFault(
            f"`{name}` does not require grad: no parameter leads to it",
            session.graph.spans[value.id],
            "make a leaf that it depends on a parameter: requires_grad=True, or -p NAME=…",
            session.source,
        )
    return value.id


def _target(
    session: Session,
    roots: list[tuple[int, str]],
    parameters: list[int],
    settings: Settings,
    generator: np.random.Generator,
) -> Target:
    graph = session.graph
    if settings.order == 2:
        ids = [id for id, _ in roots]
        names = dict(roots)
        found = analytic.gradient_nodes(graph, ids, parameters, generator)
        roots = [(g, f"d{names[r]}/d{graph.names.get(leaf, '?')}") for r, leaf, g in found]
    narrow = is_narrow(graph)
    wide = widened(graph) if narrow else graph
    largest = max((prod(graph.metas[leaf].shape) for leaf in parameters), default=1)
    outputs = outputs_of(
        wide,
        [id for id, _ in roots],
        [name for _, name in roots],
        generator,
        min(largest, settings.max_elements),
    )
    return Target(wide, graph if narrow else None, outputs, tuple(parameters), settings.order)


# ---- one parameter -------------------------------------------------------------------------


def _check_parameter(
    session: Session,
    inspection: Inspection,
    target: Target,
    leaf: int,
    settings: Settings,
    generator: np.random.Generator,
) -> tuple[list[Finding], int]:
    """Return a finding for each mode, and how often the tape was replayed."""
    graph, outputs = target.graph, target.outputs
    held = frozenset[int]() if settings.through_detach else held_rows(graph, leaf)
    probe = Probe(graph, leaf, outputs, held)
    found = analytic.reverse(graph, outputs, (leaf,))[leaf]
    jacobian = np.zeros((probe.base.size, len(outputs.labels))) if found is None else found
    chosen = _chosen(jacobian, settings.max_elements, generator)
    examination = examine(probe, session.source, chosen, settings.tolerance, generator)
    findings = []
    for mode in settings.modes:
        side, along = jacobian[chosen], examination.directions @ jacobian
        if mode == "forward":
            side = analytic.forward(graph, outputs, leaf, chosen.tolist())
            push = analytic.pusher(graph, outputs, leaf)
            along = np.array([push(d) for d in examination.directions]).reshape(along.shape)
        elements = examination.elements_of(side, along)
        if target.own is not None and mode == "reverse":
            elements = _as_the_file_does(target, leaf, elements)
        findings.append(
            _finding(session, inspection, target, examination, mode, elements, settings, found)
        )
    return findings, probe.evaluations


def _chosen(jacobian: Array, most: int, generator: np.random.Generator) -> Array:
    """Return the elements to compare one by one: all, or the steepest and a random sample."""
    count = len(jacobian)
    if count <= most:
        return np.arange(count)
    size = np.nan_to_num(np.abs(jacobian).max(axis=1), nan=np.inf)
    steepest = np.argsort(-size)[: most // 8]
    rest = np.setdiff1d(np.arange(count), steepest)
    drawn = generator.choice(rest, most - len(steepest), replace=False)
    return np.sort(np.concatenate([steepest, drawn]))


def _as_the_file_does(target: Target, leaf: int, elements: list[Element]) -> list[Element]:
    """Compare the gradient of the file's own precision with the one in float64."""
    from gradcli.verify.precision import noisy

    assert target.own is not None, "asked only of files below double precision"
    own = analytic.reverse(target.own, target.outputs, (leaf,))[leaf]
    if own is None:
        return elements
    return noisy(elements, own, target.own.metas[leaf], target.outputs.labels)


def _finding(
    session: Session,
    inspection: Inspection,
    target: Target,
    examination: Examination,
    mode: Mode,
    elements: list[Element],
    settings: Settings,
    gradient: Array | None,
) -> Finding:
    node = inspection.node(examination.probe.leaf)
    elements.sort(key=lambda e: (SEVERITY.index(e.verdict), -_weight(e)))
    verdict = worst_of([e.verdict for e in elements])
    note = described(elements, node.shape) if verdict == "WRONG" else ""
    if verdict == "OK" and not any(e.analytic for e in elements):
        verdict, note = _cut(session, target, node.id, gradient)
    facts = vectors(elements)
    doubtful = verdict in ("WRONG", "NOISY") or settings.verbose
    odd = [e for e in elements if e.verdict != "OK"] or elements
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
        worst=tuple(odd[:KEPT]),
        note=note or next((e.note for e in elements if e.note), ""),
        method="complex step" if examination.exact else "differences",
        mean=facts.mean,
        cosine=facts.cosine,
        ratio=facts.ratio,
        slope=slope(examination, elements) if doubtful and elements else None,
        sweep=sweep(examination, elements) if settings.verbose and elements else (),
    )


def _label(graph: Graph, target: Target, node: NodeFacts) -> str:
    """Return a parameter's name; with its line where another one that counts has it too."""
    names = [graph.names.get(i) for i in target.parameters]
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
    if ends:
        where = reason(graph, session.source, ends[0])
        return "CUT", f"{where} stops the gradient"
    if gradient is None:
        return "CUT", f"{', '.join(target.outputs.labels[:3])} does not depend on it"
    return "OK", ""
