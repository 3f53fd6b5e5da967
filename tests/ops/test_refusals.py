"""Every wrong call is refused: in PyTorch's words, which are stored, or in clearer ones.

`tests/reference/refusals.json` has PyTorch's words. `refusal_words.txt` beside it lists the calls
of which gradcli says something else, or that it answers, what it says, and why. Nothing puts a call
on it; `--update-golden` takes off what has come to agree.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gradcli.errors import (
    ArgumentFault,
    AutogradFault,
    DtypeFault,
    GradcliError,
    LimitFault,
    NameFault,
    ShapeFault,
    Source,
)
from gradcli.execute import compute
from gradcli.graph import Node
from gradcli.ops import FUNCTIONS
from gradcli.session import Request, run
from gradcli.trace import Binding, Options
from gradcli.trace.mistakes import NOT_COMPUTED
from gradcli.trace.values import Results
from tests.cli.runner import run as command
from tests.ops.wrong_calls import PROGRAMS, WRITTEN, leaves, wrong_calls
from tests.reference.facts import FOLDER

DATA = json.loads((FOLDER / "refusals.json").read_text(encoding="utf-8"))
CALLS: dict[str, dict[str, str]] = DATA["calls"] | {"written": DATA["written"]}
OPTIONS = Options(bindings={k: Binding(x, optional=True) for k, x in leaves().items()})
ANSWERED = "an answer"
MOST_KNOWN, MOST_ANSWERED = 888, 117  # lower them as the list shrinks

WORDS = FOLDER / "refusal_words.txt"
KNOWN = {line.split("\t")[0]: line for line in WORDS.read_text(encoding="utf-8").splitlines()}


class Manner(NamedTuple):
    """A fault that gradcli says in one way of all operations, and PyTorch in many."""

    why: str
    ours: re.Pattern[str]
    theirs: re.Pattern[str]
    call: re.Pattern[str] = re.compile("")

    def covers(self, call: str, ours: str, theirs: str) -> bool:
        return bool(
            self.ours.search(ours) and self.theirs.search(theirs) and self.call.search(call)
        )


ANY = re.compile("")
IMPROVE = "  (Could this error message be improved?"  # a request to PyTorch's users: no fault
A_NUMBER_OR_LIST = re.compile(r"\b2\.5\b|\[1\.0, 2\.0\]")
MANNERS = (
    Manner(
        "it names the argument, what it takes and what was given, and shows the signature; "
        "PyTorch has a way for each of its parsers",
        re.compile(
            r"\(\) (argument '\w+' (must be|is too large)|takes (no|\d+) arguments?\b|missing "
            r"argument|got (an unexpected keyword argument|multiple values for argument))|\(\): "
            r"argument .*must be a Tensor"
        ),
        ANY,
    ),
    Manner(
        "a dtype that an operation lacks: PyTorch names the kernel, or says it otherwise",
        re.compile(r"^\"[\w.]+\" not implemented for '\w+'$"),
        re.compile(
            "(?i)not implemented for|not support|dtype|complex|bool|long|integral|floating|"
            "Type promoting|scalar type|numerical"
        ),
    ),
    Manner(
        "operands of unlike dtypes: it names both arguments and both dtypes",
        re.compile("same dtype|self.dtype to be equal"),
        re.compile("(?i)type|did not match|lower precision|expected"),
    ),
    Manner(
        "a number or a list stands for a tensor, as in NumPy",
        re.compile(f"^{ANSWERED}$"),
        re.compile("must be (a )?Tensor|invalid combination|expected Tensor"),
        A_NUMBER_OR_LIST,
    ),
    Manner(
        "a number or a list stands for a tensor, as in NumPy, and this one does not fit",
        re.compile(f"^(?!{ANSWERED})"),
        re.compile("must be (a )?Tensor|invalid combination|expected Tensor"),
        A_NUMBER_OR_LIST,
    ),
    Manner(
        "a bare name is Python's function, and says what that takes",
        re.compile(
            r"^\w+\(\) takes a (tensor or a sequence|number or a tensor), not |^'\w+' object is "
            r"not iterable$|^unsupported operand type\(s\) for \+: |^bad operand type for abs"
            r"|^a Tensor with \d+ elements cannot be converted to Scalar"
        ),
        re.compile("must be (a )?Tensor|invalid combination|missing"),
        re.compile(r"^(abs|all|any|complex|max|min|round|sum)\("),
    ),
)


def tensors(value: Any) -> Iterator[Node]:
    """Return the tensors of a result."""
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple | list | Results):
        for item in value:
            yield from tensors(item)


def fault(text: str) -> GradcliError | None:
    """Return the error of a program, None where it has an answer."""
    try:
        session = run(Source("call", text), OPTIONS, Request(backward=False))
        with session.tracer.placed():
            results = tensors(session.tracer.scope.get("result"))
            compute(session.graph, [x.id for x in results])
    except GradcliError as error:
        return error
    return None


def said(text: str) -> str:
    """Return what gradcli says of a call, or of a program."""
    error = fault(text if text in PROGRAMS else f"result = {text}")
    return ANSWERED if error is None else error.message


def agrees(call: str, ours: str, theirs: str) -> bool:
    """Say whether a call is refused in PyTorch's words, or in one of the manners."""
    theirs = theirs.partition(IMPROVE)[0]
    return ours == theirs.partition(": ")[2] or any(m.covers(call, ours, theirs) for m in MANNERS)


@pytest.mark.parametrize("name", CALLS)
def test_what_pytorch_refuses_is_refused_in_its_words_or_as_the_list_says(
    name: str, request: pytest.FixtureRequest
) -> None:
    updating = request.config.getoption("--update-golden")
    for call, theirs in CALLS[name].items():
        ours = said(call)
        assert NOT_COMPUTED not in ours, f"{call}: {ours}"
        if call in KNOWN:
            assert updating or not agrees(call, ours, theirs), f"{call}: take it off the list"
            assert updating or ours == KNOWN[call].split("\t")[1]
        else:
            assert agrees(call, ours, theirs), f"{call}: {ours}, PyTorch's is {theirs}"


def test_the_list_of_other_words_only_shrinks(request: pytest.FixtureRequest) -> None:
    every = {call: theirs for calls in CALLS.values() for call, theirs in calls.items()}
    left = {k: line for k, line in KNOWN.items() if k in every}
    if request.config.getoption("--update-golden"):
        left = {k: line for k, line in left.items() if not agrees(k, said(k), every[k])}
        WORDS.write_text("".join(f"{line}\n" for line in left.values()), encoding="utf-8")
        return
    assert left == KNOWN, "a call is listed that is not made: pytest --update-golden removes it"
    assert all(len(line.split("\t")) == 3 for line in KNOWN.values()), "a reason is missing"
    assert len(KNOWN) <= MOST_KNOWN
    assert sum(line.split("\t")[1] == ANSWERED for line in KNOWN.values()) <= MOST_ANSWERED


# what PyTorch has no sentence for: it answers, or it is no fault there, or the function is NumPy's
# or Python's
OWN = {
    "result = F.interpolate(T[None], 2, mode='bilinear', antialias=True)":
        "interpolate(): antialias=True is not supported",
    "result = F.pad(M, (2, -3), mode='reflect')":
        "pad(): [2, -3] takes all of a dimension of size 3 off",
    "result = F.lp_pool1d(T, 0, 2)": "lp_pool1d(): norm_type 0 divides by zero",
    "result = bincount(v.long(), v.to(complex128))": "bincount() does not take complex weights",
    "result = np.pad(v, -1)": "index can't contain negative values",
    "result = np.pad(v, 1.5)": "`pad_width` must be of integral type.",
    "result = np.take(M, v)": "np.take(): indices are integers",
    "result = np.median(M.to(complex128))": "complex numbers have no order",
    "result = v.expand(-2, 3)": "expand([-2, 3]): a size is -1, which keeps it, or not negative",
    "result = v.dropout(2.0)": "dropout probability has to be between 0 and 1, but got 2.0",
    "result = torch.equal(v)": "equal() missing argument 'other'",
    "result = torch.result_type(v)": "result_type() missing argument 'tensor2'",
    "result = allclose(v, v, rtol='a')": "a tolerance is a number, not a string",
    "result = grad((), v)": "grad requires non-empty outputs.",
    "result = grad()": "grad() needs outputs and inputs",
    "result = grad(lambda x: x.sum(), argnums='a')(v)": "argnums must be integers, not a string",
    "result = grad(lambda x: x.sum(), argnums=3)(v)":
        "argnums 3 is out of range: 1 arguments are given",
    "result = hessian(lambda x: x.sum())(v, v)":
        "<lambda>() takes 1 positional argument but 2 were given",
    "result = F.dropout2d(v)": "Feature dropout requires at least 2 dimensions in the input",
    "a = v.clone(); a[0] = [1.0]": "can't assign a list to a tensor",
    "a = v.clone(); a[0] = 'a'": "can't assign a string to a tensor",
    "result = v[..., ...]": "an index can only have a single ellipsis ('...')",
    "result = v['a':]": "slice indices must be integers, not a string",
    "result = sum([[1., 2.]])": "unsupported operand type(s) for +: 'int' and 'list'",
    "result = list(range(0, 3, 0))": "the step of range() must not be zero",
    "result = [i for i in enumerate([1], 'a')]":
        "enumerate() argument 'start' must be an integer, not 'a'",
    "result = 'a' - 1": "unsupported operand type(s) for -: 'str' and 'int'",
    "result = full((2,), 10 ** 30, dtype=int64)":
        "full() argument 'fill_value' is too large: an integer has 64 bits",
    "result = (1 << 100000) << 100000": "the result of `<<` has more than 8192 bits",
    "result = trapezoid(v, v, dx=2.0)": "trapezoid() takes `x` or `dx`, not both",
}  # fmt: skip


@pytest.mark.parametrize("text", OWN)
def test_what_pytorch_has_no_sentence_for_is_refused_in_a_clear_one(text: str) -> None:
    error = fault(text)
    assert error is not None
    assert error.message == OWN[text]


# a call of each class of fault: the command line reports it with its place, and ends with 2
FAULTS = {
    "result = v.sum(99)": ShapeFault,
    "result = F.cross_entropy(M, tensor([5, 0]))": ArgumentFault,
    "result = softmax(M.long(), 1)": DtypeFault,
    "result = F.conv1d(T, T, groups=0)": ArgumentFault,
    "a = v.clone().requires_grad_(); (a * 2).backward()": AutogradFault,
    "result = v.summ()": NameFault,
    "result = zeros(10 ** 6, 10 ** 6)": LimitFault,
}


@pytest.mark.parametrize("text", FAULTS)
def test_a_refusal_is_of_its_class_and_knows_its_place(text: str) -> None:
    error = fault(text)
    assert type(error) is FAULTS[text]
    assert error.source is not None
    assert error.span is not None


@pytest.mark.parametrize("text", FAULTS)
def test_a_refusal_ends_the_command_with_2_and_no_traceback(text: str, tmp_path: Path) -> None:
    values = (f"{name} = tensor({x.tolist()})" for name, x in leaves().items())
    (tmp_path / "wrong.expr").write_text("\n".join([*values, text, ""]), encoding="utf-8")
    outcome = command("eval", "wrong.expr", folder=tmp_path)
    assert (outcome.status, outcome.output) == (2, "")
    assert outcome.errors.startswith("wrong.expr:")
    assert "Traceback" not in outcome.errors


def test_every_written_call_has_its_sentence() -> None:
    assert list(DATA["written"]) == [*WRITTEN, *PROGRAMS]


def test_no_wrong_call_is_answered_in_the_words_of_python_or_numpy() -> None:
    for row in {id(row): row for row in FUNCTIONS.values()}.values():
        for _, call in wrong_calls(row):
            if call not in CALLS.get(row.name, ()):
                assert NOT_COMPUTED not in said(call), f"{call}: {said(call)}"
