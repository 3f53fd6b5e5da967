"""Pictures of graphs from 10 to 10,000 nodes: time and file size, beside torchviz with dot.

python -m benchmarks.pictures [--sizes N,…] [--limit SECONDS]

Every graph is a text that gradcli and PyTorch run alike, every picture is of a process of its own.
Its time begins with a finished run, for torchviz with PyTorch's finished graph, and ends with the
file. `layout` is the part of gradcli's that says where cards and edges stand.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

SIZES = (10, 100, 1_000, 10_000)
LIMIT = 120.0  # seconds of one picture


def chain(size: int) -> str:
    """Return a chain with side branches, and one parameter that it uses all along."""
    lines = ["w = tensor(0.9, requires_grad=True)", "h = w * 0.5"]
    for k in range(max(size // 4, 1)):
        lines += [f"a{k} = tanh(h)", f"b{k} = a{k} * w", f"c{k} = sin(b{k})", f"h = c{k} + a{k}"]
    return "\n".join([*lines, "loss = h**2"])


def wide(size: int) -> str:
    """Return many parameters side by side, added up two by two."""
    count = max(size // 3, 2)
    lines = [f"p{k} = tensor({1 + k / count}, requires_grad=True)" for k in range(count)]
    layer = []
    for k in range(count):
        lines.append(f"q{k} = exp(-p{k})")
        layer.append(f"q{k}")
    made = 0
    while len(layer) > 1:
        pairs = zip(layer[::2], layer[1::2], strict=False)
        above, layer = layer, []
        for a, b in pairs:
            lines.append(f"s{made} = {a} + {b}")
            layer.append(f"s{made}")
            made += 1
        layer += above[-1:] if len(above) % 2 else []
    return "\n".join([*lines, f"loss = {layer[0]} * 1.0"])


GRAPHS: Mapping[str, Callable[[int], str]] = {"chain": chain, "wide": wide}


def gradcli(text: str, suffix: str, file: Path) -> dict[str, float]:
    """Write gradcli's picture of a run, and return what it took."""
    from gradcli.errors import Source
    from gradcli.facts import inspect
    from gradcli.picture import PICTURES
    from gradcli.picture.cards import Asked
    from gradcli.picture.scene import scene
    from gradcli.picture.svg import Drawing
    from gradcli.session import run

    session = run(Source("graph", text))
    inspection = inspect(session)
    asked = Asked(most=2 * max(SIZES))
    shown = scene(inspection, asked, session)
    start = time.perf_counter()
    Drawing(shown)
    layout = time.perf_counter() - start
    picture = PICTURES[suffix](inspection, asked=asked, session=session)
    file.write_bytes(picture if isinstance(picture, bytes) else str(picture).encode())
    return {"seconds": time.perf_counter() - start - layout, "layout": layout,
            "bytes": file.stat().st_size}  # fmt: skip


def torchviz(text: str, suffix: str, file: Path) -> dict[str, float]:
    """Write torchviz's picture of PyTorch's graph, laid out by dot, and return what it took."""
    import torch
    from torchviz import make_dot

    names: dict[str, object] = {
        name: getattr(torch, name) for name in ("tensor", "tanh", "sin", "exp")
    }
    exec(text, names)  # it is ours
    sys.setrecursionlimit(100_000)  # it walks the graph by recursion, and ends at 1,000 nodes else
    parameters = {k: x for k, x in names.items() if isinstance(x, torch.Tensor) and x.is_leaf}
    start = time.perf_counter()
    dot = make_dot(names["loss"], params=parameters)
    run = subprocess.run(["dot", f"-T{suffix}"], input=dot.source.encode(), capture_output=True,
                         check=True)  # fmt: skip
    file.write_bytes(run.stdout)
    return {"seconds": time.perf_counter() - start, "bytes": file.stat().st_size}


Painter = Callable[[str, str, Path], dict[str, float]]
COLUMNS: tuple[tuple[str, Painter, str], ...] = (
    ("gradcli .svg", gradcli, "svg"),
    ("gradcli .png", gradcli, "png"),
    ("gradcli .html", gradcli, "html"),
    ("torchviz .svg", torchviz, "svg"),
    ("torchviz .png", torchviz, "png"),
)


def _work(painter: Painter, text: str, suffix: str, file: Path, answer: Connection) -> None:
    try:
        answer.send(painter(text, suffix, file))
    except Exception as error:  # it is said in the table
        answer.send(type(error).__name__)


def measured(painter: Painter, text: str, suffix: str, limit: float) -> dict[str, float] | str:
    """Return what a picture takes in a process of its own, or why there is none."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"graph.{suffix}"
        worker = context.Process(target=_work, args=(painter, text, suffix, file, theirs))
        worker.start()
        theirs.close()
        try:
            return ours.recv() if ours.poll(limit) else f"> {limit:.0f} s"
        except EOFError:
            return "it ended"
        finally:
            worker.kill()
            worker.join()


def said(found: dict[str, float] | str) -> str:
    """Return seconds and kilobytes as a cell."""
    if isinstance(found, str):
        return found
    return f"{found['seconds']:.2g} s, {found['bytes'] / 1000:,.0f} kB"


def main(arguments: list[str] | None = None) -> int:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description=__doc__)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), metavar="N,…")
    parser.add_argument("--limit", type=float, default=LIMIT, metavar="SECONDS")
    options = parser.parse_args(arguments)
    there = find_spec("torchviz") is not None and which("dot") is not None
    columns = [c for c in COLUMNS if there or c[1] is gradcli]
    heads = ["graph", "nodes", "layout", *(name for name, _, _ in columns)]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for name, make in GRAPHS.items():
        for size in map(int, options.sizes.split(",")):
            text = make(size)
            found = [measured(painter, text, suffix, options.limit)
                     for _, painter, suffix in columns]  # fmt: skip
            layout = found[0] if isinstance(found[0], str) else f"{found[0]['layout']:.2g} s"
            print(f"| {name} | {size:,} | {layout} | {' | '.join(map(said, found))} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
