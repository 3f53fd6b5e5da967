"""The command line: thin, one file per command. Arguments in, exit status out."""

from __future__ import annotations

import gc
import os
import sys

INTERRUPTED = 130
# NumPy's threads for matrix products wait for the next one in a busy loop, of 2**26 cycles if
# nobody says otherwise, from the start on: 2**20 are enough between two products of a file
PATIENCE = ("OPENBLAS_THREAD_TIMEOUT", "20")


def main() -> None:
    """Run the command line; errors that a person can put right end with status 2."""
    os.environ.setdefault(*PATIENCE)
    gc.disable()  # what is imported is no garbage; a command looks for some when it begins to work
    try:
        from gradcli.cli.app import app
        from gradcli.cli.output import guarded

        status = guarded(app)
    except KeyboardInterrupt:  # while modules are imported
        status = INTERRUPTED
    sys.exit(status)
