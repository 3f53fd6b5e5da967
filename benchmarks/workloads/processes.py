"""Work that is a whole process: a command, and what its output says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.frame import Result, Work

GRADCLI = (sys.executable, "-c", "from gradcli.cli import main; main()")
# as installed: modules are compiled once, not at every start
COMPILED = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
CHUNK = 1 << 20
LONGEST = 400


def command(arguments: Sequence[str], pattern: str, size: int) -> Work:  # noqa: ARG001
    """Return work that runs a command; its result is the numbers in the groups of a pattern.

    The output is read as it comes, for it may be larger than memory; a match is at most LONGEST
    bytes long.
    """
    wanted = re.compile(pattern.encode())

    def work() -> Result:
        found: re.Match[bytes] | None = None
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=COMPILED) as process:
            assert process.stdout is not None
            kept = b""
            while chunk := process.stdout.read(CHUNK):
                text = kept + chunk
                if pattern:
                    found = wanted.search(text) or found
                kept = text[-LONGEST:]
        if process.returncode:
            raise RuntimeError(f"exit status {process.returncode}: {' '.join(arguments)[:200]}")
        if not pattern:
            return {}
        assert found, f"{pattern!r} is not in the output"
        return {"printed": [float(number) for number in found.groups()]}

    return work
