"""The index of the table: which file has the row of a name, known without reading the files."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gradcli.ops import FUNCTIONS
from gradcli.ops.index import made
from gradcli.ops.table import INDEX, every_row, families

# names of a row, its spellings among them, and the file where it stands
HOMES = {
    "mm": "linalg.linalg", "arccos": "pointwise.elementwise", "relu": "pointwise.elementwise",
    "np.sort": "shape.numpy_forms", "t_": "shape.views", "F.relu": None, "ctc": None,
}  # fmt: skip


def test_the_index_is_what_the_rows_make_it() -> None:
    assert INDEX.read_text(encoding="utf-8") == made(), "run python -m gradcli.ops.index"


@pytest.mark.parametrize("name", HOMES)
def test_a_name_is_known_to_stand_in_a_file(name: str) -> None:
    assert FUNCTIONS.homes.get(name) == HOMES[name]
    assert (name in FUNCTIONS) == (HOMES[name] is not None)


def test_a_name_of_the_index_leads_to_a_row_that_is_called_so() -> None:
    assert [n for n, row in FUNCTIONS.items() if n not in (row.name, *row.aliases)] == []
    assert len(FUNCTIONS) == len(set(FUNCTIONS)) == sum(map(len, families().values()))
    assert set(map(id, FUNCTIONS.values())) <= set(map(id, every_row()))


def test_a_name_that_no_row_has_is_none() -> None:
    assert FUNCTIONS.get("no_such") is None
    with pytest.raises(KeyError, match="no_such"):
        FUNCTIONS["no_such"]


def test_a_file_of_rows_is_read_when_a_name_of_it_is_used() -> None:
    script = (
        "import sys\n"
        "from gradcli.ops import FUNCTIONS\n"
        "name = 'gradcli.ops.nn.ctc'\n"
        "assert 'ctc_loss' in FUNCTIONS and 'ctc_loss' in [*FUNCTIONS]\n"
        "assert name not in sys.modules\n"
        "assert FUNCTIONS['ctc_loss'].name == 'ctc_loss' and name in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
