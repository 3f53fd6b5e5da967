"""Lines read in a second, beside Python's own `ast.parse` on the same text.

    python benchmarks/parse.py [LINES ...]

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
import sys
from collections.abc import Callable
from time import process_time

from gradcli.errors import Source
from gradcli.syntax import parse

LINE = "y{0} = sum((w * x{0} + b - y) ** 2) / (2.0 * n) - lr * g\n"


def seconds(function: Callable[[], object], rounds: int) -> float:
    """Return the least time of the processor that a function takes."""
    times = []
    for _ in range(rounds):
        gc.collect()
        start = process_time()
        function()
        times.append(process_time() - start)
    return min(times)


def main(sizes: list[int]) -> None:
    """Print a line for each size: seconds, lines a second, and the ratio to Python's."""
    gc.disable()
    parse(Source("", "x = 1"))  # load the tables
    print(f"{'lines':>8} {'gradcli':>9} {'lines/s':>9} {'ast.parse':>9} {'ratio':>6}")
    for size in sizes:
        text = "".join(LINE.format(line) for line in range(size))
        source = Source("", text)
        rounds = max(2, min(10, 20_000 // size))
        ours = seconds(lambda source=source: parse(source), rounds)  # type: ignore[misc]
        theirs = seconds(lambda text=text: ast.parse(text), rounds)  # type: ignore[misc]
        print(f"{size:8} {ours:8.3f}s {size / ours:9.0f} {theirs:8.3f}s {ours / theirs:6.1f}")


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [1_000, 10_000, 100_000])
