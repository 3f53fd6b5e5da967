"""Scripts of lines: every result that has a name as a formula, loops and functions written out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePath

import numpy as np

from gradcli.errors import InputFault, visible
from gradcli.export.backward import Backward
from gradcli.export.checked import same
from gradcli.export.lines import Line, line, plain, refused
from gradcli.export.names import Names
from gradcli.export.script import LINE_END, Arrays, Library
from gradcli.formula.trees import Formula, Name
from gradcli.rule.dtypes import Array
from gradcli.session import Session

RANDOM = re.compile(r"([\w.]+\.)?(rand|randn|randint|randperm|normal|bernoulli|uniform|multinomial"
                    r"|rand_like|randn_like|standard_normal)\(")  # fmt: skip
Pass = tuple[int, Array | None, frozenset[int]]


class Lines:
    """The lines of a run, forward and, where they are asked for, backward.

    `forward` and `backward` are in the order in which they are to stand: a pass that a later result
    needs stands among the others. `grads` says which name holds the gradient of a row.
    """

    def __init__(self, session: Session, library: Library, *, derive: bool) -> None:
        self.session, self.library, self.derive = session, library, derive
        self.names = Names(session, cuts=not derive)
        graph = self.graph = session.graph
        self.arrays = Arrays(library, graph.default_dtype.name)
        self.lines: list[Line] = []
        self.notes: dict[str, str] = {}  # comments above lines, by the line's name
        self.grads: dict[int, str] = {}
        self.done: list[Backward] = []
        self.known: dict[int, Formula] = {}
        self.pending = self._passes()
        self.seen = {i for i in self.names.rows if i in session.tracer.grad_owners}
        order = sorted({*self.names.lines(), *self.seen, *self.names.copies})
        for id in order:
            self._row(id)
        self._finish(len(graph))
        for id in self.names.shown:
            self._gradient(id)

    # ---- forward -----------------------------------------------------------------------------

    def _row(self, id: int) -> None:
        graph, names = self.graph, self.names
        if id in self.seen:
            self.known[id] = self._seen(id)
            return
        if id in names.copies:
            self.known[id] = self.known[names.copies[id]]
            return
        name, source = names.of[id], names.links.get(id, id)
        if source == id and graph.ops[id] is None:
            value = np.asarray(graph.value(id))
            moves = graph.requires_grad[id] and not self.derive and self.library.short == "torch"
            written = self.arrays.written(name, value, moves=moves)
            self._add(plain(name, written, value, id, drawn(self.session, id)))
        else:
            known = {i: n for i, n in self.known.items() if i != id}
            found = line(names, self.library, graph, source, known, name, id)
            if id in names.cuts:
                found.ways = [(self.library.cut.format(way), uses) for way, uses in found.ways]
            self._add(found)
        self.known[id] = Name(name, graph.metas[id].shape)

    def _add(self, found: Line) -> None:
        self.lines.append(found)

    # ---- backward ----------------------------------------------------------------------------

    def _passes(self) -> list[Pass]:
        session, graph = self.session, self.graph
        made = session.tracer.passes.made
        if made:
            return [(call.root, call.cotangent, call.leaves) for call in made]
        if session.root is None or not session.ran_backward:
            return []
        return [(session.root, None, frozenset(i for i in self.names.rows if graph.ops[i] is None))]

    def _finish(self, row: int) -> None:
        """Write the passes that were made before a row."""
        while self.derive and self.pending and self.pending[0][0] < row:
            root, cotangent, _ = self.pending.pop(0)
            leaves = {i for i in self.names.rows if self._has_grad(i)}
            found = Backward(self.names, self.library, root, cotangent, leaves)
            for name, value in found.extra:
                self._add(plain(name, self.arrays.written(name, value), value, root))
            self.lines += found.lines
            if found.lines:
                first = found.extra[0][0] if found.extra else found.lines[0].name
                self.notes[first] = f"# backward: d_… are the gradients of {self.names.of[root]}"
            self.done.append(found)

    def _has_grad(self, id: int) -> bool:
        """Say whether a pass leaves a gradient in a row's `.grad`."""
        graph = self.graph
        is_leaf = graph.ops[id] is None and graph.requires_grad[id]
        return is_leaf or id in graph.autograd.retained

    def _seen(self, id: int) -> Formula:
        """Return the gradient that the file reads here, as `w.grad`."""
        self._finish(id)
        owner = self.session.tracer.grad_owners[id]
        value = np.asarray(self.graph.value(id))
        found = self._held(owner, value, self.names.new(f"grad_{self.names.of.get(owner, 'c')}"))
        if found is None:
            why = "the file changes a gradient before it is read" if self.derive else (
                "gradients are no attributes of arrays there")  # fmt: skip
            raise refused(self.names, id, self.library.dialect.name, why)
        return Name(found, value.shape)

    def _held(self, leaf: int, value: Array, name: str) -> str | None:
        """Return what holds a `.grad`: the gradient of the last pass, or a sum of the last ones."""
        graph = self.graph
        gradients = [
            (one.of[i], one.values[i])
            for one in self.done
            for i in one.of
            if graph.current(i) == graph.current(leaf)
        ]
        for count in range(1, len(gradients) + 1):
            parts = gradients[-count:]
            if same(np.asarray(sum(v for _, v in parts)), value):
                if count == 1:
                    return parts[0][0]
                used = frozenset(n for n, _ in parts)
                self._add(Line(name, [(" + ".join(n for n, _ in parts), used)], value, leaf))
                return name
        if not value.any():
            told = self.library.narrow(value.dtype)
            more = f", dtype={self.library.short}.{told}" if told else ""
            self._add(plain(name, f"{self.library.short}.zeros({value.shape}{more})", value, leaf))
            return name
        return None

    def _gradient(self, id: int) -> None:
        graph = self.graph
        held = graph.grad(id)
        if held is None or not self.derive:
            return
        own = next((one.of[id] for one in self.done if id in one.of), None)
        name = self.names.new(f"grad_{self.names.of[id]}")
        found = self._held(id, np.asarray(held), name) or own
        if found is None:
            raise refused(self.names, id, self.library.dialect.name,
                          "its .grad is not what a backward pass has left there")  # fmt: skip
        self.grads[id] = found


def laid_out(session: Session, lines: Iterable[Line], notes: dict[str, str]) -> list[str]:
    """Return lines with the comments and the empty lines that the file has among them."""
    source = session.source
    rows = LINE_END.split(source.text)
    spans = session.graph.notes.spans
    found: list[str] = []
    before = 0
    derived = False
    seen: set[int] = set()
    for one in lines:
        at = source.line_of(spans[one.where])
        if one.name in notes:
            found += ["", notes[one.name]]
        elif (
            not one.derived
            and before
            and (derived or not all(row.strip() for row in rows[before:at]))
        ):
            found.append("")
        shown = str(one)
        comment = _comment(rows[at - 1]) if at not in seen and "\n" not in shown else ""
        if comment and not one.derived:
            shown = f"{shown}  {comment}"
            seen.add(at)
        found.append(shown)
        before = before if one.derived else at
        derived = one.derived
    return found


def drawn(session: Session, id: int) -> str:
    """Return a comment for a leaf of random numbers, "" for another one."""
    words = " ".join(session.source.snippet(session.graph.notes.spans[id]).split())
    return f"# the numbers that gradcli draws for {words}\n" if RANDOM.match(words) else ""


def _comment(row: str) -> str:
    """Return the comment at the end of a line, "" where there is none or a text may have a #."""
    code, sign, comment = row.partition("#")
    return sign + comment if sign and code.strip() and not {'"', "'"} & {*code} else ""


def heading(session: Session, target: str) -> list[str]:
    """Return the comment that a script begins with: the file's own, and where it comes from."""
    own = []
    for row in LINE_END.split(session.source.text):
        if not row.startswith("#"):
            break
        if not row.startswith("#  "):  # how the file is called
            own.append(row)
    while own and not own[-1].strip("# "):
        own.pop()
    file = visible(PurePath(session.source.name).name)
    where = f"# From {file}, by gradcli export --to {target}."
    return [*own, "#", where] if own else [where]


def check_scalar(root: int | None, session: Session) -> None:
    """Refuse to differentiate what is no scalar.

    Raises: InputFault.
    """
    if root is None or not session.ran_backward or session.tracer.passes.made:
        return
    if session.graph.metas[root].shape not in ((), (1,)):
        raise InputFault(
            f"{session.source.name}: the root is no scalar", hint="sum(…) makes it one"
        )


def imports(library: Library, texts: Sequence[str], *, data: bool) -> list[str]:
    """Return the imports that lines need, as a formatter sorts them."""
    from gradcli.export.script import FROM_DATA

    joined = "\n".join(texts)
    wanted = [x for x in library.dialect.imports if f"{x.split()[-1]}." in joined]
    if data and "import numpy as np" not in wanted:
        wanted.append("import numpy as np")
    wanted.sort()
    return [*(["from pathlib import Path", ""] if data else []), *wanted, "",
            *([FROM_DATA.replace("'", '"'), ""] if data else [])]  # fmt: skip
