"""`gradcli diagnose`, and the lines of `eval` and `check` that send there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gradcli
from gradcli.diagnose import KINDS, Severity
from tests.cli.runner import run

UNUSED = "w = param(2.0); b = param(1.0); loss = w**2"
INFINITE = "x = param([0.0, 4.0]); loss = sum(log(x))"
HEALTHY = "w = param(2.0); loss = w**2"
FAULTY = f"{UNUSED}; q = zeros(3) + zeros(2)"

STATUSES = [  # text, --strict, exit status
    (UNUSED, None, 0),
    (UNUSED, "error", 0),
    (UNUSED, "warning", 1),
    (UNUSED, "note", 1),
    (INFINITE, "error", 1),
    (HEALTHY, "note", 0),
    (FAULTY, None, 2),
]


@pytest.mark.parametrize(("text", "strict", "status"), STATUSES)
def test_strict_makes_the_exit_status_that_of_the_worst_finding(
    text: str, strict: str | None, status: int
) -> None:
    options = [] if strict is None else ["--strict", strict]
    assert run("diagnose", "-e", text, *options).status == status


def test_ignored_findings_are_left_out() -> None:
    found = run("diagnose", "-e", UNUSED, "--ignore", "unused-parameter", "--strict", "note")
    assert found.status == 0
    assert "nothing found" in found.output


def test_a_kind_that_there_is_not_is_told_with_one_that_is_meant() -> None:
    found = run("diagnose", "-e", UNUSED, "--ignore", "unused-paramter")
    assert found.status == 2
    assert "did you mean unused-parameter?" in found.errors


def test_the_list_has_every_kind_and_runs_nothing() -> None:
    shown = run("diagnose", "--list").output
    assert all(kind.name in shown for kind in KINDS)
    records = json.loads(run("diagnose", "--list", "--json").output)["kinds"]
    assert [record["name"] for record in records] == [kind.name for kind in KINDS]
    assert run("diagnose", "--list", "-e", UNUSED).status == 2


def test_what_was_found_before_an_error_is_shown_and_then_the_error() -> None:
    found = run("diagnose", "-e", "w = param([0.0]); y = log(w); z = y + zeros(2) + zeros(3)")
    assert found.status == 2
    assert "log(w)" in found.output
    assert "must match" in found.errors


@pytest.mark.parametrize("kind", ["table", "markdown"])
def test_a_run_that_ended_with_an_error_is_not_headed_as_one_in_which_nothing_is(kind: str) -> None:
    text = "w = param(2.0)\ny = w*w\nz = zeros(2) + zeros(3)"
    found = run("diagnose", "-e", text, "--format", kind)
    assert found.status == 2
    assert "stopped in line 3: nothing to say of what ran before" in found.output
    assert "nothing found" not in found.output


@pytest.mark.parametrize("asked", ["q", "w.q"])
def test_of_a_name_that_there_is_not_only_the_error_is_shown(asked: str) -> None:
    found = run("diagnose", "-e", HEALTHY, "--of", asked)
    assert (found.status, found.output) == (2, "")
    assert "has no tensor" in found.errors


HINTS = {  # text, whether the error that ends it has its hint
    "x = param([1., 3.])\ny = x.argmax().float()\ny.backward()": False,
    "w = param(2.)\np = w*w\nfor i in range(2):\n    loss = (p - 1)**2\n    loss.backward()": False,
    "w = param([0.0])\ny = sum(log(w))\ny.backward()\nz = zeros(2)\nq = z.backward()": True,
}


@pytest.mark.parametrize("text", HINTS, ids=["indices", "second pass", "another cause"])
def test_a_finding_that_explains_the_error_stands_for_its_hint(text: str) -> None:
    found = run("diagnose", "-e", text)
    assert found.status == 2
    assert ("hint:" in found.errors) == HINTS[text]


def test_lines_to_write_instead_without_a_reason_have_no_colon_before_nothing() -> None:
    shown = run("diagnose", "-e", "x = param(1e-10)\ny = log(1 + x)").output.splitlines()
    assert "  instead" in shown
    assert "    2 + y = log1p(x)" in shown


def test_json_has_the_finding_with_its_place() -> None:
    record = json.loads(run("diagnose", "-e", INFINITE, "--json").output)
    assert record["schema"] == "gradcli.diagnose/1"
    first = record["findings"][0]
    assert (first["severity"], first["line"], first["index"]) == ("error", 1, [0])
    assert first["spoils"] == ["loss", "x.grad"]


def test_json_of_several_files_is_a_list_of_them(tmp_path: Path) -> None:
    for name, text in (("a", UNUSED), ("b", HEALTHY)):
        (tmp_path / f"{name}.expr").write_text(text.replace("; ", "\n"), encoding="utf-8")
    found = run("diagnose", str(tmp_path / "a.expr"), str(tmp_path / "b.expr"), "--json")
    assert [len(record["findings"]) for record in json.loads(found.output)] == [1, 0]


def test_markdown_has_a_section_for_each_finding() -> None:
    shown = run("diagnose", "-e", UNUSED, "--format", "markdown").output
    assert "**warning: a parameter that is never used**" in shown


def test_json_beside_another_format_is_refused() -> None:
    assert run("diagnose", "-e", UNUSED, "--json", "--format", "markdown").status == 2


@pytest.mark.parametrize("command", ["eval", "check"])
def test_other_commands_say_a_finding_in_a_line_and_where_there_is_more(command: str) -> None:
    shown = " ".join(run(command, "-e", INFINITE).output.split())
    assert "(gradcli diagnose says more)" in shown
    assert "gradcli diagnose" not in run(command, "-e", HEALTHY).output


def test_a_run_of_the_library_is_diagnosed() -> None:
    found = gradcli.loads(INFINITE).diagnose()
    assert found.worst is Severity.ERROR
    assert gradcli.loads(HEALTHY).diagnose().worst is None
