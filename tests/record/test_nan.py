"""Programs whose losses or gradients become nan: `diagnose` names what does it in their records.

They are of the kinds that people report. What each does wrong is known, as it was made so.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.cli.runner import run
from tests.record.make_records import held

FOLDER = Path(__file__).parent / "nan"
RECORDS = Path(__file__).parent / "nan_records"
# a program: the finding, the text that its own line has at the place, and words of the mechanism
BUGS: dict[str, tuple[str, str, str]] = {
    "angle": ("inverse-at-edge", "torch.acos(cosine)", "the end of the domain of acos"),
    "attention_mask": ("fully-masked-row", "torch.softmax(scores, dim=-1)", "are -inf"),
    "batch_std": ("zero-spread", "(h - h.mean(0)) / h.std(0)", "it is the spread of column 1"),
    "contrast": ("exp-overflow", "torch.exp(", "float32 ends at exp(88.723)"),
    "cosine": ("zero-norm", "a / a.norm(dim=1, keepdim=True)", "it is the norm of `turn`"),
    "cross_entropy": ("log-of-underflow", "torch.log(predicted)", "has become 0"),
    "gamma": ("root-of-negative", "self.mix(image) ** (1 / self.gamma)", "no real power"),
    "kl": ("nonfinite-input", "torch.log(teacher)", "`log_2` is -inf"),
    "log_softmax": ("log-of-softmax", "torch.log(picked)", "a probability that softmax rounds"),
    "own_softmax": ("exp-overflow", "torch.exp(scores)", "of which `weights / sum` makes nan"),
    "pairs": ("norm-of-zero", "torch.sqrt((difference**2).sum(-1))", "squares that are all 0"),
    "poisson": ("log-of-underflow", "torch.log(rate)", "`torch.exp(layers_2)` is not 0, but"),
    "recurrent": ("overflow", "(model(x) - x.sum(dim=(1, 2))[:, None]).pow(2)", "too large for"),
    "sigmoid": ("log-of-underflow", "torch.log(on_real)", "`torch.sigmoid(x2)` is not 0, but"),
}


def test_every_program_has_a_row() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.py")) == sorted(BUGS)


@pytest.mark.parametrize("name", BUGS)
def test_diagnose_names_the_operation_its_line_in_the_program_and_the_mechanism(name: str) -> None:
    kind, text, words = BUGS[name]
    outcome = run("diagnose", str(RECORDS / f"{name}.expr"), "--json", "--strict", "error")
    first = json.loads(outcome.output)["findings"][0]
    assert (outcome.status, first["name"], first["severity"]) == (1, kind, "error")
    assert words in first["words"]
    place, _, source = first["place"].partition(" ")
    assert source.startswith(f"`{text}")
    program, line, column = place.split(":")
    assert program == f"{name}.py"
    lines = (FOLDER / program).read_text(encoding="utf-8").splitlines()
    assert lines[int(line) - 1][int(column) - 1 :].startswith(text)


def test_nan_does_not_reach_the_padding_of_an_embedding() -> None:
    found = held(RECORDS / "cosine.expr")  # whose gradient of `words.weight` is PyTorch's
    assert [words for row in found.rows.values() for words in row.differs] == []


@pytest.mark.parametrize("name", ["kl", "pairs", "attention_mask"])
def test_recording_finds_the_step_again(name: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    shutil.copy(FOLDER / f"{name}.py", tmp_path)
    outcome = run("record", "--on-nan", "-o", name, f"{name}.py", folder=tmp_path)
    assert outcome.status == 0
    stored, made = (folder / f"{name}.expr" for folder in (RECORDS, tmp_path))
    assert made.read_text(encoding="utf-8") == stored.read_text(encoding="utf-8")
    expected, found = (dict(np.load(x.with_suffix(".npz"))) for x in (stored, made))
    assert found.keys() == expected.keys()
    for key in expected.keys() - {"truth/rows"}:
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-4, atol=1e-5)
