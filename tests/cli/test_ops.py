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
    assert "select    One slice along a dimension: `x[i]`" in " ".join(
        f"{line.split()[0]}    {' '.join(line.split()[1:-1])}"
        for line in run("ops", columns=200).output.splitlines() if line.startswith("select ")
    )  # fmt: skip


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
    assert lines[0].split() == ["operation", "what", "it", "is", "grad_fn"]
    names = {row.name for row in FUNCTIONS.values()}
    assert {line.split()[0] for line in lines[1:-2]} == names
    assert lines[-1] == f"{len(names)} operations; gradcli ops NAME shows one"
    exp = next(line for line in lines if line.startswith("exp "))
    assert exp.split()[-1] == "ExpBackward0"
    assert next(line for line in lines if line.startswith("gcd ")).split()[-1] == "none"


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
                   "kink", "domain", "needs", "examples"))
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
