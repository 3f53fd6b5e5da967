"""What the shell is offered."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.cli.runner import ROOT


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("gradcli ev", {"eval"}),
        ("gradcli eval samples/linear", {"samples/linear_regression.expr"}),
        ("gradcli eval sam", {"samples/"}),
        ("gradcli eval samples/linear_regression.expr --of loss", {"loss", "loss2", "loss2_sum"}),
        ("gradcli eval samples/linear_regression.expr --wrt w", {"w", "wx", "wx_b"}),
        ("gradcli ops log_soft", {"log_softmax"}),
        ("gradcli eval --no-b", {"--no-backward"}),
    ],
)
def test_the_shell_is_offered_what_can_stand_there(line: str, offered: set[str]) -> None:
    words = {"_GRADCLI_COMPLETE": "complete_bash", "COMP_WORDS": line,
             "COMP_CWORD": str(len(line.split()) - 1)}  # fmt: skip
    code = "import sys; sys.argv = ['gradcli']; from gradcli.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **words},
        capture_output=True,
        text=True,
        check=False,
    )
    assert offered <= set(done.stdout.split())
