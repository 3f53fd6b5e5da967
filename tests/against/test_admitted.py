"""Files of strangers under `--against torch`: what the language lacks is refused before it runs."""

import ast
from typing import Any

import pytest

from gradcli.against.admitted import admitted
from gradcli.against.sides import against
from gradcli.against.torch_names import names_for
from gradcli.errors import InputFault, Source
from gradcli.session import run

# a way out of the language, and what is refused of it
HOSTILE = {
    # modules and what imports name
    "import os": "import os",
    "import torch.hub": "import torch.hub",
    "import torch as __builtins__": "__builtins__",
    "from os import system": "from os import",
    "from . import secrets": "from . import",
    "from numpy import load": "from numpy import load",
    "from numpy import load as ld": "from numpy import load",
    "from torch import load as ld": "from torch import load",
    "from torch import from_file": "from torch import from_file",
    "from torch import hub": "from torch import hub",
    "from torch import os": "from torch import os",
    "from torch import *": "from torch import *",
    "from torch.autograd import Function": "from torch.autograd import Function",
    # attributes
    "import torch\ntorch.load('x')": ".load",
    "import numpy as np\nnp.load('x', allow_pickle=True)": ".load",
    "import torch\ntorch.from_file('x', True, 8)": ".from_file",
    "import torch\ntorch.import_ir_module('x')": ".import_ir_module",
    "import torch\ntorch.hub.load_state_dict_from_url('x')": ".load_state_dict_from_url",
    "import torch\ntorch.serialization": ".serialization",
    "import torch\ntorch.ops.load_library('x')": ".load_library",
    "import torch\ntorch.nn.functional.torch.os.system('x')": ".system",
    "x.__class__.__base__.__subclasses__()": "__subclasses__",
    "x.tofile('x')": ".tofile",
    "x.numpy().dump('x')": ".dump",
    "x.numpy().ctypes": ".ctypes",
    "x.register_hook(print)": ".register_hook",
    "(lambda: 0).__globals__": "__globals__",
    "(i for i in x).gi_frame": ".gi_frame",
    "x._backward_hooks": "._backward_hooks",
    # attributes that a format names
    "'{0.__class__}'.format(x)": ".format",
    "str.format('{0.__class__}', x)": ".format",
    "'{a.b}'.format_map(x)": ".format_map",
    "f'{x.__class__}'": "__class__",
    "f'{x:{x.__class__}}'": "__class__",
    # names
    "__import__('os')": "__import__",
    "__builtins__": "__builtins__",
    "__bound__('torch', 'hub')": "__bound__",
    "eval('1')": "eval",
    "exec('1')": "exec",
    "open('x', 'w')": "open",
    "compile('1', 'x', 'exec')": "compile",
    "getattr(x, 'y')": "getattr",
    "ｅval('1')": "eval",
    "__builtins__ = {}": "__builtins__",
    "def __import__(x):\n    return x": "__import__",
    "f = lambda __class__: 1": "__class__",
    "f(__class__=1)": "__class__",
    # what is written to
    "import torch\ntorch.exp = x": ".exp",
    "import torch\ntorch.exp += x": ".exp",
    "import torch\nfor torch.exp in [x]: pass": ".exp",
    "import torch\n[1 for torch.exp in [x]]": ".exp",
    "import torch\nwith f() as torch.exp: pass": ".exp",
    "import torch\na, torch.exp = x": ".exp",
    "import torch\ntorch.exp: float = x": ".exp",
    "import torch\ndel torch.exp": "Delete",
    # statements and expressions
    "(y := x)": "NamedExpr",
    "global x": "Global",
    "while True: pass": "While",
    "try: pass\nexcept BaseException: pass": "Try",
    "raise x": "Raise",
    "class A: pass": "ClassDef",
    "async def f(): pass": "AsyncFunctionDef",
    "def f():\n    yield x": "Yield",
    "match x:\n    case object(__class__=y): pass": "Match",
    "{**x}": "Dict",
    "@open\ndef f(): pass": "open",
    "def f(x=open('x')): pass": "open",
    "def f(x: open('x')): pass": "open",
    "y: open('x') = 1": "open",
    "assert open('x')": "open",
}
HARMLESS = (
    "from torch import exp, nn, int64 as i\nfrom torch.nn import functional as F\ny = F.relu(x)",
    "from __future__ import annotations\nimport typing, torch, math\ny = x * math.pi",
    "def f(x: torch.Tensor, k: int = 2) -> float:\n    return x**k\ny = f(x)",
    "y = [a for a in x if a > 0]\nz = sum(a for a in x)\ns = f'{x!r:>10}'",
    "import torch\nwith torch.no_grad():\n    y = x",
    "u, s, vh = linalg.svd(x)\nwith no_grad():\n    w -= 0.1*w.grad\nw.grad = linalg.qr(x).Q",
    "t = {'a': x, 1: {x}}\ndel t['a']\nd = {i: j for i, j in t.items()}\ns = {len(d)}\ndel s",
    "'{} {:.3f}'.format(x, 2.0).strip().replace('0', 'o')\nt = [3, 1]\nt.sort()",
    "x.add_(1).mul_(2)\nx[0, ..., ::2, None] = 1\nn = x.shape[0] if x.is_leaf else -1",
)
REACHED = (  # by names that are admitted, from what stands in for modules
    "torch.nn.grad", "torch.nn.functional.grad", "torch.autograd.load", "np.save", "torch.Tensor",
    "torch.linalg.torch", "np.random.default_rng",
)  # fmt: skip


PLACES = ("{}", "if False:\n    {}", "f = lambda: 0\ndef g():\n    {}")
PLACED = [  # import * within a function is no Python
    (text, where) for text in HOSTILE for where in PLACES
    if "import *" not in text or "def" not in where
]  # fmt: skip


@pytest.mark.parametrize(("text", "where"), PLACED)
def test_a_hostile_file_is_refused_before_anything_runs(text: str, where: str) -> None:
    whole = where.format(text.replace("\n", "\n    " if where != "{}" else "\n"))
    with pytest.raises(InputFault, match="is not run as Python") as caught:
        admitted(Source("<test>", whole))
    assert HOSTILE[text] in caught.value.message


@pytest.mark.parametrize("text", HARMLESS)
def test_what_the_language_has_is_admitted(text: str) -> None:
    compile(admitted(Source("<test>", text)), "<test>", "exec")


def test_claims_and_annotations_are_left_out() -> None:
    tree = admitted(Source("<test>", "assert x\nw: float64[n]\ny: float64[n] = x\n"))
    assert ast.unparse(tree) == "pass\npass\ny = x"


def test_a_text_that_is_no_python_is_an_error_of_the_file() -> None:
    for text in ("y = (", "y = " + "-" * 100_000 + "1", "y\0"):
        with pytest.raises(InputFault, match="cannot be read as Python"):
            admitted(Source("<test>", text))


@pytest.mark.parametrize("path", REACHED)
@pytest.mark.parametrize("imports", ["", "import torch, numpy as np\n"])
def test_modules_have_what_the_language_has_and_no_modules(
    path: str, imports: str, torch: Any
) -> None:
    session = run(Source("<test>", f"{imports}w = param(1.)\n".replace("param", "float")))
    scope = names_for(session, torch)
    if imports:
        exec(compile(admitted(Source("<test>", imports)), "<test>", "exec"), scope)
    found, *rest = path.split(".")
    with pytest.raises(AttributeError):  # noqa: PT012 - any of the steps
        value = scope[found]
        for name in rest:
            value = getattr(value, name)


def test_no_bare_name_is_a_module_or_reads_files(torch: Any) -> None:
    scope = names_for(run(Source("<test>", "w = 1\n")), torch)
    for name in ("from_file", "hub", "os", "sys", "import_ir_module", "open", "save", "utils"):
        assert name not in scope
    assert not any(type(value).__name__ == "module" for value in scope.values())


def test_a_module_is_not_assigned_to(torch: Any) -> None:
    scope = names_for(run(Source("<test>", "w = 1\n")), torch)
    with pytest.raises(AttributeError, match="not assigned to"):
        scope["torch"].grad = None


def test_nothing_of_pytorch_is_left_changed(torch: Any) -> None:
    before = torch.rand, torch.get_default_dtype(), torch.manual_seed
    text = "import torch\ntorch.set_default_dtype(torch.float32)\nw = torch.rand(2)\n"
    found = against(run(Source("<test>", text)), "torch")
    assert [c.differs for c in found.tensors] == [()]
    assert (torch.rand, torch.get_default_dtype(), torch.manual_seed) == before
