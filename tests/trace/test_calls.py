"""Calls of operations with what they cannot take: an error with a place, never None in silence."""

import pytest

from gradcli import loads
from gradcli.errors import GradcliError

# PyTorch refuses each of them too
WRONG = ["split(x, 'a')", "split(x, None)", "std(x, 'a')", "quantile(x, None)", "tensordot(x, x)"]


@pytest.mark.parametrize("text", WRONG)
def test_what_an_operation_stumbles_over_is_an_error_with_a_place(text: str) -> None:
    with pytest.raises(GradcliError) as caught:
        loads(f"x = param([1., 2.])\ny = {text}\n")
    assert caught.value.span is not None
    assert caught.value.source is not None
    assert caught.value.source.snippet(caught.value.span).startswith(text.partition("(")[0])
