"""Formulas that lose the number on the way, and the same without: found on the tape, by any name.

Both sides are written in the language. Names of the left side stand for any operand, the same for
the same one; `d` is the dimension of a sum, `dk` with its `keepdim`, `k` with one in any case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from math import log
from typing import NamedTuple

from gradcli.diagnose.findings import Edit, Rewrite
from gradcli.diagnose.nonfinite.forms import SIGNS, Form, Operand, alike, bare, form, users
from gradcli.diagnose.nonfinite.spelling import dimension, filled
from gradcli.diagnose.subject import Subject
from gradcli.errors import Source, Span
from gradcli.syntax import parse, tree
from gradcli.syntax.tree import Expression

FAR = 8  # operations from a beginning to the end of a formula that it stands in
WIDE = 60  # operations that are looked at there
BOTH_WAYS = {"add", "mul"}
SHAPES = {"unsqueeze", "view", "expand", "_to_copy", "permute", "squeeze", "_index"}
NUMBERS = {"e": 2.718281828459045, "pi": 3.141592653589793}


class Pattern(NamedTuple):
    """A formula, what is better, and in a few words why."""

    written: str
    better: str
    why: str


SIGMOID, SOFTPLUS = "sigmoid has no exp that overflows", "softplus has no exp that overflows"
TANH = "tanh has no exp that overflows"
LOG_SIGMOID = "logsigmoid takes the logarithm without the sigmoid, which underflows"
SUM = "logsumexp takes the largest exponent out first"
SOFTMAX = "softmax takes the largest exponent out first"
LOG_SOFTMAX = "log_softmax takes the logarithm without the softmax, which underflows"
NORM = "the gradient of norm is 0 at 0"
HYPOT = "hypot neither overflows nor underflows"
ENTROPY = "0 log 0 is 0"
PRODUCT = "a sum of logarithms neither overflows nor underflows"
COSH = "log cosh without the cosh, which overflows"

PATTERNS = tuple(
    Pattern(written, better, why)
    for why, pairs in {
        LOG_SIGMOID: [
            ("log(sigmoid(x))", "logsigmoid(x)"),
            ("log(1/(1 + exp(-x)))", "logsigmoid(x)"),
            ("log(exp(x)/(1 + exp(x)))", "logsigmoid(x)"),
            ("log(1 - sigmoid(x))", "logsigmoid(-x)"),
            ("log1p(-sigmoid(x))", "logsigmoid(-x)"),
            ("log(1 - 1/(1 + exp(-x)))", "logsigmoid(-x)"),
            ("log(sigmoid(x))", "-logaddexp(-x, 0.0)"),
            ("log(1/(1 + exp(-x)))", "-logaddexp(-x, 0.0)"),
            ("log(1 - 1/(1 + exp(-x)))", "-logaddexp(x, 0.0)"),
        ],
        LOG_SOFTMAX: [
            ("log(softmax(x))", "log_softmax(x, dim=d)"),
            ("log(exp(x)/sum(exp(x)))", "log_softmax(x, dim=d)"),
        ],
        "log_ndtr takes the logarithm without the probability, which underflows": [
            ("log(0.5*(1 + erf(x/1.4142135623730951)))", "log_ndtr(x)"),
        ],
        SUM: [
            ("log(sum(exp(x)))", "logsumexp(x, dim=dk)"),
            ("log(exp(x) + exp(y))", "logaddexp(x, y)"),
            ("log(sum(exp(x)))", "x.max() + log(sum(exp(x - x.max())))"),
            ("log(sum(exp(x)))", "amax(x, dim=dk) + log(sum(exp(x - amax(x, dim=k)), dim=dk))"),
        ],
        SOFTMAX: [
            ("exp(x)/sum(exp(x))", "softmax(x, dim=d)"),
            ("exp(x)/sum(exp(x))", "exp(x - x.max())/sum(exp(x - x.max()))"),
            ("exp(x)/sum(exp(x))", "exp(x - amax(x, dim=k))/sum(exp(x - amax(x, dim=k)), dim=dk)"),
            ("exp(x)/(exp(x) + exp(y))", "sigmoid(x - y)"),
            ("sum(exp(x)*y)/sum(exp(x))", "sum(softmax(x, dim=d)*y)"),
            ("exp(x)/exp(y)", "exp(x - y)"),
            ("exp(x)*exp(y)", "exp(x + y)"),
        ],
        SIGMOID: [
            ("1/(1 + exp(-x))", "sigmoid(x)"),
            ("1/(1 + exp(x))", "sigmoid(-x)"),
            ("exp(x)/(1 + exp(x))", "sigmoid(x)"),
            ("exp(-x)/(1 + exp(-x))", "sigmoid(-x)"),
            ("z/(1 + exp(-x))", "z*sigmoid(x)"),
            ("z/(1 + exp(x))", "z*sigmoid(-x)"),
            ("1/(1 + exp(-x))", "0.5*(1.0 + tanh(0.5*x))"),
            ("1/(1 + exp(x))", "0.5*(1.0 - tanh(0.5*x))"),
            ("exp(x)/(1 + exp(x))", "0.5*(1.0 + tanh(0.5*x))"),
        ],
        SOFTPLUS: [
            ("log(1 + exp(-x))", "softplus(-x)"),
            ("log1p(exp(-x))", "softplus(-x)"),
            ("log(1 + exp(x))", "softplus(x)"),
            ("log1p(exp(x))", "softplus(x)"),
            ("log(1 + exp(x))", "logaddexp(x, 0.0)"),
            ("log1p(exp(x))", "logaddexp(x, 0.0)"),
        ],
        TANH: [
            ("(exp(x) - exp(-x))/(exp(x) + exp(-x))", "tanh(x)"),
            ("(exp(2*x) - 1)/(exp(2*x) + 1)", "tanh(x)"),
            ("(1 - exp(-2*x))/(1 + exp(-2*x))", "tanh(x)"),
            ("(1 - exp(-x))/(1 + exp(-x))", "tanh(0.5*x)"),
            ("(exp(x) - 1)/(exp(x) + 1)", "tanh(0.5*x)"),
            ("sinh(x)/cosh(x)", "tanh(x)"),
            ("2/(1 + exp(-2*x)) - 1", "tanh(x)"),
            ("1 - 2/(exp(2*x) + 1)", "tanh(x)"),
        ],
        COSH: [
            ("log(cosh(x))", "abs(x) + softplus(-2.0*abs(x)) - 0.6931471805599453"),
            ("log(cosh(x))", "logaddexp(x, -x) - 0.6931471805599453"),
            ("log((exp(x) + exp(-x))/2)", "logaddexp(x, -x) - 0.6931471805599453"),
            ("log(exp(x) + exp(-x))", "logaddexp(x, -x)"),
        ],
        "1 - tanh² is 1/cosh²": [
            ("log(1 - tanh(x)**2)", "2.0*(0.6931471805599453 - logaddexp(x, -x))"),
        ],
        "it is what stands inside": [("log(exp(x))", "x")],
        PRODUCT: [
            ("log(prod(exp(x)))", "sum(x, dim=dk)"),
            ("log(prod(x))", "sum(log(x), dim=dk)"),
            ("log(x*y)", "log(x) + log(y)"),
            ("log(exp(x)/y)", "x - log(y)"),
            ("log(y*exp(x))", "log(y) + x"),
            ("log(x/y)", "log(x) - log(y)"),
            ("log(x**2)", "2.0*log(abs(x))"),
            ("log(x**y)", "y*log(x)"),
            ("log(erfc(x))", "log_ndtr(-1.4142135623730951*x) + 0.6931471805599453"),
            ("exp(lgamma(x))/exp(lgamma(y))", "exp(lgamma(x) - lgamma(y))"),
        ],
        ENTROPY: [
            ("-x*log(x)", "entr(x)"),
            ("x*log(x)", "xlogy(x, x)"),
            ("x*log(x)", "-entr(x)"),
            ("x*log(y)", "xlogy(x, y)"),
            ("x*log2(x)", "-entr(x)/0.6931471805599453"),
        ],
        NORM: [
            ("sqrt(sum(x**2))", "norm(x, dim=dk)"),
            ("sqrt(dot(x, x))", "norm(x)"),
            ("sqrt(x**2)", "abs(x)"),
            ("sqrt(mean(x**2))", "norm(x, dim=dk)/n**0.5"),
        ],
        "the angle by its tangent, which knows it near 0 as well": [
            (
                "acos(dot(x, y)/(norm(x)*norm(y)))",
                "2*atan2(norm(x/norm(x) - y/norm(y)), norm(x/norm(x) + y/norm(y)))",
            ),
        ],
        HYPOT: [
            ("sqrt(x**2 + y**2)", "hypot(x, y)"),
            ("sqrt(x**2 + 1)", "hypot(x, ones_like(x))"),
            ("log(x + sqrt(x**2 + 1))", "asinh(x)"),
            ("norm(x)", "abs(x).max()*norm(x/abs(x).max(), dim=dk)"),
            ("sqrt(sum(x**2))", "abs(x).max()*norm(x/abs(x).max(), dim=dk)"),
        ],
    }.items()
    for written, better in pairs
)


@dataclass
class Found:
    """What a formula's names stand for, and the rows that it was computed by."""

    names: dict[str, Operand] = field(default_factory=dict)
    rows: set[int] = field(default_factory=set)
    texts: dict[str, str] = field(default_factory=dict)

    def copy(self) -> Found:
        """Return the same, to be tried further."""
        return Found(dict(self.names), set(self.rows), dict(self.texts))


@cache
def _expression(text: str) -> Expression:
    statement = parse(Source("formula", text)).statements[0]
    assert isinstance(statement, tree.ExpressionStatement), "a formula is an expression"
    return statement.value


def rewritings(subject: Subject, row: int) -> Iterator[Rewrite]:
    """Yield what is better, of formulas that a row stands in: of the longest one first."""
    found = []
    for end in _ahead(subject, row):
        it = form(subject, end)
        if it is None or it.whole is None:
            continue
        for pattern in PATTERNS:
            hit = matched(subject, _expression(pattern.written), it)
            if hit is not None and row in hit.rows:
                found.append((len(pattern.written), pattern, it, hit))
    for _, pattern, it, hit in sorted(found, key=lambda x: -x[0]):
        text = _put(subject, pattern.better, hit)
        if text is not None and it.whole is not None:
            yield Rewrite((edit(subject, it.whole.span, text),), pattern.why)


def matched_text(subject: Subject, written: str, better: str, it: Form) -> str | None:
    """Return what is better of a formula where a row is of that form."""
    hit = matched(subject, _expression(written), it)
    return None if hit is None else _put(subject, better, hit)


def _put(subject: Subject, better: str, hit: Found) -> str | None:
    if "n" in hit.texts and hit.texts["all"]:
        better = re.sub(r"((?:norm|sum)\(.*), dim=dk\)", r"\1)", better)
    names = {name: text_of(subject, operand) for name, operand in hit.names.items()}
    for name, operand in hit.names.items():  # a Python number, of which no library takes the log
        if isinstance(operand.number, int | float) and operand.number > 0:
            better = better.replace(f"log({name})", repr(log(operand.number)))
    return filled(subject, better, {**hit.texts, **names})


def _ahead(subject: Subject, row: int) -> list[int]:
    """Return a row and those computed from it, a few operations on."""
    following, found, last = users(subject), [row], [row]
    for _ in range(FAR):
        last = [u for i in last for u in following.get(i, ())]
        last = [i for i in dict.fromkeys(last) if i not in found][: WIDE - len(found)]
        found += last
    return found


def matched(subject: Subject, pattern: Expression, it: Form) -> Found | None:
    """Return what the names of a formula stand for where a row is of that form."""
    return next(_forms(subject, pattern, it, Found()), None)


def _forms(subject: Subject, pattern: Expression, it: Form, found: Found) -> Iterator[Found]:
    pattern = bare(pattern) or pattern
    name, wanted = _parts(pattern)
    if not name:
        return
    if it.name in SHAPES and name != it.name:
        inside = it.operands[0].row
        if inside is not None and (next_ := form(subject, inside)) is not None:
            found = found.copy()
            found.rows.add(it.row)
            yield from _forms(subject, pattern, next_, found)
        return
    if it.name != name or len(it.operands) < len(wanted):
        return
    found = found.copy()
    found.rows.add(it.row)
    _dimensions(subject, it, found)
    given = it.operands[: len(wanted)]
    orders = [given, given[::-1]] if name in BOTH_WAYS else [given]
    for order in orders:
        yield from _operands(subject, list(zip(wanted, order, strict=True)), found)


def _operands(
    subject: Subject, pairs: list[tuple[Expression, Operand]], found: Found
) -> Iterator[Found]:
    if not pairs:
        yield found
        return
    for one in _operand(subject, *pairs[0], found):
        yield from _operands(subject, pairs[1:], one)


def _operand(
    subject: Subject, pattern: Expression, operand: Operand, found: Found
) -> Iterator[Found]:
    pattern = bare(pattern) or pattern
    match pattern:
        case tree.Name(id=name):
            before = found.names.get(name)
            if before is None:
                found = found.copy()
                found.names[name] = operand
                yield found
            elif before.row is not None and operand.row is not None:
                if alike(subject, before.row, operand.row):
                    yield found
            elif before.row is None and before.number == operand.number:
                yield found
        case tree.Constant(value=int() | float() as number):
            if operand.number == number or _is_all(subject, operand.row, number):
                yield found
        case tree.Unary(operand=tree.Constant(value=int() | float() as number)):
            if operand.number == -number:
                yield found
        case tree.Binary(operator="*", left=tree.Unary(operand=tree.Constant(value=int() as k))):
            yield from _row(subject, pattern._replace(left=tree.Constant(-k, pattern.span)),
                            operand, found)  # fmt: skip
        case _:
            yield from _row(subject, pattern, operand, found)


def _row(subject: Subject, pattern: Expression, operand: Operand, found: Found) -> Iterator[Found]:
    it = None if operand.row is None else form(subject, operand.row)
    if it is not None:
        yield from _forms(subject, pattern, it, found)


def _parts(pattern: Expression) -> tuple[str, tuple[Expression, ...]]:
    """Return which operation a formula ends in, and its operands."""
    match pattern:
        case tree.Binary(operator=sign, left=left, right=right):
            return SIGNS[sign], (left, right)
        case tree.Unary(operand=operand):
            return "neg", (operand,)
        case tree.Call(function=tree.Name(id=name), arguments=given):
            return name, given
    return "", ()


def _is_all(subject: Subject, row: int | None, number: float) -> bool:
    """Say whether a row is data that has one number everywhere."""
    if row is None or subject.graph.ops[row] is not None or subject.graph.requires_grad[row]:
        return False
    return bool((subject.value(row) == number).all())


def _dimensions(subject: Subject, it: Form, found: Found) -> None:
    """Keep along which dimensions a sum goes, as texts."""
    if "dim" not in it.attrs or it.operands[0].row is None:
        return
    shape = subject.graph.metas[it.operands[0].row].shape
    dims = it.attrs["dim"]
    if dims is None:
        dims = tuple(range(len(shape)))
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    text = str(dims[0]) if len(dims) == 1 else str(dims)
    keep = "keepdims" if dimension(subject) == "axis" else "keepdim"
    found.texts["d"] = found.texts["dk"] = text if dims else "None"
    found.texts["k"] = f"{found.texts['d']}, {keep}=True"
    if it.attrs.get("keepdim"):
        found.texts["dk"] = found.texts["k"]
    count = 1
    for k in dims:
        count *= shape[k]
    found.texts["n"], found.texts["all"] = str(count), "all" if it.attrs["dim"] is None else ""


# ---- texts ---------------------------------------------------------------------------------


def text_of(subject: Subject, operand: Operand) -> str:
    """Return an operand as it stands in the file."""
    if operand.text is not None:
        return subject.written((bare(operand.text) or operand.text).span)
    if operand.row is None:
        number = operand.number
        return repr(number.real if isinstance(number, complex) else number)
    graph = subject.graph
    return graph.notes.names.get(operand.row) or subject.written(subject.span(operand.row))


def replaced(subject: Subject, whole: Span, parts: list[tuple[Span, str]]) -> str:
    """Return the text of a piece of the file with other texts in the place of parts of it."""
    text = subject.written(whole)
    for span, new in sorted(parts, reverse=True):
        if whole.start <= span.start <= span.end <= whole.end:
            text = text[: span.start - whole.start] + new + text[span.end - whole.start :]
    return text


def _groups(subject: Subject) -> dict[Span, Span]:
    """Return what stands in brackets, with the brackets."""
    nodes = tree.nodes_of(subject.statements)
    return {it.inner.span: it.span for it in nodes if isinstance(it, tree.Group)}


def edit(subject: Subject, span: Span, text: str) -> Edit:
    """Return a text in the place of an expression, without brackets that nobody needs."""
    groups = subject.once(_groups)
    if _is_whole(text):
        while span in groups:
            span = groups[span]
    return Edit(span, fitting(subject, span, text))


def fitting(subject: Subject, span: Span, text: str) -> str:
    """Return a text in brackets where what stands around it would take it apart."""
    if not re.search(r"[-+*/ ]", text) or _is_whole(text):
        return text
    before, after = subject.source.text[: span.start].rstrip(" "), subject.source.text[span.end :]
    opens = not before or before[-1] in "=(,[\n:;" or before.endswith("return")
    closes = re.match(r"\s*(?:$|[\n),\];#])", after) is not None
    return text if opens and closes and not before.endswith("==") else f"({text})"


def _is_whole(text: str) -> bool:
    plain = (tree.Call, tree.Group, tree.Name)
    return isinstance(_expression(text), plain)
