"""What the shell is offered."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from gradcli.cli import complete
from gradcli.cli.app import app
from tests.cli.runner import ROOT

SAMPLE = "samples/linear_regression.expr"
FOLDERS = {f"{p.name}/" for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".")}


def offered(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> set[str]:
    """Return what bash is told for a line of which the last word is to be completed."""
    monkeypatch.setenv("_GRADCLI_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit):
        get_command(app).main(args=[], prog_name="gradcli")
    return set(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("gradcli ev", {"eval"}),
        ("gradcli eval samples/linear", {SAMPLE, "samples/linear_regression_pytorch.expr"}),
        ("gradcli eval sam", {"samples/"}),
        ("gradcli check sam", {"samples/"}),
        ("gradcli fmt sam", {"samples/"}),
        (f"gradcli graph {SAMPLE} sam", {"samples/"}),
        ("gradcli watch sam", {"samples/"}),
        (f"gradcli watch {SAMPLE} de", {"derive"}),
        ("gradcli eval nowhere/a", set()),
        (f"gradcli eval {SAMPLE} --of loss", {"loss", "loss2", "loss2_sum"}),
        (f"gradcli eval {SAMPLE} --wrt w", {"w", "wx", "wx_b"}),
        (f"gradcli eval {SAMPLE} --wrt nothing", set()),
        ("gradcli eval nowhere.expr --wrt w", set()),
        (f"gradcli eval '{SAMPLE} --wrt b", FOLDERS),  # the next word is one more file
        ("gradcli ops log_soft", {"log_softmax"}),
        ("gradcli eval --no-b", {"--no-backward"}),
    ],
)
def test_the_shell_is_offered_what_can_stand_there(
    line: str,
    words: set[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert offered(line, monkeypatch, capsys) == words


def test_the_program_itself_answers_the_shell() -> None:
    words = {"_GRADCLI_COMPLETE": "complete_bash", "COMP_WORDS": "gradcli ev", "COMP_CWORD": "1"}
    code = "import sys; sys.argv = ['gradcli']; from gradcli.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | words,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["eval"]


def test_hidden_files_and_files_of_other_kinds_are_not_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (".hidden.expr", "a.expr", "b.txt"):
        (tmp_path / name).write_text("x = 1")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    assert list(complete.files("")) == ["a.expr", "folder/"]
    assert list(complete.files(f"{tmp_path}/a")) == [f"{tmp_path}/a.expr"]


def test_the_names_that_statements_bind_are_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "a, b = 1, 2\nfor i in range(3):\n    c = i\nd: float64[n]\nif a == b:\n    e = 1\n"
    (tmp_path / "f.expr").write_text(text + "f(x)\ng == 2\n")
    monkeypatch.setenv("COMP_WORDS", f"gradcli eval {tmp_path / 'f.expr'} --of ")
    assert complete.nodes("") == ["a", "b", "c", "d", "e", "i"]
