"""SciPy's special functions and Python's module math against SciPy and Python themselves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.special

from gradcli.errors import GradcliError
from tests.spellings.running import INPUTS, accepted, arrays, difference, evaluated, spelled
from tests.spellings.scalar_cases import DIFFERENT, MATH, REFUSED, SPECIAL

NAMES = {"np": np, "special": scipy.special, "math": math, **INPUTS}
SAME = [text for text in dict.fromkeys([*SPECIAL, *MATH]) if text not in {*REFUSED, *DIFFERENT}]
IMPORTS = "import math\nimport numpy as np\nfrom scipy import special"


def theirs(text: str) -> Any:
    """Return what the library makes of an expression."""
    return arrays(eval(text, NAMES))


@pytest.mark.parametrize("text", SAME)
def test_a_call_gives_what_the_library_gives(text: str) -> None:
    found, expected = arrays(evaluated(text, IMPORTS)), theirs(text)
    assert difference(found, expected, rtol=1e-8) is None
    if text.startswith("math."):
        assert type(found) is type(expected)


@pytest.mark.parametrize("text", DIFFERENT)
def test_a_call_that_differs_differs_as_the_table_says(text: str) -> None:
    found = arrays(evaluated(text, IMPORTS))
    assert difference(found, theirs(DIFFERENT[text])) is None
    assert difference(found, theirs(text)) is not None


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_here_is_refused(text: str) -> None:
    theirs(text)
    with pytest.raises(GradcliError):
        arrays(evaluated(text, IMPORTS))


def test_every_spelling_has_a_case() -> None:
    assert accepted(scipy.special, "scipy.special") == spelled(SPECIAL, "special")
    assert accepted(math, "math") - spelled(MATH, "math") <= {"sumprod"}  # of Python 3.12


@pytest.mark.parametrize(
    "text",
    ["math.sqrt(-1)", "math.log(0)", "math.exp(1000.0)", "math.gcd(1.5, 2)", "math.floor('a')",
     "math.comb(3, -1)", "math.acosh(0.5)", "math.pow(2)", "math.dist([1], [1, 2])"],
)  # fmt: skip
def test_what_python_refuses_is_refused(text: str) -> None:
    with pytest.raises((TypeError, ValueError, ArithmeticError)):
        theirs(text)
    with pytest.raises(GradcliError):
        evaluated(text, IMPORTS)


@pytest.mark.parametrize(
    "text",
    ["math.factorial(10**6)", "math.comb(10**6, 10**5)", "math.perm(10**5)", "math.remainder(s, 2)",
     "math.prod(v)", "math.isclose(s, s)", "math.dist(v, w)", "math.modf(s)", "math.nothing",
     "math._private", "special.jvp", "special.sum", "special.relu"],
)  # fmt: skip
def test_what_has_no_bound_or_no_such_meaning_is_refused(text: str) -> None:
    with pytest.raises(GradcliError):
        evaluated(text, IMPORTS)


def test_on_a_tensor_a_function_of_math_is_an_operation() -> None:
    for name in ("exp", "sin", "sqrt", "erf", "lgamma", "atan2", "fmod", "copysign", "hypot"):
        both = name in ("atan2", "fmod", "copysign", "hypot")
        found = evaluated(f"math.{name}(s, s + 1)" if both else f"math.{name}(s)", IMPORTS)
        args = (0.7, 1.7) if both else (0.7,)
        assert found.value == pytest.approx(getattr(math, name)(*args))
