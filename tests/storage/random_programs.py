"""Random programs of views, writes, reads and backward, and how they run here and in PyTorch.

With PyTorch 2.13, `python -m tests.storage.random_programs FIRST LAST` runs the programs of these
seeds on both sides, shows where they differ, and says how many agree in how many minutes.
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace
from math import prod
from random import Random
from typing import Any

from tests.storage.sides import Outcome, in_gradcli, in_pytorch

Shape = tuple[int, ...]

SHAPES: list[Shape] = [(), (3,), (3,), (2, 3), (2, 2), (3, 2), (2, 2, 3), (1, 3)]
NUMBERS = ("1.", "2.", "3.", "-1.", "0.5", "-2.", "1.5")
UNARY = ("{x} * 2", "{x} + 1", "-{x}", "{x}.clone()", "3 - {x}", "{x} / 2", "{x} * {x}")
CURVED = ("{x}.exp()", "{x} ** 2", "{x}.sin()", "{x}.sigmoid()", "{x}.abs()", "{x}.tanh()",
          "{x}.relu()", "{x}.sqrt()", "{x} / ({x} + 3)", "1 / {x}", "{x}.cos()", "{x}.log1p()",
          "{x}.clamp(0, 1)", "{x}.softmax(-1)", "{x}.cumsum(-1)", "{x}.exp().log()",
          "F.softplus({x})", "torch.where({x} > 0, {x}, 2.)", "{x} * {x}.detach()",
          "{x}.square()", "torch.lerp({x}, {x} * 2, 0.5)",
          "{x}.logsumexp(-1, True) + {x}")  # fmt: skip
# what PyTorch refuses for integers is left to floats
WRITES = ("{t}.mul_({v})", "{t}.add_({v})", "{t}.sub_({v})", "{t}.zero_()", "{t}.fill_(2.)",
          "{t}.copy_({c})", "{t}.clamp_(-1, 2)", "{t}.neg_()", "{t}.abs_()", "{t}.pow_(2)",
          "{t}.square_()", "{t}.masked_fill_({x} > 0, 1.)", "{t}.clamp_min_(0)",
          "{t}.add_({v}, alpha=2)", "{t}.addcmul_({c}, {c})", "torch.neg({x}.detach(), out={t})",
          "torch.add({x}.detach(), 2, out={t})", "{t}.copy_({x}.detach().clone())")  # fmt: skip
FLOAT_WRITES = ("{t}.relu_()", "{t}.exp_()", "{t}.sin_()", "{t}.div_(2.)", "{t}.tanh_()",
                "{t}.sigmoid_()", "{t}.sqrt_()", "{t}.lerp_({c}, 0.5)", "torch.relu_({t})",
                "F.relu({t}, inplace=True)", "F.leaky_relu({t}, 0.1, inplace=True)",
                "{t}.reciprocal_()", "{t}.addcdiv_({c}, {c} + 4, value=0.5)",
                "torch.exp({x}.detach(), out={t})", "{t}.mul_({c} / 2)",
                "{t}.clamp_(max=1.5)")  # fmt: skip
SOLID_WRITES = ("{t}[0] = 2.", "{t}[1:] *= 2", "{t}[-1] += 1", "{t}[0] = {t}[-1]", "{t}[:] = {v}",
                "{t}[...] = 3.", "{t}[:1].mul_(3)", "{t}[torch.tensor([0])] *= 2",
                "{t}[{t} > 0] = 0.", "{t}[{t} < 0] *= -1", "{t}.cumsum_(0)", "{t}[::2].zero_()",
                "{t}.index_fill_(0, torch.tensor([0]), 5.)", "{t}[-1].copy_({t}[0])",
                "{t}.index_add_(0, torch.tensor([0, 0]), "
                "{t}[:1].detach().repeat({twice}))")  # fmt: skip
MATRIX_WRITES = ("{t}[:, 0] = 1.", "{t}.T.mul_(2)", "{t}.diagonal().fill_(4.)", "{t}[0, 1] = 9.",
                 "{t}[0, 1] -= 1", "{t}[0][1] = 5.", "{t}[1 % {rows}].add_(1)",
                 "{t}[:, 1].zero_()", "{t}[..., 0] *= 2", "{t}[{t}[:, 0] > 0] = 1.",
                 "{t}.fill_diagonal_(7.)", "{t}.triu_()", "{t}.mT[0].add_(1)",
                 "{t}[torch.tensor([0]), 1] = 8.", "{t}.view(-1)[1:3].mul_(2)")  # fmt: skip
AUGMENTED = ("{x} += {v}", "{x} *= {v}", "{x} -= {v}", "{x} **= 2", "{x} += 1")
COMPLEX_WRITES = ("{t}.mul_({v})", "{t}.add_({v})", "{t}.zero_()", "{t}.real.fill_(2.)",
                  "{t}.imag.mul_(3.)", "torch.view_as_real({t})[..., 0] += 1", "{t}.mul_(1j)",
                  "{t}.copy_({c})", "{t}.conj().mul_(2)", "{x} *= 2", "{x} += 1j", "{t}.square_()",
                  "{t}.imag.zero_()", "{t}.conj().imag.add_(1.)", "{t}.exp_()")  # fmt: skip
GRAD_WRITES = ("{x}.grad.zero_()", "{x}.grad.data.zero_()", "{x}.grad *= 0.5",
               "{x}.grad[...] = 1.", "{x}.grad.clamp_(-1, 1)", "{x}.grad = None",
               "{x}.grad.detach().mul_(2)", "{x}.grad.data.add_(1)",
               "{x}.grad = {x}.grad * 3")  # fmt: skip
MODES = ("no_grad()", "no_grad()", "enable_grad()", "set_grad_enabled(False)",
         "set_grad_enabled(True)")  # fmt: skip
FUNCTIONS = (
    "def scale(v):\n    v.mul_(2)\n    return v",
    "def shift(v, by=1.):\n    v += by\n    return v * 2",
    "def head(v):\n    return v.reshape(-1)[:1]",
    "def clean(v):\n    for part in v:\n        part.zero_()\n    return v.sum()",
    "def both(v):\n    w = v.view(-1)\n    w[0] = 3.\n    return v, w",
)
DECORATED = "@torch.{mode}\ndef step(v):\n    v.mul_(0.5)\n    return v + 1"


@dataclass(frozen=True)
class Known:
    """What the writer knows of a tensor: enough to write what mostly runs.

    `parameter`: it lies in the memory of a leaf that requires a gradient. `refused`: PyTorch
    refuses to write it, mostly.
    """

    shape: Shape
    dtype: str = "float64"
    requires: bool = False
    parameter: bool = False
    view: bool = False
    refused: bool = False

    @property
    def is_complex(self) -> bool:
        return self.dtype.startswith("complex")


class Writer:
    """Writes one program."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.lines: list[str] = []
        self.known: dict[str, Known] = {}
        self.indent = ""
        self.graded = True  # whether gradients are recorded where the next line stands
        self.functions: list[str] = []

    def program(self) -> str:
        """Return a program that prints all its tensors and their gradients in the end."""
        for _ in range(self.random.randint(1, 3)):
            self.leaf()
        if self.chance(40):
            self.define()
        for _ in range(self.random.randint(3, 14)):
            self.statement()
        if not self.graded:
            self.put("torch.set_grad_enabled(True)")
        for name in self.known:
            self.put(f"print({name})")
        for name in self.known:
            self.put(f"print({name}.grad)")
        return "\n".join(self.lines) + "\n"

    # ---- choices ---------------------------------------------------------------------------

    def some(self, *choices: Any) -> Any:
        return self.random.choice(choices)

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    def put(self, line: str) -> None:
        self.lines.extend(self.indent + part for part in line.split("\n"))

    def new(self, known: Known) -> str:
        name = f"{'abcdefghijkmnopqrstuvw'[len(self.known) % 22]}{len(self.known)}"
        self.known[name] = known
        return name

    def pick(self) -> str:
        """Return some tensor, a late one more often."""
        names = list(self.known)
        return str(self.some(*names, *names[-3:]))

    def fitting(self, name: str) -> str:
        """Return a tensor that can be broadcast to another's shape, of the same dtype."""
        this = self.known[name]
        n = len(this.shape)
        fits = [
            other
            for other, known in self.known.items()
            if known.dtype == this.dtype
            and not (known.requires and this.parameter)
            and (known.shape == () or known.shape == this.shape[n - len(known.shape) :])
        ]
        return str(self.some(*(fits or [name])))

    # ---- tensors ---------------------------------------------------------------------------

    def data(self, shape: Shape, dtype: str) -> str:
        if not shape:
            number = self.some(*NUMBERS)
            if dtype.startswith("int"):
                return str(self.some("1", "2", "3", "-1", "0"))
            return f"{number}+{self.some('1', '2', '0.5')}j" if dtype[0] == "c" else str(number)
        return "[" + ", ".join(self.data(shape[1:], dtype) for _ in range(shape[0])) + "]"

    def leaf(self) -> None:
        shape = self.some(*SHAPES)
        dtype = self.some(*["float64"] * 9, "float32", "float32", "int64", "complex128")
        requires = self.chance(50) and dtype != "int64"
        name = self.new(Known(shape, dtype, requires, requires))
        data = self.data(shape, dtype)
        flag = ", requires_grad=True" if requires else ""
        self.put(f"{name} = torch.tensor({data}, dtype=torch.{dtype}{flag})")

    def views(self, x: str) -> list[tuple[str, Shape]]:
        """Return expressions of views of a tensor, with their shapes."""
        s = self.known[x].shape
        found = [(f"{x}.unsqueeze(0)", (1, *s)), (f"{x}.unsqueeze(-1)", (*s, 1)),
                 (f"{x}.squeeze()", tuple(n for n in s if n != 1)), (f"{x}[None]", (1, *s)),
                 (f"{x}.view_as({x})", s), (f"{x}[...]", s), (f"{x}.reshape({list(s)})", s),
                 (f"{x}.view({s})", s), (f"{x}.expand_as({x})", s)]  # fmt: skip
        if s:
            n, rest = s[0], s[1:]
            found += [(f"{x}[0]", rest), (f"{x}[-1]", rest), (f"{x}.select(0, 0)", rest),
                      (f"{x}[:1]", (1, *rest)), (f"{x}[::2]", ((n + 1) // 2, *rest)),
                      (f"{x}.narrow(0, 0, 1)", (1, *rest)), (f"{x}.unbind()[0]", rest),
                      (f"{x}.chunk({n})[-1]", (1, *rest)), (f"{x}.split(1)[0]", (1, *rest)),
                      (f"{x}.expand(2, {str(s)[1:-1].rstrip(',')})", (2, *s)),
                      (f"{x}.unfold(0, 1, 1)", (*s, 1))]  # fmt: skip
            if n > 1:
                found += [(f"{x}[1:]", (n - 1, *rest)), (f"{x}[1]", rest)]
            if not (rest and 1 in s):
                found += [(f"{x}.reshape(-1)", (prod(s),)), (f"{x}.flatten()", (prod(s),))]
        if len(s) == 2:
            n, m = s
            found += [(f"{x}.{how}", (m, n)) for how in ("T", "t()", "mT", "transpose(0, 1)")]
            found += [(f"{x}[:, 0]", (n,)), (f"{x}[:, 1:]", (n, m - 1)), (f"{x}[0, 1:]", (m - 1,)),
                      (f"{x}.diagonal()", (min(s),)), (f"{x}[0, 0]", ())]  # fmt: skip
        if len(s) >= 2:
            swapped = (s[1], s[0], *s[2:])
            found += [(f"{x}.movedim(0, 1)", swapped), (f"{x}.swapaxes(0, 1)", swapped)]
        if len(s) == 3:
            found += [(f"{x}.permute(2, 0, 1)", (s[2], s[0], s[1])), (f"{x}[..., 0]", s[:2])]
            found += [(f"{x}[0, :, 1:]", (s[1], s[2] - 1))]
        if self.known[x].is_complex:
            found += [(f"{x}.real", s), (f"{x}.imag", s), (f"torch.view_as_real({x})", (*s, 2)),
                      (f"{x}.conj()", s)] * 3  # fmt: skip
        elif s and s[-1] == 2 and self.known[x].dtype.startswith("float"):
            found.append((f"torch.view_as_complex({x}.contiguous())", s[:-1]))
        return [(text, shape) for text, shape in found if 0 not in shape]

    def dtype_of(self, text: str, x: str) -> str:
        dtype = self.known[x].dtype
        real = {"complex128": "float64", "complex64": "float32"}
        if "view_as_complex" in text:
            return {"float64": "complex128", "float32": "complex64"}[dtype]
        return (
            real.get(dtype, dtype)
            if any(p in text for p in (".real", ".imag", "as_real"))
            else dtype
        )

    def view(self) -> None:
        x = self.pick()
        if self.known[x].requires and not self.graded and self.chance(85):
            self.put(f"print({self.some(*self.views(x))[0]}.sum())")
            return
        text, shape = self.some(*self.views(x))
        several = any(word in text for word in ("unbind", "chunk", "split"))
        known = replace(self.known[x], shape=shape, dtype=self.dtype_of(text, x), view=True)
        if (several and known.requires) or ".expand(" in text or not self.graded:
            known = replace(known, refused=True)
        self.put(f"{self.new(known)} = {text}")

    def result(self, x: str, y: str | None = None) -> Known:
        known, other = self.known[x], self.known[y or x]
        requires = self.graded and (known.requires or other.requires)
        return Known(known.shape, known.dtype, requires)

    def compute(self) -> None:
        x = self.pick()
        known = self.known[x]
        kind = self.random.randrange(10)
        if kind < 3:
            y = self.fitting(x)
            self.put(f"{self.new(self.result(x, y))} = {x} {self.some('+', '-', '*')} {y}")
        elif kind < 5:
            how = self.some("{x}.detach()", "{x}.data", "{x}.detach().clone()")
            self.put(f"{self.new(replace(known, requires=False, parameter=False))} = "
                     + how.format(x=x))  # fmt: skip
        elif kind < 7 and known.dtype.startswith("float"):
            self.put(f"{self.new(self.result(x))} = {self.some(*CURVED).format(x=x)}")
        else:
            texts = [t for t in UNARY if known.dtype != "int64" or "/" not in t]
            self.put(f"{self.new(self.result(x))} = {self.some(*texts).format(x=x)}")

    # ---- changes in place ------------------------------------------------------------------

    def writable(self) -> str:
        """Return a tensor that can be written where the next line stands, mostly."""
        for _ in range(6):
            x = self.pick()
            known = self.known[x]
            guarded = (known.parameter or known.refused) and known.requires and self.graded
            if not guarded and not (known.refused and self.chance(90)):
                break
        return x

    def write(self) -> None:
        x = self.writable() if self.chance(96) else self.pick()
        known = self.known[x]
        guarded = known.requires and (known.parameter or known.refused) and self.graded
        road = self.some("", "", "", ".data", ".detach()")
        if guarded and self.chance(92):
            road = self.some(".data", ".detach()")
        if not guarded and not known.requires and self.chance(8):
            road = ".numpy()[...] = 2." if known.dtype != "complex128" else ""
            if road:
                self.put(f"{x}.detach(){road}")
                return
        forms = self.forms(known, road)
        rows, twice = (known.shape or (1,))[0], ", ".join(["2", *["1"] * (len(known.shape) - 1)])
        self.put(self.some(*forms).format(
            x=x, t=x + road, v=self.operand(x), c=self.fitting(x), rows=rows, twice=twice
        ))  # fmt: skip

    def forms(self, known: Known, road: str) -> list[str]:
        if known.is_complex:
            return [f for f in COMPLEX_WRITES if not road or not f.startswith("{x}")]
        forms = [*WRITES, *(AUGMENTED if not road else ())]
        if known.dtype == "int64":
            forms = [f for f in forms if "{v}" not in f]
        else:
            forms += FLOAT_WRITES
        if known.shape:
            forms += SOLID_WRITES
        if len(known.shape) == 2 and known.shape[1] > 1:
            forms += MATRIX_WRITES
        return forms

    def operand(self, x: str) -> str:
        if self.chance(50):
            return str(self.some("2.", "0.5", "-1.", "3."))
        y = self.fitting(x)
        return str(self.some(y, y, f"{y} * 2", f"{y}.detach()"))

    def within(self) -> None:
        """Write in a block with a mode of its own, or set the mode for all that follows."""
        mode, before = self.some(*MODES), self.graded
        after = "enable" in mode and "False" not in mode
        if "set_grad_enabled" in mode and self.chance(30) and not self.indent:
            self.put(f"torch.{mode}")
            self.graded = after
            return
        self.put(f"with torch.{mode}:")
        self.indent, self.graded = self.indent + "    ", after
        for _ in range(self.random.randint(1, 2)):
            self.some(self.write, self.write, self.write, self.view, self.compute)()
        if len(self.indent) == 4 and self.chance(25):
            self.within()
        self.indent, self.graded = self.indent[4:], before

    # ---- Python ----------------------------------------------------------------------------

    def define(self) -> None:
        function = self.some(*FUNCTIONS, DECORATED.format(mode=self.some(*MODES)))
        self.put(function)
        self.functions.append(function)

    def call(self) -> None:
        if not self.functions:
            self.loop()
            return
        x = self.writable()
        text, shape = self.some((x, self.known[x].shape), *self.views(x))
        name = self.functions[0].split("def ")[1].split("(")[0]
        known = replace(self.result(x), shape=shape, dtype=self.dtype_of(text, x))
        if name == "both":
            other = self.new(replace(known, shape=(prod(shape),)))
            self.put(f"{self.new(known)}, {other} = both({text})")
        elif name == "clean":
            self.put(f"{self.new(replace(known, shape=()))} = clean({text})")
        elif name == "head":
            self.put(f"head({text}).add_(1)")
        else:
            self.put(f"{self.new(known)} = {name}({text})")

    def loop(self) -> None:
        x = self.writable()
        known = self.known[x]
        change = self.some("mul_(2)", "add_(1)", "neg_()", "zero_()")
        if not known.shape:
            self.put(f"for i in range(2): {x}.{change}")
            return
        self.put(str(self.some(
            f"for row in {x}: row.{change}",
            f"for i in range({known.shape[0]}): {x}[i].{change}",
            f"for i in range({known.shape[0]}): {x}[i] = {x}[i] * 2",
            f"for i, row in enumerate({x}): row += i",
            f"for i in range(1, {known.shape[0]}): {x}[i] = {x}[i - 1] + 1",
        )))  # fmt: skip

    def collect(self) -> None:
        """Change tensors through lists, tuples, or a tuple of targets."""
        x, y = self.writable(), self.writable()
        change = self.some("mul_(2)", "add_(1)", "neg_()", "zero_()")
        kind = self.random.randrange(5)
        (text, _), name = self.some(*self.views(x)), f"L{len(self.lines)}"
        if kind == 0:
            self.put(f"{name} = [{text}, {y}]\n{name}[{self.some(0, 1)}].{change}")
        elif kind == 1:
            self.put(f"for item in ({text}, {y}): item.{change}")
        elif kind == 2:
            self.put(f"{name} = [({text}, {y}), {y}]\n{name}[0][0].{change}")
        elif kind == 3 and self.known[x].shape:
            n, *rest = self.known[x].shape
            known = replace(self.known[x], shape=tuple(rest), refused=self.known[x].requires)
            names = ", ".join(self.new(known) for _ in range(n))
            self.put(f"{names}{',' * (n == 1)} = {self.some(x, x + '.unbind()')}")
        else:
            self.put(f"{name} = [{x}[...], {text}]\n{name}[-1] {self.some('+=', '*=')} 2")

    # ---- gradients -------------------------------------------------------------------------

    def backward(self) -> None:
        able = [n for n, k in self.known.items() if k.requires and not k.is_complex]
        if not able or not self.graded:
            self.compute()
            return
        x = self.some(*able, *able[-4:])
        keep = self.some("", "retain_graph=True", "retain_graph=True")
        self.put(f"{x}.sum().backward({keep})")
        for name in self.known:
            if self.chance(30):
                self.put(f"print({name}.grad)")

    def gradient(self) -> None:
        x = self.pick()
        self.put(f"if {x}.grad is not None: {self.some(*GRAD_WRITES).format(x=x)}")

    def state(self) -> None:
        x = self.pick()
        known = self.known[x]
        kind = self.random.randrange(8)
        if kind == 0 and known.requires:
            self.put(f"{x}.retain_grad()")
        elif kind == 1 and not known.parameter and self.chance(50):
            self.put(f"{x}.detach_()")
        elif kind == 2 and not known.requires and known.dtype != "int64":
            self.put(f"{x}.requires_grad_()")
            self.known[x] = replace(known, requires=True, parameter=True)
        elif kind == 3:
            self.put(f"print({x}.is_leaf, {x}.requires_grad, {x}.grad_fn is None)")
        elif kind == 4:
            self.put("print(torch.is_grad_enabled())")
        elif kind == 5 and not known.view:  # of a view PyTorch takes the new memory for its base
            self.put(f"{x}.data = {x}.detach() * 2")
        else:
            self.put(f"print({x})")

    def statement(self) -> None:
        self.some(
            *[self.view] * 7, *[self.compute] * 7, *[self.write] * 9, *[self.within] * 3,
            self.call, self.loop, self.collect, self.collect, *[self.backward] * 3,
            self.gradient, *[self.state] * 3,
        )()  # fmt: skip


def program(seed: int) -> str:
    """Return the program of a seed."""
    return Writer(seed).program()


# ---- comparison --------------------------------------------------------------------------------

NO_GRAD_VIEW = "a view made under no_grad requires a gradient in PyTorch, which flows nowhere"
# how an error begins, in PyTorch and here, and why the other side has none or another one
DIFFERENT_ERRORS = (
    ("", "unsupported operation: more than one element of the written-to tensor",
     "elements that overlap are never written here"),
    ("Tensor must have a storage_offset", "", "any pairs of numbers are complex numbers here"),
    ("view_as_real doesn't work on unresolved conj", "", "conjugates have values of their own"),
    ("a leaf Variable that requires grad", "",
     "PyTorch may not write a view whose base had no history yet when it was last used"),
    ("unsupported operation: some elements", "", "strides of dimensions of size 1"),
    ("", "can't retain_grad on Tensor", NO_GRAD_VIEW),
    ("", "the operand shares elements with the tensor",
     "PyTorch's result depends on the order in which it goes through the elements"),
    ("", "element 0 of tensors does not require grad", NO_GRAD_VIEW),
)  # fmt: skip


def accepted(program: str, theirs: Outcome, ours: Outcome) -> str | None:
    """Return why a difference is none that counts, None where it counts."""
    wrong, mine = theirs.error or "", ours.error or ""
    if "grad_fn=<Invalid>" in theirs.printed and "modified inplace" in mine:
        return "PyTorch prints a view that must not be read any more; here it is not read"
    for start, ours_start, reason in DIFFERENT_ERRORS:
        meant = bool(start and wrong.startswith(start)) or bool(
            ours_start and mine.startswith(ours_start)
        )
        if meant and not (wrong and mine) and (reason != NO_GRAD_VIEW or _modes(program)):
            return reason
    if wrong != mine:
        made = re.compile(r", which is output \d+ of [\w:]+,")
        if made.sub("", wrong) == made.sub("", mine) and theirs.printed == ours.printed:
            return "which operation is said to have made a view that was changed"
        return None
    if _close(_bare(theirs.printed), _bare(ours.printed)):
        if _close(theirs.printed, ours.printed):
            return "rounding"
        if _modes(program) and "requires_grad=True" in theirs.printed:
            return NO_GRAD_VIEW
        if "detach_()" in program or "requires_grad_()" in program:
            return "views of what was detached, or made a leaf, keep what they had"
    return None


def _modes(program: str) -> bool:
    """Say whether a program does anything without recording gradients."""
    return "no_grad" in program or "set_grad_enabled(False)" in program


NUMBER = re.compile(r"-?(?:\d+\.\d*(?:e[+-]\d+)?)")


def _close(one: str, other: str) -> bool:
    """Say whether two texts have the same words, and numbers that differ by rounding."""
    if "".join(NUMBER.sub("", one).split()) != "".join(NUMBER.sub("", other).split()):
        return False
    pairs = zip(NUMBER.findall(one), NUMBER.findall(other), strict=False)
    return all(abs(float(a) - float(b)) <= 1e-3 + 2e-6 * abs(float(a)) for a, b in pairs)


def _bare(printed: str) -> str:
    """Leave out what autograd knows of the tensors that are printed."""
    printed = re.sub(r",\s+(requires_grad=True|grad_fn=<\w+>)", "", printed)
    return re.sub(r"(True|False) (True|False) (True|False)", "", printed)


def main() -> int:
    """Run the programs of some seeds on both sides."""
    first, last = int(sys.argv[1]), int(sys.argv[2])
    start, failed = time.perf_counter(), 0
    agreed: Counter[str] = Counter()
    for seed in range(first, last):
        text = program(seed)
        theirs = in_pytorch(text)
        try:
            ours = in_gradcli(text)
        except Exception as raised:  # a traceback is the worst difference
            ours = Outcome("", f"TRACEBACK {type(raised).__name__}: {raised}")
        reason = "" if theirs == ours else accepted(text, theirs, ours)
        if reason is not None:
            agreed[reason] += 1
            failed += theirs.error is not None
            continue
        print(f"==== {seed}\n{text}---- PyTorch: {theirs.error}\n{theirs.printed}"
              f"---- gradcli: {ours.error}\n{ours.printed}")  # fmt: skip
    minutes = (time.perf_counter() - start) / 60
    count = sum(agreed.values())
    print(f"{count} of {last - first} programs agree in {minutes:.1f} minutes; {failed} of them "
          "end with an error")  # fmt: skip
    for reason, n in agreed.items():
        if reason:
            print(f"{n:6} {reason}")
    return 0 if count == last - first else 1


if __name__ == "__main__":
    sys.exit(main())
