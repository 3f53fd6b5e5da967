"""Write what PyTorch prints for every script: `python -m tests.prelude.make_scripts`.

Needs the release of PyTorch that `pyproject.toml` names.
"""

from __future__ import annotations

import subprocess
import sys

from tests.prelude.programs import HERE


def main() -> None:
    """Run every script in a Python of its own and write what it prints."""
    for path in sorted((HERE / "scripts").glob("*.expr")):
        command = [sys.executable, "-W", "ignore", str(path)]
        printed = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
        path.with_suffix(".out").write_text(printed, encoding="utf-8")


if __name__ == "__main__":
    main()
