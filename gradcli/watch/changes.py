"""What of a page is another than before: its lines, and the words in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple, TypeVar

T = TypeVar("T")
ESCAPE = re.compile(r"\x1b\[[0-9;:]*m")  # of a colour
_WORD = re.compile(r"\S+")
_RULE = re.compile(r"\s*[─━-]{3}[\s─━-]*")  # between a table's head and its rows
_AROUND = "(){}:;,\"'"  # a word
_LONGEST = 5000  # lines of a page; those of longer ones are compared place by place
_SHORT = 1000  # lines, or words, that may all be compared with all
_SEEN, _UNSEEN = "\x1b[7m", "\x1b[27m"  # reversed: needs no colour, and leaves colours as they are


class Line(NamedTuple):
    """A line as it is shown, its words' places in the text without colours, and what they say."""

    text: str
    places: tuple[tuple[int, int], ...]
    words: tuple[str, ...]


class Changes(NamedTuple):
    """A page's lines; of those that changed, by place, which words; how many lines are gone.

    A line that has only lost words has changed, too.
    """

    page: Sequence[Line]
    words: dict[int, set[int]]
    gone: int

    def __str__(self) -> str:
        """Return the counts in words."""
        counts = [(len(self.words), "changed"), (self.gone, "gone")]
        said = [f"{n} line{'s' * (n != 1)} {what}" for n, what in counts if n]
        return ", ".join(said) or "nothing changed"


def lines_of(text: str) -> list[Line]:
    """Return a page's lines, ready to be compared.

    Blanks and rules are not compared, as a table's columns are as wide as they must be. Nor are
    numbers of lines of the file: a line that is added moves all that follow.
    """
    found: list[Line] = []
    texts = [line.rstrip() for line in text.split("\n")]
    while texts and not texts[-1]:
        texts.pop()
    plain = [ESCAPE.sub("", line).rstrip() for line in texts]
    column: int | None = None  # where the numbers of lines end in the table
    for line, bare, below in zip(texts, plain, [*plain[1:], ""], strict=False):
        matches = list(_WORD.finditer(bare))
        if not matches:
            column = None
        elif _RULE.fullmatch(below):
            column = next((m.end() for m in matches if m[0] == "line"), None)
        words = [] if _RULE.fullmatch(bare) else [m[0] for m in matches]
        for i, match in enumerate(matches[: len(words)]):
            after_line = i and words[i - 1].strip(_AROUND) == "line"
            if (after_line or match.end() == column) and match[0].strip(_AROUND).isdigit():
                words[i] = "N"
        found.append(Line(line, tuple(m.span() for m in matches), tuple(words)))
    return found


def compared(before: Sequence[Line] | None, page: Sequence[Line]) -> Changes:
    """Return what of a page is not on the one before; nothing where there was none."""
    changed: dict[int, set[int]] = {}
    gone = 0
    if before is None:
        return Changes(page, changed, gone)
    for old, start, new in _blocks(before, page):
        for place, words in enumerate(_words(old, new), start):
            if page[place].words:
                changed[place] = words
        gone += max(0, _filled(old) - _filled(new))
    return Changes(page, changed, gone)


def _filled(lines: Sequence[Line]) -> int:
    return sum(bool(line.words) for line in lines)


def _blocks(
    before: Sequence[Line], page: Sequence[Line]
) -> Iterator[tuple[Sequence[Line], int, Sequence[Line]]]:
    """Yield lines that have come to stand in the place of others, and where they begin."""
    if max(len(before), len(page)) > _LONGEST:
        for i, (old, new) in enumerate(zip(before, page, strict=False)):
            if old.words != new.words:
                yield [old], i, [new]
        both = min(len(before), len(page))
        yield before[both:], both, page[both:]
        return
    keys = [line.words for line in before], [line.words for line in page]
    for i, i_end, j, j_end in _differences(*keys):
        yield before[i:i_end], j, page[j:j_end]


def _words(old: Sequence[Line], new: Sequence[Line]) -> list[set[int]]:
    """Return which words of each new line are not in the lines before, in their order."""
    if len(old) == len(new) > 1:
        return [_words([a], [b])[0] for a, b in zip(old, new, strict=True)]
    a = [word for line in old for word in line.words]
    places = [(place, i) for place, line in enumerate(new) for i in range(len(line.words))]
    found: list[set[int]] = [set() for _ in new]
    for k in _differing(a, [new[place].words[i] for place, i in places]):
        found[places[k][0]].add(places[k][1])
    return found


def _differing(a: Sequence[str], b: Sequence[str]) -> Iterator[int]:
    """Yield the places of the words of `b` that are not in `a`, in their order."""
    if len(a) == len(b):  # a number each, most often
        yield from (k for k in range(len(b)) if a[k] != b[k])
        return
    for _, _, j, end in _differences(a, b):
        yield from range(j, end)


def _differences(a: Sequence[T], b: Sequence[T]) -> Iterator[tuple[int, int, int, int]]:
    """Yield where a piece of `a` begins and ends, and that of `b` in its place."""
    most = min(len(a), len(b))
    start = next((k for k in range(most) if a[k] != b[k]), most)
    end = next((k for k in range(most - start) if a[-1 - k] != b[-1 - k]), most - start)
    a, b = a[start : len(a) - end], b[start : len(b) - end]
    # in long ones what stands everywhere is no landmark, or it would take minutes
    matcher = SequenceMatcher(None, a, b, autojunk=len(b) > _SHORT)
    for kind, *places in matcher.get_opcodes():
        if kind != "equal":
            i, i_end, j, j_end = (start + place for place in places)
            yield i, i_end, j, j_end


def emphasised(line: Line, words: set[int]) -> str:
    """Return a line's text with these of its words reversed, whatever their colours."""
    starts = {line.places[i][0] for i in words}
    ends = {line.places[i][1] for i in words}
    pieces, place, inside = [], 0, False
    for piece in re.split(f"({ESCAPE.pattern})", line.text):
        if ESCAPE.fullmatch(piece):
            pieces.append(piece + _SEEN * inside)  # which may have reset it
            continue
        for char in piece:
            if place in ends:
                pieces.append(_UNSEEN)
            if place in starts:
                pieces.append(_SEEN)
            inside = place in starts or (inside and place not in ends)
            pieces.append(char)
            place += 1
    return "".join(pieces) + _UNSEEN * inside
