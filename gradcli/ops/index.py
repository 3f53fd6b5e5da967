"""Write the index of the table: a line for each file of rows, with the names that it gives them.

After a change to a name:

    python -m gradcli.ops.index
"""

from __future__ import annotations

import ast
from pathlib import Path

from gradcli.ops.table import INDEX, module_of, named
from gradcli.rule.rule import Row


def made() -> str:
    """Return the text of the index, from the rows.

    Raises: ValueError where two rows have a name.
    """
    lines, seen = [], set[str]()
    for path in sorted(INDEX.parent.glob("*/*.py")):
        family = f"{path.parent.name}.{path.stem}"
        rows = _own_rows(path, family)
        names = list(named(rows))
        if twice := seen & set(names):
            raise ValueError(f"two rows are called {', '.join(sorted(twice))}")
        seen |= set(names)
        if rows:
            lines.append(" ".join([family, *names]) + "\n")
    return "".join(lines)


def _own_rows(path: Path, family: str) -> list[Row]:
    """Return the rows of a module that it does not import from another."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    found = vars(module_of(family)).items()
    return [row for name, row in found if isinstance(row, Row) and name not in imported]


if __name__ == "__main__":
    INDEX.write_text(made(), encoding="utf-8")
