"""Rewritings of loops of training, and the judges of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from gradcli.diagnose.findings import Edit, Rewrite, Sighting
from gradcli.diagnose.silent import edits
from gradcli.diagnose.silent.judges import flows, listed, runs
from gradcli.diagnose.silent.steps import blocks, in_place, receiver, replaced
from gradcli.diagnose.silent.training import (
    grown,
    left_out,
    rebound,
    retaining,
    stale,
    versions,
)
from gradcli.diagnose.subject import Subject
from gradcli.diagnose.trial import Comparison, close
from gradcli.errors import Span
from gradcli.syntax.tree import (
    Assign,
    Attribute,
    Augmented,
    Binary,
    Call,
    Expression,
    ExpressionStatement,
    For,
    ListDisplay,
    Name,
    Statement,
    TupleDisplay,
    nodes_of,
)
from gradcli.trace.classes import Instance

RETAIN = re.compile(r",?\s*retain_graph\s*=\s*True")


# ---- updates under no_grad -----------------------------------------------------------------


def under_no_grad(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Yield files that update in place under no_grad(), or make a new leaf of each step."""
    rows = sighting.evidence
    spans = [subject.span(i) for i in rows] if rows else [sighting.span, *_recorded(subject)]
    statements = sorted(
        {s for span in spans if span and (s := edits.statement_at(subject, span)) is not None},
        key=lambda s: s.span,
    )
    found = [in_place(subject, s) for s in statements]
    if all(found):
        steps = [step for step in found if step is not None]
        silenced = any(True for s in statements for _ in edits.recorded(subject, s.span))
        write = replaced if silenced else blocks
        for clear in (False, True):
            yield Rewrite(write(subject, statements, steps, clear=clear), "the leaf stays a leaf")
    if rows:
        cut = ".detach()" * any(subject.graph.requires_grad[i] for i in rows)
        made = [Edit(span, f"({subject.written(span)}){cut}.requires_grad_()")
                for span in dict.fromkeys(spans) if span]  # fmt: skip
        yield Rewrite(tuple(made), "each step makes a leaf")


def _recorded(subject: Subject) -> Iterator[Span]:
    """Yield the updates in place along a `.grad` that stand in no block of no_grad()."""
    for node in nodes_of(subject.statements):
        call = node.value if isinstance(node, ExpressionStatement) else None
        function = call.function if isinstance(call, Call) else None
        method = function.name if isinstance(function, Attribute) else ""
        updates = isinstance(node, Augmented) or (method.endswith("_") and method != "zero_")
        silenced = any(True for _ in edits.recorded(subject, node.span))
        if updates and not silenced and ".grad" in subject.written(node.span):
            yield node.span


def trains(comparison: Comparison) -> str:
    """Judge a loop that is to train: it runs, and each `.grad` is that of its own pass alone."""
    before, after = comparison.before, comparison.after
    if not (said := _trained(comparison)) or rebound(after):
        return ""
    for one in rebound(before):
        rows = [
            i
            for i in range(len(after.graph))
            if after.graph.ops[i] is None
            and after.graph.requires_grad[i]
            and after.graph.notes.names.get(i) == one.name
        ]
        if one.name and (len(rows) < 2 or not close(before.value(one.row), after.value(rows[1]))):
            return ""
    return said


def leads(comparison: Comparison) -> str:
    """Judge a parameter that was no leaf: it gets the gradient, and a loop that failed goes on."""
    if comparison.before.fault is not None:
        return _trained(comparison)
    return flows(comparison)


def updates(comparison: Comparison) -> str:
    """Judge an update that is not to be recorded any more."""
    if comparison.after.session.tracer.passes.made:
        return trains(comparison)
    return "it runs to its end" if comparison.before.fault is not None else ""


def begins(comparison: Comparison) -> str:
    """Judge a file that had no parameters: it runs, and a loop of training is right."""
    if comparison.after.session.tracer.passes.made:
        return _trained(comparison)
    return runs(comparison)


def _trained(comparison: Comparison) -> str:
    """Return what was checked of a loop of training, "" where it is not right."""
    after, outcome = comparison.after, comparison.outcomes[1]
    passes = after.session.tracer.passes
    if not outcome.fine or not passes.made or not passes.made[-1].reached or grown(after):
        return ""
    last = len(passes.made) - 1
    if any(len(g) > 1 for g in passes.gathered.values() if last in g) or any(stale(after)):
        return ""
    if not comparison.differentiates():
        return ""
    return (
        f"it runs through {len(passes.made)} pass{'es' * (len(passes.made) != 1)}, each `.grad` is "
        "of one pass, and the last ones agree with differences"
    )


# ---- resets --------------------------------------------------------------------------------


def reset(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Yield files that reset `.grad` after each update."""
    for name, step in _optimisers(subject):
        edit = edits.line_after(subject, step, f"{name}.zero_grad()")
        yield Rewrite((edit,), "each pass begins at 0")
    places = _updates(subject, sighting.evidence or ())
    for text in (".grad.zero_()", ".grad = None"):
        found = tuple(edits.line_after(subject, s, f"{name}{text}") for name, s in places.items())
        if found:
            yield Rewrite(found, "each pass begins at 0")


def _optimisers(subject: Subject) -> Iterator[tuple[str, Statement]]:
    """Yield the names of optimisers, with the statements that call their `step`."""
    scope = subject.session.tracer.scope
    for s in nodes_of(subject.statements):
        if not isinstance(s, ExpressionStatement) or not isinstance(of := receiver(s.value), Name):
            continue
        owner = scope.get(of.id)
        steps = subject.written(s.span).startswith(f"{of.id}.step(")
        if steps and isinstance(owner, Instance) and "param_groups" in owner.attributes:
            yield of.id, s


def _updates(subject: Subject, parameters: Sequence[int]) -> dict[str, Statement]:
    """Return the statements that update parameters, by what they call these."""
    found: dict[str, Statement] = {}
    for now in parameters:
        statement = edits.statement_at(subject, subject.span(now))
        target: Expression | None = None
        if isinstance(statement, Augmented):
            target = statement.target
        elif isinstance(statement, Assign):
            target = statement.targets[0]
        elif isinstance(statement, ExpressionStatement):
            target = receiver(statement.value)
        if statement is not None and target is not None:
            of = target.value if isinstance(target, Attribute) and target.name == "data" else target
            found[subject.written(of.span)] = statement
    return found


def resets(comparison: Comparison) -> str:
    """Judge a loop that is to reset gradients: as many passes, and the first step is the same."""
    before, after = comparison.before, comparison.after
    told = _trained(comparison)
    passes = [len(s.session.tracer.passes.made) for s in (before, after)]
    old, new = versions(before), versions(after)
    steps = [[s.value(rows[1]) for _, rows in sorted(v.items())]
             for s, v in ((before, old), (after, new))]  # fmt: skip
    same = len(steps[0]) == len(steps[1]) and all(map(close, *steps))
    good = told and passes[0] == passes[1] and same
    return f"{told}; the first step is the same" if good else ""


# ---- parameters that are left out ----------------------------------------------------------


def taken_in(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Yield files that update a parameter as they update another one."""
    name = sighting.spoils[0]
    if name not in subject.session.tracer.scope:
        yield from _all_of_module(subject, name)
        return
    others = {subject.graph.notes.names.get(i, "") for i in sighting.evidence or ()}
    for node in nodes_of(subject.statements):
        if isinstance(node, ListDisplay | TupleDisplay) and node.items:
            names = {item.id for item in node.items if isinstance(item, Name)}
            if names and names == others and len(names) == len(node.items):
                end = node.items[-1].span.end
                yield Rewrite((Edit(Span(end, end), f", {name}"),), "it is updated with the others")
    for other in sorted(others):
        grad = re.compile(rf"\b{re.escape(other)}\.grad\b")
        simple = [s for s in nodes_of(subject.statements)
                  if isinstance(s, Assign | Augmented | ExpressionStatement)
                  and grad.search(subject.written(s.span))]  # fmt: skip
        found = [
            edits.line_after(
                subject, s, re.sub(rf"\b{re.escape(other)}\b", name, subject.written(s.span))
            )
            for s in simple
            if "print" not in subject.written(s.span)
        ]
        if found:
            yield Rewrite(tuple(found), f"it is updated as {other} is")


def _all_of_module(subject: Subject, name: str) -> Iterator[Rewrite]:
    """Yield files whose optimiser takes all parameters of the module that one belongs to."""
    module = name.partition(".")[0]
    whole = f"{module}.parameters()"
    for node in nodes_of(subject.statements):
        text = subject.written(node.span) if isinstance(node, Call) else ""
        if re.fullmatch(rf"{re.escape(module)}\b.+\.parameters\(\)", text):
            yield Rewrite((Edit(node.span, whole),), f"it takes all parameters of {module}")


def takes_in(comparison: Comparison) -> str:
    """Judge a loop that is to update a parameter more."""
    missed = {s.spoils[0] for s in left_out(comparison.before)}
    left = {s.spoils[0] for s in left_out(comparison.after)}
    told = _trained(comparison)
    names = sorted(missed - left)
    return f"{listed(names)} move{'s' * (len(names) == 1)}; {told}" if told and names else ""


# ---- graphs that are used again ------------------------------------------------------------


def computed_anew(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Yield files in which no pass goes through the graph of an earlier one."""
    rows, without_retain = sighting.evidence or (), tuple(_without_retain(subject))
    loops = [n for n in nodes_of(subject.statements) if isinstance(n, For)]
    for loop in loops:
        body = loop.body[0]
        outside = [s for s in _statements(subject, rows) if s.span.end <= loop.span.start]
        if outside and all(isinstance(s, Assign) for s in outside):
            own = edits.indent(subject, body.span)
            texts = [subject.written(s.span) for s in outside]
            moved = Edit(Span(body.span.start, body.span.start),
                         "".join(f"{text}\n{own}" for text in texts))  # fmt: skip
            gone = [Edit(edits.lines_of(subject, s), "") for s in outside]
            yield Rewrite((moved, *gone, *without_retain), "each turn computes it anew")
        for term in _terms(loop):
            yield Rewrite((*term(subject), *without_retain), "the pass is of this turn's term")
        for name in _carried(subject, rows, loop):
            cut = edits.line_before(subject, body, f"{name} = {name}.detach()")
            yield Rewrite((cut, *without_retain), "each turn begins with the value alone")
    if not loops and not without_retain:
        graph, root = subject.graph, sighting.row
        backward = [
            n
            for n in nodes_of(subject.statements)
            if isinstance(n, Call)
            and isinstance(n.function, Attribute)
            and n.function.name == "backward"
        ]
        fault = subject.fault
        again = fault is not None and any(c.span == fault.span and root is not None
                and graph.notes.names.get(root) == subject.written(c.function.value.span)
                for c in backward if isinstance(c.function, Attribute))  # fmt: skip
        earlier = [c for c in backward if fault and fault.span and c.span.end <= fault.span.start]
        if earlier and not again:
            call = max(earlier, key=lambda c: c.span)
            start = call.span.end - 1
            comma = ", " if call.arguments or call.keywords else ""
            edit = Edit(Span(start, start), f"{comma}retain_graph=True")
            yield Rewrite((edit,), "both passes are of the same values")


def _terms(loop: For) -> Iterator[Callable[[Subject], list[Edit]]]:
    """Yield what lets `total += e; total.backward()` go back from e alone."""
    for total in nodes_of(loop.body):
        if isinstance(total, Augmented) and total.operator == "+":
            target, term = total.target, total.value
        elif (isinstance(total, Assign) and isinstance(total.value, Binary)
              and total.value.operator == "+"):  # fmt: skip
            target, term = total.targets[0], total.value.right
        else:
            continue
        if isinstance(target, Name):
            yield partial(_from_term, loop, target.id, term)


def _from_term(loop: For, name: str, term: Expression, subject: Subject) -> list[Edit]:
    return [
        Edit(call.function.value.span, edits.primary(subject, term))
        for call in nodes_of(loop.body)
        if isinstance(call, Call)
        and isinstance(call.function, Attribute)
        and call.function.name == "backward"
        and subject.written(call.function.value.span) == name
    ]


def _without_retain(subject: Subject) -> Iterator[Edit]:
    for call in retaining(subject):
        yield Edit(call.span, RETAIN.sub("", subject.written(call.span)).replace("(, ", "("))


def _statements(subject: Subject, rows: Sequence[int]) -> list[Statement]:
    found = {edits.statement_at(subject, subject.span(i)) for i in rows}
    return sorted((s for s in found if s is not None), key=lambda s: s.span)


def _carried(subject: Subject, rows: Sequence[int], loop: For) -> list[str]:
    """Return the names that a loop's turns hand on to the next."""
    names = subject.graph.notes.names
    bound = [
        t.id
        for s in nodes_of(loop.body)
        if isinstance(s, Assign | Augmented)
        for t in (s.targets if isinstance(s, Assign) else (s.target,))
        if isinstance(t, Name)
    ]
    return list(dict.fromkeys(names[i] for i in reversed(rows) if names.get(i) in bound))


def is_fresh(comparison: Comparison) -> str:
    """Judge a file in which no pass is to go through what an earlier one has left."""
    after, outcome = comparison.after, comparison.outcomes[1]
    passes = after.session.tracer.passes.made
    if not outcome.fine or not passes or not passes[-1].reached or any(stale(after)):
        return ""
    if not comparison.differentiates():
        return ""
    count = len(passes)
    return f"it runs through {count} passes, and its gradients agree with differences"
