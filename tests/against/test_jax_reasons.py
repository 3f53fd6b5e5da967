"""Why gradcli and JAX differ: which row, or rounding, or what JAX refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcli.against.jax import _double
from gradcli.against.sides import Comparisons, Side, against
from gradcli.api import options_for
from gradcli.errors import Source
from gradcli.execute import compute
from gradcli.graph import Graph
from gradcli.session import Session, run
from tests.against.test_against_jax import comparisons
from tests.verify.checking import with_wrong_rule

pytestmark = pytest.mark.usefixtures("jax")

SEVERAL = "x = param([3., 1., 2.])\ns, i = x.sort()\nz = s*2\ny = sum(z)\n"


def session_of(text: str) -> Session:
    session = run(Source("<test>", text), options_for())
    compute(session.graph, range(len(session.graph)))
    return session


def altered(text: str, label: str, change: Any) -> Comparisons:
    """Compare a run in which the values of some rows are others than they should be."""
    session = session_of(text)
    graph: Graph = session.graph
    ids = [i for i, op in enumerate(graph.ops) if op is not None and op.label == label]
    assert ids
    for id in ids:
        graph.put(id, change(graph.values[id]))
    return against(session, "jax")


def reasons(found: Comparisons) -> dict[str, tuple[str, ...]]:
    return {c.name: c.reasons for c in found.tensors if c.differs}


def test_a_wrong_value_is_that_of_its_row() -> None:
    found = altered("x = tensor([1., 2.])\nh = exp(x)\ny = h*1\n", "exp", lambda v: v * 1.5)
    assert reasons(found) == {"h": ("`exp` (line 2) has another value in JAX",)}


def test_a_wrong_integer_and_a_wrong_shape_are_no_rounding() -> None:
    text = "x = tensor([1., 5., 2.])\ni = argmax(x)\nm = x > 1\n"
    found = altered(text, "argmax", lambda v: v + 1)
    assert reasons(found) == {"i": ("`argmax` (line 2) has another value in JAX",)}
    found = altered(text, "gt", lambda v: v[:2])
    assert found.tensors[2].differs == ("shape", "value")


def test_one_wrong_result_of_several_makes_the_row_wrong() -> None:
    session = session_of("x = tensor([3., 1., 2.])\ns, i = x.sort()\n")
    graph = session.graph
    row = next(k for k in graph.widths)
    graph.put(row, (graph.values[row][0] * 2, graph.values[row][1]))
    graph.put(row + 1, graph.values[row][0])
    found = against(session, "jax")
    assert reasons(found) == {"s": ("`sort` (line 2) has another value in JAX",)}


def test_a_wrong_derivative_behind_several_results_is_found() -> None:
    session = session_of(SEVERAL + "w = s*1\n")
    assert with_wrong_rule(session.graph, "sort.unstable", lambda b: lambda *a, **k: 2 * b(*a, **k))
    found = against(session, "jax")
    (reason,) = reasons(found)["x"]
    assert reason.startswith("`sort` (line 2) has another derivative in JAX; PyTorch and gradcli:")


@pytest.mark.parametrize(
    ("ours", "theirs", "rounding"),
    [
        ([1.0], [1.0 + 1e-9], True),  # of numbers as large as 1e8
        ([1.0], [1.001], False),
        ([1.0], [1.0, 1.0], False),
    ],
)
def test_what_cancels_is_measured_by_the_largest_number_on_the_way(
    ours: list[float], theirs: list[float], rounding: bool, jax: Any
) -> None:
    from gradcli.against.jax_reasons import Reasons
    from gradcli.against.jax_tape import Tape

    session = session_of("x = param([1.])\ns, i = (x + 1e8).sort()\ny = s - 1e8\nz = sum(y*1e8)\n")
    y = session.tracer.scope["y"]
    with _double(jax):
        known = Reasons(session, Tape(session.graph))
        sides = [Side(np.array(v), np.array(v), "float64") for v in (ours, theirs)]
        assert known.rounded(y.id, "value", *sides) == rounding
        assert known.rounded(y.id, "gradient", *sides) == rounding
        bare = [Side(np.array(v), None, "float64") for v in (ours, theirs)]
        assert not known.rounded(y.id, "gradient", *bare)


def test_what_no_row_explains_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from gradcli.against.jax_reasons import Reasons

    monkeypatch.setattr(Reasons, "of", lambda *_: ())
    found = altered("x = tensor([1., 2.])\nh = exp(x)\n", "exp", lambda v: v * 1.5)
    assert reasons(found) == {"h": ("value: no operation differs by itself",)}


# ---- what JAX refuses ----------------------------------------------------------------------


def refuse(*_: Any) -> Any:
    raise ValueError("no transpose\nand more")


@pytest.mark.parametrize("late", [False, True])
def test_a_gradient_that_jax_refuses_is_that_of_the_first_row_that_it_refuses(
    late: bool, jax: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vjp(function: Any, *points: Any) -> Any:
        return (function(*points), refuse) if late else refuse()

    monkeypatch.setattr(jax, "vjp", vjp)
    found = comparisons("x = param(2.)\nh = exp(x)\ny = h*3\n")
    assert [(u.name, u.op, u.why) for u in found.unstated] == [
        ("gradients of `y` (line 3)", "mul", "JAX refuses: no transpose")
    ]
    assert [c.differs for c in found.tensors] == [(), (), ()]
    assert found.status == 3


def test_a_gradient_that_jax_refuses_as_a_whole_is_that_of_its_root(
    jax: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = jax.vjp, []

    def vjp(function: Any, *points: Any) -> Any:
        calls.append(function)
        return refuse() if len(calls) == 1 else real(function, *points)

    monkeypatch.setattr(jax, "vjp", vjp)
    (unstated,) = comparisons("x = param(2.)\nh = exp(x)\ny = h*3\n").unstated
    assert (unstated.op, unstated.line) == ("mul", 3)
    assert len(calls) == 3  # of the whole, and of each row


def test_a_row_that_jax_does_not_differentiate_is_no_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from gradcli.against.jax_reasons import Reasons

    session = session_of("x = param([1., 2.])\ny = sum(exp(x))\n")
    assert with_wrong_rule(session.graph, "exp", lambda body: lambda *a: body(*a) * 1.5)
    monkeypatch.setattr(Reasons, "_jax_vjp", lambda *_: None)
    found = against(session, "jax")
    assert reasons(found) == {"x": ("gradient: no operation differs by itself",)}


def test_a_step_that_jax_refuses_leaves_out_what_depends_on_it(
    jax: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jax, "jvp", refuse)
    found = comparisons("x = param(2.)\ny = exp(x)\nj = jvp(y, x, tensor(1.))\n")
    assert found.unstated[0].name == "j"
    assert {u.why for u in found.unstated} == {"JAX refuses: no transpose"}
    assert [c.name for c in found.tensors] == ["x", "y"]


@pytest.mark.parametrize("step", ["grad(q, x)", "jvp(q, x, tensor(1.))"])
def test_a_step_through_what_jax_lacks_is_left_out(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gradcli.against.jax_rows import ROWS

    monkeypatch.delitem(ROWS, "exp")
    found = comparisons(f"x = param(2.)\nq = exp(x)\ng = {step}\ny = x*x\n")
    assert {u.name: u.op for u in found.unstated} == {"q": "exp", "g": "exp"}
    assert [(c.name, c.differs) for c in found.tensors] == [("x", ()), ("y", ())]


def test_an_older_jax_switches_to_64_bits_elsewhere() -> None:
    entered = []

    class Older:
        class experimental:  # noqa: N801 - JAX's name
            @staticmethod
            def enable_x64(on: bool) -> Any:
                from contextlib import nullcontext

                entered.append(on)
                return nullcontext()

    with _double(Older):
        assert entered == [True]
