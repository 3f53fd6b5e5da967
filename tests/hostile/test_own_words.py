"""Whatever a function is called with, it answers, or it is refused in words of the language.

What NumPy, or the interpreter that runs gradcli, says of an error is never shown, and nothing is
left to the last resort, which only says that a call cannot be computed. `GRADCLI_ALL=1` makes many
calls of every function, CI a few.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from itertools import islice
from random import Random
from typing import Any

import numpy as np
import pytest

from gradcli import autodiff
from gradcli.errors import GradcliError, Source
from gradcli.execute import compute
from gradcli.graph import Limits, Node
from gradcli.rule.dtypes import is_differentiable
from gradcli.session import Request, leaves, run
from gradcli.trace import Binding, Options
from gradcli.trace.mistakes import NOT_COMPUTED
from gradcli.trace.python import PYTHON
from gradcli.trace.values import Jump, Results, Return
from tests.hostile.calls import PARAMETERS, TENSORS, Called, calls, functions

EACH = 60 if os.environ.get("GRADCLI_ALL") else 5  # calls of a function
SHARDS = 16
OPTIONS = Options(
    bindings={k: Binding(x, k in PARAMETERS, optional=True) for k, x in TENSORS.items()},
    limits=Limits(nodes=3_000, memory=1 << 24),
)

# Python's sentences about the file's own lists, dictionaries, texts and operators: the language is
# Python's there, and tests/trace/refused.txt holds it to them
PYTHONS = re.compile(
    r"^((<lambda>|\w[\w.]*)\(\) (missing \d|takes |got (an unexpected|multiple|some positional))"
    r"|unsupported operand type\(s\) for |can only concatenate |can't multiply sequence by non-in"
    r"|bad operand type for unary |'[<>]=?' not supported between instances of "
    r"|'[\w.]+' object has no attribute '\w+'$"
    r"|'\w+' object is not (iterable|subscriptable)$|unhashable type: '\w+'$|KeyError: "
    r"|(tuple|list|sequence)\.(index|remove)\(x\): x not in \w+$|(?s:.*) is not in (list|range)$"
    r"|substring not found$|empty separator$|pop from an? empty \w+$|pop from empty list$"
    r"|pop index out of range$|popitem\(\): dictionary is empty$|object of type '\w+' has no len"
    r"|dictionary update sequence element #\d+ has length |can only join an iterable$"
    r"|cannot convert dictionary update sequence element |invalid literal for int\(\) with base "
    r"|could not convert string to float: |The fill character must be exactly one character long$"
    r"|sequence item \d+: expected str instance, |Replacement index \d+ out of range "
    r"|zip\(\) argument \d+ is (shorter|longer) than |sum\(\) can't sum strings "
    r"|'\w+' object is not (callable|reversible)$|(too many|not enough) values to unpack "
    r"|cannot unpack non-iterable |argument of type '\w+' is not iterable$|Unknown format code "
    r"|'\w+' object (does not|doesn't) support item |%\w format: a real number is required, not "
    r"|\w+ indices must be integers( or slices)?, not |\w+ (assignment )?index out of range$"
    r"|not enough arguments for format string$|not all arguments converted during string format"
    r"|unsupported format (character|string) |Invalid format specifier|format requires a mapping$"
    r"|Single '[{}]' encountered|expected '}' before end of string$|incomplete format"
    r"|(dictionary|set|Set) (changed size|keys changed) during iteration$|negative shift count$"
    r"|slice step cannot be zero$|attempt to assign sequence of size \d+ to extended slice of size "
    r"|must assign iterable to extended slice$|can only assign an iterable$"
    r"|cannot (mix|switch from) |Sign not allowed|Cannot specify|Precision not "
    r"|only integer tensors of a single element can be an index$|'in <string>' requires string as "
    r"|'\w+' object is not a mapping$|slice indices must be integers or None or have an __index__ "
    r"|unexpected '[{}]' in field name$|.*: division by zero$"
    r"|'\w+' object cannot be interpreted as an integer$|'\w+' object is not an iterator$"
    r"|\w+ expected (at (least|most) )?\d+( to \d+)? arguments?, got \d+$|chr\(\) arg not in range"
    r"|(int|float)\(\) argument must be a string|cannot convert float (NaN|infinity) to integer$"
    r"|int\(\) base must be |int\(\) can't convert |int too large to convert to float$|complex\(\) "
    r"|is(instance|subclass)\(\) arg |ord\(\) expected |attribute name must be string, not "
    r"|type\(\) (takes|with) |unsupported format string passed to |bytes are not part of "
    r"|translate\(\) takes |format_map\(\) takes |type object '\w+' has no attribute '\w+'$"
    r"|cannot create '\w+' instances$|cannot set '\w+' attribute of immutable type "
    r"|Alternate form|'=' alignment|Zero padding|Format specifier missing precision$)"
)
# what no message of ours has: words of NumPy and of the interpreter
FOREIGN = re.compile(
    r"positional arg|object is not |object has no attribute|object of type |ufunc|numpy\."
    r"|could not be broadcast together|could not broadcast|out of bounds for axis|zero-size array"
    r"|Maximum allowed|must be real number, not|cannot be interpreted as|C (s?size_t|long|int)\b"
    r"|'NoneType' object|lambda>|dtype\[|\bdtype\(|setting an array element|cannot convert float"
    r"|<Node"
    r"|index out of range$|expected at (least|most) \d argument|exactly one argument|object at 0x"
    r"|not supported between|unsupported operand|truth value of an array|math (domain|range) error"
    r"|argument must be a string|values to unpack|keyword-only"
)


def tensors(value: Any) -> Iterator[Node]:
    """Return the tensors of a result."""
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple | list | Results):
        for item in value:
            yield from tensors(item)


def fault(text: str) -> GradcliError | None:
    """Return the error of a call, of its results or of their gradients; None where all is well."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            session = run(Source("call", f"result = {text}"), OPTIONS, Request(backward=False))
            with session.tracer.placed():
                results = list(tensors(session.tracer.scope.get("result")))
                compute(session.graph, [x.id for x in results])
                _differentiate([x for x in results if x.requires_grad])
    except GradcliError as error:
        return error
    return None


def _differentiate(results: list[Node]) -> None:
    for y in results:
        if is_differentiable(y.dtype):
            graph = y.graph
            wanted = leaves(graph, range(len(graph)))
            start = graph.leaf(np.ones(y.shape, y.dtype))
            found = autodiff.gradients(graph, {y.id: start}, wanted)
            compute(graph, [g.id for g in found if g is not None])


def foreign(error: GradcliError) -> str | None:
    """Say what in an error is not in words of the language, None where all of it is."""
    if NOT_COMPUTED in error.message:
        return f"{error.message}: {error.__cause__!r}"
    if PYTHONS.search(error.message):
        return None
    cause: BaseException | None = error
    while cause is not None:
        ours = isinstance(cause, GradcliError | Return | Jump)
        if not ours and str(cause) and str(cause) in error.message:
            return f"{error.message}: {cause!r}"
        cause = cause.__cause__ or cause.__context__
    if found := FOREIGN.search(f"{error.message} {error.hint}"):
        return f"{error.message} ({error.hint}): {found[0]!r}"
    return None


@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_function_answers_or_refuses_in_own_words(shard: int) -> None:
    found: list[str] = []
    for function in functions()[shard::SHARDS]:
        found += _faults(function)
    assert not found, "\n".join(found[:50])


def _faults(function: Called) -> Iterator[str]:
    for text in islice(calls(function, Random(function.text)), EACH):
        error = fault(text)
        if error is not None and (why := foreign(error)) is not None:
            yield f"{text}: {why}"


# the functions are those of the language: a few of each kind, so that none is left out
KINDS = ("sum", "torch.sum", "P.sum", "np.sum", "exp", "math.exp", "print", "bfloat16",
         "torch.int8", "[1, 2.0, x].append", "'a{} b'.join", "{'a': 1, 2: x}.get",
         "x.clone().add_", "torch.relu_", "jax.nn.softmax",
         "torch.autograd.functional.jacobian", "vmap((lambda a: a * a))", "torch.func.vjp",
         "scipy.special.logsumexp", "no_grad", "tensor", "x.item", "linalg.svd", "fft.fft",
         "manual_seed", "np.random.randn", "np.linspace", "autograd.backward")  # fmt: skip


def test_every_kind_of_function_is_called() -> None:
    known = {f.text for f in functions()}
    assert [text for text in KINDS if text not in known] == []
    assert len(known) > 4_000


# what is no number answers: LAPACK's callers in SciPy would refuse it
NOT_FINITE = ("linalg.lu(n[None])", "linalg.lu_factor(A * nan)", "linalg.inv(A * nan)",
              "linalg.solve(A * nan, x)")  # fmt: skip


@pytest.mark.parametrize("text", NOT_FINITE)
def test_a_matrix_of_nan_is_taken_as_pytorch_takes_it(text: str) -> None:
    assert fault(text) is None


WRONG: dict[str, Exception] = {
    "NumPy's words, and no others": ValueError("operands could not be broadcast together"),
    "Python's of a count": TypeError("f() takes 1 positional argument but 2 were given"),
}


@pytest.mark.parametrize("name", WRONG)
def test_words_of_others_are_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumbles(*_: Any) -> None:
        raise WRONG[name]

    def passes_it_on(*_: Any) -> None:
        try:
            stumbles()
        except Exception as error:
            raise GradcliError(f"len(): {error}") from None

    for function in (stumbles, passes_it_on):
        monkeypatch.setitem(PYTHON, "len", function)
        error = fault("len(x)")
        assert error is not None
        assert foreign(error) is not None
        assert str(WRONG[name]) in error.message or function is stumbles
