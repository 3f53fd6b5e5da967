"""NumPy's and Python's random numbers, against NumPy and Python themselves."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from gradcli.errors import GradcliError, Source
from gradcli.graph import Node
from gradcli.session import Request, run
from gradcli.trace import Options

SIZES = ("", "3", "(2, 3)")
# calls of a generator `g` of either kind, of the old kind, and of the new kind
BOTH = (
    *(f"g.{name}{rest}" for name in ("normal", "uniform") for rest in (
        "()", "(1.0, 2.5)", "(size=4)", "(0, 1, (2, 3))", "(1.0, 2.0, 5)", "([1.0, 2.0], 3.0)")),
    "g.exponential(2.0, 4)", "g.standard_cauchy(3)", "g.binomial(10, 0.3, 5)",
    "g.binomial(10, 0.3)",
    "g.poisson(4.0, 5)", "g.geometric(0.3, 5)", "g.beta(0.5, 2.0, 4)", "g.gamma(2.0, 3.0, 4)",
    "g.gamma(shape=2.0, size=3)", "g.lognormal(0.5, 0.2, 4)", "g.chisquare(3, 4)",
    "g.laplace(0.0, 2.0, 4)", "g.standard_t(5, 4)", "g.logistic(size=3)", "g.rayleigh(2.0, 3)",
    "g.gumbel(size=3)", "g.weibull(2.0, 3)", "g.triangular(0, 1, 3, 4)",
    "g.multivariate_normal([0.0, 1.0], [[1.0, 0.5], [0.5, 2.0]], 3)",
    "g.multivariate_normal([0.0, 1.0], [[1.0, 0.5], [0.5, 2.0]])",
    "g.dirichlet([1.0, 2.0, 3.0], 2)", "g.multinomial(20, [0.2, 0.3, 0.5], 3)",
    "g.standard_normal()", "g.standard_normal((2, 3))", "g.standard_exponential(4)",
    "g.random()", "g.random(4)", "g.random((2, 3))", "g.permutation(7)",
    "g.permutation(np.arange(6.0))", "g.permutation(np.arange(6.0).reshape(3, 2))",
    "g.permutation([5, 6, 7, 8])", "g.choice(5)", "g.choice(5, 3)", "g.choice(5, (2, 3))",
    "g.choice(9, 4, replace=False)", "g.choice([1.5, 2.5, 3.5], 4)",
    "g.choice(np.arange(6.0), 4, False)", "g.choice(3, 9, p=[0.1, 0.2, 0.7])",
    "g.choice(['a', 'b', 'c'], 5)", "g.choice(['a', 'b', 'c'])",
)  # fmt: skip
OLD = (
    "g.rand()",
    "g.rand(3)",
    "g.rand(2, 3)",
    "g.randn()",
    "g.randn(20)",
    "g.randn(2, 3, 2)",
    "g.randint(5)",
    "g.randint(0, 9, 6)",
    "g.randint(2, 9, size=(2, 3))",
    "g.random_sample(3)",
)
OF_THE_MODULE = ("g.ranf(2)", "g.sample(2)")
NEW = (
    "g.integers(5)",
    "g.integers(0, 9, 6)",
    "g.integers(1, 6, size=(2, 3), endpoint=True)",
    "g.random(3, dtype=np.float32)",
    "g.standard_normal(3, dtype=np.float32)",
)
IN_PLACE = ("np.arange(6.0)", "np.arange(6.0).reshape(3, 2)", "[1, 2, 3, 4, 5]", "['a', 'b', 'c']")
MADE = (
    *(("np.random.RandomState(7)", text) for text in (*BOTH, *OLD)),
    *(("np.random.default_rng(7)", text) for text in (*BOTH, *NEW)),
    ("np.random.default_rng([1, 2])", "g.random(2)"), ("np.random.RandomState([3, 4])", "g.rand()"),
    *((kind, f"g.shuffle(x) or x : {x}") for x in IN_PLACE
      for kind in ("np.random.RandomState(7)", "np.random.default_rng(7)")),
)  # fmt: skip
# calls of `r`, which stands for Python's module or for a generator of it
PYTHON = (
    "r.random()", "r.uniform(2, 5)", "r.gauss(0, 1)", "r.gauss(mu=1, sigma=2.0)", "r.randint(1, 6)",
    "r.normalvariate(1, 2)", "r.lognormvariate(0, 1)", "r.expovariate(2.0)", "r.betavariate(1, 2)",
    "r.gammavariate(2, 3)", "r.triangular(0, 1, 0.3)", "r.vonmisesvariate(1, 2)",
    "r.paretovariate(2)", "r.weibullvariate(1, 2)", "r.randrange(10)", "r.randrange(3, 40, 4)",
    "r.choice([3, 5, 7])", "r.choice('abc')", "r.sample(range(20), 5)", "r.sample(['a', 'b'], 2)",
    "r.choices([1, 2, 3], k=6)", "r.choices('abc', [1, 2, 7], k=6)",
    "r.choices([1, 2], cum_weights=[1, 5], k=4)", "r.getrandbits(70)",
)  # fmt: skip
SEEDS = ("0", "12345", "'text'", "2.5", "-3")
REFUSED = (
    "np.random.choice(3, 5, replace=False)", "np.random.choice([])", "np.random.randint(5, 5)",
    "np.random.normal(0, -1)", "np.random.rand(10**12)", "np.random.permutation(10**12)",
    "np.random.seed('x')", "np.random.RandomState(-1)", "np.random.default_rng(-1)",
    "np.random.default_rng(1).bit_generator", "np.random.RandomState(1).__reduce__",
    "np.random.RandomState(1).get_state()", "np.random.default_rng(1).spawn(2)",
    "np.random.choice(10**13, 2, replace=False)", "np.random.shuffle(3)", "np.random.normal('a')",
    "np.random.binomial(-1, 0.5)", "random.choice([])", "random.sample([1], 2)",
    "random.randint(5, 1)", "random.seed([1])", "random.getrandbits(10**9)",
    "random.choices([1], k=10**9)", "random._inst", "random.SystemRandom()", "random.shuffle(3)",
    "random.Random(1).getstate()", "random.randint(10**5000, 10**5001)",
)  # fmt: skip


def here(text: str) -> Any:
    """Return what a file has under the name `y`, tensors as arrays."""
    made = run(Source("<test>", text), Options(), Request(backward=False)).tracer.scope["y"]
    return made.value if isinstance(made, Node) else made


def there(text: str) -> Any:
    scope: dict[str, Any] = {}
    exec(text, scope)
    return scope["y"]


@pytest.mark.parametrize(("make", "text"), MADE)
def test_numpys_generators_give_numpys_numbers(make: str, text: str) -> None:
    call, _, x = text.partition(" : ")
    lines = ["import numpy as np", f"g = {make}", f"x = {x or 0}"]
    lines += ["g.shuffle(x)", "y = x"] if x else [f"first = {call}", f"y = {call}"]
    found, wanted = here("\n".join(lines) + "\n"), there("\n".join(lines))
    if not isinstance(wanted, list):
        assert np.asarray(found).dtype.kind == np.asarray(wanted).dtype.kind
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("seed", ["0", "42", "[1, 2, 3]"])
def test_numpys_module_gives_numpys_numbers_after_a_seed(seed: str) -> None:
    text = f"import numpy as np\nnp.random.seed({seed})\n" + "\n".join(
        f"{call.replace('g.', 'np.random.')}" for call in (*BOTH, *OLD, *OF_THE_MODULE)
    )
    text += "\ny = np.random.rand(5)\n"
    np.testing.assert_array_equal(here(text), there(text))


@pytest.mark.parametrize("seed", SEEDS)
def test_pythons_module_gives_pythons_numbers_after_a_seed(seed: str) -> None:
    state = random.getstate()
    text = f"import random as r\nx = [1, 2, 3, 4]\nr.seed({seed})\nr.shuffle(x)\ny = [x]\n"
    text += "".join(f"y.append({call})\n" for call in PYTHON)
    assert here(text) == there(text.replace("import random as r", "import random\nr = "
                                            "random.Random()"))  # fmt: skip
    assert random.getstate() == state
    own = text.replace("import random as r", "import random\nr = random.Random(5)")
    assert here(own) == there(own)


@pytest.mark.parametrize("text", REFUSED)
def test_what_a_generator_does_not_do_is_refused_in_words(text: str) -> None:
    with pytest.raises(GradcliError) as caught:
        here(f"import numpy as np\nimport random\ny = {text}\n")
    assert "internal" not in caught.value.message


def test_without_a_seed_a_file_draws_the_same_numbers_every_time() -> None:
    text = "import numpy as np\nimport random\ny = [np.random.rand(), random.random(), "
    text += "np.random.default_rng().random(), np.random.RandomState().rand()]\n"
    assert here(text) == here(text)
    assert here(text)[0] == np.random.RandomState(0).rand()


def test_rows_that_are_chosen_keep_their_gradients() -> None:
    text = "import numpy as np\nw = param([1., 2., 3.])\ng = np.random.RandomState(1)\n"
    text += "i = np.random.RandomState(1).permutation(3)\nz = g.permutation(w)\n"
    text += "(z * i).sum().backward()\ny = w.grad\n"
    order = np.random.RandomState(1).permutation(3)
    wanted = np.zeros(3)
    wanted[order] = order
    np.testing.assert_array_equal(here(text), wanted)
