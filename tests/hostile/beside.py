"""Random programs of numbers, run here and by Python: `python -m tests.hostile.beside COUNT SEED`.

They have classes, exceptions, generators, contexts and matches. What is printed must be equal, up
to the same class of error at the end.
"""

from __future__ import annotations

import contextlib
import io
import re
import signal
import sys
from random import Random
from typing import Any

from gradcli import loads
from gradcli.errors import GradcliError, InputFault, LimitFault, SyntaxFault
from gradcli.trace.faults import Raised, class_of

SECONDS = 2  # a program for Python; few are slow, and none is worth more
NAMES = "abc"
ADDRESS = re.compile(
    r" at 0x\w+|(?<=<)list_(?=iterator)|\blist_(?=iterator$)", re.M
)  # not shown here
ERRORS = ("ZeroDivisionError", "ValueError", "(TypeError, KeyError)", "Exception", "Mine",
          "ArithmeticError", "NameError", "AttributeError", "LookupError", "(Mine, IndexError)",
          "StopIteration", "RuntimeError")  # fmt: skip
HEAD = """\
a = 1; b = 2; c = 3; n = 0; depth = 0
class Mine(ValueError):
    def __init__(self, code=0):
        super().__init__('mine', code)
        self.code = code
    def __str__(self): return f'Mine<{self.code}>'
class Base:
    kind = 1
    made = 0
    def __init__(self, v=0):
        self.v = v
        Base.made += 1
    def get(self, k=1): return self.v * k + self.kind
    @property
    def twice(self): return self.v * 2
    @twice.setter
    def twice(self, x): self.v = x // 2
    @classmethod
    def of(cls, v): return cls(v)
    @staticmethod
    def plain(x): return x + 1
    def __repr__(self): return f'{type(self).__name__}({self.v})'
def tick():
    global n
    n += 1
    if n > 60: raise Mine(n)
"""
# bodies of classes: each is one method, which may be there
METHODS = (
    "def __add__(self, o): return type(self)(self.v + (o.v if isinstance(o, Base) else o))",
    "def __radd__(self, o): return o + self.v",
    "def __iadd__(self, o):\n    self.v += 1\n    return self",
    "def __eq__(self, o): return isinstance(o, Base) and self.v == o.v",
    "def __hash__(self): return hash(self.v)",
    "def __lt__(self, o): return self.v < o.v",
    "def __len__(self): return abs(self.v) % 4",
    "def __bool__(self): return self.v % 2 == 1",
    "def __iter__(self):\n    for i in range(abs(self.v) % 4): yield i",
    "def __getitem__(self, i):\n    if i > 3: raise IndexError(i)\n    return self.v + i",
    "def __contains__(self, x): return x == self.v",
    "def __call__(self, x=1): return self.v + x",
    "def __getattr__(self, name):\n    if name[0] == 'q': return len(name)\n"
    "    raise AttributeError(name)",
    "def __setattr__(self, name, x): super().__setattr__(name, x if name == 'v' else 7)",
    "def __enter__(self):\n    print('enter', self.v)\n    return self",
    "def __exit__(self, kind, e, t):\n    print('exit', kind is None)\n    return self.v % 2 == 0",
    "def get(self, k=2): return super().get(k) + 1",
    "def __str__(self): return 'str' + str(self.v)",
    "def __neg__(self): return type(self)(-self.v)",
    "def __int__(self): return self.v",
    "def __index__(self): return self.v",
    "kind = 5",
    "def __format__(self, f): return f'[{f}]'",
    "def __new__(cls, *a):\n    tick()\n    return super().__new__(cls)",
    "def __delattr__(self, name): print('del', name)",
    "@classmethod\ndef of(cls, v): return super().of(v + 1)",
    "__slots__ = ()",
    "def __init_subclass__(cls): cls.kind = 9",
    "def __class_getitem__(cls, x): return x",
    "def __rsub__(self, o): return o",
    "def __sub__(self, o): return NotImplemented",
    "def __reversed__(self): return [3, 2, 1]",
    "def __mul__(self, o): return self.v * int(o)",
    "def __le__(self, o): return NotImplemented",
)


class Writer:
    """Writes a program that Python takes."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.classes = ["Base"]
        self.fresh = 0

    def some(self, *of: Any) -> Any:
        return self.random.choice(of)

    def name(self) -> str:
        return str(self.some(*NAMES))

    def new(self) -> str:
        self.fresh += 1
        return f"w{self.fresh}"

    def condition(self, depth: int = 0) -> str:
        return f"{self.number(depth + 1)} {self.some('<', '==', '>', '!=', '>=')} {self.number(2)}"

    def number(self, depth: int = 0) -> str:
        """Write an expression that mostly is a number."""
        if depth > 2 or self.random.random() < 0.35:
            return str(self.some(*NAMES, *NAMES, 0, 1, 2, -1, 3, 7))
        d = depth + 1
        kind = self.random.randrange(16)
        if kind < 4:
            return f"({self.number(d)} {self.some(*'+-*', '//', '%', '&', '|')} {self.number(d)})"
        if kind == 4:
            return f"({self.number(d)} if {self.condition(d)} else {self.number(d)})"
        if kind == 5:
            return f"({self.name()} := {self.number(d)})"
        if kind == 6:
            return f"f({self.number(d)})"
        if kind == 7:
            return f"sum(x for x in range({self.number(d)} % 5) if {self.condition(d)})"
        if kind == 8:
            return f"sum(g({self.number(d)}))"
        if kind == 9:
            return f"len([x for x in {self.thing(d)}])"
        if kind == 10:
            member = self.some("v", "twice", "kind", "get()", "get(3)", "qq", "z")
            return f"{self.thing(d)}.{member}"
        if kind == 11:
            return f"{self.some(*self.classes)}.{self.some('kind', 'plain(1)', 'made', 'of(2).v')}"
        if kind == 12:
            return f"({self.thing(d)}{self.some('(2)', '[1]', '[5]', ' + 1', '.of(1).v', '(x=2)')})"
        if kind == 13:
            return f"{self.some('len', 'int', 'bool', 'next', 'abs')}({self.thing(d)})"
        if kind == 14:
            return f"({self.thing(d)} {self.some('==', '<', 'in', '!=', '>=')} {self.thing(d)})"
        return f"(lambda x, y={self.number(d)}: x - y)({self.number(d)})"

    def thing(self, depth: int = 0) -> str:
        """Write an expression that mostly is an object."""
        if depth > 2:
            return f"{self.some(*self.classes)}({self.name()})"
        kind = self.random.randrange(8)
        if kind < 4:
            return f"{self.some(*self.classes)}({self.number(depth + 1)})"
        if kind == 4:
            return f"{self.some(*self.classes)}.of({self.number(depth + 1)})"
        if kind == 5:
            return f"g({self.number(depth + 1)})"
        if kind == 6:
            return f"({self.thing(depth + 1)} {self.some('+', '-', '*')} {self.number(2)})"
        plain = ("[1, 2]", "(3, 4)", "'text'", "{1: 2}", "range(3)", "iter([5])", "{4}")
        return str(self.some(*plain))

    def block(self, depth: int, inside: str) -> list[str]:
        lines: list[str] = []
        for _ in range(self.some(1, 2, 3)):
            lines += self.statement(depth, inside)
        return ["    " + line for line in lines]

    def statement(self, depth: int, inside: str) -> list[str]:
        """Write a statement; `inside` has "f" in a function, "g" in a generator, "l" in a loop."""
        kind = self.random.randrange(34)
        d = depth + 1
        name = self.name()
        if depth > 2 or kind < 5:
            return [self.some(f"{name} = {self.number()}", f"{name} += {self.number()}",
                              f"{name} = ({self.number()}) % 11")]  # fmt: skip
        if kind < 8:
            return [f"print({self.some(self.number(), self.thing())}, {name})"]
        if kind == 8:
            tail = ["else:", *self.block(d, inside)] if self.random.random() < 0.5 else []
            return [f"if {self.condition()}:", *self.block(d, inside), *tail]
        if kind in (9, 10):
            items = self.some(f"range({self.random.randrange(4)})", self.thing())
            tail = ["else:", *self.block(d, inside)] if self.random.random() < 0.4 else []
            return [f"for {name} in {items}:", "    tick()", *self.block(d, inside + "l"), *tail]
        if kind == 11:
            w = self.new()
            return [f"{w} = 0", f"while ({w} := {w} + 1) < {self.random.randrange(5)}:",
                    *self.block(d, inside + "l")]  # fmt: skip
        if kind < 16:
            return self.attempt(d, inside)
        if kind == 16:
            what = self.some(f"ValueError({self.number()})", "KeyError('k')", "Mine(3)", "Mine",
                             "IndexError", f"Mine({self.number()})", "StopIteration")  # fmt: skip
            return [f"raise {what}{self.some('', '', ' from None', ' from ValueError(1)')}"]
        if kind == 17 and "l" in inside:
            return [self.some("break", "continue")]
        if kind == 18 and "f" in inside:
            return [f"return {self.number()}"]
        if kind in (19, 20) and "g" in inside:
            return [self.some(f"yield {self.number()}", f"{name} = (yield {self.number()}) or 1",
                              f"yield from range({self.number()} % 4)", "x = [(yield 1), a]",
                              f"print((yield {self.number()}), {name})")]  # fmt: skip
        if kind == 21:
            return [f"{name}, *rest = {self.some('1, 2, 3', '[4]', self.thing(), self.number())}",
                    "print(rest)"]  # fmt: skip
        if kind == 22:
            return self.match(d, inside)
        if kind == 23:
            return [f"del {name}"] if self.random.random() < 0.3 else ["pass"]
        if kind == 24:
            return [f"with {self.thing()} as {name}:", *self.block(d, inside)]
        if kind in (25, 26):
            w = self.new()
            change = self.some(f"{w}.v = {self.number()}", f"{w}.twice = 9", f"{w}.z = 1",
                               f"del {w}.v", f"{w} += 1", f"setattr({w}, 'v', 3)")  # fmt: skip
            return [f"{w} = {self.thing()}", change, f"print({w}, getattr({w}, 'v', 'none'))"]
        if kind == 27:
            w = self.new()
            step = self.some(f"next({w}, 0)", f"{w}.send(None)", f"{w}.send(2)", f"{w}.close()",
                             f"{w}.throw(Mine(1))", f"list({w})")  # fmt: skip
            more = self.some(f"next({w})", f"{w}.send(4)", f"{w}.close()", f"{w}.throw(KeyError)")
            return [f"{w} = g({self.number()})", f"print({step})", f"print({more})"]
        if kind == 28 and not inside:
            return self.definition()
        if kind == 29:
            key = self.some("repr", "str")
            return [f"print(sorted([{self.thing()}, {self.thing()}], key={key}))"]
        if kind == 30:
            first, second = self.thing(), self.thing()
            return [f"print(f'{{{first}!r:>12}}|{{{self.number()}:04d}}|{{{second}}}')"]
        if kind == 31:
            return [f"print({{{self.thing()}: 1}}, max({self.thing()}, {self.thing()}))"]
        if kind == 32:
            return [f"assert {self.condition()}, {self.number()}"]
        shown = f"print(hasattr({self.thing()}, 'v'), type({self.thing()}).__name__)"
        return [str(self.some("raise", "pass", f"print(isinstance({self.thing()}, Base))", shown))]

    def attempt(self, depth: int, inside: str) -> list[str]:
        lines = ["try:", *self.block(depth, inside)]
        handlers = self.random.randrange(3)
        for _ in range(handlers):
            to = self.some("", " as e", f" as {self.name()}")
            lines += [f"except {self.some(*ERRORS)}{to}:", *self.block(depth, inside)]
            if to == " as e" and self.random.random() < 0.7:
                lines += ["    print(type(e).__name__, e.args[1:], e.__cause__)"]
        if handlers and self.random.random() < 0.4:
            lines += ["else:", *self.block(depth, inside)]
        if not handlers or self.random.random() < 0.4:
            lines += ["finally:", *self.block(depth, inside)]
        return lines

    def match(self, depth: int, inside: str) -> list[str]:
        patterns = ("0, _", "(1, a)", "b, 2", "[a, *b] if a", "1 | 2, c", "Base(v=0)", "Base(v=a)",
                    "{1: a}", "int(a)", "str()", "Base(kind=5) | Base(v=1)", "[*_, 3]")  # fmt: skip
        subject = self.some(f"{self.number()}, {self.number()}", self.thing(), self.number())
        lines = [f"match {subject}:"]
        for pattern in self.random.sample(patterns, 3):
            lines += [f"    case {pattern}:", *["    " + x for x in self.block(depth, inside)]]
        return lines

    def definition(self) -> list[str]:
        """Write a class."""
        made = f"C{len(self.classes)}"
        bases = self.random.sample(self.classes, min(len(self.classes), self.some(1, 1, 2)))
        lines = [f"class {made}({', '.join(bases)}):"]
        for method in self.random.sample(METHODS, self.random.randrange(1, 7)):
            lines += ["    " + line for line in method.split("\n")]
        self.classes.append(made)
        return lines

    def program(self) -> str:
        """Write the whole program."""
        lines = []
        for _ in range(self.random.randrange(4)):
            lines += self.definition()
        own = self.some(["    global a"], ["    a = b = c = x"], ["    a = x; b = k; c = 0"])
        lines += ["def f(x, *rest, k=1):", "    tick()", *own, *self.block(1, "f"), "    return a"]
        lines += ["def g(x):", "    tick()", "    a = b = c = x", "    yield x"]
        lines += self.block(1, "fg")
        for _ in range(5):
            lines += self.statement(0, "")
        return HEAD + "\n".join(lines) + "\nprint(a, b, c, n, Base.made)\n"


class Slow(BaseException):
    """A program takes too long."""


def slow(*_: Any) -> None:
    """Stop a program: what the clock of `pythons` calls."""
    raise Slow


def pythons(text: str) -> tuple[str, str] | None:
    """Return what Python prints, and the class of its last error; None for what it refuses."""
    said = io.StringIO()
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        code = compile(text, "program", "exec")
        with contextlib.redirect_stdout(said):
            exec(code, {"__name__": "__main__"})
    except (SyntaxError, RecursionError, Slow, MemoryError):
        return None
    except Exception as error:
        return ADDRESS.sub("", said.getvalue()), type(error).__name__
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return ADDRESS.sub("", said.getvalue()), ""


def ours(text: str) -> tuple[str, str, str]:
    """Return what is printed here, the class of the last error, and its message."""
    end = "except Exception as last:\n    print('LAST', type(last).__name__)"
    full = f"try:\n{_indented(text)}\n{end}"
    try:
        printed = "".join(line + "\n" for line in loads(full).printed)
    except GradcliError as error:
        if isinstance(error, SyntaxFault | InputFault | LimitFault):
            return "", type(error).__name__, str(error)
        named = error.message.split(":")[0] if isinstance(error, Raised) else class_of(error)
        return "", named, str(error)
    *_, end = printed.splitlines() or [""]
    if end.startswith("LAST "):
        return printed[: -len(end) - 1], end[5:], end
    return printed, "", ""


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


def differs(seed: int) -> str | None:
    """Return how a program ends otherwise than Python's does, "skipped" where neither takes it."""
    text = Writer(seed).program()
    expected = pythons(text)
    if expected is None:
        return "skipped"
    printed, kind, message = ours(text)
    if kind in ("SyntaxFault", "InputFault", "LimitFault"):
        return f"skipped: {message}"
    if (printed, kind) == expected:
        return None
    ends = f"Python {expected[1] or 'ends'}, here {kind or 'ends'} {message}"
    return f"{seed}: {ends}\n{expected[0]}\n--\n{printed}"


def main(count: int, seed: int) -> None:
    """Compare so many programs and print what differs."""
    signal.signal(signal.SIGALRM, slow)
    same = skipped = 0
    for at in range(seed, seed + count):
        found = differs(at)
        same += found is None
        skipped += bool(found and found.startswith("skipped"))
        if found and not found.startswith("skipped"):
            print(found, flush=True)
    print(f"{count} programs: {same} the same, {skipped} skipped, {count - same - skipped} differ")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
