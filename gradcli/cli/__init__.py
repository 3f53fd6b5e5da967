"""The command line: thin, one file per command. Arguments in, exit status out."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line; errors that a person can put right end with status 2."""
    try:
        from gradcli.cli.app import app
        from gradcli.cli.output import guarded

        status = guarded(app)
    except KeyboardInterrupt:  # while modules are imported
        status = INTERRUPTED
    sys.exit(status)
