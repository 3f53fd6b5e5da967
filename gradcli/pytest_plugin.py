"""A plugin of pytest: expression files are tests, where they are asked for.

`pytest --gradcli` collects every `*.expr` file, and the ini option `gradcli_files` the files that
match its patterns. A file fails where `gradcli check` says WRONG, a gradient is not finite (but for
the ini option `gradcli_allow_nonfinite`), a claim is false, or it does not run; it is skipped where
the check is undecided or inputs are not bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gradcli.errors import visible


class CheckFailure(Exception):
    """A gradient is wrong, a claim false, or a file does not run: the report's own words."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flag and the ini option."""
    group = parser.getgroup("gradcli", "gradients of expression files")
    group.addoption(
        "--gradcli", action="store_true", help="check the gradients and claims of *.expr files"
    )
    parser.addini(
        "gradcli_files", "patterns of expression files that are tests", type="args", default=[]
    )
    parser.addini(
        "gradcli_allow_nonfinite", "let gradients be nan or infinite", type="bool", default=False
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect an expression file, where they are asked for."""
    config = parent.config
    patterns = config.getini("gradcli_files")
    if config.getoption("--gradcli"):
        patterns = [*patterns, "*.expr"]
    if any(file_path.match(pattern) for pattern in patterns):
        collected: pytest.Collector = ExpressionFile.from_parent(parent, path=file_path)
        return collected
    return None


class ExpressionFile(pytest.File):
    """An expression file: one test."""

    def collect(self) -> Iterator[pytest.Item]:
        yield ExpressionItem.from_parent(self, name="check")


class ExpressionItem(pytest.Item):
    """The check of a file."""

    def runtest(self) -> None:
        from gradcli.api import options_for
        from gradcli.render.check_files import remarks
        from gradcli.render.words import harmless_lines
        from gradcli.run import checked
        from gradcli.source import read_source
        from gradcli.verify.run import attempted
        from gradcli.verify.target import Settings

        options = options_for(folder=self.path.parent)
        settings = Settings(allow_nonfinite=self.config.getini("gradcli_allow_nonfinite"))
        outcome = attempted(
            str(self.path),
            lambda: checked(read_source(self.path), options, settings, walked=True),
        )
        if outcome.needs:
            pytest.skip(f"needs inputs: {', '.join(outcome.needs)}")
        if outcome.report is None:
            raise CheckFailure(outcome.error)
        told = harmless_lines("\n".join(remarks(outcome)))
        if outcome.status == 1:
            raise CheckFailure(told)
        if outcome.status:
            pytest.skip(told or "nothing was checked")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, CheckFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"gradcli check {visible(self.path.name)}"
