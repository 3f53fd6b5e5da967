"""Calls of every function of the language: the arguments' counts, kinds, ranks, dtypes and values
are drawn at random, most of them such as the signature asks for, and some of any kind.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cache
from random import Random
from typing import NamedTuple

import numpy as np

from gradcli.ops import FUNCTIONS as ROWS
from gradcli.rule.dtypes import Array
from gradcli.rule.signature import REQUIRED, Signature
from gradcli.trace import functional, in_place
from gradcli.trace.attributes import METHODS
from gradcli.trace.builtins import DTYPE_NAMES, OTHERS
from gradcli.trace.containers import METHODS as OF_CONTAINERS
from gradcli.trace.numpy_forms import FORMS, FUNCTIONS, MAKERS, PRESET
from gradcli.trace.python import PYTHON
from gradcli.trace.scipy_forms import JAX_NN, JAX_NN_ROWS, JAX_SPECIAL, SPECIAL, SPECIAL_ROWS

# what the names in a call are
TENSORS: dict[str, Array] = {
    "s": np.array(0.5),
    "x": np.array([1.0, 2.0, 3.0]),
    "M": np.array([[0.5, -1.0, 2.0], [3.0, 0.25, -2.0]]),
    "A": np.array([[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 4.0]]),
    "T": np.arange(1, 13).reshape(2, 2, 3) / 7,
    "i": np.array([0, 2, 1]),
    "b": np.array([True, False, True]),
    "z": np.array([1 + 2j, 2 - 1j, 0.5j]),
    "e": np.zeros(0),
    "E": np.zeros((0, 3)),
    "n": np.array([np.nan, np.inf, -1.0]),
    "p": np.array([0.25, -2.0, 1.5]),
    "P": np.array([[0.1, 0.7, -0.3], [1.2, 2.5, 0.9]]),
    "Q": np.array([[4.0, 1.0, -1.0], [0.5, 3.0, 0.25], [1.0, -0.5, 2.0]]),
}
PARAMETERS = ("p", "P", "Q")  # those that require a gradient
MORE_TENSORS = ("x.float()", "x.half()", "x.bfloat16()", "P[0, 0]", "p.float()", "P.T", "M.T",
                "i.int()", "i[0]", "tensor([1, 2], dtype=uint8)", "A[None]", "T[0, 0, 0]", "M > 0",
                "tensor([9, -9])", "ones(1, 2, 3, 4)", "T.to(complex64)")  # fmt: skip
ANY_TENSOR = (*TENSORS, *TENSORS, *MORE_TENSORS)
WHOLE = ("0", "1", "2", "3", "-1", "-2", "7")
NUMBERS = (*WHOLE, "0.5", "-1.5", "2.0", "inf", "-inf", "nan", "1e400", "2j", "True", "10**6",
           "2**63", "10**20", "-(10**12)", "1e-320", "1e308")  # fmt: skip
FUNCTION = ("(lambda a: a * a)", "(lambda a: a.sum())", "(lambda: 1)", "(lambda a, b: a)", "sum",
            "relu", "(lambda a: (a, 2))", "(lambda a: None)", "(lambda a: 'a')")  # fmt: skip
TEXTS = ("''", "'a'", "'mean'", "'sum'", "'none'", "'ij,jk->ik'", "'ii'", "'linear'", "'same'",
         "'reflect'", "'constant'", "'fro'", "'nuc'", "'tanh'", "'x.npz'", "'%d'",
         "'{}'")  # fmt: skip
DTYPES = ("float64", "float32", "float16", "bfloat16", "complex64", "bool", "uint8", "int64",
          "int8", "float", "int")  # fmt: skip
LISTS = ("[]", "()", "(0,)", "[1, 2]", "(1, 0)", "[1.5]", "[[1., 2.], [3., 4.]]", "[True]", "(-1,)",
         "[[1.], [2., 3.]]", "[1, 'a']", "['a']", "[None]", "(None, 1)", "[x, x]", "(x, M)", "[2j]",
         "[x, None]", "[x, 1]", "{}", "{'a': 1}", "{1}", "range(3)", "[[x]]", "zip([1], [2])",
         "x.shape", "[inf]", "[nan, 1]", "[10**20]", "(2**63,)", "(i, i)", "[s]", "[s, i]",
         "[p, P]", "max(M, 1)")  # fmt: skip
REST = ("None", "...", "torch", "nn", "torch.no_grad()", "x.grad_fn", "x.sum")
EVERYTHING = (*ANY_TENSOR, *NUMBERS, *FUNCTION, *TEXTS, *DTYPES, *LISTS, *REST)
RIGHT: dict[str, tuple[str, ...]] = {
    "tensor": ANY_TENSOR, "array": ANY_TENSOR, "operand": (*ANY_TENSOR, *NUMBERS),
    "index": ("i", "i", "i[0]", "tensor([[0, 1], [1, 0]])", "tensor([9, -9])", "e.long()"),
    "tensors": ("[x, x]", "[M, M]", "(s, s)", "[x, M]", "[i, x]", "[A]", "[]", "[e, x]", "M"),
    "int": WHOLE, "dim": WHOLE,
    "dims": ("0", "-1", "(0, 1)", "()", "(0, 0)", "(1, 0)", "5", "(2, 0, 1)", "(-1,)"),
    "sizes": ("2", "(2, 3)", "()", "(3,)", "(-1,)", "(0, 2)", "(6,)", "(10**6, 10**6)"),
    "ints": ("(1,)", "(1, 1)", "(0, 0)", "(2, -1)", "[3]"), "bool": ("True", "False"),
    "numbers": ("(0.5,)", "(1., 2.)"), "outputs": ("2", "(2, None)", "(1, 1)"),
    "str": TEXTS, "dtype": DTYPES, "number": NUMBERS, "real": NUMBERS, "scalar": NUMBERS,
    "any": EVERYTHING,
}  # fmt: skip
RIGHT |= {"arrays": RIGHT["tensors"], "axes": RIGHT["dims"]}
WORDS = ("dim", "axis", "dtype", "keepdim", "out", "oops", "size", "requires_grad", "inplace",
         "key", "default", "input", "other", "p", "n", "start", "end", "sep", "strict", "reverse",
         "argnums", "inputs", "v", "has_aux")  # fmt: skip
OF_CONTAINER = {"list": "[1, 2.0, x]", "tuple": "(1, 'a')", "Results": "max(M, 1)",
                "range": "range(3)", "dict": "{'a': 1, 2: x}", "set": "{1, 'b'}",
                "frozenset": "frozenset([1])", "str": "'a{} b'",
                "int": "(7)", "float": "(1.5)", "complex": "(2j)"}  # fmt: skip
# functions that give functions: what is called is their result
TRANSFORMS = {
    "grad", "value_and_grad", "jacobian", "hessian", "vmap", "jacrev", "jacfwd", "func.vmap",
    "func.grad_and_value", "func.jacrev", "func.hessian", "jax.grad", "jax.vmap", "jax.jit",
    "jax.value_and_grad", "autograd.elementwise_grad", "autograd.grad_and_aux", "autograd.make_vjp",
    "autograd.make_jvp", "autograd.hessian_vector_product", "autograd.grad", "no_grad",
    "enable_grad", "inference_mode",
}  # fmt: skip


class Called(NamedTuple):
    """A function as it is written before the bracket, and its signature, if that is known."""

    text: str
    signature: Signature | None = None
    given: int = 0  # parameters that are in the text already: a method's tensor

    def __str__(self) -> str:
        return self.text


@cache
def functions() -> tuple[Called, ...]:
    """Return every function of the language under every kind of name that it has."""
    found = [*_rows(), *_spellings(), *_methods()]
    found += [Called(name) for name in sorted({*PYTHON, *OTHERS, *DTYPE_NAMES})]
    found += [Called(f"torch.{name}") for name in sorted({*OTHERS, *DTYPE_NAMES})]
    found += [Called(f"math.{name}") for name in sorted(vars(math))
              if callable(getattr(math, name)) and not name.startswith("_")]  # fmt: skip
    found += [Called(f"{name}({f})") for name in sorted(TRANSFORMS) for f in FUNCTION[:4]]
    return tuple({f.text: f for f in found}.values())


def _rows() -> Iterator[Called]:
    for name, row in sorted(ROWS.items()):
        if name.startswith("_"):
            continue
        yield Called(name, row.signature)
        yield Called(f"torch.{name}", row.signature)
        if "." not in name:
            for receiver in ("x", "P", "i", "s"):
                yield Called(f"{receiver}.{name}", row.signature, 1)
            if name in in_place.METHODS:
                yield Called(f"x.clone().{name}_", row.signature, 1)
    for name in sorted(in_place.FUNCTIONS):
        signature = ROWS[name[:-1]].signature if name[:-1] in ROWS else None
        yield Called(f"torch.{name}", signature)
        yield Called(f"x.{name}", signature, 1)


def _spellings() -> Iterator[Called]:
    """Functions of NumPy, JAX and SciPy, and of torch.autograd.functional."""
    for prefix, forms in (("np", FORMS | MAKERS), ("scipy.special", SPECIAL),
                          ("jax.scipy.special", JAX_SPECIAL), ("jax.nn", JAX_NN)):  # fmt: skip
        for name, (text, _) in sorted(forms.items()):
            yield Called(f"{prefix}.{name}", Signature(name + text))
    for prefix, names in (("np", [*PRESET, *FUNCTIONS, *ROWS]), ("scipy.special", SPECIAL_ROWS),
                          ("jax.nn", JAX_NN_ROWS)):  # fmt: skip
        for name in sorted(names):
            path = PRESET.get(name, (name, {}))[0] if prefix == "np" else name
            if not name.startswith("_"):
                yield Called(f"{prefix}.{name}", ROWS[path].signature if path in ROWS else None)
    for name, signature in functional.SIGNATURES.items():
        yield Called(f"torch.autograd.functional.{name}", signature)
    for name in ("vjp", "jvp", "grad", "grad_and_value", "vmap", "jacrev", "jacfwd", "hessian"):
        yield Called(f"torch.func.{name}")
        yield Called(f"jax.{name}")
    for name in ("make_vjp", "make_jvp", "hessian_vector_product", "elementwise_grad", "grad"):
        yield Called(f"autograd.{name}")
    for name in ("rand", "randn", "normal", "randint", "uniform", "seed"):
        yield Called(f"np.random.{name}")


def _methods() -> Iterator[Called]:
    for name in sorted(METHODS):
        for receiver in ("x", "M", "s", "e", "p"):
            yield Called(f"{receiver}.{name}")
    for kind, methods in OF_CONTAINERS.items():
        for name in sorted(methods if kind.__name__ in OF_CONTAINER else ()):
            yield Called(f"{OF_CONTAINER[kind.__name__]}.{name}")


def calls(function: Called, random: Random) -> Iterator[str]:
    """Yield calls of a function without end."""
    yield f"{function.text}()"
    while True:
        yield f"{function.text}({', '.join(_arguments(function, random))})"


def _arguments(function: Called, random: Random) -> list[str]:
    if function.signature is None:
        count = random.choice((1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 14))
        drawn = [random.choice(EVERYTHING) for _ in range(count)]
        if random.random() < 0.3:
            word = random.choice(WORDS)
            drawn[-1] = f"{word}={random.choice((*DTYPES, *EVERYTHING))}"
        return drawn
    found: list[str] = []
    words: list[str] = []
    for p in function.signature.parameters[function.given :]:
        if p.default is not REQUIRED and random.random() < 0.5:
            continue
        right = RIGHT.get(re.split(r"[|?]", p.kind)[0], EVERYTHING)
        value = random.choice(right if random.random() < 0.7 else EVERYTHING)
        if words or (p.default is not REQUIRED and random.random() < 0.6):
            words.append(f"{p.name}={value}")
        else:
            found.append(value)
    kind = random.random()
    if kind < 0.08:
        found = found[:-1]
    elif kind < 0.14:
        found += [random.choice(EVERYTHING) for _ in range(random.choice((1, 1, 2, 14)))]
    elif kind < 0.2:
        words.append(f"{random.choice(WORDS)}={random.choice(EVERYTHING)}")
    return found + list({word.partition("=")[0]: word for word in words}.values())
