"""The types that a file has: rows, and what `type`, `isinstance` and `issubclass` say of them."""

from __future__ import annotations

import collections.abc
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault
from gradcli.graph import Node
from gradcli.rule.nesting import MAX_NESTING
from gradcli.trace import classes, containers, conversions, iterators
from gradcli.trace.calls import Args, Keywords, only
from gradcli.trace.classes import OBJECT, Instance, UserClass
from gradcli.trace.creation import CREATION, module_buffer, module_parameter
from gradcli.trace.grad_classes import class_of
from gradcli.trace.gradmode import GradMode
from gradcli.trace.iterators import Lazy
from gradcli.trace.libraries import JAX, NUMPY, library_of
from gradcli.trace.sentences import fault, python_errors
from gradcli.trace.suspended import Generator
from gradcli.trace.types import Form, Type, is_union
from gradcli.trace.values import Function, GradFn, Namespace, Results, Run, Size, UserFunction

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

CALLABLE: tuple[type[Any], ...] = (Function, UserFunction, np.dtype, GradMode, *classes.CALLABLE)


OF_CLASS: dict[type[Any], Type] = {}  # the type of the values of a Python class


def _no_call(name: str) -> Run:
    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        raise fault(TypeError(f"cannot create '{name}' instances"))

    return run


def _is_array(tracer: Tracer, value: Any) -> bool:
    return isinstance(value, Node) and library_of(tracer, value) in (NUMPY, JAX, None)


def _is_tensor(tracer: Tracer, value: Any) -> bool:
    return isinstance(value, Node) and library_of(tracer, value) is not NUMPY


def _tensor(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    if any(isinstance(x, int) for x in args):
        raise ArgumentFault(
            "torch.Tensor() with sizes is memory that was never written",
            hint="torch.zeros(…) or torch.empty(…) makes one",
        )
    if not args and not keywords:
        args = ([],)
    return CREATION["tensor"](tracer, args, {"dtype": np.dtype("float32")} | keywords)


def _unbound(kind: type[Any]) -> dict[str, Any]:
    """Return the methods of a Python type as functions of a value: `str.upper`, `list.append`."""

    def make(name: str) -> Function:
        def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
            found = containers.method(args[0], name) if args else None
            if found is None or not isinstance(args[0], kind):
                raise fault(
                    TypeError(f"unbound method {kind.__name__}.{name}() needs a '{kind.__name__}'")
                )
            return found.run(tracer, args[1:], keywords)

        return Function(name, run)

    return {name: make(name) for name in containers.METHODS.get(kind, {})}


def _from_keys(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    if keywords or not 1 <= len(args) <= 2:
        raise fault(TypeError(f"fromkeys expected 1 or 2 arguments, got {len(args)}"))
    with python_errors():
        keys = [containers.key(x) for x in containers.items_of(tracer, args[0])]
    return dict.fromkeys(keys, *args[1:])


def _make_table(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    if keywords or not 1 <= len(args) <= 3 or not all(isinstance(x, dict | str) for x in args):
        raise fault(TypeError("maketrans() takes a dictionary, or two or three strings"))
    with python_errors():
        return str.maketrans(*args)


def _is_instance_of(name: str) -> Any:
    """Return the test of an abstract class: `collections.abc.Sequence`, `Callable`."""
    abstract = getattr(collections.abc, name)
    needed = abstract.__abstractmethods__
    of_tensors = name in ("Iterable", "Sized", "Container", "Collection", "Hashable", "Reversible")

    def test(tracer: Tracer, value: Any) -> bool:
        if isinstance(value, Node):
            return of_tensors
        if isinstance(value, Instance):
            return all(value.cls.find(method) is not classes.MISSING for method in needed)
        if isinstance(value, CALLABLE):
            return name in ("Callable", "Hashable")
        return isinstance(tuple(value) if isinstance(value, Results) else value, abstract)

    return test


def made_from(
    name: str,
    run: Run,
    *classes: type[Any],
    bases: tuple[Type, ...] = (),
    module: str = "builtins",
    **members: Any,
) -> Type:
    """Return a type of Python classes: the methods of the first are functions of its values."""
    found = {**_unbound(classes[0]), **members} if classes else members
    kind = Type(name, run, classes, bases=bases, module=module, members=found)
    for cls in classes:
        OF_CLASS.setdefault(cls, kind)
    return kind


def of_iterators(kind: type[Lazy], run: Run, module: str = "builtins", **members: Any) -> Type:
    """Return the type of a class of iterators, and let its values know it."""
    made = kind.kind = made_from(kind.__name__, run, kind, module=module, **members)
    return made


def _type(tracer: Tracer, args: Args, keywords: Keywords) -> Type | UserClass:
    if len(args) != 1 or keywords:
        raise fault(
            TypeError("type() takes 1 or 3 arguments")
            if len(args) != 3
            else TypeError("type() with three arguments makes no class here: write `class`")
        )
    return type_of(tracer, args[0])


INT = made_from("int", conversions.cast(int), int)
TUPLE = made_from("tuple", conversions.sequence(tuple), tuple, Results)
TENSOR = Type("Tensor", _tensor, (Node,), module="torch", test=_is_tensor)
TYPE = made_from("type", _type, Type, UserClass)
NONE = made_from("NoneType", lambda tracer, args, keywords: None, type(None))
FUNCTION = made_from("function", _no_call("function"), UserFunction)

PYTHON: dict[str, Type] = {
    "int": INT, "tuple": TUPLE, "type": TYPE,
    "bool": made_from("bool", conversions.cast(bool), bool, bases=(INT,)),
    "float": made_from("float", conversions.cast(float), float),
    "complex": made_from("complex", conversions.complex_number, complex),
    "str": made_from("str", conversions.text, str, maketrans=Function("maketrans", _make_table)),
    "list": made_from("list", conversions.sequence(list), list),
    "dict": made_from("dict", conversions.dictionary, dict,
                      fromkeys=Function("fromkeys", _from_keys)),
    "set": made_from("set", conversions.sequence(set), set),
    "frozenset": made_from("frozenset", conversions.sequence(frozenset), frozenset),
    "range": made_from("range", conversions.range_of, range),
    "slice": made_from("slice", conversions.slice_of, slice),
    **{kind.__name__: of_iterators(kind, run) for kind, run in iterators.CLASSES.items()},
}  # fmt: skip

TORCH: dict[str, Type] = {
    "torch.Tensor": TENSOR,
    "torch.Size": made_from("Size", conversions.size_of, Size, bases=(TUPLE,), module="torch"),
    "torch.dtype": made_from("dtype", _no_call("torch.dtype"), np.dtype, module="torch"),
    "nn.Parameter": Type(
        "Parameter", module_parameter, bases=(TENSOR,), module="torch.nn.parameter",
        test=lambda tracer, x: isinstance(x, Node) and getattr(x, "is_parameter", False),
    ),
    "nn.Buffer": Type(
        "Buffer", module_buffer, bases=(TENSOR,), module="torch.nn.parameter",
        test=lambda tracer, x: isinstance(x, Node) and getattr(x, "persists", None) is not None,
    ),
    "np.ndarray": Type(
        "ndarray", _no_call("numpy.ndarray"), module="numpy", test=_is_array
    ),
}  # fmt: skip

HIDDEN = (  # types without a name of their own
    NONE, FUNCTION,
    made_from("ellipsis", lambda tracer, args, keywords: ..., type(...)),
    made_from("NotImplementedType", lambda tracer, args, keywords: NotImplemented,
              type(NotImplemented)),
    made_from("module", _no_call("module"), Namespace),
    made_from("generator", _no_call("generator"), Generator),
    made_from("builtin_function_or_method", _no_call("builtin_function_or_method"), Function),
    made_from("Node", _no_call("torch.autograd.graph.Node"), GradFn, module="torch.autograd.graph"),
    made_from("dict_keys", _no_call("dict_keys"), type({}.keys())),
    made_from("dict_values", _no_call("dict_values"), type({}.values())),
    made_from("dict_items", _no_call("dict_items"), type({}.items())),
    made_from("GenericAlias", _no_call("types.GenericAlias"), Form, module="types"),
    of_iterators(iterators.ITERATOR, _no_call("iterator")),
    of_iterators(iterators.CALLED, _no_call("callable_iterator")),
)  # fmt: skip

NUMBERS = {"Number": (int, float, complex), "Complex": (int, float, complex), "Real": (int, float),
           "Rational": (int,), "Integral": (int,)}  # fmt: skip
ABSTRACT = (
    "Callable", "Collection", "Container", "Generator", "Hashable", "ItemsView", "Iterable",
    "Iterator", "KeysView", "Mapping", "MutableMapping", "MutableSequence", "MutableSet",
    "Reversible", "Sequence", "Set", "Sized", "ValuesView",
)  # fmt: skip


def abstract(name: str, module: str = "collections.abc") -> Type:
    """Return an abstract class of `collections.abc`."""
    refuse = _no_call(name)
    return Type(name, refuse, module=module, test=_is_instance_of(name))


def number_type(name: str) -> Type:
    """Return an abstract class of `numbers`."""
    return made_from(name, _no_call(name), *NUMBERS[name], module="numbers")


def type_of(tracer: Tracer, value: Any) -> Type | UserClass:
    """Return the type of a value: its own where it has one, or that of its Python class."""
    if isinstance(value, Instance):
        return value.cls
    own = getattr(value, "kind", None)
    if isinstance(own, Type):
        return own
    if isinstance(value, GradFn):
        return class_of(value.name)
    if isinstance(value, Node):
        if getattr(value, "is_parameter", False):
            return TORCH["nn.Parameter"]
        return TENSOR if _is_tensor(tracer, value) else TORCH["np.ndarray"]
    for cls in type(value).__mro__:
        if cls in OF_CLASS:
            return OF_CLASS[cls]
    return iterators.ITERATOR.kind if hasattr(value, "__next__") else OBJECT


def is_instance(tracer: Tracer, value: Any, kinds: Any) -> bool:
    """Carry out `isinstance(value, kinds)`.

    Raises: ArgumentFault, with Python's sentence, where `kinds` is no type.
    """
    for kind in _listed(kinds, "isinstance() arg 2 must be a type, a tuple of types", 0):
        if isinstance(kind, Type):
            if kind.holds(tracer, value):
                return True
        elif kind is OBJECT or (isinstance(value, Instance) and value.cls.is_a(kind)):
            return True
    return False


def _listed(kinds: Any, said: str, depth: int) -> Iterator[Type | UserClass]:
    """Yield the types of a type, a union, or nested tuples of them."""
    if isinstance(kinds, Type | UserClass):
        yield kinds
        return
    if isinstance(kinds, tuple) and depth < MAX_NESTING:
        for each in kinds:
            yield from _listed(each, said, depth + 1)
        return
    if isinstance(kinds, Form) and is_union(kinds):
        for each in kinds.parameters:
            yield from _listed(NONE if each is None else each, said, depth + 1)
        return
    if isinstance(kinds, Form) and kinds.parameters:
        raise fault(TypeError("Subscripted generics cannot be used with class and instance checks"))
    raise fault(TypeError(f"{said}, or a union"))


def _two(name: str, args: Args, keywords: Keywords) -> Args:
    if keywords:
        raise fault(TypeError(f"{name}() takes no keyword arguments"))
    if len(args) != 2:
        raise fault(TypeError(f"{name} expected 2 arguments, got {len(args)}"))
    return args


def _isinstance(tracer: Tracer, args: Args, keywords: Keywords) -> bool:
    return is_instance(tracer, *_two("isinstance", args, keywords))


def _issubclass(tracer: Tracer, args: Args, keywords: Keywords) -> bool:
    kind, above = _two("issubclass", args, keywords)
    if not isinstance(kind, Type | UserClass):
        raise fault(TypeError("issubclass() arg 1 must be a class"))
    said = "issubclass() arg 2 must be a class, a tuple of classes"
    return any(_is_below(kind, each) for each in _listed(above, said, 0))


def _is_below(kind: Type | UserClass, above: Type | UserClass) -> bool:
    if above is OBJECT or kind is above:
        return True
    if isinstance(kind, UserClass) or isinstance(above, UserClass):
        return isinstance(kind, UserClass) and isinstance(above, UserClass) and kind.is_a(above)
    if above.module in ("collections.abc", "typing"):
        abstract = getattr(collections.abc, above.name)
        return any(issubclass(cls, abstract) for cls in kind.classes)
    return kind.is_kind_of(above) or any(issubclass(c, above.classes) for c in kind.classes)


def _callable(tracer: Tracer, args: Args, keywords: Keywords) -> bool:
    value = only(args, keywords, "callable")
    if isinstance(value, Instance):
        return value.cls.find("__call__") is not classes.MISSING
    return isinstance(value, CALLABLE)


FUNCTIONS: dict[str, Run] = {
    "callable": _callable,
    "isinstance": _isinstance, "issubclass": _issubclass,
}  # fmt: skip
