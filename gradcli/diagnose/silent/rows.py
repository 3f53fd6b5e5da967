"""The rows of findings about gradients that are missing, or 0."""

from __future__ import annotations

from collections.abc import Iterator

from gradcli.diagnose.findings import Group, Kind, Severity, Sighting
from gradcli.diagnose.subject import Subject


def unused(subject: Subject) -> Iterator[Sighting]:
    """Yield the parameters that nothing of the result depends on."""
    if subject.root is None:
        return
    for i in subject.parameters:
        if i not in subject.behind_root and subject.graph.grad(i) is None:
            label, root = subject.label(i), subject.label(subject.root)
            yield Sighting(f"`{root}` does not depend on `{label}`: its .grad stays None.", row=i)


KINDS = (
    Kind(
        "unused-parameter", Group.SILENT, Severity.WARNING,
        "a parameter that is never used",
        "Backward visits what the result was computed from, and nothing else. A parameter that "
        "nothing was computed from keeps the `.grad` None, and no optimiser moves it.",
        "use it, or make it a plain tensor",
        "w = param(2.0)\nb = param(1.0)\nx = tensor([1.0, 2.0])\nloss = sum((w*x)**2)",
        unused,
    ),
)  # fmt: skip
