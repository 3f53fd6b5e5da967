"""What to write where digits are lost: the search, for pieces of the file around the place."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import islice

from gradcli.diagnose.findings import Index, Rewrite
from gradcli.diagnose.precision.losses import How, Loss, Losses, is_written
from gradcli.diagnose.precision.reading import Reading, reading
from gradcli.diagnose.precision.reductions import rewritten
from gradcli.diagnose.precision.search import Search
from gradcli.diagnose.precision.spelling import edit
from gradcli.diagnose.precision.terms import Term, TermFault
from gradcli.diagnose.subject import Subject

AROUND = 5  # rows on the way to the result that are rewritten, one after the other
CANDIDATES = 3  # of each


class Analysis:
    """The losses of a run that are to be shown, and what may be written there."""

    def __init__(self, subject: Subject) -> None:
        self.subject, self.losses = subject, Losses(subject)
        self._rewrites: dict[int, tuple[Rewrite, ...]] = {}

    @cached_property
    def shown(self) -> tuple[Loss, ...]:
        """The losses; one that the inputs' own round-off explains only where it can be mended."""
        return tuple(
            x for x in self.losses.found
            if not x.inherent or (self._are_made(x) and self.rewrites(x.row))
        )  # fmt: skip

    def of(self, how: How) -> Iterator[Loss]:
        """Yield the losses of one kind."""
        return (x for x in self.shown if x.how is how)

    def _are_made(self, loss: Loss) -> bool:
        """Say whether what cancels was computed: what is measured is what it is."""
        graph = self.subject.graph
        return all(i >= 0 and graph.ops[i] is not None for i in graph.inputs[loss.path[0][0]])

    def rewrites(self, row: int | None) -> tuple[Rewrite, ...]:
        """Return what may be written where digits are lost, the best first."""
        loss = next((x for x in self.losses.found if x.row == row), None)
        if loss is None or self.losses.exact is None or self.losses.exact.exact is None:
            return ()
        if loss.row not in self._rewrites:
            self._rewrites[loss.row] = tuple(self._searched(loss))
        return self._rewrites[loss.row]

    def _searched(self, loss: Loss) -> Iterator[Rewrite]:
        """Yield rewritings of the row itself and of what is made of it, the shorter text first."""
        places = [x for x in loss.path[:AROUND] if is_written(self.subject, x[0])]
        near = [x for x in places[:2] if self.subject.line(x[0]) == self.subject.line(loss.row)]
        found = [list(self._of_row(*x)) for x in near]
        for rewrites in sorted(filter(None, found), key=lambda x: self._length(x[0])):
            yield from rewrites
        for place in places[len(near) :]:
            yield from self._of_row(*place)

    def _length(self, rewrite: Rewrite) -> int:
        """Return how much longer a rewriting makes the file; a few characters count as none."""
        return sum(len(text) - (span.end - span.start) for span, text in rewrite.edits) // 4

    def _of_row(self, row: int, index: Index) -> Iterator[Rewrite]:
        yield from self._elementwise(row, index)
        yield from self._reducing(row)

    def _elementwise(self, row: int, index: Index) -> Iterator[Rewrite]:
        read, reference = reading(self.subject, row), self.losses.exact
        assert reference is not None, "a loss was compared with something"
        if read is None:
            return
        error, dtype = float(reference.error(row)[index]), self.subject.graph.metas[row].dtype
        try:
            search = Search(read.term, read.point(self.subject, index), dtype, error)
        except TermFault:
            return
        for candidate in islice(search.found(), CANDIDATES):
            yield from self._written(read, candidate.term)

    def _reducing(self, row: int) -> Iterator[Rewrite]:
        read = reading(self.subject, row, reducing=True)
        if read is not None:
            for term in rewritten(read.term, read.count):
                yield from self._written(read, term)

    def _written(self, read: Reading, term: Term) -> Iterator[Rewrite]:
        made = [edit(self.subject, read, term, prefixed=x) for x in (True, False)]
        yield from (Rewrite((x,)) for x in dict.fromkeys(made) if x is not None)
