"""Whatever a file says, it is an Inspection or an error with a place; and what runs can be shown.

`python -m tests.hostile.fuzz COUNT SEED` tries more of them, and says what it met.
"""

from __future__ import annotations

from io import StringIO
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from gradcli import GradcliError, Inspection, loads
from gradcli.ops import FUNCTIONS
from gradcli.render import EVAL, GRAPH
from gradcli.rule.signature import Parameter, Signature
from gradcli.trace.attributes import ATTRIBUTES, METHODS
from gradcli.trace.builtins import OTHERS
from gradcli.trace.python import PYTHON
from tests.cli.runner import run

FAST = settings(
    deadline=None, max_examples=60, suppress_health_check=list(HealthCheck), database=None
)
ROWS = sorted(FUNCTIONS)
OTHER = sorted({*OTHERS, *PYTHON} - {"load"})
MEMBERS = sorted({*ATTRIBUTES, *METHODS, *ROWS, *(f"{name}_" for name in ROWS)})
DTYPES = ("float64", "float32", "float16", "bfloat16", "complex64", "complex128", "bool", "uint8",
          "int8", "int32", "int64")  # fmt: skip
NUMBERS = ("0", "1", "2", "3", "-1", "-2", "0.5", "2.0", "-0.0", "1e308", "1e-308", "inf", "nan",
           "pi", "2j", "True", "10**6", "2**63", "10**20", "-(10**12)")  # fmt: skip
ODD = ("None", "'mean'", "'sum'", "'xyz'", "''", "...", "[]", "()", "float32", "range(3)", "sum",
       "torch", "[1, 2]", "[[1., 2.], [3., 4.]]", "[1, 'a']", "(0, 1)", "-1", "x", "y")  # fmt: skip
BINARY = ("+", "-", "*", "/", "//", "%", "**", "@", "&", "|", "^", "<<", ">>")
COMPARE = ("<", "<=", ">", ">=", "==", "!=", "is", "in", "not in")
STRINGS = ("'mean'", "'sum'", "'none'", "'ij,jk->ik'", "'ii'", "'linear'", "'same'", "'valid'",
           "'reflect'", "'constant'", "'fro'", "'nuc'", "'reduced'", "'tanh'", "'xyz'")  # fmt: skip
KEYS = ("0", "-1", "5", ":", "1:", "::2", "::-1", "None", "...", "[0, 0]", "True", "1.5", "'a'",
        "10**30", ":10**30", "tensor([0, 1])", "tensor([True, False])", "range(2)")  # fmt: skip
GRADS = ("grad", "torch.autograd.grad", "jacobian", "hessian", "vjp", "jvp")


class Writer:
    """Writes a random program: mostly sense, some nonsense."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.names = ["x", "y", "w"]
        self.functions: list[str] = []

    def some(self, *choices: Any) -> Any:
        return self.random.choice(choices)

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    # ---- values --------------------------------------------------------------------------

    def shape(self) -> str:
        sizes = [
            self.some(0, 1, 1, 2, 2, 2, 3, 3, 4) for _ in range(self.some(0, 1, 1, 2, 2, 3, 4))
        ]
        return f"({', '.join(map(str, sizes))}{',' * (len(sizes) == 1)})"

    def leaf(self) -> str:
        options = f", dtype={self.some(*DTYPES)}" if self.chance(40) else ""
        options += ", requires_grad=True" if self.chance(40) else ""
        shape = self.shape()
        kind = self.some("randn", "rand", "ones", "zeros", "full", "tensor", "param", "arange")
        if kind == "full":
            return f"full({shape}, {self.some(*NUMBERS)}{options})"
        if kind == "tensor":
            data = self.some("2.", "[1., 2.]", "[[1., 2.], [3., 5.]]", "[]", "[1, 2, 3]", "[True]")
            return f"tensor({data}{options})"
        if kind == "param":
            return f"param(randn({shape}))"
        if kind == "arange":
            return f"arange({self.some(0, 3, 6)}.{options})"
        return f"{kind}({shape}{options})"

    def argument(self, parameter: Parameter, depth: int) -> str:
        kind = parameter.kind.rstrip("?")
        if self.chance(4):
            return str(self.some(*ODD, *NUMBERS))
        if kind == "tensor":
            return self.expression(depth - 1)
        if kind == "tensors":
            items = [self.expression(depth - 1) for _ in range(self.some(0, 1, 2, 3))]
            return f"[{', '.join(items)}]"
        if kind == "str":
            return str(self.some(*STRINGS))
        if kind == "bool":
            return str(self.some("True", "False"))
        if kind == "dtype":
            return str(self.some(*DTYPES))
        if kind in ("sizes", "dims"):
            return str(self.some(self.shape(), "0", "(0, 1)", "(-1,)", "(1, 0)", "2"))
        if kind in ("dim", "int"):
            return str(self.some(0, 0, 1, 1, -1, 2, 3, -2, 7))
        return str(self.some("0.5", "1", "2.0", "-1", *NUMBERS))

    def arguments(self, signature: Signature, depth: int, first: int = 0) -> str:
        texts: list[str] = []
        for parameter in signature.parameters[first:]:
            if parameter.default is not None and self.chance(60) and texts:
                break
            texts.append(self.argument(parameter, depth))
        if self.chance(5):
            texts.append(self.some("dim=0", "dtype=float32", "keepdim=True", "oops=1", "axis=-1"))
        if self.chance(3):
            texts = texts[:-1]
        return ", ".join(texts)

    def call(self, depth: int) -> str:
        kind = self.random.randrange(10)
        if kind < 5:
            name = self.some(*ROWS)
            return f"{name}({self.arguments(FUNCTIONS[name].signature, depth)})"
        if kind < 8:
            name = self.some(*MEMBERS)
            row = FUNCTIONS.get(name.rstrip("_"))
            value = self.expression(depth - 1)
            if name in ATTRIBUTES:
                return f"{value}.{name}"
            inside = self.arguments(row.signature, depth, 1) if row else self.some("", "0", "x")
            return f"{value}.{name}({inside})"
        if kind < 9 or not self.functions:
            inside = ", ".join(self.expression(depth - 1) for _ in range(self.some(0, 1, 1, 2, 3)))
            return f"{self.some(*OTHER, *GRADS, *GRADS)}({inside})"
        return f"{self.some(*self.functions)}({self.expression(depth - 1)})"

    def expression(self, depth: int = 2) -> str:
        if depth <= 0 or self.chance(25):
            kinds = (*self.names, *self.names, *self.names, self.leaf(), self.leaf(),
                     self.some(*NUMBERS))  # fmt: skip
            return str(self.some(*kinds, self.some(*ODD)) if self.chance(10) else self.some(*kinds))
        inside = self.random.randrange(100)
        if inside < 50:
            return self.call(depth)
        left, right = self.expression(depth - 1), self.expression(depth - 1)
        if inside < 68:
            return f"({left} {self.some(*BINARY)} {right})"
        if inside < 76:
            return f"({left} {self.some(*COMPARE)} {right})"
        if inside < 80:
            return f"({self.some('-', '+', '~', 'not ')}{left})"
        if inside < 88:
            return f"{left}[{', '.join(self.some(*KEYS) for _ in range(self.some(1, 1, 2, 3)))}]"
        if inside < 91:
            return f"({left} if {right} else {self.some(*self.names)})"
        if inside < 93:
            return f"({left} {self.some('and', 'or')} {right})"
        if inside < 95:
            return f"[{left} for i in {self.some('range(3)', right)}]"
        if inside < 97:
            return f"f'{{{self.some(*self.names)}{self.some('', ':.3f', ':>9', '!r', ':q', '=')}}}'"
        return f"{self.some(*GRADS)}({left}, {self.some(*self.names)}, {right})"

    # ---- statements ----------------------------------------------------------------------

    def block(self, depth: int, indent: str) -> list[str]:
        lines: list[str] = []
        for _ in range(self.some(1, 2, 3)):
            lines += self.statement(depth - 1, indent + "    ")
        return lines

    def statement(self, depth: int = 2, indent: str = "") -> list[str]:
        kind, name = self.random.randrange(100), self.some(*self.names)
        if kind < 45 or depth <= 0:
            if self.chance(20) and len(self.names) < 8:
                name = f"n{len(self.names)}"
            text = f"{name} = {self.expression()}"
            self.names += [name] * (name not in self.names)
        elif kind < 50:
            text = f"{name} {self.some(*BINARY)}= {self.expression(1)}"
        elif kind < 54:
            text = f"{self.some('a, b', '(a, [b, c])', name + ', a')} = {self.expression()}"
        elif kind < 60:
            text = f"print({self.expression()}, {name})"
        elif kind < 66:
            text = f"assert {self.expression()}"
        elif kind < 72:
            options = self.some("", "", "retain_graph=True", "ones(2)", self.expression(1))
            text = f"{self.some(name, f'{name}.sum()', f'sum({name})')}.backward({options})"
        elif kind < 76:
            text = self.some(f"{name}.grad = None", f"{name}.requires_grad_()", f"{name}[0] = 1.",
                             f"{name}.grad.zero_()", f"{name}.retain_grad()", f"del {name}",
                             f"{name}.data = {self.expression(1)}", f"{name}.{name} = 1",
                             f"{name}[{self.some(*KEYS)}] = {self.expression(1)}")  # fmt: skip
        elif kind < 78:
            text = f"{name}: {self.some('float64', 'Tensor', 'oops')}[n, 2] = {self.expression(1)}"
        elif kind < 84:
            loop = self.some("i in range(3)", "a, b in zip(x, y)", f"a in {self.expression(1)}")
            return [f"{indent}for {loop}:", *self.block(depth, indent)]
        elif kind < 89:
            lines = [f"{indent}if {self.expression(1)}:", *self.block(depth, indent)]
            return lines + [f"{indent}else:", *self.block(depth, indent)] * self.chance(50)
        elif kind < 95:
            return [f"{indent}with torch.no_grad():", *self.block(depth, indent)]
        elif kind < 98:
            function = f"f{len(self.functions)}"
            body = self.block(depth, indent)
            self.functions.append(function)
            return [f"{indent}def {function}(x, k=2):", *body,
                    f"{indent}    return {self.expression(1)}"]  # fmt: skip
        else:
            text = self.some("break", "continue", "pass", "return x", "import numpy as np",
                             "set_default_dtype(float32)", "manual_seed(3)")  # fmt: skip
        return [indent + text]

    def head(self) -> str:
        return "".join(f"{name} = {self.leaf()}\n" for name in self.names)

    def piece(self) -> str:
        return "".join(f"{line}\n" for line in self.statement())


# ---- what must hold ------------------------------------------------------------------------


def tried(text: str) -> Inspection | GradcliError:
    """Run a program; an error has a place in it, and everything that runs can be shown."""
    try:
        inspection = loads(text, max_nodes=3_000, max_memory=1 << 24).inspection
    except GradcliError as fault:
        error = fault
    else:
        show_all(inspection)
        return inspection
    assert error.source is not None, text
    assert error.span is not None, text
    assert str(error).startswith("<text>:"), text
    return error


def show_all(inspection: Inspection) -> None:
    for render in EVAL.values():
        shown(render(inspection, named=False, full=False, precision=None))
        shown(render(inspection, named=True, full=True, precision=3))
    for backward in (False, True):
        shown(GRAPH["dot"](inspection, values=True, backward=backward, precision=None))
    shown(GRAPH["tree"](inspection, full=False, precision=None))


def grown(writer: Writer, pieces: int) -> None:
    """Try a program that grows statement by statement, without those that are refused."""
    text = writer.head()
    for _ in range(pieces):
        names, functions = list(writer.names), list(writer.functions)
        longer = text + writer.piece()
        if isinstance(tried(longer), Inspection):
            text = longer
        else:
            writer.names, writer.functions = names, functions


def shown(rendered: Any) -> None:
    if not isinstance(rendered, str):
        Console(file=StringIO(), width=100, no_color=True).print(rendered, crop=False)


@given(st.integers(0, 2**64))
@FAST
def test_any_program_is_an_inspection_or_an_error_with_a_place(seed: int) -> None:
    grown(Writer(Random(seed)), 5)


@given(st.randoms(use_true_random=False))
@FAST
def test_any_expression_is_an_inspection_or_an_error_with_a_place(random: Random) -> None:
    writer = Writer(random)
    tried(f"{writer.head()}z = {writer.expression(3)}\n")


@given(st.one_of(st.text().map(lambda t: t.encode("utf-8", "replace")), st.binary()))
@FAST
def test_no_text_makes_the_command_line_fail(data: bytes) -> None:
    outcome = run("eval", "-", stdin=data)
    assert outcome.status in (0, 1, 2)
    assert "Traceback" not in outcome.errors
    assert outcome.status != 2 or outcome.output == ""
