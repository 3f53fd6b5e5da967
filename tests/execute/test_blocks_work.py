"""What the executor of blocks does for its results: passes, memory, threads, accuracy."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import tracemalloc
from math import fsum
from typing import Any

import numpy as np
import pytest

from gradcli.api import options_for
from gradcli.errors import ArgumentFault, Source
from gradcli.execute import blocks, ensure, new_graph
from gradcli.execute.lowered import Program
from gradcli.execute.plan import Pass, Plan, planned
from gradcli.graph import Graph, Node
from gradcli.ops.pointwise.elementwise import exp, floor_divide_tensor, sin
from gradcli.ops.reduce.reductions import softmax_
from gradcli.ops.reduce.scans import cumsum
from gradcli.ops.shape.shapes import mean, sum_
from gradcli.session import Request, Session, run
from gradcli.trace import Options

SIZE = 2_000_000
SMALL = 12_000_000  # bytes for the buffers of two threads, and everything else

LINEAR = "loss = sum((w*x + b - y)**2)"
LOGISTIC = "loss = mean(log(1 + exp(-y*(w*x + b))))"
SMOOTH = "loss = sum(tanh(sin(x*a) + exp(-x*x)) * sqrt(abs(x) + 1))"
# text, data, parameters that are tensors, others, calls of numpy in a block, and tensors in it that
# a table shows: three more calls find out what it says of each
WORKLOADS = {
    "linear regression": (LINEAR, "x y", "", "w b", 9, 6),
    "logistic regression": (LOGISTIC, "x y", "", "w b", 14, 9),
    "smooth functions": (SMOOTH, "", "x a", "", 32, 13),
}


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """Return a list to which every plan that is run will be added."""
    found: list[Plan] = []
    plain = blocks.run

    def noted(program: Program, plan: Plan, wanted: set[int]) -> dict[int, Any]:
        found.append(plan)
        return plain(program, plan, wanted)

    monkeypatch.setattr("gradcli.execute.joined.run", noted)
    return found


def drawn(names: str, dtype: str = "float64") -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {name: rng.standard_normal(SIZE).astype(dtype) for name in names.split()}


def options(name: str, dtype: str = "float64") -> Options:
    _, data, tensors, numbers, *_ = WORKLOADS[name]
    param = drawn(tensors, dtype) | dict.fromkeys(numbers.split(), 0.5)
    return options_for(set=drawn(data, dtype), param=param, dtype=dtype)


def ran(text: str, given: Options) -> Session:
    return run(Source("<text>", text), given, Request())


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_is_one_pass_that_stores_gradients_alone(
    name: str, dtype: str, plans: list[Plan]
) -> None:
    text, _, tensors, _, calls, shown = WORKLOADS[name]
    session = ran(text, options(name, dtype))
    [plan] = plans
    [only] = plan.passes
    # a loss is the sum of a tensor that is shown: where both are in double precision, that is once
    assert len(only.calls) == calls + 3 * shown - (dtype == "float64")
    assert len(only.stores) == len(tensors.split())
    graph = session.graph
    large = [i for i in range(len(graph)) if graph.metas[i].shape and graph.ops[i] is not None]
    assert large
    assert all(graph.stored[i] is None for i in large)


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_takes_no_memory_but_that_of_its_gradients(name: str) -> None:
    text, _, tensors, *_ = WORKLOADS[name]
    given = options(name)
    ran(text, given)  # what is imported and compiled the first time
    tracemalloc.start()
    ran(text, given)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert SMALL < 8 * SIZE + 1  # else it would tell nothing
    assert peak < 8 * SIZE * len(tensors.split()) + SMALL


# ---- plans ---------------------------------------------------------------------------------


def tensor(graph: Graph, *shape: int) -> Node:
    return graph.leaf(np.random.default_rng(1).standard_normal(shape))


def plan_of(*nodes: Node) -> tuple[Plan, Program]:
    program = Program(nodes[0].graph, [y.id for y in nodes])
    return planned(program, [program.value_of(y.id) for y in nodes]), program


def functions(step: Pass, program: Program) -> list[str]:
    return [getattr(program.calls[i].function, "__name__", "") for i in step.calls]


def test_what_is_light_is_computed_again_in_a_later_pass() -> None:
    x = tensor(new_graph(), 100_000)
    y = x * 2
    found, program = plan_of(sum_((y - mean(y)) ** 2))
    first, second = found.passes
    assert functions(first, program) == ["multiply", "add"]
    assert functions(second, program) == ["multiply", "subtract", "square", "add"]
    assert first.stores == ()


def test_what_is_dear_is_kept_for_a_later_pass() -> None:
    x = tensor(new_graph(), 100_000)
    y = exp(sin(exp(x)))
    found, program = plan_of(sum_((y - mean(y)) ** 2))
    first, second = found.passes
    assert len(first.stores) == 1
    assert functions(second, program) == ["subtract", "square", "add"]


def test_rows_that_fit_into_a_block_are_normalised_in_one_pass() -> None:
    x = tensor(new_graph(), 1000, 100)
    found, _ = plan_of(sum_(softmax_(x * 2, dim=1) * x))
    assert len(found.steps) == 1


def test_a_row_that_no_block_can_have_stands_between_two_passes() -> None:
    x = tensor(new_graph(), 100_000)
    found, program = plan_of(sum_(cumsum(x * 2, dim=0) ** 2))
    first, between, second = found.steps
    assert isinstance(first, Pass)
    assert isinstance(second, Pass)
    assert not isinstance(between, Pass)
    assert program.calls[between].kind == "row"
    assert len(first.stores) == 1


def test_the_same_call_is_made_once() -> None:
    x = tensor(new_graph(), 100_000)
    found, program = plan_of(sum_(exp(x * 2) + exp(x * 2)))
    assert functions(found.passes[0], program) == ["multiply", "exp", "add", "add"]


def test_sums_of_unlike_formulas_of_the_same_tensor_go_through_it_once() -> None:
    x = tensor(new_graph(), 100_000)
    found, _ = plan_of(sum_(exp(x)), sum_(sin(x * 2)))
    assert len(found.steps) == 1


def test_small_tensors_are_not_for_blocks(plans: list[Plan]) -> None:
    text = "x = ones(1000, requires_grad=True)\nloss = sum(x * 2)"
    ran(text, options_for())
    assert plans == []


def test_many_small_rows_beside_a_large_one_are_not_planned(plans: list[Plan]) -> None:
    text = "s = w\nfor i in range(2000):\n    s = s * 0.5 + 1\nloss = sum(x) * s"
    ran(text, options_for(set=drawn("x"), param={"w": 1.0}))
    assert plans == []


# ---- values that are read -------------------------------------------------------------------


def test_what_a_loop_reads_in_each_turn_is_not_computed_from_the_beginning(
    plans: list[Plan],
) -> None:
    turns = 10
    text = f"for i in range({turns}):\n    x = x * 0.5 + sin(y)\n    if x.max() > 1e9: break"
    ran("x = z * 1.0\n" + text, options_for(set=drawn("y z")))
    assert len(plans) == turns
    assert max(sum(len(step.calls) for step in plan.passes) for plan in plans) < 10


def test_small_values_are_kept_and_large_ones_are_not(plans: list[Plan]) -> None:
    text = "z = x * w\ns = sum(z)\nm = s / 3\nloss = m * 2\nq = sin(z) + 1"
    given = options_for(set=drawn("x"), param={"w": 0.5})
    graph = run(Source("<text>", text), given, Request(of="loss")).graph
    rows = {name: i for i, name in graph.notes.names.items()}
    for name in ("s", "m", "loss"):
        assert graph.stored[rows[name]] is not None, name
    ensure(graph, [rows["z"]])  # which has a value: it was computed
    assert len(plans) == 1
    assert graph.stored[rows["z"]] is None
    ensure(graph, [rows["q"]])  # of which nothing was made
    assert graph.stored[rows["q"]] is not None


def test_a_value_that_is_read_is_an_array_of_its_own() -> None:
    graph = new_graph()
    x = tensor(graph, SIZE)
    y = sin(x) * 0 + x * 1.0
    assert not np.shares_memory((x * 1.0).value, x.value)
    assert y.value.flags.writeable


# ---- sums ----------------------------------------------------------------------------------


def sums(x: Node) -> tuple[float, float]:
    """Return the sum of a tensor by blocks, and by the plain executor."""
    y = sum_(x * 1.5)
    found, program = plan_of(y)
    assert found.passes
    wanted = program.value_of(y.id)
    return float(blocks.run(program, found, {wanted})[wanted]), float(np.sum(x.value * 1.5))


def test_a_sum_is_as_exact_as_one_by_pairs() -> None:
    graph = new_graph()
    for seed in range(2):
        x = graph.leaf(np.random.default_rng(seed).uniform(0, 1, SIZE) ** 8)
        exact = fsum(x.value * 1.5)
        found, known = sums(x)
        # each of 8 places adds 128 / 8 terms one by one, then come the pairs
        bound = (128 / 8 + np.log2(SIZE)) * np.finfo(float).eps / 2 * fsum(np.abs(x.value * 1.5))
        assert abs(found - exact) <= bound
        assert abs(known - exact) <= bound


def test_a_sum_over_the_rows_of_a_matrix_takes_no_memory() -> None:
    x = tensor(new_graph(), 20_000, 200)
    y = sum_(x * 1.5, dim=(0,))
    found, program = plan_of(y)
    wanted = program.value_of(y.id)
    tracemalloc.start()
    value = blocks.run(program, found, {wanted})[wanted]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < SMALL
    exact = np.sum(x.value.astype(np.longdouble) * 1.5, axis=0)
    np.testing.assert_allclose(value, exact.astype(float), rtol=0, atol=1e-12)


@pytest.mark.parametrize("count", ["1", "2", "3", "7"])
def test_any_number_of_threads_gives_the_same(count: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for threads in ("1", count):
        monkeypatch.setenv("GRADCLI_THREADS", threads)
        session = ran(SMOOTH, options("smooth functions", "float32"))
        graph = session.graph
        assert session.root is not None
        found.append([graph.value(session.root), *graph.autograd.grads.values()])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


def test_a_thread_that_is_done_waits_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    compute = blocks._Run._compute

    def slow(self: Any, *given: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.002)
        compute(self, *given)

    monkeypatch.setattr(blocks._Run, "_compute", slow)
    monkeypatch.setattr(blocks, "BLOCK", SIZE // 400)
    graph = new_graph()
    x = graph.leaf(np.ones(SIZE))
    for count in ("1", "3"):
        monkeypatch.setenv("GRADCLI_THREADS", count)
        y = x * 2
        assert sum_(y).value == 2 * SIZE
        assert (y.value == 2).all()


def test_the_number_of_threads_is_that_of_the_cores_unless_the_environment_says_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GRADCLI_THREADS", "5")
    assert blocks.threads() == 5
    monkeypatch.setenv("GRADCLI_THREADS", "0")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 3, 4}, raising=False)
    assert blocks.threads() == 3


# ---- what goes wrong ------------------------------------------------------------------------


def test_an_error_in_a_block_is_placed() -> None:
    text = "z = x * 2\nk = z.long() // m\nloss = sum(k * z * w)"
    ones = np.ones(SIZE, int)
    ones[-3] = 0
    given = options_for(set=drawn("x") | {"m": ones}, param={"w": 1.0})
    with pytest.raises(ArgumentFault) as caught:
        ran(text, given)
    assert caught.value.span is not None
    assert text[caught.value.span.start :].startswith("z.long() // m")


def test_an_error_in_a_block_ends_all_threads_and_says_where(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GRADCLI_THREADS", "3")
    graph = new_graph()
    x = graph.leaf(np.arange(SIZE))
    before = threading.active_count()
    for place in (0, SIZE // 2, SIZE - 1):
        divisor = np.ones(SIZE, int)
        divisor[place] = 0
        y = floor_divide_tensor(x, graph.leaf(divisor))
        with pytest.raises(ArgumentFault, match="ZeroDivisionError"):
            _ = (y + 1).value
    assert threading.active_count() == before


def test_an_interrupt_ends_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    given = options("linear regression")
    monkeypatch.setenv("GRADCLI_THREADS", "3")
    work = blocks._Run._work

    def interrupted(self: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        work(self)

    monkeypatch.setattr(blocks._Run, "_work", interrupted)
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        ran(LINEAR, given)
    assert threading.active_count() == before


def test_a_run_without_large_tensors_loads_no_executor_of_blocks() -> None:
    text = "import sys; from gradcli import loads; loads('x = param(2.0)\\nloss = x**2'); "
    text += "assert 'gradcli.execute.plain' in sys.modules; "
    text += "assert 'gradcli.execute.blocks' not in sys.modules"
    subprocess.run([sys.executable, "-c", text], check=True)
