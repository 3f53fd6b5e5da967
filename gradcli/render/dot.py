"""`gradcli graph --dot`: the graph in the language of graphviz, for `dot -Tsvg` and its like."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from gradcli.inspection import Inspection, Kind, NodeFacts
from gradcli.render.numbers import Flow, grad_of, lines, value_of
from gradcli.render.rows import Wanted, folds, unfolded
from gradcli.render.words import harmless_lines, headline, nothing, one_line, operand_labels

# Tints of the colour-blind safe palette of Okabe and Ito, with dark text and dark borders: they
# stand on a light and on a dark page. Shapes say the same for those who see no colours.
_STYLES: Mapping[Kind, str] = {
    "parameter": 'shape=box, peripheries=2, fillcolor="#fbd9a0", color="#b87400"',
    "data": 'shape=box, fillcolor="#cfe8f7", color="#2f7fb0"',
    "intermediate": 'shape=ellipse, fillcolor="#f3f3f3", color="#707070"',
    "root": 'shape=doubleoctagon, fillcolor="#bfe8d8", color="#00785a"',
}
_ROUNDED = 'shape=box, style="filled,rounded"'
_ACCUMULATE = f'{_ROUNDED}, fillcolor="#f3f3f3", color="#b87400"'


_WIDTH = 32
_LONG = 40


def render(
    inspection: Inspection,
    *,
    values: bool = False,
    backward: bool = False,
    precision: int | None = None,
    full: bool = False,
) -> Iterator[str]:
    """Yield the graph as a digraph, line by line.

    `values` writes value and grad into the nodes, a gradient that was not kept in brackets. A long
    loop is one of its turns, but with `full`. `backward` draws the graph of grad_fns instead,
    with AccumulateGrad and the leaves attached: as torchviz arranges it, each arrow pointing
    where the gradient goes.
    """
    picture = _Picture(inspection, values, precision, full)
    body = picture.backward() if backward else picture.forward()
    reason = f"  // {one_line(headline(inspection))}" if inspection.why else ""
    font = 'fontname="Helvetica,Arial,sans-serif"'
    yield f"digraph {quote(one_line(inspection.file))} {{{reason}\n"
    # operands stand from left to right in their order
    yield '  graph [bgcolor="transparent", ordering=in, ranksep=0.35, nodesep=0.3];\n'
    yield f'  node [{font}, fontsize=12, fontcolor="#1a1a1a", style=filled, height=0.35];\n'
    yield f'  edge [{font}, fontsize=10, fontcolor="#808080", color="#808080", arrowsize=0.7];\n'
    for line in body:
        yield f"  {line}\n"
    yield "}\n"


def quote(text: str, end: str = r"\n") -> str:
    r"""Return text as a DOT string: each of its lines centred (or as `end`, `\l` or `\r`, says).

    Backslashes would begin an escape (`\N` is the node's name), `&lt;` would become `<`.
    """
    text = harmless_lines(text).replace("\\", "\\\\").replace('"', r"\"")
    text = re.sub(r"&(?=#?\w+;)", "&amp;", text)
    return '"' + text.replace("\n", end) + '"'


class _Picture:
    """The statements of a picture of one inspection."""

    def __init__(
        self, inspection: Inspection, values: bool, precision: int | None, full: bool
    ) -> None:
        self.inspection = inspection
        self.values = values
        self.precision = precision
        self.folds = folds(inspection, Wanted(full=full))

    def forward(self) -> Iterator[str]:
        """Yield every node, and an edge for each operand (`x*x` has two)."""
        if not self.inspection.nodes:
            yield f'none [label={quote(nothing(self.inspection))}, shape=plain, style=""];'
        times: dict[int, int] = {}
        nodes = {node.id: node for node in unfolded(self.inspection, self.folds, times)}
        for node in nodes.values():
            again = f" × {times[node.id]:,}" if node.id in times else ""
            yield self._node(node, self._title(node) + again)
        for node in nodes.values():
            labels = operand_labels(node)
            for place, operand in enumerate(node.inputs):
                said = labels[place] if labels else ""
                label = f" [label={quote(' ' + said)}]" if said else ""
                for source in self._shown(operand, nodes):
                    yield f"n{source} -> n{node.id}{label};"

    def _shown(self, id: int, nodes: Mapping[int, NodeFacts]) -> list[int]:
        """Return a node, or the nearest that it is made of where it is in a turn left out."""
        found, pending, seen = set[int](), [id], {id}
        while pending:
            i = pending.pop()
            if i in nodes:
                found.add(i)
            else:
                more = set(self.inspection.node(i).inputs) - seen
                seen |= more
                pending.extend(more)
        return sorted(found)

    def backward(self) -> Iterator[str]:
        """Yield every grad_fn, the leaves and the root, and an edge for each next function."""
        functions = self.inspection.functions
        if not functions:
            yield 'none [label="no grad_fn: nothing requires grad", shape=plain, style=""];'
        for function in functions:
            node = self.inspection.node(function.node)
            if function.name == "AccumulateGrad":
                yield f"f{function.id} [label={function.name}, {_ACCUMULATE}];"
                yield self._node(node, _short(node.label) + _shape(node))
                yield f"n{node.id} -> f{function.id} [dir=back, style=dashed];"
                continue
            title = f"{function.name}\n{_short(node.label)}"
            yield f"f{function.id} [label={quote(title)}, {_STYLES['intermediate']}];"
            for target in function.next:
                if target is not None:
                    yield f"f{target} -> f{function.id} [dir=back];"
            if node.id == self.inspection.root:
                yield self._node(node, _short(node.label) + _shape(node))
                yield f"f{function.id} -> n{node.id} [dir=back, style=dashed];"

    def _node(self, node: NodeFacts, title: str) -> str:
        style = _STYLES[node.kind]
        if self.values:
            style = style.replace("shape=ellipse", _ROUNDED)  # ellipses of many lines are huge
            title += self._numbers("value", Flow(value_of(node)))
            title += self._numbers("grad", grad_of(node))
        tooltip = one_line(f"line {node.line}: {node.source}")
        return f"n{node.id} [label={quote(title)}, {style}, tooltip={quote(tooltip)}];"

    def _title(self, node: NodeFacts) -> str:
        """Return the name over the operation, or what there is of the two."""
        if node.op == "leaf":
            return _short(node.label) + _shape(node)
        return f"{_short(node.label)}\n{node.op}" if node.name is not None else node.op

    def _numbers(self, what: str, flow: Flow) -> str:
        if flow.shown is None:
            return ""
        text = "\n".join(lines(flow.shown, _WIDTH, self.precision))
        return f"\n{what} {f'({text})' if flow.passed else text}"


def _short(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= _LONG else text[: _LONG - 1] + "…"


def _shape(node: NodeFacts) -> str:
    return f"\n{node.shape}" if node.shape else ""
