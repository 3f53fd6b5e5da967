"""`gradcli ops` as a person uses it."""

from __future__ import annotations

import json

import pytest

from gradcli.ops import FUNCTIONS
from tests.cli.runner import run


def test_an_operation_is_shown_whole() -> None:
    outcome = run("ops", "log")
    assert outcome.status == 0
    first, *rest = outcome.output.splitlines()
    assert first == "log(input)"
    facts = [line.split(maxsplit=1) for line in rest if line.startswith("  ")]
    assert ["grad_fn", "LogBackward0"] in [[a, b.strip()] for a, b in facts[1:]]
    assert "input: g / input" in outcome.output
    assert "(0, ∞)" in outcome.output


def test_brackets_of_an_example_are_shown() -> None:
    assert "stack([v, v**2]); stack([v, v], dim=-1)" in run("ops", "stack").output
    assert "x1.T @ W[k] @ x2 + b[k] for each k" in run("ops", "bilinear").output
    select = [line for line in run("ops", columns=200).output.splitlines()
              if line.startswith("select ")]  # fmt: skip
    assert select[0].endswith("One slice along a dimension: `x[i]`")


def test_a_function_made_of_others_names_them() -> None:
    assert "made of" in run("ops", "cosine_similarity").output


def test_a_name_beside_others_that_contain_it_names_those() -> None:
    output = run("ops", "norm", columns=200).output
    assert "others with that in their names: " in output
    assert "layer_norm" in output


def test_several_names_stand_below_each_other() -> None:
    lines = run("ops", "sin", "relu").output.splitlines()
    assert [line for line in lines if line[:1].isalpha()][:2] == ["relu(input)", "sin(input)"]
    assert "  kink     0 at 0" in " ".join(lines)


def test_many_operations_take_a_line_each() -> None:
    lines = run("ops", columns=200).output.splitlines()
    assert lines[0].split() == ["operation", "derivative", "what", "it", "is"]
    names = {row.name for row in FUNCTIONS.values()}
    assert {line.split()[0] for line in lines[1:-2]} == names
    assert lines[-1] == f"{len(names)} operations; gradcli ops NAME shows one"
    exp = next(line for line in lines if line.startswith("exp "))
    assert exp.split()[:4] == ["exp", "g", "*", "y"]
    assert "no gradient" in next(line for line in lines if line.startswith("gcd "))


def test_the_list_fits_the_terminal() -> None:
    lines = run("ops").output.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) == len({row.name for row in FUNCTIONS.values()}) + 3


# What a learner looks for, from the literature: (operation, example, argument): derivative.
LEARNED = {
    ("matmul", "M @ A", "M"): "g @ A.T",
    ("matmul", "M @ A", "A"): "M.T @ g",
    ("matmul", "A @ v", "A"): "outer(g, v)",
    ("cross_entropy", "F.cross_entropy(M, tensor([0, 2]))", "M"): (
        "g * (softmax(M, dim=1) - one_hot(tensor([0, 2]), num_classes=3)) / 2"
    ),
    ("mm", "", "input"): "g @ mat2.T",
    ("mm", "", "mat2"): "input.T @ g",
    ("softmax", "", "input"): "y * (g - sum(g * y, dim=1, keepdim=True))",
    ("log_softmax", "", "input"): "g - exp(y) * sum(g, dim=1, keepdim=True)",
    ("tanh", "", "input"): "g * (1 - y**2)",
    ("sigmoid", "", "input"): "g * (1 - y) * y",
    ("relu", "", "input"): "(y > 0) * g",
    ("det", "", "A"): "g * det(A) * inverse(A).T",
    ("log2", "", "input"): "g / (log(2) * input)",
    ("div", "", "other"): "-g * input / other**2",
}  # fmt: skip


@pytest.mark.parametrize("case", LEARNED)
def test_a_derivative_is_what_a_learner_looks_for(case: tuple[str, str, str]) -> None:
    name, example, argument = case
    (entry,) = json.loads(run("ops", name, "--json").output)["operations"]
    if example:
        found = [d for d in entry["gradients"] if d["example"] == example]
    else:
        found = entry["derivatives"]
    assert LEARNED[case] in [d["formulas"].get(argument) for d in found]


def test_a_part_of_names_finds_all_of_them() -> None:
    output = run("ops", "bessel").output
    assert "bessel_j0" in output
    assert "scaled_modified_bessel_k1" in output


def test_data_is_strict_json_with_the_documented_keys() -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    record = json.loads(run("ops", "--json").output, parse_constant=refuse)
    assert record["schema"] == "gradcli.ops/1"
    assert len(record["operations"]) == len({row.name for row in FUNCTIONS.values()})
    assert {frozenset(entry) for entry in record["operations"]} == {
        frozenset(("name", "family", "signature", "doc", "aliases", "derivatives", "steps",
                   "gradients", "kink", "domain", "needs", "examples"))
    }  # fmt: skip
    found = {entry["name"]: entry for entry in record["operations"]}
    assert found["log"]["domain"] == [[0.0, "inf"]]
    assert found["log"]["derivatives"] == [
        {"grad_fn": "LogBackward0", "formulas": {"input": "g / input"}}
    ]
    assert found["addcdiv"]["domain"][0] == ["-inf", "inf"]
    assert "absolute" in found["abs"]["aliases"]
    assert found["cholesky_solve"]["needs"] == "L: triangular"
    assert found["exp"]["needs"] == ""
    assert "needs     A: symmetric" in run("ops", "linalg.eigh").output


def test_a_name_that_is_none_has_a_guess_or_says_where_they_are() -> None:
    near, far = run("ops", "logsumxep"), run("ops", "qqq")
    assert (near.status, far.status) == (2, 2)
    assert "did you mean `logsumexp`?" in near.errors
    assert "no operation is called qqq" in far.errors
    assert "gradcli ops lists them all" in far.errors


@pytest.mark.parametrize("columns", [60, 200])
def test_a_terminal_of_ascii_shows_all_of_them(columns: int) -> None:
    for arguments in ((), ("log",), ("elu", "addmm")):
        output = run("ops", *arguments, encoding="ascii", columns=columns).output
        assert "\\u" not in output
        assert "\\x" not in output
    assert "(0, inf)" in run("ops", "log", encoding="ascii").output


@pytest.mark.parametrize("names", [("matmul", "matmull"), ("matmull", "matmul"), ("matmull",)])
def test_one_unknown_name_of_several_is_an_error(names: tuple[str, ...]) -> None:
    outcome = run("ops", *names)
    assert (outcome.status, outcome.output) == (2, "")
    assert "no operation is called matmull\nhint: did you mean `matmul`?" in outcome.errors
