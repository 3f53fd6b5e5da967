"""The command line: thin, one file per command. Arguments in, exit status out."""

from __future__ import annotations

import gc
import os
import sys

INTERRUPTED = 130
# NumPy's threads for matrix products wait in a busy loop for 2**26 cycles, in each process; this
# many are enough between two products, and take nothing from the start
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "20")


def main() -> None:
    """Run the command line; errors that a person can put right end with status 2."""
    gc.disable()  # what is imported is no garbage; a command looks for some when it begins to work
    try:
        from gradcli.cli.app import app
        from gradcli.cli.output import guarded

        status = guarded(app)
    except KeyboardInterrupt:  # while modules are imported
        status = INTERRUPTED
    sys.exit(status)
