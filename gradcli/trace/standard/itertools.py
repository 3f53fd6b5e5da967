"""`itertools`: iterators made of iterators. What Python keeps of the items, it keeps here too."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gradcli.rule.rule import number
from gradcli.trace.calls import Args, Keywords, only
from gradcli.trace.containers import is_same, items_of
from gradcli.trace.iterators import Lazy, chosen, kind_of, lazily
from gradcli.trace.kinds import of_iterators
from gradcli.trace.sentences import class_name, fault
from gradcli.trace.values import Function, check_size

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

MISSING = object()


def _spent(tracer: Tracer, items: Iterator[Any]) -> Iterator[Any]:
    """Yield items that no iterable of the file gives, each of which is a step."""
    for item in items:
        tracer.graph.spend()
        yield item


def _whole(name: str, n: Any, least: int, said: str) -> int:
    if not isinstance(n, int):
        raise fault(TypeError(f"'{class_name(n)}' object cannot be interpreted as an integer"))
    if n < least:
        raise fault(ValueError(said))
    return n


# ---- endless -------------------------------------------------------------------------------


def _count(tracer: Tracer, start: Any, step: Any) -> Iterator[Any]:
    for x in (start, step):
        if not number(x):
            raise fault(TypeError("a number is required"))
    return _spent(tracer, itertools.count(start, step))


def _cycle(tracer: Tracer, iterable: Any) -> Iterator[Any]:
    items = tracer.iterate(iterable)

    def run() -> Iterator[Any]:
        kept = []
        for item in items:
            kept.append(item)
            check_size(len(kept))
            yield item
        while kept:
            yield from _spent(tracer, iter(kept))

    return run()


def _repeat(tracer: Tracer, object: Any, times: Any) -> Iterator[Any]:
    if times is None:
        return _spent(tracer, itertools.repeat(object))
    return _spent(tracer, itertools.repeat(object, _whole("repeat", times, -(1 << 62), "")))


# ---- one item after the other --------------------------------------------------------------


def _chained(tracer: Tracer, iterables: Iterator[Any]) -> Iterator[Any]:
    for each in iterables:
        yield from tracer.iterate(each)


def _chain(tracer: Tracer, *iterables: Any) -> Iterator[Any]:
    return _chained(tracer, iter(iterables))


def _islice(tracer: Tracer, *args: Any) -> Iterator[Any]:
    if not 2 <= len(args) <= 4:
        most = "least 2" if len(args) < 2 else "most 4"
        raise fault(TypeError(f"islice expected at {most} arguments, got {len(args)}"))
    iterable, *bounds = args
    for x in bounds:
        if x is not None and not (isinstance(x, int) and x >= 0):
            which = "Stop argument" if len(bounds) == 1 else "Indices"
            said = f"{which} for islice() must be None or an integer: 0 <= x <= sys.maxsize."
            raise fault(ValueError(said))
    if len(bounds) == 3 and bounds[2] == 0:
        raise fault(ValueError("Step for islice() must be a positive integer or None."))
    return itertools.islice(tracer.iterate(iterable), *bounds)


def _accumulate(tracer: Tracer, iterable: Any, func: Any, initial: Any) -> Iterator[Any]:
    items = tracer.iterate(iterable)

    def run() -> Iterator[Any]:
        total = MISSING if initial is None else initial
        if total is not MISSING:
            yield total
        for x in items:
            if total is MISSING:
                total = x
            elif func is None:
                total = tracer.binary("+", total, x)
            else:
                total = tracer.call(func, (total, x), {})
            yield total

    return run()


def _zip_longest(tracer: Tracer, *iterables: Any, **keywords: Any) -> Iterator[Any]:
    if keywords.keys() - {"fillvalue"}:
        raise fault(TypeError("zip_longest() got an unexpected keyword argument"))
    fill = keywords.get("fillvalue")
    return itertools.zip_longest(*map(tracer.iterate, iterables), fillvalue=fill)


def _while(taken: bool) -> Any:
    def make(tracer: Tracer, predicate: Any, iterable: Any) -> Iterator[Any]:
        def holds(x: Any) -> bool:
            return tracer.truth(tracer.call(predicate, (x,), {}))

        pythons = itertools.takewhile if taken else itertools.dropwhile
        return pythons(holds, tracer.iterate(iterable))

    return make


def _starmap(tracer: Tracer, function: Any, iterable: Any) -> Iterator[Any]:
    items = tracer.iterate(iterable)
    return (tracer.call(function, tuple(items_of(tracer, each)), {}) for each in items)


def _compress(tracer: Tracer, data: Any, selectors: Any) -> Iterator[Any]:
    pairs = zip(tracer.iterate(data), tracer.iterate(selectors), strict=False)
    return (x for x, kept in pairs if tracer.truth(kept))


def _filterfalse(tracer: Tracer, function: Any, iterable: Any) -> Iterator[Any]:
    return chosen(tracer, function, tracer.iterate(iterable), False)


def _pairwise(tracer: Tracer, iterable: Any) -> Iterator[Any]:
    return itertools.pairwise(tracer.iterate(iterable))


# ---- groups --------------------------------------------------------------------------------


def _groupby(tracer: Tracer, iterable: Any, key: Any) -> Iterator[Any]:
    """Yield each key with the items that have it, as they come: a group ends with the next."""
    items = iter(tracer.iterate(iterable))

    def rank(x: Any) -> Any:
        return x if key is None else tracer.call(key, (x,), {})

    def run() -> Iterator[Any]:
        ahead = next(items, MISSING)
        rank_ahead = MISSING if ahead is MISSING else rank(ahead)
        turn = 0

        def group(rank_here: Any, own_turn: int) -> Iterator[Any]:
            nonlocal ahead, rank_ahead
            while ahead is not MISSING and turn == own_turn:
                if not is_same(tracer, rank_ahead, rank_here):
                    return
                found, ahead = ahead, next(items, MISSING)
                rank_ahead = MISSING if ahead is MISSING else rank(ahead)
                yield found

        while ahead is not MISSING:
            turn += 1
            here = rank_ahead
            yield here, GROUP(tracer, group(here, turn))
            for _ in group(here, turn):
                pass

    return run()


def _tee(tracer: Tracer, args: Args, keywords: Keywords) -> tuple[Any, ...]:
    if keywords or not 1 <= len(args) <= 2:
        raise fault(TypeError(f"tee expected at most 2 arguments, got {len(args)}"))
    n = _whole("tee", args[1] if len(args) == 2 else 2, 0, "n must be >= 0")
    check_size(n)
    items = iter(tracer.iterate(args[0]))
    waiting: list[deque[Any]] = [deque() for _ in range(n)]

    def run(mine: deque[Any]) -> Iterator[Any]:
        while True:
            if not mine:
                item = next(items, MISSING)
                if item is MISSING:
                    return
                for each in waiting:
                    each.append(item)
                    check_size(len(each))
            yield mine.popleft()

    return tuple(TEE(tracer, run(mine)) for mine in waiting)


# ---- arrangements --------------------------------------------------------------------------


def _pool(tracer: Tracer, iterable: Any) -> tuple[Any, ...]:
    return tuple(items_of(tracer, iterable))


def _product(tracer: Tracer, *iterables: Any, **keywords: Any) -> Iterator[Any]:
    if keywords.keys() - {"repeat"}:
        raise fault(TypeError("product() got an unexpected keyword argument"))
    said = "repeat argument cannot be negative"
    repeat = _whole("product", keywords.get("repeat", 1), 0, said)
    pools = [_pool(tracer, x) for x in iterables]
    check_size(repeat * sum(len(pool) + 1 for pool in pools))
    return _spent(tracer, itertools.product(*pools, repeat=repeat))


def _permutations(tracer: Tracer, iterable: Any, r: Any) -> Iterator[Any]:
    pool = _pool(tracer, iterable)
    size = len(pool) if r is None else _whole("permutations", r, 0, "r must be non-negative")
    check_size(size)
    return _spent(tracer, itertools.permutations(pool, size))


def _combined(name: str) -> Any:
    def make(tracer: Tracer, iterable: Any, r: Any) -> Iterator[Any]:
        size = _whole(name, r, 0, "r must be non-negative")
        check_size(size)
        return _spent(tracer, getattr(itertools, name)(_pool(tracer, iterable), size))

    return make


ROWS: dict[str, tuple[str | None, Any]] = {
    "count": ("count(start: any = 0, step: any = 1)", _count),
    "cycle": ("cycle(iterable: any)", _cycle),
    "repeat": ("repeat(object: any, times: any = None)", _repeat),
    "chain": ("", _chain), "islice": ("", _islice), "product": (None, _product),
    "zip_longest": (None, _zip_longest),
    "accumulate": ("accumulate(iterable: any, func: any = None, initial: any = None)", _accumulate),
    "takewhile": ("takewhile(predicate: any, iterable: any)", _while(True)),
    "dropwhile": ("dropwhile(predicate: any, iterable: any)", _while(False)),
    "starmap": ("starmap(function: any, iterable: any)", _starmap),
    "compress": ("compress(data: any, selectors: any)", _compress),
    "filterfalse": ("filterfalse(function: any, iterable: any)", _filterfalse),
    "pairwise": ("pairwise(iterable: any)", _pairwise),
    "groupby": ("groupby(iterable: any, key: any = None)", _groupby),
    "permutations": ("permutations(iterable: any, r: any = None)", _permutations),
    "combinations": ("combinations(iterable: any, r: any)", _combined("combinations")),
    "combinations_with_replacement": (
        "combinations_with_replacement(iterable: any, r: any)",
        _combined("combinations_with_replacement"),
    ),
}  # fmt: skip
KINDS: dict[str, type[Lazy]] = {name: kind_of(name) for name in ROWS}
GROUP, TEE = kind_of("_grouper"), kind_of("_tee")


def _from_iterable(tracer: Tracer, args: Args, keywords: Keywords) -> Lazy:
    iterables = iter(tracer.iterate(only(args, keywords, "from_iterable")))
    return KINDS["chain"](tracer, _chained(tracer, iterables))


def _refused(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    raise fault(TypeError("cannot create such an iterator"))


for _kind in (GROUP, TEE):
    of_iterators(_kind, _refused, "itertools")

MODULES: dict[str, dict[str, Any]] = {
    "itertools": {
        "tee": Function("tee", _tee),
        **{
            name: of_iterators(
                KINDS[name], lazily(KINDS[name], signature, make), "itertools",
                **({"from_iterable": Function("from_iterable", _from_iterable)}
                   if name == "chain" else {}),
            )
            for name, (signature, make) in ROWS.items()
        },
    }
}  # fmt: skip
