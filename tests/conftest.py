"""What every test may use: golden files, written only by `pytest --update-golden`."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

# The tests multiply small matrices, in as many processes as there are cores. Several threads for
# each of them wait for one another: a check of a wrong rule took five times as long.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write the golden files anew, for review"
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare text with the file `golden/NAME` beside the test."""
    folder = Path(request.path).parent / "golden"

    def compare(name: str, text: str) -> None:
        path = folder / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        assert path.exists(), f"{path.name} is missing: run pytest --update-golden and review it"
        assert text == path.read_bytes().decode()

    return compare
