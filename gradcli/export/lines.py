"""The lines of a script: each result as a formula of those before it, in ways to be tried."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gradcli.errors import ArgumentFault, GradcliError, InputFault
from gradcli.export.names import Names
from gradcli.export.script import Library
from gradcli.formula.dialects import Dialect
from gradcli.formula.expressions import Formula, Name, Number
from gradcli.formula.points import mentioned
from gradcli.formula.reading import read
from gradcli.formula.simplify import Simplifier
from gradcli.formula.text import text
from gradcli.graph import Graph
from gradcli.rule.dtypes import Array

NO_NUMBER = re.compile(r"(?<![\w.])(inf|nan)\b")  # which are names in the language
OF_NUMBERS = re.compile(  # which PyTorch's have tensors alone
    r"torch\.(maximum|minimum)\(([^(),]*(?:\([^()]*\)[^(),]*)*), (-?[\d.]+)\)"
)
NEEDLESS = re.compile(r"(?<![\w\])])\((\w+)\)")  # brackets around a name
WIDEST = 98  # columns of a formula, from which on it takes several lines


@dataclass
class Line:
    """`name = text`; `value` is what it must give, `ways` other texts for the same.

    `uses` are the names in each text. `where` is the row that the line is of; it is `derived` where
    it is a gradient. `above` is a comment.
    """

    name: str
    ways: list[tuple[str, frozenset[str]]]
    value: Array
    where: int
    derived: bool = False
    above: str = ""

    def __str__(self) -> str:
        return f"{self.above}{self.name} = {_broken(self.ways[0][0], len(self.name))}"

    @property
    def uses(self) -> frozenset[str]:
        """The names in it."""
        return self.ways[0][1]


def line(
    names: Names, library: Library, graph: Graph, row: int, known: Mapping[int, Formula],
    name: str, where: int, *, derived: bool = False,
) -> Line:  # fmt: skip
    """Return a line that computes a row from rows that have names.

    Raises: InputFault where the library has no function for it, or none is known.
    """
    dtype = graph.metas[row].dtype
    dialect = library.at(dtype)
    dtypes = {x.name: graph.metas[i].dtype for i, x in known.items() if isinstance(x, Name)}
    try:
        (plain,) = read(graph, [row], known)
    except GradcliError as error:
        raise refused(names, where, dialect.name, error.message) from None
    ways: dict[str, frozenset[str]] = {}
    why = ""
    for formula in (
        Simplifier(masks=False).simplified(plain), Simplifier().simplified(plain), plain
    ):  # fmt: skip
        try:
            found = text(formula, dialect)
        except ArgumentFault as error:
            why = error.message
            continue
        except LookupError:  # of a template: an argument that is left out
            why = "an argument has no place in what is written for it"
            continue
        if dialect.name == "torch":
            found = OF_NUMBERS.sub(_bounded, found)
        found = NEEDLESS.sub(r"\1", found)
        found = NO_NUMBER.sub(rf"{dialect.prefix}\1", found)
        used = mentioned(formula)
        if "constant" in used and "constant" not in names.taken:
            why = "it is computed with a tensor that has no name"
            continue
        if isinstance(formula, Number):
            found = _filled(dialect, found)
        found = library.kept(found, dtype, {dtypes.get(n) for n in used})
        ways.setdefault(found, frozenset(used))
    if not ways:
        raise refused(names, where, dialect.name, why)
    return Line(name, list(ways.items()), graph.value(row), where, derived)


def _bounded(found: re.Match[str]) -> str:
    bound = {"maximum": "min", "minimum": "max"}[found[1]]
    return f"torch.clamp({found[2]}, {bound}={found[3]})"


def _filled(dialect: Dialect, number: str) -> str:
    name = "tensor" if dialect.name == "torch" else "array"
    prefix = dialect.prefix
    return f"{prefix}{name}({number if '.' in number or 'j' in number else f'{number}.0'})"


def refused(names: Names, id: int, library: str, why: str) -> InputFault:
    """Return the error of a result that a script cannot compute."""
    source, span = names.session.source, names.graph.notes.spans[id]
    where = f"{source.name}:{source.line_of(span)}: `{source.snippet(span)}`"
    known = {"numpy": "NumPy", "jax": "JAX", "torch": "PyTorch"}[library]
    others = "--to torch keeps the file's own words" if library != "torch" else (
        "write it with PyTorch's names")  # fmt: skip
    return InputFault(f"{where} cannot be written for {known}: {why}", hint=others)


def plain(name: str, written: str, value: Array, where: int, above: str = "") -> Line:
    """Return a line that uses no other name."""
    return Line(name, [(written, frozenset())], value, where, above=above)


def alias(name: str, other: str, value: Array, where: int) -> Line:
    """Return a line that gives something a second name."""
    return Line(name, [(other, frozenset([other]))], value, where, derived=True)


def _broken(formula: str, before: int) -> str:
    """Return a formula in several lines where one is too long: a term in each."""
    if before + len(formula) < WIDEST or "\n" in formula:
        return formula
    terms, depth, start = [], 0, 0
    for k, sign in enumerate(formula):
        depth += (sign in "([") - (sign in ")]")
        if not depth and k > start and formula[k : k + 3] in (" + ", " - "):
            terms.append(formula[start:k].strip())
            start = k
    terms.append(formula[start:].strip())
    return "(\n" + "".join(f"    {term}\n" for term in terms) + ")" if terms[1:] else formula
