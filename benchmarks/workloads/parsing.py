"""P6: reading lines, beside Python's own `ast.parse` on the same text.

Lines have 27 tokens. Both are timed with the cyclic garbage collector off, as gradcli has it off
while it parses: a tree has no cycles, and with the collector on the time grows faster than the
text. `ast.parse` is written in C; what remains of ours is a Python loop over the tokens (a third
is the lexer's regular expression and its tokens, a third the LALR automaton, a third the nodes).
lark makes the tables and is not in the profile: run by its own parser, with its lexer and the
tables as it makes them, the same text takes about three times as long.
"""

from __future__ import annotations

import ast
import gc

from benchmarks.frame import Aim, Peer, Result, Work, Workload

LINE = "y{0} = sum((w * x{0} + b - y) ** 2) / (2.0 * n) - lr * g\n"


def text_of(lines: int) -> str:
    """Return so many lines."""
    gc.disable()
    return "".join(LINE.format(line) for line in range(lines))


def ours(lines: int) -> Work:
    """Run gradcli."""
    from gradcli.errors import Source
    from gradcli.syntax import parse

    source = Source("", text_of(lines))
    return lambda: {"statements": len(parse(source).statements)}


def python(lines: int) -> Work:
    """Run Python."""
    text = text_of(lines)

    def work() -> Result:
        return {"statements": len(ast.parse(text).body)}

    return work


def workload(name: str, lines: int, ratio: float) -> Workload:
    """Return the row of a length; the aim is to keep the ratio that was there."""
    return Workload(
        name,
        f"parse {lines:,} lines",
        (Peer("gradcli", ours), Peer("ast.parse", python)),
        size=lines,
        tiny=20,
        aims=(Aim(ratio, "ast.parse"),),
        each="line",
    )


WORKLOADS = (workload("P6-1e4", 10_000, 2.1), workload("P6-1e5", 100_000, 1.5))
