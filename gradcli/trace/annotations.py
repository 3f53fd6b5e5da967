"""`x: float64[n, 3] = …`: shapes and dtypes that a file states, and that are checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault, DtypeFault, ShapeFault
from gradcli.graph import Node
from gradcli.rule.dtypes import DTYPES
from gradcli.rule.spelling import nearest
from gradcli.syntax import tree
from gradcli.trace.builtins import DTYPE_NAMES
from gradcli.trace.classes import ClassScope
from gradcli.trace.code import Code
from gradcli.trace.targets import binding
from gradcli.trace.values import as_node, described, is_numeric_list

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

PYTHONS = (
    "list", "List", "Sequence", "Any", "object", "Optional", "Union", "Iterable", "Collection",
    "Final", "ClassVar", "MutableSequence",
)  # fmt: skip


def annotated(tracer: Tracer, s: tree.Annotated) -> Code:
    """Return what binds an annotated name, and checks its value against the annotation.

    Raises: ShapeFault or DtypeFault where the value is not as stated.
    """
    if s.value is None:
        return _declared(tracer, s)
    evaluate, bind = tracer.code(s.value), binding(tracer, s.target, named=True)
    tensor = not _is_pythons(s.annotation)

    def assign() -> None:
        value = evaluate()
        if isinstance(tracer.scope, ClassScope):
            _note(tracer.scope, s.target)
        if tensor and is_numeric_list(value):
            value = as_node(tracer.graph, value)  # what is stated to be a tensor is one
        bind(value)
        if isinstance(value, Node):
            _check(tracer, s.annotation, value)

    return assign


def _declared(tracer: Tracer, s: tree.Annotated) -> Code:
    def check() -> None:
        if isinstance(tracer.scope, ClassScope):
            _note(tracer.scope, s.target)
        elif isinstance(s.target, tree.Name) and s.target.id in tracer.scope:
            value = tracer.scope[s.target.id]
            if isinstance(value, Node):
                _check(tracer, s.annotation, value)

    return check


def _note(scope: ClassScope, target: tree.Expression) -> None:
    """Keep what a class's body annotates: it may be the fields of a dataclass."""
    if isinstance(target, tree.Name):
        scope.annotated.append(target.id)


def _is_pythons(annotation: tree.Expression) -> bool:
    """Say whether an annotation is of Python's own kinds: `list`, `list[float]`."""
    kind = annotation.value if isinstance(annotation, tree.Subscript) else annotation
    name = kind.name if isinstance(kind, tree.Attribute) else getattr(kind, "id", "")
    return name in PYTHONS


def _check(tracer: Tracer, annotation: tree.Expression, x: Node) -> None:
    sizes: tuple[tree.Expression, ...] | None = None
    kind = annotation
    if isinstance(annotation, tree.Subscript):
        kind = annotation.value
        index = annotation.index
        sizes = index.items if isinstance(index, tree.TupleDisplay) else (index,)
    name = kind.name if isinstance(kind, tree.Attribute) else getattr(kind, "id", "")
    if name in DTYPE_NAMES:
        dtype = DTYPES[DTYPE_NAMES[name]]
        if x.dtype != dtype:
            raise DtypeFault(
                f"the dtype is stated as {dtype.name}, but it is {x.dtype.name}",
                kind.span,
                f"write {x.dtype.name} here, or convert the value: .to({dtype.name})",
            )
    elif name not in ("Tensor", "tensor"):
        raise ArgumentFault(
            f"`{tracer.source.snippet(kind.span)}` is not a dtype", kind.span,
            "".join(f"did you mean `{n}`? " for n in nearest(name, DTYPE_NAMES)[:1])
            + "for example float64[n, 3], or Tensor",
        )  # fmt: skip
    if sizes is not None:
        _check_sizes(tracer, annotation, sizes, x)


def _check_sizes(tracer: Tracer, e: Any, sizes: tuple[tree.Expression, ...], x: Node) -> None:
    stated = tracer.source.snippet(e.span)
    if len(sizes) != len(x.shape):
        raise ShapeFault(f"stated as {stated}, but the shape is {list(x.shape)}", e.span)
    for dim, (size, n) in enumerate(zip(sizes, x.shape, strict=True)):
        known, since = _size(tracer, size, n)
        if known != n:
            raise ShapeFault(
                f"{since}, but dimension {dim} here has size {n}: the shape is {list(x.shape)}",
                size.span,
            )


def _size(tracer: Tracer, size: tree.Expression, n: int) -> tuple[int, str]:
    """Return a stated size, and a clause that says it; a new name stands for the size `n`."""
    written = tracer.source.snippet(size.span)
    if isinstance(size, tree.Name) and size.id not in tracer.scope:
        known, line = tracer.sizes.setdefault(size.id, (n, tracer.source.line_of(size.span)))
        return known, f"`{written}` is {known} since line {line}"
    value = tracer.evaluate(size)
    if isinstance(value, Node) and value.is_index:
        value = value.__index__()
    if not isinstance(value, int):
        raise ArgumentFault(f"a size is an integer or a name, not {described(value)}", size.span)
    stated = written if isinstance(size, tree.Constant) else f"`{written}` = {value}"
    return value, f"the size is stated as {stated}"
