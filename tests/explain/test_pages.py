"""What a person sees of `gradcli explain`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from gradcli.render import explain_json
from tests.cli.runner import ROOT, run

SAMPLES = sorted(p.stem for p in (ROOT / "samples").glob("*.expr"))
BOUND = {"one_liner": ("-p", "w=1.0", "-p", "b=0.0", "-s", "x=[1.,2.]", "-s", "y=[5.,7.]")}
LOOP = "w = param(0.9); s = tensor(1.0)\nfor i in range(100):\n    s = tanh(s * w)\nloss = s**2"
LONG = "a" * 60
# programs whose pages must fit any terminal
PROGRAMS = {
    "a loop": LOOP,
    "two uses": "x = param(2.0); a = x**2; b = sin(x); y = a * b",
    "nan": "w = param([0.0, 1.0]); y = (sqrt(w) * tensor([0.0, 1.0])).sum()",
    "inf": "w = param(0.0); y = log(w)",
    "complex": "z = param(1 + 2j); y = abs(z * z)",
    "long names": f"{LONG} = param(1.0); y = ({LONG} * {LONG} + sin({LONG})) * {LONG}",
    "several results": "A = param([[2.0, 1.0], [0.0, 3.0]]); U, S, V = svd(A); y = S.sum()",
    "wide letters": "漢字 = param(2.0); 数 = 漢字**2; y = 数 * 漢字",
    "views": "x = param([[1.0, 2.0], [3.0, 4.0]]); y = x.T.reshape(4).view(2, 2)[0].sum()",
    "cut": "w = param(1.0); b = param(2.0); y = w.detach() * b",
    "passes": "w = param(3.0); y = w**2; z = 5*w; y.backward(); z.backward()",
    "an attention": "Q = param([[1.0, 2.0], [0.5, 1.0]]); y = (softmax(Q @ Q.T, dim=1) @ Q).sum()",
}


@pytest.mark.parametrize("columns", [80, 200])
@pytest.mark.parametrize("sample", SAMPLES)
def test_the_page_of_a_sample(
    sample: str, columns: int, golden: Callable[[str, str], None]
) -> None:  # fmt: skip
    path = f"samples/{sample}.expr"
    outcome = run("explain", path, *BOUND.get(sample, ()), columns=columns)
    assert outcome.status == 0, outcome.errors
    assert_fits(outcome.output, columns)
    golden(f"{sample}_{columns}.txt", outcome.output)


@pytest.mark.parametrize("columns", [20, 40, 63, 64, 80, 120])
@pytest.mark.parametrize("name", PROGRAMS)
def test_no_line_is_wider_than_the_terminal(name: str, columns: int) -> None:
    for more in ((), ("--full",), ("--depth", "2")):
        outcome = run("explain", "-e", PROGRAMS[name], *more, columns=columns)
        assert outcome.status == 0, outcome.errors
        assert_fits(outcome.output, columns)


def assert_fits(page: str, columns: int) -> None:
    assert [line for line in page.splitlines() if cell_len(line) > columns] == []
    assert [line for line in page.splitlines() if line != line.rstrip()] == []


@pytest.mark.parametrize("name", sorted(PROGRAMS.keys() - {"wide letters"}))
def test_a_terminal_of_ascii_gets_ascii(name: str) -> None:
    outcome = run("explain", "-e", PROGRAMS[name], encoding="ascii")
    assert outcome.status == 0, outcome.errors
    assert outcome.output.isascii()
    assert "\\u" not in outcome.output


def test_a_loop_shows_its_first_and_last_turns_and_counts_the_others() -> None:
    page = run("explain", "-e", LOOP, "w").output
    assert "more turns of line 3" in page
    assert len(page.splitlines()) < 20
    assert "(100)" in page
    assert page.splitlines()[0].startswith("∂loss/∂w = ")


def test_full_leaves_no_turn_out() -> None:
    page = run("explain", "-e", LOOP, "w", "--full").output
    assert "more" not in page
    assert page.count("tanh(s * w)") == 100


def test_depth_goes_so_many_steps_back() -> None:
    page = run("explain", "-e", LOOP, "w", "--depth", "2").output
    assert [line.split()[0] for line in page.splitlines()[1:3]] == ["loss", "s:3#100"]
    assert "more steps, further from loss" in page


def test_where_a_line_passes_on_to_several_it_says_to_which() -> None:
    page = run("explain", "-e", PROGRAMS["two uses"], columns=100).output
    assert re.search(r"y = a \* b +b = 0\.909297 +→ a: 0\.909297\n +a = 4 +→ b: 4\n", page)
    assert re.search(r"x: \(1\) \+ \(2\) +→ 1\.9726", page)


def test_views_one_behind_the_other_are_one_line() -> None:
    program = "x = param([[1., 2.], [3., 4.]]); y = (x[0][None].squeeze(0).view(2) * 2).sum()"
    page = run("explain", "-e", program, columns=120).output
    rows = [line for line in page.splitlines() if "→" in line]
    assert len(rows) == 3
    assert "back through view, squeeze, unsqueeze, select" in rows[-1]
    assert rows[-1].endswith("→ [[2, 2], [0, 0]]")


def test_passes_are_added_in_sight() -> None:
    page = run("explain", "-e", PROGRAMS["passes"]).output
    assert "w.grad, of 2 backward() passes: 11" in page
    assert "w.grad = 6 + 5 = 11" in page


def test_a_name_cannot_steer_the_terminal() -> None:
    outcome = run("explain", "-e", 'd = {"a\\x1b[2J": param(2.0)}\ny = d["a\\x1b[2J"]**2')
    assert "\x1b" not in outcome.output


def test_a_followed_element_is_named_with_what_moves() -> None:
    program = "A = param([[1., 2.], [3., 4.]]); y = ((A @ tensor([1., 1.]))**2).sum()"
    page = run("explain", "-e", program, "--element", "A[0,1]").output
    assert "(A @ tensor([1., 1.]))[0]" in page
    assert re.search(r"A\[0, 1\] +6 · 1 +→ 6\n", page)


def test_the_text_of_a_page_in_json_is_documented_key_by_key() -> None:
    program = PROGRAMS["two uses"]
    record = json.loads(run("explain", "-e", program, "--json").output)
    follow = run("explain", "-e", PROGRAMS["nan"], "--element", "w[1]", "--json").output
    places = json.loads(follow)["explanations"][0]["passes"][0]["places"]
    assert record["schema"] == "gradcli.explain/1"
    documented = set(re.findall(r"`(\w+)`", explain_json.__doc__ or ""))
    assert all(set(place) <= documented for place in places)
    for one in record["explanations"]:
        for found in (one, *one["passes"], *one["passes"][0]["steps"]):
            assert set(found) <= documented
    (passed,) = record["explanations"][0]["passes"]
    assert passed["formula"] == "a * cos(x) + 2 * b * x"
    assert passed["steps"][-1]["total"] == passed["gradient"]


def test_nan_in_json_is_a_string() -> None:
    text = run("explain", "-e", PROGRAMS["nan"], "--json").output

    def refuse(constant: str) -> Any:
        raise AssertionError(constant)

    record = json.loads(text, parse_constant=refuse)
    assert record["explanations"][0]["gradient"][0] == "nan"


@pytest.mark.parametrize("name", PROGRAMS)
def test_latex_is_balanced_and_ascii(name: str) -> None:
    text = run("explain", "-e", PROGRAMS[name], "--format", "latex").output
    assert text.isascii()
    bare = re.sub(r"\\[\\{}]", "", text)
    assert bare.count("{") == bare.count("}")
    assert text.count("\\left") == text.count("\\right")
    assert text.count(r"\begin{align*}") == text.count(r"\end{align*}") > 0


def test_latex_has_greek_letters_as_commands() -> None:
    text = run("explain", "-e", "α = param(2.0); y = α**2", "--format", "latex").output
    assert r"\overline{\mathrm{\alpha }} &=" in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no TeX is installed")
@pytest.mark.parametrize("name", PROGRAMS)
def test_latex_compiles(name: str, tmp_path: Path) -> None:
    body = run("explain", "-e", PROGRAMS[name], "--format", "latex").output
    page = "\\documentclass{article}\\usepackage{amsmath}\\begin{document}\n" + body
    (tmp_path / "page.tex").write_text(f"{page}\\end{{document}}\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]


@pytest.mark.parametrize("name", PROGRAMS)
def test_markdown_has_rows_of_four_cells(name: str) -> None:
    text = run("explain", "-e", PROGRAMS[name], "--format", "markdown").output
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert rows
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}


# fmt: off
WRITES = {  # what a write passes on to what it was made in, and to what was written
    "y[0] = b": ("g, 0 where y[0] was written", "g[0]"),
    "y[0, 1:] = b": ("g, 0 where y[0][1:] was written", "sum(g[0][1:])"),
    "y.T[1] = b": ("g, 0 where y.T[1] was written", "sum(g.T[1])"),
    "y.view(4)[1:3] = b": (
        "g, 0 where reshape(y, (4,))[1:3] was written", "sum(reshape(g, (4,))[1:3])"
    ),
    "y.diagonal()[1:] = b": (
        "g, 0 where diagonal(y)[1:] was written", "sum(diagonal(g)[1:])"
    ),
}
# fmt: on


@pytest.mark.parametrize("write", WRITES)
def test_a_write_through_a_view_says_what_it_passes_on(write: str) -> None:
    value = "param([3.0, 4.0])" if write == "y[0] = b" else "param(3.0)"
    program = f"w = param([[1.0, 2.0], [5.0, 6.0]]); b = {value}; y = w * 2; {write}; y.sum()"
    found = json.loads(run("explain", "-e", program, "--json").output)
    steps = [s["formula"] for e in found["explanations"] for p in e["passes"] for s in p["steps"]]
    kept, passed = WRITES[write]
    assert kept in steps
    assert passed in steps
    for form in ("terminal", "markdown", "latex", "json"):
        page = run("explain", "-e", program, "--format", form).output
        assert not re.search(r" at 0x|<function|Primitive|Signature", page)


def test_an_overflow_gives_no_warning_of_numpys() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outcome = run("explain", "-e", "x = param([1e200, 1.0]); loss = (x**2).sum().sqrt()")
    assert (outcome.status, outcome.errors) == (0, "")


def test_sentences_about_a_followed_element_are_wrapped_and_not_cut() -> None:
    program = f"{LONG} = param([1.0, 2.0]); loss_{LONG} = ({LONG}**2).sum()"
    page = run("explain", "-e", program, "--element", f"{LONG}[1]", columns=80).output
    assert "summed over those that do" in " ".join(page.split())
    assert_fits(page, 80)


def test_the_concepts_are_listed_and_shown() -> None:
    listed = run("explain", "--concept", "list").output
    assert "is_leaf" in listed
    assert run("explain", "--concept=is_leaf").output == run(
        "explain", "--concept", "is_leaf").output  # fmt: skip
    page = run("explain", "--concept", "is_leaf", columns=50)
    assert page.status == 0
    assert_fits(page.output, 50)
    assert run("explain", "--concept", "leaff").status == 2
    assert run("explain", "--concept", "detach", encoding="ascii").output.isascii()
    assert json.loads(run("explain", "--concept", "detach", "--json").output)["name"] == "detach"
    assert run("explain", "--concept", "detach", "--format", "latex").status == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("samples/linear_regression.expr", "ww"), "has no tensor `ww`"),
        (("-e", "x = tensor(1.0); y = x + 1"), "has nothing to differentiate"),
        (("samples/linear_regression.expr", "--element", "w"), "expected a name and an index"),
        (("samples/linear_regression.expr", "w", "--element", "w[0]"), "not both"),
        ((), "no expression file"),
        (("--concept", "kinks", "--element", "x[0]"), "--concept shows a page of its own"),
        (("--concept", "kinks", "detach"), "--concept shows a page of its own"),
        (("--concept", "kinks", "-p", "x=1"), "--concept shows a page of its own"),
        (("--concept", "kinks", "--full"), "--concept shows a page of its own"),
    ],
)
def test_what_cannot_be_explained_is_refused(arguments: tuple[str, ...], words: str) -> None:
    outcome = run("explain", *arguments)
    assert outcome.status == 2
    assert words in outcome.errors
