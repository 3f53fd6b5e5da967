"""`copy`: values anew, with or without what is in them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault, LimitFault
from gradcli.graph import Node
from gradcli.rule.nesting import MAX_NESTING
from gradcli.trace.attributes import set_requires_grad
from gradcli.trace.budgets import kept
from gradcli.trace.calls import Args, Keywords
from gradcli.trace.classes import Instance, special
from gradcli.trace.sentences import fault
from gradcli.trace.standard.collections import Default, Named
from gradcli.trace.values import Function, Size

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

NO_LEAF = (
    "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at "
    "the moment.  If you were attempting to deepcopy a module, this may be because of a "
    "torch.nn.utils.weight_norm usage, see https://github.com/pytorch/pytorch/pull/103001"
)
CHANGEABLE = (list, dict, set, deque)


def _one(name: str, args: Args, keywords: Keywords) -> Any:
    if len(args) != 1 or keywords:
        raise fault(TypeError(f"{name}() takes one argument here ({len(args)} given)"))
    return args[0]


def _copy(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    value = _one("copy", args, keywords)
    if isinstance(value, Instance):
        own = special(tracer, value, "__copy__")
        return own() if own is not None else _of_attributes(tracer, value, dict(value.attributes))
    if isinstance(value, Node):
        if value.requires_grad and not value.graph.is_leaf(value.id):
            raise ArgumentFault("copy() of a tensor that is no leaf", hint="write x.clone()")
        found = tracer.member(value, "data")  # shares its memory
        return _as_leaf(tracer, found, value)
    return kept(tracer, value.copy()) if isinstance(value, CHANGEABLE) else value


def _as_leaf(tracer: Tracer, found: Any, like: Any) -> Any:
    """Let a copy require a gradient, and be a parameter, where the tensor does."""
    if like.requires_grad:
        set_requires_grad(tracer, found, True, "floating point and complex dtype")
        found.graph.notes.origins[found.id] = "file"  # a leaf of the file, whoever copies it
    found.is_parameter = like.is_parameter
    return found


def _of_attributes(tracer: Tracer, like: Instance, attributes: dict[str, Any]) -> Instance:
    tracer.graph.charge(200 + 100 * len(attributes), "an object")
    found = Instance(tracer, like.cls)
    found.attributes = attributes
    return found


def deepcopy(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`copy.deepcopy(x)`: a copy of a value and of all that is in it."""
    return _Copies(tracer).of(_one("deepcopy", args, keywords), 0)


class _Copies:
    """The copies of one call, by what they are copies of: what was one value is one again."""

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer
        self.made: dict[int, Any] = {}

    def of(self, value: Any, depth: int) -> Any:
        """Return the copy of a value.

        Raises: LimitFault where values are nested too deeply.
        """
        if id(value) in self.made:
            return self.made[id(value)]
        if depth > MAX_NESTING:
            raise LimitFault(f"deepcopy() of values more than {MAX_NESTING} deep in one another")
        self.tracer.graph.spend()
        if isinstance(value, Node):
            found = self.made[id(value)] = self._tensor(value)
            return found
        if isinstance(value, Instance):
            return self._object(value, depth)
        if isinstance(value, CHANGEABLE):
            return kept(self.tracer, self._container(value, depth + 1))
        if isinstance(value, Size) or not isinstance(value, tuple):
            return value
        items = [self.of(x, depth + 1) for x in value]
        if all(x is y for x, y in zip(items, value, strict=True)):
            return value
        found = value.replaced(items) if isinstance(value, Named) else tuple(items)
        self.made[id(value)] = found
        return found

    def _tensor(self, value: Any) -> Any:
        if value.requires_grad and not value.graph.is_leaf(value.id):
            raise fault(RuntimeError(NO_LEAF))
        tracer = self.tracer
        with tracer.graph.settings("inside", False):
            data = tracer.member(value, "data")
        if value.is_parameter:
            tracer.graph.notes.patterns.add(value.id)
        with tracer.graph.settings("file", False):
            found = tracer.call(tracer.member(data, "clone"), (), {})
        grad = tracer.graph.autograd.grads.get(value.id)
        _as_leaf(tracer, found, value)
        if grad is not None:
            tracer.graph.set_grad(found.id, tracer.graph.leaf(grad.copy()))
        return found

    def _object(self, value: Instance, depth: int) -> Any:
        own = special(self.tracer, value, "__deepcopy__")
        if own is not None:
            return own({})
        found = self.made[id(value)] = _of_attributes(self.tracer, value, {})
        for name, x in value.attributes.items():
            found.attributes[name] = self.of(x, depth + 1)
        return found

    def _container(self, value: Any, depth: int) -> Any:
        found: Any
        if isinstance(value, Default):
            found = Default(self.tracer, value.factory)
        elif isinstance(value, deque):
            found = deque(maxlen=value.maxlen)
        else:
            found = type(value)()
        self.made[id(value)] = found
        if isinstance(value, dict):
            for key, x in list(value.items()):
                found[self.of(key, depth)] = self.of(x, depth)
        else:
            add = found.add if isinstance(value, set) else found.append
            for x in list(value):
                add(self.of(x, depth))
        return found


MODULES: dict[str, dict[str, Any]] = {
    "copy": {"copy": Function("copy", _copy), "deepcopy": Function("deepcopy", deepcopy)}
}
