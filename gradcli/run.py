"""A run as a program has it: tensors and gradients by their names in the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from gradcli.errors import InputFault, cropped, visible
from gradcli.graph import Node
from gradcli.inspection import Array, Claim, Inspection, NodeFacts, Notice
from gradcli.session import Request, Session, as_written

if TYPE_CHECKING:
    from gradcli.compare import Differences
    from gradcli.diagnose import Diagnosis
    from gradcli.errors import Source
    from gradcli.trace import Options
    from gradcli.verify import Report, Settings

_NAMED = 5  # names that a short text has
_WIDTH = 40  # characters of a value in it


class Run:
    """A run of an expression file: `run["w"].grad` is the gradient of the tensor called `w`.

    What a name stands for is what the file has bound it to in the end. `in` says whether it is a
    tensor, and going through a run gives the names of all its tensors in the order of the file.
    """

    def __init__(self, session: Session, inspection: Inspection, of: str | None = None) -> None:
        self._session, self._inspection, self._of = session, inspection, of

    @property
    def file(self) -> str:
        """The name of the file."""
        return self._inspection.file

    @cached_property
    def _ids(self) -> dict[str, int]:
        """The rows of tensors, by the names that are bound to them in the end."""
        tracer = self._session.tracer
        found = {}
        for name, value in tracer.scope.items():
            if isinstance(value, list) and tracer.lists.stands_for_a_leaf(value):
                value = tracer.tensor(value)
            if isinstance(value, Node) and getattr(value, "is_readable", True):
                found[name] = value.id
        return found

    def __getitem__(self, name: str) -> NodeFacts:
        """Return what is known of the tensor that a name stands for, or a label of the table.

        Raises: KeyError where there is none.
        """
        if (known := self._session.tracer.name_of(name)) in self._ids:
            return self._inspection.node(self._ids[known])
        labelled = (node for node in self.nodes if node.label == name)
        if (node := next(labelled, None)) is not None:
            return node
        from difflib import get_close_matches

        if name in self.values:
            raise KeyError(f"{name!r} is no tensor: its value is run.values[{name!r}]")
        near = get_close_matches(str(name), self._ids, 1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise KeyError(f"{self.file} has no tensor {name!r}{meant}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._session.tracer.name_of(name) in self._ids

    @property
    def values(self) -> dict[str, Any]:
        """The values of names: a tensor's is an array, others are numbers, texts and lists of them.

        Left out are names of what is made of anything else, and of functions.
        """
        stated = ((fact.name, fact.data) for fact in self._inspection.values)
        found: dict[str, Any] = {name: data for name, data in stated if name and data is not None}
        return found | {name: self.node(id).value for name, id in self._ids.items()}

    @property
    def grads(self) -> dict[str, Array]:
        """The gradients that PyTorch's `.grad` has, by name; of what has no name, by its label.

        Left out is what has none: data, and what backward did not reach or has not kept.
        """
        graph, names = self._session.graph, dict[int, list[str]]()
        for name, id in self._ids.items():
            names.setdefault(id, []).append(name)
        found = {}
        for id in sorted({*graph.autograd.grads, *graph.autograd.live}):
            if (grad := graph.grad(id)) is not None:
                for name in names.get(id) or [self.node(id).label]:
                    found[name] = grad
        return found

    @property
    def root(self) -> NodeFacts | None:
        """What was differentiated, None where nothing was."""
        root = self._inspection.root
        return None if root is None else self._inspection.node(root)

    @property
    def nodes(self) -> Sequence[NodeFacts]:
        """All nodes of the graph, in the order in which they were made."""
        return self._inspection.nodes

    def node(self, id: int) -> NodeFacts:
        """Return the node with an id.

        Raises: KeyError where no node has it.
        """
        return self._inspection.node(id)

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The file's `assert`s, whether they hold, and both sides of each."""
        return self._inspection.claims

    @property
    def notices(self) -> tuple[Notice, ...]:
        """PyTorch's warnings and gradcli's own, each with its line."""
        return self._inspection.notices

    @property
    def printed(self) -> tuple[str, ...]:
        """What the file has printed."""
        return self._inspection.printed

    @property
    def inspection(self) -> Inspection:
        """The facts that the command line shows; they can be pickled, a run cannot."""
        return self._inspection

    def check(self, settings: Settings | None = None) -> Report:
        """Run the file once more, and compare its gradients with numeric derivatives.

        Raises: GradcliError where that is impossible.
        """
        from gradcli.verify.target import Settings

        settings = settings or Settings(seed=self._session.tracer.options.seed)
        if self._of is not None and not settings.of:
            settings = replace(settings, of=(self._of,))
        return checked(self._session.source, self._session.tracer.options, settings)

    def diagnose(self) -> Diagnosis:
        """Return what is wrong with the run's gradients, and what to write instead."""
        from gradcli.diagnose import Subject, diagnosed

        return diagnosed(Subject(as_written(self._session), Request(self._of)))

    def diff(
        self, other: Run, *, rtol: float | None = None, atol: float | None = None
    ) -> Differences:
        """Compare with another run: from where on the two differ, and why.

        Numbers agree where |a - b| ≤ atol + rtol · (the largest element of either); None stands
        for what the coarser dtype of the two gives.
        """
        from gradcli.compare import Tolerance, compared

        return compared(self._session, other._session, tolerance=Tolerance(rtol, atol))

    def explain(self, *names: str) -> str:
        """Return how the gradients by some tensors, or all parameters, come about, as Markdown.

        Raises: GradcliError where there is nothing to differentiate, or no tensor of a name.
        """
        from gradcli.explain import explained
        from gradcli.render import EXPLAIN

        inspection, found = explained(self._session, names)
        return str(EXPLAIN["markdown"](found, inspection=inspection))

    def derive(self, *names: str) -> dict[str, str]:
        """Return the gradients by some tensors, or all parameters, as formulas of the language.

        What has no formula is left out, unless it was asked for.

        Raises: GradcliError where there is nothing to differentiate, no tensor of a name, or no
        formula for it.
        """
        from gradcli.formula.derive import derived
        from gradcli.formula.text import text

        result = derived(self._session, names)
        if names and result.refused:
            refused = result.refused[0]
            raise InputFault(f"∂{refused.root}/∂{refused.target} has no formula: {refused.why}")
        return {one.target: text(one.formula) for one in result.found}

    def __repr__(self) -> str:
        """Return the root, what has a gradient, and how many claims are false, in a line."""
        parts = []
        if (root := self.root) is not None:
            label, value = cropped(root.label, _WIDTH), root.value
            whole = value is not None and not root.shape
            parts.append(f"{label} = {value:.6g}" if whole else f"{label} of shape {root.shape}")
        if names := [cropped(name, _WIDTH) for name in self.grads]:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            parts.append(f"grads of {', '.join(names[:_NAMED])}{more}")
        if false := sum(not claim.holds for claim in self.claims):
            parts.append(f"false claims: {false} of {len(self.claims)}")
        return visible(f"<Run of {self.file}: {'; '.join(parts) or f'{len(self.nodes)} nodes'}>")

    def _repr_html_(self) -> str:
        """Return the picture of the graph and the table of its nodes, as notebooks show them.

        A run of more than 3,000 nodes has the table alone.
        """
        from gradcli.picture import PICTURES
        from gradcli.render.html import render

        return render(self._inspection, PICTURES["image"](self._inspection, session=self._session))


def checked(
    source: Source, options: Options, settings: Settings | None = None, *more: Any, **named: Any
) -> Report:
    """Check a text as `check_source` does, and say of gradients that are odd why they are.

    Raises: GradcliError where it is wrong.
    """
    from gradcli.verify.run import check_source

    report = check_source(source, options, settings, *more, **named)
    if not any(f.odd for f in report.findings):
        return report
    from gradcli.diagnose.brief import noted

    return noted(report, source, options)
