"""Many points at once give what they give one by one."""

import re
from zlib import crc32

import numpy as np
import pytest

from gradcli.api import options_for
from gradcli.errors import Source
from gradcli.execute import Replay
from gradcli.graph import Graph
from gradcli.rule.dtypes import Array
from gradcli.session import Request, run
from gradcli.verify.probe import Probe, outputs_of
from tests.verify.rules import Trial, all_cases, values_at

EVERY = 5  # one in so many calls of the table is taken, by its text
CALLS = {str(case): case for case in all_cases() if crc32(str(case).encode()) % EVERY == 0}
SAME = 1e-12  # sums may add up in another order


def probe_of(graph: Graph, leaf: int, roots: list[int]) -> Probe:
    names = [f"y{k}" for k in range(len(roots))]
    return Probe(graph, leaf, outputs_of(graph, roots, names, np.random.default_rng(0)))


def one_by_one(probe: Probe, points: Array) -> Array:
    """Return the outputs by the plain executor, one point after the other."""
    replay = Replay(probe.graph, (probe.leaf,), probe.outputs.roots, probe.held)
    rows = []
    for point in points:
        value = point.view(probe.dtype).reshape(probe.shape)
        rows.append(probe.outputs.read([y[None] for y in replay.run({probe.leaf: value})])[0])
    return np.stack(rows)


def moved(probe: Probe, count: int) -> tuple[Array, Array, Array]:
    """Return random elements, steps, and the points that they lead to."""
    generator = np.random.default_rng(1)
    elements = generator.integers(0, probe.base.size, count)
    steps = generator.uniform(0.01, 0.02, count) * np.abs(probe.base[elements])
    points = np.tile(probe.base, (count, 1))
    points[np.arange(count), elements] += steps
    return elements, steps, points


@pytest.mark.parametrize("name", CALLS)
def test_a_call_of_the_table_gives_the_same(name: str) -> None:
    built = Trial(CALLS[name], values_at(CALLS[name], 0)).built()
    roots = [y.id for y in built.outputs if y.requires_grad]
    assert roots
    assert built.inputs
    for x in built.inputs:
        probe = probe_of(built.graph, x.id, roots)
        elements, steps, points = moved(probe, 7)
        found, known = probe.at_elements(elements, steps), one_by_one(probe, points)
        scale = np.abs(known[np.isfinite(known)]).max(initial=0.0)
        np.testing.assert_allclose(found, known, rtol=SAME, atol=SAME * scale, equal_nan=True)


def names_of(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text))


FILES = (
    "y = sum(relu(x @ w + b) ** 2, dim=1)",
    "h = tanh(b + x @ w)\ny = h.T.reshape(2, -1).softmax(dim=1).cumsum(0)",
    "y = (w * b).flip(0).norm() + b.sum() * w.mean(dim=0, keepdim=True)",
    "v, i = (x @ w).max(dim=1)\ny = v * i",
    "y = sum(w)\nfor k in range(20):\n    y = y * 0.9 + sum(b) / (1 + k)",
    "q, r = linalg.qr(w)\ny = r + b[:3]*w",
    "y = where(w > 0, w, 0.1 * w) + floor(5 * w)",
)
SHAPES = {"x": (4, 3), "w": (3, 3), "b": (3,)}
BY = [(text, leaf) for text in FILES for leaf in "wb" if leaf in names_of(text)]


@pytest.mark.parametrize(("text", "leaf"), BY)
@pytest.mark.parametrize("count", [1, 2, 300])
def test_a_file_gives_the_same(text: str, leaf: str, count: int) -> None:
    generator = np.random.default_rng(0)
    values = {k: generator.normal(size=s) for k, s in SHAPES.items() if k in names_of(text)}
    data = {k: values.pop(k) for k in list(values) if k == "x"}
    session = run(Source("f", text), options_for(set=data, param=values), Request(backward=False))
    graph = session.graph
    id = next(i for i, name in graph.notes.names.items() if name == leaf)
    root = session.tracer.scope["y"].id
    probe = probe_of(graph, id, [root])
    elements, steps, points = moved(probe, count)
    np.testing.assert_allclose(
        probe.at_elements(elements, steps), one_by_one(probe, points), rtol=SAME, atol=SAME
    )


NETWORKS = (
    "y = sum(log_softmax(tanh(x @ w + b), dim=1).mean(dim=0).reshape(3, 1).T)",
    "y = F.cross_entropy(relu(x @ w + b), arange(4) % 3)",
    "y = sum(b) + F.nll_loss(x @ w, arange(4) % 3, tensor([1.0, 2.0, 0.5]), ignore_index=1)",
)


@pytest.mark.parametrize("text", NETWORKS)
def test_rows_of_a_network_go_together(text: str) -> None:
    shapes = {"x": (4, 3), "w": (3, 3), "b": (3,)}
    values = {k: np.random.default_rng(0).normal(size=s) for k, s in shapes.items()}
    data = {"x": values.pop("x")}
    session = run(Source("f", text), options_for(set=data, param=values), Request(backward=False))
    graph = session.graph
    leaf = next(i for i, name in graph.notes.names.items() if name == "w")
    assert session.root is not None
    probe = probe_of(graph, leaf, [session.root])
    alone = [graph.label(i) for i, way in probe.stack.ways.items() if way is None]
    assert alone == []
