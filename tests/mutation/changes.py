"""Small changes to Python text, each of which some test should notice.

Left out is what changes no behaviour: docstrings, annotations, imports, the text of messages and
hints, f-strings, decorators, `assert`s, `__all__` and what stands under `TYPE_CHECKING`.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
}
_PAIRS = (
    "max min, maximum minimum, amax amin, argmax argmin, fmax fmin, any all, zeros ones, "
    "zeros_like ones_like, sum prod, cumsum cumprod, sin cos, sinh cosh, floor ceil, real imag, "
    "gcd lcm, isposinf isneginf, fftshift ifftshift, greater less, logical_and logical_or, "
    "startswith endswith, lstrip rstrip, log exp, triu tril"
)
NAMES = {
    a: b
    for pair in _PAIRS.split(", ")
    for a, b in (pair.split(), reversed(pair.split()))
}  # fmt: skip
PROSE = {"doc", "hint", "help", "message", "remedy", "note", "about", "example", "examples"}
UNTOUCHED = {"cast", "TypeVar", "NewType", "NamedTuple", "field", "dataclass"}
Placed = ast.expr | ast.stmt | ast.keyword
KEY = re.compile(r"[A-Za-z_][\w.]*")


class Change(NamedTuple):
    """One change of a file: these bytes of it in place of those.

    `lines` are those of the statement or lambda that it stands in, `imported` says that importing
    the file executes it, and `name` is the name that the module gives it.
    """

    path: str
    line: int
    kind: str
    start: int
    end: int
    new: bytes
    lines: tuple[int, int]
    imported: bool
    name: str

    def apply(self, text: bytes) -> bytes:
        """Return the changed text."""
        return text[: self.start] + self.new + text[self.end :]


@dataclass(frozen=True)
class _Place:
    """Where the reader is."""

    lines: tuple[int, int]
    imported: bool = True
    name: str = ""


def changes(path: str, text: bytes) -> list[Change]:
    """Return the changes of a file, in the order of the text; not all are `valid`."""
    found = set(_Reader(path, text).read(ast.parse(text).body, _Place((1, 1))))
    return sorted(found, key=lambda c: (c.start, c.end, c.new))


def valid(change: Change, text: bytes) -> bool:
    """Say whether a change leaves valid Python."""
    changed = change.apply(text)
    if changed == text:
        return False
    try:
        compile(changed, change.path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


class _Reader:
    """Walks over a file and yields its changes."""

    def __init__(self, path: str, text: bytes) -> None:
        self.path, self.text = path, text
        self.known = {*re.findall(r"\w+", text.decode()), *dir(builtins)}
        self.starts = [0]
        for line in text.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    # ---- statements ------------------------------------------------------------------------

    def read(self, body: Sequence[ast.stmt], place: _Place) -> Iterator[Change]:
        for statement in body:
            yield from self.statement(statement, place)

    def statement(self, s: ast.stmt, place: _Place) -> Iterator[Change]:
        here = replace(place, lines=(s.lineno, s.end_lineno or s.lineno))
        match s:
            case ast.Import() | ast.ImportFrom() | ast.Assert() | ast.Pass() | ast.Global():
                return
            case ast.Expr(value=ast.Constant()):
                return
            case ast.FunctionDef(args=args, body=body):
                for default in [*args.defaults, *args.kw_defaults]:
                    if default is not None:
                        yield from self.expression(default, here)
                name = place.name or s.name
                yield from self.read(body, replace(place, imported=False, name=name))
            case ast.ClassDef(body=body):
                yield from self.read(body, replace(place, name=s.name))
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                return
            case ast.Raise() | ast.Continue() | ast.Break() | ast.Delete():
                yield self.change(s, "statement", b"pass", here)
            case _:
                yield from self.simple_or_compound(s, here, place)

    def simple_or_compound(self, s: ast.stmt, here: _Place, place: _Place) -> Iterator[Change]:
        targets = s.targets if isinstance(s, ast.Assign) else [getattr(s, "target", None)]
        named = [t.id for t in targets if isinstance(t, ast.Name)]
        if any(name.startswith("__") for name in named):
            return
        if isinstance(s, ast.Assign | ast.AugAssign | ast.AnnAssign) and not place.name and named:
            here = replace(here, name=named[0])
        stored = any(isinstance(t, ast.Attribute | ast.Subscript) for t in targets)
        if isinstance(s, ast.Expr | ast.AugAssign) or (stored and getattr(s, "value", None)):
            yield self.change(s, "statement", b"pass", here)
        if isinstance(s, ast.AugAssign) and type(s.op) in ARITHMETIC:
            old, new = ARITHMETIC[type(s.op)]
            yield from self.between(s.target, s.value, old + "=", new + "=", "arithmetic", here)
        if isinstance(s, ast.If | ast.While):
            yield from self.condition(s.test, here)
        for field, value in ast.iter_fields(s):
            if field in ("annotation", "type_comment"):
                continue
            for child in value if isinstance(value, list) else [value]:
                yield from self.child(child, here, place)

    def child(self, child: object, here: _Place, place: _Place) -> Iterator[Change]:
        """Read a part of a statement: a statement in it, or an expression of its own lines."""
        match child:
            case ast.stmt():
                yield from self.statement(child, place)
            case ast.expr():
                own = (child.lineno, child.end_lineno or child.lineno)
                yield from self.expression(child, replace(here, lines=own))
            case ast.ExceptHandler(body=body):
                yield from self.read(body, place)
            case ast.match_case() | ast.withitem() | ast.pattern():
                for part in ast.iter_child_nodes(child):
                    yield from self.child(part, here, place)

    # ---- expressions -----------------------------------------------------------------------

    def expression(self, e: ast.AST, place: _Place) -> Iterator[Change]:
        match e:
            case ast.JoinedStr():
                return  # its parts have no exact places before Python 3.12
            case ast.Lambda(args=args, body=body):
                for default in [*args.defaults, *args.kw_defaults]:
                    if default is not None:
                        yield from self.expression(default, place)
                lines = (body.lineno, body.end_lineno or body.lineno)
                yield from self.expression(body, replace(place, lines=lines, imported=False))
                return
            case ast.Call(func=ast.Name(id=name)) if name in UNTOUCHED:
                return
            case ast.BinOp(op=ast.BitOr(), left=a, right=b) if _a_type(a) or _a_type(b):
                return
        yield from self.changed(e, place)
        for child in ast.iter_child_nodes(e):
            if not (isinstance(child, ast.keyword) and child.arg in PROSE):
                yield from self.expression(child, place)

    def changed(self, e: ast.AST, place: _Place) -> Iterator[Change]:
        """Yield the changes of an expression itself."""
        match e:
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                yield from self.between(left, right, *COMPARISONS[type(op)], "comparison", place)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
                yield from self.between(left, right, *ARITHMETIC[type(op)], "arithmetic", place)
            case ast.BoolOp(op=op, values=values):
                old, new = ("and", "or") if isinstance(op, ast.And) else ("or", "and")
                for left, right in pairwise(values):
                    yield from self.between(left, right, old, new, "and/or", place)
            case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert(), operand=operand):
                yield self.change(e, "unary", self.source(operand, e), place)
            case ast.IfExp(test=test):
                yield from self.condition(test, place)
            case ast.comprehension(ifs=tests):
                for test in tests:
                    yield from self.condition(test, place)
            case ast.Call():
                yield from self.arguments(e, place)
            case ast.Constant():
                yield from self.constant(e, place)
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in NAMES:
                if isinstance(e, ast.Name) and NAMES[name] not in self.known:
                    return  # a name that is not defined is noticed at once, and shows nothing
                end = self.end(e)
                yield self.edit(e, "name", end - len(name), end, NAMES[name].encode(), place)

    def condition(self, test: ast.expr, place: _Place) -> Iterator[Change]:
        if not isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp):
            yield self.change(test, "condition", b"(not " + self.source(test) + b")", place)

    def arguments(self, call: ast.Call, place: _Place) -> Iterator[Change]:
        """Leave out an argument by name, or the last one by position."""
        everything: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
        for k, argument in enumerate(everything):
            if isinstance(argument, ast.keyword):
                if argument.arg in PROSE:
                    continue
            elif k != len(call.args) - 1 or len(everything) < 2:
                continue
            if k + 1 < len(everything):
                start, end = self.start(argument), self.start(everything[k + 1])
            else:
                start = self.end(everything[k - 1]) if k else self.start(argument)
                end = self.end(argument)
            yield self.edit(argument, "argument", start, end, b"", place)

    def constant(self, e: ast.Constant, place: _Place) -> Iterator[Change]:
        match e.value:
            case bool():
                yield self.change(e, "constant", str(not e.value).encode(), place)
            case int():
                yield self.change(e, "constant", str(e.value + 1).encode(), place)
                yield self.change(e, "constant", f"({e.value - 1})".encode(), place)
            case float():
                yield self.change(e, "constant", repr(e.value + 1).encode(), place)
            case str() if KEY.fullmatch(e.value):
                yield self.change(e, "key", repr(e.value + "_").encode(), place)

    # ---- places ----------------------------------------------------------------------------

    def start(self, e: Placed) -> int:
        return self.starts[e.lineno - 1] + e.col_offset

    def end(self, e: Placed) -> int:
        return self.starts[(e.end_lineno or e.lineno) - 1] + (e.end_col_offset or 0)

    def source(self, e: ast.expr, within: Placed | None = None) -> bytes:
        """Return the text of an expression, up to the end of one that it is the end of."""
        text = self.text[self.start(e) : self.end(within or e)]
        return text if text.count(b"(") == text.count(b")") else b"(" + text

    def change(self, e: Placed, kind: str, new: bytes, place: _Place) -> Change:
        return self.edit(e, kind, self.start(e), self.end(e), new, place)

    def edit(self, e: Placed, kind: str, start: int, end: int, new: bytes, place: _Place) -> Change:
        line = e.lineno
        return Change(
            self.path, line, kind, start, end, new, place.lines, place.imported, place.name
        )

    def between(
        self, a: ast.expr, b: ast.expr, old: str, new: str, kind: str, place: _Place
    ) -> Iterator[Change]:
        """Replace an operator between two expressions."""
        start = self.end(a)
        gap = self.text[start : self.start(b)]
        plain = re.sub(rb"#[^\n]*", lambda m: b" " * len(m[0]), gap)
        found = re.search(re.escape(old.encode()).replace(rb"\ ", rb"\s+"), plain)
        if found is not None:
            ends = (start + found.start(), start + found.end())
            line = self.text.count(b"\n", 0, ends[0]) + 1
            yield Change(
                self.path, line, kind, *ends, new.encode(), place.lines, place.imported, place.name
            )


def _a_type(e: ast.expr) -> bool:
    """Say whether an operand of `|` is a type, not a number."""
    match e:
        case ast.Constant(value=None) | ast.Subscript(value=ast.Name()):
            return True
        case ast.Name(id=name):
            return name[0].isupper() or name in ("int", "float", "str", "bool", "tuple", "list")
        case ast.Attribute(attr=name):
            return name[0].isupper()
        case ast.BinOp(op=ast.BitOr(), left=a, right=b):
            return _a_type(a) or _a_type(b)
    return False
