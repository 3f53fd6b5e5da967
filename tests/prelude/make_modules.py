"""Write what PyTorch prints for every module: `python -m tests.prelude.make_modules`.

Needs the release of PyTorch that `pyproject.toml` names.
"""

from __future__ import annotations

import contextlib
import io
import json
import warnings

from tests.prelude.programs import HERE, cases, program


def main() -> None:
    """Run every program with PyTorch and write what it prints."""
    warnings.simplefilter("ignore")
    found = {}
    for case in cases():
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(program(case), case, "exec"), {"__name__": "__main__"})
        found[case] = printed.getvalue()
    text = json.dumps(found, indent=0, ensure_ascii=False)
    (HERE / "modules.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
