"""Records as files: the lines, the arrays beside them, and that both are whole or neither."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gradcli.data import read
from gradcli.errors import InputFault
from gradcli.record.files import paths, write
from gradcli.record.listing import Leaf, Listing, Opaque, Place, Row

TEXT = """\
# A record.
data = recorded("run.npz")

fc_weight = param(data["fc.weight"], name="fc.weight")  # the weight
x = data["x"]
mask: bool[2, 3]

with module("fc", "Linear"):
    y = x @ fc_weight.T  # model.py:3:8 `self.fc(x)`

z = opaque("MyExp", y, value=data["z"], grad_fn="MyExpBackward", gradients=(data["z<-y"],))
loss = z.sum()
loss.backward()

with torch.no_grad():
    fc_weight.mul_(0.5)
"""


def listing() -> Listing:
    """Return a record with each kind of item."""
    ones = np.ones((2, 3), np.float32)
    opaque = Opaque(
        ("z",), "MyExp", grad_fn={"z": "MyExpBackward"}, inputs=("y",), value=ones,
        gradients={"y": 2 * ones},
    )  # fmt: skip
    return Listing(
        title=["A record."],
        facts={"torch": "2.13.0"},
        items=[
            Leaf("fc_weight", ones, (2, 3), "float32", "fc.weight", True, Place("the weight")),
            Leaf("x", ones, (2, 3), "float32"),
            Leaf("mask", None, (2, 3), "bool"),
            Row(("y",), "x @ fc_weight.T", (("fc", "Linear"),),
                place=Place("model.py:3:8", "self.fc(x)")),
            opaque,
            Row(("loss",), "z.sum()"),
            Row((), "loss.backward()"),
            Row((), "fc_weight.mul_(0.5)", no_grad=True),
        ],
        grads={"fc_weight": ones},
    )  # fmt: skip


def test_a_record_is_lines_in_blocks_of_modules() -> None:
    assert listing().text("run.npz") == TEXT


@pytest.mark.parametrize("kind", [".npz", ".safetensors"])
def test_the_arrays_are_read_back_as_they_were(kind: str, tmp_path: Path) -> None:
    text, data = write(listing(), tmp_path / f"run{kind}")
    assert text.read_text() == TEXT.replace(".npz", kind)
    found = read(Path(data.name), folder=tmp_path)
    assert isinstance(found, dict)
    assert {*found} == {"fc.weight", "x", "z", "z<-y", "truth/grad/fc_weight", "truth/rows"}
    np.testing.assert_array_equal(found["z<-y"], np.full((2, 3), 2, np.float32))
    assert found["x"].dtype == np.float32
    assert b'"grad_fn": "MyExpBackward"' in found["truth/rows"].astype(np.uint8).tobytes()


def test_one_run_gives_the_same_bytes_twice(tmp_path: Path) -> None:
    one, two = (write(listing(), tmp_path / name)[1].read_bytes() for name in ("a", "b"))
    assert one == two


NAMES = [
    ("h", "h"), ("h", "h_2"), ("h", "h_3"), ("fc1.weight", "fc1_weight"), ("lambda", "lambda_"),
    ("torch", "torch_"), ("0.weight", "x0_weight"), ("é", "x"), ("", "x_2"),
]  # fmt: skip


def test_names_are_identifiers_and_none_is_given_twice() -> None:
    found = Listing()
    assert [found.name(wanted) for wanted, _ in NAMES] == [name for _, name in NAMES]


def test_what_names_a_record_names_both_its_files() -> None:
    assert paths(Path("run")) == (Path("run.expr"), Path("run.npz"))
    assert paths(Path("a.b/run.safetensors"))[0] == Path("a.b/run.expr")
    with pytest.raises(InputFault, match="a record is a file"):
        paths(Path("run.txt"))


def test_where_one_file_cannot_be_written_the_other_is_not_either(tmp_path: Path) -> None:
    (tmp_path / "run.npz").write_bytes(b"old")
    (tmp_path / "run.expr").mkdir()
    with pytest.raises(InputFault, match="cannot write"):
        write(listing(), tmp_path / "run")
    assert (tmp_path / "run.npz").read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run.expr", "run.npz"]
