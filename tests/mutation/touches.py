"""Which tests execute which lines: written by a run of the tests, and read for every change.

As a plugin of pytest (`-p tests.mutation.touches`) it does one of two things: with GRADCLI_TOUCHES
a folder, it writes what each test executes there; with GRADCLI_ORDER a file, it runs the tests that
the file names, in that order, and no others.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest

ELSEWHERE = {"subprocess.Popen", "os.fork", "os.posix_spawn"}  # processes that are not watched
HERE = Path(__file__).resolve().parents[2]


class Recorder:
    """Notes the lines of gradcli that each test executes, its seconds, and who starts processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        self.seconds: dict[str, float] = {}
        self.outside: set[str] = set()
        self.now = ""
        sys.addaudithook(self._audit)
        self.coverage = coverage.Coverage(
            data_file=str(folder / f"lines.{self.worker}"),
            source=[str(HERE / "gradcli")],
            config_file=False,
            messages=False,
        )
        self.coverage.start()

    def _audit(self, event: str, _: tuple[Any, ...]) -> None:
        if event in ELSEWHERE and self.now:
            self.outside.add(self.now)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Watch one test, its fixtures included."""
        self.now = item.nodeid
        self.coverage.switch_context(item.nodeid)
        start = time.process_time()
        result = yield
        self.seconds[item.nodeid] = time.process_time() - start
        self.coverage.switch_context("")
        self.now = ""
        return result

    def pytest_sessionfinish(self) -> None:
        """Write what was noted."""
        self.coverage.stop()
        self.coverage.save()
        told: dict[str, Any] = {
            "seconds": self.seconds,
            "outside": sorted(self.outside),
            "files": files_of_tests(HERE),
        }
        (self.folder / f"tests.{self.worker}.json").write_text(json.dumps(told))


class Order:
    """Runs the tests that a file names, in its order; a test file stands for all its tests."""

    def __init__(self, file: Path) -> None:
        self.rank = {name: k for k, name in enumerate(file.read_text().splitlines())}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Drop the others, and sort."""
        wanted = [(rank, item) for item in items if (rank := self._rank(item)) is not None]
        kept = [item for _, item in sorted(wanted, key=lambda pair: pair[0])]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
        items[:] = kept

    def _rank(self, item: pytest.Item) -> int | None:
        file = item.nodeid.partition("::")[0]
        return self.rank.get(item.nodeid, self.rank.get(file))


def pytest_configure(config: pytest.Config) -> None:
    """Be what the environment says, on the code that stands beside these tests."""
    folder = os.environ.get("GRADCLI_TOUCHES")
    shared = config.getoption("numprocesses", None) and not os.environ.get("PYTEST_XDIST_WORKER")
    if folder and not shared:  # among processes, each of which has a recorder
        config.pluginmanager.register(Recorder(Path(folder)))
    if order := os.environ.get("GRADCLI_ORDER"):
        config.pluginmanager.register(Order(Path(order)))


def files_of_tests(root: Path) -> dict[str, str]:
    """Return a digest of every file of tests, and of what it imports of the tests."""
    found = {}
    for file in sorted((root / "tests").rglob("test_*.py")):
        text = file.read_bytes()
        digest = hashlib.sha256(text)
        for module in re.findall(r"^from (tests\.[\w.]+) import", text.decode(), re.MULTILINE):
            if (beside := root / (module.replace(".", "/") + ".py")).exists():
                digest.update(beside.read_bytes())
        found[file.relative_to(root).as_posix()] = digest.hexdigest()
    return found


class Touches:
    """What a run has written: the tests by the lines that they execute.

    `now` are the files of tests that there are, `changed` those that are not as they were.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self.seconds: dict[str, float] = {}
        self.outside: set[str] = set()
        before: dict[str, str] = {}
        for file in sorted(folder.glob("tests.*.json")):
            told = json.loads(file.read_text())
            self.seconds |= told["seconds"]
            self.outside |= set(told["outside"])
            before |= told["files"]
        found = files_of_tests(root)
        self.now = set(found)
        self.changed = {file for file, digest in found.items() if before.get(file) != digest}
        self.data = []
        for file in sorted(folder.glob("lines.*")):
            data = coverage.CoverageData(basename=str(file))
            data.read()
            self.data.append(data)
        self._lines: dict[str, dict[int, set[str]]] = {}

    def took(self, name: str) -> float:
        """Return the seconds of a test, or of all tests of a file."""
        if "::" in name:
            return self.seconds.get(name, 1)
        return 60 + sum(s for n, s in self.seconds.items() if n.startswith(name))

    def of(self, path: str, lines: Iterable[int]) -> set[str]:
        """Return the tests that execute a line of a file; "" is importing and collecting."""
        if path not in self._lines:
            found: dict[int, set[str]] = {}
            for data in self.data:
                file = next((f for f in data.measured_files() if f.endswith("/" + path)), None)
                if file is not None:
                    for line, names in data.contexts_by_lineno(file).items():
                        found.setdefault(line, set()).update(names)
            self._lines[path] = found
        return {name for line in lines for name in self._lines[path].get(line, ())}
