"""What a person sees of whole programs, in a narrow and in a wide terminal.

The samples `mlp` and `black_scholes` are not among them: what flows there is round-off in places,
and that differs from machine to machine.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len

from gradcli import load
from gradcli.render import EVAL
from tests.render.printing import printed

HERE = Path(__file__).parent
SAMPLES = HERE.parent.parent / "samples"
FILES = {
    path.stem: path
    for path in [
        *sorted((HERE / "programs").glob("*.expr")),
        *(SAMPLES / f"{name}.expr" for name in (
            "attention", "gaussian_mixture", "linear_regression_pytorch", "logistic_regression")),
    ]
}  # fmt: skip


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("name", FILES)
def test_a_program_is_shown_as_reviewed(
    name: str, width: int, monkeypatch: pytest.MonkeyPatch, golden: Callable[[str, str], None]
) -> None:
    monkeypatch.chdir(FILES[name].parent)
    text = printed(EVAL["table"](load(FILES[name].name).inspection), width)
    assert max(map(cell_len, text.splitlines())) <= width
    golden(f"programs/{name}-{width}.txt", text)
