"""What the language refuses of itself: a file, and what is said of it and where."""

from __future__ import annotations

import pytest

from gradcli import GradcliError, loads

REFUSED = {  # a file, and the sentence; those of Python and PyTorch have their words
    # calls
    "allclose(ones(2), ones(2), rtol=ones(1))": "a tolerance is a number, not a tensor",
    "equal(ones(2))": "equal() missing argument 'other'",
    "result_type(1)": "result_type() missing argument 'tensor2'",
    "x = 2.\nx(3)": "`x` is a number, which cannot be called",
    "x = param(1.)\nx(3)": "`x` is a tensor of shape [], which cannot be called",
    "'a'(1)": "a string cannot be called",
    "def f(x, y):\n    return x\nf(1, x=2)": "f() got multiple values for argument 'x'",
    "def f(x):\n    return x\nf(1, z=2)": "f() got an unexpected keyword argument 'z'",
    "softmax(2., 0., 1., 2., 3., 4.)": "softmax() takes 3 positional arguments but 6 were given",
    "float(1, 2)": "float() takes one argument (2 given)",
    "list(1, 2)": "list expected at most 1 argument, got 2",
    "enumerate([1.], 'a')": "enumerate() starts at an integer, not at a string",
    "enumerate()": "enumerate() needs an argument",
    "reversed([1], [2])": "reversed() takes one argument (2 given)",
    "range(0, 3, 0)": "the step of range() must not be zero",
    "range()": "range() takes one to three integers (0 given)",
    "len(2)": "object of type 'int' has no len()",
    "len(tensor(1.))": "len() of a 0-d tensor",
    "zeros_like(2.)": "argument 'input' must be a Tensor, not float",
    "F.dropout(2.)": "dropout(): argument 'input' must be a Tensor",
    "F.dropout(ones(2), 1.5)": "dropout probability has to be between 0 and 1, but got 1.5",
    "F.dropout1d(ones(2))": "Feature dropout requires at least 2 dimensions in the input",
    "exp('a')": "exp() argument 'input' must be a tensor, not 'a'",
    "ones(2).item(1, 2)": "item() does not take an integer, an integer",
    "ones(2).backward(1, 2, 3, 4, 5)": "backward() does not take",
    "ones(2).foo": "a tensor has no attribute or method `foo`",
    "manual_seed('a')": "a seed is an integer, not a string",
    "load(2)": "load() takes a file's name",
    "(2 + 3)(4)": "an integer cannot be called",
    "f = 2\nf()": "`f` is an integer, which cannot be called",
    "def f(x):\n    return f(x)\nf(1.)": "`f` calls itself",
    "F.batch_norm(ones(1, 2, 3), zeros(2, dtype=float32), ones(2), training=True)":
        "expected input and running_mean to have the same dtype, but got Double and Float",
    "F.instance_norm(ones(1, 2, 3), zeros(2, dtype=float32), ones(2))":
        "mixed dtype (CPU): all inputs must share same datatype.",
    "F.batch_norm(ones(2, 2), zeros(2), None, training=True)":
        "running_mean and running_var must either both be None or neither be None",
    # derivatives
    "x = param([3., 1.])\ny = x.sort().values.sum()\ny.backward()\ny.backward()":
        "Trying to backward through the graph a second time",
    "x = param([3., 1.])\nv, i = (x*1).sort()\nv.sum().backward()\nv.sum().backward()":
        "Trying to backward through the graph a second time",
    "torch.autograd.backward(2.)": "backward() of a number",
    "grad(2)": "grad() cannot differentiate an integer",
    "grad([], param(1.))": "grad requires non-empty outputs.",
    "w = param(1.)\ngrad(w*w, w, None, True, True, True, True, True, True)": "grad()",
    "def f(x):\n    return x\ngrad(f, 3)(1.)": "argnums",
    "def f(x):\n    return x\ngrad(f, 0.5)": "argnums must be integers, not a number",
    "def f(x):\n    return x\nhessian(f)(1., 2.)": "f() takes 1 argument but 2 were given",
    "w = param(1.)\njvp(w*w, (), 1.)": "jvp() needs inputs",
    "w = param(1.)\njvp(w*w, (w, w), (ones(()),))": "got 2 inputs and 1 vectors",
    "2 .backward()": "'int' object has no attribute 'backward'",
    # items and members
    "x = ones(2)\nx[0.5:]": "slice indices must be integers, not a number",
    "x = ones(2)\nx[0] = [1.]": "can't assign a list to a tensor",
    "x = ones(2)\nx[0] = 'a'": "can't assign a string to a tensor",
    "x = (1, 2)\nx[0] = 3": "'tuple' object does not support item assignment",
    "x = ones(2)\nx.shape = 2": "`x.shape` cannot be assigned to",
    "x = 2.\nx.grad = None": "`x.grad` cannot be assigned to",
    "[1, 2].push(3)": "'list' object has no attribute 'push'",
    "x = [None]\nx[3]": "list index out of range",
    "y = *[1, 2]": "expected `,` here",
    # operators
    "1 << -1": "`<<`: negative shift count",
    "'a' - 1": "unsupported operand type(s) for -: 'str' and 'int'",
    "1 << 100000000": "the result of `<<` has more than",
    "(1 << 4000) * (1 << 4000) * (1 << 4000)": "the result of `*` has more than 8192 bits",
    "ones(2) < ones(2) < ones(2)": "a chained comparison of tensors is ambiguous",
    "x = ones(2)\nx += 'a'": "`+` cannot combine a tensor of shape [2] and a string",
    "[None] @ [None]": "unsupported operand type(s) for @: 'list' and 'list'",
    "def f(x):\n    return x\nf + 1": "`+` cannot combine the function `f` and an integer",
    "float32 + 1": "`+` cannot combine the dtype float32 and an integer",
    "tensor([1]) & 1.5": "\"bitwise_and\" not implemented for 'Double'",
    "tensor([1.]) & 1": "\"bitwise_and_cpu\" not implemented for float64",
    "y = 1 if ones(2) else 2": "Boolean value of Tensor with more than one value is ambiguous",
    # numbers and annotations
    "tensor(300, dtype=uint8)": "value cannot be converted to type uint8 without overflow",
    "full((2,), 1j, dtype=float32)": "value cannot be converted to type float32 without overflow",
    "arange(0, 3, 0)": "step must be nonzero",
    "tensor([1., [2.]])": "expected a number but got a list of length 1",
    "tensor([[1., 2.], 3.])": "expected a list of length 2 at dim 1, got a number",
    "tensor([[1., 2.], [3.]])": "expected",
    "x: float32 = ones(2)": "the dtype is stated as float32, but it is float64",
    "x: float46[2] = ones(2)": "`float46` is not a dtype",
    "x: float64[2, 2] = ones(2)": "stated as float64[2, 2], but the shape is [2]",
    "x: float64[3] = ones(2)": "the size is stated as 3, but dimension 0 here has size 2",
    "k = tensor(3)\nx: float64[k] = ones(2)": "the size is stated as `k` = 3",
    "x: float64['a'] = ones(2)": "a size is an integer or a name, not a string",
    "x: float64[n, n] = ones(2, 3)": "`n` is 2 since line 1, but dimension 1 here has size 3",
    # statements
    "a, b = 1": "cannot unpack non-iterable int object",
    "a, b = ones(3)": "too many values to unpack (expected 2)",
    "for i in 3:\n    pass": "'int' object is not iterable",
    "for i in tensor(3.):\n    pass": "iteration over a 0-d tensor",
    "d = 5\nd[0] = 3": "'int' object does not support item assignment",
    "with ones(2):\n    y = 1": "a tensor of shape [2] is no context for `with`",
    "break": "'break' outside loop",
    "return 1": "'return' outside function",
    "from os import path": "cannot import `os`",
    "import torch\ntorch.hub": "`torch` has no `hub` here",
    "x = param(ones(2))*1\nx += ones(2, dtype=complex128)":
        "result type ComplexDouble can't be cast to the desired output type Double",
    "x = ones(2, dtype=int64)\nx += ones(2)":
        "result type Double can't be cast to the desired output type Long",
    "from torch.nn import nope": "cannot import `nope` from `torch.nn`",
    "f = sin\nf.name": "the function `sin` has no attribute `name`",
    "x = max([])": "max() arg is an empty sequence",
    "sum()": "sum() missing argument 'input'",
    "sum([[1., 2.], [3.]])": "unsupported operand type(s) for +: 'int' and 'list'",
    "x = ones(2)\nassert allclose(x)": "allclose() takes two tensors",
    "x = ones(2)\nassert equal(x)": "equal() missing argument 'other'",
    "x = linalg.svd(eye(2))\nx['a']": "tuple indices must be integers or slices, not str",
    "x = param(ones(3))\nv = x[1:]\nx[0] = 1":
        "a view of a leaf Variable that requires grad is being used in an in-place operation.",
    "matmul(2., ones(2))": "matmul(): argument 'input' must be a Tensor, not float",
    "dot(ones(2), 2.)": "dot(): argument must be a Tensor, not float",
    "x = {1: 2, 3}": "expected an operator or `:` here",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_a_refusal_says_what_is_wrong_and_where(text: str) -> None:
    with pytest.raises(GradcliError) as caught:
        loads(text)
    assert REFUSED[text] in caught.value.message, caught.value.message
    assert caught.value.span is not None
    assert caught.value.source is not None
    line = caught.value.source.line_of(caught.value.span)
    assert line <= text.count("\n") + 1
