"""What stands left of `=`, after `for`, after `del`: names, items, attributes, tuples of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradcli.errors import NOWHERE, ArgumentFault, NameFault, ShapeFault, Span, SyntaxFault
from gradcli.graph import Node
from gradcli.rule.meta import shown
from gradcli.rule.nesting import check_arguments
from gradcli.syntax import tree
from gradcli.trace import classes, containers
from gradcli.trace.attributes import set_requires_grad
from gradcli.trace.code import Code
from gradcli.trace.indexing import set_item
from gradcli.trace.operators import PLAIN
from gradcli.trace.sentences import class_name, fault
from gradcli.trace.storage import Tensor
from gradcli.trace.values import Skipped, check_size, described

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Bind = Callable[[Any], None]


def binding(tracer: Tracer, target: tree.Expression, *, named: bool = False) -> Bind:
    """Return what binds a value to a target; where `named`, a tensor is known by that name."""
    while isinstance(target, tree.Group):
        target = target.inner
    if isinstance(target, tree.Name):
        kept = target.id.startswith(".")  # by the parts of an expression with a `yield`
        return _name(tracer, target) if named and not kept else _plain_name(tracer, target.id)
    if isinstance(target, tree.TupleDisplay | tree.ListDisplay):
        return _unpacked(tracer, target, named)
    if isinstance(target, tree.Attribute):
        return _member(tracer, target)
    if isinstance(target, tree.Subscript):
        return _item(tracer, target)
    return _refused(tracer, target)


def scope_for(tracer: Tracer, name: str) -> Callable[[], dict[str, Any]]:
    """Return what finds the scope in which a name is bound, here in the file."""
    kind = tracer.names.outer.get(name)
    if kind is None:
        return lambda: tracer.scope
    return (lambda: tracer.globals) if kind == "global" else lambda: _owner(tracer.scope, name)


def _owner(scope: Any, name: str) -> dict[str, Any]:
    """Return the scope of the function around that has a name of its own."""
    while name not in scope.own:
        scope = scope.outer
    found: dict[str, Any] = scope
    return found


def _plain_name(tracer: Tracer, name: str) -> Bind:
    if name in tracer.names.outer:
        scope_of = scope_for(tracer, name)

        def bind_outer(value: Any) -> None:
            scope_of()[name] = value

        return bind_outer

    def bind(value: Any) -> None:
        tracer.scope[name] = value

    return bind


def _name(tracer: Tracer, target: tree.Name) -> Bind:
    if target.span is NOWHERE:  # of the prelude: nobody knows its names
        return _plain_name(tracer, target.id)
    if target.id in tracer.names.outer:
        return named(tracer, target, scope_for(tracer, target.id))
    return named(tracer, target, None)


def named(tracer: Tracer, target: tree.Name, scope_of: Callable[[], dict[str, Any]] | None) -> Bind:
    """Return what binds a value to a name, by which it is known from then on.

    `scope_of` finds the scope in which the name is bound, where it is not that of the statement.
    """
    name, span, names, made = target.id, target.span, tracer.graph.notes.names, tracer.made

    def bind(value: Any) -> None:
        scope = tracer.scope if scope_of is None else scope_of()
        scope[name] = value
        if scope is tracer.globals:
            tracer.places[name] = span
        if isinstance(value, Node):
            id = value.id
            names.setdefault(id, name)
            made.append(id)
        elif isinstance(value, list):
            tracer.lists.bind(name, value, once=tracer.runs_once)
        elif isinstance(value, classes.Instance) and value.path is None:
            classes.call_by_path(tracer, name, value)

    return bind


def _unpacked(tracer: Tracer, target: tree.TupleDisplay | tree.ListDisplay, named: bool) -> Bind:
    items = [item.value if isinstance(item, tree.Starred) else item for item in target.items]
    span, binds = target.span, [binding(tracer, item, named=named) for item in items]
    star = next((i for i, x in enumerate(target.items) if isinstance(x, tree.Starred)), None)
    wanted = len(binds) - (star is not None)

    def bind(value: Any) -> None:
        if type(value) is Skipped:  # `fig, ax = plt.subplots()`
            for each in binds:
                each(value)
            return
        if isinstance(value, PLAIN) and not isinstance(value, containers.CONTAINERS):
            raise ArgumentFault(f"cannot unpack non-iterable {class_name(value)} object", span)
        source, values = tracer.iterate(value), []
        for item in source:
            values.append(item)
            if star is None and len(values) > wanted:
                raise _miscounted(f"too many values to unpack (expected {wanted})", span)
            check_size(len(values))
        if len(values) < wanted:
            least = f"{'' if star is None else 'at least '}{wanted}"
            raise _miscounted(
                f"not enough values to unpack (expected {least}, got {len(values)})", span
            )
        if star is not None:
            end = len(values) - (wanted - star)
            values[star:end] = [values[star:end]]
        for each, one in zip(binds, values, strict=True):
            each(one)

    return bind


def _miscounted(message: str, span: Span) -> ArgumentFault:
    return fault(ValueError(message), span)


def _member(tracer: Tracer, target: tree.Attribute) -> Bind:
    """Return what carries out `x.grad = None`, `x.requires_grad = True`, `x.data = y`."""
    owner_of, name, refuse = tracer.code(target.value), target.name, _refused(tracer, target)

    def bind(value: Any) -> None:
        owner = owner_of()
        tracer.graph.span = target.span
        if isinstance(owner, Skipped):
            return
        if isinstance(owner, classes.Instance | classes.UserClass):
            classes.set_attribute(tracer, owner, name, value)
        elif not isinstance(owner, Tensor):
            refuse(value)
        elif name == "grad" and value is None:
            tracer.graph.set_grad(owner.id, None)
        elif name == "grad" and isinstance(value, Node):
            _set_grad(owner, value)
        elif name == "data" and isinstance(value, Tensor):
            if value is not owner:
                owner.lie_in(value)
        elif name == "requires_grad" and isinstance(value, bool):
            set_requires_grad(tracer, owner, value, "floating point and complex dtype")
        else:
            refuse(value)

    return bind


def _set_grad(owner: Node, value: Node) -> None:
    if value.shape != owner.shape:
        raise ShapeFault(
            f"attempting to assign a gradient of size '{shown(value.shape)}' to a tensor of size "
            f"'{shown(owner.shape)}'. Please ensure that the gradient and the tensor are the same "
            "size"
        )
    owner.graph.set_grad(owner.id, value)


def _item(tracer: Tracer, target: tree.Subscript) -> Bind:
    """Return what carries out `x[i] = …` of a tensor, a list or a dictionary."""
    owner_of, key_of, span = tracer.code(target.value), tracer.code(target.index), target.span
    graph, refuse = tracer.graph, _refused(tracer, target)

    def bind(value: Any) -> None:
        owner, key = owner_of(), key_of()
        graph.span = span
        check_arguments((key,))
        if isinstance(owner, Skipped):
            return
        if isinstance(owner, Tensor):
            set_item(tracer, owner, key, value)
        elif isinstance(owner, (classes.Instance, *PLAIN)):
            containers.set_item(tracer, owner, key, value)
        else:
            refuse(value)

    return bind


def _refused(tracer: Tracer, target: tree.Expression) -> Bind:
    def refuse(value: Any) -> None:  # whatever it is
        raise SyntaxFault(
            f"`{tracer.source.snippet(target.span)}` cannot be assigned to", target.span,
            "bind the result to a name instead",
        )  # fmt: skip

    return refuse


def deletion(tracer: Tracer, target: tree.Expression) -> Code:
    """Return what carries out `del` of a name or an item.

    Raises: NameFault or ArgumentFault, with Python's sentence, where there is none.
    """
    while isinstance(target, tree.Group):
        target = target.inner
    if isinstance(target, tree.TupleDisplay | tree.ListDisplay):
        parts = [deletion(tracer, item) for item in target.items]
        return lambda: [delete() for delete in parts]
    if isinstance(target, tree.Name):
        return _deleted_name(tracer, target)
    if isinstance(target, tree.Subscript):
        return _deleted_item(tracer, target)

    assert isinstance(target, tree.Attribute), "nothing else is read as what can be deleted"
    return _deleted_attribute(tracer, target)


def _deleted_name(tracer: Tracer, target: tree.Name) -> Code:
    scope_of, own = scope_for(tracer, target.id), tracer.names.own

    def delete() -> None:
        scope = scope_of()
        if not dict.__contains__(scope, target.id):
            if target.id in own:
                raise unbound(target, own=True)
            raise NameFault(f"name '{target.id}' is not defined", target.span)
        del scope[target.id]
        tracer.deleted.add(target.id)

    return delete


def unbound(name: tree.Name, *, own: bool) -> NameFault:
    """Return the error for a name that a function binds and that has no value yet.

    It is a name of the function's `own`, or of one around it.
    """
    kind, where = ("local", "") if own else ("free", " in enclosing scope")
    error = NameFault(
        f"cannot access {kind} variable '{name.id}' where it is not associated with a value{where}",
        name.span,
        "a name that a function assigns anywhere is its own: `global` or `nonlocal` declare others"
        if own else None,
    )  # fmt: skip
    error.python = "UnboundLocalError" if own else "NameError"
    return error


def _deleted_attribute(tracer: Tracer, target: tree.Attribute) -> Code:
    owner_of = tracer.code(target.value)

    def delete() -> None:
        owner = owner_of()
        tracer.graph.span = target.span
        if not isinstance(owner, classes.Instance | classes.UserClass):
            said = f"`{target.name}` cannot be deleted: {described(owner)} has no attributes"
            raise NameFault(said, target.span)
        classes.delete_attribute(tracer, owner, target.name)

    return delete


def _deleted_item(tracer: Tracer, target: tree.Subscript) -> Code:
    owner_of, key_of = tracer.code(target.value), tracer.code(target.index)

    def delete() -> None:
        owner, key = owner_of(), key_of()
        tracer.graph.span = target.span
        containers.delete_item(tracer, owner, key)

    return delete
