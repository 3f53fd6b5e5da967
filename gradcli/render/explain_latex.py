r"""`gradcli explain --format latex`: an `align*` a gradient, for a page that has amsmath.

`\bar{y}` is the gradient of the root by y. A sum over broadcast dimensions is written as such.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from gradcli.explain.derivation import Derivation, Step
from gradcli.explain.explanation import Explanation, Passed
from gradcli.formula.expressions import Name
from gradcli.formula.latex import GREEK, SPECIAL, latex, name
from gradcli.inspection import Inspection, NodeFacts
from gradcli.render.explain_rows import Style
from gradcli.render.words import one_line

_VALUES = 40  # columns of a value


def render(
    explanations: Sequence[Explanation],
    *,
    inspection: Inspection,
    full: bool = False,
    depth: int | None = None,
) -> str:
    r"""Return the derivations as LaTeX; a node without a gradient is a line of text."""
    nodes = {node.id: node for node in inspection.nodes}
    style = Style(values=_VALUES, full=full, depth=depth, record=inspection.record)
    blocks = []
    for e in explanations:
        blocks += [_pass(p, nodes, style) for p in e.passes]
        if not e.passes:
            blocks += [one_line(note, ascii_only=True).translate(SPECIAL) for note in e.notes]
    return _ascii("\n\n".join(blocks)) + "\n"


def _ascii(said: str) -> str:
    """Return LaTeX whose Greek letters are commands, for those that read no others."""
    return "".join(x if x.isascii() else _command(x) for x in said)


def _command(letter: str) -> str:
    words = unicodedata.name(letter, "").split()
    if words[:1] == ["GREEK"] and len(words) == 4:  # GREEK SMALL LETTER DELTA
        greek = words[3].lower() if words[1] == "SMALL" else words[3].capitalize()
        if greek in GREEK:
            return rf"\{greek} "
    return rf"\text{{U+{ord(letter):04X}}}"


def _pass(p: Passed, nodes: dict[int, NodeFacts], style: Style) -> str:
    d = p.derivation
    lines = [rf"  {_adjoint(nodes[d.root])} &= {_value(style.value(d.start))}"]
    lines += [line for step in _kept(d, style) for line in _lines(step, d.arriving, nodes, style)]
    left = rf"\frac{{\partial {_called(nodes[d.root])}}}{{\partial {_called(nodes[d.target])}}}"
    if p.formula is not None:
        lines.append(rf"  {left} &= {latex(p.formula)}")
    else:
        lines.append(rf"  {left} &= {_value(style.value(d.gradient))}")
    return "\\begin{align*}\n" + " \\\\\n".join(lines) + "\n\\end{align*}"


def _kept(d: Derivation, style: Style) -> Sequence[Step]:
    return [s for s in d.steps if style.depth is None or s.distance < style.depth]


def _lines(
    step: Step, arriving_name: str, nodes: dict[int, NodeFacts], style: Style
) -> Iterator[str]:
    row, operand = nodes[step.row], nodes[step.operand]
    arriving = _adjoint(row)
    if step.factor is None:
        rule = step.formula
        if isinstance(rule, Name) and " " in rule.name:  # words
            written = rf"\text{{{one_line(rule.name, ascii_only=True).translate(SPECIAL)}}}"
        else:
            written = latex(rule)
        said = rf"\left.{written}\right|_{{{name(arriving_name)} = {arriving}}}"
    elif step.factor.key == 1 and not step.factor.inside:
        said = arriving
    else:
        said = rf"{arriving} \cdot \left({latex(step.factor)}\right)"
    if step.summed:
        said = rf"\sum {said}"
    left = _adjoint(operand) + (f"^{{({step.way})}}" if step.way else "")
    yield rf"  {left} &= {said} = {_value(style.value(step.passed))}"
    if step.total is not None:
        ways = " + ".join(f"{_adjoint(operand)}^{{({k + 1})}}" for k in range(step.way or 0))
        yield rf"  {_adjoint(operand)} &= {ways} = {_value(style.value(step.total))}"


def _adjoint(node: NodeFacts) -> str:
    return rf"\overline{{{_called(node)}}}"


def _called(node: NodeFacts) -> str:
    if node.label.isidentifier():
        return name(node.label)
    return rf"\texttt{{{one_line(node.label, ascii_only=True).translate(SPECIAL)}}}"


def _value(said: str) -> str:
    return rf"\text{{{said}}}" if "..." in said or "n" in said else said
