"""Runs a program statement by statement, as PyTorch runs a script, appending nodes to a graph."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from gradcli import autodiff
from gradcli.errors import (
    ArgumentFault,
    AutogradFault,
    GradcliError,
    LimitFault,
    Span,
)
from gradcli.execute import new_graph
from gradcli.graph import Limits, Node
from gradcli.ops import Row
from gradcli.random import Generator
from gradcli.random.mersenne import Mersenne
from gradcli.recording import Record
from gradcli.rule.dtypes import FLOAT64, Array, DType, is_differentiable, to_complex
from gradcli.rule.meta import Meta
from gradcli.syntax import tree
from gradcli.syntax.words import spelled
from gradcli.tensor_text import DEFAULT
from gradcli.trace import classes, containers, operators, skipped
from gradcli.trace.attributes import attribute
from gradcli.trace.bindings import Bindings
from gradcli.trace.builtins import lookup
from gradcli.trace.calls import only
from gradcli.trace.claims import ClaimRecord
from gradcli.trace.code import Code
from gradcli.trace.derivatives import checked
from gradcli.trace.dropout import dropper
from gradcli.trace.exceptions import report
from gradcli.trace.expressions import EXPRESSIONS
from gradcli.trace.faults import Raised, outside
from gradcli.trace.functions import arguments, call_user
from gradcli.trace.handlers import Attempt
from gradcli.trace.imports import all_of, starred
from gradcli.trace.inputs import Names, free_names, names_in
from gradcli.trace.libraries import (
    LIBRARIES,
    cast_by,
    chief,
    default_of,
    has_arrays,
    is_number_of,
    libraries_of,
    library_of,
)
from gradcli.trace.lists import Lists
from gradcli.trace.mistakes import UNFORESEEN, unbound, unforeseen
from gradcli.trace.passes import Passes
from gradcli.trace.prelude import Definitions, defined
from gradcli.trace.sentences import class_name
from gradcli.trace.sources import Source
from gradcli.trace.statements import STATEMENTS
from gradcli.trace.storage import Tensor
from gradcli.trace.targets import binding, deletion
from gradcli.trace.text import formatted_value, text
from gradcli.trace.values import (
    NO_VALUE,
    Differentiated,
    Exit,
    Function,
    Jump,
    Return,
    Skipped,
    UserFunction,
    as_node,
    described,
    to_array,
)

CREATE_GRAPH = (
    "Using backward() with create_graph=True will create a reference cycle between the parameter "
    "and its gradient which can cause a memory leak. We recommend using autograd.grad when "
    "creating the graph to avoid this. If you have to use this function, make sure to reset the "
    ".grad fields of your parameters to None after use to break the cycle and avoid the leak."
)
RECURSION = 1_000_000  # Python-to-Python calls use no C stack; nesting is bounded by memory
MAX_CALLS = 200  # within calls: those that a function of Python's makes use the C stack
MAX_OUTPUT = 50_000_000  # characters that a file prints


@dataclass(frozen=True)
class Binding:
    """A value given from outside for a name.

    A parameter requires a gradient; an optional binding may be of a name that the file lacks.
    Floats that state no dtype are `undecided`: they take that of the file's.
    """

    value: Any
    parameter: bool = False
    optional: bool = False
    undecided: bool = False


@dataclass(frozen=True)
class Options:
    """How to run a file.

    Where no `default_dtype` is stated, floats are what the library makes of them that a file
    imports.
    """

    default_dtype: DType | None = None
    seed: int = 0
    bindings: Mapping[str, Binding] = field(default_factory=dict)
    folder: Path = Path()
    allowed_folders: tuple[Path, ...] = ()
    limits: Limits = field(default_factory=Limits)
    retain_all: bool = False
    wrt: tuple[str, ...] = ()  # what gradients are asked for by name; all parameters where empty


class Tracer:
    """The state of a run. `graph` is what it makes; the rest is what a file reports on its way."""

    def __init__(self, program: tree.Program, options: Options) -> None:
        self.program = program
        self.source = program.source
        self.options = options
        self.imported = libraries_of(program)
        self.library = chief(self.imported)
        self.mixed = len(self.imported) > 1  # whether values of several libraries are there
        self.default_dtype = options.default_dtype or default_of(self.library)
        self.graph = new_graph(self.default_dtype, options.limits, Tensor)
        self.generator = Generator(options.seed)  # of tensors; PyTorch's once it is imported
        self.sources: dict[str, Source] = {}  # generators of NumPy's and Python's modules
        self.drawn = 0  # calls of methods of generators
        self.scalars: set[int] = set()  # rows of what is a scalar of NumPy's, and no array
        self.print_options = DEFAULT
        self.array_options: dict[str, Any] = {}  # what a file sets of NumPy's
        self.scope: dict[str, Any] = {}
        self.globals = self.scope
        self.made: list[int] = []  # rows of what the file's own statements made, in order
        self.passes = Passes()  # what backward() was called on
        self.claims: list[ClaimRecord] = []
        self.output: list[str] = []  # what print() has written
        self.written = 0  # characters
        self.grad_owners: dict[int, int] = {}
        self.differentiated: Differentiated | None = None  # what `grad(f)` was of last
        self.active: list[Any] = []  # bodies of the functions that are being called
        self.names = Names()  # what they mean in the function of which code is being made
        self.handling: list[GradcliError] = []  # errors whose `except` is being run
        self.tries: list[Attempt] = []  # those whose blocks are being run
        self.deleted: set[str] = set()  # names that the file has taken away again
        self.running = False
        self.is_over = False  # the file has been run; its functions may be called again
        self.sizes: dict[str, tuple[int, int]] = {}  # named in annotations: the size, the line
        self.record: Record | None = None  # the run of a program that the file replays
        self.probed = False  # whether gradients are tried out with cotangents of no run
        self.libraries: set[str] = set()  # imported: what methods mean differs between them
        self.lists = Lists(self.graph)
        self.places: dict[str, Span] = {}  # of the file's names: where they were bound last
        self.stated: dict[Span, Any] = {}  # values of expressions that stand on their own
        self.preludes: dict[str, Definitions] = {}  # what is defined so far of each file of it
        self.skipped: dict[int, tuple[Span, str]] = {}  # what was passed over, by line
        self.saved: dict[str, Any] = {}  # what torch.save() would have written, by file
        self.loops = 0  # how many are being run, one in the other
        self.depth = 0  # of calls within calls
        self.iterating = 0  # iterators behind iterators that are asked for an item
        self.identities: dict[int, tuple[int, Any]] = {}  # what id() has given, and of what
        self._built_in: dict[str, Any] = {"__file__": self.source.name}  # found under names
        self._bindings: dict[Row, Bindings] = {}
        # of tensors likewise, and of arrays
        self._attributes: dict[tuple[str, bool], Callable[[Tracer, Tensor], Any]] = {}

    # ---- running -------------------------------------------------------------------------

    def run(self) -> None:
        """Run the whole file.

        Raises: a GradcliError that knows its place.
        """
        with self.placed():
            self.bind_inputs()
            with suppress(Exit):
                for statement in self.program.statements:  # each is run once, and forgotten
                    self.graph.span = statement.span
                    self.statement(statement)()
            self.settle()
        self.is_over = True

    @contextmanager
    def naming(
        self, parameters: tuple[tree.Parameter, ...], body: tuple[Any, ...]
    ) -> Iterator[Names]:
        """Let names mean what they do in a function, while code is made of its body."""
        before, self.names = self.names, names_in(parameters, body, self.names)
        try:
            yield self.names
        finally:
            self.names = before

    def settle(self) -> None:
        """Let every name show what its tensor is in the end, also where it is not read again."""
        if self.skipped:
            self.graph.span = self.skipped[min(self.skipped)][0]
            self.notice(skipped.notice(self.skipped))
        notes = self.graph.notes
        notes.hide_unused(self.graph)
        for row in self.graph.autograd.successors:  # a path may have come after some steps
            name = notes.names.get(self.graph.current(row))
            if name is not None and notes.origins[row] == "file":
                notes.names.setdefault(row, name)
        for name, value in self.scope.items():
            if not (isinstance(value, Tensor) and value.is_readable):
                continue
            if self.graph.notes.names.setdefault(value.id, name) != name:
                self.graph.notes.aliases.setdefault(value.id, []).append(name)

    @contextmanager
    def placed(self) -> Iterator[None]:
        """Attach source and span to every GradcliError; turn what NumPy stumbles over into one.

        Operations refuse what they do not take in their own words. Where one did not, that is an
        error of the file too: nobody is shown a traceback, unless GRADCLI_TRACEBACK is set.
        """
        was_running, self.running = self.running, True
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, RECURSION))
        try:
            with warnings.catch_warnings():  # nan and inf are values like others: nobody is warned
                warnings.simplefilter("ignore", RuntimeWarning)
                yield
        except GradcliError as error:
            if isinstance(error, Raised):
                error.message = report(self, error)
            raise error.at(self.source, self.graph.place) from None
        except (Return, Jump) as jump:
            raise outside(jump).at(self.source, self.graph.place) from None
        except RecursionError:
            raise LimitFault(
                "the expression is nested too deeply", self.graph.place, source=self.source
            ) from None
        except MemoryError:
            raise LimitFault(
                "out of memory", self.graph.place,
                "make it smaller: --max-memory says when to stop", self.source,
            ) from None  # fmt: skip
        except UNFORESEEN as error:
            if os.environ.get("GRADCLI_TRACEBACK"):
                raise
            raise unforeseen(self.source, self.graph.place) from error
        finally:
            self.running = was_running
            sys.setrecursionlimit(limit)

    def bind_inputs(self) -> None:
        """Make leaves of the names that the file reads but never assigns."""
        inputs, modules = free_names(self.program), starred(self.program)
        missing = {
            name: span
            for name, span in inputs.items()
            if name not in self.options.bindings
            and self.built_in(name) is None
            and all(all_of(module, name) is None for module in modules)
        }
        if missing:
            raise unbound(self.program, missing)
        for name, span in inputs.items():
            if name in self.options.bindings:
                self.graph.span = span
                self.scope[name] = self.bound(name)

    def bound(self, name: str, requires_grad: bool = False) -> Node:
        """Return a new leaf with the value that was given for a name."""
        parameter = requires_grad or self.options.bindings[name].parameter
        return self.leaf(name, self.given(name), parameter)

    def given(self, name: str) -> Array:
        """Return the value that was given for a name."""
        binding = self.options.bindings[name]
        array = to_array(binding.value, self.graph.default_dtype)
        return self.decided(array) if binding.undecided else array

    def decided(self, array: Array) -> Array:
        """Return numbers that state no dtype: floats have the default one."""
        if not is_differentiable(array.dtype):
            return array
        default = self.graph.default_dtype
        return array.astype(to_complex(default) if array.dtype.kind == "c" else default)

    def leaf(self, name: str, array: Array, requires_grad: bool) -> Node:
        """Return a new leaf under a name; one that is differentiated by requires a gradient."""
        node = self.graph.leaf(array, requires_grad or name in self.options.wrt)
        self.graph.notes.names[node.id] = name
        return node

    def name_of(self, name: str) -> str:
        """Return the file's own name for a tensor that people may know by another: `fc1.weight`."""
        name = spelled(name)
        if name in self.scope:
            return name
        titles = self.graph.notes.titles
        named = ((n, x) for n, x in self.scope.items() if isinstance(x, Node))
        living = (pair for pair in named if getattr(pair[1], "is_readable", True))
        known = (n for n, x in living if titles.get(x.id) == name)
        return next(known, name)

    @property
    def results(self) -> list[Node]:
        """What the file's own statements made, in order."""
        return [Node(self.graph, id) for id in self.made]

    @property
    def runs_once(self) -> bool:
        """Whether the statement that is being run stands in no loop and no function."""
        return not self.loops and not self.active and self.scope is self.globals

    def tensor(self, value: Any, span: Span | None = None) -> Node:
        """Return what stands for a value where a tensor is needed: a list's leaf, a constant.

        `span` is where a list is written. Raises: ArgumentFault where no tensor can.
        """
        if isinstance(value, list):
            return self.lists.node(value, span)
        return as_node(self.graph, value)

    def block(self, statements: tuple[tree.Statement, ...]) -> Code:
        """Return what runs statements in order."""
        graph, codes = self.graph, [(s.span, self.statement(s)) for s in statements]

        def run() -> None:
            for span, code in codes:
                graph.span = span
                code()

        return run

    def statement(self, statement: tree.Statement) -> Code:
        """Return what runs a statement, as often as it is called."""
        return STATEMENTS[type(statement)](self, statement)

    def code(self, expression: tree.Expression) -> Code:
        """Return what evaluates an expression, as often as it is called."""
        return EXPRESSIONS[type(expression)](self, expression)

    def evaluate(self, expression: tree.Expression) -> Any:
        """Return the value of an expression that is evaluated once."""
        return self.code(expression)()

    def uses(self, library: str) -> None:
        """Take note that a library is imported, if need be in the middle of the run."""
        self.libraries.add(library)
        if library == "torch" and not isinstance(self.generator, Mersenne):
            self.generator = Mersenne(self.options.seed)
        found = LIBRARIES.get(library)
        if found is not None and found not in self.imported:
            self.imported |= {found}
            self.library = chief(self.imported)
            self.mixed = self.mixed or len(self.imported) > 1

    def attribute(self, name: str, x: Tensor) -> Callable[[Tracer, Tensor], Any]:
        """Return what gives an attribute of a tensor.

        Raises: NameFault where it has none of that name.
        """
        arrays = has_arrays(library_of(self, x))
        found = self._attributes.get((name, arrays))
        if found is None:
            found = self._attributes[name, arrays] = attribute(self, name, arrays)
        return found

    def bindings_of(self, row: Row) -> Bindings:
        """Return what is known of how the file's calls of an operation bind their arguments."""
        found = self._bindings.get(row)
        if found is None:
            found = self._bindings[row] = Bindings(row)
        return found

    def built_in(self, name: str) -> Any:
        """Return what stands for a name that the file does not bind, None where nothing does."""
        found = self._built_in.get(name)
        if found is None:
            found = self._built_in[name] = defined(self, lookup(name))
        return found

    # ---- what the functions of a file ask for ----------------------------------------------

    def call(self, function: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Call a function of the file, of the table, or built in.

        It is called by what is built in, which takes its place on the C stack.

        Raises: LimitFault where calls in calls are too many for that.
        """
        if self.depth == MAX_CALLS:
            raise LimitFault(f"calls within calls are more than {MAX_CALLS} deep")
        self.depth += 1
        try:
            return self.apply(function, args, keywords)
        finally:
            self.depth -= 1

    def apply(self, function: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Call a function as an expression of the file does, which takes nothing on the C stack."""
        self.graph.spend()
        if isinstance(function, Function):
            return function.run(self, args, keywords)
        return self._call(function, args, keywords)

    def arguments(self, function: UserFunction, args: Any, keywords: Any) -> dict[str, Any]:
        """Return the values of a function's parameters.

        Raises: ArgumentFault, with Python's sentence, where the arguments do not fit.
        """
        return arguments(self, function, args, keywords)

    def _call(self, function: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        if isinstance(function, UserFunction):
            return call_user(self, function, args, keywords)
        if isinstance(function, Skipped):
            return skipped.call(self, function, args, keywords)
        if isinstance(function, classes.CALLABLE):
            return classes.call(self, function, args, keywords)
        if isinstance(function, np.dtype):
            return cast_by(self, function, only(args, keywords, function.name))
        if isinstance(function, operators.PLAIN):
            raise ArgumentFault(f"'{class_name(function)}' object is not callable")
        raise ArgumentFault(f"{described(function)} cannot be called")

    def _place(self, value: Any, name: str) -> tree.Attribute:
        span = self.graph.span
        return tree.Attribute(tree.Constant(value, span), name, span, span)

    def member(self, value: Any, name: str) -> Any:
        """Return `value.name`, read as the file itself reads it.

        Raises: NameFault where the language has no such attribute.
        """
        return self.evaluate(self._place(value, name))

    def set_member(self, owner: Any, name: str, value: Any) -> None:
        """Carry out `owner.name = value`."""
        binding(self, self._place(owner, name))(value)

    def delete_member(self, owner: Any, name: str) -> None:
        """Carry out `del owner.name`."""
        deletion(self, self._place(owner, name))()

    def item(self, value: Any, key: Any) -> Any:
        """Return `value[key]`."""
        span = self.graph.span
        at = tree.Constant(key, span)
        return self.evaluate(tree.Subscript(tree.Constant(value, span), at, span))

    def iterate(self, value: Any) -> Any:
        """Return the items of a value that a loop can run over; each is a step."""
        if isinstance(value, Node):
            if not value.shape:
                raise ArgumentFault("iteration over a 0-d tensor")
            from gradcli.ops.shape.joining import unbind

            items: Iterable[Node] = unbind(value, dim=0)
            if len(value.shape) == 1 and is_number_of(self, value, 0):
                items = (Tensor(self.graph, x.id) for x in items)  # no views, as PyTorch's are
            return containers.guarded(items, self.graph.spend)
        if isinstance(value, Skipped):
            return self.iterate(skipped.items(value))
        if isinstance(value, classes.Instance):
            return containers.guarded(classes.iterate(self, value), self.graph.spend)
        if isinstance(value, containers.CONTAINERS) or hasattr(value, "__next__"):
            return containers.guarded(value, self.graph.spend)
        hint = f"range({value}) counts" if type(value) is int and value >= 0 else None
        raise ArgumentFault(f"'{class_name(value)}' object is not iterable", hint=hint)

    def binary(self, operator: str, left: Any, right: Any) -> Any:
        """Apply an operator to two values."""
        return operators.binary(self, operator, left, right)

    def compare(self, operator: str, left: Any, right: Any) -> Any:
        """Apply a comparison to two values."""
        return operators.compare(self, operator, left, right)

    def truth(self, value: Any) -> bool:
        """Return the truth of a value: of a tensor with one element, its own.

        Raises: ArgumentFault, in PyTorch's words, for a tensor with several.
        """
        if isinstance(value, Node):
            count = prod(value.shape)
            if count != 1:
                raise ArgumentFault(
                    f"Boolean value of Tensor with {'no values' if not count else 'more than one '}"
                    f"{'' if not count else 'value'} is ambiguous",
                    hint="use .all() or .any()",
                )
            return bool(value.value)
        if isinstance(value, classes.Instance):
            return classes.truth(self, value)
        if isinstance(value, Skipped):
            raise ArgumentFault(f"whether {value.words} is true is not known", hint=NO_VALUE)
        return bool(value)

    def notice(self, message: str) -> None:
        """Warn about the line that is being run."""
        self.graph.warn(message)

    def write(self, text: str) -> None:
        """Add to what the file has printed.

        Raises: LimitFault where that is too much.
        """
        self.written += len(text)
        if self.written > MAX_OUTPUT:
            raise LimitFault(f"the file prints more than {MAX_OUTPUT:,} characters")
        self.graph.charge(len(text), "what is printed")
        self.output.append(text)

    @property
    def dropper(self) -> Callable[[Node, float], Any]:
        """What drops elements of a tensor where an operation does so on its way."""
        return dropper(self)

    @property
    def printed(self) -> tuple[str, ...]:
        """The lines that the file has printed."""
        text = "".join(self.output)
        return tuple(text.removesuffix("\n").split("\n")) if text else ()

    def text(self, value: Any, *, quoted: bool = False) -> str:
        """Return a value as `print` shows it, or as it is shown in a list."""
        return text(self, value, quoted=quoted)

    def formatted(self, value: Any, form: str) -> str:
        """Return the text of a value in a format."""
        return formatted_value(self, value, form)

    def afford(self, shape: tuple[int, ...], dtype: DType = FLOAT64) -> None:
        """Check that a tensor is within the limits before it is made.

        Raises: LimitFault where it is not, ArgumentFault where a size is negative.
        """
        for size in shape:
            if size < 0:
                raise ArgumentFault(
                    f"Trying to create tensor with negative dimension {size}: {list(shape)}"
                )
        self.graph.afford(Meta(shape, dtype))

    def read(self, name: str) -> Array | dict[str, Array]:
        """Read a data file beside the expression file.

        Raises: InputFault where there is none, or where it is none of the known kinds.
        """
        from gradcli.data import LIMIT, read

        return read(
            Path(name),
            folder=self.options.folder,
            allowed=self.options.allowed_folders,
            limit=min(LIMIT, self.graph.limits.memory - self.graph.bytes),
        )

    def backward(
        self,
        root: Any,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Run the backward pass from a tensor, there and then."""
        if not isinstance(root, Node):
            raise AutogradFault(f"backward() of {described(root)}", hint="call it on a tensor")
        if create_graph and not any(text == CREATE_GRAPH for _, text in self.graph.notes.warnings):
            self.notice(CREATE_GRAPH)
        if self.options.retain_all:
            self.retain_all(root)
        cotangent = None if gradient is None else self.tensor(gradient)
        wanted = () if inputs is None else inputs if isinstance(inputs, tuple | list) else (inputs,)
        self.passes.begin(self.graph)
        id, towards = root.id, tuple(checked(x, "an input").id for x in wanted)
        reached = autodiff.backward(
            self.graph,
            id,
            cotangent if cotangent is None or create_graph else cotangent.value,
            inputs=towards,
            retain_graph=bool(retain_graph),
            create_graph=bool(create_graph),
        )
        for x in wanted:
            self.graph.autograd.retained.add(x.id)
        given = None if cotangent is None else cotangent.value
        self.passes.end(self.graph, id, given, reached, towards)

    def retain_all(self, root: Node) -> None:
        """Keep the gradient of every node that the root depends on."""
        graph = self.graph
        for id in autodiff.reachable(graph, (root.id,)):
            if graph.ops[id] is not None and not graph.is_tuple(id):
                graph.autograd.retained.add(id)

    def set_requires_grad(self, x: Tensor, requires_grad: bool) -> None:
        """Change whether a leaf requires a gradient."""
        if requires_grad:
            if not x.requires_grad:
                x.part()
            self.graph.require_grad(x.id)
        else:
            self.graph.requires_grad[x.id] = False
