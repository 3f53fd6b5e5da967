"""What a check differentiates, and by which parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from gradcli.execute import compute
from gradcli.graph import Graph
from gradcli.roots import accumulated, name_of, sum_node, sum_text
from gradcli.rule.rule import Primitive
from gradcli.session import Session, as_passed, idle_models, leaves, named
from gradcli.trace.passes import Pass
from gradcli.verify import analytic
from gradcli.verify.altered import upstream
from gradcli.verify.probe import Outputs, outputs_of
from gradcli.verify.report import Mode
from gradcli.verify.wide import is_narrow, widened

LEAST, MOST = 32, 4096  # elements of a parameter that are compared one by one
WORK = 1 << 28  # numbers computed for a parameter: seconds
SHARE, FEWEST = 8, 4  # parameters of a record whose work all share, and the least of each then


@dataclass(frozen=True)
class Settings:
    """What to check, and how closely.

    `of` names what is differentiated (None: the run's root). `order` 2 checks the gradients'
    gradients. `points` is the number of random points for claims. Above `max_elements` elements
    a parameter is sampled; None is as many as take seconds. `tolerance` is relative, beside the
    error bar of the differences. `digits` of every derivative decide, None: differences in double
    precision. `jobs` processes share what takes long. A gradient or a root that is nan or infinite
    is a failure, unless `allow_nonfinite`; one that is 0 everywhere is none, unless `strict`.
    """

    of: tuple[str, ...] = ()
    modes: tuple[Mode, ...] = ("reverse",)
    order: int = 1
    points: int = 8
    max_elements: int | None = None
    tolerance: float = 1e-6
    through_detach: bool = False
    verbose: bool = False
    seed: int = 0
    jobs: int = 1
    strict: bool = False
    allow_nonfinite: bool = False
    digits: int | None = None

    def most(self, work: int, parameters: int = 1) -> int:
        """Return how many elements are compared, where each takes `work` numbers to compute.

        That many `parameters` share the work of a few.
        """
        if self.max_elements is not None:
            return self.max_elements
        if parameters > SHARE:
            return max(FEWEST, min(MOST, WORK * SHARE // (max(work, 1) * parameters)))
        return max(LEAST, min(MOST, WORK // max(work, 1)))


@dataclass(frozen=True)
class Target:
    """What is differentiated on one tape, and by what.

    `graph` is in double precision; `own` is the tape as the file made it, where it is not. `idle`
    names the models that are left out, as the file only evaluates them.
    """

    graph: Graph
    own: Graph | None
    outputs: Outputs
    parameters: tuple[int, ...]
    order: int
    idle: tuple[str, ...] = ()

    @property
    def values(self) -> list[float]:
        """The outputs as the file computes them."""
        graph = self.own or self.graph
        compute(graph, self.outputs.roots)
        values = [np.asarray(graph.values[i])[None] for i in self.outputs.roots]
        with np.errstate(all="ignore"):
            found: list[float] = self.outputs.read(values)[0].tolist() if values else []
        return found


def target_of(session: Session, settings: Settings, generator: np.random.Generator) -> Target:
    """Return what to differentiate.

    Raises: InputFault where a name is not known, AutogradFault where it needs no gradient.
    """
    graph = session.graph
    every = every_parameter(session)
    roots = _roots(session, settings, every)
    rows = [id for id, _ in roots]
    graph = as_passed(session, rows)
    seen = seen_by(graph, every, rows) if roots else []
    parameters = seen if session.tracer.options.wrt else without_idle(graph, seen, rows)
    models = {graph.notes.names[i].partition(".")[0] for i in {*seen} - {*parameters}}
    if settings.order == 2:
        names = dict(roots)
        found = analytic.gradient_nodes(graph, list(names), parameters, generator)
        roots = [(g, f"d{names[r]}/d{graph.notes.title(leaf) or '?'}") for r, leaf, g in found]
        parameters = parameters if roots else []
    narrow = is_narrow(graph)
    wide = widened(graph) if narrow else graph
    largest = max((prod(graph.metas[leaf].shape) for leaf in parameters), default=1)
    outputs = outputs_of(
        wide,
        [id for id, _ in roots],
        [name for _, name in roots],
        generator,
        min(largest, settings.most(1)),
    )
    return Target(
        wide,
        graph if narrow else None,
        outputs,
        tuple(parameters),
        settings.order,
        tuple(sorted(models)),
    )


def every_parameter(session: Session) -> list[int]:
    """Return the parameters: those asked for by name, or all."""
    graph, wanted = session.graph, session.tracer.options.wrt
    found = leaves(graph, [i for i in range(len(graph)) if graph.notes.origins[i] == "file"])
    notes = graph.notes
    return [i for i in found if not wanted or {notes.names.get(i), notes.title(i)} & {*wanted}]


def seen_by(graph: Graph, parameters: list[int], roots: list[int]) -> list[int]:
    """Return the parameters that count: of those that share a name, what the roots have seen.

    A loop makes a row of its own at each update. Those that no root depends on are its past; where
    none is depended on, the last stands for all of them.
    """
    seen = upstream(graph, roots)
    last: dict[int | str, int] = {}
    for i in parameters:
        now = graph.current(i)
        name = graph.notes.names.get(now, now)
        if i in seen or last.get(name) not in seen:
            last[name] = i
    return [i for i in parameters if i in seen or i in last.values()]


def without_idle(graph: Graph, parameters: list[int], roots: list[int]) -> list[int]:
    """Leave out the models of which roots see nothing but what no_grad() has computed.

    Where there is nothing else, all are left.
    """
    idle = idle_models(graph, parameters, _recorded_behind(graph, roots))
    return [i for i in parameters if i not in idle] or parameters


def _recorded_behind(graph: Graph, roots: Sequence[int]) -> set[int]:
    """Return what roots depend on, but for what a file has computed under `no_grad`."""
    found, stack = set[int](), list(roots)
    while stack:
        i = stack.pop()
        if i in found:
            continue
        found.add(i)
        op, operands = graph.ops[i], [k for k in graph.inputs[i] if k >= 0]
        off = (
            op is not None
            and op.derivative is not None
            and op.view != "detached"
            and not graph.requires_grad[i]
        )
        stack += [k for k in operands if not (off and graph.requires_grad[k])]
    return found


def is_recorded(op: Primitive | None) -> bool:
    """Say whether an operation's derivative is only known from a record."""
    return op is not None and op.derivative is not None and op.derivative.recorded


def recorded_rows(graph: Graph, leaf: int, roots: Sequence[int]) -> list[int]:
    """Return the rows between a parameter and some roots whose derivative is only recorded."""
    found = [i for i, op in enumerate(graph.ops) if is_recorded(op)]
    above = upstream(graph, list(roots)) if found else set()
    return [i for i in found if i in above and leaf in upstream(graph, [i])]


def _roots(
    session: Session, settings: Settings, parameters: Sequence[int]
) -> list[tuple[int, str]]:
    """Return what is differentiated, with its name: the last tensor where there is no scalar.

    Where several `backward()` calls have gathered what `.grad` holds, it is the sum of what they
    ran from; parameters whose gradients were reset at other times have a sum of their own.
    """
    graph, tracer, source = session.graph, session.tracer, session.source
    if settings.of:
        return [(named(tracer, name), name) for name in settings.of]
    root = session.root
    calls = tracer.passes.made
    if calls and root == calls[-1].root:
        sums = accumulated(tracer)
        if len(sums) > 1 or any(len(s) > 1 for s in sums):
            return _told_apart(session, [(s, sum_text(graph, source, s)) for s in sums])
    if root is None:
        moving = [n.id for n in tracer.results if n.requires_grad and n.id not in parameters]
        if not moving:
            return []
        root = moving[-1]
    return [(root, name_of(graph, source, root))]


def _told_apart(session: Session, sums: Sequence[tuple[list[Pass], str]]) -> list[tuple[int, str]]:
    """Return the rows of some sums, with names of their own: `loss:9`, `loss:14`."""
    notes, texts = session.graph.notes, [text for _, text in sums]
    found: dict[str, int] = {}
    for calls, text in sums:
        if texts.count(text) > 1:
            last = calls[-1].root
            text += f":{session.source.line_of(notes.called_at(last) or notes.spans[last])}"
        if text in found:
            text += f"#{len(found) + 1}"
        found[text] = sum_node(session.graph, calls)
    return [(id, text) for text, id in found.items()]
