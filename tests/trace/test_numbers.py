"""What a file may ask of a Python number."""

import pytest

from gradcli import loads

ASKED = {
    "k.real": "3.0", "k.imag": "-4.0", "(2.5).real": "2.5", "(2.5).imag": "0.0", "n.real": "7",
    "n.imag": "0",
}  # fmt: skip


@pytest.mark.parametrize("text", ASKED)
def test_a_number_has_pythons_parts(text: str) -> None:
    assert loads(f"k = 3 - 4j\nn = 7\nprint({text})\n").printed == (ASKED[text],)
    assert str(eval(text, {"k": 3 - 4j, "n": 7})) == ASKED[text]
