"""The tape with more digits: every row that has them agrees with double precision."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gradcli import autodiff
from gradcli.errors import GradcliError
from gradcli.execute.extended import DigitsFault, ExtendedTape
from gradcli.graph import Graph
from tests.ops.cases import Case
from tests.verify.checking import session_of
from tests.verify.rules import Trial, all_cases, values_at

pytest.importorskip("mpmath")

# rows with a call that libraries of linear algebra compute, in double precision alone, or that has
# complex numbers; of linalg.det it is that of a matrix which is exactly singular
DOUBLE_ONLY = """
    angle cholesky_inverse cholesky_solve complex conj_physical fft.fft fft.fft2 fft.fftn fft.hfft
    fft.hfft2 fft.hfftn fft.ifft fft.ifft2 fft.ifftn fft.ihfft fft.ihfft2 fft.ihfftn fft.irfft
    fft.irfft2 fft.irfftn fft.rfft fft.rfft2 fft.rfftn imag linalg.cholesky_ex linalg.cond
    linalg.det linalg.eig linalg.eigh linalg.eigvals linalg.eigvalsh linalg.inv_ex linalg.lstsq
    linalg.lu linalg.lu_factor linalg.lu_solve linalg.matrix_norm linalg.norm linalg.pinv linalg.qr
    linalg.slogdet linalg.svd linalg.svdvals lu_solve nextafter norm pinverse polar qr real
    resolve_conj svd triangular_solve view_as_complex view_as_real
"""


def _stated(case: Case) -> Iterator[tuple[Graph, int]]:
    """Yield a case's graph with each output, and with the gradients of them all."""
    made = Trial(case, values_at(case, 0, "float64")).built()
    yield from ((made.graph, y.id) for y in made.outputs)
    for root in (y.id for y in made.outputs if y.requires_grad):
        shape = made.graph.metas[root].shape
        start = {
            root: made.graph.leaf(np.asarray(np.cos(np.arange(np.prod(shape)))).reshape(shape))
        }
        for g in autodiff.gradients(made.graph, start, [x.id for x in made.inputs]):
            if g is not None:
                yield made.graph, g.id


def _double(tape: ExtendedTape, value: Any) -> Any:
    flat = np.asarray(value).reshape(-1)
    if flat.dtype.kind != "O":
        return flat.astype(np.float64)
    return np.array([float(tape.arithmetic.context.mpf(x)) for x in flat])


def _agree(graph: Graph, id: int) -> bool:
    tape = ExtendedTape(graph, 40)
    exact, double = tape.base([id])[0], np.asarray(graph.value(id)).reshape(-1)
    size = np.max(np.abs(double[np.isfinite(double)]), initial=1e-4)
    return np.allclose(_double(tape, exact), double, rtol=1e-12, atol=1e-12 * size, equal_nan=True)


def test_values_and_gradients_of_every_row_agree_with_double_precision_or_are_refused() -> None:
    refused, apart = set(), []
    for case in all_cases():
        try:
            if not all(_agree(graph, id) for graph, id in _stated(case)):
                apart.append(case.row.name)
        except DigitsFault:
            refused.add(case.row.name)
    assert apart == ["_to_copy"]  # which rounds to float32 where the digits stay
    assert sorted(refused) == DOUBLE_ONLY.split()


@pytest.mark.parametrize("text", [
    "x = param([0.3, 0.7])\ny = softmax(x, 0)[0]*logsumexp(x, 0)",
    "x = param([[0.3, 0.7], [1.1, 2.2]])\ny = linalg.solve(x, x.T + eye(2)).sum()*x.std()",
    "x = param([2.0, 0.5])\ny = sum(cumsum(x, 0)*x.sort().values) + lgamma(x[0]) + sinc(x[1])",
])  # fmt: skip
def test_no_digit_is_lost_on_the_way(text: str) -> None:
    """A value of 40 digits, and one of 80, differ in the fortieth."""
    graph = session_of(text).graph
    root = len(graph) - 1
    few, many = ExtendedTape(graph, 40), ExtendedTape(graph, 80)
    a, b = (t.arithmetic.context.mpf(t.base([root])[0].item()) for t in (few, many))
    c = many.arithmetic.context
    assert abs(c.mpf(a) - b) < abs(b) * c.mpf(10) ** -37


def test_a_row_without_more_digits_is_refused_with_its_name_and_place() -> None:
    graph = session_of("x = param([[4., 2.], [2., 3.]])\ny = linalg.svd(x)[1].sum()").graph
    with pytest.raises(DigitsFault, match=r"linalg\.svd cannot be computed") as found:
        ExtendedTape(graph, 30).base([len(graph) - 1])
    assert found.value.span is not None
    assert found.value.hint


def test_complex_numbers_are_refused() -> None:
    graph = session_of("x = param([1., 2.])\ny = abs(complex(x, x)).sum()").graph
    with pytest.raises(GradcliError, match="complex"):
        ExtendedTape(graph, 30).base([len(graph) - 1])
