"""The language is a subset of Python: both parsers must see the same tree at the same places."""

# ruff: noqa: N802 -- the methods of `Python` are named as the classes of `ast`

from __future__ import annotations

import ast
import re
import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcli.errors import Source, SyntaxFault
from gradcli.syntax import parse, tree

OPERATORS: dict[type, str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.MatMult: "@",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.UAdd: "+",
    ast.USub: "-",
    ast.Invert: "~",
    ast.Not: "not",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.And: "and",
    ast.Or: "or",
}


# ---- our tree, as nested tuples ------------------------------------------------------------


def ours(node: Any) -> Any:
    """Turn our tree into nested tuples: the class, the place, the parts."""
    if isinstance(node, tree.Group):
        return ours(node.inner)
    if isinstance(node, tree.Boolean):
        return flat_boolean(node)
    if isinstance(node, tree.Comprehension) and node.kind == "generator":
        return ("Comprehension", ours(node.element), ours(node.clauses), node.kind)
    if isinstance(node, tree.Item):
        return ("Item", ours(node.key), ours(node.value))
    if isinstance(node, tree.Clause):
        return ("Clause", ours(node.target), ours(node.iterable), ours(node.conditions))
    if isinstance(node, tree.Attribute):
        return ("Attribute", tuple(node.span), ours(node.value), node.name)
    if isinstance(node, tree.Parameter):
        return (node.name, ours(node.annotation), ours(node.default), node.kind)
    if isinstance(node, tree.Context):
        return ("Context", ours(node.value), ours(node.target))
    if isinstance(node, tree.Handler):
        name = node.name and node.name.id
        return ("Handler", tuple(node.span), ours(node.kind), name, ours(node.body))
    if isinstance(node, tree.Case):
        name = node.name and node.name.id
        return ("Case", ours(node.pattern), name, ours(node.guard), ours(node.body))
    if isinstance(node, tree.Outer):
        return ("Outer", tuple(node.span), node.keyword, tuple(name.id for name in node.names))
    if isinstance(node, tree.Def | tree.Class):  # Python's places leave the decorators out
        fields = [f for f in node._fields if f not in ("span", "header")]
        parts = tuple(ours(getattr(node, field)) for field in fields)
        return (type(node).__name__, (node.header.start, node.span.end), *parts)
    if isinstance(node, tree.Constant):
        return ("Constant", tuple(node.span), type(node.value).__name__, repr(node.value))
    if isinstance(node, tree.Import):
        return ("Import", node.module, node.imported, node.name)
    if hasattr(node, "span"):
        fields = [f for f in node._fields if f not in ("span", "header")]
        parts = tuple(ours(getattr(node, field)) for field in fields)
        return (type(node).__name__, tuple(node.span), *parts)
    return tuple(map(ours, node)) if isinstance(node, tuple) else node


def flat_boolean(node: tree.Boolean) -> Any:
    """Return `a and b and c` as Python does, with all its operands in one node."""
    operands: list[Any] = [node.right]
    left: Any = node.left
    while isinstance(left, tree.Boolean) and left.operator == node.operator:
        operands.append(left.right)
        left = left.left
    operands.append(left)
    return ("Boolean", tuple(node.span), node.operator, tuple(map(ours, operands[::-1])))


# ---- Python's tree, as the same tuples -----------------------------------------------------


class Python:
    """Turns Python's tree of a text into nested tuples like those of `ours`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0]
        self.lines = re.findall(r"[^\r\n]*(?:\r\n?|\n|\Z)", text)
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line))

    def place(self, node: Any) -> tuple[int, int]:
        return self.at(node.lineno, node.col_offset), self.at(node.end_lineno, node.end_col_offset)

    def at(self, line: int, column: int) -> int:
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        return self.starts[line - 1] + len(text.encode()[:column].decode())

    def __call__(self, node: Any) -> Any:
        if isinstance(node, list):
            return tuple(
                part
                for item in node
                for part in (self.imports(item) if is_import(item) else [self(item)])
            )
        if not isinstance(node, ast.AST):
            return node
        name, *parts = getattr(self, type(node).__name__)(node)
        return (name, self.place(node), *parts)

    def imports(self, n: Any) -> list[Any]:
        if isinstance(n, ast.Import):
            return [("Import", a.name, None, a.asname or a.name) for a in n.names]
        return [("Import", n.module, a.name, a.asname or a.name) for a in n.names]

    def Constant(self, n: Any) -> Any:
        return "Constant", type(n.value).__name__, repr(n.value)

    def Name(self, n: Any) -> Any:
        return "Name", n.id

    def Tuple(self, n: Any) -> Any:
        return "TupleDisplay", self(n.elts)

    def List(self, n: Any) -> Any:
        return "ListDisplay", self(n.elts)

    def ListComp(self, n: Any) -> Any:
        return "Comprehension", self(n.elt), tuple(map(self.clause, n.generators)), "list"

    def GeneratorExp(self, n: Any) -> Any:
        return "Comprehension", self(n.elt), tuple(map(self.clause, n.generators)), "generator"

    def SetComp(self, n: Any) -> Any:
        return "Comprehension", self(n.elt), tuple(map(self.clause, n.generators)), "set"

    def DictComp(self, n: Any) -> Any:
        item = "Item", self(n.key), self(n.value)
        return "Comprehension", item, tuple(map(self.clause, n.generators)), "dict"

    def Dict(self, n: Any) -> Any:
        pairs = zip(n.keys, n.values, strict=True)
        return "DictDisplay", tuple(("Item", self(key), self(value)) for key, value in pairs)

    def Set(self, n: Any) -> Any:
        return "SetDisplay", self(n.elts)

    def Delete(self, n: Any) -> Any:
        return "Delete", self(n.targets)

    def clause(self, n: Any) -> Any:
        return "Clause", self(n.target), self(n.iter), self(n.ifs)

    def UnaryOp(self, n: Any) -> Any:
        return "Unary", OPERATORS[type(n.op)], self(n.operand)

    def BinOp(self, n: Any) -> Any:
        return "Binary", OPERATORS[type(n.op)], self(n.left), self(n.right)

    def BoolOp(self, n: Any) -> Any:
        return "Boolean", OPERATORS[type(n.op)], self(n.values)

    def Compare(self, n: Any) -> Any:
        operators = [OPERATORS[type(op)] for op in n.ops]
        return (
            "Compare",
            self(n.left),
            tuple(zip(operators, map(self, n.comparators), strict=True)),
        )

    def IfExp(self, n: Any) -> Any:
        return "Conditional", self(n.test), self(n.body), self(n.orelse)

    def Lambda(self, n: Any) -> Any:
        return "Lambda", self.parameters(n.args), self(n.body)

    def parameters(self, n: Any) -> Any:
        by_place = [(a, "positional") for a in n.posonlyargs] + [(a, "") for a in n.args]
        defaults = [None] * (len(by_place) - len(n.defaults)) + n.defaults
        found = [(*pair, d) for pair, d in zip(by_place, defaults, strict=True)]
        found += [(n.vararg, "*", None)] if n.vararg else []
        found += [(a, "keyword", d) for a, d in zip(n.kwonlyargs, n.kw_defaults, strict=True)]
        found += [(n.kwarg, "**", None)] if n.kwarg else []
        return tuple((a.arg, self(a.annotation), self(d), kind) for a, kind, d in found)

    def Attribute(self, n: Any) -> Any:
        return "Attribute", self(n.value), n.attr

    def Subscript(self, n: Any) -> Any:
        return "Subscript", self(n.value), self(n.slice)

    def Slice(self, n: Any) -> Any:
        return "Slice", self(n.lower), self(n.upper), self(n.step)

    def Call(self, n: Any) -> Any:
        return "Call", self(n.func), self(n.args), self(n.keywords)

    def keyword(self, n: Any) -> Any:
        return "Keyword", n.arg, self(n.value)

    def Starred(self, n: Any) -> Any:
        return "Starred", self(n.value)

    def Assign(self, n: Any) -> Any:
        return "Assign", self(n.targets), self(n.value)

    def AnnAssign(self, n: Any) -> Any:
        return "Annotated", self(n.target), self(n.annotation), self(n.value)

    def AugAssign(self, n: Any) -> Any:
        return "Augmented", self(n.target), OPERATORS[type(n.op)], self(n.value)

    def Expr(self, n: Any) -> Any:
        return "ExpressionStatement", self(n.value)

    def Assert(self, n: Any) -> Any:
        return "Assert", self(n.test), self(n.msg)

    def FunctionDef(self, n: Any) -> Any:
        decorators, parameters = self(n.decorator_list), self.parameters(n.args)
        return "Def", decorators, n.name, parameters, self(n.returns), self(n.body)

    def ClassDef(self, n: Any) -> Any:
        bases, keywords = self(n.bases), self(n.keywords)
        return "Class", self(n.decorator_list), n.name, bases, keywords, self(n.body)

    def Return(self, n: Any) -> Any:
        return "Return", self(n.value)

    def For(self, n: Any) -> Any:
        return "For", self(n.target), self(n.iter), self(n.body), self(n.orelse)

    def While(self, n: Any) -> Any:
        return "While", self(n.test), self(n.body), self(n.orelse)

    def If(self, n: Any) -> Any:
        return "If", self(n.test), self(n.body), self(n.orelse)

    def With(self, n: Any) -> Any:
        contexts = [("Context", self(i.context_expr), self(i.optional_vars)) for i in n.items]
        return "With", tuple(contexts), self(n.body)

    def Try(self, n: Any) -> Any:
        return "Try", self(n.body), self(n.handlers), self(n.orelse), self(n.finalbody)

    def ExceptHandler(self, n: Any) -> Any:
        return "Handler", self(n.type), n.name, self(n.body)

    def Raise(self, n: Any) -> Any:
        return "Raise", self(n.exc), self(n.cause)

    def Global(self, n: Any) -> Any:
        return "Outer", type(n).__name__.lower(), tuple(n.names)

    Nonlocal = Global

    def NamedExpr(self, n: Any) -> Any:
        return "NamedExpression", self(n.target), self(n.value)

    def Yield(self, n: Any) -> Any:
        return "Yield", self(n.value), isinstance(n, ast.YieldFrom)

    YieldFrom = Yield

    def Match(self, n: Any) -> Any:
        return "Match", self(n.subject), tuple(map(self.case, n.cases))

    def case(self, n: Any) -> Any:
        pattern: Any = n.pattern
        name = None
        if isinstance(pattern, ast.MatchAs) and pattern.pattern is not None:
            pattern, name = pattern.pattern, pattern.name
        return "Case", self(pattern), name, self(n.guard), self(n.body)

    def MatchValue(self, n: Any) -> Any:
        name, _, *parts = self(n.value)
        return name, *parts

    def MatchSingleton(self, n: Any) -> Any:
        return "Constant", type(n.value).__name__, repr(n.value)

    def MatchAs(self, n: Any) -> Any:
        return "Name", n.name or "_"

    def MatchStar(self, n: Any) -> Any:
        _, end = self.place(n)
        return "Starred", ("Name", (end - len(n.name or "_"), end), n.name or "_")

    def MatchSequence(self, n: Any) -> Any:
        is_list = self.text[self.place(n)[0]] == "["
        return "ListDisplay" if is_list else "TupleDisplay", self(n.patterns)

    def MatchMapping(self, n: Any) -> Any:
        pairs = zip(n.keys, n.patterns, strict=True)
        return "DictDisplay", tuple(("Item", self(key), self(value)) for key, value in pairs)

    def MatchClass(self, n: Any) -> Any:
        return "Call", self(n.cls), self(n.patterns), ()

    def MatchOr(self, n: Any) -> Any:
        first, *rest = n.patterns
        found = self(first)
        for pattern in rest[:-1]:
            place = (self.place(first)[0], self.place(pattern)[1])
            found = ("Binary", place, "|", found, self(pattern))
        return "Binary", "|", found, self(rest[-1])

    def Pass(self, n: Any) -> Any:
        return "Flow", type(n).__name__.lower()

    Break = Continue = Pass


def is_import(node: Any) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def without_generator_places(node: Any) -> Any:
    """Drop the places of generators: Python's take in the brackets of the call around them."""
    if isinstance(node, tuple):
        if len(node) == 5 and node[0] == "Comprehension" and node[4] == "generator":
            node = (node[0], *node[2:])
        return tuple(map(without_generator_places, node))
    return node


def same(text: str) -> None:
    """Check that both parsers refuse a text, or see the same in it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = ast.parse(text)
    except SyntaxError:
        with pytest.raises(SyntaxFault):
            parse(Source("m.expr", text))
        return
    try:
        program = parse(Source("m.expr", text))
    except SyntaxFault as fault:
        if re.search("given twice|only one of several", str(fault)):  # Python: when it compiles
            return
        raise
    assert ours(program.statements) == without_generator_places(Python(text)(theirs.body))


# ---- generated programs --------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "x1", "θ", "损失", "_"])
NUMBERS = st.sampled_from(
    [
        "0",
        "7",
        "00",
        "1_000",
        "0xfF",
        "0b1_01",
        "0o17",
        "1.",
        ".5",
        "1.5",
        "1e3",
        "1E-3",
        "1_0.0_1e+1_0",
        "2j",
        ".5J",
        "1e999",
    ]
)
STRINGS = st.sampled_from(
    ["''", '"a\'b"', "'''a\nb'''", r"r'\d\''", r"'\n\x41\u00e9\N{BULLET}\101\q'", "'a' \"b\""]
)
ATOMS = (
    NAMES | NUMBERS | STRINGS | st.sampled_from(["None", "True", "False", "...", "()", "[]", "{}"])
)
BINARY = st.sampled_from(
    [
        *[
            "+",
            "-",
            "*",
            "/",
            "//",
            "%",
            "**",
            "@",
            "&",
            "|",
            "^",
            "<<",
            ">>",
            "<",
            "<=",
            ">",
            ">=",
            "==",
            "!=",
            "in",
            "is",
            "and",
            "or",
        ],
        "not in",
        "is not",
    ]
)
BLANKS = st.sampled_from(["", " ", "  ", " \\\n "])


def joined(*parts: st.SearchStrategy[str] | str) -> st.SearchStrategy[str]:
    strategies = [st.just(part) if isinstance(part, str) else part for part in parts]
    return st.tuples(*strategies).map("".join)


def larger(e: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Make expressions of expressions, without a care for precedence."""
    index = e | joined(e, ":", e) | st.sampled_from([":", "::2", "1:", ":-1", "1:2:3", "..."])
    argument = e | joined("*", NAMES) | joined(NAMES, "=", e)
    clause = joined(" for ", NAMES, " in ", e) | joined(" for ", NAMES, ", b in ", e, " if ", e)
    return st.one_of(
        joined(e, BLANKS, " ", BINARY, " ", e),
        joined(st.sampled_from(["-", "+", "~", "not "]), e),
        joined("(", BLANKS, e, BLANKS, ")"),
        joined("(", e, ",)"),
        joined("(", e, ", ", e, ")"),
        joined("[", e, ", *", NAMES, "]"),
        joined("{", e, ", *", NAMES, ",}"),
        joined("{", e, ": ", e, ", **", NAMES, "}"),
        joined("{", e, clause, "}"),
        joined("{", e, ": ", e, clause, "}"),
        joined(e, " if ", e, " else ", e),
        joined("lambda a, c=1: ", e),
        joined("lambda b: ", e),
        joined("lambda: ", e),
        joined("lambda a, /, *b, c=1, **d: ", e),
        joined("lambda *, a, b=", e, ": a"),
        joined("(a := ", e, ")"),
        joined("[b, a := ", e, "]"),
        joined("f(a := ", e, ", **", e, ")"),
        joined("(yield ", e, ")") | joined("(yield from ", e, ")"),
        joined(NAMES, ".T"),
        joined("(", e, ").", NAMES),
        joined(NAMES, "(", st.lists(argument, max_size=3).map(", ".join), ")"),
        joined(NAMES, "[", st.lists(index, min_size=1, max_size=3).map(", ".join), "]"),
        joined("[", e, clause, "]"),
        joined("(", e, clause, ")"),
        joined(NAMES, "(", e, clause, ")"),
    )


EXPRESSIONS = st.recursive(ATOMS, larger, max_leaves=12)
SIMPLE = st.one_of(
    EXPRESSIONS,
    joined(NAMES, " = ", EXPRESSIONS),
    joined("a, b = c = ", EXPRESSIONS, ", *c"),
    joined("(a, (b.c, d[0])), = ", EXPRESSIONS),
    joined(NAMES, ": float32[n, 2] = ", EXPRESSIONS),
    joined(NAMES, ": ", EXPRESSIONS),
    joined(
        "a.grad ",
        st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "@", "&", "|", "^", "<<", ">>"]),
        "= ",
        EXPRESSIONS,
    ),
    joined("assert ", EXPRESSIONS, ', "no"'),
    joined("return ", EXPRESSIONS),
    joined("raise ", EXPRESSIONS) | joined("raise a from ", EXPRESSIONS),
    joined("a, *b = c, [d, *_] = [a, b] = ", EXPRESSIONS),
    joined("a = b = yield ", EXPRESSIONS) | joined("a.b += yield from ", EXPRESSIONS),
    st.sampled_from(["raise", "global a, b", "nonlocal a", "yield", "a = yield", "yield a, *b"]),
    st.sampled_from(["from a.b import *", "match = case = match.case", "match(a)[case]"]),
    joined("del a, b[", EXPRESSIONS, "]"),
    st.sampled_from(["del (a, b.c)", "del (a), (b, c)", "del a,", "del (a, b), c"]),
    st.sampled_from(["pass", "break", "continue", "return", "import a.b, c as d"]),
    st.sampled_from(["from a.b import c as d, e", "from a import (b, c,)", "x = 1,"]),
)
LINES = st.lists(SIMPLE, min_size=1, max_size=2).map("; ".join)
ENDS = st.sampled_from(["\n", "  # é\n", "\n\n", "\n   \n", "\n# a\n  # b\n"])


def indented(text: str) -> str:
    text = text.replace("a\nb", "ab").replace("\\\n", "")
    return "".join(f"    {line}\n" if line else "\n" for line in text.splitlines())


PATTERNS = st.recursive(
    st.sampled_from(["a", "_", "1", "-2.5", "'c'", "None", "True", "a.b", "[]", "()", "{}", "A()"]),
    lambda p: st.one_of(
        joined("[", p, ", *_, ", p, "]"),
        joined("(", p, ", *rest)"),
        joined("(", p, ")"),
        joined("{'k': ", p, ", 1: ", p, "}"),
        joined("A.B(", p, ", ", p, ")"),
        joined(p, " | ", p),
    ),
    max_leaves=4,
)


def deeper(block: str) -> str:
    """Indent a block that stands in another one's line."""
    return block if not block.startswith("\n") else "\n" + indented(block[1:])


def blocks(body: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    block = joined("\n", body.map(indented)) | joined(" ", LINES, "\n")
    return st.one_of(
        joined("if ", EXPRESSIONS, ":", block),
        joined("if a:", block, "elif b:", block, "elif c:", block),
        joined("if a:", block, "elif b:", block, "else:", block),
        joined("for a, b in ", EXPRESSIONS, ":", block),
        joined("def f(x, k: int = 2, *, ):", block) | joined("def f(x, k: int = 2):", block),
        joined("@a\n@b.c(d)\ndef f(*args: a, k, m=1, **kw: b) -> ", EXPRESSIONS, ":", block),
        joined("def f(a, b=", EXPRESSIONS, ", /, c=1, *, d):", block),
        joined("with no_grad(), a.b:", block) | joined("with a as b, c as (d, *e.f):", block),
        joined("while ", EXPRESSIONS, ":", block) | joined("while a := b:", block),
        joined("while a:", block, "else:", block)
        | joined("for *a, b in c:", block, "else:", block),
        joined("class A:", block) | joined("@a\nclass A(b, *c, d=e, **f):", block),
        joined("try:", block, "except:", block) | joined("try:", block, "finally:", block),
        joined("try:", block, "except a as b:", block, "except ", EXPRESSIONS, ":", block),
        joined("try:", block, "except a:", block, "else:", block, "finally:", block),
        joined("match ", EXPRESSIONS, ":\n  case ", PATTERNS, ":", block.map(deeper)),
        joined("match a, b:\n  case ", PATTERNS, " as b if ", EXPRESSIONS, ":", block.map(deeper)),
        joined(body, body),
    )


PROGRAMS = st.recursive(joined(LINES, ENDS), blocks, max_leaves=4)


@given(EXPRESSIONS)
@settings(max_examples=300, deadline=None)
def test_expressions_are_read_as_python_reads_them(text: str) -> None:
    same(text)


@given(PROGRAMS)
@settings(max_examples=200, deadline=None)
def test_programs_are_read_as_python_reads_them(text: str) -> None:
    same(text)


TOKENS = st.sampled_from(
    [
        "a",
        "b",
        "1",
        "2.5",
        "'c'",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "del",
        "yield",
        "raise",
        "from",
        ":=",
        "global",
        "/",
        ",",
        ":",
        ".",
        "=",
        "==",
        "<",
        "not",
        "in",
        "and",
        "or",
        "if",
        "else",
        "for",
        "lambda",
        "+",
        "-",
        "**",
        "*",
        "True",
    ]
)


@given(st.lists(TOKENS, max_size=12).map(" ".join))
@settings(max_examples=800, deadline=None)
def test_no_text_is_accepted_that_python_refuses(text: str) -> None:
    try:
        program = parse(Source("m.expr", text))
    except SyntaxFault:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = ast.parse(text)
    assert ours(program.statements) == without_generator_places(Python(text)(theirs.body))


@pytest.mark.parametrize(
    "text",
    [
        "x = 1;\n",
        "x = 1\r\nif x:\r\n    y = 2\r\n\r\nz = 3",
        "x = 1\rif x:\r    y = '''a\rb'''\rz = 3",
        "if x:\n\ty = 1\n\n\t# c\n\tz = 2\n# d\nw = 3\n    ",
        "\fx = 1\n\f\ny = 2\n",
        "# only a comment",
        "",
        "\n\n  \n",
        "x = (1 +\n# comment\n     2)\n",
        "if a:\n  if b:\n    c\n  d\ne",
        "if a:\n  if b:\n    c\n\n# e\ne",
        "x = \\\n  1",
        "ﬁ = 1",
        "x = not a.b(c)[d] ** -e ** f",
        "f(a, *b, c=1, d=(x for x in y),)",
        "x = 1if y else 2",
        "for x, in y: pass",
        "with (a): pass",
        "x = {\n  'a': 1,  # one\n  **b,\n}",
        "x = {a, *b}; y = {a: {b: {}}, }",
    ],
)
def test_layout_is_read_as_python_reads_it(text: str) -> None:
    same(text)
