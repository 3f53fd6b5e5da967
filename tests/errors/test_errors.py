"""Every bad file of this folder, `NAME.expr`, is reported as in the `NAME.txt` beside it.

`pytest --update-golden` writes the reports anew, for review.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.runner import run

FOLDER = Path(__file__).parent
LIMITS = ("--max-nodes", "1000", "--max-steps", "100000", "--max-memory", "1GB")
NAMES = sorted(path.stem for path in FOLDER.glob("*.expr"))


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_file_is_reported_as_in_the_text_beside_it(
    name: str, request: pytest.FixtureRequest
) -> None:
    outcome = run("eval", f"{name}.expr", *LIMITS, folder=FOLDER)
    assert (outcome.status, outcome.output) == (2, "")
    assert "Traceback" not in outcome.errors
    assert outcome.errors.startswith(f"{name}.expr:")
    expected = FOLDER / f"{name}.txt"
    if request.config.getoption("--update-golden"):
        expected.write_text(outcome.errors, encoding="utf-8")
    assert expected.exists(), "it is missing: run pytest --update-golden and review it"
    assert outcome.errors == expected.read_text(encoding="utf-8")


def test_every_report_has_its_file() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.txt")) == NAMES
    assert len(NAMES) >= 90
