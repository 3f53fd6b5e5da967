"""Nothing of a stranger's reaches a terminal or a page raw, whatever the command and the format."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest

from gradcli.cli import check, complete, explain
from gradcli.cli import eval as evaluation
from gradcli.errors import visible
from gradcli.render.words import harmless, json_text
from tests.cli.runner import Outcome, run

pytest_plugins = ["pytester"]

# colours, a bell, C1 controls, a deletion, a turn of direction, what is not seen, ends of lines of
# Unicode, a byte that is not UTF-8, and markup of rich, HTML, Markdown, XML, workflow commands
HOSTILE = (
    "\x1b[31m\x1b]0;t\x07\x9b1m\x7f\u202e\u2066\u200b\u00ad\ufeff\U000e0041\u2028\x85\x0b\udcff"
    "[red]<b>&amp;```::error::%]]>|"
)
WRITTEN = HOSTILE.encode("ascii", "backslashreplace").decode()  # as a literal of the language
UNSEEN = "".join(c for c in HOSTILE if c != "\udcff")  # as it may stand in a file
NAME = "سر"  # letters that are read from right to left are letters

RUNS = f"""
{NAME} = param([1., 2.])  # {UNSEEN}
d = load("data.json")
print("{WRITTEN}", {NAME})
print("{UNSEEN}")
warned = {NAME}.grad
loss = sum(-{NAME}**2 * d["x{UNSEEN[:3]}"])  # {UNSEEN}
assert allclose(grad(loss, {NAME}), 3*{NAME}), "{WRITTEN}"
assert "{WRITTEN}" == "{UNSEEN}", "{UNSEEN}"
"""
NO_TENSOR = f'a = ["{WRITTEN}", "{UNSEEN}"]\nb = {{"{WRITTEN}": 1}}\nc = "=cmd|"\n'
WRONG = (
    f'y = "{UNSEEN}" + 1\n',
    f"y = {UNSEEN}\n",
    f'y = load("{WRITTEN}")\n',
    f'y = load("{WRITTEN}.json")\n',
    f'y = float("{WRITTEN}")\n',
    f'd = {{}}\ny = d["{WRITTEN}"]\n',
    f'y = zeros(2, dtype="{WRITTEN}")\n',
    f'y = einsum("{WRITTEN}", ones(2))\n',
    'y = load("text.json")\n',
    'y = load("text.csv")\n',
    'y = load("text.toml")\n',
    'y = load("names.npz")\n',
    f'y = "{{:{WRITTEN}}}".format(1.0)\n',
    f'assert 1, "{WRITTEN}"\ny = exp("{WRITTEN}")\n',
)
EVAL = [("eval", "--format", kind.value) for kind in evaluation.Format]
CHECK = [("check", "--format", kind.value) for kind in check.Format]
COMMANDS = [
    *EVAL, ("eval", "--full"), *CHECK, ("check", "--verbose"), ("check", "--mode", "forward"),
    ("graph",), ("graph", "--dot", "--values"), ("graph", "--backward"), ("graph", "--tree"),
    ("graph", "--tree", "--full"), ("graph", "--ascii"),
    *(("graph", "--format", kind) for kind in ("svg", "mermaid", "markdown", "json", "html")),
    ("diagnose",), ("diagnose", "--json"), ("diagnose", "--format", "markdown"),
    ("fmt", "--diff"), ("fmt", "--check"),
]  # fmt: skip

X = ("eval", "-e", "x = 1.")
WORDS = [
    (HOSTILE,), ("eval", HOSTILE), ("eval", f"--{HOSTILE}"), ("eval", "a", HOSTILE),
    ("eval", "-e", HOSTILE), ("eval", "--format", HOSTILE), ("ops", HOSTILE), ("fmt", HOSTILE),
    ("check", HOSTILE), ("check", "-e", "x = 1.", "--mode", HOSTILE), (*X, "-s", f"{HOSTILE}=1"),
    (*X, "-s", f"x={HOSTILE}"), (*X, "--of", HOSTILE), (*X, "--data", HOSTILE),
    (*X, "--data", f"{HOSTILE}.json"), (*X, "--dtype", HOSTILE), (*X, "-o", f"{HOSTILE}/x"),
    (*X, "--max-memory", HOSTILE), (*X, "--wrt", HOSTILE), ("explain", "--concept", HOSTILE),
    ("explain", "-e", "x = param(1.); y = 2*x", "--element", HOSTILE),
    ("explain", "-e", "x = param(1.); y = 2*x", HOSTILE),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder whose files have hostile names and hostile contents."""
    found = tmp_path_factory.mktemp("hostile")
    texts = {"runs": RUNS, "values": NO_TENSOR} | {f"wrong{i}": t for i, t in enumerate(WRONG)}
    for name, text in texts.items():
        (found / f"{name}{HOSTILE}.expr").write_text(text)
    (found / "data.json").write_text(json.dumps({"x" + UNSEEN[:3]: [1.0, 2.0], UNSEEN: [3.0]}))
    (found / "text.json").write_text(json.dumps({UNSEEN: UNSEEN}))
    (found / "text.csv").write_text(f"1,2\n{UNSEEN}\n")
    (found / "text.toml").write_text(UNSEEN)
    with ZipFile(found / "names.npz", "w") as archive:
        archive.writestr(UNSEEN, b"1")
    return found


def unprintable(outcome: Outcome) -> set[str]:
    """Return what a terminal might obey of what was written, records of CSV ending in two."""
    text = outcome.output.replace("\r\n", "\n") + outcome.errors
    return {c for c in text if not c.isprintable() and c != "\n"}


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_every_command_and_format_shows_what_is_unprintable_as_text(
    arguments: tuple[str, ...], encoding: str, folder: Path
) -> None:
    command, *options = arguments
    for kind in ("runs", "values"):
        outcome = run(command, f"{kind}{HOSTILE}.expr", *options, folder=folder, encoding=encoding)
        assert outcome.status in (0, 1, 3), outcome.errors
        assert unprintable(outcome) == set()


@pytest.mark.parametrize("form", list(explain.Form))
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_derivation_shows_what_is_unprintable_as_text(
    form: str, encoding: str, folder: Path
) -> None:
    arguments = ("explain", f"runs{HOSTILE}.expr", NAME, "--format", form)
    outcome = run(*arguments, folder=folder, encoding=encoding)
    assert outcome.status == 0, outcome.errors
    assert unprintable(outcome) == set()


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_no_error_shows_what_is_unprintable(number: int, folder: Path) -> None:
    name = f"wrong{number}{HOSTILE}.expr"
    for command in ("eval", "check", "graph", "fmt"):
        outcome = run(command, name, folder=folder)
        assert unprintable(outcome) == set()
        assert outcome.status == 2 or command == "fmt"


@pytest.mark.parametrize("arguments", CHECK, ids=" ".join)
def test_many_files_are_shown_so_too(arguments: tuple[str, ...], folder: Path) -> None:
    outcome = run(*arguments, ".", "--junit", "report.xml", folder=folder)
    assert outcome.status == 1
    assert unprintable(outcome) == set()
    report = folder / "report.xml"
    assert unprintable(Outcome(0, report.read_text("utf-8"), "")) == set()
    assert len(ElementTree.parse(report).getroot()) == 2 + len(WRONG)


@pytest.mark.parametrize("arguments", [("eval", "--json"), ("check", "--json")], ids=" ".join)
def test_json_holds_every_character_but_lone_surrogates(
    arguments: tuple[str, ...], folder: Path
) -> None:
    outcome = run(*arguments, f"runs{HOSTILE}.expr", folder=folder)
    record = json.loads(outcome.output)
    file = record["file"] if arguments[0] == "eval" else record["files"][0]["file"]
    assert file == f"runs{HOSTILE}.expr".replace("\udcff", r"\udcff")
    if arguments[0] == "eval":
        assert UNSEEN in record["printed"]
        assert record["nodes"][0]["name"] == NAME


def test_json_is_json_for_any_text() -> None:
    texts = [chr(code) for code in range(0x11000)] + ["\ud83d\ude00", "\U0001f600", "\U000e0041"]
    read = json.loads(json_text(texts))
    assert all(c.isprintable() or c == "\n" for c in json_text(texts, indent=2))
    for text, back in zip(texts, read, strict=True):
        assert back == (text if text[0] < "\ud800" or text[0] > "\udfff" else harmless(text))


FORMULAS = ("-w", "+w", "-exp(w)")


def test_no_cell_of_csv_is_a_formula_of_a_spreadsheet() -> None:
    text = "w = param([1., 2.])\n" + "\n".join(FORMULAS) + "\nn = w*(-inf)\nm = -2.0*w.sum()\n"
    outcome = run("eval", "--format", "csv", "-e", text)
    rows = list(csv.DictReader(StringIO(outcome.output, newline="")))
    assert {"'-w", "'-exp(w)"} <= {row["source"] for row in rows}
    cells = {cell for row in rows for cell in row.values()}
    for cell in cells:
        assert not cell.startswith(("=", "+", "@"))
        assert not cell.startswith("-") or float(cell) < 0


def test_printed_text_does_not_leave_its_block_of_markdown() -> None:
    text = 'print("```\\n![x](http://x)\\n````")\nw = param(1.)\ny = w*w\n'
    for shown in (
        run("eval", "--format", "markdown", "-e", text).output,
        run("check", "--format", "markdown", "-e", 'x = 1 + "```"').output,
    ):
        fence = next(line for line in shown.splitlines() if line.startswith("```"))
        inside = shown.split(f"{fence}\n")[1]
        assert "```" in inside
        assert fence not in inside


@pytest.mark.parametrize("arguments", WORDS)
def test_words_of_the_command_line_are_shown_so(arguments: tuple[str, ...]) -> None:
    outcome = run(*arguments)
    assert outcome.status == 2
    assert unprintable(outcome) == set()


def test_an_end_of_line_in_a_name_does_not_begin_a_line_of_an_error() -> None:
    outcome = run("eval", "a\nerror: all is lost")
    assert outcome.errors == "error: a␊error: all is lost: there is no such file\n"


def test_the_shell_is_offered_no_name_that_it_would_show_raw(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (folder / f"{NAME}.expr").write_text("x = 1.")
    assert list(complete.files("")) == [f"{NAME}.expr"]
    (folder / f"{NAME}.expr").unlink()


def test_pytest_shows_so_what_it_is_told(pytester: pytest.Pytester) -> None:
    false = f'w = param(1.)\ny = w*w\nassert "{UNSEEN}" == "a"\n'
    for number, text in enumerate((false, WRONG[0], WRONG[4])):
        (pytester.path / f"f{number}.expr").write_text(text)
    plugin = ("-p", "no:gradcli", "-p", "gradcli.pytest_plugin", "--gradcli", "-rA")
    result = pytester.runpytest_inprocess(*plugin)
    result.assert_outcomes(failed=3)
    shown = result.stdout.str()
    assert {c for c in shown if not c.isprintable() and c != "\n"} == set()
    assert "::error::" in shown


def test_every_character_of_unicode_is_visible() -> None:
    everything = "".join(map(chr, range(0x110000)))
    assert visible(everything).isprintable()
    assert len(visible(everything)) == len(everything)
    assert harmless(everything).isprintable()
    assert harmless(everything, ascii_only=True).isascii()
