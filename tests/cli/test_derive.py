"""`gradcli derive` as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.runner import ROOT, run

SAMPLES: dict[str, list[str]] = {
    path.stem: [] for path in sorted((ROOT / "samples").glob("*.expr"))
}
SAMPLES["one_liner"] = ["-p", "w=1.0", "-p", "b=0.0", "-s", "x=[1.,2.]", "-s", "y=[5.,7.]"]


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_claims_of_a_sample_hold(sample: str, tmp_path: Path) -> None:
    for file in (ROOT / "samples").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    path = f"{sample}.expr"
    outcome = run("derive", path, "--claim", *SAMPLES[sample], folder=tmp_path)
    assert outcome.status == 0
    claims = outcome.output.splitlines()
    assert claims
    assert all(line.startswith("assert allclose(") for line in claims)
    text = (tmp_path / path).read_text(encoding="utf-8")
    (tmp_path / path).write_text(f"{text}\n{outcome.output}", encoding="utf-8")
    assert run("eval", path, *SAMPLES[sample], folder=tmp_path).status == 0


# What the samples derive by hand, and what is derived: the same.
BY_HAND = {
    ("black_scholes", "S"): "N_d1",
    ("black_scholes", "r"): "K_now * N_d2 * T",
    ("logistic_regression", "w"): "x_std.T @ (p - y) / 569",
    ("logistic_regression", "b"): "mean(p - y)",
    ("linear_regression", "w"): "2 * sum(loss * x)",
    ("attention", "V"): "A.T @ g",
    ("gaussian_mixture", "mu"): "sum(responsibility * deviation, dim=0) / sigma**2",
}


@pytest.mark.parametrize("case", BY_HAND, ids="-".join)
def test_a_sample_is_derived_as_by_hand(case: tuple[str, str]) -> None:
    sample, name = case
    outcome = run("derive", f"samples/{sample}.expr", name, "--json")
    (one,) = json.loads(outcome.output)["derivatives"]
    assert one["formula"] == BY_HAND[case]


def test_nodes_and_roots_are_chosen_by_name() -> None:
    program = "w = param(2.0); v = param(3.0); h = w * v; f = h**2; g = h**3"
    assert run("derive", "-e", program, "h").output.startswith("∂g/∂h = 3 * h**2\n")
    by = run("derive", "-e", program, "--wrt", "v").output
    assert by.startswith("∂g/∂v = 3 * h**2 * w\n")
    assert "∂g/∂w" not in by
    both = run("derive", "-e", program, "w", "--of", "f,g").output.splitlines()
    assert both[0] == "∂f/∂w = 2 * h * v"
    assert "∂g/∂w = 3 * h**2 * v" in both
    scripts = run("derive", "-e", program, "w", "--of", "f,g", "--to", "numpy").output
    assert "grad_f_w = " in scripts
    assert "grad_g_w = " in scripts


def test_a_name_that_the_file_lacks_is_refused() -> None:
    outcome = run("derive", "-e", "w = param(2.0); f = w**2", "x")
    assert outcome.status == 2
    assert "has no tensor `x`" in outcome.errors
    assert run("derive", "-e", "x = tensor(2.0)").status == 2
    assert run("derive", "-e", "w = param(2.0); f = w**2", "--claim", "--to", "numpy").status == 2


def test_nothing_that_could_be_said_is_undecided() -> None:
    outcome = run("derive", "-e", "ws = [param(2.0)]; f = ws[0]**2")
    assert outcome.status == 3
    assert "no formula: `param(2.0)` in line 1 has no name" in outcome.output


def test_a_file_is_written(tmp_path: Path) -> None:
    program = "w = param(2.0); f = w**2"
    outcome = run("derive", "-e", program, "--to", "latex", "-o", str(tmp_path / "f.tex"))
    assert outcome.output == ""
    assert "\\frac{\\partial f}{\\partial w} &= 2 \\, w" in (tmp_path / "f.tex").read_text()
