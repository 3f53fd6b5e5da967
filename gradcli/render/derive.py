"""`gradcli derive`: formulas in the language, as claims, as lines of other libraries, in LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gradcli.errors import ArgumentFault
from gradcli.formula.derive import Derivatives, Derived
from gradcli.formula.dialects import BY_NAME, LANGUAGE, Dialect, fresh
from gradcli.formula.expressions import Formula
from gradcli.formula.latex import latex, name
from gradcli.formula.parts import parted
from gradcli.formula.points import POINTS, mentioned
from gradcli.formula.text import text
from gradcli.render.words import json_text

SCHEMA = "gradcli.derive/1"
NO_NAME = re.compile(r"\W")  # what cannot be in a name
MAKES = re.compile(r"\btorch\.(ones|zeros|eye|tensor)\(")  # what has PyTorch's default dtype
DOUBLE = ("float64", "complex128")
_SHORT = 80  # columns of a line with a formula in terms of the inputs, below another
_LOOSE = {"float32": ", rtol=1e-3, atol=1e-5"}  # what rounding may make of a claim


def render(derivatives: Derivatives) -> str:
    """Return `∂loss/∂w = …`, with the lines of the names in it, and how it was compared."""
    formulas, parts = _parted(derivatives, derivatives.found)
    language = LANGUAGE.beside(derivatives.names)
    lines: list[str] = []
    for one, formula in zip(derivatives.found, formulas, strict=True):
        head = _head(one.root, one.target)
        lines.append(f"{head} = {text(formula, language)}")
        whole = "" if one.whole is None else f"{' ' * len(head)} = {text(one.whole, language)}"
        if whole and len(whole) <= _SHORT:
            lines.append(whole)
    for none in derivatives.refused:
        words = "" if none.constant else "no formula: "
        lines.append(f"{_head(none.root, none.target)}: {words}{none.why}")
    defined = [(n, text(f, language)) for n, f in (*derivatives.definitions, *parts)]
    if defined:
        width = max(len(n) for n, _ in defined)
        lines += ["", *(f"{'' if i else 'where':5} {n:{width}} = {f}"
                        for i, (n, f) in enumerate(defined))]  # fmt: skip
    if said := _said(derivatives):
        lines += ["", *said]
    if count := len(derivatives.found):
        lines += ["", f"{count} formula{'' if count == 1 else 's'}, compared with automatic "
                  f"differentiation at {POINTS} points"]  # fmt: skip
    return "\n".join(lines) + "\n"


def _said(derivatives: Derivatives) -> list[str]:
    """Return what is not as one might think: names that were bound again, several backward()."""
    return [
        *(f"{n} is {words}" for n, words in derivatives.earlier.items()),
        *(f"{_head(d.root, d.target)} is {d.note}" for d in derivatives.found if d.note),
    ]


def _head(root: str, target: str) -> str:
    plain = root.replace("_", "a").isalnum()
    sign = "∂²" if "∂" in target else "∂"
    first, _, then = target.partition("∂")
    below = f"∂{first}²" if first == then else f"∂{target}"
    return f"{sign}{root}/{below}" if plain else f"{sign}({root})/{below}"


def _parted(
    derivatives: Derivatives, found: Sequence[Derived]
) -> tuple[list[Formula], list[tuple[str, Formula]]]:
    return parted([one.formula for one in found], derivatives.names)


def claim(derivatives: Derivatives) -> str:
    """Return `assert` lines that hold the file's gradients to the formulas."""
    lines = []
    for one in derivatives.found:
        used = [
            n for n in (*mentioned(one.formula), *one.target.split("∂")) if n in derivatives.earlier
        ]
        if used:
            words = "; ".join(f"{n} is {derivatives.earlier[n]}" for n in dict.fromkeys(used))
            lines.append(
                f"# {_head(one.root, one.target)}: no claim at the end of the file: {words}"
            )
            continue
        if not one.side:
            why = "its backward() has freed the graph, and .grad is of more"
            if NO_NAME.search(one.target):
                why = "it has no name there"
            lines.append(f"# {_head(one.root, one.target)}: no claim at the end of the file: {why}")
            continue
        sides = f"{one.side}, {text(one.formula, LANGUAGE.beside(derivatives.names))}"
        lines.append(f"assert allclose({sides}{_LOOSE.get(one.dtype, '')})")
    lines += [f"# {_head(one.root, one.target)}: {one.why}" for one in derivatives.refused]
    return "\n".join(lines) + "\n"


# ---- scripts -------------------------------------------------------------------------------


def numpy(derivatives: Derivatives) -> str:
    """Return lines of NumPy."""
    return _script(derivatives, BY_NAME["numpy"])


def torch(derivatives: Derivatives) -> str:
    """Return lines of PyTorch."""
    return _script(derivatives, BY_NAME["torch"])


def jax(derivatives: Derivatives) -> str:
    """Return lines of JAX."""
    return _script(derivatives, BY_NAME["jax"])


def _script(derivatives: Derivatives, dialect: Dialect) -> str:
    dialect = dialect.beside(derivatives.names)
    said = [one for one in derivatives.found if dialect.name in one.dialects]
    body = list(_assignments(derivatives, said, dialect))
    body += [f"# {_head(d.root, d.target)}: {_unwritten(d.formula, dialect)}"
             for d in derivatives.found if d not in said]  # fmt: skip
    body += [f"# {_head(d.root, d.target)}: {d.why}" for d in derivatives.refused]
    used = [line for line in dialect.imports if _is_used(line, body)]
    if MAKES.search("\n".join(body)) and any(d.dtype in DOUBLE for d in said):
        used.append("torch.set_default_dtype(torch.float64)")
    given = [f"# {line}" for line in _said(derivatives)]
    given += [f"# {new} is {old} of the file" for old, new in dialect.spelled.items()]
    return "\n".join([*used, *([""] if used else []), *given, *body]) + "\n"


def _assignments(
    derivatives: Derivatives, said: Sequence[Derived], dialect: Dialect
) -> Iterator[str]:
    formulas, parts = _parted(derivatives, said)
    needed = {n for f in (*formulas, *(f for _, f in parts)) for n in mentioned(f)}
    for known, formula in reversed(derivatives.definitions):
        needed |= set(mentioned(formula)) if known in needed else set()
    several = len({one.root for one in said}) > 1
    taken = {*derivatives.names, *dialect.spelled.values(), *(known for known, _ in parts)}
    for known, formula in (*derivatives.definitions, *parts):
        if known not in needed:
            continue
        try:
            yield f"{dialect.spelled.get(known, known)} = {text(formula, dialect)}"
        except ArgumentFault as error:
            yield f"# {known} is what the file computes: {error.message}"
    for one, formula in zip(said, formulas, strict=True):
        label = f"{one.root}_{one.target}" if several else one.target
        kind = "hessian" if "∂" in one.target else "grad"
        result = fresh(f"{kind}_{NO_NAME.sub('_', label)}", taken)
        taken.add(result)
        yield f"{result} = {text(formula, dialect)}"


def _unwritten(formula: Formula, dialect: Dialect) -> str:
    """Return why there are no lines of a library."""
    try:
        text(formula, dialect)
    except ArgumentFault as error:
        return error.message
    return f"gradcli writes no {dialect.title} for it"


def _is_used(line: str, body: Sequence[str]) -> bool:
    known = line.split()[-1]
    return any(re.search(rf"\b{known}\.", text) for text in body)


def tex(derivatives: Derivatives) -> str:
    """Return the equations as an `align*` of LaTeX, which needs amsmath."""
    formulas, parts = _parted(derivatives, derivatives.found)
    rows = []
    for one, formula in zip(derivatives.found, formulas, strict=True):
        first, _, then = one.target.partition("∂")
        left = rf"\frac{{\partial {name(one.root)}}}{{\partial {name(first)}}}"
        if then:
            below = rf"\partial {name(first)} \, \partial {name(then)}"
            left = rf"\frac{{\partial^2 {name(one.root)}}}{{{below}}}"
        rows.append(f"  {left} &= {latex(formula)}")
    for known, formula in (*derivatives.definitions, *parts):
        rows.append(f"  {name(known)} &= {latex(formula)}")
    notes = [f"{_head(d.root, d.target)}: {d.why}" for d in derivatives.refused]
    comments = "".join(f"% {line}\n" for line in (*_said(derivatives), *notes))
    return comments + "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}\n"


# ---- data ----------------------------------------------------------------------------------


def json(derivatives: Derivatives) -> str:
    """Return each formula in every form that there is, in the schema `gradcli.derive/1`.

    Keys: `derivatives`, each with `root`, `target`, `formula` (in the language, in names that the
    file has), `whole` (in its inputs alone, or null), `numpy`, `torch`, `jax` (or null; where an
    import has a name of the file, that is `np_1`), `latex` and `note` (of which of several
    backward() it is, or null). `uses`, from the file's names in the formulas to what they stand
    for; `earlier`, from names that mean something else at the end of the file to what they mean;
    `refused`, each with `root`, `target` and `why`.
    """
    dialects = {n: dialect.beside(derivatives.names) for n, dialect in BY_NAME.items()}
    language = dialects["gradcli"]
    records = [
        {
            "root": one.root,
            "target": one.target,
            "formula": text(one.formula, language),
            "whole": None if one.whole is None else text(one.whole, language),
            **{n: text(one.formula, dialects[n]) if n in one.dialects else None
               for n in ("numpy", "torch", "jax")},
            "latex": latex(one.formula),
            "note": one.note or None,
        }
        for one in derivatives.found
    ]  # fmt: skip
    page = {
        "schema": SCHEMA,
        "derivatives": records,
        "uses": {n: text(f, language) for n, f in derivatives.definitions},
        "earlier": dict(derivatives.earlier),
        "refused": [{"root": d.root, "target": d.target, "why": d.why}
                    for d in derivatives.refused],
    }  # fmt: skip
    return json_text(page, indent=2) + "\n"
