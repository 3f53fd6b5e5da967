"""The commands as they are listed: each is read only when it is given."""

from __future__ import annotations

import re
import shlex
import signal
from pathlib import Path

import pytest

import gradcli
from gradcli.cli.app import PLACES
from tests.cli.runner import ROOT, run
from tests.cli.watching import Watching
from tests.play.command import Command

LINEAR = "samples/linear_regression.expr"


def test_without_arguments_the_commands_are_listed_a_line_each() -> None:
    outcome = run()
    lines = [line.split() for line in outcome.errors.splitlines()]
    assert outcome.status == 2
    assert [name for name in PLACES if [name, *PLACES[name].help.split()] not in lines] == []


@pytest.mark.parametrize("name", PLACES)
def test_a_listed_command_has_a_page_of_its_own(name: str) -> None:
    outcome = run(name, "--help")
    assert outcome.status == 0
    assert f" {name} [OPTIONS]" in outcome.output.splitlines()[0]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (("evl",), "'eval'"),
        (("chekc",), "'check'"),
        (("eval", "--retan-grad"), "--retain-grad"),
        (("--vresion",), "--version"),
        (("linear_regression.expr",), LINEAR),
        (("eval", "samples/linear.exp"), LINEAR),
        (("graph", "sampels/mlp.expr"), "samples/mlp.expr"),
    ],
)
def test_what_is_misspelt_in_a_command_line_is_named(given: tuple[str, ...], meant: str) -> None:
    outcome = run(*given)
    assert (outcome.status, outcome.output) == (2, "")
    assert outcome.errors.endswith(f"\nhint: did you mean {meant}?\n")


@pytest.mark.parametrize(
    "given",
    [("evaluation",), ("--color", "blue", LINEAR), ("eval", "--seed", "x"), ("fmt",), ("ops", "-x"),
     ("eval", "\x1b[2J", "--\x1b")],
    ids=str,
)  # fmt: skip
def test_a_wrong_command_line_is_told_as_any_error_is(given: tuple[str, ...]) -> None:
    outcome = run(*given)
    assert (outcome.status, outcome.output) == (2, "")
    assert re.fullmatch(r"error: [^\n]+\nhint: see [^\n]*gradcli[^\n]*--help\n", outcome.errors)
    assert "\x1b" not in outcome.errors


@pytest.mark.parametrize("name", PLACES)
def test_a_page_of_help_names_the_values_of_options_in_words(name: str) -> None:
    page = run(name, "--help").output
    assert re.findall(r"<(?:str|int|float|path|bool)[^>]*>", page) == []
    lines, examples = page.split("\n  Examples:\n")
    assert [line for line in lines.splitlines()[1:] if len(line) > 80 or line.endswith("...")] == []
    assert [line for line in examples.splitlines() if len(line) > 80] == []


EXAMPLES = [(name, example) for name, place in PLACES.items() for example in place.examples]


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_an_example_in_a_page_of_help_stands_on_a_line_and_works(
    name: str, example: str, tmp_path: Path
) -> None:
    assert f"\n    {example}\n" in run(name, "--help").output
    command = shlex.split(example.partition(" | ")[0])
    assert (command[0], command[1]) == ("gradcli", name)
    if name == "play":  # which has no end: its page is there
        playing = Command(*command[2:])
        assert "<title>gradcli play</title>" in playing.ask("")
        assert playing.end(signal.SIGINT) == (0, "")
        return
    if name == "record":  # which writes where it is called
        pytest.importorskip("torch")
        (tmp_path / "samples").symlink_to(ROOT / "samples")
        assert run(*command[1:], folder=tmp_path).status == 0
    elif name == "watch":  # which has no end: its first run is seen, all well
        with Watching(*command[2:]) as watching:
            watching.until(r"^-- \S+ · gradcli [^·]* · \S+ s\n")
    else:
        assert run(*command[1:]).status == 0


def test_every_command_has_examples() -> None:
    assert PLACES.keys() == {name for name, _ in EXAMPLES}


@pytest.mark.parametrize(
    "given",
    [
        (LINEAR,),
        (LINEAR, "--json"),
        ("--json", LINEAR),
        ("-e", "y = param(2.)**2"),
        ("-ey = param(2.)**2",),
        ("--named", "--expr=y = param(2.)**2"),
        ("./" + LINEAR, "--of", "loss2_sum"),
    ],
)
def test_a_file_or_a_text_in_the_place_of_a_command_is_evaluated(given: tuple[str, ...]) -> None:
    outcome = run(*given)
    assert outcome.status == 0
    assert outcome == run("eval", *given)


def test_standard_input_in_the_place_of_a_command_is_evaluated() -> None:
    assert "<stdin>" in run("-", stdin=b"y = param(2.)**2").output


def test_a_command_goes_before_a_file_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "ops").write_text("y = param(2.)**2")
    (tmp_path / "opts").write_text("y = param(2.)**2")
    assert "PowBackward0" not in run("ops", "--quiet", folder=tmp_path).output
    assert "PowBackward0" in run("opts", folder=tmp_path).output


@pytest.mark.parametrize("option", ["-q", "--quiet"])
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(
    ("command", "status"),
    [
        (("eval", LINEAR), 0),
        (("eval", LINEAR, "--json"), 0),
        (("graph", LINEAR), 0),
        (("check", LINEAR), 0),
        (("ops", "exp"), 0),
        (("fmt", "--diff", LINEAR), 0),
        (("check", "-e", "x = param(2.)\ny = x*x\nassert grad(y, x) == 3."), 1),
    ],
)
def test_a_quiet_command_tells_its_exit_status_alone(
    command: tuple[str, ...], status: int, before: bool, option: str
) -> None:
    outcome = run(option, *command) if before else run(*command, option)
    assert outcome == (status, "", "")


def test_a_quiet_command_tells_errors_and_writes_its_file(tmp_path: Path) -> None:
    assert "no such file" in run("-q", "nowhere.expr").errors
    run("eval", "-e", "y = param(2.)**2", "-q", "-o", str(tmp_path / "out"))
    assert "PowBackward0" in (tmp_path / "out").read_text(encoding="utf-8")


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version_is_shown(option: str) -> None:
    assert run(option) == (0, f"gradcli {gradcli.__version__}\n", "")
