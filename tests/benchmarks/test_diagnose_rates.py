"""The rates of a diagnosis are counted from what gradcli and others say, and of which line."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.diagnose_rates import TOOLS, main
from gradcli.api import options_for
from gradcli.errors import Source

UNUSED = "w = param(2.0)\nb = param(1.0)\nloss = w**2"
HEAD = "# finding: unused-parameter\n# line: {}\n# remedy: none\n"
FILES = {
    "cases/unused-parameter/right.expr": HEAD.format(5) + UNUSED,
    "cases/unused-parameter/wrong.expr": HEAD.format(4) + UNUSED,
    "cases/unused-parameter/nothing.expr": HEAD.format(5) + UNUSED.replace("w**2", "w**2 + b"),
    "healthy/powers/square.expr": "w = param(2.0)\nloss = w**2",
    "healthy/powers/unused.expr": UNUSED,
}

# a formula, and the lines of which a library speaks that looks for nan
SPOKEN: tuple[tuple[str, list[int]], ...] = (
    ("x = param([0.0, 4.0])\ns = x * x\ny = sqrt(s)\nloss = sum(y)", [2]),  # 0 · inf, in x * x
    ("x = param([0.1, 4.0])\ns = x * x\ny = sqrt(s)\nloss = sum(y)", []),
    ("x = param([1.0, 2.0])\nloss = logsumexp(where(x > 1, x, -inf), 0)", []),
)


def test_a_fault_counts_at_its_line_and_any_of_a_healthy_file_is_a_false_alarm(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    listed = tmp_path / "listed"
    main(["--only", "gradcli", "--folder", str(tmp_path), "--list", str(listed)])
    printed = capsys.readouterr().out.splitlines()
    assert "| `gradcli diagnose` | no gradient, or zero | 3 | 1 | 1 | 1 | 0 |" in printed
    assert "| `gradcli diagnose` | 2 | 1 | 0 |" in printed
    told = [line for line in listed.read_text(encoding="utf-8").splitlines() if line[0] != " "]
    assert told == [
        "`gradcli diagnose`: unused-parameter/nothing, line 5: missed",
        "`gradcli diagnose`: unused-parameter/wrong, line 4: elsewhere",
        "`gradcli diagnose`: powers/unused: false alarm",
    ]


@pytest.mark.parametrize("library", ["torch", "jax"])
@pytest.mark.parametrize(("text", "lines"), SPOKEN)
def test_a_library_speaks_of_the_line_whose_derivative_gives_nan_and_of_nothing_finite(
    library: str, text: str, lines: list[int]
) -> None:
    pytest.importorskip(library)
    said = TOOLS[library].says(Source("<formula>", text), options_for())
    assert said is not None
    assert [x.line for x in said] == lines


def test_pytorch_speaks_of_shapes_that_it_warns_of_or_refuses() -> None:
    pytest.importorskip("torch")
    says = TOOLS["torch"].says
    column = "x = param([[0.5], [2.0]])\ny = tensor([1.0, 2.0])\n"
    text = f"import torch.nn.functional as F\n{column}loss = F.mse_loss(x, y)"
    warned = says(Source("<column>", text), options_for())
    refused = says(Source("<refused>", f"{column}loss = sum(y @ x @ y)"), options_for())
    assert warned is not None
    assert [(x.line, "target size" in x.words) for x in warned] == [(4, True)]
    assert refused is not None
    assert [x.line for x in refused] == [3]
