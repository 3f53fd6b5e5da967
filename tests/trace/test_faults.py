"""Which of Python's classes an error is of: PyTorch's, where gradcli says what PyTorch says."""

from __future__ import annotations

import pytest

from gradcli import loads
from gradcli.trace.faults import class_of, is_a
from tests.ops.test_refusals import CALLS, fault
from tests.ops.wrong_calls import PROGRAMS

WRITTEN = CALLS["written"]
# PyTorch has another class for the same sentence elsewhere
OTHERS = {"F.embedding(tensor([5]), A)"}


@pytest.mark.parametrize("call", WRITTEN)
def test_an_error_in_pytorchs_words_is_of_pytorchs_class(call: str) -> None:
    name, _, sentence = WRITTEN[call].partition(": ")
    error = fault(call if call in PROGRAMS else f"result = {call}")
    if error is not None and error.message == sentence and call not in OTHERS:
        assert class_of(error) == name


CAUGHT = {
    "tensor([1., 2.]) @ tensor([1.])": "RuntimeError",
    "tensor([1., 2.]).sum(dim=3)": "IndexError",
    "tensor([1., 2.])[5]": "IndexError",
    "tensor([1., 2.]).foo": "AttributeError",
    "linalg.cholesky(-eye(2))": "RuntimeError",
    "tensor([1, 2], requires_grad=True)": "RuntimeError",
    "tensor([[1.], [2., 3.]])": "ValueError",
    "softmax('a', 0)": "TypeError",
    "bool(tensor([1., 2.]))": "RuntimeError",
    "float('x')": "ValueError",
    "math.sqrt(-1)": "ValueError",
    "{}['k']": "LookupError",
}


@pytest.mark.parametrize("text", CAUGHT)
def test_an_error_is_caught_by_its_class(text: str) -> None:
    program = f"import math\ntry: {text}\nexcept {CAUGHT[text]} as error: print('caught')\n"
    assert loads(program).printed == ("caught",)


def test_what_bounds_a_run_is_caught_by_nothing() -> None:
    with pytest.raises(Exception, match="takes more than") as raised:
        loads("try:\n    while True: pass\nexcept BaseException: print('caught')\n")
    assert not is_a(raised.value, "KeyError")  # type: ignore[arg-type]


def test_the_tape_keeps_what_was_made_before_an_error_is_caught() -> None:
    run = loads(
        "w = param(2.0)\ntry:\n    y = w * w\n    y @ y\nexcept RuntimeError:\n    z = y * 3\n"
        "z.backward()\n"
    )
    grad = run.nodes[0].grad
    assert grad is not None
    assert float(grad) == 12.0
