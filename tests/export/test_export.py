"""`gradcli export`: scripts that run without gradcli, and print what it has found."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from gradcli.api import options_for
from gradcli.errors import InputFault, Source
from gradcli.export import exported
from gradcli.export.script import LIBRARIES, Script, Target
from gradcli.export.torch_words import HELPERS, MODULES, WORDS, word
from gradcli.graph import Node
from gradcli.session import Session, run
from gradcli.trace.builtins import names
from gradcli.trace.python import PYTHON
from tests.cli.runner import run as command
from tests.export.programs import PROGRAMS

SAMPLES = Path(__file__).parents[2] / "samples"
TUTORIALS = Path(__file__).parents[1] / "tutorials"
TARGETS: tuple[Target, ...] = ("numpy", "torch", "jax")
BOUND = {"one_liner": {"param": {"w": "1.0", "b": "0.0"}, "set": {"x": "[1.,2.]", "y": "[5.,7.]"}}}
FILES = {path.stem: path.read_text() for path in sorted(SAMPLES.glob("*.expr"))}
FILES |= {name: program.text for name, program in PROGRAMS.items()}

# several passes, and what becomes of `.grad` between them; not for JAX, which runs no passes
PASSES = [
    "accumulation",
    "detach",
    "freezing",
    "heron_square_root",
    "indexing_gradient",
    "retain_grad",
    "retain_graph",
    "straight_through",
    "vector_backward",
    "weight_decay",
    "zero_grad",
]
FILES |= {name: (TUTORIALS / f"{name}.expr").read_text() for name in PASSES}

# runs scripts, and prints as JSON what each has printed
RUNNER = """
import io, json, runpy, sys
from contextlib import redirect_stdout
found = {}
for path in sys.argv[1:]:
    out = io.StringIO()
    with redirect_stdout(out):
        runpy.run_path(path, run_name="__main__")
    found[path] = out.getvalue()
print(json.dumps(found))
"""


def session(name: str) -> Session:
    options = options_for(folder=SAMPLES, **BOUND.get(name, {}))  # type: ignore[arg-type]
    return run(Source(f"{name}.expr", FILES[name]), options)


def script(text: str, target: Target) -> Script:
    return exported(run(Source("t.expr", text)), target)


def written(script: Script, path: Path) -> Path:
    path.write_text(script.text)
    if script.data:
        path.with_suffix(".npz").write_bytes(script.archive())
    return path


def refused(name: str, target: Target) -> str:
    return PROGRAMS[name].refused.get(target, "") if name in PROGRAMS else ""


@pytest.mark.parametrize("target", TARGETS)
def test_scripts_print_the_values_and_gradients_of_every_file(
    target: Target, tmp_path: Path
) -> None:
    if find_spec(target) is None:
        pytest.skip(f"{target} is not installed")
    names = [name for name in FILES if not refused(name, target)]
    names = [name for name in names if target != "jax" or name not in PASSES]
    paths = {name: written(exported(session(name), target), tmp_path / f"{name}.py")
             for name in names}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, *map(str, paths.values())],
        capture_output=True, text=True, check=False, cwd=Path(tmp_path.root),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout.splitlines()[-1])
    for name, path in paths.items():
        compare(session(name), printed[str(path)])


def compare(session: Session, printed: str) -> None:
    """Compare a printed table with the names that tensors have at the end of a run."""
    rows = {}
    for line in printed.splitlines():
        name, _, rest = line.partition(": ")
        value, sign, grad = rest.rpartition(" grad ")
        if sign:
            rows[name] = value, grad
    tensors = {n: x for n, x in session.tracer.scope.items() if isinstance(x, Node)}
    assert set(tensors) <= set(rows)
    for name, node in tensors.items():
        value, grad = rows[name]
        agree(name, value, np.asarray(node.value))
        held = session.graph.grad(node.id)
        assert (grad == "None") == (held is None), name
        if held is not None:
            agree(f"{name}.grad", grad, held)


# runs in float32, whose numbers have no more digits than that dtype in the script either
NARROW = {
    "a number": "x = param([1.0, 2.0]); y = (x * 0.1).sum()",
    "a mask": "x = param([0.1, -2.0]); y = (0.3 * relu(x)).sum() + (x > 0).sum() * x[0]",
    "integers": "x = param([0.1, 0.7]); k = tensor([1, 3]); y = (x * k * 0.3).sum()",
    "a root of a number": "x = param([0.1, 0.7]); y = (x / tensor(2.0).sqrt()).sum()",
    "a constant": "x = param([0.1, 0.7]); c = tensor(0.1) * 3; y = (sigmoid(x) * c).mean()",
    "an identity": "x = param([0.1, 0.7]); y = (x @ (0.1 * eye(2)) @ x) * 0.7",
    "a data file": "x = param(linspace(0, 1, 200)); y = (x.exp() * 0.1).sum()",
    "no gradient": "import numpy as np; x = np.array([0.1, 0.7]); y = np.exp(x) * 0.3",
}


@pytest.mark.parametrize("target", ["numpy", "jax"])
def test_a_run_in_float32_stays_in_float32(target: Target, tmp_path: Path) -> None:
    if find_spec(target) is None:
        pytest.skip(f"{target} is not installed")
    paths = {}
    for name, text in NARROW.items():
        ran = run(Source("t.expr", text.replace("; ", "\n")), options_for(dtype="float32"))
        made = exported(ran, target)
        assert "x64" not in made.text
        paths[name] = written(made, tmp_path / f"{name}.py"), ran
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, *(str(path) for path, _ in paths.values())],
        capture_output=True, text=True, check=False, cwd=Path(tmp_path.root),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for path, ran in paths.values():
        printed = json.loads(done.stdout.splitlines()[-1])[str(path)]
        compare(ran, printed)
        for number in re.findall(r"-?\d+\.\d+(?:e-?\d+)?", printed):
            assert float(np.float32(number)) == float(number), f"{path.stem}: {printed}"


def agree(name: str, shown: str, expected: np.ndarray) -> None:
    shape, summed, total = shown.partition(" sum ")
    numbers = {"inf": np.inf, "nan": np.nan}
    found = np.asarray(eval(total if summed else shown, numbers))
    if summed:
        assert eval(shape, {}) == expected.shape, name
        expected = np.asarray(expected.sum())
    rough = expected.dtype.name in ("float32", "complex64")
    np.testing.assert_allclose(
        found, expected, 1e-5 if rough else 1e-9, 1e-6 if rough else 1e-10, err_msg=name
    )


@pytest.mark.parametrize(
    ("name", "target"), [(n, t) for n, p in PROGRAMS.items() for t in p.refused]
)
def test_what_a_library_lacks_is_refused_with_its_place(name: str, target: Target) -> None:
    with pytest.raises(InputFault) as caught:
        exported(session(name), target)
    assert refused(name, target) in caught.value.message
    assert "--to torch" in (caught.value.hint or "")


def test_a_script_for_no_library_is_refused_with_those_that_there_are() -> None:
    outcome = command("export", "-e", "x = param(1.0)")
    assert outcome.status == 2
    assert outcome.errors.splitlines() == [
        "error: missing option '--to'", "hint: --to torch|jax|numpy"
    ]  # fmt: skip


def test_a_root_that_is_no_scalar_is_refused() -> None:
    outcome = command(
        "export", "-e", "x = param([1.0, 2.0]); y = 2 * x", "--of", "y", "--to", "jax"
    )
    assert outcome.status == 2
    assert "Traceback" not in outcome.errors


def test_a_kept_gradient_of_a_result_is_refused_for_jax() -> None:
    with pytest.raises(InputFault, match="its gradient is kept"):
        exported(session("retain_grad"), "jax")


def test_the_backward_pass_is_written_line_by_line() -> None:
    text = exported(session("linear_regression"), "numpy").text
    assert "d_loss = 2 * loss\nd_b = np.sum(d_loss)\nd_w = np.sum(d_loss * x)\n" in text
    assert "loss = wx_b - y  # [-4, -5], how far it is off\n" in text


def test_pytorchs_script_keeps_loops_functions_claims_and_comments() -> None:
    text = exported(session("training"), "torch").text
    assert "for step in range(4):\n    loss = ((w * x + b - y)**2).mean()   # the mean" in text
    text = exported(session("functions"), "torch").text
    assert "def layer(x, W, b, act=torch.tanh):\n    z = x @ W + b\n    return act(z)\n" in text
    assert "assert torch.allclose(grad(loss, out), -1 / out / 2)\n" in text


def test_a_false_claim_becomes_a_comment_so_that_the_script_goes_on() -> None:
    text = exported(session("false_claim"), "torch").text
    assert "pass  # a false claim: assert allclose(grad(loss, x), 3 * x)" in text


@pytest.mark.parametrize("target", TARGETS)
def test_random_numbers_are_written_out_and_said_to_be_drawn(target: Target) -> None:
    text = script("w = randn(2, requires_grad=True)\nloss = sum(w**2)\n", target).text
    assert "# the numbers that gradcli draws for randn(2, requires_grad=True)\n" in text
    assert "randn(" not in text.replace("# the numbers that gradcli draws for randn(", "")


@pytest.mark.parametrize("target", ["numpy", "jax"])
def test_a_formula_that_gives_other_numbers_is_never_written(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = LIBRARIES[target]
    functions = {**library.dialect.functions, "exp": library.dialect.functions["sin"]}
    wrong = replace(library, dialect=replace(library.dialect, functions=functions))
    monkeypatch.setitem(LIBRARIES, target, wrong)
    with pytest.raises(InputFault, match=r"t\.expr:2: .*does not give its value"):
        script("x = param(1.0)\ny = exp(x)\n", target)


def test_a_translation_that_gives_other_numbers_is_not_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(WORDS, "exp", "torch.sin")
    text = script("x = param(1.0)\nfor i in range(1):\n    y = exp(x)\n", "torch").text
    assert "torch.sin" not in text
    assert "y = torch.exp(x)\n" in text


def test_many_numbers_go_into_a_file_beside_the_script(tmp_path: Path) -> None:
    sample, out = str(SAMPLES / "logistic_regression.expr"), tmp_path / "out.py"
    outcome = command("export", sample, "--to", "numpy")
    assert (outcome.status, outcome.output) == (2, "")
    assert "-o OUT.py writes OUT.py and OUT.npz (x, y)" in outcome.errors
    assert command("export", sample, "--to", "numpy", "-o", str(out)).status == 0
    with np.load(tmp_path / "out.npz") as data:
        assert data["x"].shape == (569, 4)
    assert 'data = np.load(Path(__file__).with_suffix(".npz"))\n' in out.read_text()


def test_arrays_of_one_name_from_several_files_stay_apart(tmp_path: Path) -> None:
    for name, value in (("a", 1.0), ("b", 2.0)):
        (tmp_path / f"{name}.json").write_text(
            json.dumps({"x": [value] * 200, "file": [5.0] * 200})
        )
    text = 'p = load("a.json")["x"]\nq = load("b.json")["x"]\nr = load("b.json")["file"]\n'
    found = exported(run(Source("t.expr", text), options_for(folder=tmp_path)), "torch")
    path = written(found, tmp_path / "out.py")
    assert [float(x[0]) for x in found.data.values()] == [1.0, 2.0, 5.0]
    assert set(np.load(path.with_suffix(".npz"))) == set(found.data)


@pytest.mark.parametrize("name", ["a\nimport os\n.expr", "a\rimport os\r.expr"])
def test_a_files_name_is_no_code(name: str) -> None:
    found = exported(run(Source(name, "w = param(1.0)\ny = w * 2\n")), "numpy").text
    assert not [row for row in found.splitlines() if row.startswith("import os")]


@pytest.mark.parametrize("end", ["\r", "\r\n"])
@pytest.mark.parametrize("target", TARGETS)
def test_lines_end_where_python_ends_them(end: str, target: Target) -> None:
    text = "# a\nw = param(1.0)  # b\n\ny = w * 2\n"
    assert script(text.replace("\n", end), target).text == script(text, target).text


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "comment",
    ["# coding: utf-7\n# +AAo-import os", "#\n# coding=utf-7 +AAo-import os"],
)
def test_a_comment_stays_a_comment(comment: str, target: Target) -> None:
    text = script(f"{comment}\nw = param(1.0)  {comment}\ny = w * 2\n", target).text
    rows = compile(text.encode(), "t.py", "exec").co_names
    assert "os" not in rows


def test_a_key_of_a_data_file_is_no_code(tmp_path: Path) -> None:
    key = 'x"]; import os; y = ["'
    (tmp_path / "d.json").write_text(json.dumps({key: [1.0] * 200}))
    text = 'd = load("d.json")\nw = param(1.0)\ny = w * 2\n'
    found = exported(run(Source("t.expr", text), options_for(folder=tmp_path)), "torch")
    assert "import os" not in "".join(found.data)
    compile(found.text, "t.py", "exec")
    assert f"d = {{{json.dumps(key)}: torch" in found.text


@pytest.mark.parametrize(
    "text",
    [
        'import torch\nx = torch.load("d.json")["x"]\n',
        'import numpy as np\nimport torch\nx = torch.tensor(np.load("d.json")["x"])\n',
        'from torch import load\nx = load("d.json")["x"]\n',
    ],
)
def test_no_file_is_read_but_the_scripts_own(text: str, tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text('{"x": [1.0, 2.0]}')
    found = exported(run(Source("t.expr", text), options_for(folder=tmp_path)), "torch").text
    assert "load(" not in found
    assert "[1.0, 2.0]" in found


@pytest.mark.parametrize("get", ["import torch\nf = torch.load", "from torch import load as f"])
def test_a_function_that_reads_files_is_not_handed_on(get: str, tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text('{"x": [1.0, 2.0]}')
    source = Source("t.expr", f'{get}\nx = f("d.json")["x"]\n')
    text = exported(run(source, options_for(folder=tmp_path)), "torch").text
    assert "load" not in text
    assert "x = torch.tensor([1.0, 2.0])\n" in text


def test_what_options_bind_is_in_the_script() -> None:
    outcome = command("export", "-e", "loss = w * x", "-p", "w=3.0", "-s", "x=2.0", "--to", "torch")
    assert outcome.status == 0
    assert "w = torch.tensor(3.0, requires_grad=True)\n" in outcome.output
    assert "x = torch.tensor(2.0)\n" in outcome.output


def test_files_of_jax_and_numpy_stay_as_they_are() -> None:
    assert "    return jnp.sum(jnp.tanh(w) ** 2)\n" in exported(session("jaxish"), "jax").text
    assert "y = np.exp(x) @ A\n" in exported(session("numpyish"), "numpy").text


def test_a_long_loop_is_left_to_pytorch() -> None:
    text = "w = param(0.5)\ny = w\nfor i in range(500):\n    y = sin(y)\n"
    with pytest.raises(InputFault, match="results with names, each turn of a loop counted"):
        script(text, "numpy")
    assert "for i in range(500):\n" in script(text, "torch").text


def test_every_word_for_pytorch_is_one_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    missing = []
    for name in sorted(n for n in names() if "." not in n and n not in PYTHON):
        path = word(name)
        if path is None or name in HELPERS or name in MODULES or name in ("param", "load"):
            continue
        found = torch.nn.functional if path.startswith("F.") else torch
        for part in path.split(".")[1:]:
            found = getattr(found, part, None)
        if found is None:
            missing.append((name, path))
    assert missing == []
