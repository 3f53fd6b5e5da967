"""What findings of nan and infinity are made of: forms, spellings, patterns, beginnings, judges."""

from __future__ import annotations

import numpy as np
import pytest

from gradcli.api import options_for
from gradcli.diagnose import diagnose_source
from gradcli.diagnose.findings import Edit, Rewrite
from gradcli.diagnose.nonfinite import judges
from gradcli.diagnose.nonfinite.events import Event
from gradcli.diagnose.nonfinite.forms import form
from gradcli.diagnose.nonfinite.kinds import events_of
from gradcli.diagnose.nonfinite.patterns import PATTERNS, Pattern, edit, text_of
from gradcli.diagnose.nonfinite.spelling import filled
from gradcli.diagnose.subject import Subject, examined
from gradcli.diagnose.trial import Comparison, Trials, rewritten
from gradcli.errors import Source
from gradcli.session import Request
from gradcli.syntax import tree

# an expression of x, and what its row is: the operation, the texts of its operands
FORMS = (
    ("2.0/x", "div", ["2.0", "x"]),
    ("x.reciprocal()", "div", ["1", "x"]),
    ("1 - x", "sub", ["1", "x"]),
    ("2*x", "mul", ["x", "2"]),
    ("x*x", "pow", ["x", "2"]),
    ("torch.square(x)", "pow", ["x", "2"]),
    ("x**0.5", "sqrt", ["x"]),
    ("(x + 1.0).pow(-0.5)", "rsqrt", ["x + 1.0"]),
    ("2.718281828459045**x", "exp", ["x"]),
    ("where(x > 1, x, 0.0)", "where", ["x > 1", "x", "0.0"]),
    ("x.where(x > 1, 0.0)", "where", ["x > 1", "x", "0.0"]),
    ("linalg.norm(x)", "norm", ["x"]),
)
# an import, a template, and the template as a file with that import has it; None: it cannot
SPELLINGS = (
    ("", "where(c, softplus(x), 0.0)", "where(m, softplus(a + b), 0.0)"),
    ("import torch", "softplus(x)", "torch.nn.functional.softplus(a + b)"),
    ("import torch\nimport torch.nn.functional as F", "softplus(x)", "F.softplus(a + b)"),
    ("import jax\nimport jax.numpy as np", "logsigmoid(-x)", "jax.nn.log_sigmoid(-(a + b))"),
    ("import jax.numpy as jnp", "sigmoid(x)", None),
    ("import numpy as np", "softplus(x)", None),
    ("import autograd.numpy as np", "norm(x, dim=1)", "np.linalg.norm(a + b, axis=1)"),
    ("import torch", "x > 0", "a + b > 0"),
)
LOOP = """
w = param(0.5)
for i in range(6):
    loss = sqrt(w - 0.3)
    loss.backward()
    with no_grad():
        w -= 0.05*w.grad
        w.grad = None
"""
ROOTS = """
x = param([0.0, 1.0])
loss = 0.0
for i in range(5):
    loss = loss + sum(where(x > 0, sqrt(x), 0.0))
"""
LENGTH = "v = param([3e-200, 4e-200])\nloss = sqrt(sum(v**2))"


def subject_of(text: str) -> Subject:
    with np.errstate(all="ignore"):
        return examined(Source("<test>", text), options_for(), Request())


def comparison(text: str, before: str, after: str) -> Comparison:
    subject = subject_of(text)
    trials, start = Trials(subject), text.index(before)
    span = next(
        it.span
        for it in tree.nodes_of(subject.statements)
        if (it.span.start, it.span.end) == (start, start + len(before))
    )
    source = rewritten(subject.source, Rewrite((Edit(span, after),)))
    run = None if source is None else trials.run(source)
    assert run is not None
    return Comparison(trials, run)


def judged(judge: str, text: str, before: str, after: str) -> str:
    with np.errstate(all="ignore"):
        words: str = getattr(judges, judge)(comparison(text, before, after))
    return words


@pytest.mark.parametrize(("text", "name", "operands"), FORMS)
def test_a_row_is_what_its_text_says(text: str, name: str, operands: list[str]) -> None:
    subject = subject_of(f"x = param([2.0, 3.0])\ny = {text}")
    found = form(subject, len(subject.graph) - 1)
    assert found is not None
    assert (found.name, [text_of(subject, x) for x in found.operands]) == (name, operands)


@pytest.mark.parametrize(("imports", "template", "expected"), SPELLINGS)
def test_a_function_is_spelled_as_the_files_library_has_it(
    imports: str, template: str, expected: str | None
) -> None:
    subject = subject_of(f"{imports}\nx = param(1.0)\ny = x*x")
    assert filled(subject, template, {"x": "a + b", "c": "m"}) == expected


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda p: f"{p.written} -> {p.better}")
def test_both_sides_of_a_pattern_are_the_same_function(pattern: Pattern) -> None:
    written, better, _ = pattern
    names = "x = param([0.3, 0.8])\ny = param([0.6, 0.5])\nz = param([1.5, 0.2])"
    texts = {"d": "0", "dk": "0", "k": "0, keepdim=True", "n": "2"}
    subject = subject_of(names)
    softmax = written.replace("softmax(x)", "softmax(x, dim=0)")
    runs = []
    for text in (softmax, filled(subject, better, texts)):
        runs.append(subject_of(f"{names}\nloss = sum(({text})*tensor([1.0, 1.0]))"))
    first, second = runs
    assert first.root is not None
    assert second.root is not None
    np.testing.assert_allclose(first.value(first.root), second.value(second.root), 1e-12)
    for one, other in zip(first.parameters, second.parameters, strict=True):
        a, b = first.graph.grad(one), second.graph.grad(other)
        np.testing.assert_allclose(0 if a is None else a, 0 if b is None else b, 1e-9, 1e-12)


def test_a_parameter_that_a_step_has_made_nan_is_no_beginning() -> None:
    (event,) = events_of(subject_of(LOOP)).found
    assert (event.given, event.is_nan, event.moment[0]) == (False, True, 0)


def test_what_begins_in_several_turns_is_one_beginning_of_the_first() -> None:
    subject = subject_of(ROOTS)
    (event,) = events_of(subject).found
    first = min(i for i, op in enumerate(subject.graph.ops) if op is not None and op.name == "sqrt")
    assert (event.row, event.turns, event.inner) == (first, 5, (0,))


def test_what_is_computed_twice_begins_once() -> None:
    events = events_of(subject_of("x = param(800.0)\nloss = exp(2*x)/(1 + exp(2*x))")).found
    assert [event.index for event in events] == [()]


def test_a_gradient_that_begins_at_another_element_is_another_beginning() -> None:
    text = "x = param([0.0, 4.0])\ny = param([9.0, 0.0])\nloss = sum(sqrt(x)) + sum(sqrt(y))"
    events: list[Event] = events_of(subject_of(text)).found
    assert sorted(event.index for event in events) == [(0,), (1,)]


def test_the_first_turn_is_said() -> None:
    found = diagnose_source(Source("<test>", LOOP), options_for()).findings[0]
    assert "in turn 4" in found.words
    found = diagnose_source(Source("<test>", ROOTS), options_for()).findings[0]
    assert "in turn 1 and in 4 more" in found.words


def test_brackets_are_left_out_where_nobody_needs_them() -> None:
    subject = subject_of("x = param(0.5)\ny = (sin(x)/x)**2")
    span = next(it.span for it in tree.nodes_of(subject.statements)
                if isinstance(it, tree.Binary) and it.operator == "/")  # fmt: skip
    assert edit(subject, span, "sinc(x)").span.start == span.start - 1
    assert edit(subject, span, "a + b").span == span


# judge, file, what is rewritten, another text, whether it is a remedy
JUDGED = (
    ("restores", LENGTH, "sqrt(sum(v**2))", "abs(v).max()*norm(v/abs(v).max())", True),
    ("restores", LENGTH, "sqrt(sum(v**2))", "norm(v)", False),  # 0, which it is not
    ("restores", "x = param(40.0)\ny = log(1 - sigmoid(x))", "log(1 - sigmoid(x))",
     "logsigmoid(-x)", True),
    ("restores", "x = param(40.0)\ny = log(1 - sigmoid(x))", "1 - sigmoid(x)",
     "clamp(1 - sigmoid(x), min=1e-12)", False),
    ("restores", "x = param(-900.0)\ny = 1/(1 + exp(-x))", "1/(1 + exp(-x))", "sigmoid(-x)", False),
    ("leaves_out", "x = param([2.0, 0.0])\ny = sum(x.reciprocal().where(x != 0, 0.0))",
     "x.reciprocal()", "where(x != 0, x, 1.0).reciprocal()", True),
    ("leaves_out", "x = param([2.0, 0.0])\ny = sum(x.reciprocal().where(x != 0, 0.0))",
     "x.reciprocal()", "where(x != 0, x, 1.0).detach().reciprocal()", False),
    ("eases", "x = param([1.0, 0.5])\ny = sum(acos(x))", "acos(x)",
     "acos(clamp(x, -1 + 1e-7, 1 - 1e-7))", True),
    ("eases", "x = param([1.0, 0.5])\ny = sum(acos(x))", "acos(x)", "acos(0.9*x)", False),
    ("continues", "x = param([0.0, 1.0])\ny = sum((exp(x) - 1)/x)", "(exp(x) - 1)/x",
     "where(x == 0, 1.0 + 0.5*x, expm1(x)/where(x == 0, 1.0, x))", True),
    ("continues", "x = param([0.0, 1.0])\ny = sum((exp(x) - 1)/x)", "(exp(x) - 1)/x",
     "where(x == 0, 2.0, expm1(x)/where(x == 0, 1.0, x))", False),
    ("defines", "x = param([-1.0, 1.0])\ny = sum(log(x))", "log(x)", "log(clamp(x, min=1e-9))",
     True),
    ("defines", "x = param([-1.0, 1.0])\ny = sum(log(x))", "log(x)", "log(clamp(x, min=0.5)*2)",
     False),
)  # fmt: skip


@pytest.mark.parametrize(("judge", "text", "before", "after", "good"), JUDGED)
def test_a_judge_takes_what_is_a_remedy_and_nothing_else(
    judge: str, text: str, before: str, after: str, good: bool
) -> None:
    if judge == "restores":
        pytest.importorskip("mpmath")
    assert bool(judged(judge, text, before, after)) is good
