"""A file's own text with PyTorch's words in it: its loops, functions, claims and comments stay."""

from __future__ import annotations

import re
from collections import defaultdict
from json import dumps
from typing import Any

import numpy as np

from gradcli.errors import GradcliError, Span
from gradcli.export.binders import bound, children
from gradcli.export.by_lines import RANDOM, drawn
from gradcli.export.script import Arrays
from gradcli.export.torch_words import HELPERS, MODULES, OF_FUNCTIONS, word
from gradcli.graph import Node
from gradcli.rule.dtypes import Array
from gradcli.session import Session
from gradcli.syntax import tree
from gradcli.syntax.tree import nodes_of
from gradcli.trace.builtins import MODULES as NAMESPACES
from gradcli.trace.python import PYTHON

OF_TENSORS = (
    "sum",
    "max",
    "min",
    "any",
    "all",
)  # that Python has too, for what can be gone through
OWN_RANDOM = ("dropout", "rrelu", "bernoulli_", "normal_", "uniform_", "random_", "exponential_")


class UntranslatedError(Exception):
    """A file has what PyTorch has no word for."""


class Translation:
    """Changes to a file's text that make it one of PyTorch.

    `helpers` are functions that it needs before it, `functional` and `math` say that it needs these
    modules; `inputs` are names that it never assigns.

    Raises: UntranslatedError.
    """

    def __init__(self, session: Session, arrays: Arrays) -> None:
        self.session, self.arrays = session, arrays
        self.source, self.graph = session.source, session.graph
        self.program = session.tracer.program
        self.edits: dict[tuple[int, int], str] = {}
        self.helpers: set[str] = set()
        self.functional = self.math = False
        self.rows = defaultdict[Span, list[int]](list)
        for id, span in enumerate(self.graph.notes.spans):
            self.rows[span].append(id)
        self.functions: set[str] = set()
        self.given = {**session.tracer.options.bindings}
        self.bound = {*self.given, *bound(self.program.statements, self.functions)}
        self.assigned: set[str] = set()
        self.tensors: dict[str, int] = {}  # lists that are tensors in the script, and their rows
        self.imports: list[str] = []
        for magic in nodes_of(self.program.statements):
            if isinstance(magic, tree.Magic):
                self._insert(magic.span.start, "pass  # ")
        for statement in self.program.statements:
            self._top(statement)
            self._visit(statement)
        self._claims()
        self.inputs = [name for name in self.given if name not in self.assigned]

    def text(self) -> str:
        """Return the text with its changes, without the comment that it begins with."""
        text = self.source.text
        for (start, end), new in sorted(self.edits.items(), reverse=True):
            rest = text[end:]
            if "\n" not in new:  # comments at the ends of lines stay where they are
                row, line_end, below = rest.partition("\n")
                code, sign, comment = row.partition("#")
                if sign and code.endswith("  ") and not {'"', "'"} & {*code}:
                    grown = max(0, len(new) - (end - start))
                    kept = max(len(code.rstrip()) + 2, len(code) - grown)
                    rest = f"{code.rstrip():{kept}}{sign}{comment}{line_end}{below}"
            text = text[:start] + new + rest
        return text[self._begin() :].strip("\n")

    def _begin(self) -> int:
        """Return where the text begins behind the comment that the file begins with."""
        found = re.match(r"((#[^\r\n]*|[^\S\r\n]*)(\r\n?|\n))*", self.source.text)
        return found.end() if found else 0

    def name(self, root: int) -> str:
        """Return the name of the root; an expression on its own gets one."""
        for name, value in self.session.tracer.scope.items():
            if isinstance(value, Node) and value.id == root:
                return name
        for statement in self.program.statements:
            if isinstance(statement, tree.ExpressionStatement) and (
                statement.value.span == self.graph.notes.spans[root]
            ):
                name = "result" + "_" * ("result" in self.bound)
                self._insert(statement.span.start, f"{name} = ")
                return name
        raise UntranslatedError("what is differentiated has no name")

    # ---- statements --------------------------------------------------------------------------

    def _top(self, s: Any) -> None:
        """Change what stands outside of functions and loops: imports, and what is bound outside."""
        if isinstance(s, tree.Import):
            if s.imported == "load" != s.name:
                raise UntranslatedError("`load` is given another name")
            words = self.source.snippet(s.span)
            if words not in self.imports:
                self.imports.append(words)
            self.edits[s.span.start, s.span.end] = ""
        target = s.targets[0] if isinstance(s, tree.Assign) else getattr(s, "target", None)
        if not isinstance(target, tree.Name) or not isinstance(s, tree.Assign | tree.Annotated):
            return
        name, first = target.id, target.id not in self.assigned
        if s.value is None:
            return
        self.assigned.add(name)
        wrt = self.session.tracer.options.wrt
        if first and name in self.given:
            self.edits[s.value.span.start, s.value.span.end] = self.bound_value(name)
        elif first and name in wrt:
            self._insert(s.span.end, f"\n{name}.requires_grad_()")
        elif isinstance(s.value, tree.ListDisplay) and self._leaf(s.span):
            self.tensors[name] = self.rows[s.span][-1]
            self._insert(s.value.span.start, "torch.tensor(")
            self._insert(s.value.span.end, ")")

    def bound_value(self, name: str) -> str:
        """Return an expression for what a name is bound to from outside."""
        rows = [i for i, n in self.graph.notes.names.items()
                if n == name and self._is_leaf(i)]  # fmt: skip
        if not rows:
            raise UntranslatedError(f"`{name}` is bound from outside, and is no tensor")
        moves = self.graph.requires_grad[rows[0]]
        return self.arrays.written(name, np.asarray(self.graph.value(rows[0])), moves=moves)

    def _claims(self) -> None:
        """Make comments of the claims that are false: Python would stop there."""
        for claim in self.session.tracer.claims:
            if not claim.holds:
                span = claim.span
                words = " ".join(self.source.text[span.start : span.end].split())
                inside = [k for k in self.edits if span.start <= k[0] and k[1] <= span.end]
                for key in inside:
                    del self.edits[key]
                self.edits[span.start, span.end] = f"pass  # a false claim: {words}"

    # ---- everything --------------------------------------------------------------------------

    def _visit(self, x: Any, parent: Any = None) -> None:
        if (getattr(x, "span", None) is not None) and self._replaced(x.span):
            return
        done = False
        if isinstance(x, tree.Annotated):
            self._annotation(x)
        elif isinstance(x, tree.Parameter) and x.annotation is not None:
            self.edits[x.span.start + len(x.name), x.annotation.span.end] = ""
        elif isinstance(x, tree.Call | tree.Subscript) and self._is_load(x):
            self._load(x)
            done = True
        elif isinstance(x, tree.Call):
            done = self._call(x)
        elif isinstance(x, tree.Attribute):
            if x.name.startswith(OWN_RANDOM):
                raise UntranslatedError(f"`{x.name}` draws random numbers")
            if x.name == "load":
                raise UntranslatedError("`load` is handed on as a function")
            if isinstance(x.value, tree.Name) and self._is_module(x.value.id):
                self._module(x.value)
                done = True
        elif isinstance(x, tree.Name):
            self._name(x)
        elif isinstance(x, tree.ListDisplay) and not isinstance(parent, tree.Call):
            self._list(x)
        if not done:
            for child in children(x):
                if child is not getattr(x, "annotation", None):
                    self._visit(child, x)

    def _list(self, x: tree.ListDisplay) -> None:
        if self._leaf(x.span):
            self._insert(x.span.start, "torch.tensor(")
            self._insert(x.span.end, ")")

    def _annotation(self, x: tree.Annotated) -> None:
        end = x.annotation.span.end
        if x.value is None:
            self.edits[x.span.start, x.span.end] = f"pass  # {self.source.snippet(x.span)}"
        else:
            self.edits[x.target.span.end, end] = ""

    def _call(self, x: tree.Call) -> bool:
        """Change a call; say whether nothing in it is left to be changed."""
        f = x.function
        called = f.name if isinstance(f, tree.Attribute) else getattr(f, "id", "")
        if RANDOM.match(f"{called}(") and not self._is_own(f):
            self._draw(x)
            return True
        if called.startswith(OWN_RANDOM) and not self._is_own(f):
            raise UntranslatedError(f"`{called}` draws random numbers")
        if not self._is_own(f):
            for keyword in x.keywords:
                name = keyword.name or ""
                new = {"axis": "dim", "keepdims": "keepdim"}.get(name)
                if new:
                    start = keyword.span.start
                    self.edits[start, start + len(name)] = new
        if not isinstance(f, tree.Name) or f.id in self.bound:
            return False
        if f.id in ("param", *OF_FUNCTIONS) and not x.arguments:
            raise UntranslatedError(f"`{f.id}` is called with names for all that it takes")
        if f.id == "param":
            self._param(x)
        elif f.id in OF_FUNCTIONS:
            self._derivative(x, f)
        elif f.id in OF_TENSORS and any(
            self.graph.label(i) in (f.id, f"a{f.id}") for i in self.rows[x.span]
        ):
            self._rename(f, f"torch.{f.id}")
        else:
            return False
        for child in (*x.arguments, *x.keywords):
            self._visit(child, x)
        return True

    def _param(self, x: tree.Call) -> None:
        start, end = x.function.span
        self.edits[start, end] = "torch.tensor"
        inside = self.source.text[x.arguments[0].span.start : x.arguments[0].span.end]
        whole = not re.search(r"[.a-zA-Z_]", inside)
        more = ", dtype=torch.float64" * (whole and not x.keywords)
        at = (*x.arguments, *x.keywords)[-1].span.end
        self._insert(at, f"{more}, requires_grad=True")

    def _derivative(self, x: tree.Call, f: tree.Name) -> None:
        first = x.arguments[0] if x.arguments else None
        of_function = isinstance(first, tree.Lambda) or (
            isinstance(first, tree.Name) and first.id in self.functions
        )
        if of_function:
            self._rename(f, OF_FUNCTIONS[f.id])
        elif f.id == "grad" and (x.keywords or len(x.arguments) != 2 or self._several(x)):
            self._rename(f, "torch.autograd.grad")
            last = (*x.arguments, *x.keywords)[-1].span.end
            if all(keyword.name != "create_graph" for keyword in x.keywords):
                self._insert(last, ", create_graph=True")
            if not self._several(x):
                self._insert(x.span.end, "[0]")
        else:
            self.helpers |= {f.id, *HELPERS[f.id][0]}

    def _several(self, x: tree.Call) -> bool:
        """Say whether a gradient is by several tensors."""
        by = x.arguments[1] if len(x.arguments) > 1 else None
        named = self.session.tracer.scope.get(by.id) if isinstance(by, tree.Name) else None
        return isinstance(by, tree.TupleDisplay | tree.ListDisplay) or isinstance(
            named, tuple | list
        )

    def _draw(self, x: tree.Call) -> None:
        """Write the numbers that were drawn."""
        rows = self.rows[x.span]
        if len(rows) != 1 or self.graph.ops[rows[0]] is not None:
            raise UntranslatedError("random numbers are drawn more than once in a line")
        value = np.asarray(self.graph.value(rows[0]))
        name = self.graph.notes.names.get(rows[0], "drawn")
        written = self.arrays.written(name, value, moves=self.graph.requires_grad[rows[0]])
        self.edits[x.span.start, x.span.end] = written
        line = self.source.text.rfind("\n", 0, x.span.start) + 1
        indent = re.match(r"\s*", self.source.text[line:])
        assert indent is not None, "the pattern matches anything"
        self._insert(line + indent.end(), drawn(self.session, rows[0]) + indent[0])

    # ---- names -------------------------------------------------------------------------------

    def _name(self, x: tree.Name) -> None:
        if x.id in self.bound or x.id in PYTHON:
            return
        if self._is_module(x.id) and x.id != "fft":
            self._module(x)
            return
        if x.id in OF_FUNCTIONS:
            self._rename(x, OF_FUNCTIONS[x.id])  # handed on as a function
            return
        found = word(x.id)
        if found is None:
            raise UntranslatedError(f"PyTorch has nothing like `{x.id}`")
        self._rename(x, found)

    def _is_module(self, name: str) -> bool:
        return name in NAMESPACES and name not in self.bound

    def _module(self, x: tree.Name) -> None:
        if x.id not in MODULES:
            raise UntranslatedError(f"`{x.id}` is no module of PyTorch")
        self.math |= x.id == "math"
        self._rename(x, MODULES[x.id])

    def _rename(self, x: tree.Name, new: str) -> None:
        if new.startswith("F.") or new == "F":
            if "F" in self.bound and "import torch.nn.functional as F" not in self.imports:
                new = f"torch.nn.functional{new[1:]}"
            else:
                self.functional = True
        if new != x.id:
            self.edits[x.span.start, x.span.end] = new

    def _is_own(self, f: Any) -> bool:
        """Say whether a function is the file's own."""
        return isinstance(f, tree.Name) and f.id in self.functions

    # ---- data --------------------------------------------------------------------------------

    def _is_load(self, x: Any) -> bool:
        """Say whether an expression reads a file: by gradcli's rules, and not PyTorch's."""
        inner = x.value if isinstance(x, tree.Subscript) else x
        f = inner.function if isinstance(inner, tree.Call) else None
        if isinstance(f, tree.Attribute):
            return f.name == "load"
        return isinstance(f, tree.Name) and f.id == "load" and "load" not in self.functions

    def _load(self, x: Any) -> None:
        call: Any = x.value if isinstance(x, tree.Subscript) else x
        key = x.index if isinstance(x, tree.Subscript) else None
        path = call.arguments[0] if call.arguments else None
        if not (isinstance(path, tree.Constant) and isinstance(path.value, str)) or (
            key is not None and not isinstance(key, tree.Constant)
        ):
            raise UntranslatedError("the file's name or its part is computed")
        try:
            found = self.session.tracer.read(path.value)
        except GradcliError as error:
            raise UntranslatedError(error.message) from None
        stem = re.sub(r"\W", "_", path.value.rpartition("/")[2].partition(".")[0])
        if isinstance(found, dict):
            arrays = {k: np.asarray(array) for k, array in found.items()}
            if key is not None:
                new = self.arrays.written(str(key.value), arrays[str(key.value)])
            else:
                items = (f"{dumps(k)}: {self.arrays.written(k, v)}" for k, v in arrays.items())
                new = f"{{{', '.join(items)}}}"
        else:
            array: Array = np.asarray(found)
            new = self.arrays.written(stem, array)
            if key is not None:
                new += f"[{key.value!r}]"
        self.edits[x.span.start, x.span.end] = new

    # ---- edits -------------------------------------------------------------------------------

    def _insert(self, at: int, text: str) -> None:
        self.edits[at, at] = self.edits.get((at, at), "") + text

    def _replaced(self, span: Span) -> bool:
        """Say whether a change has taken the place of an expression."""
        return (span.start, span.end) in self.edits

    def _leaf(self, span: Span) -> bool:
        """Say whether a list was taken for a tensor."""
        return any(map(self._is_leaf, self.rows[span]))

    def _is_leaf(self, id: int) -> bool:
        return self.graph.ops[id] is None and id not in self.graph.reserved
