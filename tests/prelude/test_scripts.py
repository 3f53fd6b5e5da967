"""What modules, data sets and their companions do, as PyTorch prints it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradcli import api
from gradcli.errors import GradcliError
from tests.prelude.programs import HERE, differs

SCRIPTS = sorted((HERE / "scripts").glob("*.expr"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_prints_what_pytorch_prints(path: Path) -> None:
    found = "\n".join(api.loads(path.read_text(encoding="utf-8")).printed)
    expected = path.with_suffix(".out").read_text(encoding="utf-8").rstrip("\n")
    assert not differs(expected, found, tolerance=1.1e-4)  # tensors are shown to four digits


NEAREST = {
    "Conv2D": "Conv2d",
    "Linera": "Linear",
}


@pytest.mark.parametrize("name", NEAREST)
def test_a_module_that_is_not_there_is_an_error_that_names_the_nearest(name: str) -> None:
    with pytest.raises(GradcliError, match=f"did you mean `{NEAREST[name]}`"):
        api.loads(f"from torch import nn\nm = nn.{name}(2)\n")


def test_parameters_are_checked_and_explained_by_their_paths() -> None:
    text = "from torch import nn, ones\nnet = nn.Sequential(nn.Linear(2, 1))\n"
    run = api.loads(text + "loss = net(ones(1, 2)).sum()\n", wrt="net.0.weight")
    gradient = run["net.0.weight"].gradient
    assert gradient is not None
    assert gradient.tolist() == [[1.0, 1.0]]
