"""Python's standard library: what its modules have here, a table for each.

A module is read when a name of it is used. `MEMBERS` of it holds all that it has.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

# Python's module, and the one in this folder that has its members
FILES = {
    "functools": "functools", "itertools": "itertools", "collections": "collections",
    "collections.abc": "abstract", "abc": "abstract", "numbers": "abstract", "typing": "typing",
    "copy": "copying", "operator": "operator", "time": "system", "sys": "system", "os": "system",
    "os.path": "system", "warnings": "system", "json": "texts", "pprint": "texts",
    "textwrap": "texts", "string": "texts", "statistics": "statistics", "types": "abstract",
    "dataclasses": "dataclasses",
}  # fmt: skip
ELSEWHERE = ("math", "random", "builtins", "__future__")  # modules that are built in otherwise
# what to write instead of a module of the standard library that is not here
INSTEAD = {
    "datetime": "a run has no clock: leave it out",
    "fractions": "write floats, or integers and `//`",
    "decimal": "write floats, or integers and `//`",
    "os": 'a file reads data by load("name.npy"), and nothing else of the machine',
    "pathlib": 'a file reads data by load("name.npy"), and nothing else of the machine',
    "pickle": 'load("data.npz") reads data; a pickle is a program',
    "re": "write the methods of strings: split, replace, find",
    "argparse": "bind values on the command line: -s NAME=…, -p NAME=…",
    "subprocess": "a file starts no other program",
    "multiprocessing": "a file is run by one process",
    "threading": "a file is run by one thread",
    "csv": 'load("t.csv")["column"] reads a table',
    "inspect": "print(x) shows a value",
    "gc": "leave it out: memory is freed by itself",
}


def members(module: str) -> Mapping[str, Any]:
    """Return what a module of the standard library has here, by names; nothing where it is none."""
    if module not in FILES:
        return {}
    found: Mapping[str, Mapping[str, Any]] = import_module(f"{__name__}.{FILES[module]}").MODULES
    return found[module]


def member(module: str, name: str) -> Any:
    """Return what a module of the standard library has under a name, None where it has nothing.

    A list is the file's own, to change as it likes.
    """
    found = members(module).get(name)
    return list(found) if isinstance(found, list) else found


def is_standard(module: str) -> bool:
    """Say whether a module is one of Python's standard library."""
    return module.partition(".")[0] in sys.stdlib_module_names


def instead(module: str) -> str:
    """Say what to write instead of what a module has in Python, and not here."""
    known = INSTEAD.get(module) or INSTEAD.get(module.partition(".")[0])
    here = ", ".join(sorted(members(module)))
    return known or (f"there are {here}" if here else "write what it does with the language's own")
