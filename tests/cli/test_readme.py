"""What README shows is what happens."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

import gradcli
from gradcli.reference import entries
from tests.cli.runner import ROOT, run
from tests.cli.watching import Watching

README = (ROOT / "README.md").read_text(encoding="utf-8")
DERIVE = (ROOT / "docs" / "derive.md").read_text(encoding="utf-8")
DIFF = (ROOT / "docs" / "diff.md").read_text(encoding="utf-8")
EXPORT = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")


LINEAR = "samples/linear_regression.expr"
# what each command shows, by hand: w·x + b - y = (-4, -5), so that the gradient of its square is
# (-8, -10) there, -28 by w and -18 by b; (sin² x)'' = 2 cos 2x is 1.0806 at 0.5, its slope -3.36588
SHOWS: dict[str, tuple[str, ...]] = {
    LINEAR: (
        r"^loss2_sum = 41 · 2 gradients, all finite · 2 claims hold\n",
        r"● w  .* 1 +-28 +True +True +None", r"● b  .* 0 +-18 +True",
        r"○ loss  .*\[-4, -5\] +\(-8, -10\) +True",
        r"★ loss2_sum +16 +41 +\(1\) +True +False +SumBackward0"),
    f"eval {LINEAR} --retain-grad": (
        r"● w  .* -28 ", r"○ wx  .* \[-8, -10\] +True", r"○ loss  .* \[-8, -10\] +True",
        r"○ loss2  .* \[1, 1\] +True", r"★ loss2_sum  .* 41 +1 +True"),
    f"eval {LINEAR} --json": (
        '"schema": "gradcli.eval/1"', r'"name": "w".*"value": 1.0, "grad": -28.0',
        r'"name": "b".*"value": 0.0, "grad": -18.0', r'"name": "loss2_sum".*"value": 41.0'),
    "eval samples/one_liner.expr -p w=1.0 -p b=0.0 -s 'x=[1.,2.]' -s 'y=[5.,7.]'": (
        r"● w  .* 1 +-28 ", r"● b  .* 0 +-18 ", r"□ y  .*\[5, 7\] +None", r"★ loss .* 41 +\(1\)"),
    "eval -e 'y = sin(x)**2; grad(grad(y, x), x)' -p x=0.5": (
        r"● x  .* 0\.5 +-3\.36588 ", r"★ grad\(grad\(y, x\).* 1\.0806 +\(1\)"),
    f"graph {LINEAR}": ("^digraph",),  # no terminal here
    f"graph {LINEAR} --dot": (
        r'^digraph "samples/linear_regression.expr" \{', r'n2 \[label="w"',
        r'n4 \[label="wx\\nmul"',
        "n2 -> n4;\n  n0 -> n4;\n  n4 -> n5;\n  n3 -> n5;", r"\}\n$"),
    f"graph {LINEAR} --backward": (
        r'^digraph "samples/linear_regression.expr" \{', r'f8 \[label="SumBackward0',
        r"f3 \[label=AccumulateGrad", r"f2 \[label=AccumulateGrad", r"n2 -> f2 \[dir=back"),
    f"graph {LINEAR} --ascii": (
        r"┃ ● w   ┃ .*\n┃ 1     ┃ .*\n┃ ∂ -28 ┃", r"│ ○ wx 2        │ +┃ ● b   ┃"),
    f"graph {LINEAR} --format mermaid": (
        r"^flowchart TB\n", r'n2\[\["● <b>w</b><br/>1<br/>∂loss2_sum: -28"\]\]:::parameter'),
    f"graph {LINEAR} --html": (
        r"^<!doctype html>\n", r"<h1>loss2_sum = 41 · 2 gradients, all finite",
        r"2·sum\(loss·x\) = 2·\(-4\)·1 \+ 2·\(-5\)·2 = -28", r"</html>\n$"),
    f"check {LINEAR}": (
        r"✓ w +1 +-28 +-28 ± \S+ +\S+ +OK", r"✓ b +1 +-18 +-18 ± \S+ +\S+ +OK",
        "2 gradients right, 2 claims hold"),
    "explain samples/mlp.expr W1 --format latex": (
        r"^\\begin\{align\*\}", r"\\overline\{\\mathrm\{loss\}\} &= 1",
        r"\\frac\{\\partial \\mathrm\{loss\}\}\{\\partial W_\{1\}\} &=", r"\\end\{align\*\}$"),
    "diagnose samples/mlp.expr --strict warning": (r"^samples/mlp.expr: nothing found \(",),
    f"diff {LINEAR} --dtype float32": (  # small integers, which float32 has all
        r"^✓ The same bit for bit: 9 nodes, 2 gradients\n", r"within rtol 2\.4e-05.*float32\n",
        r"\nNot numbers: dtype float64 \| float32 \(x, y, w and 6 more\)\."),
    "derive samples/black_scholes.expr": (
        r"^∂price/∂S = N_d1\n", r"∂price/∂r = K_now \* N_d2 \* T\n", "4 formulas, compared with"),
    f"export {LINEAR} --to numpy": (
        r"\nwx = w \* x  # \[1, 2\]\n", r"\nd_loss = 2 \* loss\nd_b = np.sum\(d_loss\)\n",
        r'\nprint\("w:", w.tolist\(\), "grad", d_w.tolist\(\)\)\n'),
    "record samples/train.py": (
        r"^loss 0\.\d+ after 3 steps", r"wrote run.expr and run.npz", "5 rows, 4 parameters"),
    f"watch {LINEAR} explain w": (
        r"^-- \S+ · gradcli explain samples/linear_regression.expr w · \S+ s\n",
        r"\n  ∂loss2_sum/∂w = -28\n", r"\n    elements  2 · .* = -28\n"),
    "ops logsumexp": (
        r"^logsumexp\(input, dim, keepdim=False\)", r"grad_fn +LogsumexpBackward0",
        r"input: g \* exp\(input - y\)"),
    f"fmt --check {LINEAR}": ("^$",),
}  # fmt: skip


def test_every_command_in_readme_is_held_to_what_it_shows() -> None:
    lines = "".join(re.findall(r"```console\n(.*?)```", README, re.DOTALL)).splitlines()
    assert [line.partition("  #")[0].strip() for line in lines] == [f"gradcli {c}" for c in SHOWS]


@pytest.mark.parametrize("name", ["run", "test"])
def test_what_readme_installs_is_a_command_of_the_shell_that_installed_it(
    name: str, tmp_path: Path
) -> None:
    block = re.search(rf"<!-- ci: {name} -->\n```sh\n(.*?)```", README, re.DOTALL)
    assert block is not None
    programs = tmp_path / "programs"  # `python -m venv` makes an environment of stand-ins
    programs.mkdir()
    made = tmp_path / "made"
    (programs / "python").write_text(f"#!/bin/sh\nmkdir -p $3 && cp -r {made}/. $3\n")
    (made / "bin").mkdir(parents=True)
    (made / "bin" / "activate").write_text('PATH="$PWD/.venv/bin:$PATH"\n')
    for program in ("pip", "pytest", "gradcli"):
        (made / "bin" / program).write_text(f"#!/bin/sh\necho {program} $*\n")
    for path in [*programs.iterdir(), *(made / "bin").iterdir()]:
        path.chmod(0o755)
    done = subprocess.run(
        ["sh", "-euc", f"{block[1]}\ngradcli --version"], cwd=tmp_path, check=True, text=True,
        env={"PATH": f"{programs}:/usr/bin:/bin"}, capture_output=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "gradcli --version"


@pytest.mark.parametrize("command", SHOWS)
def test_a_command_in_readme_shows_what_it_should(command: str, tmp_path: Path) -> None:
    words = shlex.split(command)
    if words[0] == "record":  # which writes where it is called
        pytest.importorskip("torch")
        (tmp_path / "samples").symlink_to(ROOT / "samples")
        outcome = run(*words, folder=tmp_path)
        assert outcome.status == 0
        told = outcome.output + outcome.errors
        assert [p for p in SHOWS[command] if not re.search(p, told)] == []
        return
    if words[0] == "watch":  # which has no end
        with Watching(*words[1:]) as watching:
            for pattern in SHOWS[command]:
                watching.until(pattern)
        return
    outcome = run(*words)
    assert (outcome.status, outcome.errors) == (0, "")
    assert [p for p in SHOWS[command] if not re.search(p, outcome.output)] == []


@pytest.mark.parametrize(
    ("command", "shown"),
    re.findall(
        r"<!-- output: (.*?) -->\n```(?:python)?\n(.*?)```",
        README + DERIVE + DIFF + EXPORT,
        re.DOTALL,
    ),
)
def test_an_output_in_the_docs_is_what_the_command_prints(command: str, shown: str) -> None:
    printed = run(*shlex.split(command)).output
    assert [line.rstrip() for line in printed.splitlines()] == shown.splitlines()


def test_the_librarys_example_in_readme_holds() -> None:
    code = re.search(r"```python\n(import gradcli\n.*?)```", README, re.DOTALL)
    assert code is not None
    names: dict[str, object] = {}
    exec(code[1], names)
    run = names["run"]
    assert isinstance(run, gradcli.Run)
    said = dict(re.findall(r"^(run\S+) +# ([^;\n]+)", code[1], re.MULTILINE))
    shown = {expression: eval(expression, names) for expression in said}
    assert {
        e: value if e.endswith("verdict") else repr(value) for e, value in shown.items()
    } == said
    assert said["run.grads"] == "{'w': array(6.)}"  # 2w at 3


def test_the_tutorial_in_readme_is_the_samples() -> None:
    code = re.search(r"```python\n(x = tensor.*?)```", README, re.DOTALL)
    assert code is not None
    sample = (ROOT / "samples" / "linear_regression.expr").read_text(encoding="utf-8")
    lines = [line for line in sample.splitlines() if not line.startswith("#")]
    shown = [line for line in code[1].splitlines() if line]
    assert [line for line in lines if line] == shown


def test_readme_counts_the_operations() -> None:
    assert f"\n{len(entries())} operations carry" in README


def test_the_changelog_names_the_version() -> None:
    text = Path(ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## Unreleased" in text or f"## {gradcli.__version__}" in text
