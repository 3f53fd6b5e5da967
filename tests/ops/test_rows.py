"""Generated tests of every row: a new row is tested by being there.

A row that no file can call (`max.dim`, `_select_backward`) is exercised by the calls that make
it: gradients are nodes, and their own derivatives are tested too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import BroadcastableShapes, mutually_broadcastable_shapes

from gradcli.errors import AutogradFault, DtypeFault
from gradcli.execute import Replay, new_graph
from gradcli.graph import OUTPUT
from gradcli.ops import Primitive
from gradcli.ops.linalg import linalg
from gradcli.ops.pointwise import elementwise
from gradcli.ops.reduce import reductions
from gradcli.ops.shape import shapes
from gradcli.ops.table import every_row
from gradcli.rule.dtypes import Array
from gradcli.rule.rule import Elementwise
from tests.ops.cases import MORE, build, builder, cases, direct, on_shapes, values_of
from tests.ops.checks import Built, first_order, gradient_of, second_order

ROWS = every_row()
CASES = {str(case): case for case in cases()}
DIRECT = {row.name: row for row in ROWS if isinstance(row, Primitive) and direct(row)}
NARROW = {"float64": "float32", "complex128": "complex64"}
# PyTorch has a grad_fn for these and no derivative
NO_DERIVATIVE = [
    row
    for row in ROWS
    if isinstance(row, Primitive) and (row.grad_fn == "NotImplemented" or row.name == "_unique2")
]
IN_PLACE = {
    "_as_strided.view",
    "_copy_slices.view",
    "_overwritten",
}  # made by statements: see tests/storage
OF_FLOAT32 = {"_mkldnn_rnn_layer"}  # what only float32 is computed with: test_recurrent.py
NOT_IMPLEMENTED = [row for row in NO_DERIVATIVE if isinstance(row.derivative, Elementwise)]
# PyTorch has these for floating point alone: "hypot_cpu" not implemented for 'Long', and the like
NOT_OF_INTEGERS = """
logsigmoid hypot logaddexp logaddexp2 lerp.Tensor addcdiv frac nextafter gammainc gammaincc
leaky_relu _prelu_kernel elu celu hardsigmoid hardswish hardshrink softshrink softplus gelu silu
mish complex polar
"""
every_call = pytest.mark.parametrize("name", CASES)


# ---- derivatives ---------------------------------------------------------------------------


# PyTorch's convention, which is not the derivative: the test of a row says so while it is true
CONVENTIONS = {
    "embedding: F.embedding(tensor([0, 2]), A, padding_idx=2)": "the padding has no gradient",
    "_normal: normal(v, v * v)": "what is drawn has no gradient",
    "_normal: normal(v, 2.0)": "what is drawn has no gradient",
    "_normal: normal(1.0, v * v)": "what is drawn has no gradient",
}


@every_call
def test_forward_mode_differences_and_reverse_mode_agree(name: str) -> None:
    found = first_order(*builder(CASES[name]))
    assert found == [] or name in CONVENTIONS
    assert found != [] or name not in CONVENTIONS, "take it off CONVENTIONS"


@pytest.mark.parametrize("name", [name for name in CASES if name not in CONVENTIONS])
def test_derivatives_of_the_gradient_agree_with_differences_of_the_gradient(name: str) -> None:
    assert second_order(*builder(CASES[name])) == []


@every_call
def test_a_result_of_a_differentiable_operation_requires_a_gradient(name: str) -> None:
    call = build(CASES[name], values_of(CASES[name]))
    assert any(y.requires_grad for y in call.outputs) is bool(call.inputs)


# ---- values, dtypes, replay ----------------------------------------------------------------


@every_call
def test_values_and_gradients_keep_the_dtype_of_their_tensors(name: str) -> None:
    case = CASES[name]
    wide = build(case, values_of(case))
    narrow = build(case, {k: x.astype(np.float32) for k, x in values_of(case).items()})
    for y, wide_y in zip(narrow.outputs, wide.outputs, strict=True):
        if "float" not in case.text:
            assert y.dtype.name == NARROW[wide_y.dtype.name]
        np.testing.assert_allclose(y.value, wide_y.value, 2e-3, 2e-3)
    for call in (wide, narrow):
        for x, g in zip(call.inputs, gradient_of(call).all, strict=True):
            assert g is None or g.dtype == g.value.dtype == x.dtype


@every_call
def test_a_replay_with_the_same_leaves_is_the_same_bit_for_bit(name: str) -> None:
    call = build(CASES[name], values_of(CASES[name]))
    graph, gradients, parameters = gradient_of(call).built
    targets = [*call.outputs, *gradients]
    before = [y.value.tobytes() for y in targets]
    replay = Replay(graph, [x.id for x in parameters], [y.id for y in targets])
    again = replay.run({x.id: x.value.copy() for x in parameters})
    assert [np.asarray(y).tobytes() for y in again] == before


# ---- shapes --------------------------------------------------------------------------------


def tensors(count: int) -> st.SearchStrategy[BroadcastableShapes]:
    return mutually_broadcastable_shapes(num_shapes=count, max_dims=3, max_side=3, min_side=0)


@pytest.mark.parametrize("name", DIRECT)
@settings(max_examples=12, derandomize=True, deadline=None, database=None)
@given(data=st.data())
def test_operands_of_every_shape_broadcast_and_their_gradients_come_back(
    name: str, data: st.DataObject
) -> None:
    row = DIRECT[name]
    drawn = data.draw(tensors(len(row.signature.tensors)))
    case = on_shapes(row, drawn.input_shapes)
    call = build(case, values_of(case))
    assert call.outputs[0].shape == call.outputs[0].value.shape == drawn.result_shape
    assert first_order(*builder(case)) == []


def on_integers(name: str) -> tuple[Primitive, list[Array]]:
    """Return a row and whole numbers that it can be called on."""
    row = DIRECT[name]
    case = on_shapes(row, ((4,),) * len(row.signature.tensors))
    return row, [np.abs(np.ceil(x)).astype(np.int64) + 1 for x in values_of(case).values()]


@pytest.mark.parametrize("name", sorted(DIRECT.keys() - NOT_OF_INTEGERS.split()))
def test_integers_give_what_the_same_floats_give_and_need_no_gradient(name: str) -> None:
    row, whole = on_integers(name)
    graph = new_graph()
    y = row(*map(graph.leaf, whole))
    expected = row(*(graph.leaf(x.astype(np.float64)) for x in whole))
    assert not y.requires_grad
    np.testing.assert_allclose(y.value, expected.value, 1e-12)


@pytest.mark.parametrize("name", NOT_OF_INTEGERS.split())
def test_what_pytorch_has_for_floating_point_alone_refuses_integers(name: str) -> None:
    row, whole = on_integers(name)
    with pytest.raises(DtypeFault, match=r"not implemented for 'Long'|but got Long and Long"):
        row(*map(new_graph().leaf, whole))


# ---- completeness --------------------------------------------------------------------------


def test_every_row_with_a_derivative_is_exercised() -> None:
    seen: set[Primitive | None] = {OUTPUT, None}
    for name in CASES:
        call = build(CASES[name], values_of(CASES[name]))
        gradient_of(gradient_of(call).built)
        seen.update(call.graph.ops)
    missing = {
        row.name
        for row in ROWS
        if isinstance(row, Primitive) and row.derivative is not None and row not in seen
    }
    assert missing - {row.name for row in NO_DERIVATIVE} == IN_PLACE | OF_FLOAT32
    assert set(MORE) <= {row.name for row in ROWS}


@pytest.mark.parametrize("row", NOT_IMPLEMENTED, ids=lambda row: row.name)
def test_where_pytorch_has_no_derivative_the_gradient_is_refused(row: Primitive) -> None:
    graph = new_graph()
    inputs = [graph.leaf(np.array([2.5]), True) for _ in row.signature.tensors]
    attributes = {p.name: 2 for p in row.signature.attributes}
    y = row(*inputs, **attributes)
    with pytest.raises(AutogradFault, match="is not implemented"):
        gradient_of(Built(graph, [y], inputs))


# ---- the tests catch -----------------------------------------------------------------------

mul, sin, add = elementwise.mul, elementwise.sin, elementwise.add
mm, cat, logsumexp = linalg.mm, shapes.cat, reductions.logsumexp


class NotUnbroadcast(Elementwise):
    """The engine is told that the operands have the result's shape."""

    broadcasts = False


def with_bodies(row: Primitive, *bodies: Callable[..., Any] | None, **changes: Any) -> Primitive:
    """Return a row with other rules."""
    assert row.derivative is not None
    return replace(row, derivative=replace(row.derivative, bodies=bodies, **changes))


def rule(row: Primitive, slot: int = 0) -> Callable[..., Any]:
    """Return the rule of an argument."""
    assert row.derivative is not None
    body = row.derivative.bodies[slot]
    assert body is not None
    return body


def scaled(row: Primitive, factor: float, slot: int = 0) -> Callable[..., Any]:
    """Return the rule of an argument, wrong by a factor."""
    return lambda *args, **attrs: rule(row, slot)(*args, **attrs) * factor


def pushed(*args: Any, **attrs: Any) -> Any:
    """Return the tangent of logsumexp, wrong by a factor."""
    assert logsumexp.derivative is not None
    assert logsumexp.derivative.tangent is not None
    return logsumexp.derivative.tangent(*args, **attrs) * 1.03


def frozen(row: Primitive) -> Primitive:
    """Return a row whose rule is right in value, and a constant."""

    def body(g: Any, y: Any, a: Any) -> Any:
        values = rule(row)(np.ones(a.shape), getattr(y, "value", y), getattr(a, "value", a))
        return g * (a.constant(values) if hasattr(a, "constant") else values)

    return with_bodies(row, body)


V, W, SQUARE = np.array([0.3, -0.7]), np.array([[1.2], [0.4]]), np.array([[1.0, 2.0], [3.0, -1.0]])

# kind of rule and what is wrong with it: the row, the operands, and how it is called
BROKEN: dict[str, tuple[Primitive, tuple[Any, ...], dict[str, Any]]] = {
    "elementwise, a factor": (with_bodies(sin, scaled(sin, 1.03)), (V,), {}),
    "elementwise, the sign": (with_bodies(sin, scaled(sin, -1)), (V,), {}),
    "elementwise, the second argument": (
        with_bodies(mul, rule(mul), scaled(mul, 1.03, 1)), (V, W), {}),
    "elementwise, the arguments swapped": (with_bodies(mul, rule(mul, 1), rule(mul)), (V, W), {}),
    "elementwise, broadcasting not undone": (
        replace(add, derivative=NotUnbroadcast((rule(add), rule(add, 1)))), (V, W), {}),
    "elementwise, right in value and constant": (frozen(sin), (V,), {}),
    "multilinear, a factor": (
        with_bodies(mm, rule(mm), scaled(mm, 1.03, 1)), (SQUARE, SQUARE + 1), {}),
    "multilinear, not transposed": (
        with_bodies(mm, lambda g, _, __, b: mm(g, b), rule(mm, 1)), (SQUARE, SQUARE + 1), {}),
    "variadic, the sign": (with_bodies(cat, scaled(cat, -1)), (V, V + 1), {"dim": 0}),
    "variadic, the wrong piece": (
        with_bodies(cat, lambda slot, *args, **attrs: rule(cat)(1 - slot, *args, **attrs)),
        (V, V + 1), {"dim": 0}),
    "with a tangent, reverse": (
        with_bodies(logsumexp, scaled(logsumexp, 1.03)), (V,), {"dim": (0,)}),
    "with a tangent, forward": (
        with_bodies(logsumexp, rule(logsumexp), tangent=pushed), (V,), {"dim": (0,)}),
    "with a tangent, both": (
        with_bodies(logsumexp, scaled(logsumexp, 1.03), tangent=pushed), (V,), {"dim": (0,)}),
}  # fmt: skip
SOUND: dict[str, tuple[Primitive, tuple[Any, ...], dict[str, Any]]] = {
    "elementwise": (sin, (V,), {}),
    "elementwise of two": (mul, (V, W), {}),
    "multilinear": (mm, (SQUARE, SQUARE + 1), {}),
    "variadic": (cat, (V, V + 1), {"dim": 0}),
    "with a tangent": (logsumexp, (V,), {"dim": (0,)}),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_rule_is_caught(what: str) -> None:
    row, operands, attrs = BROKEN[what]
    try:
        assert faults(row, operands, attrs)
    except AssertionError as error:
        assert "a rule gave" in str(error)  # noqa: PT017 - the engine itself refuses the shape


@pytest.mark.parametrize("what", SOUND)
def test_the_same_rule_unbroken_passes(what: str) -> None:
    assert faults(*SOUND[what]) == []


def faults(row: Primitive, operands: tuple[Any, ...], attrs: dict[str, Any]) -> list[str]:
    """Return what the checks of this file say of a row."""

    def run(values: list[Array]) -> Built:
        graph = new_graph()
        inputs = [graph.leaf(x, True) for x in values]
        return Built(graph, [row(*inputs, **attrs)], inputs)

    return first_order(run, list(operands)) or second_order(run, list(operands))
