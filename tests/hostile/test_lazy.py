"""Endless and deeply nested iterators, types and functions end with an error of the file."""

from __future__ import annotations

import pytest

from gradcli import loads
from gradcli.errors import GradcliError, LimitFault

SETUP = "import itertools, functools, collections, operator, copy, typing, json\n"
ENDLESS = (
    "list(itertools.count())", "sum(itertools.repeat(1))", "max(itertools.cycle([1]))",
    "list(itertools.product(range(100), repeat=20))", "sorted(itertools.permutations(range(20)))",
    "list(itertools.combinations(range(60), 30))", "collections.deque(itertools.count())",
    "list(itertools.dropwhile(lambda x: True, itertools.count()))",
    "list(filter(lambda x: False, itertools.count()))", "dict.fromkeys(itertools.count())",
    "list(itertools.chain.from_iterable(itertools.repeat([])))", "set(itertools.count())",
    "functools.reduce(lambda a, b: a, itertools.count())", "any(map(bool, itertools.repeat(0)))",
    "3 in itertools.count(4)", "list(iter(lambda: 1, 2))", "collections.Counter(itertools.count())",
    "next(filter(None, itertools.repeat(0)))", "''.join(itertools.repeat('a'))",
    "list(zip(itertools.count(), itertools.count()))", "tuple(enumerate(itertools.count()))",
    "[*itertools.count()]", "list(itertools.groupby(itertools.count()))",
    "list(itertools.accumulate(itertools.count()))", "json.dumps('a' * 900000) * 9999999",
    "list(itertools.compress(itertools.count(), itertools.repeat(0)))", "'{:9999999}'.format(1)",
    "'a'.expandtabs(1) + '\\t'.expandtabs(99999999)", "'%99999999d' % 1", "f'{1:{99999999}}'",
    "'{:{w}}'.format(1, w=99999999)", "'aaaa'.translate({97: 'b' * 900000}) * 4",
    "format(1, '99999999')", "list(itertools.tee(itertools.count(), 999999999))",
)  # fmt: skip
DEEP = (
    "x = iter([1])\nfor i in range(3000): x = map(abs, x)\nnext(x)",
    "x = iter([1])\nfor i in range(3000): x = itertools.chain.from_iterable([x])\nlist(x)",
    "x = iter([1])\nfor i in range(3000): x = itertools.chain(x)\nfor y in x: pass",
    "x = iter([1])\nfor i in range(3000): x = zip(x)\nnext(x)",
    "x = int\nfor i in range(3000): x = list[x]\nprint(x)",
    "x = frozenset([1])\nfor i in range(3000): x = frozenset([x])\nprint(x)",
    "x = [1]\nfor i in range(3000): x = collections.deque([x])\nprint(x)",
    "x = [1]\nfor i in range(3000): x = collections.deque([x])\ncopy.deepcopy(x)",
)
FREED = (
    "x = iter([1])\nfor i in range(30000): x = itertools.chain.from_iterable([x])\nx = 1",
    "x = [1]\nfor i in range(30000): x = collections.deque([x])\nx = 1",
    "f = abs\nfor i in range(30000): f = functools.partial(map, f)\nf = 1",
)


@pytest.mark.parametrize("text", ENDLESS)
def test_what_never_ends_meets_a_limit(text: str) -> None:
    with pytest.raises(LimitFault):
        loads(f"{SETUP}x = {text}", max_steps=200_000)


@pytest.mark.parametrize("program", DEEP)
def test_what_is_too_deep_is_refused(program: str) -> None:
    with pytest.raises(GradcliError) as refused:
        loads(SETUP + program)
    assert "cannot be computed" not in refused.value.message


@pytest.mark.parametrize("program", FREED)
def test_what_is_deep_and_dropped_is_freed(program: str) -> None:
    assert loads(SETUP + program).values["x" if "x = 1" in program else "f"] == 1
