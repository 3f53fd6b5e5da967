"""Python's own functions on what is no tensor: as in Python itself, every argument of them."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import pytest

from gradcli import loads
from gradcli.errors import GradcliError
from gradcli.trace import classes
from gradcli.trace.python import PYTHON
from tests.spellings.running import INPUTS, evaluated

CALLS = [
    "sum([1, 2])", "sum([1, 2], 10)", "sum([1, 2], start=10)", "sum([1.5, 2])", "sum([])",
    "sum((), 3)", "sum(range(5))", "sum(range(5), 0.5)", "sum((1, 2), start=1j)",
    "sum([[1], [2, 3]], [])", "sum(((1,), (2,)), ())", "sum([True, True])",
    "max(1, 2)", "max([1, 3, 2])", "max((1.5, 2))", "max(1, 2.5, -3)", "max([], default=7)",
    "max([1, -3], key=abs)", "max(1, -3, key=abs)", "max([1, -3], key=lambda x: -x)",
    "max(['a', 'b'])", "max([(1, 2), (1, 3)])", "max(range(4))", "max([2, 1], default=0)",
    "max('abc')", "max([1, 1.0])", "max([3, 1], key=None)", "max([True, 2])",
    "min(1, 2)", "min([1, 3, 2])", "min([], default=None)", "min([1, -3], key=abs)",
    "min(-1, -3, key=lambda x: -x)", "min([(2, 'a'), (1, 'b')])[1]", "min(['b', 'a'], key=len)",
    "sorted([3, 1, 2])", "sorted((3, 1, 2), reverse=True)", "sorted([-3, 1, 2], key=abs)",
    "sorted([(1, 'b'), (0, 'c'), (1, 'a')], key=lambda p: p[0])", "sorted('cab')",
    "sorted([(1, 2), (0, 3), (1, 1)], key=lambda p: p[0], reverse=True)", "sorted([])",
    "any([False, True])", "any([])", "any([0, 0.0])", "all([])", "all([1, 0])", "all((True, 1))",
    "any(['', 'a'])", "all([[1], []])",
    "len([1, 2])", "len(())", "len('abc')", "len(range(0, 10, 3))",
    "list(range(3))", "list(range(1, 3))", "list(range(5, 0, -2))", "list((1, 2))", "list()",
    "tuple([1, 2])", "tuple()", "list('ab')",
    "float(2)", "float('1.5')", "float('nan') != 0", "float()", "float(True)", "float('-inf')",
    "int(2.7)", "int('12')", "int('1f', 16)", "int('101', base=2)", "int('0x1f', 0)", "int()",
    "int(-2.7)", "int(True)", "int('z', 36)",
    "bool(0)", "bool('')", "bool([0])", "bool(())", "bool()", "bool(0.0)", "bool([])",
    "str(1.5)", "str([1, 'a'])", "str()", "str(None)", "str('a')",
    "repr('a')", "repr([1, 'a'])", "dict()", "dict(a=1)", "dict([(1, 'a'), (2, 'b')], c=3)",
    "set()", "sorted(set([2, 1, 2]))", "set('aa')",
    "list(zip([1, 2], [3, 4]))", "list(zip([1, 2], [3]))", "list(zip([1], [2], strict=True))",
    "list(zip())", "list(zip([1, 2], [3, 4], [5, 6], strict=False))", "list(zip('ab', (1, 2)))",
    "list(enumerate(['a', 'b']))", "list(enumerate(['a'], 5))", "list(enumerate('ab', start=-1))",
    "list(reversed([1, 2, 3]))", "list(reversed((1, 2)))", "list(reversed(range(3)))",
    "round(2.5)", "round(3.5)", "round(2.567, 2)", "round(1234, -2)", "round(2.567, ndigits=1)",
    "round(7)", "round(2.5, None)", "round(-0.5)", "round(True)",
    "abs(-2)", "abs(-2.5)", "abs(3 + 4j)", "abs(True)",
    "pow(2, 3)", "pow(2, -1)", "pow(2.0, 0.5)", "pow(3, 4, 5)", "pow(2, 3, mod=5)",
    "pow(base=2, exp=3)", "pow(2j, 2)", "pow(3, -1, 7)",
    "divmod(7, -2)", "divmod(-7.5, 2)", "ord('é')", "chr(0x3b1)", "bin(-3)", "oct(9)", "hex(-255)",
    "ascii('é\\n')", "format(2.5)", "format('a', '^5')", "format(-3, '+05d')", "complex('1j')",
    "complex(1, 2j)", "complex(True)", "frozenset('aba')", "frozenset()", "slice(None, 3)",
    "slice(1, 5, 2)", "list(map(abs, [-1, 2]))", "list(map(max, [1, 5], (4, 2)))",
    "list(map(str, range(2)))", "list(filter(None, 'a'))", "list(filter(str.isdigit, 'a1'))",
    "next(iter([7]))", "next(iter([]), 3)", "list(iter('ab'))", "isinstance(1, (str, int))",
    "issubclass(bool, int)", "callable(len)", "callable(3)", "getattr('a', 'upper')()",
    "getattr(1, 'nope', 5)", "hasattr([], 'append')", "hasattr([], 'nope')", "hash(5)",
    "hash(2.5)", "id(1) == id(1)", "'append' in dir([])", "type(1).__name__", "type('a')(5)",
]  # fmt: skip

PRINTED = [
    "print(1, 2)", "print(1, 2, sep=', ')", "print(1, 'a', sep='', end='!\\n')", "print()",
    "print(1, sep=None, end=None)", "print('a', 'b', sep='\\n')", "print(1, flush=True)",
    "print([1, 'a'], (1,), ())", "print(None, True, 2.5, 1e-7, 1e16)",
]  # fmt: skip

REFUSED = [
    "sum(1)", "sum([1], 2, 3)", "sum([1], begin=2)", "sum(['a'], 'b')", "sum([1], 'a')",
    "max()", "max([])", "max(1)", "max(1, 2, default=3)", "max([1], start=3)", "max([1, 'a'])",
    "min([1j, 2])", "min([], key=abs)", "sorted(1)", "sorted([1], abs, True, 3)",
    "sorted([1, 'a'])", "sorted([1], reversed=True)", "any(1)", "any([1], [2])",
    "all([1], key=abs)", "len(1)", "len([1], 2)", "len([1], obj=2)", "range()",
    "range(1, 2, 3, 4)", "range(1.5)",
    "range(3, step=2)", "range(0, 1, 0)", "float('a')", "float(1, 2)", "float([1])", "int('1.5')",
    "int(1.5, 2)", "int('1', 99)", "int('1', radix=2)", "float(1j)", "int(float('nan'))",
    "bool(1, 2)", "list(1)", "list([1], [2])", "tuple([1], kind=2)",
    "list(zip([1], [2, 3], strict=True))", "list(zip([1, 2], [3, 4], [5], strict=True))",
    "zip([1], stop=2)", "zip(1)", "set(1)", "set([[1]])", "set([1], [2])", "dict(1)",
    "dict([1])", "dict([(1,)])", "dict({}, {})", "repr()", "repr(1, 2)", "repr(1, x=2)",
    "enumerate()", "enumerate([1], 2, 3)", "enumerate([1], 1.5)", "enumerate([1], begin=1)",
    "reversed(1)", "reversed([1], [2])", "reversed([1], key=1)", "round('a')", "round(1.5, 2.5)",
    "round(1.5, digits=1)", "round(1j)", "abs('a')", "abs(1, 2)", "abs()", "abs(1, x=2)",
    "pow(2)", "pow(2, 3, 0)", "pow(2, 3, 4, 5)", "pow(0, -1)", "pow(2, 3, modulo=5)",
    "pow(2.0, 3, 5)",
    "print(1, sep=3)", "print(1, end=2)", "print(1, file=2)", "print(1, seperator='')",
    "str(1, 2)", "str(1, encoding='a')",
    "divmod(1)", "divmod(1, 0)", "divmod('a', 1)", "divmod(1, 2, 3)", "ord('ab')", "ord(1)",
    "chr(-1)", "chr('a')", "bin(1.5)", "oct('a')", "hex(None)", "ascii()", "format()",
    "format(1, 2)", "format([], 'x')", "format(1, 'q')", "complex('a')", "complex([])",
    "complex('1', 2)", "complex(1, '2')", "frozenset(1)", "frozenset([[1]])", "slice()",
    "slice(1, 2, 3, 4)", "map(abs)", "map()", "list(map(abs, 1))", "list(map(1, [1]))",
    "filter(abs)", "list(filter(None, 3))", "next(1)", "next([1])", "next(iter([]))", "next()",
    "iter(1)", "iter()", "isinstance(1)", "isinstance(1, 1)", "isinstance(1, [int])",
    "isinstance([], list[int])", "issubclass(1, int)", "issubclass(int, 1)", "callable()",
    "getattr(1, 'nope')", "getattr(1)", "getattr(1, 2)", "hasattr(1)", "hasattr(1, 2)",
    "setattr(1, 'x', 2)", "setattr(1, 'x')", "delattr(1, 'x')", "delattr(1)", "hash([])",
    "hash()", "id()", "dir(1, 2)", "vars(1)", "vars(1, 2)", "type()", "type(1, 2)",
]  # fmt: skip


@pytest.mark.parametrize("text", CALLS)
def test_a_call_gives_what_python_gives(text: str) -> None:
    found, expected = evaluated(text, ""), eval(text)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize("text", PRINTED)
def test_what_is_printed_is_what_python_prints(text: str) -> None:
    out = io.StringIO()
    with redirect_stdout(out):
        eval(text)
    printed = loads(f"x = tensor(1.0)\n{text}\n").printed
    assert "\n".join(printed) + "\n" == out.getvalue() or (not printed and out.getvalue() == "\n")


@pytest.mark.parametrize("text", REFUSED)
def test_a_call_that_python_refuses_is_refused(text: str) -> None:
    if not text.startswith(("print(1, sep", "print(1, file")):  # a file is never written to
        with pytest.raises((TypeError, ValueError, ArithmeticError, AttributeError, StopIteration)):
            list(eval(text)) if text.startswith("zip") else eval(text)
    with pytest.raises(GradcliError):
        evaluated(text, "")


# what is tried elsewhere, as it takes a statement: right calls, and wrong ones
WITHOUT = {"setattr", "delattr", "vars"}, set[str]()


def test_every_function_of_python_has_calls_that_are_right_and_wrong() -> None:
    for calls in ([*CALLS, *PRINTED], REFUSED):
        called = {name for text in calls for name in re.findall(r"\w+(?=\()", text)}
        assert called >= set(PYTHON) - set(classes.FUNCTIONS) - WITHOUT[calls is REFUSED]


# ---- with tensors ------------------------------------------------------------------------------

GRADIENTS = {  # the gradient of w = 2 at v = 3
    "sum([1., 2.], w)": (1.0, None),
    "sum([1., w], start=v * w)": (4.0, 2.0),
    "sum([w, v, w])": (2.0, 1.0),
    "max([w, v])": (None, 1.0),
    "min([w * w, v + 1])": (4.0, None),  # a tie: the first
    "max([w, v], key=lambda x: -x)": (1.0, None),
    "sorted([v, w])[0] * 3": (3.0, None),
    "max([1.0, w])": (1.0, None),
    "pow(w, 3)": (12.0, None),
    "pow(2.0, w - 2) * v": (float(3 * np.log(2)), 1.0),
    "abs(-w)": (1.0, None),
    "round(w) + w": (1.0, None),
}


@pytest.mark.parametrize("text", GRADIENTS)
def test_gradients_pass_through_pythons_functions(text: str) -> None:
    nodes = loads(f"w = param(2.0)\nv = param(3.0)\ny = {text}\n", of="y").nodes
    for node, expected in zip(nodes[:2], GRADIENTS[text], strict=True):
        grad: Any = node.grad
        assert (None if grad is None or not grad else pytest.approx(float(grad))) == expected


ON_TENSORS: dict[str, Callable[[Any], Any]] = {
    "sum(v)": np.sum, "max(v)": np.max, "min(v)": np.min, "abs(v)": np.abs, "pow(v, 2)": np.square,
    "any(v > 1)": lambda v: np.any(v > 1), "all(v > 1)": lambda v: np.all(v > 1), "len(v)": len,
    "round(v)": np.round, "sum(v, 0)": np.sum, "sum(v, axis=0)": np.sum,
    "max(v, v * 0)": lambda v: np.maximum(v, 0),
    "min([0.5, -1.5, 2.0], axis=0)[0]": np.min,
}  # fmt: skip


@pytest.mark.parametrize("text", ON_TENSORS)
def test_on_a_tensor_they_are_operations(text: str) -> None:
    found = evaluated(text, "")
    np.testing.assert_array_equal(getattr(found, "value", found), ON_TENSORS[text](INPUTS["v"]))


def test_python_compares_tensors_with_one_element_only() -> None:
    for text in ("max([v, w])", "min([v, w], key=lambda x: x)", "sorted([v, w])", "any([v])"):
        with pytest.raises(GradcliError, match="Boolean value of Tensor with more than one value"):
            evaluated(text, "")
