"""Names that a file never assigns: which of them are taken for a slip of the pen."""

import pytest

from gradcli import loads
from gradcli.errors import InputFault

# a name that a file uses, one that it has, and whether the second is likely to be meant
NEAR = [
    ("wieght", "weight", True),
    ("lamda", "lambda_", True),
    ("loss1", "loss2", True),
    ("theta", "beta", False),
    ("mu", "nu", False),
    ("x", "y_hat", False),
]


@pytest.mark.parametrize(("used", "had", "meant"), NEAR)
def test_a_name_is_suggested_where_it_is_near(used: str, had: str, meant: bool) -> None:
    with pytest.raises(InputFault, match=f"the input `{used}` is") as caught:
        loads(f"{had} = tensor(1.)\nz = {had} * {used}\n")
    assert caught.value.hint is not None
    assert (f"did you mean `{had}`?" in caught.value.hint) is meant
    assert f"-s {used}=…" in caught.value.hint


def test_several_names_have_a_suggestion_each() -> None:
    with pytest.raises(InputFault, match="the inputs `wieght`, `q` are") as caught:
        loads("weight = tensor(1.)\nz = weight * wieght * q\n")
    assert caught.value.hint is not None
    assert "did you mean `weight` for `wieght`?" in caught.value.hint
    assert "-s wieght=… -s q=…" in caught.value.hint
