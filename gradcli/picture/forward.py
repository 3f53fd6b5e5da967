"""The graph of a run as a scene: which nodes have cards, and what stands on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import takewhile
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradcli.errors import InputFault, cropped
from gradcli.inspection import Array, FrameFacts, Inspection, NodeFacts
from gradcli.picture.cards import (
    FOLD,
    SOURCE,
    TITLE,
    Asked,
    Box,
    Card,
    Link,
    Scene,
    gradient_of,
    shape_of,
    weights,
)
from gradcli.picture.figures import figures, is_finite
from gradcli.picture.loops import spans
from gradcli.render.modules import grouped, module_text
from gradcli.render.numbers import grad_of, value_of
from gradcli.render.replayed import differs, place
from gradcli.render.rows import Fold, Wanted, folds, unchained, unfolded
from gradcli.render.turns import changes
from gradcli.render.words import answer, nothing, one_line, operand_labels
from gradcli.rule.spelling import nearest

if TYPE_CHECKING:
    from gradcli.picture.origins import Origins
    from gradcli.picture.through import Through

MANY = 60  # cards, from which on calls of functions are closed
CALLS = -2  # ids of calls that are one card each are below


class Known(NamedTuple):
    """What only a session knows: by row and operand what flows back, in words and as gradients.

    `origins` are where nan and infinity begin, None where there are none.
    """

    said: Mapping[tuple[int, int], Through] = MappingProxyType({})
    passed: Mapping[tuple[int, int], Array] = MappingProxyType({})
    origins: Origins | None = None


def forward_scene(inspection: Inspection, asked: Asked, known: Known) -> Scene:
    """Return the graph of a run.

    Raises: InputFault where a name is not known.
    """
    return _Scene(inspection, asked, known).made()


class _Scene:
    def __init__(self, inspection: Inspection, asked: Asked, known: Known) -> None:
        self.inspection, self.asked, self.known = inspection, asked, known
        wanted = Wanted(named=False, full=asked.full, turn=asked.turn)
        self.folds = folds(inspection, wanted)
        self.times: dict[int, int] = {}  # how often a node of a loop's turn is repeated
        self.ops: dict[int, str] = {}  # by what a chain of views was made, of its last one
        found = {
            node.id: node
            for node in unfolded(inspection, self.folds, self.times)
            if asked.full or not node.derived or node.name is not None
        }
        kept = found.keys() if asked.full else unchained(found.values(), self.ops, inspection.root)
        self.nodes = {i: found[i] for i in sorted(kept)}
        self.folded: set[int] = set()  # for which there are too many cards
        self.closed: dict[int, int] = {}  # of nodes in a call that is one card, that card
        self.calls: dict[int, list[NodeFacts]] = {}  # of such cards, what they stand for
        self.frames: dict[int, FrameFacts] = {}  # of such cards, which calls they are

    def made(self) -> Scene:
        """Return the scene."""
        chosen = self._chosen()
        if self.inspection.modules and self.asked.functions != "open":
            chosen = self._within(self._close(chosen))  # modules first: what they are is more
        else:
            chosen = self._close(self._within(chosen))
        cards = [self._card(self.nodes[i]) for i in chosen]
        links = list(self._links(chosen))
        if self.folded:
            cards.insert(0, self._fold())
        cards = sorted([*cards, *map(self._call, self.calls)], key=self._position)
        root = self.inspection.root
        name = "" if root is None else one_line(self._title(self.inspection.node(root)))
        return Scene(
            self.inspection.file, answer(self.inspection), name, tuple(cards), tuple(links),
            tuple(self._notes(len(chosen) + len(self.closed))), self._boxes(chosen),
        )  # fmt: skip

    # ---- which ---------------------------------------------------------------------------

    def _chosen(self) -> list[int]:
        """Return the nodes that have cards."""
        found = set(self.nodes)
        found -= self._spare
        if self.asked.named:
            found = {i for i in found if self._has_name(i)}
        if self.asked.around is not None:
            found &= self._near(self._called(self.asked.around, found))
        return sorted(found)

    def _within(self, chosen: Sequence[int]) -> list[int]:
        """Return as many of the nodes as there may be cards; the others are folded into one."""
        left = max(self.asked.most - len(self.calls), 0)
        if len(chosen) <= left:
            return list(chosen)
        shown = set(self._nearest(set(chosen), left))
        self.folded = set(chosen) - shown
        return sorted(shown)

    @cached_property
    def _spare(self) -> set[int]:
        """The leaves that nothing shown is made of, where another card has their name."""
        names: dict[str, int] = {}
        for node in self.nodes.values():
            if node.name is not None:
                names[node.name] = names.get(node.name, 0) + 1
        return {
            i
            for i, node in self.nodes.items()
            if node.op == "leaf" and i not in self._users and names.get(node.name or "", 0) > 1
        }

    # ---- functions -----------------------------------------------------------------------

    def _close(self, chosen: Sequence[int]) -> list[int]:
        """Let calls that several cards are in be one card each, if they are to be.

        These are the outermost ones; of a model's modules those that leave few enough cards.
        Returns the nodes that keep cards of their own.
        """
        wanted = self.asked.functions
        if wanted == "open" or (wanted == "auto" and len(chosen) <= MANY):
            return list(chosen)
        for i, frame in self._calls(chosen):
            if i != self.inspection.root:
                card = CALLS - frame.number
                self.closed[i], self.frames[card] = card, frame
                self.calls.setdefault(card, []).append(self.nodes[i])
        for card, nodes in list(self.calls.items()):
            if len(nodes) == 1:  # it would say less
                del self.calls[card], self.closed[nodes[0].id]
        return [i for i in chosen if i not in self.closed]

    def _calls(self, chosen: Sequence[int]) -> Iterator[tuple[int, FrameFacts]]:
        """Yield nodes with the calls that may be closed around them."""
        nodes = [self.nodes[i] for i in chosen]
        if not self.inspection.modules:
            yield from ((node.id, node.frames[0]) for node in nodes if node.frames)
            return
        groups = grouped(nodes, self.asked.most)
        if not groups and self.asked.functions == "closed":
            groups = grouped(nodes, 0)
        yield from ((i, groups[i].frame) for i in chosen if i in groups)

    def _call(self, id: int) -> Card:
        """Return the card of a call: with what it gave."""
        nodes = self.calls[id]
        last, frame = nodes[-1], self.frames[id]
        name = module_text(frame) if frame.module else f"{frame.name}(…)"
        card = self._card(last)
        return replace(
            card, id=id, kind="intermediate", title=cropped(one_line(name), TITLE),
            source="" if frame.module else card.source or one_line(last.source),
            fold=len(nodes), line=frame.line,
            bad=any(self._bad[n.id] for n in nodes), node=last.id,
            boxes=tuple(f.number for f in self._around(id)),
            origin=next(filter(None, map(self._origin, nodes)), ""),
            notes=(*card.notes, f"{len(nodes):,} nodes, closed"),
        )  # fmt: skip

    def _around(self, card: int) -> Iterator[FrameFacts]:
        """Return the calls that a closed one is in, the outermost first."""
        own, last = self.frames[card].number, self.calls[card][-1]
        return takewhile(lambda frame: frame.number != own, last.frames)

    def _position(self, card: Card) -> int:
        """Return where a card comes: one of a call where the call begins."""
        called = (node.id for node in self.calls.get(card.id, ()) if node.frames)
        return next(called, card.id)  # a module's parameters are made before

    def _boxes(self, chosen: Sequence[int]) -> tuple[Box, ...]:
        frames = [f for i in chosen for f in self.nodes[i].frames]
        for card in self.calls:
            frames += self._around(card)
        found, counts = {f.number: f for f in frames}, Counter(f.number for f in frames)
        names = {n: module_text(f) if f.module else f"{f.name}()" for n, f in found.items()}
        return tuple(Box(n, one_line(names[n]), f.line) for n, f in found.items() if counts[n] > 1)

    def _has_name(self, id: int) -> bool:
        return self.nodes[id].name is not None or id == self.inspection.root

    def _called(self, name: str, among: Collection[int]) -> int:
        """Return the last of the nodes that may have cards which is called so."""
        drawn = [self.nodes[i] for i in sorted(among)]
        for node in reversed(drawn):
            if name in (node.name, node.label, *node.aliases):
                return node.id
        known = list(dict.fromkeys(self._title(n) for n in drawn))
        near = nearest(name, [*known, *(n.name for n in drawn if n.name)])
        guess = f"did you mean `{near[0]}`?" if near else None
        some = ", ".join(f"`{one_line(label)}`" for label in known[:10])
        there = f"there are {some}" if some else "nothing is drawn"
        is_node = any(name in (n.name, n.label, *n.aliases) for n in self.inspection.nodes)
        what = "this node is not drawn" if is_node else "no node is called so"
        raise InputFault(f"--around {name}: {what}", hint=there if is_node else guess or there)

    @cached_property
    def _users(self) -> Mapping[int, Sequence[int]]:
        found: dict[int, list[int]] = {}
        for node in self.nodes.values():
            for i in node.inputs:
                found.setdefault(i, []).append(node.id)
        return found

    def _near(self, id: int) -> set[int]:
        found, edge = {id}, {id}
        for _ in range(self.asked.hops):
            beside = {i for n in edge for i in (*self.nodes[n].inputs, *self._users.get(n, ()))}
            edge = {i for i in beside if i in self.nodes} - found
            found |= edge
        return found

    def _nearest(self, among: set[int], most: int) -> list[int]:
        """Return as many nodes as may be shown: the nearest to the root."""
        root = self.inspection.root
        start = max(among) if root is None or root not in among else root
        found, edge = dict.fromkeys([start]), [start]
        while edge and len(found) < most:
            edge = list(dict.fromkeys(
                i for n in edge for i in self.nodes[n].inputs if i in among and i not in found
            ))  # fmt: skip
            found |= dict.fromkeys(edge)
        return list(found)[:most]

    @cached_property
    def _behind(self) -> set[int]:
        """The nodes that the root is made of, itself among them."""
        root, found = self.inspection.root, set[int]()
        pending = [] if root is None else [root]
        while pending:
            id = pending.pop()
            if id not in found:
                found.add(id)
                pending.extend(self.inspection.node(id).inputs)
        return found

    # ---- cards ---------------------------------------------------------------------------

    def _card(self, node: NodeFacts) -> Card:
        asked, flow = self.asked, grad_of(node)
        bad = self._bad[node.id]
        title = one_line(self._title(node))
        source = "" if node.op == "leaf" or node.name is None else f"= {one_line(node.source)}"
        if node.name is None and node.source != node.label:
            source = one_line(node.source)
        notes = []
        record = self.inspection.record
        if record is not None and node.name is not None and (at := place(record, node)):
            notes.append(at)
        if record is not None and (said := differs(record, node.id)):
            notes.append(said)
        if self.times.get(node.id, 0) > 1:
            notes.append(self._spans.get(node.id, f"× {self.times[node.id]:,}"))
        if node.id in self.ops:
            notes.append(f"folded: {self.ops[node.id]}")
        value = value_of(node)
        return Card(
            node.id, node.kind, cropped(title, TITLE), shape_of(node), cropped(source, SOURCE),
            node.line,
            () if value is None or not asked.values else figures(value, asked.precision),
            () if flow.shown is None or not asked.values else figures(flow.shown, asked.precision),
            flow.passed, self.inspection.root is not None and node.id not in self._behind,
            bad, self._origin(node), tuple(notes), boxes=tuple(f.number for f in node.frames),
        )  # fmt: skip

    def _fold(self) -> Card:
        """Return the card that stands for all that there are too many cards for."""
        count = len(self.folded)
        found = [self.nodes[i].line for i in self.folded]
        first, last = min(found), max(found)
        lines = f"line {first}" if first == last else f"lines {first} to {last}"
        return Card(FOLD, "intermediate", f"{count:,} more", "", lines, first, fold=count,
                    notes=("--max-nodes shows more",))  # fmt: skip

    def _title(self, node: NodeFacts) -> str:
        """Return what a card is called: by its name alone where it stands for a turn of a loop."""
        return node.name if node.name is not None and node.id in self.times else node.label

    @cached_property
    def _spans(self) -> Mapping[int, str]:
        return spans(self.inspection, self.folds, self.asked.precision) if self.asked.values else {}

    @cached_property
    def _bad(self) -> Mapping[int, bool]:
        known = self.known.origins
        meant = frozenset[int]() if known is None else known.meant
        return {
            i: not ((i in meant or is_finite(n.value)) and is_finite(gradient_of(n)))
            for i, n in self.nodes.items()
        }

    def _origin(self, node: NodeFacts) -> str:
        """Return what begins here, nan or inf, in the value or in the gradient."""
        known = self.known.origins
        if known is not None:
            found = [one_line(b.words) for b in known.begun if b.row == node.id]
            return cropped(found[0], SOURCE) if found else ""
        if not is_finite(node.value):
            above = [self.nodes[i] for i in node.inputs if i in self.nodes]
            if all(is_finite(n.value) for n in above):
                return f"{_what(node.value)} starts here"
        elif not is_finite(gradient_of(node)):
            below = [self.nodes[i] for i in self._users.get(node.id, ())]
            if all(is_finite(gradient_of(n)) and is_finite(n.value) for n in below):
                return f"{_what(gradient_of(node))} gradient starts here"
        return ""

    # ---- links ---------------------------------------------------------------------------

    def _links(self, chosen: Iterable[int]) -> Iterator[Link]:
        kept = set(chosen)
        sizes = self._weights()
        for id in sorted([*chosen, *self.closed]):
            node, card = self.nodes[id], self.closed.get(id, id)
            labels = operand_labels(node) if card == id else ()
            seen = set[tuple[int, str]]()
            for slot, operand in enumerate(node.inputs):
                label = labels[slot] if labels else ""
                for source in self._resolved(operand, kept):
                    if (source, label) in seen or source == card:
                        continue
                    seen.add((source, label))
                    known = self.nodes.get(source) or self.nodes.get(operand)
                    flows = node.requires_grad and known is not None and known.requires_grad
                    flows = flows and (self.inspection.root is None or id in self._behind)
                    bad = flows and known is not None and not is_finite(gradient_of(known))
                    weight = sizes.get((id, operand), 0.4 if bad else None) if flows else None
                    yield Link(source, card, weight, label, bad, self._back(id, operand))

    def _weights(self) -> Mapping[tuple[int, int], float]:
        """Return how much flows back through edges; where that is not known, to their operands."""
        found: dict[tuple[int, int], Array | None] = {}
        for node in self.nodes.values():
            for operand in node.inputs:
                passed = self.known.passed.get((node.id, operand))
                if passed is None:
                    passed = gradient_of(self.inspection.node(operand))
                found[node.id, operand] = passed
        return weights(found)

    def _back(self, row: int, operand: int) -> tuple[str, ...]:
        """Return what is said of what flows back through an edge."""
        found = self.known.said.get((row, operand))
        if found is None:
            return ()
        arrow = "←" if self.asked.across else "↑"  # against the edge's own
        passed = f"{arrow} {found.passed}" if self.asked.combined else ""
        lines = (found.local if self.asked.local else "", passed)
        return tuple(line for line in lines if line)

    def _resolved(self, id: int, kept: set[int]) -> list[int]:
        """Return the cards that stand for a node: its own, or of what it is made of."""
        found, pending, seen = list[int](), [id], set[int]()
        while pending:
            i = pending.pop()
            if i in kept:
                found.append(i)
            elif i in self.closed:
                found.append(self.closed[i])
            elif i in self.folded:
                found.append(FOLD)
            elif i not in seen:
                seen.add(i)
                pending.extend(self.inspection.node(i).inputs)
        return sorted(dict.fromkeys(found))

    def _notes(self, count: int) -> Iterator[str]:
        if not self.inspection.nodes:
            yield nothing(self.inspection)
        for fold in self.folds:
            yield from self._loop(fold)
        for begun in () if self.known.origins is None else self.known.origins.begun:
            if begun.row not in self.nodes or begun.row in self.folded:
                yield f"{one_line(begun.words).replace(' here', '')} in line {begun.line}"
        left = len(self.nodes) - len(self._spare) - len(self.folded) - count
        if left:
            yield f"{left:,} nodes are left out (--around, --named)"

    def _loop(self, fold: Fold) -> Iterator[str]:
        yield f"the loop in line {fold.loop.line}: turn {fold.turn:,} of {len(fold.loop):,}"
        for change in changes(self.inspection, fold.loop, self.asked.precision):
            yield f"{change.name}  {change.text}  {change.line}".rstrip()


def _what(array: Array | None) -> str:
    assert array is not None, "what is not there is finite"
    return "nan" if np.isnan(array).any() else "inf"
