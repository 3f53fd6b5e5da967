"""Inputs that are declared by shape only, and files of a folder that need inputs."""

import json
from pathlib import Path

import numpy as np
import pytest

from gradcli.api import options_for
from gradcli.errors import InputFault, Source
from gradcli.verify import Report, Settings
from gradcli.verify.drawn import declared, runs
from gradcli.verify.run import check_source
from tests.verify.test_command import RIGHT, run

LAYER = "W: float64[m, n]\nx: float64[n]\nb: Tensor[m]\nloss = sum(tanh(W @ x + b)**2)\n"
LOG = "p: float64[4]\ny = sum(log(p)) + sum(sqrt(1 - p))\n"
NEEDS = "loss = sum((w*x - y)**2)\n"


def drawn(text: str, points: int = 4) -> Report:
    return check_source(Source("<test>", text), options_for(), Settings(points=points))


def test_named_sizes_are_the_same_everywhere_and_differ_from_each_other() -> None:
    found = declared(Source("<test>", LAYER), options_for())
    (m, n) = found["W"][0]
    assert m != n
    assert (found["x"][0], found["b"][0]) == ((n,), (m,))


def test_a_bound_input_gives_its_sizes() -> None:
    options = options_for(set={"x": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]})
    assert declared(Source("<test>", LAYER), options)["W"][0][1] == 6


def test_the_file_s_own_numbers_are_sizes() -> None:
    text = "k = 7\nW: float64[k, 2*k]\ny = sum(W)\n"
    assert declared(Source("<test>", text), options_for())["W"][0] == (7, 14)


def test_floating_inputs_are_parameters_and_are_checked_at_several_points() -> None:
    report = drawn(LAYER)
    assert {f.parameter: f.verdict for f in report.findings} == {"W": "OK", "x": "OK", "b": "OK"}
    assert report.notes[0] == "inputs drawn at 4 points (seed 0): W [3, 4], x [4], b [3]"


def test_inputs_are_drawn_from_the_domain_of_what_uses_them() -> None:
    source = Source("<test>", "p: float64[50]\ny = sum(log(p)) + sum(asin(p))\n")
    options = options_for()
    for session in runs(source, options, declared(source, options), 3):
        p = session.tracer.scope["p"].value
        assert np.all((p > 0) & (p < 1))


def test_values_that_no_operation_asks_for_directly_are_drawn_again_until_all_is_finite() -> None:
    report = drawn(LOG + "assert allclose(grad(y, p), 1/p - 0.5/sqrt(1 - p))")
    assert report.verdict == "OK"
    assert report.claims[0].points == report.claims[0].held == 4 + 3


def test_integers_are_no_parameters() -> None:
    report = drawn("x: float64[3]\ni: int64[2]\ny = sum(x[i]**2)\n")
    assert [f.parameter for f in report.findings] == ["x"]


def test_a_claim_that_is_false_at_any_drawn_point_is_false() -> None:
    report = drawn("x: float64[]\ny = x**2\nassert y < 1.5\n".replace("[]", ""), points=8)
    assert report.verdict == "WRONG"


def test_what_is_not_declared_is_still_an_error() -> None:
    with pytest.raises(InputFault, match="not bound"):
        drawn("x: float64[3]\ny = sum(x*w)\n")


def test_a_file_of_a_folder_that_needs_inputs_is_skipped_and_said(tmp_path: Path) -> None:
    (tmp_path / "a.expr").write_text(RIGHT)
    (tmp_path / "b.expr").write_text(NEEDS)
    (tmp_path / "c.expr").write_text(LAYER)
    status, text = run(tmp_path)
    assert status == 0
    assert "needs inputs: w, x, y" in text
    assert text.splitlines()[-1] == "2 files checked, all well, 1 skipped (needs inputs)"
    record = json.loads(run(tmp_path, "--json")[1])
    assert [(f["verdict"], f["needs"]) for f in record["files"]] == [
        ("OK", []), ("SKIPPED", ["w", "x", "y"]), ("OK", []),
    ]  # fmt: skip
    assert run(tmp_path / "b.expr")[0] != 0
    assert run(tmp_path / "a.expr", tmp_path / "b.expr")[0] == 2
    assert "needs inputs" in run(tmp_path, "--format", "markdown")[1]


def test_a_folder_of_one_file_that_needs_inputs_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "b.expr").write_text(NEEDS)
    status, text = run(tmp_path)
    assert (status, text.splitlines()[-1]) == (0, "0 files checked, 1 skipped (needs inputs)")


def test_a_misspelled_name_in_a_folder_is_an_error_and_not_an_input(tmp_path: Path) -> None:
    (tmp_path / "a.expr").write_text("weights = param(1.)\nloss = weigths**2\n")
    (tmp_path / "b.expr").write_text("w = param(1.)\nloss = sofmax(w)\n")
    assert run(tmp_path)[0] == 2


# what a file with inputs declared by shape asks of them, and a claim on it that is true or false
ASKED = {
    "S: float64[n, n]\ny = 2*log(diag(linalg.cholesky(S))).sum()\n": (
        "S [3, 3] symmetric positive definite", "grad(y, S)", "inverse(S)", "2*inverse(S)"),
    "S: float64[n, n]\ny = linalg.cholesky(S + 0.1*eye(3)).sum()*0 + logdet(S)\n": (
        "S [3, 3] symmetric positive definite", "grad(y, S)", "inverse(S)", "eye(3)"),
    "S: float64[n, n]\ny = (linalg.eigh(S)[0]**3).sum()\n": (
        "S [3, 3] symmetric", "grad(y, S)", "3*S @ S", "3*S*S"),
    "S: float64[n, n]\ny = log(linalg.eigvalsh(S)).sum()\n": (
        "S [3, 3] symmetric positive definite", "grad(y, S)", "inverse(S)", "S"),
    "S: float64[n, n]\ny = logdet(S)\n": (
        "S [3, 3] symmetric positive definite", "grad(y, S)", "inverse(S).T", "inverse(S) + S"),
    "S: float64[n, n]\nd: float64[n]\ny = 0.5*logdet(S) + 0.5*d @ linalg.solve(S, d)\n": (
        "S [3, 3] symmetric positive definite, d [3]", "grad(y, S)",
        "0.5*inverse(S) - 0.5*outer(inverse(S) @ d, inverse(S) @ d)",
        "0.5*inverse(S) - outer(inverse(S) @ d, inverse(S) @ d)"),
    "L: float64[n, n]\nb: float64[n, k]\ny = linalg.solve_triangular(L, b, upper=False).sum()\n": (
        "L [3, 3] lower triangular, b [3, 4]", "grad(y, b)",
        "outer(inverse(L).T @ ones(3), ones(4))", "outer(inverse(L) @ ones(3), ones(4))"),
    "Z: float64[n, k]\nY: float64[n, k]\ny = -(Y*log_softmax(Z, 1)).sum()\n": (
        "Z [3, 4], Y [3, 4] made of rows that sum to one", "grad(y, Z)", "softmax(Z, 1) - Y",
        "Y - softmax(Z, 1)"),
    "Z: float64[n, k]\nY: float64[n, k]\ny = F.cross_entropy(Z, Y)\n": (
        "Z [3, 4], Y [3, 4] made of rows that sum to one", "grad(y, Z)", "(softmax(Z, 1) - Y)/3",
        "(softmax(Z, 1) - Y)/4"),
    "Z: float64[n, k]\nY: float64[n, k]\ny = -(Y*log(softmax(Z, 1))).mean()\n": (
        "Z [3, 4], Y [3, 4] made of rows that sum to one", "grad(y, Z)", "(softmax(Z, 1) - Y)/12",
        "softmax(Z, 1) - Y"),
    "z: float64[n, k]\np: float64[n, k]\n"
    "y = F.kl_div(log_softmax(z, 1), p, reduction='sum')\n": (
        "z [3, 4], p [3, 4] made of rows that sum to one", "grad(y, z)", "softmax(z, 1) - p", "p"),
    "p: float64[n]\nt: float64[n]\ny = F.binary_cross_entropy(p, t)\n": (
        "p [3], t [3]", "grad(y, p)", "(p - t)/(p*(1 - p))/3", "(p - t)/3"),
    "z: float64[n]\nt: float64[n]\ny = F.binary_cross_entropy_with_logits(z, t)\n": (
        "z [3], t [3]", "grad(y, z)", "(sigmoid(z) - t)/3", "sigmoid(z) - t"),
    "z: float64[n]\nt: float64[n]\ny = F.soft_margin_loss(z, t, reduction='sum')\n": (
        "z [3], t [3]", "grad(y, z)", "-t*sigmoid(-t*z)", "-sigmoid(-t*z)*2*t"),
    "z: float64[n]\nk: float64[n]\ny = F.poisson_nll_loss(z, k, reduction='sum')\n": (
        "z [3], k [3]", "grad(y, z)", "exp(z) - k", "exp(z)*(1 - k)"),
    "m: float64[n]\nt: float64[n]\nv: float64[n]\n"
    "y = F.gaussian_nll_loss(m, t, v, reduction='sum')\n": (
        "m [3], t [3], v [3]", "grad(y, m)", "(m - t)/v", "(t - m)/v"),
}  # fmt: skip


@pytest.mark.parametrize("text", ASKED)
def test_inputs_are_drawn_with_the_structure_that_operations_ask_for(text: str) -> None:
    words, side, right, wrong = ASKED[text]
    report = drawn(f"{text}assert allclose({side}, {right})\n")
    assert report.notes[0].split(": ")[1].startswith(words)
    assert report.verdict == "OK"
    assert drawn(f"{text}assert allclose({side}, {wrong})\n").verdict == "WRONG"


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("z: float64[n]\nt: float64[n]\ny = F.soft_margin_loss(z, t)\n", {-1, 1}),
        ("z: float64[n]\nt: float64[n]\ny = F.hinge_embedding_loss(z, t)\n", {-1, 1}),
        ("z: float64[n]\nu: float64[n]\nt: float64[n]\ny = F.margin_ranking_loss(z, u, t)\n",
         {-1, 1}),
        ("z: float64[n]\nt: float64[n]\ny = F.poisson_nll_loss(z, t)\n", set(range(12))),
        ("z: float64[n]\nt: float64[n]\ny = (z[t.long() % 3]**2).sum()\n", set(range(12))),
    ],
)  # fmt: skip
def test_labels_and_counts_are_drawn_whole_and_are_no_parameters(
    text: str, whole: set[int]
) -> None:
    source, options = Source("<test>", text), options_for()
    for session in runs(source, options, declared(source, options), 3):
        t = session.tracer.scope["t"]
        assert not t.requires_grad
        assert set(t.value.tolist()) <= whole
    assert drawn(text).verdict in ("OK", "KINK")


def test_what_an_operation_refuses_is_drawn_again_with_what_it_asks_for() -> None:
    text = "S: float64[n, n]\np: float64[n]\nL = linalg.cholesky(S)\nlevel = float(L.sum())\n"
    report = drawn(text + "y = F.binary_cross_entropy(p, p) + (L**2).sum()\n")
    assert report.verdict == "OK"
    assert "S [3, 3] symmetric positive definite, p [3]" in report.notes[0]
