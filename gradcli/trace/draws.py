"""PyTorch's generators, and tensors that are filled at random in place."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault
from gradcli.graph import Node
from gradcli.ops import FUNCTIONS as ROWS
from gradcli.random import C_NAMES, Generator, distributions
from gradcli.random.mersenne import Mersenne
from gradcli.rule.dtypes import FLOAT64, SCALAR_NAMES, Array, is_complex, is_floating
from gradcli.rule.meta import is_contiguous, strides_of
from gradcli.rule.signature import Signature
from gradcli.trace import in_place
from gradcli.trace.sources import Method, Source, method
from gradcli.trace.values import described

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Args = tuple[Any, ...]
Keywords = dict[str, Any]
Draw = Callable[[tuple[int, ...]], Array]


def generator_of(tracer: Tracer, given: Any) -> Generator:
    """Return the generator that a call draws from: the one that it is given, or the file's.

    Raises: ArgumentFault for what is no `torch.Generator`.
    """
    if given is None:
        return tracer.generator
    if isinstance(given, Source) and isinstance(given.made, Generator):
        tracer.drawn += 1
        return given.made
    raise ArgumentFault(f"argument 'generator' must be a torch.Generator, not {described(given)}")


# ---- in the order of memory ----------------------------------------------------------------


def _order(x: Node) -> list[int]:
    """Return the dimensions of a tensor, those that are furthest apart in memory first."""
    strides = strides_of(x)
    return sorted(range(len(strides)), key=lambda d: -strides[d] if x.shape[d] != 1 else 0)


def laid_out(x: Node, draw: Draw) -> Array:
    """Return numbers for the elements of a tensor, drawn in the order in which memory has them."""
    if is_contiguous(x.shape, strides_of(x)):
        return draw(x.shape)
    order = _order(x)
    return np.transpose(draw(tuple(x.shape[d] for d in order)), np.argsort(order))


def normal_like(
    generator: Generator, x: Node, mean: float, std: float, dtype: Any, *, fresh: bool = False
) -> Array:
    """Return normal numbers for the elements of a tensor, or of a new one that lies like it.

    What lies in memory in one piece and in order has its numbers in blocks; the rest one by one.
    """
    order = [d for d in _order(x) if x.shape[d] != 1]
    whole = order == sorted(order) if fresh else is_contiguous(x.shape, strides_of(x))
    if whole:
        return generator.normal(mean, std, x.shape, dtype)
    if not is_complex(dtype):
        return laid_out(x, lambda shape: generator.gauss(mean, std, shape)).astype(dtype)
    parts = laid_out(x, lambda shape: generator.gauss(mean, std / sqrt(2), (*shape, 2)).view(
        np.complex128)[..., 0])  # fmt: skip
    return parts.astype(dtype)


# ---- tensors that are filled ---------------------------------------------------------------


def fill(tracer: Tracer, x: Any, values: Callable[[], Array]) -> Any:
    """Write random numbers into a tensor, which they do not depend on: its gradient is 0."""

    def written() -> Any:
        made = tracer.graph.leaf(np.asarray(values()).astype(x.dtype))
        recorded = x.requires_grad and tracer.graph.grad_enabled
        return ROWS["copy_"].call((x, made), {}) if recorded else made

    return in_place.change(tracer, x, written)


def _uniform(g: Generator, x: Node, low: float, high: float) -> Array:
    if low > high:
        raise ArgumentFault(
            f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}"
        )
    return laid_out(x, lambda shape: g.uniform(low, high, shape, x.dtype))


def _random(g: Generator, x: Node, low: int | None, high: int | None) -> Array:
    if low is None:
        return laid_out(x, lambda shape: g.integers(shape, x.dtype))
    start, end = (0, low) if high is None else (low, high)
    return laid_out(x, lambda shape: g.randint(start, end, shape, x.dtype))


def _bernoulli(g: Generator, x: Node, p: Any) -> Array:
    if not isinstance(p, Node):
        if not 0 <= p <= 1:
            raise ArgumentFault(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
        return laid_out(x, lambda shape: g.bernoulli(np.full(shape, float(p))))
    chance = np.broadcast_to(p.value, x.shape)
    order = _order(x)
    drawn = g.bernoulli(np.transpose(chance, order))
    return np.transpose(drawn, np.argsort(order))


def _continuous(
    name: str, draw: Callable[..., Array], words: dict[str, str]
) -> Callable[..., Array]:
    """Make a draw that takes floats only; it comes in float64, whatever the tensor's dtype is.

    `words` are what PyTorch calls the dtypes when it refuses one.
    """

    def values(g: Generator, x: Node, *given: float) -> Array:
        if not is_floating(x.dtype):
            raise DtypeFault(
                f"{name} distribution is a continuous probability distribution. dtype must be a "
                f"floating point but you specified {words.get(x.dtype.name)}"
                if name != "log_normal"
                else f"\"log_normal_cpu\" not implemented for '{SCALAR_NAMES[x.dtype.name]}'"
            )
        return laid_out(x, lambda shape: draw(g, shape, *given))

    return values


def _geometric(g: Generator, x: Node, p: float) -> Array:
    if x.dtype.kind in "bc":
        raise DtypeFault(f"\"geometric_cpu\" not implemented for '{SCALAR_NAMES[x.dtype.name]}'")
    return laid_out(x, lambda shape: distributions.geometric(g, shape, p))


_FILLS: dict[str, Callable[..., Array]] = {
    "uniform_(from: real = 0.0, to: real = 1.0": _uniform,
    "normal_(mean: real = 0.0, std: real = 1.0":
        lambda g, x, mean, std: normal_like(g, x, mean, std, x.dtype),
    "random_(from: int = None, to: int = None": _random,
    "bernoulli_(p: array|real = 0.5": _bernoulli,
    "exponential_(lambd: real = 1.0": _continuous(
        "Exponential", distributions.exponential, SCALAR_NAMES),
    "cauchy_(median: real = 0.0, sigma: real = 1.0": _continuous(
        "Cauchy", distributions.cauchy, C_NAMES),
    "log_normal_(mean: real = 1.0, std: real = 2.0": _continuous(
        "log_normal", distributions.log_normal, SCALAR_NAMES),
    "geometric_(p: real": _geometric,
}  # fmt: skip


def _filling(text: str, values: Callable[..., Array]) -> Any:
    signature = Signature(f"{text}, generator: any = None)")

    def run(tracer: Tracer, x: Any, args: Args, keywords: Keywords) -> Any:
        *given, generator = signature.bind(args, keywords).values()
        source = generator_of(tracer, generator)
        return fill(tracer, x, lambda: values(source, x, *given))

    return run


METHODS: dict[str, Any] = {
    text.partition("(")[0]: _filling(text, values) for text, values in _FILLS.items()
}

# ---- PyTorch's generators ------------------------------------------------------------------


def _seeded(seed: Any) -> int:
    if isinstance(seed, float) and seed.is_integer():
        seed = int(seed)
    if not isinstance(seed, int):
        raise ArgumentFault(f"a seed is an integer, not {described(seed)}")
    return seed


def _reseed(made: Generator) -> int:
    """Seed a generator with another number, which is the same at every run."""
    made.manual_seed((made.seed * 6364136223846793005 + 1442695040888963407) % 2**64)
    return made.seed


def _state(*_: Any, **__: Any) -> None:
    raise ArgumentFault(
        "the state of a generator is no tensor here",
        hint="seed it again to have the same numbers: torch.manual_seed(0)",
    )


def _with_seed(tracer: Tracer, made: Generator, seed: Any) -> Source:
    made.manual_seed(_seeded(seed))
    return _source(tracer, made)


_GENERATORS: dict[str, Method] = dict([
    method("manual_seed(seed: any)", _with_seed),
    method("initial_seed()", lambda tracer, made: made.seed),
    method("seed()", lambda tracer, made: _reseed(made)),
    method("get_state()", _state),
    method("set_state(new_state: any)", _state),
])  # fmt: skip


def _source(tracer: Tracer, made: Generator) -> Source:
    return Source(tracer, "Generator", made, _GENERATORS, "<torch._C.Generator object>")


GENERATOR = Signature("Generator(device: any = None)")
START = 67280421310721  # the seed of a generator that is not seeded


def _generator(tracer: Tracer, args: Args, keywords: Keywords) -> Source:
    GENERATOR.bind(args, keywords)
    return _source(tracer, Mersenne(START))


MANUAL_SEED = Signature("manual_seed(seed: any)")


def _manual_seed(tracer: Tracer, args: Args, keywords: Keywords) -> Source:
    """Start PyTorch's stream of a seed, which the file draws from on here."""
    seed = _seeded(MANUAL_SEED.bind(args, keywords)["seed"])
    if not isinstance(tracer.generator, Mersenne):
        tracer.generator = Mersenne(seed)
    else:
        tracer.generator.manual_seed(seed)
    return _source(tracer, tracer.generator)


def _of_file(name: str) -> Any:
    run = _GENERATORS[name]
    return lambda tracer, args, keywords: run(tracer, tracer.generator, args, keywords)


MULTINOMIAL = Signature(
    "multinomial(input: array, num_samples: int, replacement: bool = False, generator: any = None)"
)


def _multinomial(tracer: Tracer, args: Args, keywords: Keywords) -> Node:
    p, count, replacement, generator = MULTINOMIAL.bind(args, keywords).values()
    tracer.afford((*p.shape[:-1], max(count, 0)), FLOAT64)
    return tracer.graph.leaf(
        distributions.multinomial(
            generator_of(tracer, generator), p.value, count, replacement=replacement
        )
    )


FUNCTIONS: dict[str, Any] = {
    "manual_seed": _manual_seed, "random.manual_seed": _manual_seed, "Generator": _generator,
    "multinomial": _multinomial,
    **{f"random.{name}": _of_file(name) for name in ("seed", "initial_seed")},
    "initial_seed": _of_file("initial_seed"), "seed": _of_file("seed"),
    "get_rng_state": _state, "set_rng_state": _state,
    "random.get_rng_state": _state, "random.set_rng_state": _state,
}  # fmt: skip
METHODS["multinomial"] = lambda tracer, x, args, keywords: _multinomial(
    tracer, (x, *args), keywords
)
