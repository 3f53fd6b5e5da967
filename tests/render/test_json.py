import json
import re
from typing import Any

import numpy as np
import pytest

import gradcli.render.json as json_output
from gradcli.inspection import Inspection
from gradcli.render import EVAL
from tests.render.inspections import Maker


def parsed(inspection: Inspection, **options: Any) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(EVAL["json"](inspection, **options), parse_constant=refuse)


def test_the_tutorial_has_its_figures(tutorial: Inspection) -> None:
    data = parsed(tutorial)
    nodes = {node["name"]: node for node in data["nodes"]}
    assert data["schema"] == "gradcli.eval/1"
    assert nodes["w"]["grad"] == -28
    assert nodes["b"]["grad"] == -18
    assert nodes["x"]["grad"] is None
    assert nodes["loss2"]["value"] == [16, 25]
    assert nodes["loss"]["inputs"] == [nodes["wx_b"]["id"], nodes["y"]["id"]]
    assert (nodes["w"]["is_leaf"], nodes["wx"]["is_leaf"]) == (True, False)
    assert data["root"] == nodes["loss2_sum"]["id"]
    assert data["claims"][0]["left"] == {"source": "w.grad", "value": -28.0}


def test_the_text_is_reviewed(tutorial: Inspection, odd: Inspection, golden: Any) -> None:
    golden("tutorial.json", EVAL["json"](tutorial))
    golden("odd.json", EVAL["json"](odd))


def test_what_is_not_finite_is_a_string(odd: Inspection) -> None:
    nodes = {node["name"]: node for node in parsed(odd)["nodes"]}
    assert nodes["损失"]["value"] == [1.5, "nan", "inf"]
    assert nodes["损失"]["grad"] == ["-inf", 0, "nan"]
    assert nodes["z"]["value"] == [{"re": 1, "im": 2}, {"re": "nan", "im": "-inf"}]


def test_other_dtypes_keep_their_values(odd: Inspection) -> None:
    nodes = {node["name"]: node for node in parsed(odd)["nodes"]}
    assert nodes["mask"]["value"] == [True, False, True]
    assert nodes["index"]["value"] == [2**53 + 1, 0]
    assert nodes["f32"]["value"] == 0.1
    assert nodes["half"]["value"] == [0.1, 65504]
    assert nodes["empty"]["value"] == []
    assert nodes["hollow"]["value"] == [[], []]
    assert nodes["total"]["value"] is None


def test_floats_read_back_exactly_unless_rounded() -> None:
    values = np.random.default_rng(0).normal(size=100)
    m = Maker()
    m.add("x", values)
    assert parsed(m.inspection())["nodes"][0]["value"] == values.tolist()
    rounded = parsed(m.inspection(), precision=3)["nodes"][0]["value"]
    assert rounded == [float(f"{value:.3g}") for value in values]


def test_the_largest_numbers_are_not_rounded_to_infinity() -> None:
    largest = np.finfo(np.float64).max
    m = Maker()
    m.add("x", np.array([largest, -largest]))
    found = parsed(m.inspection(), precision=3)["nodes"][0]["value"]
    assert found == [largest, -largest]


def test_named_leaves_out_the_unnamed(mlp: Inspection) -> None:
    assert all(node["name"] for node in parsed(mlp, named=True)["nodes"])


def test_every_key_is_documented(odd: Inspection) -> None:
    documented = set(re.findall(r"`\"?(\w+)\"?`", str(json_output.__doc__)))

    def check(value: Any) -> None:
        if isinstance(value, dict):
            assert set(value) - {"re", "im", "source", "value"} <= documented
        for item in value.values() if isinstance(value, dict) else value:
            if isinstance(item, dict | list):
                check(item)

    check(parsed(odd))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_many_elements_are_written_one_by_one(dtype: str) -> None:
    m = Maker()
    values = np.random.default_rng(0).normal(size=10**5)
    m.add("x", values, dtype=dtype)
    (node,) = json.loads(EVAL["json"](m.inspection()))["nodes"]
    assert np.array_equal(np.array(node["value"], dtype), values.astype(dtype))
