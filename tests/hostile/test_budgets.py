"""Every budget counts everything: steps, texts, lists, integers, output, operations."""

from __future__ import annotations

import pytest

from gradcli import loads
from gradcli.errors import LimitFault
from tests.hostile import memory
from tests.hostile.child import Outcome, outcomes

SMALL = {"max_memory": 100 << 20, "max_steps": 50_000}
LAMBDAS = "f0 = lambda x: x\n" + "".join(
    f"f{i} = lambda x: f{i - 1}(f{i - 1}(x))\n" for i in range(1, 60)
)
LISTS = "s = [1]\nfor i in range(40):\n    s = [s, s]\n"

# a program, and a word of the error: each would take hours, or all the memory that there is
PROGRAMS = {
    # steps
    LAMBDAS + "y = f59(1)": "more than 50,000 steps",
    "for i in range(1000):\n    for j in range(1000):\n        pass": "more than 50,000 steps",
    "y = [j for i in range(1000) for j in range(1000)]": "more than 50,000 steps",
    "y = sum(range(10**9))": "limit of 50,000",
    "x = [0]\nfor i in x:\n    x.append(i)": "more than 50,000 steps",
    "for i in range(300):\n    x = sorted(range(300))": "more than 50,000 steps",
    "while True: pass": "more than 50,000 steps",
    "def f(n): return f(n - 1) + f(n - 1) if n else 1\nf(100)": "more than 50,000 steps",
    "def f():\n    try: f()\n    finally: f()\nf()": "more than 50,000 steps",
    "def f():\n    try: f()\n    except RecursionError: f()\nf()": "more than 50,000 steps",
    "while True:\n    try: raise ValueError(1)\n    except ValueError: pass": "50,000 steps",
    "while True:\n    try: break\n    finally: continue": "more than 50,000 steps",
    "def g():\n    while True: yield 1\nlist(g())": "more than 50,000 steps",
    "def g():\n    try: yield 1\n    finally:\n        while True: pass\n"
    "for x in g(): break\nfor x in [1]: pass": "more than 50,000 steps",
    "class A:\n    def __iter__(self): return self\n    def __next__(self): return 1\n"
    "list(A())": "more than 50,000 steps",
    "class A:\n    def __hash__(self): return 1\ns = {A() for i in range(3000)}": "50,000 steps",
    "class A:\n    def __getattr__(self, name): return self.x\nA().y": "more than 200 deep",
    "class A:\n    def __eq__(self, other): return self == other\nA() == A()": "200 deep",
    "class A:\n    def __repr__(self): return repr(self)\nprint(A())": "200 deep",
    "class A: pass\na = A()\nA.__call__ = a\na()": "200 deep",
    "def g(x):\n    for i in x: yield i\nx = [1]\nfor i in range(300): x = g(x)\nlist(x)":
        "more than 200 deep",
    "d = {str(i): i for i in range(1000)}\ndef f(**k): pass\nwhile True: f(**d)": "50,000 steps",
    "d = {i: i for i in range(10000)}\nwhile True:\n    match d:\n        case {1: 1, **r}: pass":
        "more than 50,000 steps",
    "while True:\n    try: [].x\n    except AttributeError: pass": "more than 50,000 steps",
    # classes
    "class A: pass\nfor i in range(1000):\n    class A(A): pass": "more than 500 classes",
    "class A: pass\nB = A\nfor i in range(1000):\n    class X(B): pass\n    class Y(B): pass\n"
    "    class B(X, Y): pass": "more than 500 classes",
    "import torch\ns = torch.nn.Sequential(torch.nn.ReLU())\ns.append(s)\nprint(s)": "200 deep",
    "import torch\nm = torch.nn.Identity()\nfor i in range(60): m = torch.nn.Sequential(m, m)\n"
    "m(torch.ones(2))": "more than 50,000 steps",
    "import torch\nw = torch.ones(2, requires_grad=True)\no = torch.optim.LBFGS([w])\ndef c():\n"
    "    while True: pass\no.step(c)": "more than 50,000 steps",
    # texts
    "s = 'a'\nfor i in range(60):\n    s = s + s": "more than 1,000,000",
    "s = 'a' * 10**10": "more than 1,000,000",
    "s = f'{1:1000000000}'": "wider than 10,000",
    "s = '%1000000000d' % 1": "wider than 10,000",
    "s = ('%9999d' * 1000) % ((1,) * 1000)": "1,000,000 characters",
    "s = ('%(a)s' * 1000) % {'a': 'a' * 10**6}": "1,000,000 characters",
    "s = ('{0}' * 300000).format('a' * 10**6)": "1,000,000 characters",
    "s = ('a' * 10**6).join(['b'] * 1000)": "1,000,000 characters",
    "s = ('a' * 10**6).replace('', 'b' * 1000)": "1,000,000 characters",
    "s = 'a'.center(tensor(10**10))": "1,000,000 characters",
    "x = []\nfor i in range(10000):\n    x.append('a' * 10**6)": "limit of 100 MiB",
    "x = ['a' * 10**6 for i in range(10000)]": "limit of 100 MiB",
    "x = {}\nfor i in range(10000):\n    x[i] = [0] * 10**5": "limit of 100 MiB",
    "for i in range(10000):\n    print('a' * 10**6)": "characters",
    "set_printoptions(threshold=inf)\nprint(zeros(5000000))": "elements",
    LISTS + "print(s)": "more than 4,000,000 characters",
    # integers
    "x = 10**10**10": "bits",
    "x = 1 << 10**10": "bits",
    "x = 2**4000\nfor i in range(10000):\n    x = x + x": "bits",
    "x = int('f' * 10**6, 16)": "4,300 characters",
    "x = 0x" + "f" * 10**6: "digits",
    "import math\nx = math.factorial(10**7)": "factorial",
    "import math\nx = math.comb(10**7, 10**6)": "comb",
    "import math\nx = math.prod([2**1000] * 100)": "bits",
    # operations
    "y = zeros(10**5, 10**5)": "limit of 100 MiB",
    "y = one_hot(tensor([10**9]))": "limit of 100 MiB",
    "y = repeat_interleave(tensor([1.]), tensor([10**10]))": "limit of 100 MiB",
    "y = vander(tensor([1., 2.]), N=10**9)": "limit of 100 MiB",
    "y = cdist(zeros(1000, 500), zeros(1000, 500))": "limit of 100 MiB",
    "y = pdist(zeros(2000, 50))": "limit of 100 MiB",
    "y = combinations(arange(2000.), r=3)": "limit of 100 MiB",
    "y = mvlgamma(tensor([1e10]), 10**9)": "steps",
    "y = tensor(1.).expand(10**9).clone()": "limit of 100 MiB",
    "y = tensor(1.).expand(10**9).logsumexp(0)": "limit of 100 MiB",
    "y = linalg.svd(rand(1500, 1500))": "limit of 100 MiB",
    "y = linalg.svd(rand(500, 500))": "steps",
    "y = linalg.inv(rand(1500, 1500))": "limit of 100 MiB",
    "w = ones(1, 1, 500, 500)\ny = conv2d(zeros(1, 1, 999, 999), w)": "limit of 100 MiB",
    "x = rand(100, 300, requires_grad=True)\ny = cdist(x, rand(100, 300)).sum()\n"
    "y.backward()": "the gradient of",
}  # fmt: skip
HARMLESS = {
    f"match 7:\n    case {'|'.join(map(str, range(8, 3000)))}: print(1)\n    case _: print(2)": (
        "2",
    ),
    f"match 7:\n    case {'[' * 300}7{']' * 300}: print(1)\n    case _: print(2)": ("2",),
    "s = ''\nfor i in range(1000):\n    s = s + f'{i}, '\nprint(len(s))": ("4890",),
    "x = round(5, -10**9)\nprint(x)": ("0",),
    "print(one_hot(tensor([15000])).sum())": ("tensor(1)",),
}


@pytest.fixture(scope="module")
def found() -> dict[str, Outcome]:
    texts = [*PROGRAMS, *HARMLESS]
    programs = [{"text": text, **SMALL} for text in texts]
    return dict(zip(texts, outcomes(programs), strict=False))


@pytest.mark.parametrize("text", PROGRAMS)
def test_what_takes_too_much_is_refused_before_it_does(
    text: str, found: dict[str, Outcome]
) -> None:
    outcome = found[text]
    assert outcome["kind"].endswith("Fault"), outcome
    assert PROGRAMS[text] in outcome["error"]
    assert "nested too deeply" not in outcome["error"]
    assert outcome["line"] is not None


@pytest.mark.parametrize("text", HARMLESS)
def test_what_takes_little_is_not_refused(text: str, found: dict[str, Outcome]) -> None:
    assert tuple(found[text]["printed"]) == HARMLESS[text]


def test_running_out_of_memory_is_said_to_be_that_with_its_place() -> None:
    text = "x = zeros(1000)\ny = zeros(10**6, 10**6)\n"
    (outcome,) = outcomes([{"text": text, "max_memory": 1 << 60}])
    assert outcome["kind"] == "LimitFault"
    assert "out of memory" in outcome["error"]
    assert outcome["line"] == 2


def test_a_program_of_as_many_steps_as_are_allowed_is_run() -> None:
    text = "for i in range(10):\n    pass"
    assert loads(text, max_steps=11).nodes == ()  # the call of range() is one
    with pytest.raises(LimitFault, match="more than 10 steps"):
        loads(text, max_steps=10)


# rows that allocate many times what they return, and some that do not
WATCHED = ("_cdist", "pdist", "logsumexp", "linalg.vector_norm", "var.correction", "sigmoid",
           "linalg.solve_triangular", "mode", "linalg.matrix_exp", "addr", "elu")  # fmt: skip


def test_rows_allocate_no_more_than_they_say() -> None:
    chosen = [c for c in memory.calls() if c.row.name in (*WATCHED, "cdist")]
    shares = memory.shares_of(chosen)
    assert set(WATCHED) <= set(shares)
    assert {name: share for name, share in shares.items() if share > 1.05} == {}
