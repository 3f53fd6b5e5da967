"""Runs the command line in this process, as a person would from the checkout's folder."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import NamedTuple, TextIO
from unittest.mock import patch

from gradcli.cli.app import app
from gradcli.cli.output import guarded

ROOT = Path(__file__).parents[2]


class Outcome(NamedTuple):
    """What a command did."""

    status: int
    output: str
    errors: str


def run(
    *arguments: str,
    stdin: bytes = b"",
    columns: int = 80,
    folder: Path = ROOT,
    encoding: str = "utf-8",
    stdout: TextIO | None = None,
) -> Outcome:
    """Run gradcli with arguments in a folder, in a terminal so many columns wide.

    What goes to a `stdout` that is given is not in the outcome.
    """
    kept = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
    out = kept if stdout is None else stdout
    err = io.TextIOWrapper(
        io.BytesIO(), encoding=encoding, errors="backslashreplace", write_through=True
    )
    before = Path.cwd()
    os.chdir(folder)
    try:
        with (
            patch.object(sys, "argv", ["gradcli", *arguments]),
            patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")),
            patch.object(sys, "stdout", out),
            patch.object(sys, "stderr", err),
            patch.dict(
                os.environ, {"COLUMNS": str(columns), "NO_COLOR": "1", "GRADCLI_TRACEBACK": "1"}
            ),
        ):
            status = guarded(app)
    finally:
        os.chdir(before)
    return Outcome(status, _text(kept), _text(err))


def _text(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode("utf-8")
