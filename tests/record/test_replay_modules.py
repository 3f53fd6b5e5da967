"""Modules of a model as structure: rows that stand for them in tables, trees and pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gradcli import loads
from gradcli.render.modules import grouped
from gradcli.verify.target import Settings
from tests.cli.runner import run

SIZE = 3  # of the vectors that a deep model's layers take


def model(layers: int) -> str:
    """Return a model of blocks, each of a scaling, a shift and a tanh, with two parameters."""
    lines = [f"x = tensor([1., 2., {SIZE}.])", "h = x"]
    for i in range(layers):
        for name in ("weight", "bias"):
            lines.append(
                f'{name}{i} = param(full(({SIZE},), 0.5), name="layers.{i}.linear.{name}")'
            )
    lines.append('with module("", "Net"):')
    for i in range(layers):
        lines += [
            f'    with module("layers.{i}", "Block"):',
            f'        with module("layers.{i}.linear", "Linear"):',
            f"            a{i} = h * weight{i}",
            f"            b{i} = a{i} + bias{i}",
            f"        h = tanh(b{i})",
        ]
    return "\n".join([*lines, "loss = sum(h)", "loss.backward()", ""])


# layers, of whose rows none are folded; those of inner modules, of blocks, of the whole model are
SMALL, LONG, DEEP, DEEPEST = 2, 60, 110, 250

# depth: the rows of a table of two layers
FOLDED = {
    0: ["x", "Net", "loss"],
    1: ["x", "layers.0", "layers.1", "loss"],
    2: ["x", "layers.0.linear", "h", "layers.1.linear", "h", "loss"],
}


def table(text: str, *options: str) -> list[str]:
    outcome = run("eval", "-e", text, *options)
    assert outcome.status == 0, outcome.errors
    rows = [line.split() for line in outcome.output.splitlines() if line[:1] in "●□○★▸"]
    return [words[1].partition(":")[0] for words in rows if len(words) > 3 and words[1] != "a"]


@pytest.mark.parametrize("depth", FOLDED)
def test_modules_of_a_depth_are_one_row_each(depth: int) -> None:
    found = table(model(SMALL), "--depth", str(depth))
    assert [name for name in found if name not in ("data", "intermediate")] == FOLDED[depth]


def test_a_long_table_is_folded_by_itself() -> None:
    found = table(model(DEEP))
    assert [name for name in found if name.startswith("layers")] == [
        f"layers.{i}" for i in range(DEEP)
    ]
    assert "rows left out" not in run("eval", "-e", model(DEEP)).output


def test_a_short_table_is_not_folded() -> None:
    assert "layers.0.linear.weight" in run("eval", "-e", model(SMALL), columns=160).output
    assert "▸" not in run("eval", "-e", model(SMALL)).output


def test_nothing_is_folded_where_everything_is_asked_for() -> None:
    assert "▸" not in run("eval", "-e", model(DEEP), "--full").output


def test_a_row_of_a_module_tells_its_class_rows_and_the_norm_of_its_gradients() -> None:
    text = model(SMALL)
    grads = loads(text).grads
    norm = np.sqrt(sum(np.sum(grads[n] ** 2) for n in ("weight1", "bias1")))
    outcome = run("eval", "-e", text, "--depth", "1", columns=160)
    row = next(line for line in outcome.output.splitlines() if "▸ layers.1" in line)
    assert row.split()[2:4] == ["Block", "3"]
    assert f"{norm:.3g}" in row.split()
    assert f"norm of gradients {norm:.3g}" in (
        run("eval", "-e", text, "--depth", "1", "--format", "markdown").output
    )


def test_data_leave_no_module_out() -> None:
    found = json.loads(run("eval", "-e", model(SMALL), "--json", "--depth", "0").output)
    frames = [node["frames"] for node in found["nodes"] if node["name"] == "a1"]
    assert [(f[1], f[3]) for f in frames[0]] == [
        ("", "Net"), ("layers.1", "Block"), ("layers.1.linear", "Linear"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("layers", "name"), [(LONG, "layers.0.linear"), (DEEP, "layers.0"), (DEEPEST, "")]
)
def test_the_deepest_modules_that_leave_few_enough_rows_are_taken(layers: int, name: str) -> None:
    nodes = list(loads(model(layers)).nodes)
    group = grouped(nodes, 200)[next(node.id for node in nodes if node.name == "a0")]
    assert group.frame.name == name
    assert group.output.name == ("b0" if name.endswith("linear") else "h")


def test_a_data_leaf_of_one_module_alone_is_an_input() -> None:
    nodes = list(loads(model(SMALL)).nodes)
    groups = grouped(nodes, 0, depth=1)
    first = groups[next(node.id for node in nodes if node.name == "a0")]
    names = {leaf.name for leaf in first.leaves if leaf.kind == "parameter"}
    assert names == {"layers.0.linear.weight", "layers.0.linear.bias"}
    assert [nodes[i].name for i in first.inputs] == ["x"]


def test_a_tree_has_a_line_for_a_module() -> None:
    lines = run("graph", "--tree", "-e", model(DEEP)).output.splitlines()
    assert any(f"▸ layers.{DEEP - 1} (Block): 3 rows" in line for line in lines)
    small = run("graph", "--tree", "-e", model(SMALL), columns=160).output
    assert "a1 = h * weight1  in layers.1.linear (Linear)" in small


def test_a_picture_draws_modules_around_their_rows() -> None:
    svg = run("graph", "-e", model(SMALL), "--format", "svg").output
    for title in ("Net", "layers.1 (Block)", "layers.0.linear (Linear)"):
        assert f">{title}<" in svg
    deep = run("graph", "-e", model(DEEP), "--format", "svg").output
    assert f"layers.{DEEP - 1} (Block)<" in deep
    assert "(Linear)<" not in deep


@pytest.mark.parametrize(("parameters", "most"), [(1, 2048), (8, 2048), (64, 256), (100_000, 4)])
def test_the_parameters_of_a_model_share_the_work_of_a_check(parameters: int, most: int) -> None:
    assert Settings().most(1 << 17, parameters) == most
    assert Settings(max_elements=7).most(1 << 17, parameters) == 7


def test_a_fold_says_how_many_of_its_rows_differ_from_the_record(tmp_path: Path) -> None:
    text = 'data = recorded("run.npz")\n' + model(SMALL)
    np.savez(tmp_path / "run.npz", **{"truth/value/a1": np.zeros(SIZE)})  # type: ignore[arg-type]
    (tmp_path / "run.expr").write_text(text)
    outcome = run("eval", str(tmp_path / "run.expr"), "--depth", "1")
    assert outcome.status == 1
    row = next(line for line in outcome.output.splitlines() if "▸ layers.1" in line)
    assert "✗ 1 row" in row
