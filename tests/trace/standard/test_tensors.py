"""Python's functions and modules on tensors: what they keep of the graph, and what they refuse."""

from __future__ import annotations

import pytest

from gradcli import loads
from gradcli.errors import GradcliError

PRINTED = {  # what PyTorch and Python print
    "import copy\na = torch.tensor([1., 2.], requires_grad=True)\nb = copy.deepcopy(a)\n"
    "print(b.requires_grad, b.is_leaf, b is a)\nb.data[0] = 9.\nprint(a[0].item(), b[0].item())":
    "True True False\n1.0 9.0",
    "import copy\na = torch.tensor([1., 2.])\nb = copy.copy(a)\na[0] = 5.\nprint(b[0].item())":
    "5.0",
    "import copy\na = torch.tensor([1., 2.])\nxs = [a, a]\nys = copy.deepcopy(xs)\n"
    "print(ys[0] is ys[1], ys[0] is a)": "True False",
    "import copy\na = torch.tensor(3., requires_grad=True)\n(a * a).backward()\n"
    "b = copy.deepcopy(a)\nprint(b.grad.item(), b.grad is a.grad)": "6.0 False",
    "a = torch.tensor(1.)\nprint(isinstance(a, torch.Tensor), isinstance(1., torch.Tensor))":
    "True False",
    "import torch.nn as nn\np = nn.Parameter(torch.tensor(1.))\n"
    "print(isinstance(p, nn.Parameter), isinstance(p, torch.Tensor), isinstance(p * 1, "
    "nn.Parameter))": "True True False",
    "a = torch.tensor([1., 2.])\nprint(type(a), type(a) is torch.Tensor, type(a.shape), "
    "type(a.dtype))":
    "<class 'torch.Tensor'> True <class 'torch.Size'> <class 'torch.dtype'>",
    "a = torch.tensor([1., 2.])\nprint(isinstance(a.shape, tuple), isinstance(a.shape, torch.Size),"
    " isinstance(a.dtype, torch.dtype))": "True True True",
    "a = torch.tensor([1., 2., 3.])\nprint(sum(map(lambda x: x * x, a)).item(), "
    "[x.item() for x in reversed(list(a))], max(a, key=lambda x: -x).item())":
    "14.0 [3.0, 2.0, 1.0] 1.0",
    "a = torch.tensor(2.5)\nprint(f'{a:.2f} {a:>8.1f}|{a:{6}.{2}f}', '{:.3f}'.format(a), "
    "'%.1f' % a, format(a, '.1e'))": "2.50      2.5|  2.50 2.500 2.5 2.5e+00",
    "from functools import reduce\na = torch.tensor(2., requires_grad=True)\n"
    "y = reduce(lambda p, q: p * q, [a, a, a])\ny.backward()\nprint(y.item(), a.grad.item())":
    "8.0 12.0",
    "from itertools import accumulate\na = torch.tensor([1., 2., 3.])\n"
    "print([x.item() for x in accumulate(a)])": "[1.0, 3.0, 6.0]",
    "import operator\na = torch.tensor(2.)\nprint(operator.mul(a, 3).item(), operator.attrgetter("
    "'shape')(a), operator.itemgetter(0)(torch.tensor([5.])).item())": "6.0 torch.Size([]) 5.0",
    "a = torch.tensor([1.])\nprint(getattr(a, 'shape'), hasattr(a, 'nope'), getattr(torch, 'sin')"
    "(a * 0).item(), hasattr(torch, 'nope'))": "torch.Size([1]) False 0.0 False",
    "a = torch.tensor(1., requires_grad=True)\nsetattr(a, 'grad', torch.tensor(2.))\n"
    "print(a.grad.item(), {a: 1}[a], hash(a) == hash(a), id(a) == id(a))": "2.0 1 True True",
    "from collections import deque, Counter\nd = deque(maxlen=2)\nfor i in range(3):\n"
    "    d.append(torch.tensor(float(i)))\nprint(d, sum(d).item())":
    "deque([tensor(1.), tensor(2.)], maxlen=2) 3.0",
}  # fmt: skip

REFUSED = {  # and a part of the message
    "import copy\na = torch.tensor(1., requires_grad=True)\ncopy.deepcopy(a * 2)":
    "Only Tensors created explicitly by the user",
    "torch.Tensor(2, 3)": "memory that was never written",
    "import statistics\nstatistics.mean([torch.tensor(1.)])": "mean() takes numbers, not tensors",
    "import json\njson.dumps(torch.tensor(1.))": "Object of type Tensor is not JSON serializable",
}  # fmt: skip


@pytest.mark.parametrize("program", PRINTED)
def test_a_program_with_tensors_prints_what_pytorch_prints(program: str) -> None:
    assert "\n".join(loads(f"import torch\n{program}").printed) == PRINTED[program]


@pytest.mark.parametrize("program", REFUSED)
def test_what_has_no_meaning_for_tensors_is_refused(program: str) -> None:
    with pytest.raises(GradcliError) as refused:
        loads(f"import torch\n{program}")
    assert REFUSED[program] in refused.value.message
