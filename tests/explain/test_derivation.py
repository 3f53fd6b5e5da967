"""What a derivation passes on is the engine's gradient, in the engine's order."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from gradcli import autodiff
from gradcli.errors import GradcliError, InputFault, Source
from gradcli.explain import Derivation, Explanation, element_of, explained
from gradcli.explain.derivation import derivation
from gradcli.facts import inspect
from gradcli.formula.text import text
from gradcli.graph import Graph
from gradcli.ops import FUNCTIONS
from gradcli.reference import SHAPES
from gradcli.session import Request, Session, run
from gradcli.trace import Binding, Options


def session(program: str, **options: object) -> Session:
    return run(Source("test.expr", program), Options(**options))  # type: ignore[arg-type]


def explanations(program: str, *names: str) -> list[Explanation]:
    return explained(session(program), names)[1]


def holds(graph: Graph, d: Derivation) -> None:
    """Compare a derivation with the engine: gradient, order, and the sum at every row."""
    (expected,) = autodiff.gradient_values(graph, {d.root: d.start}, [d.target])
    assert expected is not None
    np.testing.assert_allclose(d.gradient, expected, rtol=1e-12)
    order = autodiff.towards(graph, autodiff.reachable(graph, (d.root,)), (d.target,))
    visited = list(dict.fromkeys(graph.producer(s.row) for s in d.steps))
    assert visited == [i for i in order if i in set(visited)]
    assert visited == sorted(visited, reverse=True)
    for row in {s.operand for s in d.steps}:
        parts = [s.passed for s in d.steps if s.operand == row]
        np.testing.assert_allclose(np.sum(parts, axis=0), d.cotangents[row], rtol=1e-9, atol=1e-12)
        counted = [s.way for s in d.steps if s.operand == row]
        assert counted == ([None] if len(parts) == 1 else list(range(1, len(parts) + 1)))


def random_program(random: Random) -> str:
    """Return lines of random operations on what there is, and a scalar of the last ones."""
    lines = ["a = param([0.5, -1.5, 2.0])", "b = param([[0.3, 0.7, -0.2], [1.1, -0.4, 0.9]])",
             "c = param(0.8)"]  # fmt: skip
    names = ["a", "b", "c"]
    forms = ("{0} * {1}", "{0} + {1}", "{0} - {1}", "sin({0})", "{0}**2", "tanh({0}) * {1}",
             "relu({0})", "{0} / (1 + {1}**2)", "{0}.sum() * {1}", "maximum({0}, {1})",
             "exp(-{0}**2)", "cumsum({0} + 0*a, dim=-1)", "({0} + 0*b).T.clone().T")  # fmt: skip
    for k in range(random.randint(3, 12)):
        one, other = random.choice(names), random.choice(names)
        lines.append(f"v{k} = {random.choice(forms).format(one, other)}")
        names.append(f"v{k}")
    return "\n".join([*lines, f"loss = ({names[-1]} + a + b * c).sum()"])


@pytest.mark.parametrize("seed", range(25))
def test_a_random_program_is_derived_as_the_engine_differentiates_it(seed: int) -> None:
    ran = session(random_program(Random(seed)))
    inspection = inspect(ran)
    assert ran.root is not None
    for target in (n.id for n in inspection.nodes if n.kind == "parameter"):
        found = derivation(ran.graph, inspection, ran.root, target)
        assert found is not None
        holds(ran.graph, found)


def test_every_operation_of_the_table_is_derived() -> None:
    count = 0
    for row in {id(r): r for r in FUNCTIONS.values()}.values():
        for example in row.examples[:1]:
            ran = of_example(example)
            if ran is None or ran.root is None:
                continue
            inspection = inspect(ran)
            for target in (n.id for n in inspection.nodes if n.kind == "parameter"):
                found = derivation(ran.graph, inspection, ran.root, target)
                if found is not None:
                    holds(ran.graph, found)
                    said = [text(step.formula) for step in found.steps]
                    assert all(said)
                    assert "0x" not in "".join(said), "an object is no word for anyone"
                    count += 1
    assert count > 300


def of_example(example: str) -> Session | None:
    """Return a run of a row's example whose result is summed; None where it is no tensor."""
    random = np.random.default_rng(0)
    bindings = {
        name: Binding(random.uniform(0.2, 0.9, shape), parameter=True, optional=True)
        for name, shape in SHAPES.items()
    }
    *lines, last = example.split(";")
    program = "\n".join([*(line.strip() for line in lines), f"z = {last.strip()}"])
    for sum_ in ("abs(z).sum()", "abs(z[0]).sum()"):
        try:
            return run(Source("e", f"{program}\nr = {sum_}\n"), Options(bindings=bindings))
        except GradcliError:
            continue
    return None


def test_the_tutorials_factors_are_those_of_a_textbook() -> None:
    program = """
x = tensor([1.0, 2.0])
w = param(1.0)
loss = sum((w*x - tensor([5.0, 7.0]))**2)
"""
    ((passed,),) = (e.passes for e in explanations(program, "w"))
    factors = [np.asarray(s.numbers) for s in passed.derivation.steps if s.numbers is not None]
    np.testing.assert_array_equal(factors[0], [-8, -10])  # 2(w·x - y)
    np.testing.assert_array_equal(factors[-1], [1, 2])  # x
    assert passed.derivation.steps[-1].summed
    assert passed.derivation.gradient == -28


# a program, and the conventions that are taken at its kinks, at how many places
KINKS = {
    "x = param([-1.0, 0.0, 2.0]); y = relu(x).sum()": [("0 at 0", 1)],
    "x = param([0.0, 0.0]); y = abs(x).sum()": [("0 at 0", 2)],
    "x = param([1.0, 3.0, 3.0]); y = max(x)": [("a tie is shared evenly", 2)],
    "x = param(0.0, dtype=float32); y = relu(x)": [("0 at 0", 1)],
    "x = param([1.0, 2.0]); y = maximum(x, tensor([1.0, 3.0])).sum()": [("a tie is halved", 1)],
    "x = param([1.0, 1.0, 0.0]); y = cummax(x, 0).values.sum()": [("a tie goes to the last", 2)],
    "x = param(1.5); y = x * floor(x)": [("0 everywhere", 0)],
    "x = param([-1.0, 0.5]); y = relu(x).sum()": [],
    "x = param([1.0, 3.0, 3.5]); y = max(x)": [],
    "x = param(0.0); y = x**3 + exp(x) * sin(100*x)": [],
    "x = param(0.0); y = sqrt(x)": [],
    "x = param(1e-3); y = abs(x)**1.5": [],
}


@pytest.mark.parametrize("program", KINKS)
def test_a_kink_at_the_point_is_seen_and_no_other(program: str) -> None:
    (found,) = explanations(program, "x")
    steps = found.passes[0].derivation.steps
    assert [tuple(s.kink) for s in steps if s.kink is not None] == KINKS[program]


# a program, its target, what the rows are that pass nothing back, and a word of the reason
CUTS = {
    "w = param(3.0); y = w * w.detach()": ("w", ["w.detach()"], "detach()"),
    "w = param(3.0); y = w * w.data": ("w", ["w.data"], "detach()"),
    "w = param(3.0); y = w * (w > 1)": ("w", ["w > 1"], "comparison"),
    "w = param([3.0, 1.0]); y = w.sum() * argmax(w)": ("w", ["argmax(w)"], "integers"),
    "w = param(3.0)\nwith torch.no_grad():\n    k = 2 * w\ny = w * k": ("w", ["k"], "no_grad"),
    "w = param(3.0); k = tensor(w.detach()); y = w * k": ("w", ["w.detach()"], "detach()"),
    "w = param(3.0); y = w * w": ("w", [], ""),
    "A = param([[2.0, 1.0], [0.0, 3.0]]); U, S, V = svd(A); y = S.sum()": ("A", [], ""),
}


@pytest.mark.parametrize("program", CUTS)
def test_a_row_that_passes_nothing_back_is_told_with_its_reason(program: str) -> None:
    target, labels, word = CUTS[program]
    inspection, (found,) = explained(session(program), (target,))
    assert [inspection.node(c.row).label for c in found.cuts] == labels
    assert all(word in cut.why for cut in found.cuts)
    assert found.passes


# a program, a node without a gradient, and what is said of it
SILENT = {
    ("x = tensor(1.0); w = param(2.0); y = w * x", "x"): "it is data",
    ("x = tensor([1, 2]); w = param(2.0); y = (w * x).sum()", "x"): "it holds integers (int64)",
    ("w = param([2.0]); m = w > 1; y = (w * m).sum()", "m"): "it is a mask",
    ("w = param(2.0); d = w.detach(); y = w * d", "d"): "it is cut off: detach()",
    ("w = param(2.0); d = w.detach() * 3; y = w * d", "d"): "made of `w.detach()`",
    ("x = tensor(1.0); k = x * 2; w = param(2.0); y = w * k", "k"): "nothing that it is made of",
    ("u = param(1.0); w = param(2.0); y = w * 2", "u"): "`y` does not depend on it",
    ("u = param(1.0); w = param(2.0); y = w * u.item()", "u"): "no operation leads from it to `y`",
    ("u = param(1.0); w = param(2.0); y = w * u.detach()", "u"): "each way is cut",
    ("w = param(2.0)\nwith no_grad():\n    k = w * 2\ny = w * k", "k"): "computed under no_grad()",
    ("w = param(2.0)\nwith inference_mode():\n    k = w * 2\nw2 = w * 3", "k"): "inference_mode()",
}  # fmt: skip


@pytest.mark.parametrize("case", SILENT, ids=lambda c: c[0].replace("\n", "; "))
def test_a_node_without_a_gradient_is_told_why(case: tuple[str, str]) -> None:
    program, name = case
    (found,) = explanations(program, name)
    assert found.passes == ()
    assert found.gradient is None
    assert SILENT[case] in found.notes[0]


# a program, the gradients of its passes, how often each ran, and what `.grad` is in the end
PASSES = {
    "w = param(3.0); y = w**2; y.backward(retain_graph=True); y.backward()": ([6], [2], 12),
    "w = param(3.0); y = w**2; z = 5*w; y.backward(); z.backward()": ([6, 5], [1, 1], 11),
    "w = param(3.0); y = w**2; y.backward(); w.grad = None; z = 5*w; z.backward()": ([5], [1], 5),
    "w = param([3.0, 1.0]); y = 2*w; y.backward(tensor([1.0, 10.0]))": ([[2, 20]], [1], [2, 20]),
    "w = param([3.0]); y = 2*w; y.backward(tensor([5 + 1j]))": ([[10]], [1], [10]),
    "w = param(3.0); y = w**2": ([6], [1], 6),
    "w = param(3.0); y = w**2; y.backward()\nwith no_grad():\n    w -= 1": ([6], [1], 6),
}


@pytest.mark.parametrize("program", PASSES)
def test_each_backward_that_a_grad_has_gathered_is_a_pass(program: str) -> None:
    gradients, times, total = PASSES[program]
    (found,) = explanations(program, "w")
    assert [p.derivation.gradient.tolist() for p in found.passes] == gradients
    assert [p.times for p in found.passes] == times
    assert found.gradient is not None
    assert found.gradient.tolist() == total


def test_a_cotangent_is_what_backward_starts_with() -> None:
    start = np.array([1.0, 10.0])
    ran = run(Source("t", "w = param([3.0, 4.0]); y = w**2"), None, Request("y", start))
    (found,) = explained(ran, ("w",), cotangent=start)[1]
    np.testing.assert_array_equal(found.gradient, 2 * np.array([3.0, 4.0]) * start)


def test_an_intermediate_has_a_derivation_and_the_reason_for_its_none() -> None:
    program = "w = param(3.0); a = w**2; y = 5*a"
    (found,) = explanations(program, "a")
    assert found.gradient == 5
    assert "a.grad` is None all the same" in found.notes[0]
    (kept,) = explanations(f"{program}; a.retain_grad()", "a")
    assert "retain_grad() keeps" in kept.notes[0]


def test_nan_is_marked_where_it_begins_and_nowhere_else() -> None:
    (found,) = explanations("w = param(0.0); r = sqrt(w); y = (3 * (r * 0)) + 1", "w")
    steps = found.passes[0].derivation.steps
    assert [s.breaks for s in steps] == [False] * (len(steps) - 1) + [True]


ELEMENTS = {
    "2·w": ("w = param(3.0); y = w**2", ["2 * 3"]),
    "the tutorial's": (
        "x = tensor([1.0, 2.0]); w = param(1.0); y = sum((w*x - tensor([5.0, 5.0]))**2)",
        ["2 * (1 * 1 - 5) * 1", "2 * (1 * 2 - 5) * 2"],
    ),
}


@pytest.mark.parametrize("name", ELEMENTS)
def test_the_numbers_of_a_formula_stand_in_it_and_give_the_gradient(name: str) -> None:
    program, terms = ELEMENTS[name]
    (found,) = explanations(program, "w")
    shown = found.passes[0].numbers
    assert shown is not None
    written = [text(term) for term in shown.terms]
    assert written == terms
    assert sum(eval(term, {}) for term in written) == found.gradient


FOLLOWED = "A = param([[1.0, 2.0], [3.0, 4.0]]); h = tanh(A @ tensor([1.0, 0.5])); y = sum(h**2)"


def test_a_followed_element_keeps_its_share_at_every_step_of_a_single_way() -> None:
    _, (found,) = explained(session(FOLLOWED), (), element=("A", (0, 1)))
    places = found.passes[0].places
    moved = np.array([[1.0, 2.0], [3.0, 4.0]]) @ [1.0, 0.5]
    expected = 2 * np.tanh(moved[0]) * (1 - np.tanh(moved[0]) ** 2) * 0.5
    np.testing.assert_allclose([p.share for p in places], expected)
    assert [int(p.moved.sum()) for p in places] == [1] * len(places)


@pytest.mark.parametrize("index", [(2, 0), (0,), (0, 0, 0), (-3, 0)])
def test_an_element_that_is_not_there_is_refused(index: tuple[int, ...]) -> None:
    with pytest.raises(InputFault, match="there is no element"):
        explained(session(FOLLOWED), (), element=("A", index))


@pytest.mark.parametrize("text", ["A", "A[", "A[x]", "A[]", "[0]", "A[0:1]"])
def test_what_names_no_element_is_refused(text: str) -> None:
    with pytest.raises(InputFault, match="expected a name and an index"):
        element_of(text)


@pytest.mark.parametrize("program", ["x = tensor(1.0); y = 2*x", "w = param([1.0, 2.0]); y = w*2"])
def test_a_file_with_nothing_to_differentiate_is_refused(program: str) -> None:
    with pytest.raises(InputFault, match="has nothing to differentiate") as refused:
        explanations(program)
    assert refused.value.hint


def test_a_long_loop_is_derived_without_formulas_of_all_of_it() -> None:
    program = "w = param(0.9); s = tensor(1.0)\nfor i in range(300):\n    s = s * w\ny = s + 0"
    (found,) = explanations(program, "w")
    assert found.gradient is not None
    np.testing.assert_allclose(found.gradient, 300 * 0.9**299)
    assert found.passes[0].formula is None


def test_what_data_writes_after_a_pass_is_not_in_its_derivation() -> None:
    (one,) = explanations(
        "import torch\nW = torch.tensor([1.0, 2.0], requires_grad=True)\nloss = (W**3).sum()\n"
        "loss.backward()\nW.data -= 0.1 * W.grad\n",
        "W",
    )
    assert one.gradient is not None
    assert one.gradient.tolist() == [3.0, 12.0]
