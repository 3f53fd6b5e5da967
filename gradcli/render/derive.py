"""`gradcli derive`: formulas in the language, as claims, as lines of other libraries, in LaTeX."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradcli.formula.derive import POINTS, Derived
from gradcli.formula.dialects import BY_NAME, LANGUAGE, Dialect
from gradcli.formula.latex import latex, name
from gradcli.formula.text import text
from gradcli.render.words import json_text

_SHORT = 160  # characters of a formula in terms of the inputs that is shown beside another


def render(found: Sequence[Derived]) -> str:
    """Return `∂loss/∂w = …`, with the lines of the names in it, and how it was compared."""
    lines: list[str] = []
    for one in found:
        head = f"∂{one.root}/∂{one.target}"
        lines.append(f"{head} = {text(one.formula)}")
        if one.whole is not None and len(whole := text(one.whole)) <= _SHORT:
            lines.append(f"{' ' * len(head)} = {whole}")
    defined = {name: formula for one in found for name, formula in one.definitions}
    if defined:
        width = max(map(len, defined))
        lines += ["", *(f"{n:{width + 6}} = {text(f)}" if i else f"where {n:{width}} = {text(f)}"
                        for i, (n, f) in enumerate(defined.items()))]  # fmt: skip
    count = f"{len(found)} formula{'' if len(found) == 1 else 's'}"
    lines += ["", f"{count}, compared with the gradient at {POINTS} points"]
    return "\n".join(lines) + "\n"


def claim(found: Sequence[Derived]) -> str:
    """Return `assert` lines that hold the file's gradients to the formulas."""
    return "".join(
        f"assert allclose(grad({d.root}, {d.target}), {text(d.formula)})\n" for d in found
    )


def numpy(found: Sequence[Derived]) -> str:
    """Return lines of NumPy."""
    return _script(found, BY_NAME["numpy"])


def torch(found: Sequence[Derived]) -> str:
    """Return lines of PyTorch."""
    return _script(found, BY_NAME["torch"])


def jax(found: Sequence[Derived]) -> str:
    """Return lines of JAX."""
    return _script(found, BY_NAME["jax"])


def _script(found: Sequence[Derived], dialect: Dialect) -> str:
    body = list(_assignments(found, dialect))
    used = [line for line in dialect.imports if _is_used(line, body)]
    return "\n".join([*used, *([""] if used else []), *body]) + "\n"


def _assignments(found: Sequence[Derived], dialect: Dialect) -> Iterator[str]:
    defined = {name: formula for one in found for name, formula in one.definitions}
    for known, formula in defined.items():
        yield f"{known} = {text(formula, dialect)}"
    for one in found:
        yield f"grad_{one.target} = {text(one.formula, dialect)}"


def _is_used(line: str, body: Sequence[str]) -> bool:
    known = line.split()[-1]
    return any(f"{known}." in text for text in body)


def tex(found: Sequence[Derived]) -> str:
    """Return the equations as an `align*` of LaTeX."""
    rows = []
    for one in found:
        left = rf"\frac{{\partial {name(one.root)}}}{{\partial {name(one.target)}}}"
        rows.append(f"  {left} &= {latex(one.formula)}")
    for known, formula in {n: f for one in found for n, f in one.definitions}.items():
        rows.append(f"  {name(known)} &= {latex(formula)}")
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}\n"


def json(found: Sequence[Derived]) -> str:
    """Return `gradcli.derive/1`: each formula in every form that there is."""
    records = [
        {
            "root": one.root,
            "target": one.target,
            "formula": text(one.formula),
            "whole": None if one.whole is None else text(one.whole),
            "uses": {name: text(formula) for name, formula in one.definitions},
            **{dialect: _or_none(one, BY_NAME[dialect]) for dialect in one.dialects},
            "latex": latex(one.formula),
        }
        for one in found
    ]
    return json_text({"schema": "gradcli.derive/1", "derivatives": records}, indent=2) + "\n"


def _or_none(one: Derived, dialect: Dialect) -> str | None:
    return None if dialect is LANGUAGE else text(one.formula, dialect)
