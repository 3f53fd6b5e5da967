"""Python's module `random`: a generator of the run, with Python's own numbers."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault
from gradcli.trace.budgets import kept
from gradcli.trace.sources import Source, length, method, of_the_run, taken
from gradcli.trace.values import Function, check_bits, check_size, described

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

_PLAIN = """
    random(); uniform(a: plain, b: plain); gauss(mu: plain = 0.0, sigma: plain = 1.0);
    normalvariate(mu: plain = 0.0, sigma: plain = 1.0);
    lognormvariate(mu: plain = 0.0, sigma: plain = 1.0); expovariate(lambd: plain = 1.0);
    betavariate(alpha: plain, beta: plain); gammavariate(alpha: plain, beta: plain);
    triangular(low: plain = 0.0, high: plain = 1.0, mode: plain = None);
    vonmisesvariate(mu: plain, kappa: plain); paretovariate(alpha: plain);
    weibullvariate(alpha: plain, beta: plain); randint(a: whole, b: whole);
    randrange(start: whole, stop: whole = None, step: whole = 1)
"""


def _plain(name: str) -> Callable[..., Any]:
    def draw(tracer: Tracer, made: random.Random, **given: Any) -> Any:
        return getattr(made, name)(*given.values())

    return draw


def _seed(tracer: Tracer, made: random.Random, a: Any, version: int) -> None:
    if not isinstance(a, int | float | str | None):
        raise ArgumentFault(f"a seed is a number or a string, not {described(a)}")
    if isinstance(a, int):
        check_bits(a.bit_length(), "a seed")
    made.seed(tracer.options.seed if a is None else a, version)


def _choice(tracer: Tracer, made: random.Random, seq: Any) -> Any:
    count = length(tracer, seq)
    if not count:
        raise ArgumentFault("Cannot choose from an empty sequence")
    return taken(tracer, seq, made.choice(range(count)))


def _sample(tracer: Tracer, made: random.Random, population: Any, k: int) -> Any:
    check_size(max(k, 0))
    drawn = made.sample(range(length(tracer, population)), k)
    return kept(tracer, [taken(tracer, population, i) for i in drawn])


def _choices(
    tracer: Tracer, made: random.Random, population: Any, weights: Any, cum_weights: Any, k: int
) -> Any:
    check_size(max(k, 0))
    given = [None if x is None else [float(w) for w in tracer.iterate(x)]
             for x in (weights, cum_weights)]  # fmt: skip
    drawn = made.choices(range(length(tracer, population)), *given[:1], cum_weights=given[1], k=k)
    return kept(tracer, [taken(tracer, population, i) for i in drawn])


def _shuffle(tracer: Tracer, made: random.Random, x: Any) -> None:
    if not isinstance(x, list):
        raise ArgumentFault(f"shuffle() changes a list, not {described(x)}")
    made.shuffle(x)
    tracer.lists.changed(x)


def _getrandbits(tracer: Tracer, made: random.Random, k: int) -> int:
    check_bits(k, "a random integer")
    return made.getrandbits(k)


METHODS = dict(
    method(text.strip(), _plain(text.strip().partition("(")[0])) for text in _PLAIN.split(";")
) | dict([
    method("seed(a: any = None, version: int = 2)", _seed),
    method("choice(seq: any)", _choice),
    method("sample(population: any, k: int)", _sample),
    method("choices(population: any, weights: any = None, cum_weights: any = None, k: int = 1)",
           _choices),
    method("shuffle(x: any)", _shuffle),
    method("getrandbits(k: int)", _getrandbits),
])  # fmt: skip


def _made(tracer: Tracer, seed: Any = None) -> Source:
    source = Source(tracer, "Random", random.Random(), METHODS, "<random.Random object>")
    _seed(tracer, source.made, seed, 2)
    return source


_RANDOM = method("Random(x: any = None)", lambda tracer, _, x: _made(tracer, x))[1]


def member(name: str) -> Function | None:
    """Return what Python's `random` has under a name, None where it has nothing here."""
    if name == "Random":
        return Function(name, lambda tracer, args, keywords: _RANDOM(tracer, None, args, keywords))
    return of_the_run(name, METHODS, "random", _made)
