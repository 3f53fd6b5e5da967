"""JAX's script: what depends on the parameters as a function of them, which JAX differentiates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gradcli.errors import InputFault
from gradcli.export.by_lines import Lines, check_scalar, heading, imports, laid_out
from gradcli.export.checked import LOADED, settle, whole
from gradcli.export.kinks import kinks
from gradcli.export.lines import Line, refused
from gradcli.export.script import LIBRARIES, Row, Script, table
from gradcli.formula.naming import upstream
from gradcli.rule.dtypes import Array
from gradcli.session import Session

WIDE = 'jax.config.update("jax_enable_x64", True)'
FUNCTION = "forward"
CONJUGATE = "# JAX's gradients by complex numbers are PyTorch's conjugated"


def script(session: Session) -> Script:
    """Return a run as a script of JAX.

    Raises: InputFault where a result has no formula in JAX, or the file runs several passes.
    """
    check_scalar(session.root, session)
    if len(session.tracer.passes.made) > 1:
        raise InputFault(
            f"{session.source.name} runs {len(session.tracer.passes.made)} backward passes, and a "
            "script of JAX differentiates one function",
            hint="--to torch keeps the file's own passes, --to numpy writes each of them out",
        )
    wide = any(meta.dtype.name in ("float64", "complex128") for meta in session.graph.metas)
    library = replace(LIBRARIES["jax"], own="float64" if wide else "float32")
    made = Lines(session, library, derive=False)
    settle(made.names, "jax", [*library.dialect.imports], made.lines, made.arrays.data)
    _refuse_kinks(session)
    for id in made.names.shown:
        if id in session.graph.autograd.retained and session.graph.grad(id) is not None:
            why = "its gradient is kept, and JAX gives those of a function's arguments alone"
            raise refused(made.names, id, "jax", why)
    return _Written(session, made).script()


def _refuse_kinks(session: Session) -> None:
    """Refuse where gradients may be others in JAX.

    Raises: InputFault.
    """
    graph, source = session.graph, session.source
    if session.root is None or not session.ran_backward:
        return
    for id in kinks(graph, upstream(graph, [session.root])):
        op, span = graph.ops[id], graph.notes.spans[id]
        assert op is not None, "a leaf has no kink"
        raise InputFault(
            f"{source.name}:{source.line_of(span)}: `{source.snippet(span)}` is differentiated at "
            f"a kink, where JAX may have another derivative (PyTorch and gradcli: {op.kink})",
            hint="other values, or --to torch, or --to numpy with gradcli's own derivatives",
        )


class _Written:
    """The parts of the script."""

    def __init__(self, session: Session, made: Lines) -> None:
        self.session, self.made, self.names = session, made, made.names
        self.graph, self.root = session.graph, session.root
        self.expected: dict[str, Array] = {}
        self.grads: dict[str, str] = {}

    def script(self) -> Script:
        made, names, data = self.made, self.names, self.made.arrays.data
        body = self._body()
        metas = self.graph.metas
        shown = [Row(label, names.of[i], metas[i].shape, self.grads.get(names.of[i]))
                 for label, i in names.labels.items()]  # fmt: skip
        body += ["", *table(shown)]
        self.expected |= {names.of[i]: np.asarray(self.graph.value(i)) for i in names.shown}
        library = made.library
        wide = library.own == "float64"
        head = imports(library, body + [WIDE] * wide, data=bool(data))
        if wide:
            at = max(k for k, row in enumerate(head) if row.startswith("import ")) + 1
            head[at:at] = ["", WIDE]
        text = "\n".join([*heading(self.session, "jax"), *head, *body, ""])
        body = [row for row in body if CONJUGATE not in row]  # gradcli's are PyTorch's already
        checked = "\n".join([*library.dialect.imports, LOADED * bool(data), *body, ""])
        whole(self.session, checked, data, self.expected)
        return Script(text, checked, data)

    def _body(self) -> list[str]:
        """Return the lines: what no parameter leads to, the function, what is beside it."""
        lines, graph, names = self.made.lines, self.graph, self.names
        leaves = [i for i in names.rows if graph.ops[i] is None and self._gradient(i) is not None]
        if self.root is None or not leaves:
            return laid_out(self.session, lines, {})
        moved = _moved(lines, {names.of[i] for i in leaves})
        above = upstream(graph, [self.root])
        above -= {*leaves}
        inside = [x for x in lines if x.name in moved and x.where in above]
        inner = {x.name for x in inside}
        before = [x for x in lines if x.name not in moved or x.where in leaves]
        after = [x for x in lines if x.name in moved and x.name not in inner
                 and x.where not in leaves]  # fmt: skip
        given = [names.of[i] for i in leaves]
        aux = [x.name for x in inside if x.where in names.shown or _used(x.name, after)]
        if not graph.metas[self.root].shape:  # one of shape (1,) is no scalar to JAX
            aux = [name for name in aux if name != names.of[self.root]]
        elif names.of[self.root] not in aux:
            aux.append(names.of[self.root])
        return [
            *laid_out(self.session, before, {}), "", "",
            *self._function(given, aux, inside), "", "",
            *self._call(leaves, given, aux),
            *([""] if after else []), *laid_out(self.session, after, {}),
        ]  # fmt: skip

    def _gradient(self, id: int) -> Array | None:
        return self.graph.grad(id) if self.graph.requires_grad[id] else None

    def _function(self, given: list[str], aux: list[str], inside: Sequence[Line]) -> list[str]:
        assert self.root is not None, "there is something to differentiate"
        root = self.names.of[self.root]
        laid = laid_out(self.session, inside, {})
        rows = [f"    {row}" if row else "" for one in laid for row in one.split("\n")]
        scalar = f"{root}[0]" if root in aux else root
        result = f"{scalar}, {_tuple(aux)}" if aux else scalar
        name = self.name = self.names.new(FUNCTION)
        return [f"def {name}({', '.join(given)}):", *rows, f"    return {result}"]

    def _call(self, leaves: list[int], given: list[str], aux: list[str]) -> list[str]:
        assert self.root is not None, "there is something to differentiate"
        names, root = self.names, self.names.of[self.root]
        found = [names.new(f"d_{name}") for name in given]
        for id, name in zip(leaves, found, strict=True):
            self.grads[names.of[id]] = name
            self.expected[name] = np.asarray(self._gradient(id))
        differentiate = names.new("differentiate")
        more = ", has_aux=True" if aux else ""
        numbers = ", ".join(map(str, range(len(given))))
        argnums = f"({numbers},)" if len(given) == 1 else f"({numbers})"
        root = "_" if root in aux else root
        left = f"({root}, {_tuple(aux)})" if aux else root
        conjugates = [
            f"{d} = jnp.conj({d})  {CONJUGATE}"
            for i, d in zip(leaves, found, strict=True)
            if self.graph.metas[i].dtype.kind == "c"
        ]
        return [
            f"{differentiate} = jax.value_and_grad({self.name}, argnums={argnums}{more})",
            f"{left}, {_tuple(found)} = {differentiate}({', '.join(given)})",
            *conjugates,
        ]


def _moved(lines: Sequence[Line], leaves: set[str]) -> set[str]:
    """Return the names that depend on parameters, and those themselves."""
    found = set(leaves)
    for one in lines:
        if one.uses & found:
            found.add(one.name)
    return found


def _used(name: str, lines: Sequence[Line]) -> bool:
    return any(name in one.uses for one in lines)


def _tuple(names: Sequence[str]) -> str:
    return f"({', '.join(names)}{',' * (len(names) == 1)})"
