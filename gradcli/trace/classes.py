"""Classes of a file and their objects: how attributes are found, what Python's methods mean.

Nothing of Python's own objects is behind them. An attribute is looked up in the object's own
dictionary and in what the bodies of its classes have bound, and nowhere else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradcli.errors import NOWHERE, ArgumentFault, GradcliError, LimitFault, NameFault
from gradcli.graph import Node
from gradcli.trace.faults import is_a
from gradcli.trace.sentences import class_name, fault
from gradcli.trace.values import Decorated, Function, Scope, UserFunction, check_size

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Args = tuple[Any, ...]
Keywords = dict[str, Any]
MISSING = object()
MOST_BEHIND = 500  # classes that one is derived from: a name that none has is looked up in all


class UserClass:
    """A class: what its body has bound, and its bases in the order in which Python looks.

    `namespace` has functions and values of a file; a class that is built in has `Native` methods.
    `annotations` are the names that the body annotates, in order. What `is_built_in` is never
    changed: other runs have it too. `module` is where Python says that it is from.
    """

    module = "__main__"

    def __init__(
        self,
        name: str,
        bases: tuple[UserClass, ...],
        namespace: dict[str, Any],
        annotations: tuple[str, ...] = (),
        *,
        is_built_in: bool = False,
    ) -> None:
        self.name = name
        self.bases = bases
        self.namespace = namespace
        self.annotations = annotations
        self.is_built_in = is_built_in
        self.order: tuple[UserClass, ...] = (self, *_linearised(name, bases))

    def find(self, name: str, after: UserClass | None = None) -> Any:
        """Return what the first class that has a name has under it, or `MISSING`.

        `after` is the class behind which to begin, as `super()` does.
        """
        order = self.order if after is None else self.order[self.order.index(after) + 1 :]
        for cls in order:
            if name in cls.namespace:
                return cls.namespace[name]
        return MISSING

    def is_a(self, other: UserClass) -> bool:
        """Say whether this is another class, or derived from it."""
        return other in self.order

    def __repr__(self) -> str:
        return f"<class '{self.module}.{self.name}'>" if self.bases else f"<class '{self.name}'>"


def _linearised(name: str, bases: tuple[UserClass, ...]) -> list[UserClass]:
    """Return the bases of a class, theirs among them, in Python's order (C3).

    Raises: ArgumentFault, with Python's sentence, where there is none; LimitFault for too many.
    """
    if len(set(bases)) < len(bases):
        twice = next(b for i, b in enumerate(bases) if b in bases[:i])
        raise ArgumentFault(f"duplicate base class {twice.name}")
    if len({cls for base in bases for cls in base.order}) > MOST_BEHIND:
        raise LimitFault(f"`{name}` is derived from more than {MOST_BEHIND} classes")
    if len(bases) == 1:
        return list(bases[0].order)
    lists = [list(reversed(base.order)) for base in bases] + [list(reversed(bases))]
    behind = Counter(cls for one in lists for cls in one[:-1])  # how often each is no first
    found: list[UserClass] = []
    while lists := [one for one in lists if one]:
        first = next((one[-1] for one in lists if not behind[one[-1]]), None)
        if first is None:
            names = ", ".join(base.name for base in bases)
            raise ArgumentFault(
                "Cannot create a consistent method resolution\norder (MRO) for bases " + names
            )
        found.append(first)
        for one in lists:
            if one[-1] is first:
                one.pop()
                if one:
                    behind[one[-1]] -= 1
    return found


class Instance:
    """An object of a class: its own attributes, and how Python's containers see it.

    `path` is what the file calls it: `net.fc1`, once that is known.
    """

    __slots__ = ("attributes", "cls", "path", "tracer")

    def __init__(self, tracer: Tracer, cls: UserClass) -> None:
        self.tracer = tracer
        self.cls = cls
        self.attributes: dict[str, Any] = {}
        self.path: str | None = None

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        self.tracer.graph.spend()
        return bool(self.tracer.truth(self.tracer.compare("==", self, other)))

    def __hash__(self) -> int:
        found = special(self.tracer, self, "__hash__")
        if found is None:
            if self.cls.find("__eq__") is not MISSING:
                raise TypeError(f"unhashable type: '{self.cls.name}'")
            return id(self) >> 4
        return hash(found())

    def __repr__(self) -> str:
        return f"<{self.cls.module}.{self.cls.name} object>"


@dataclass(frozen=True, eq=False)
class Native:
    """A method that is built in: it is called with the run, the object, and the arguments."""

    name: str
    run: Callable[[Tracer, Any, Args, Keywords], Any]

    def __repr__(self) -> str:
        return f"<built-in method {self.name}>"


@dataclass(frozen=True, eq=False)
class BoundMethod:
    """A function together with the object, or the class, that it is called with."""

    function: Any
    owner: Any

    @property
    def name(self) -> str:
        """The name of the function."""
        return str(getattr(self.function, "name", "method"))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, BoundMethod)
            and self.function is other.function
            and self.owner is other.owner
        )

    def __hash__(self) -> int:
        return hash((id(self.function), id(self.owner)))

    def __repr__(self) -> str:
        return f"<bound method {self.name} of {self.owner!r}>"


@dataclass(frozen=True, eq=False)
class StaticMethod:
    """`staticmethod(function)`: it is called without the object."""

    function: Any

    def __repr__(self) -> str:
        return f"<staticmethod({self.function!r})>"


@dataclass(frozen=True, eq=False)
class ClassMethod:
    """`classmethod(function)`: it is called with the class."""

    function: Any

    def __repr__(self) -> str:
        return f"<classmethod({self.function!r})>"


@dataclass(frozen=True, eq=False)
class Property:
    """`property(getter, setter, deleter)`: an attribute that is computed."""

    getter: Any = None
    setter: Any = None
    deleter: Any = None

    def __repr__(self) -> str:
        return "<property object>"


@dataclass(frozen=True, eq=False)
class Super:
    """`super()`: the attributes that the classes behind one have for an object or a class."""

    after: UserClass
    owner: Any

    def __repr__(self) -> str:
        return f"<super: {self.after!r}, {self.owner!r}>"


class ClassScope(Scope):
    """The names of a class's body; methods do not see them, but the class as `__class__`."""

    def __init__(self, outer: dict[str, Any], name: str) -> None:
        super().__init__(outer, {})
        self.name = name
        self.cell = Scope(outer, {})
        self.annotated: list[str] = []


# ---- attributes ----------------------------------------------------------------------------


def get_attribute(tracer: Tracer, owner: Any, name: str) -> Any:
    """Return an attribute of an object, a class or a `super()`; `MISSING` where there is none."""
    if isinstance(owner, Instance):
        return _of_instance(tracer, owner, name)
    if isinstance(owner, Super):
        return _of_super(tracer, owner, name)
    if isinstance(owner, BoundMethod):
        own = {"__self__": owner.owner, "__func__": owner.function, "__name__": owner.name}
        return own.get(name, MISSING)
    if isinstance(owner, Property):
        return _decorator_of(owner, name)
    assert isinstance(owner, UserClass), "nothing else has such attributes"
    found = owner.find(name)
    if found is not MISSING:
        return _bound(found, None, owner)
    return _FACTS[name](owner) if name in _FACTS else MISSING


_FACTS: dict[str, Callable[[UserClass], Any]] = {
    "__name__": lambda cls: cls.name,
    "__qualname__": lambda cls: cls.name,
    "__module__": lambda cls: cls.module,
    "__doc__": lambda cls: None,
    "__bases__": lambda cls: cls.bases,
    "__mro__": lambda cls: cls.order,
    "__annotations__": lambda cls: dict.fromkeys(cls.annotations),
    "mro": lambda cls: Function("mro", lambda tracer, args, keywords: list(cls.order)),
}


def _of_instance(tracer: Tracer, owner: Instance, name: str) -> Any:
    found = owner.cls.find(name)
    if isinstance(found, Property):
        return _bound(found, owner, owner.cls, tracer)
    if name in owner.attributes:
        return owner.attributes[name]
    if found is not MISSING:
        return _bound(found, owner, owner.cls)
    for table in tables(owner):
        if name in table:
            return table[name]
    if name == "__class__":
        return owner.cls
    if name == "__dict__":
        return owner.attributes
    if name == "__path__":  # for the prelude alone: no such name is written by people
        return owner.path or owner.cls.name
    if name in ("__doc__", "__module__"):
        return _FACTS[name](owner.cls)
    fallback = owner.cls.find("__getattr__")
    if fallback is not MISSING:
        return tracer.call(_bound(fallback, owner, owner.cls), (name,), {})
    return MISSING


# where a module has its parameters, buffers and parts, which are read as its attributes
TABLES = ("_parameters", "_buffers", "_modules")


def tables(owner: Instance) -> list[dict[str, Any]]:
    """Return the dictionaries of a module; any other object has none."""
    own = owner.attributes
    return [own[name] for name in TABLES if name in own] if TABLES[-1] in own else []


def forget(owner: Instance, name: str) -> None:
    """Let an object have no attribute of a name, wherever it stands."""
    for names in (owner.attributes, *tables(owner)):
        names.pop(name, None)


def _of_super(tracer: Tracer, owner: Super, name: str) -> Any:
    on_class = isinstance(owner.owner, UserClass)
    cls = owner.owner if on_class else owner.owner.cls
    found = cls.find(name, owner.after)
    if found is MISSING:
        return MISSING
    return _bound(found, None if on_class else owner.owner, cls, tracer)


def _bound(found: Any, owner: Instance | None, cls: UserClass, tracer: Any = None) -> Any:
    """Return what a name of a class means for an object of it, or for the class itself."""
    if isinstance(found, StaticMethod):
        return found.function
    if isinstance(found, ClassMethod):
        return BoundMethod(found.function, cls)
    if owner is None:
        return found
    if isinstance(found, Property):
        if found.getter is None:
            raise NameFault("unreadable attribute")
        return tracer.call(found.getter, (owner,), {})
    if isinstance(found, UserFunction | Native | Decorated):
        return BoundMethod(found, owner)
    return found


def _decorator_of(owner: Property, name: str) -> Any:
    """Return `setter` and the like of a property: decorators that complete it."""
    if name not in ("getter", "setter", "deleter"):
        return {"fget": owner.getter, "fset": owner.setter, "fdel": owner.deleter}.get(
            name, MISSING
        )
    parts = {"getter": owner.getter, "setter": owner.setter, "deleter": owner.deleter}
    return Function(name, lambda tracer, args, keywords: Property(**parts | {name: args[0]}))


def set_attribute(tracer: Tracer, owner: Any, name: str, value: Any) -> None:
    """Carry out `owner.name = value` of an object or a class.

    Raises: NameFault, with Python's sentence, where a property cannot be set; ArgumentFault for
    what makes a class or an object what it is.
    """
    if name == "__class__" and type(owner) is Instance and isinstance(value, UserClass):
        owner.cls = value
        return
    _check_settable(name)
    if isinstance(owner, UserClass):
        check_changeable(owner, name)
        if name not in owner.namespace:
            check_size(len(owner.namespace) + 1)
            tracer.graph.charge(100, "an attribute")
        owner.namespace[name] = value
        return
    own = owner.cls.find("__setattr__")
    if own is not OBJECT.namespace["__setattr__"]:
        tracer.call(_bound(own, owner, owner.cls), (name, value), {})
        return
    _set(tracer, owner, name, value)


def _set(tracer: Tracer, owner: Instance, name: str, value: Any) -> None:
    found = owner.cls.find(name)
    if isinstance(found, Property):
        if found.setter is None:
            raise NameFault(f"property '{name}' of '{owner.cls.name}' object has no setter")
        tracer.call(found.setter, (owner, value), {})
        return
    keep(tracer, owner, name, value)


def keep(tracer: Tracer, owner: Instance, name: str, value: Any) -> None:
    """Let an object have an attribute of its own."""
    _check_settable(name)
    if name not in owner.attributes:
        check_size(len(owner.attributes) + 1)
        tracer.graph.charge(100, "an attribute")
    owner.attributes[name] = value
    if isinstance(value, Node) and tracer.graph.span is not NOWHERE:
        tracer.made.append(value.id)
    if owner.path is not None:
        call_by_path(tracer, f"{owner.path}.{name}", value)


_FIXED = ("__class__", "__dict__", "__bases__", "__mro__")


def _check_settable(name: str) -> None:
    if name in _FIXED:
        raise ArgumentFault(f"`{name}` is not set here", hint="make a new class or object")


def check_changeable(cls: UserClass, name: str) -> None:
    """Refuse to change a class that is built in.

    Raises: ArgumentFault, with Python's sentence.
    """
    if cls.is_built_in:
        raise ArgumentFault(f"cannot set '{name}' attribute of immutable type '{cls.name}'")


def delete_attribute(tracer: Tracer, owner: Any, name: str) -> None:
    """Carry out `del owner.name`.

    Raises: NameFault, with Python's sentence, where there is no such attribute.
    """
    if isinstance(owner, Instance):
        own = owner.cls.find("__delattr__")
        if own is not OBJECT.namespace["__delattr__"]:
            tracer.call(_bound(own, owner, owner.cls), (name,), {})
            return
    _delete(tracer, owner, name)


def _delete(tracer: Tracer, owner: Any, name: str) -> None:
    found = owner.cls.find(name) if isinstance(owner, Instance) else None
    if isinstance(found, Property):
        if found.deleter is None:
            raise NameFault(f"property '{name}' of '{owner.cls.name}' object has no deleter")
        tracer.call(found.deleter, (owner,), {})
        return
    if isinstance(owner, UserClass):
        check_changeable(owner, name)
    own = [owner.namespace] if isinstance(owner, UserClass) else [owner.attributes, *tables(owner)]
    if not any(name in names for names in own):
        raise NameFault(no_attribute(owner, name))
    for names in own:
        names.pop(name, None)


def no_attribute(owner: Any, name: str) -> str:
    """Return Python's sentence for an attribute that there is not."""
    if isinstance(owner, UserClass):
        return f"type object '{owner.name}' has no attribute '{name}'"
    kind = owner.cls.name if isinstance(owner, Instance) else type(owner).__name__.lower()
    return f"'{kind}' object has no attribute '{name}'"


def names_of(owner: Any) -> list[str]:
    """Return the names of the attributes that an object or a class has, without the special."""
    if not isinstance(owner, Instance | UserClass):
        return []
    order = owner.cls.order if isinstance(owner, Instance) else owner.order
    found = dict(_parts(owner)) if isinstance(owner, Instance) else {}
    for cls in order:
        found |= cls.namespace
    return [name for name in found if isinstance(name, str) and not name.startswith("__")]


def call_by_path(tracer: Tracer, path: str, value: Any) -> None:
    """Let objects, and the tensors that they hold, be called by how the file reaches them.

    The first path that something is reached by stays: each object is gone through once.
    """
    pending = [(path, value)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, Node):
            tracer.graph.notes.names.setdefault(value.id, path)
        elif isinstance(value, Instance):
            if value.path is None:
                value.path = path
                tracer.graph.spend(len(value.attributes) // 100)
                pending += [(f"{path}.{k}", x) for k, x in reversed(_parts(value))]
        elif isinstance(value, dict) and len(value) <= MOST_PARTS:
            pending += [(f"{path}.{k}", x) for k, x in value.items() if _has_path(k, x)]
        elif isinstance(value, list | tuple) and len(value) <= MOST_PARTS:
            pending += [(f"{path}.{i}", x) for i, x in enumerate(value) if _has_path("", x)]


def _parts(owner: Instance) -> list[tuple[str, Any]]:
    """Return the attributes of an object, and those of a module that stand in its dictionaries."""
    own = [(name, x) for name, x in owner.attributes.items() if name not in TABLES]
    return own + [part for table in tables(owner) for part in table.items()]


MOST_PARTS = 1000  # of a list whose items are called by their place


def _has_path(key: Any, value: Any) -> bool:
    return isinstance(key, str) and isinstance(value, Instance | Node)


WITH_ATTRIBUTES = (Instance, UserClass, Super, BoundMethod, Property)
CALLABLE = (Instance, UserClass, BoundMethod, Native)

# ---- calls and special methods -------------------------------------------------------------


def make(tracer: Tracer, cls: UserClass, args: Args, keywords: Keywords) -> Any:
    """Return a new object of a class, after its `__init__` has run.

    Raises: ArgumentFault, with Python's sentence, where that does not take the arguments.
    """
    own, start = cls.find("__new__"), cls.find("__init__")
    if own is OBJECT.namespace["__new__"]:
        if start is OBJECT.namespace["__init__"] and (args or keywords):
            raise ArgumentFault(f"{cls.name}() takes no arguments")
        made = _new(tracer, cls, (), {})
    else:
        function = own.function if isinstance(own, StaticMethod) else own
        made = tracer.apply(function, (cls, *args), keywords)
        if not isinstance(made, Instance) or not made.cls.is_a(cls):
            return made
    returned = tracer.apply(BoundMethod(start, made), args, keywords)
    if returned is not None:
        raise fault(TypeError(f"__init__() should return None, not '{class_name(returned)}'"))
    return made


def call(tracer: Tracer, function: Any, args: Args, keywords: Keywords) -> Any:
    """Call a class, an object, or a method together with its object."""
    if isinstance(function, BoundMethod):
        inner, owner = function.function, function.owner
        if isinstance(inner, Native):
            return inner.run(tracer, owner, args, keywords)
        return tracer.apply(inner, (owner, *args), keywords)
    if isinstance(function, UserClass):
        return make(tracer, function, args, keywords)
    if isinstance(function, Native):
        kind = UserClass if function.name == "__new__" else Instance
        if not args or not isinstance(args[0], kind):
            raise ArgumentFault(f"{function.name}() needs an object as its first argument")
        return function.run(tracer, args[0], args[1:], keywords)
    method = function.cls.find("__call__")
    if method is MISSING:
        raise ArgumentFault(f"'{function.cls.name}' object is not callable")
    chained = isinstance(method, Instance)  # no call of the file's counts how many these are
    run = tracer.call if chained else tracer.apply
    return run(_bound(method, function, function.cls), args, keywords)


def special(tracer: Tracer, owner: Any, name: str) -> Callable[..., Any] | None:
    """Return a special method of an object as a function of Python, None where it has none."""
    if not isinstance(owner, Instance):
        return None
    found = owner.cls.find(name)
    if found is MISSING or found is None:
        return None
    method = _bound(found, owner, owner.cls)
    return lambda *args: tracer.call(method, args, {})


def needed(tracer: Tracer, owner: Instance, name: str, otherwise: str) -> Callable[..., Any]:
    """Return a special method of an object.

    Raises: ArgumentFault, with Python's sentence, where it has none.
    """
    found = special(tracer, owner, name)
    if found is None:
        raise ArgumentFault(f"'{owner.cls.name}' object {otherwise}")
    return found


REFLECTED = {"+": "add", "-": "sub", "*": "mul", "/": "truediv", "//": "floordiv", "%": "mod",
             "**": "pow", "@": "matmul", "&": "and", "|": "or", "^": "xor", "<<": "lshift",
             ">>": "rshift"}  # fmt: skip
COMPARED = {"<": ("__lt__", "__gt__"), "<=": ("__le__", "__ge__"), ">": ("__gt__", "__lt__"),
            ">=": ("__ge__", "__le__"), "==": ("__eq__", "__eq__"),
            "!=": ("__ne__", "__ne__")}  # fmt: skip


def binary(tracer: Tracer, operator: str, left: Any, right: Any) -> Any:
    """Apply an operator by the methods that either side has for it, else `NotImplemented`."""
    own, other_own = f"__{REFLECTED[operator]}__", f"__r{REFLECTED[operator]}__"
    tries = [(left, own, right), (right, other_own, left)]
    if isinstance(left, Instance) and isinstance(right, Instance):
        if right.cls is left.cls:
            tries.pop()
        elif right.cls.is_a(left.cls) and right.cls.find(other_own) is not left.cls.find(other_own):
            tries.reverse()
    for owner, method, other in tries:
        found = special(tracer, owner, method)
        if found is not None and (result := found(other)) is not NotImplemented:
            return result
    return NotImplemented


def augmented(tracer: Tracer, operator: str, left: Any, right: Any) -> Any:
    """Apply `left += right` and the like by the method of `left`, else `NotImplemented`."""
    found = special(tracer, left, f"__i{REFLECTED[operator]}__")
    return NotImplemented if found is None else found(right)


def compare(tracer: Tracer, operator: str, left: Any, right: Any) -> Any:
    """Apply a comparison by the methods that either side has for it, else `NotImplemented`."""
    own, other = COMPARED[operator]
    tries = [(left, own, right), (right, other, left)]
    if (
        isinstance(left, Instance)
        and isinstance(right, Instance)
        and right.cls is not left.cls
        and right.cls.is_a(left.cls)
    ):
        tries.reverse()
    for owner, method, against in tries:
        found = special(tracer, owner, method)
        if found is not None and (result := found(against)) is not NotImplemented:
            return result
    if operator == "==":
        return left is right
    if operator == "!=":
        return not tracer.truth(compare(tracer, "==", left, right))
    return NotImplemented


def truth(tracer: Tracer, value: Instance) -> bool:
    """Say whether an object counts as true."""
    found = special(tracer, value, "__bool__")
    if found is not None:
        result = found()
        if not isinstance(result, bool):
            raise fault(TypeError(f"__bool__ should return bool, returned {class_name(result)}"))
        return result
    size = special(tracer, value, "__len__")
    return True if size is None else tracer.truth(size())


def iterate(tracer: Tracer, value: Instance) -> Iterator[Any]:
    """Yield the items of an object that has `__iter__`, `__next__` or `__getitem__`.

    Raises: ArgumentFault, with Python's sentence, where it has none of them.
    """
    start = special(tracer, value, "__iter__")
    if start is None:
        item = needed(tracer, value, "__getitem__", "is not iterable")
        return _indexed(tracer, item)
    found = start()
    if not isinstance(found, Instance):
        if not hasattr(found, "__next__"):
            raise fault(TypeError(f"iter() returned non-iterator of type '{class_name(found)}'"))
        return iter(tracer.iterate(found))
    return _stepped(tracer, needed(tracer, found, "__next__", "is not an iterator"))


def _indexed(tracer: Tracer, item: Callable[..., Any]) -> Iterator[Any]:
    at = 0
    while True:
        try:
            found = item(at)
        except GradcliError as error:
            if is_a(error, "IndexError"):
                return
            raise
        yield found
        at += 1


def _stepped(tracer: Tracer, step: Callable[..., Any]) -> Iterator[Any]:
    while True:
        try:
            found = step()
        except GradcliError as error:
            if is_a(error, "StopIteration"):
                return
            raise
        yield found


def text(tracer: Tracer, value: Instance, *, quoted: bool) -> str:
    """Return an object as `str` shows it, or as `repr` does where `quoted`."""
    for name in ("__repr__",) if quoted else ("__str__", "__repr__"):
        found = special(tracer, value, name)
        if found is not None and value.cls.find(name) is not OBJECT.namespace.get(name):
            shown = found()
            if not isinstance(shown, str):
                raise ArgumentFault(f"{name} returned non-string (type {type(shown).__name__})")
            return shown
    return repr(value)


# ---- what every class has ------------------------------------------------------------------


def _new(tracer: Tracer, cls: UserClass, args: Args, keywords: Keywords) -> Instance:
    """`object.__new__`: what an `__init__` of the class takes is of no interest to it."""
    if isinstance(own := cls.find("__new__"), Native) and own.run is not _new:
        raise fault(TypeError(f"object.__new__({cls.name}) is not safe, use {cls.name}.__new__()"))
    if (args or keywords) and cls.find("__init__") is OBJECT.namespace["__init__"]:
        said = "object.__new__() takes exactly one argument (the type to instantiate)"
        raise fault(TypeError(said))
    tracer.graph.charge(200, "an object")
    return Instance(tracer, cls)


def _nothing(tracer: Tracer, owner: Any, args: Args, keywords: Keywords) -> None:
    """`object.__init__`: it takes nothing, and does nothing."""
    if args or keywords:
        raise ArgumentFault(
            "object.__init__() takes exactly one argument (the instance to initialize)"
        )


def _kept(tracer: Tracer, owner: Any, args: Args, keywords: Keywords) -> None:
    if len(args) != 2 or not isinstance(args[0], str):
        raise ArgumentFault("__setattr__() takes an attribute's name and a value")
    _set(tracer, owner, *args)


def _deleted(tracer: Tracer, owner: Any, args: Args, keywords: Keywords) -> None:
    if len(args) != 1 or not isinstance(args[0], str):
        raise ArgumentFault("__delattr__() takes an attribute's name")
    _delete(tracer, owner, *args)


def _fetched(tracer: Tracer, owner: Any, args: Args, keywords: Keywords) -> Any:
    if len(args) != 1 or not isinstance(args[0], str):
        raise ArgumentFault("__getattribute__() takes an attribute's name")
    (name,) = args
    found = owner.attributes.get(name, MISSING)
    if found is MISSING:
        found = owner.cls.find(name)
        found = found if found is MISSING else _bound(found, owner, owner.cls, tracer)
    if found is MISSING:
        raise NameFault(no_attribute(owner, name))
    return found


OBJECT: UserClass = UserClass(
    "object",
    (),
    {
        "__new__": Native("__new__", _new),
        "__init__": Native("__init__", _nothing),
        "__setattr__": Native("__setattr__", _kept),
        "__delattr__": Native("__delattr__", _deleted),
        "__getattribute__": Native("__getattribute__", _fetched),
        "__init_subclass__": ClassMethod(Function("__init_subclass__", lambda *_: None)),
        "__repr__": Native("__repr__", lambda tracer, owner, args, keywords: repr(owner)),
    },
    is_built_in=True,
)


def built(tracer: Tracer, name: str, bases: tuple[Any, ...], scope: ClassScope) -> UserClass:
    """Return the class that a body has made.

    Raises: ArgumentFault where a base is no class, or they have no common order; LimitFault where
    that, or what there is, is too much.
    """
    for base in bases:
        if not isinstance(base, UserClass):
            kind = getattr(base, "name", type(base).__name__)
            raise ArgumentFault(
                f"`{kind}` cannot be the base of a class here",
                hint="classes of the file, nn.Module, autograd.Function and exceptions can",
            )
    _check_methods(scope)
    found = bases or (OBJECT,)
    cls = UserClass(name, found, dict(scope), tuple(scope.annotated))
    tracer.graph.charge(1000 + 100 * len(scope) + 8 * len(cls.order), "a class")
    tracer.graph.spend(len(cls.order) // 10)
    scope.cell["__class__"] = cls
    started = cls.find("__init_subclass__", after=cls)
    if started is not OBJECT.namespace["__init_subclass__"]:
        function = started.function if isinstance(started, ClassMethod) else started
        tracer.call(function, (cls,), {})
    return cls


def _check_methods(scope: ClassScope) -> None:
    """Refuse methods, and attributes, that would not do here what they do in Python.

    Raises: ArgumentFault for `__getattribute__`, `__del__`, and an object that is a descriptor.
    """
    own = scope.keys()  # not those of the scopes around it
    if "__getattribute__" in own:
        raise ArgumentFault("`__getattribute__` is not here", hint="write `__getattr__`")
    if "__del__" in own:
        raise ArgumentFault(
            "`__del__` is not here: it would never be called", hint="leave it out, or call a method"
        )
    for name, value in scope.items():
        if isinstance(value, Instance) and any(
            value.cls.find(special) is not MISSING
            for special in ("__get__", "__set__", "__delete__", "__set_name__")
        ):
            raise ArgumentFault(
                f"`{name}` is a descriptor of the file's own, which are not here",
                hint="write it as a property",
            )


def parent(tracer: Tracer, args: Args, keywords: Keywords) -> Super:
    """`super()`: of the method that is being called; `super(cls, self)` says both.

    Raises: ArgumentFault outside of a method.
    """
    if keywords or len(args) not in (0, 2):
        raise ArgumentFault("super() takes no arguments, or a class and an object of it")
    if args:
        after, owner = args
        cls = owner if isinstance(owner, UserClass) else getattr(owner, "cls", None)
        if not isinstance(after, UserClass) or not isinstance(cls, UserClass):
            raise ArgumentFault("super() takes no arguments, or a class and an object of it")
        if not cls.is_a(after):
            raise fault(TypeError("super(type, obj): obj must be an instance or subtype of type"))
        return Super(after, owner)
    scope: Any = tracer.scope
    while isinstance(scope, Scope):
        outer = scope.outer
        if isinstance(outer, Scope) and dict.__contains__(outer, "__class__") and len(scope):
            return Super(outer["__class__"], next(iter(scope.values())))
        scope = outer
    raise ArgumentFault("super(): no arguments", hint="it is called in a method of a class")


def _wrapped(name: str, make: Callable[..., Any], most: int) -> Callable[..., Any]:
    """Return a decorator that keeps the functions that it is given."""

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        if keywords or not 1 <= len(args) <= most:
            raise ArgumentFault(f"{name}() takes one function ({len(args)} arguments given)")
        return make(*args)

    return run


FUNCTIONS: dict[str, Callable[[Tracer, Args, Keywords], Any]] = {
    "super": parent,
    "staticmethod": _wrapped("staticmethod", StaticMethod, 1),
    "classmethod": _wrapped("classmethod", ClassMethod, 1),
    "property": _wrapped("property", Property, 3),
}
