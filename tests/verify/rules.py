"""Every operation's own rule, right and made wrong: the test bed of the check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from gradcli.errors import GradcliError, Source
from gradcli.execute import new_graph
from gradcli.graph import OUTPUT, Graph, Node
from gradcli.roots import Root
from gradcli.rule.dtypes import Array
from gradcli.rule.rule import Body, Elementwise, Primitive, Variadic
from gradcli.session import Session
from gradcli.syntax import parse
from gradcli.trace import Options, Tracer
from gradcli.verify.analytic import reverse
from gradcli.verify.probe import outputs_of
from tests.ops.cases import Case, build, cases, draw
from tests.ops.checks import Built

SEEN = 0.0299  # a derivative that is wrong by 3 % or more is to be called WRONG,
MATTERS = 1e-3  # unless it is below this part of the largest one

SHAPELESS = {"masked_select"}  # a wrong rule's result has any shape, and is refused for that

Rule = Callable[..., Any]
Change = Callable[[Rule, tuple[Any, ...], dict[str, Any]], Any]


# ---- ways to be wrong ----------------------------------------------------------------------


def _of_result(change: Callable[[Array], Array]) -> Change:
    return lambda body, args, attrs: change(np.array(body(*args, **attrs)))


def _lost_element(r: Array) -> Array:
    if r.size:
        r.reshape(-1)[int(np.argmax(np.abs(r)))] = 0
    return r


def _mean_for_sum(body: Rule, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
    """Divide by how often the smallest operand is repeated."""
    sizes = [x.size for x in args[1:] if isinstance(x, np.ndarray) and x.size]
    return body(*args, **attrs) * (min(sizes, default=1) / max(sizes, default=1))


def _no_cotangent(body: Rule, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
    g = args[0]
    return body(np.ones_like(g) if isinstance(g, np.ndarray) else g, *args[1:], **attrs)


WAYS: Mapping[str, Change] = {
    "factor 1.03": _of_result(lambda r: r * 1.03),
    "factor 0.97": _of_result(lambda r: r * 0.97),
    "wrong sign": _of_result(lambda r: -r),
    "argument without derivative": _of_result(lambda r: r * 0),
    "lost element": _of_result(_lost_element),
    "mean in place of a sum": _mean_for_sum,
    "wrong index": _of_result(lambda r: np.roll(r.reshape(-1), 1).reshape(r.shape)),
    "reversed": _of_result(lambda r: np.flip(r)),
    "transposed": _of_result(
        lambda r: np.swapaxes(r, -1, -2) if r.ndim > 1 and r.shape[-1] == r.shape[-2] else r
    ),
    "cotangent left out": _no_cotangent,
}


def _without(row: int, kept: int) -> Change:
    """Return the rule in which a sum or product of its formula has lost a term or factor."""

    def changed(body: Rule, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        scratch, result = _on_tape(body, args, attrs)
        meta = scratch.metas[row]
        operand = Node(scratch, scratch.inputs[row][kept]).value
        scratch.put(row, np.broadcast_to(operand, meta.shape).astype(meta.dtype))
        return result.value

    return changed


def _on_tape(body: Rule, args: tuple[Any, ...], attrs: dict[str, Any]) -> tuple[Graph, Any]:
    scratch = new_graph()

    def leaf(x: Any) -> Any:
        if isinstance(x, tuple | list):
            return type(x)(leaf(v) for v in x)
        return scratch.leaf(np.asarray(x)) if isinstance(x, np.ndarray | np.generic) else x

    return scratch, body(*(leaf(x) for x in args), **attrs)


def _formula_ways(body: Rule, args: tuple[Any, ...], attrs: dict[str, Any]) -> dict[str, Change]:
    """Return the changes that leave out one term or factor of a rule's formula."""
    try:
        scratch, _ = _on_tape(body, args, attrs)
    except (GradcliError, TypeError, AttributeError, ValueError):
        return {}  # a rule that looks at values
    found = {}
    for row, op in enumerate(scratch.ops):
        what = {"add": "term", "sub": "term", "mul": "factor", "div": "factor"}
        if op is None or op.label not in what or len(scratch.inputs[row]) < 2:
            continue
        for kept in (0, 1):
            if scratch.inputs[row][kept] >= 0:
                left_out = f"{what[op.label]} {2 - kept} of {op.label} {row} left out"
                found[left_out] = _without(row, kept)
    return found


# ---- trials --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    """A call at a point, and one rule made wrong in one way; None is the call as it is."""

    case: Case
    values: Mapping[str, Array]
    op: Primitive | None = None
    slot: int = 0
    way: str = ""
    change: Change | None = None

    def __str__(self) -> str:
        wrong = f", {self.op.name}[{self.slot}]: {self.way}" if self.op is not None else ""
        return f"{self.case}{wrong}"

    def built(self, values: Mapping[str, Array] | None = None) -> Built:
        """Return the graph of the call, the wrong rule in its place."""
        made = build(self.case, self.values if values is None else values)
        if self.op is not None and self.change is not None:
            wrong = with_changed(self.op, self.slot, self.change)
            made.graph.ops[:] = [wrong if op is self.op else op for op in made.graph.ops]
        return made


def with_changed(op: Primitive, slot: int, change: Change) -> Primitive:
    """Return an operation whose rule for one argument is changed."""
    derivative = op.derivative
    assert derivative is not None, "only what has a rule can have a wrong one"
    if isinstance(derivative, Variadic):
        body = derivative.bodies[0]
        assert body is not None, "a variadic operation has one body"

        def listed(k: int, *args: Any, **attrs: Any) -> Any:
            if k != slot:
                return body(k, *args, **attrs)
            return change(lambda *a, **b: body(k, *a, **b), args, attrs)

        return replace(op, derivative=replace(derivative, bodies=(listed,)))
    bodies: list[Body | None] = list(derivative.bodies)
    right = bodies[slot]
    assert right is not None, "the argument has a rule"
    bodies[slot] = lambda *args, **attrs: change(right, args, attrs)
    return replace(op, derivative=replace(derivative, bodies=tuple(bodies)))


def session_of(built: Built) -> tuple[Session, tuple[str, ...]]:
    """Return a graph as a run of a file, and the names of its outputs."""
    tracer = Tracer(parse(Source("<case>", "0")), Options())
    tracer.graph = built.graph
    for k, node in enumerate(built.inputs):
        built.graph.notes.names.setdefault(node.id, f"x{k}")
    moving = [y for y in built.outputs if y.requires_grad]
    for k, node in enumerate(moving):
        tracer.scope[f"y{k}"] = node
    return Session(tracer.source, tracer, Root(None), False), tuple(tracer.scope)


@cache
def all_cases() -> tuple[Case, ...]:
    """Return the calls that a gradient flows through."""
    return tuple(case for case in cases() if _moves(case))


def values_at(case: Case, point: int, dtype: str = "float64") -> dict[str, Array]:
    """Draw the operands of a call."""
    rng = np.random.default_rng([*str(case).encode(), point])
    drawn = {k: draw(rng, shape, case.domains[k]) for k, shape in case.shapes.items()}
    return {k: x.astype(dtype) if x.dtype == np.float64 else x for k, x in drawn.items()}


def _moves(case: Case) -> bool:
    try:
        return any(y.requires_grad for y in build(case, values_at(case, 0)).outputs)
    except GradcliError:
        return False


def own_rules(case: Case, graph: Graph) -> list[Primitive]:
    """Return the rules that a call is about: its row's own, or those that no other call has."""
    present = {
        id(op): op
        for k, op in enumerate(graph.ops)
        if op is not None and op.derivative is not None and graph.requires_grad[k]
    }
    if id(case.row) in present:
        return [present[id(case.row)]]
    owned = {id(other.row) for other in cases_by_row()}
    return [op for key, op in present.items() if key not in owned and op is not OUTPUT]


@cache
def cases_by_row() -> tuple[Case, ...]:
    """Return the calls whose own row is on their tape."""
    found = []
    for case in all_cases():
        graph = build(case, values_at(case, 0)).graph
        if any(op is case.row for op in graph.ops):
            found.append(case)
    return tuple(found)


def can_be_wrong(case: Case) -> bool:
    """Say whether a call has a rule of its own, with a gradient to be wrong about."""
    made = build(case, values_at(case, 0))
    found = case.row.name not in SHAPELESS and own_rules(case, made.graph)
    return bool(found) and any(np.any(j) for j in jacobians(made))


def wrong_trials(case: Case, point: int, dtype: str = "float64") -> Iterator[Trial]:
    """Yield the call with each of its rules wrong in each way that matters."""
    if case.row.name in SHAPELESS:
        return
    values = values_at(case, point, dtype)
    made = build(case, values)
    right = jacobians(made)
    for op in own_rules(case, made.graph):
        for slot, ways in _ways(op, made).items():
            for way, change in ways.items():
                trial = Trial(case, values, op, slot, way, change)
                if differs(right, trial):
                    yield trial


def _ways(op: Primitive, made: Built) -> dict[int, dict[str, Change]]:
    """Return the changes for every argument of an operation that a gradient flows to."""
    found: dict[int, dict[str, Change]] = {}
    recorded: dict[int, dict[str, Change]] = {}

    def record(slot: int) -> Change:
        def same(body: Rule, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
            recorded.setdefault(slot, _formula_ways(body, args, attrs))
            return body(*args, **attrs)

        return same

    slots = {
        slot
        for id, own in enumerate(made.graph.ops)
        if own is op
        for slot, i in enumerate(made.graph.inputs[id])
        if i >= 0 and made.graph.requires_grad[i]
    }
    assert op.derivative is not None, "asked for what has a rule"
    for slot in sorted(slots):
        if op.derivative.body(slot) is None:
            continue
        watched = with_changed(op, slot, record(slot))
        before = list(made.graph.ops)
        made.graph.ops[:] = [watched if o is op else o for o in before]
        jacobians(made)
        made.graph.ops[:] = before
        ways = dict(WAYS)
        if not isinstance(op.derivative, Elementwise):
            del ways["mean in place of a sum"]
        found[slot] = ways | recorded.get(slot, {})
    return found


def jacobians(made: Built) -> list[Array]:
    """Return the analytic Jacobian of all outputs by each input."""
    roots = [y.id for y in made.outputs if y.requires_grad]
    names = [f"y{k}" for k in range(len(roots))]
    outputs = outputs_of(made.graph, roots, names, np.random.default_rng(0))
    found = reverse(made.graph, outputs, [x.id for x in made.inputs])
    return [np.zeros(0) if j is None else j for j in found.values()]


def differs(right: Sequence[Array], trial: Trial) -> bool:
    """Say whether a wrong rule makes some derivative wrong by 3 % or more."""
    try:
        wrong = jacobians(trial.built())
    except (GradcliError, ValueError, TypeError, IndexError, AssertionError):
        return False  # it does not even run
    for a, b in zip(right, wrong, strict=True):
        if a.shape != b.shape or not np.all(np.isfinite(a)):
            continue
        gap = np.abs(a - b)
        largest = np.abs(a).max(axis=0, initial=0)
        if np.any((gap >= SEEN * np.abs(a)) & (gap > MATTERS * largest) & (gap > 1e-9)):
            return True
    return False
