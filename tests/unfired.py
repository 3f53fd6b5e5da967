"""Lists the `raise` statements that no test executes: `python -m tests.unfired [FOLDER …]`.

It runs the tests that meet refusals under coverage (`pip install coverage`), which takes some
minutes, and is no part of the suite.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOOKED_AT = ("ops", "trace", "autodiff.py", "graph.py", "execute.py")
TESTS = ("errors", "trace", "reference/test_calls.py", "ops/test_refusals.py", "test_autodiff.py",
         "test_execute.py", "test_graph.py")  # fmt: skip


def raises(path: Path) -> Iterator[ast.Raise]:
    """Yield the raise statements of a file, but for what a method without a body raises."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Raise) and ast.unparse(node) != "raise NotImplementedError":
            yield node


def files() -> Iterator[Path]:
    """Yield the files that are looked at."""
    for name in LOOKED_AT:
        path = ROOT / "gradcli" / name
        yield from sorted(path.glob("*.py")) if path.is_dir() else [path]


def main(tests: list[str]) -> None:
    """Run the tests and print what they leave out."""
    from coverage import Coverage

    coverage = Coverage(data_file=None, source=[str(ROOT / "gradcli")])
    coverage.start()
    pytest.main(["-q", "-p", "no:cacheprovider", *tests])
    coverage.stop()
    count, left = 0, []
    for path in files():
        executed = set(coverage.get_data().lines(str(path)) or ())
        for node in raises(path):
            count += 1
            if not executed & {*range(node.lineno, (node.end_lineno or node.lineno) + 1)}:
                left.append(f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)[:110]}")
    print("\n".join(left))
    print(f"{len(left)} of {count} raise statements are not executed")


if __name__ == "__main__":
    main(sys.argv[1:] or [str(ROOT / "tests" / name) for name in TESTS])
