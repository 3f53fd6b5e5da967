"""What the expressions of a file can stand for besides tensors and Python's own values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gradcli.errors import ArgumentFault, LimitFault
from gradcli.graph import Graph, Node
from gradcli.rule.dtypes import FLOAT64, Array, DType, number_dtype, promote_types
from gradcli.rule.nesting import MAX_ELEMENTS, MAX_NESTING, check_arguments
from gradcli.rule.rule import number
from gradcli.syntax import tree

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

MAX_DIMENSIONS = 64  # NumPy's limit
MAX_ITEMS = 1_000_000  # of one list, or characters of one text
MAX_BITS = 4096  # of a Python integer: enough for any number a formula has
TOO_DEEP = "maximum recursion depth exceeded: a list is nested too deeply, or contains itself"

Run = Callable[["Tracer", tuple[Any, ...], dict[str, Any]], Any]


@dataclass(slots=True, unsafe_hash=True)  # frozen, it takes three times as long to make one
class Function:
    """Something a file can call."""

    name: str
    run: Run

    def __repr__(self) -> str:
        return f"`{self.name}`"


class Decorated(Function):
    """A function that runs in a mode of its own; in a class it is a method, as others are."""


@dataclass(frozen=True)
class Namespace:
    """A prefix such as `torch` or `np.linalg`; `path` is its full name."""

    path: str

    def __repr__(self) -> str:
        return f"<module '{self.path}'>"


NO_VALUE = "plots, files, devices and logs have no values here: leave out what is made of them"


@dataclass(frozen=True)
class Skipped:
    """Something that is passed over, such as a plot: see `skipped`.

    `name` is how a file reaches it, `matplotlib.pyplot.plot`; `where` the line that made it.
    """

    name: str
    where: str = ""

    @property
    def words(self) -> str:
        """What it is called in a message."""
        return f"`{self.name}` (passed over{', ' * bool(self.where)}{self.where})"

    def __repr__(self) -> str:
        return f"<{self.name}: passed over>"


class GradFn:
    """What `x.grad_fn` is: something with a name that prints as PyTorch's does.

    `node` is what it gives, the leaf itself for AccumulateGrad.
    """

    def __init__(self, name: str, node: Node) -> None:
        self.name = name
        self.node = node

    def __repr__(self) -> str:
        return f"<{self.name} object>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GradFn) and (self.name, self.row) == (other.name, other.row)

    def __hash__(self) -> int:
        return hash((self.name, self.row))

    @property
    def row(self) -> int:
        """The row of the operation: several results have one."""
        graph: Graph = self.node.graph
        return graph.producer(self.node.row)


class Results:
    """Several results of one operation, by position and by name.

    Where they have names, `kind` is that of the function, after which PyTorch calls their type.
    """

    def __init__(self, names: tuple[str, ...], items: tuple[Any, ...], kind: str) -> None:
        self.names = names
        self.items = items
        self.kind = kind.replace(".", "_")

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, position: Any) -> Any:
        return self.items[position]


class Size(tuple[int, ...]):
    """`x.shape`: a tuple that prints as PyTorch's does."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"


class Return(Exception):
    """Carries the value of `return` out of a function's body."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class Exit(Exception):
    """`sys.exit()`: the file ends here, and all is well."""


class Jump(Exception):
    """`break` or `continue` on its way to its loop."""


@dataclass(frozen=True, eq=False)
class UserFunction:
    """A `def` or `lambda` of the file, with the names that were known where it stands.

    `defaults` are the values of its parameters' defaults, which are evaluated with the definition.
    One of the prelude is no call that a user sees: what it makes stands where the file called it.
    """

    name: str
    parameters: tuple[tree.Parameter, ...]
    body: Callable[[], Any]  # runs it; a def and a lambda have one, however often they are met
    scope: dict[str, Any]
    is_def: bool
    defaults: dict[str, Any]
    own: frozenset[str] = frozenset()  # the names that its body binds
    yields: bool = False  # its body is a generator's
    is_prelude: bool = False
    inside: str = ""  # the class whose body it stands in, with a dot

    def __repr__(self) -> str:
        return f"<function {self.name if self.is_def else '<lambda>'}>"


class Differentiated(NamedTuple):
    """What a call of `grad(f)` was of: a row, and the names of the rows that it was by.

    `moving` are those that required a gradient while f was called.
    """

    root: int
    names: dict[int, str]
    moving: list[int]


class Scope(dict[str, Any]):
    """Names of a function's body; others are looked up where it was defined.

    Those that the body binds are its `own`: they are looked up nowhere else.

    Raises: LimitFault where bodies within bodies are too many: each is looked in for a name.
    """

    def __init__(
        self, outer: dict[str, Any], values: dict[str, Any], own: frozenset[str] = frozenset()
    ) -> None:
        super().__init__(values)
        self.outer = outer
        self.own = own
        self.depth: int = outer.depth + 1 if isinstance(outer, Scope) else 1
        if self.depth > MAX_NESTING:
            raise LimitFault(f"functions or comprehensions more than {MAX_NESTING} deep")

    def __missing__(self, name: str) -> Any:
        if name in self.own:
            raise Unbound(name)
        return self.outer[name]

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (name not in self.own and name in self.outer)


class Inner(Scope):
    """Names of a comprehension: what `:=` names in it belongs to the body around it."""


class Unbound(KeyError):
    """A name that a function binds is read before it has a value."""


def results_of(value: Any, name: str) -> Any:
    """Return a function's tuple of nodes with their names; anything else as it is."""
    if not isinstance(value, tuple) or not value or not isinstance(value[0], Node):
        return value
    graph = value[0].graph
    op = graph.ops[graph.producer(value[0].id)]
    names = op.outputs if op is not None and op.outputs != ("*",) else ()
    return Results(names if len(names) == len(value) else (), value, name)


def to_array(data: Any, default: DType = FLOAT64, dtype: DType | None = None) -> Array:
    """Return nested lists of numbers (or a number, or a tensor's values) as an array.

    Integers alone make int64, any float the default dtype, booleans alone bool.

    Raises: ArgumentFault where rows differ in length or an element is no number.
    """
    if isinstance(data, Node):
        return np.array(data.value, dtype or data.dtype)
    if isinstance(data, np.ndarray):
        return np.asarray(data, dtype)
    shape, flat = _flattened(data)
    found: DType | None = None
    for item in flat:
        kind = item.dtype if isinstance(item, Node) else number_dtype(item, default)
        found = kind if found is None else promote_types(found, kind)
    flat = [x.value[()] if isinstance(x, Node) else x for x in flat]
    result = dtype or found or default
    try:
        if dtype is None or all(_holds(dtype, x) for x in flat):
            return np.array(flat, result).reshape(shape)
    except (OverflowError, TypeError):  # an integer beyond the dtype, a complex number
        pass
    hint = None
    if result.kind in "iu":
        hint = f"{result.name} holds {np.iinfo(result).min} to {np.iinfo(result).max}"
    raise ArgumentFault(
        f"value cannot be converted to type {result.name} without overflow", hint=hint
    )


def _holds(dtype: DType, number: Any) -> bool:
    """Say whether an integer dtype has a number, cut to a whole one; nan is no integer."""
    if dtype.kind not in "iu" or isinstance(number, complex):
        return True  # NumPy refuses what does not fit
    return bool(np.iinfo(dtype).min <= number <= np.iinfo(dtype).max)


def _flattened(data: Any) -> tuple[tuple[int, ...], list[Any]]:
    """Return the shape of nested lists and their numbers in order."""
    _check_rank(data)
    check_arguments((data,))
    level: list[Any] = [data]
    shape: list[int] = []
    while level and isinstance(level[0], list | tuple | range):
        sizes = {len(x) if isinstance(x, list | tuple | range) else -1 for x in level}
        if len(sizes) > 1:
            lengths = [len(x) if isinstance(x, list | tuple | range) else -1 for x in level]
            raise _ragged(lengths, len(shape))
        shape.append(sizes.pop())
        if len(level) * shape[-1] > MAX_ELEMENTS:
            raise LimitFault(f"nested lists of more than {MAX_ELEMENTS:,} numbers")
        level = [x for row in level for x in row]
    for item in level:
        if isinstance(item, list | tuple):
            raise ArgumentFault(
                f"expected a number but got a list of length {len(item)}",
                hint="all elements at one depth must be numbers, or lists of one length",
            )
        if not number(item) and not (isinstance(item, Node) and not item.shape):
            raise ArgumentFault(f"a tensor is made of numbers, not of {described(item)}")
    return tuple(shape), level


def _check_rank(data: Any) -> None:
    for _ in range(MAX_DIMENSIONS + 1):
        if not isinstance(data, list | tuple) or not data:
            return
        data = data[0]
    raise ArgumentFault(
        f"a tensor has at most {MAX_DIMENSIONS} dimensions, and this list is nested deeper",
        hint="does it contain itself?",
    )


def _ragged(lengths: list[int], dim: int) -> ArgumentFault:
    expected = lengths[0]
    row = next(i for i, n in enumerate(lengths) if n != expected)
    if lengths[row] < 0:
        return ArgumentFault(f"expected a list of length {expected} at dim {dim}, got a number")
    return ArgumentFault(
        f"expected sequence of length {expected} at dim {dim} (got {lengths[row]})",
        hint=f"row {row} has {lengths[row]} elements, the first has {expected}",
    )


def parts(value: Any) -> Iterator[Any]:
    """Yield what is in nested lists and tuples; each of those is gone through once."""
    stack, seen = [value], {id(value)}
    while stack:
        for x in stack.pop():
            if not isinstance(x, list | tuple | Results):
                yield x
            elif id(x) not in seen:
                seen.add(id(x))
                stack.append(x)


def is_numeric_list(value: Any) -> bool:
    """Say whether a value is a non-empty nested list of numbers: it can stand for a tensor."""
    return isinstance(value, list) and (kinds := _kinds(value)) != set() and kinds <= {"number"}


def has_tensors(value: Any) -> bool:
    """Say whether a tensor is among the items of nested lists and tuples."""
    return "tensor" in _kinds(value)


def _kinds(value: Any) -> set[str]:
    """Return what nested sequences are made of: numbers, tensors, other things."""
    found = parts(value) if isinstance(value, list | tuple | Results) else iter((value,))
    return {"number" if number(x) else "tensor" if isinstance(x, Node) else "other" for x in found}


def check_bits(bits: int, of: str) -> None:
    """Refuse an integer, the result `of` something, that is beyond reason.

    Raises: LimitFault.
    """
    if bits > 2 * MAX_BITS:
        raise LimitFault(f"{of} has more than {2 * MAX_BITS} bits")


def check_size(size: int, of: str = "items") -> None:
    """Refuse a container, or a text `of` characters, that is about to grow beyond reason.

    Raises: LimitFault.
    """
    if size > MAX_ITEMS:
        if of != "items":
            raise LimitFault(f"a text of more than {MAX_ITEMS:,} {of}")
        raise LimitFault(
            f"a sequence of more than {MAX_ITEMS:,} items", hint="zeros(n) makes a tensor"
        )


def as_node(graph: Graph, value: Any) -> Node:
    """Return a tensor; numbers and nested lists of numbers become constants."""
    if isinstance(value, Node):
        return value
    node = graph.leaf(to_array(value, graph.default_dtype))
    if number(value):
        graph.notes.weak.add(node.id)
    return node


def described(value: Any) -> str:
    """Name the kind of a value in a message."""
    if isinstance(value, Node):
        return f"a tensor of shape {list(value.shape)}"
    if isinstance(value, Function):
        return f"the function `{value.name}`"
    if isinstance(value, Namespace):
        return f"the module `{value.path}`"
    if isinstance(value, Skipped):
        return value.words
    if isinstance(value, bool) or value is None:
        return repr(value)
    kinds = {int: "an integer", float: "a number", complex: "a complex number", str: "a string",
             list: "a list", tuple: "a tuple", range: "a range", slice: "a slice",
             Results: "a tuple of results", dict: "a table of tensors"}  # fmt: skip
    if isinstance(value, UserFunction):
        return f"the function `{value.name}`"
    if isinstance(value, np.dtype):
        return f"the dtype {value.name}"
    return kinds.get(type(value), f"a {type(value).__name__}")
