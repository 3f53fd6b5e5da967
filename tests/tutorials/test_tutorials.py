"""Programs as people write them, against the output that Python gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradcli import load
from gradcli.errors import GradcliError

HERE = Path(__file__).parent
PROGRAMS = {str(p.relative_to(HERE).with_suffix("")): p for p in sorted(HERE.rglob("*.expr"))}

# What the language does not take yet, and the words in which it says so. A program that runs is
# struck off.
REFUSED = {
    "plain/simulated_market": "cannot import `NormalDist`",
    "with_torch/saliency_map": "no attribute or method `register_hook`",
}


# right programs whose gradients are checked and diagnosed as well: a few, as that takes longer
HEALTHY = [
    f"with_torch/{name}"
    for name in ("two_moons", "nn_logistic_regression", "small_cnn", "gan_step", "maml", "fgsm",
                 "hypergradient", "custom_dataset", "complex_numbers", "bayesian_regression",
                 "physics_inverse_problem", "reinforce", "makemore_bigram", "matrix_completion",
                 "distillation", "own_layers", "lora", "crf", "weight_tying", "checkpoints",
                 "weight_decay_by_hand")
]  # fmt: skip


@pytest.mark.parametrize("name", sorted(PROGRAMS.keys() - REFUSED.keys()))
def test_a_tutorial_prints_what_python_prints(name: str) -> None:
    printed = "\n".join(load(PROGRAMS[name]).printed)
    assert printed.rstrip("\n") == PROGRAMS[name].with_suffix(".out").read_text().rstrip("\n")


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_a_tutorial_needs_and_is_missing_is_refused(name: str) -> None:
    with pytest.raises(GradcliError) as refusal:
        load(PROGRAMS[name])
    assert REFUSED[name] in str(refusal.value)


@pytest.mark.parametrize("name", HEALTHY)
def test_a_right_tutorial_is_neither_called_wrong_nor_warned_of(name: str) -> None:
    run = load(PROGRAMS[name])
    assert str(run.check().verdict) == "OK"
    assert [f.name for f in run.diagnose().findings if f.severity != "note"] == []
