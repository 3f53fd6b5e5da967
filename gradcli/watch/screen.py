"""Where runs are shown: on one screen that is drawn over and over, or one after the other."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TextIO
from unicodedata import east_asian_width

from gradcli.errors import cropped
from gradcli.watch.changes import ESCAPE, Changes, compared, emphasised, lines_of
from gradcli.watch.loop import Result

_CHANGED, _SAME = "* ", "  "  # before the lines
TAKEN = 3  # columns that these take, and the last one, which would break the line in some terminals
WAITING = "waiting for changes"
_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"


class Screen:
    """One screen: the last good page, its changed words marked, a line of status, and messages.

    The page is cut to what fits. Every drawing is written at once, and leaves the terminal as it
    was but for the text: there is nothing to put right in the end but the cursor.
    """

    def __init__(self, out: TextIO, title: str, size: Callable[[], tuple[int, int]]) -> None:
        self._out, self._title, self._measured = out, title, size
        self._size = size()
        self._laid_out = self._size[0]  # the columns that the last run had
        self._good: Changes | None = None
        self._good_width = 0  # its columns
        self._when = ""  # the last good run
        self._said, self._messages, self._stale = "", "", False
        out.write("\n" * self._size[1])  # what stands there is not lost: it scrolls away

    def began(self) -> None:
        self._laid_out = self._size[0]
        self._draw("running…")

    def ended(self, result: Result) -> None:
        self._messages, self._stale = result.messages.strip("\n"), not result.good
        said = [f"{result.at}, {result.seconds:.2f} s"]
        if result.good:
            # a page laid out for another width has other lines
            before = self._good.page if self._good and self._good_width == self._laid_out else None
            self._good = compared(before, lines_of(result.page))
            self._good_width, self._when = self._laid_out, result.at
            said += [str(self._good)] * (before is not None)
            said += [f"exit status {result.status}"] * bool(result.status)
        else:
            said = [f"error at {result.at}"]
        self._said = " · ".join(said)
        self._draw(WAITING)

    def missing(self) -> None:
        self._laid_out = self._size[0]  # nothing is to be laid out anew
        self._said, self._messages, self._stale = "the file is not there", "", True
        self._draw(WAITING)

    def resized(self) -> bool:
        size = self._measured()
        if size != self._size:
            self._size = size
            self._draw(self._state)
        return self._size[0] != self._laid_out

    def close(self) -> None:
        """Leave the cursor on a line of its own."""
        _write(self._out, "\n")

    def _draw(self, state: str) -> None:
        self._state = state
        columns, rows = self._size
        last = f"above: last good run, {self._when}" if self._stale and self._good else ""
        status = " · ".join(x for x in (state, self._said, last, self._title) if x)
        below = [next(_folded(cropped(status, columns - 1), columns - 1))]
        for line in self._messages.split("\n") if self._messages else ():
            below += _folded(line, columns - 1)
        if len(below) > rows:
            below[max(1, rows - 1) :] = ["…"]
        above = [] if self._good is None else self._page(self._good, rows - len(below))
        drawn = "\r\n".join(f"\x1b[2K{line}{_PLAIN}" for line in [*above, *below])
        _write(self._out, f"\x1b[H{drawn}\x1b[J")

    def _page(self, good: Changes, rows: int) -> list[str]:
        """Return what fits into so many rows; the last one says what does not."""
        drawn: list[str] = []
        ends: list[int] = []  # of each line of the page, in rows
        for place, line in enumerate(good.page):
            if len(drawn) > rows:
                break
            words = good.words.get(place)
            mark, text = _SAME, line.text
            if self._stale:
                text = _DIM + ESCAPE.sub("", text)
            elif words is not None:
                mark, text = _CHANGED, emphasised(line, words)
            pieces = islice(_folded(text, self._size[0] - TAKEN), rows + 1)
            drawn += [mark + piece for piece in pieces]
            ends.append(len(drawn))
        if len(drawn) <= rows:
            return drawn
        whole = sum(end < rows for end in ends)
        unseen = len(good.words.keys() - range(whole))
        changed = f", {unseen} of them changed" * bool(unseen and not self._stale)
        more = f"{_SAME}… {len(good.page) - whole} lines more{changed}: --all shows them"
        return [*drawn[: max(0, rows - 1)], next(_folded(more, self._size[0] - TAKEN))][:rows]


def _folded(text: str, columns: int) -> Iterator[str]:
    """Yield a text in pieces that fit; colours take no room, and go on in the next piece."""
    piece, taken = "", 0
    colour = ""
    for token in _tokens(text):
        if ESCAPE.fullmatch(token):
            colour = "" if token == _PLAIN else colour + token
            piece += token
            continue
        width = 2 if east_asian_width(token) in "WF" else 1
        if taken and taken + width > columns:
            yield piece
            piece, taken = colour, 0
        piece += token
        taken += width
    yield piece


def _tokens(text: str) -> Iterator[str]:
    place = 0
    for found in ESCAPE.finditer(text):
        yield from text[place : found.start()]
        yield found[0]
        place = found.end()
    yield from text[place:]


class Log:
    """Run after run, each under a line of its own; errors go to the other stream.

    Without `escapes` the changed lines have their mark, and the words in them none.
    """

    def __init__(self, out: TextIO, errors: TextIO, title: str, *, escapes: bool = False) -> None:
        self._out, self._errors, self._title, self._escapes = out, errors, title, escapes
        self._good: Changes | None = None

    def began(self) -> None:
        pass

    def ended(self, result: Result) -> None:
        said = [result.at, self._title, f"{result.seconds:.2f} s"]
        lines: list[str] = []
        if result.good:
            before = None if self._good is None else self._good.page
            self._good = compared(before, lines_of(result.page))
            said += [str(self._good)] * (before is not None)
            said += [f"exit status {result.status}"] * bool(result.status)
            lines = [self._marked(self._good, place) for place in range(len(self._good.page))]
        else:
            said += ["error"]
        self._put(said, lines)
        self._errors.write(result.messages)
        self._errors.flush()

    def missing(self) -> None:
        self._put([self._title, "the file is not there", WAITING], [])

    def resized(self) -> bool:
        """Say that no size matters.

        Raises: BrokenPipeError where nobody reads any more, which writing would tell only at the
        next save.
        """
        if _left(self._out):
            raise BrokenPipeError
        return False

    def close(self) -> None:
        """Leave all as it is."""

    def _marked(self, changes: Changes, place: int) -> str:
        line, words = changes.page[place], changes.words.get(place)
        if words is None:
            return (_SAME + line.text).rstrip()
        return _CHANGED + (emphasised(line, words) if self._escapes else line.text)

    def _put(self, said: Sequence[str], lines: Sequence[str]) -> None:
        _write(self._out, "\n".join([f"-- {' · '.join(said)}", *lines, ""]))


def _write(out: TextIO, text: str) -> None:
    """Write at once; a terminal of ASCII gets signs as wide as those that it has not."""
    try:
        "·…".encode(out.encoding or "utf-8")
    except UnicodeEncodeError:
        text = text.replace("·", "|").replace("…", ".")
    out.write(text)
    out.flush()


def _left(out: TextIO) -> bool:
    """Say whether a pipe is read no more, where the system can tell."""
    if not hasattr(select, "poll"):
        return False
    try:
        number = out.fileno()
    except (OSError, ValueError):  # no file at all
        return False
    poll = select.poll()
    poll.register(number, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
