"""`numpy.random`: NumPy's own generators, whose numbers a file has as arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault
from gradcli.graph import Node
from gradcli.trace import in_place
from gradcli.trace.sources import (
    Method,
    Source,
    argument,
    length,
    method,
    of_the_run,
    result,
    taken,
)
from gradcli.trace.values import Function, described

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

_SIZE = "size: axes = None"
# distributions that both kinds of generators have, as NumPy's arguments
_COMMON = f"""
    normal(loc: any = 0.0, scale: any = 1.0, {_SIZE});
    uniform(low: any = 0.0, high: any = 1.0, {_SIZE});
    exponential(scale: any = 1.0, {_SIZE}); standard_cauchy({_SIZE});
    binomial(n: any, p: any, {_SIZE}); poisson(lam: any = 1.0, {_SIZE}); geometric(p: any, {_SIZE});
    beta(a: any, b: any, {_SIZE}); gamma(shape: any, scale: any = 1.0, {_SIZE});
    lognormal(mean: any = 0.0, sigma: any = 1.0, {_SIZE}); chisquare(df: any, {_SIZE});
    laplace(loc: any = 0.0, scale: any = 1.0, {_SIZE}); standard_t(df: any, {_SIZE});
    logistic(loc: any = 0.0, scale: any = 1.0, {_SIZE}); rayleigh(scale: any = 1.0, {_SIZE});
    gumbel(loc: any = 0.0, scale: any = 1.0, {_SIZE}); weibull(a: any, {_SIZE});
    triangular(left: any, mode: any, right: any, {_SIZE});
    multivariate_normal(mean: any, cov: any, {_SIZE}); dirichlet(alpha: any, {_SIZE});
    multinomial(n: any, pvals: any, {_SIZE})
"""
_LEGACY = f"""
    rand(size: sizes = None); randn(size: sizes = None); random_sample({_SIZE});
    random({_SIZE}); ranf({_SIZE}); sample({_SIZE}); standard_normal({_SIZE});
    standard_exponential({_SIZE});
    randint(low: any, high: any = None, {_SIZE}, dtype: dtype = None)
"""
_NEW = f"""
    random({_SIZE}, dtype: dtype = None); standard_normal({_SIZE}, dtype: dtype = None);
    standard_exponential({_SIZE}, dtype: dtype = None);
    integers(low: any, high: any = None, {_SIZE}, dtype: dtype = None, endpoint: bool = False)
"""
_ALIASES = {"random": "random_sample", "ranf": "random_sample", "sample": "random_sample"}
_SPREAD = ("rand", "randn")  # take sizes one by one
_PER_DRAW = {"multivariate_normal": "mean", "dirichlet": "alpha", "multinomial": "pvals"}


def _distribution(name: str, called: str) -> Callable[..., Any]:
    def draw(tracer: Tracer, made: Any, size: Any, dtype: Any = None, **given: Any) -> Any:
        size = (size,) if isinstance(size, int) else size
        given = {k: argument(tracer, v) if k != "endpoint" else v for k, v in given.items()}
        each = np.shape(given[_PER_DRAW[name]]) if name in _PER_DRAW else ()
        of_arguments = () if each else np.broadcast_shapes(*map(np.shape, given.values()))
        tracer.afford((*(size if size is not None else of_arguments), *each))
        if dtype is not None:
            given["dtype"] = dtype
        if called in _SPREAD:
            return result(tracer, getattr(made, called)(*(size or ())))
        return result(tracer, getattr(made, called)(size=size, **given))

    return draw


def _choice(tracer: Tracer, made: Any, a: Any, size: Any, replace: bool, p: Any) -> Any:
    counted = isinstance(a, int) or (isinstance(a, Node) and not a.shape)
    n = (a.value.item() if isinstance(a, Node) else a) if counted else length(tracer, a)
    tracer.afford((size,) if isinstance(size, int) else size or ())
    if not replace or p is not None:
        tracer.afford((max(n, 0),))
    drawn = made.choice(n, size=size, replace=replace, p=argument(tracer, p))
    if counted:
        return result(tracer, drawn)
    if isinstance(a, list | tuple) and all(isinstance(x, int | float) for x in a):
        a = tracer.tensor(list(a))
    if size is None:
        found = taken(tracer, a, int(drawn))
        return found.value.item() if isinstance(found, Node) and not found.shape else found
    if not isinstance(a, Node) and drawn.ndim != 1:
        raise ArgumentFault("choice() of a list of such items gives one, or a row of them")
    return taken(tracer, a, drawn if isinstance(a, Node) else drawn.tolist())


def _permutation(tracer: Tracer, made: Any, x: Any) -> Any:
    if isinstance(x, int):
        tracer.afford((max(x, 0),))
        return result(tracer, made.permutation(x))
    rows = tracer.tensor(list(x) if isinstance(x, tuple | range) else x)
    return taken(tracer, rows, made.permutation(length(tracer, rows)))


def _shuffle(tracer: Tracer, made: Any, x: Any) -> None:
    if not isinstance(x, Node | list):
        raise ArgumentFault(f"shuffle() changes an array or a list, not {described(x)}")
    order = made.permutation(length(tracer, x))
    if isinstance(x, Node):
        in_place.change(tracer, x, lambda: taken(tracer, x, order))
        return
    x[:] = [x[i] for i in order.tolist()]
    tracer.lists.changed(x)


def _seed(tracer: Tracer, made: Any, seed: Any) -> None:
    made.seed(_seed_of(tracer, seed))


def _seed_of(tracer: Tracer, seed: Any) -> Any:
    """Return a seed; without one a run has the same numbers every time, those of `--seed`."""
    if seed is None:
        return tracer.options.seed % 2**32
    if isinstance(seed, bool) or not isinstance(seed, int | list | tuple | Node):
        raise ArgumentFault(f"a seed is an integer or a list of them, not {described(seed)}")
    return argument(tracer, seed)


def _table(*texts: str, legacy: bool) -> dict[str, Method]:
    found = dict(
        method(text.strip(), _distribution(name, _ALIASES.get(name, name) if legacy else name))
        for text in "; ".join(texts).split(";")
        for name in (text.strip().partition("(")[0],)
    )
    more = [
        method(f"choice(a: any, {_SIZE}, replace: bool = True, p: any = None)", _choice),
        method("permutation(x: any)", _permutation),
        method("shuffle(x: any)", _shuffle),
    ]
    return found | dict(more) | dict([method("seed(seed: any = None)", _seed)] if legacy else [])


LEGACY = _table(_COMMON, _LEGACY, legacy=True)
NEW = _table(_COMMON, _NEW, legacy=False)


def _random_state(tracer: Tracer, seed: Any = None) -> Source:
    made = np.random.RandomState(_seed_of(tracer, seed))
    return Source(tracer, "RandomState", made, LEGACY, "RandomState(MT19937)")


def _default_rng(tracer: Tracer, seed: Any = None) -> Source:
    if isinstance(seed, Source):
        return seed
    made = np.random.default_rng(_seed_of(tracer, seed))
    return Source(tracer, "Generator", made, NEW, "Generator(PCG64)")


_MAKERS: dict[str, Method] = dict([
    method("RandomState(seed: any = None)", lambda tracer, _, seed: _random_state(tracer, seed)),
    method("default_rng(seed: any = None)", lambda tracer, _, seed: _default_rng(tracer, seed)),
])  # fmt: skip


def member(name: str) -> Function | None:
    """Return what `numpy.random` has under a name, None where it has nothing here."""
    if (make := _MAKERS.get(name)) is not None:
        return Function(name, lambda tracer, args, keywords: make(tracer, None, args, keywords))
    return of_the_run(name, LEGACY, "numpy.random", _random_state)
