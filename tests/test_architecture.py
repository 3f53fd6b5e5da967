"""The house: which room may import which, and which libraries each may use."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

HOUSE = Path(__file__).parent.parent / "gradcli"

CORE = "errors rule ops"
ENGINE = f"{CORE} graph execute autodiff"
LANGUAGE = f"{ENGINE} syntax prelude random tensor_text recording data"
RUN = f"{LANGUAGE} inspection trace roots session facts"

# a room, and the rooms that it may import besides itself; the lowest floor first
MAY_IMPORT: dict[str, str] = {
    "errors": "",
    "inspection": "errors",
    "source": "errors",
    "watch": "errors",
    "syntax": "errors",
    "prelude": "errors syntax",
    "rule": "errors",
    "ops": "errors rule",
    "tensor_text": CORE,
    "random": CORE,
    "recording": CORE,
    "data": f"{CORE} source recording",
    "graph": CORE,
    "execute": f"{CORE} graph",
    "autodiff": f"{CORE} graph execute",
    "trace": LANGUAGE,
    "roots": f"{LANGUAGE} trace",
    "session": f"{LANGUAGE} inspection trace roots",
    "facts": f"{LANGUAGE} inspection trace roots session",
    "formula": RUN,
    "reference": f"{RUN} formula",
    "against": RUN,
    "verify": f"{RUN} formula against",
    "explain": f"{RUN} formula",
    "compare": f"{RUN} source formula against verify explain",
    "diagnose": f"{RUN} verify explain",
    "export": f"{RUN} formula",
    "record": RUN,
    "render": "errors inspection reference formula against verify diagnose explain compare",
    "picture": f"{RUN} formula verify diagnose explain export render",
    "run": f"{RUN} formula verify diagnose explain compare render picture",
    "api": f"{RUN} source verify diagnose explain compare run",
    "manual": f"{RUN} reference verify diagnose explain compare render picture run api",
    "play": f"{RUN} source verify api picture",
    "pytest_plugin": f"{RUN} source verify diagnose explain run api render",
    "cli": f"{RUN} source reference formula manual against verify diagnose explain compare "
    "export record run api render picture watch play",
    "notebook": "errors session api run record cli",
    "__main__": "cli",
}
# a library, and the rooms that may use it
HOMES: dict[str, str] = {
    "lark": "syntax",
    "typer": "cli",
    "rich": "render picture cli",
    "scipy": "ops",
    "torch": "record",
    "jax": "against record",
    "mpmath": "execute",
    "resvg_py": "picture",
    "svg2pdf_py": "picture",
}
WITHOUT_NUMPY = {"errors", "source", "watch", "syntax", "cli"}
SLOW = ("numpy", "lark", "scipy", "rich.table")
VAGUE = ("util", "helper", "manager", "base", "common", "misc")


class Import(NamedTuple):
    """What a file imports, and whether inside a function, or for the checker of types alone."""

    file: Path
    room: str
    module: str
    names: tuple[str, ...]
    lazy: bool
    for_types: bool

    def __str__(self) -> str:
        return f"{self.file.relative_to(HOUSE.parent)} imports {self.module}"


def room_of(module: str) -> str:
    """Return the room of a module of gradcli; "" is the package itself."""
    return [*module.split("."), ""][1]


def files() -> list[Path]:
    return sorted(HOUSE.rglob("*.py"))


def imports() -> Iterator[Import]:
    for file in files():
        parts = file.relative_to(HOUSE).with_suffix("").parts
        room = "" if parts == ("__init__",) else parts[0]
        tree = ast.parse(file.read_text())
        inside = {
            node
            for function in ast.walk(tree)
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
            for node in ast.walk(function)
        }
        for_types = {
            node
            for branch in ast.walk(tree)
            if isinstance(branch, ast.If) and ast.unparse(branch.test) == "TYPE_CHECKING"
            for node in ast.walk(branch)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{file}: imports are absolute"
                names = [node.module or ""]
                if node.module == "gradcli":
                    names = [f"gradcli.{alias.name}" for alias in node.names]
            else:
                continue
            inner = tuple(alias.name for alias in node.names)
            for name in names:
                yield Import(file, room, name, inner, node in inside, node in for_types)


IMPORTS = list(imports())
OWN = [x for x in IMPORTS if x.module.split(".")[0] == "gradcli"]


def test_every_room_is_in_the_table() -> None:
    rooms = {file.relative_to(HOUSE).with_suffix("").parts[0] for file in files()} - {"__init__"}
    assert rooms - set(MAY_IMPORT) == set(), "say in the table what the new room may import"


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_point_down(room: str) -> None:
    allowed = {room, "__version__", *MAY_IMPORT[room].split()}
    wrong = [str(x) for x in OWN if x.room == room and room_of(x.module) not in allowed]
    assert wrong == []


def test_the_table_itself_has_no_circle() -> None:
    done: set[str] = set()
    for room, below in MAY_IMPORT.items():
        assert set(below.split()) <= done | {room}, f"{room} may import what comes after it"
        done.add(room)


def module_of(file: Path) -> str:
    parts = file.relative_to(HOUSE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_no_modules_import_each_other_in_a_circle_not_even_inside_functions() -> None:
    """Types of a tracer are named below it; and the command is told of an interrupt."""
    known = {module_of(file) for file in files()}
    below: dict[str, set[str]] = {module: set() for module in known}
    for x in OWN:
        if not x.for_types and x.room != "cli":
            names = {f"{x.module}.{name}" for name in x.names} & known or {x.module}
            below[module_of(x.file)] |= names - {module_of(x.file)}
    assert list(TopologicalSorter(below).static_order())


@pytest.mark.parametrize("library", HOMES)
def test_each_library_stays_in_its_rooms(library: str) -> None:
    homes = HOMES[library].split()
    users = [x for x in IMPORTS if x.module.split(".")[0] == library and x.room not in homes]
    assert [str(x) for x in users] == []


def test_scipy_is_imported_only_where_it_is_used() -> None:
    assert [str(x) for x in IMPORTS if x.module.startswith("scipy") and not x.lazy] == []


def test_jax_is_imported_by_modules_of_its_own_name_alone() -> None:
    users = [
        x for x in IMPORTS if x.module.split(".")[0] == "jax" and "jax" not in x.file.as_posix()
    ]
    assert [str(x) for x in users] == []
    names = ("jax_rows", "jax_tape", "jax_reasons")
    eager = [x for x in OWN if any(n in x.module for n in names) and not x.lazy]
    assert [str(x) for x in eager if "jax_" not in x.file.as_posix()] == []


def test_rooms_that_must_start_fast_do_not_use_numpy() -> None:
    users = [x for x in IMPORTS if x.module.split(".")[0] == "numpy" and x.room in WITHOUT_NUMPY]
    assert [str(x) for x in users] == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = [file for file in files() if any(word in file.stem.lower() for word in VAGUE)]
    assert vague == []


def test_help_loads_nothing_that_is_slow_to_import() -> None:
    script = (
        "import sys\n"
        "from gradcli.cli import main\n"
        "sys.argv = ['gradcli', '--help']\n"
        "try:\n    main()\nexcept SystemExit as done:\n    status = done.code or 0\n"
        f"loaded = [name for name in {SLOW!r} if name in sys.modules]\n"
        "print('loaded', loaded, 'status', status, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=HOUSE.parent, check=True
    )
    assert "loaded [] status 0" in done.stderr


def test_only_executors_look_at_what_is_kept_of_values() -> None:
    """Anyone else asks for a value, which need not be there, nor lie there as an array."""
    allowed = {"graph.py", "execute"}
    users = [
        str(file.relative_to(HOUSE))
        for file in files()
        if file.relative_to(HOUSE).parts[0] not in allowed
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "stored"
    ]
    assert users == ["verify/wide.py", "verify/wide.py"]  # which makes a tape without values
