"""Call every function and method of the language with lists that no file could be made to build."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from gradcli.errors import GradcliError, Source
from gradcli.graph import Limits
from gradcli.syntax import parse
from gradcli.trace import Options, Tracer
from gradcli.trace.attributes import METHODS
from gradcli.trace.builtins import names

DEPTH = 100_000
HEAD = "t = tensor([1., 2.])\nz = "


def deep() -> list[Any]:
    """Return lists in lists, deeper than any stack."""
    value: list[Any] = [1.0]
    for _ in range(DEPTH):
        value = [value]
    return value


def shared() -> list[Any]:
    """Return a list that holds 2**40 numbers, one list many times."""
    value: list[Any] = [1.0]
    for _ in range(40):
        value = [value, value]
    return value


def calls() -> Iterator[str]:
    """Yield a call of everything that can be called, with the value first and second."""
    for name in sorted(names() - {"print", "repr", "str"}):  # those are slow, and tested by hand
        yield f"{name}(v)"
        yield f"{name}(t, v)"
    for name in sorted(METHODS):
        yield f"t.{name}(v)"


def main() -> None:
    """Make all calls; the name of each stands in the output before it is made."""
    for value in (deep(), shared()):
        for call in calls():
            print(json.dumps(call), flush=True)
            tracer = Tracer(
                parse(Source("call", HEAD + call)),
                Options(limits=Limits(memory=1 << 30, steps=10_000)),
            )
            tracer.scope["v"] = value
            try:
                with tracer.placed():
                    tracer.block(tracer.program.statements)
            except GradcliError:
                continue
    print(json.dumps("all"))


if __name__ == "__main__":
    main()
