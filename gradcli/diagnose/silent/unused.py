"""Parameters that nothing of the result depends on."""

from __future__ import annotations

from collections.abc import Iterator

from gradcli.diagnose.findings import Sighting
from gradcli.diagnose.silent.cut import cut_off, reached, without
from gradcli.diagnose.silent.result import name_of
from gradcli.diagnose.subject import Subject
from gradcli.session import idle_models


def unused(subject: Subject) -> Iterator[Sighting]:
    """Yield the parameters that nothing of the result depends on.

    Where gradcli has chosen the result, those of another result are used. A model of which no part
    is trained, as a teacher, is one that a file only evaluates.
    """
    if subject.root is None or subject.fault is not None:
        return
    graph = subject.graph
    cut = {i for one in cut_off(subject) for i in one.silences}
    behind = {graph.current(i) for i in subject.behind_root}
    used = {i for row, inputs in enumerate(graph.inputs) if graph.notes.origins[row] == "file"
            for i in inputs}  # fmt: skip
    chosen = not subject.session.tracer.passes.made
    idle = idle_models(graph, subject.parameters, reached(subject))
    for i in without(subject):
        if i in idle or i in cut or i in behind or i in graph.notes.numbers:
            continue
        uses = [k for k in range(i + 1, len(graph)) if i in graph.inputs[k]] if i in used else []
        if uses and chosen:
            continue
        label, root = name_of(subject, i), name_of(subject, subject.root)
        further = (
            f" `{subject.text(uses[0])}` is made of it, and does not lead there." if uses else ""
        )
        yield Sighting(f"`{root}` does not depend on `{label}`: its .grad stays None.{further}",
                       row=i, key=("silent", (i,)), spoils=(f"{label}.grad",))  # fmt: skip
