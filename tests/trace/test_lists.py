"""A list stands for a tensor where one is needed: for one leaf, under its name."""

from __future__ import annotations

import numpy as np
import pytest

from gradcli import GradcliError, loads
from gradcli.run import Run

W = "w = tensor(3., requires_grad=True)\n"


def leaves(found: Run) -> list[str]:
    return [node.label for node in found.nodes if node.op == "leaf"]


# a file after W, and the leaves that are shown, in their order
LEAVES = {
    "x = [1., 2.]\ny = (w * x).sum()": ["w", "x"],
    "x = [1., 2.]\ny = (w * x + x).sum() + dot(x, x)": ["w", "x"],
    "x = [1., 2.]\nb = param(1.)\ny = (w * x + b).sum()": ["w", "x", "b"],
    "x = [1., 2.]\ny = x\nz = (w * y + x).sum()": ["w", "x"],
    "x = [1., 2.]\ny = w * 2": ["w"],
    "x = [1., 2.]\nx.append(3.)\ny = (w * x).sum()": ["w", "x"],
    "x = [1., 2.]\na = w * x\nx.append(3.)\nb = w * x": ["w", "x:2", "x:4"],
    "x = [1., 2.]\na = w * x\nx[0] = 9.\nb = w * x": ["w", "x:2", "x:4"],
    "x = [1., 2.]\na = w * x\nx += [3.]\nb = w * x\nc = w * x": ["w", "x:2", "x:4"],
    "x = [1., 2.]\na = w * x\ndel x[0]\nb = w * x": ["w", "x:2", "x:4"],
    "x = [[1.], [2.]]\na = w * x\nx[1][0] = 5.\nb = w * x": ["w", "x:2", "x:4"],
    "x = [1., 2.]\nn = [0]\na = w * x\nn.append(1)\nb = w * x": ["w", "x"],
    "x = [1., 2.]\nx = x + [3.]\ny = w * x": ["w", "x"],
    "y = w * [1., 2.]": ["w", "[1., 2.]"],
    "y = dot(ones(2) * w, [1., 2.])": ["w", "ones(2)", "[1., 2.]"],
    "rows = [[1., 2.], [3., 4.]]\ny = w * rows[0]\nz = w * rows[0]": ["w", "rows[0]"],
    "def f(c=[1., 2.]): return w * c\ny = f() + f()": ["w", "c"],
    "def f():\n    c = [1., 2.]\n    return w * c + c\ny = f()": ["w", "c"],
    "x = [0, 1]\ny = (w * arange(3.))[x]": ["w", "x", "arange(3.)"],
    "s = [2, 3]\ny = (w * ones(s)).sum(dim=[0, 1])": ["w", "ones(s)"],
    "a, b = [1., 2.], [3., 4.]\ny = w * stack([a, b])": ["w", "a", "b"],
    "x = [1., 2.]\nfor i in range(2):\n    y = w * x\n": ["w", "x"],
    "n = 2\nx = [1.] * n\ny = w * x": ["w", "x"],
    "x = [1., 2.]\nassert allclose(x, [1, 2])\ny = w * 2": ["w", "x"],
}


@pytest.mark.parametrize("text", LEAVES)
def test_a_list_is_one_leaf_under_its_name(text: str) -> None:
    found = loads(W + text)
    assert leaves(found) == LEAVES[text]
    assert [node.id for node in found.nodes] == sorted(node.id for node in found.nodes)


def test_a_leaf_keeps_the_values_that_were_used_when_its_list_is_changed() -> None:
    found = loads(f"{W}x = [1., 2.]\na = (w * x).sum()\nx.append(4.)\nx[0] = 5.\nb = (w * x).sum()")
    values = {n.label: n.value for n in found.nodes if n.value is not None}
    np.testing.assert_array_equal(values["x:2"], [1.0, 2.0])
    np.testing.assert_array_equal(values["x:5"], [5.0, 2.0, 4.0])
    assert (float(values["a"]), float(values["b"])) == (3.0 * (1 + 2), 3.0 * (5 + 2 + 4))


def test_the_gradient_sees_what_the_list_was_when_it_was_used() -> None:
    found = loads(f"{W}x = [1., 2.]\na = (w * x).sum()\nx.clear()\nx.append(7.)\nloss = a * x[0]")
    assert next(n.grad for n in found.nodes if n.name == "w") == 7 * (1 + 2)


# what a file prints: Python's operators where there is no tensor beside a list, elementwise there
PRINTED = {
    "x = [1., 2.]; print(x + x, x * 2)": "[1.0, 2.0, 1.0, 2.0] [1.0, 2.0, 1.0, 2.0]",
    "x = [1., 2.]; print(x + tensor([1., 1.]))": "tensor([2., 3.])",
    "x = [1., 2.]; print(tensor(2.) * x, tensor(2) ** [1, 2])": "tensor([2., 4.]) tensor([2, 4])",
    "x = [1., 2.]; print(sum(x), torch.sum(tensor(x)), max(x))": "3.0 tensor(3.) 2.0",
    "x = [1, 2]; print(x == [1, 2], tensor([1, 3]) == x)": "True tensor([ True, False])",
    "print([tensor(1.), 2], (tensor(1.),), {'a': tensor(2.)})": (
        "[tensor(1.), 2] (tensor(1.),) {'a': tensor(2.)}"
    ),
    "a = tensor(1.); xs = [tensor(2.), a]; print(a in xs, xs.index(a), xs.count(a))": "True 1 1",
    "xs = [tensor(2.), tensor(1.)]; xs.sort(); print(xs, max(xs))": (
        "[tensor(1.), tensor(2.)] tensor(2.)"
    ),
    "a = tensor([1., 2.]); xs = [a]; print(xs == [a], a in xs, xs.index(a))": "True True 0",
    "xs = [1]; xs += tensor([2., 3.]); print(xs)": "[1, tensor(2.), tensor(3.)]",
    "xs = [0] * 3; i = tensor(1); xs[i] = 5; print(xs, xs[i], xs[:i])": "[0, 5, 0] 5 [0]",
    "d = {}; a = tensor(1.); d[a] = 2; print(d[a], a in d, len({a, a}))": "2 True 1",
    "print('%.2f|%s|%d' % (tensor(1.5), tensor([1.]), tensor(3)))": "1.50|tensor([1.])|3",
    "print('{:.1f} {}'.format(tensor(1.25), [tensor(1.)]))": "1.2 [tensor(1.)]",
    "print(sum([tensor([1., 2.]), tensor([3., 4.])]), sum([1, 2], tensor(4)))": (
        "tensor([4., 6.]) tensor(7)"
    ),
    "x: list = [1., 2.]; y: float32[2] = [1., 2.]; print(x, y)": "[1.0, 2.0] tensor([1., 2.])",
    "print(list(tensor([1, 2])), [*tensor([3])], any([tensor(0), tensor(1)]))": (
        "[tensor(1), tensor(2)] [tensor(3)] True"
    ),
}


@pytest.mark.parametrize("text", PRINTED)
def test_python_and_tensors_stand_beside_each_other(text: str) -> None:
    found = loads(text, dtype="float32")
    assert found.printed == (PRINTED[text],)


REFUSED = {
    "a = [1.]; a.append(a); y = tensor(1.) * a": "nested too deeply",
    "a = []\nfor i in range(100): a = [a]\ny = tensor(a)": "at most 64 dimensions",
    "a = []\nfor i in range(500): a = [a]\nprint(a)": "nested too deeply",
    "a = []; a.append(a); b = []; b.append(b); c = a == b": "nested too deeply",
    "a = []; a.append(a); b = []; b.append(b); c = a < b": "nested too deeply",
    "t = ()\nfor i in range(500): t = (t,)\nd = {t: 1}": "nested too deeply",
    "a = [1]\nfor i in range(40): a += a": "more than 1,000,000 items",
    "a = [1]\nfor i in range(40): a[:0] = a": "more than 1,000,000 items",
    "s = 'a'\nfor i in range(40): s += s": "more than 1,000,000",
    "s = 'x'.ljust(10**9)": "more than 1,000,000 characters",
    "s = 'x' * 1000; s = s.replace('x', s * 1000)": "more than 1,000,000 characters",
    "s = '%999999999d' % 1": "wider than 10,000 characters",
    "s = '%*d' % (999999999, 1)": "wider than 10,000 characters",
    "s = '{:999999999}'.format(1)": "wider than 10,000 characters",
    "s = '{0.__class__}'.format(1)": "'int' object has no attribute '__class__'",
    "x = [1., tensor(2.)]; y = tensor(1.) * x": "a list with tensors in it",
    "x = [[1.], [1., 2.]]; y = tensor(1.) * x": "expected sequence of length 1",
    "x = tensor([[], 1.])": "expected a list of length 0 at dim 1, got a number",
    "a = [tensor([1., 2.])]; b = a == [tensor([1., 2.])]": "is ambiguous",
    "x = [1.]; y = x.sum()": "'list' object has no attribute 'sum'",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(GradcliError, match=REFUSED[text]):
        loads(text)


def test_a_list_that_holds_itself_prints_as_python_prints_it() -> None:
    assert loads("a = [1]; a.append(a); d = {}; d['d'] = d; print(a, d)").printed == (
        "[1, [...]] {'d': {...}}",
    )


def test_a_list_that_holds_itself_often_ends_somewhere() -> None:
    found = loads("a = [1]; a.append(a); a.append(a); b = [a, a]; b.append(b)")
    assert [(v.text, v.data) for v in found.inspection.values] == [
        ("[1, [...], [...]]", None),
        ("[[1, [...], [...]], [1, [...], [...]], [...]]", None),
    ]


# ---- bindings ------------------------------------------------------------------------------

FILE = "x = [1., 2.]\nw = 3.0\nloss = ((w * tensor(1.) * x)**2).sum()"


def grad_of(found: Run, name: str) -> object:
    node = next(n for n in found.nodes if n.name == name and n.op == "leaf")
    return None if node.grad is None else node.grad.tolist()


@pytest.mark.parametrize(
    "options", [{"wrt": ("w",)}, {"param": {"w": 3.0}}, {"param": {"w": "3."}}]
)
def test_a_number_becomes_a_parameter_where_it_is_asked_for(options: dict[str, object]) -> None:
    assert grad_of(loads(FILE, **options), "w") == 2 * 3.0 * (1 + 4)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{"wrt": ("x",)}, {"param": {"x": [1.0, 2.0]}}])
def test_a_list_becomes_a_parameter_where_it_is_asked_for(options: dict[str, object]) -> None:
    found = loads(FILE, **options)  # type: ignore[arg-type]
    assert grad_of(found, "x") == [2 * 9.0 * 1, 2 * 9.0 * 2]


def test_a_list_that_is_bound_stays_a_list() -> None:
    text = "x = [1., 2.]; n = 2; x.append(9.); print(x, n * [0])"
    found = loads(text, set={"x": "[4., 5.]", "n": "3"})
    assert found.printed == ("[4.0, 5.0, 9.0] [0, 0, 0]",)


def test_an_array_of_a_dtype_of_its_own_is_bound_as_it_is() -> None:
    found = loads("x = [1., 2.]\ny = x * tensor(2.)", set={"x": np.array([3, 4], np.float32)})
    assert next(n for n in found.nodes if n.name == "x").dtype == "float32"


def test_a_number_is_no_root() -> None:
    with pytest.raises(GradcliError, match="`w` of <text> is a number, and no tensor"):
        loads(FILE, of="w")


# ---- what is shown of numbers and lists ----------------------------------------------------


def test_the_values_of_a_file_without_tensors_are_facts() -> None:
    found = loads(
        "w = 3\n2 * w\nxs = [1.5, w]; xs.append('a')\nt = (1, [2j])\nd = {'a': 1}\nprint(w)"
    )
    rows = [(v.name, v.label, v.line, v.type, v.text, v.data) for v in found.inspection.values]
    assert found.nodes == ()
    assert rows == [
        ("w", "w", 1, "int", "3", 3),
        (None, "2 * w", 2, "int", "6", 6),
        ("xs", "xs", 3, "list", "[1.5, 3, 'a']", [1.5, 3, "a"]),
        ("t", "t", 4, "tuple", "(1, [2j])", [1, [2j]]),
        ("d", "d", 5, "dict", "{'a': 1}", None),
    ]


def test_a_list_that_was_used_as_a_tensor_is_a_node_and_no_value() -> None:
    found = loads("lr = 0.1\nx = [1., 2.]\nys = [3.]\ny = tensor(2.) * x")
    assert [v.name for v in found.inspection.values] == ["lr", "ys"]
    assert "x" in leaves(found)
    assert "ys" not in leaves(found)


@pytest.mark.parametrize("last", ["x = s == t", "x = {s: 1}", "x = s in (t,)"])
def test_a_comparison_of_shared_tuples_ends_in_a_limit_and_is_not_called_deep(last: str) -> None:
    text = "s = (1,)\nt = (1,)\nfor i in range(30):\n    s = (s, s)\n    t = (t, t)\n"
    with pytest.raises(GradcliError, match=r"items|steps") as fault:
        loads(text + last, max_steps=100_000)
    assert "deep" not in str(fault.value)
