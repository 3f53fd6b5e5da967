"""What of a page is marked: what changed, and nothing else."""

from __future__ import annotations

import re

import pytest

from gradcli.watch.changes import compared, emphasised, lines_of

TABLE = """\
loss = 4 (line 3)

  node  line  value   grad
───────────────────────────
● w        1  2       -28
○ wx       2  [2, 4]  (1, 1)
★ loss     3  4       (1)

legend"""
# a page, what it becomes, and the changed words of each line that is marked
CASES: dict[str, tuple[str, str, dict[int, str]]] = {
    "nothing": (TABLE, TABLE, {}),
    "a value": (TABLE, TABLE.replace("-28", "-23"), {4: "-23"}),
    "the first line": (TABLE, TABLE.replace("loss = 4", "loss = 5"), {0: "5"}),
    "one element": (TABLE, TABLE.replace("[2, 4]", "[2, 5]"), {5: "5]"}),
    "columns as wide as they must be": (
        TABLE, TABLE.replace("  value ", "  value    ").replace("───\n", "──────\n"), {}),
    "numbers of lines": (
        TABLE, TABLE.replace(" 1  2", "10  2").replace(" 2  [", "11  [").replace("3  4", "4  4")
        .replace("line 3", "line 4"), {}),
    "a value that is a number of the same size": (
        TABLE, TABLE.replace("3  4 ", "3  9 "), {6: "9"}),
    "a word less": (TABLE, TABLE.replace("  (1)", ""), {6: ""}),
    "a row more": (
        TABLE, TABLE.replace("★", "○ new      3  7       (2)\n★"), {6: "○ new N 7 (2)"}),
    "a row less": (TABLE, TABLE.replace("○ wx       2  [2, 4]  (1, 1)\n", ""), {}),
    "an empty line": (TABLE, TABLE.replace("legend", "\n\nlegend"), {}),
    "a number behind a table": (
        TABLE + "\n" + "9".rjust(12), TABLE + "\n" + "8".rjust(12), {9: "8"}),
    "rows whose words are the same in another order": (
        "a 1 2\nb 2 1", "a 2 1\nb 1 2", {0: "2 1", 1: "1 2"}),
    "an element of JSON": ('{"line": 3, "a": [1, 2]}', '{"line": 4, "a": [1, 3]}', {0: "3]}"}),
    "a column that gives way": (
        "a b c\n─────\n1 2 3", "a c\n───\n1 9", {0: "", 2: "9"}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_only_what_changed_is_marked(case: str) -> None:
    before, after, expected = CASES[case]
    changes = compared(lines_of(before), lines_of(after))
    page = changes.page
    marked = {k: " ".join(page[k].words[i] for i in sorted(w)) for k, w in changes.words.items()}
    assert marked == expected


@pytest.mark.parametrize("case", CASES)
def test_colours_change_nothing(case: str) -> None:
    before, after, _ = CASES[case]
    coloured = re.sub(r"(\w+)", "\x1b[1;31m\\1\x1b[0m", after)
    plain = compared(lines_of(before), lines_of(after))
    assert compared(lines_of(before), lines_of(coloured)).words == plain.words


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("a", "a", "nothing changed"),
        ("a", "b", "1 line changed"),
        ("a\nb", "c\nd", "2 lines changed"),
        ("a\nb\nc", "a\nc", "1 line gone"),
        ("a\nb\n\nc\nd", "e", "1 line changed, 3 lines gone"),
    ],
)
def test_changes_are_counted(before: str, after: str, said: str) -> None:
    assert str(compared(lines_of(before), lines_of(after))) == said


def test_a_first_page_has_no_marks() -> None:
    assert compared(None, lines_of(TABLE)).words == {}


@pytest.mark.parametrize("count", [1, 900, 4000, 6000])
@pytest.mark.parametrize("line", ["0 0 0", "row {}"])
def test_pages_of_any_length_are_compared(count: int, line: str) -> None:
    page = [line.format(k) for k in range(count)]
    half = count // 2
    changed = [*page[:half], "another", *page[half + 1 :]]
    found = compared(lines_of("\n".join(page)), lines_of("\n".join(changed)))
    assert (found.words, found.gone) == ({half: {0}}, 0)


@pytest.mark.parametrize(
    ("text", "words", "shown"),
    [
        ("a b c", {1}, "a \x1b[7mb\x1b[27m c"),
        ("a b c", set(), "a b c"),
        ("ab", {0}, "\x1b[7mab\x1b[27m"),
        ("a  b", {0, 1}, "\x1b[7ma\x1b[27m  \x1b[7mb\x1b[27m"),
        # a word whose colour ends in it stays reversed, and one in a colour keeps it
        ("\x1b[31ma b\x1b[0m", {1}, "\x1b[31ma \x1b[7mb\x1b[0m\x1b[7m\x1b[27m"),
        ("a\x1b[0mb c", {0}, "\x1b[7ma\x1b[0m\x1b[7mb\x1b[27m c"),
    ],
)
def test_words_are_reversed_whatever_their_colours(text: str, words: set[int], shown: str) -> None:
    assert emphasised(lines_of(text)[0], words) == shown
