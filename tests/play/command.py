"""`gradcli play` in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request

from tests.cli.runner import ROOT

PATIENCE = 60.0  # seconds


class Command:
    """The command, and the address that it says."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gradcli", "play", "--no-open", *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        found = re.fullmatch(r"(.+): (http://127\.0\.0\.1:\d+/[\w-]{32}/)\n", first)
        assert found, first
        self.name, self.address = found.groups()

    def ask(self, path: str) -> str:
        with urllib.request.urlopen(self.address + path, timeout=PATIENCE) as answer:
            return str(answer.read().decode())

    def end(self, number: int) -> tuple[int, str]:
        """End it with a signal, and return its status and what it has said to stderr."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, errors
