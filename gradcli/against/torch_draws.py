"""The numbers that a file draws: those of gradcli's run, whichever generator they come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcli.random import Generator
from gradcli.random.mersenne import Mersenne
from gradcli.rule.signature import Signature
from gradcli.trace.draws import FUNCTIONS
from gradcli.trace.dropout import SELU_FLOOR
from gradcli.trace.numpy_random import LEGACY

Names = dict[str, Any]
DROPOUTS = {
    "dropout": "", "dropout1d": "channels", "dropout2d": "channels", "dropout3d": "channels",
    "alpha_dropout": "alpha", "feature_alpha_dropout": "channels alpha",
}  # fmt: skip


# functions of NumPy's that take numbers alone
OF_NUMPY = ("rand", "randn", "random", "random_sample", "normal", "uniform", "standard_normal",
            "randint", "permutation", "seed")  # fmt: skip


def _refused(name: str) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise NotImplementedError(f"{name}() draws numbers that are not drawn again here")

    return refuse


def _of_numpy(torch: Any, seed: int, *, arrays: bool) -> Names:
    """Return the functions of `numpy.random`, with the numbers of a run's own generator."""
    state = np.random.RandomState(seed % 2**32)

    def made(name: str) -> Callable[..., Any]:
        def draw(*args: Any, **keywords: Any) -> Any:
            found = getattr(state, name)(*args, **keywords)
            return torch.tensor(found) if isinstance(found, np.ndarray) and not arrays else found

        return draw

    return {name: made(name) if name in OF_NUMPY else _refused(name) for name in LEGACY}


def drawing(torch: Any, seed: int, *, arrays: bool, mersenne: bool) -> dict[str, Names]:
    """Return by module the functions that draw.

    `arrays` leaves NumPy's results arrays; `mersenne` says that a file begins with PyTorch's
    generator.
    """
    generator = Mersenne(seed) if mersenne else Generator(seed)
    kinds = {name: np.dtype(name) for name in ("float32", "float64")}

    def manual_seed(seed: int) -> None:
        nonlocal generator
        generator = Mersenne(seed)

    def made(draw: str) -> Callable[..., Any]:
        def drawn(*size: Any, requires_grad: bool = False, dtype: Any = None, **_: Any) -> Any:
            shape = tuple(size[0]) if size and isinstance(size[0], tuple | list) else size
            wanted = str(dtype or torch.get_default_dtype()).removeprefix("torch.")
            found = getattr(generator, draw)(shape, kinds[wanted])
            return torch.tensor(found, requires_grad=requires_grad)

        return drawn

    def like(draw: str) -> Callable[..., Any]:
        return lambda x, **more: made(draw)(*x.shape, **{"dtype": x.dtype} | more)

    def randint(low: int, high: Any = None, size: Any = None, dtype: Any = None, **_: Any) -> Any:
        if size is None:
            low, high, size = 0, low, high
        elif high is None:
            low, high = 0, low
        found = torch.tensor(generator.randint(low, high, tuple(np.atleast_1d(size).tolist())))
        return found if dtype is None else found.to(dtype)

    def bernoulli(x: Any, p: float | None = None) -> Any:
        chance = x.detach().numpy() if p is None else np.full(tuple(x.shape), p)
        return torch.tensor(generator.bernoulli(chance)).to(x.dtype)

    def normal(mean: Any, std: Any = 1.0, size: Any = None) -> Any:
        tensors = [x for x in (mean, std) if isinstance(x, torch.Tensor)]
        shape = torch.broadcast_shapes(*(x.shape for x in tensors)) if tensors else tuple(size)
        dtype = tensors[0].dtype if tensors else torch.get_default_dtype()
        values = [x.detach().numpy() if isinstance(x, torch.Tensor) else x for x in (mean, std)]
        kind = kinds[str(dtype).removeprefix("torch.")]
        return torch.tensor(generator.normal(values[0], values[1], tuple(shape), kind))

    def dropout(name: str, what: str) -> Callable[..., Any]:
        default = name not in ("alpha_dropout", "feature_alpha_dropout")
        signature = Signature(
            f"{name}(input: any, p: real = 0.5, training: bool = {default}, inplace: bool = False)"
        )

        def run(*args: Any, **keywords: Any) -> Any:
            x, p, training, _ = signature.bind(args, keywords).values()
            alone = {"dropout1d": 2, "dropout3d": 4}.get(name) == x.dim()
            x = x.unsqueeze(0) if alone else x
            if p and training and x.numel():
                x = _dropped(x, p, what)
            return x.squeeze(0) if alone else x

        return run

    def _dropped(x: Any, p: float, what: str) -> Any:
        if p == 1 and "alpha" not in what:
            return x * torch.zeros((), dtype=x.dtype)
        shape = x.shape if "channels" not in what else (*x.shape[:2], *(1,) * (x.dim() - 2))
        kept = torch.tensor(generator.bernoulli(np.full(tuple(shape), 1 - p))).to(x.dtype)
        if "alpha" not in what:
            return x * (kept / (1 - p))
        scale = ((SELU_FLOOR**2 * p + 1) * (1 - p)) ** -0.5 if p < 1 else 0.0
        return x * (kept * scale) + ((kept - 1) * SELU_FLOOR * scale + SELU_FLOOR * scale * p)

    functions: Names = {
        **{name: _refused(name) for name in (*FUNCTIONS, "randint_like") if "." not in name},
        "rand": made("rand"),
        "randn": made("randn"),
        "rand_like": like("rand"),
        "randn_like": like("randn"),
        "randint": randint,
        "randperm": lambda n, **_: torch.tensor(generator.randperm(n)),
        "bernoulli": bernoulli,
        "normal": normal,
        "manual_seed": manual_seed,
        "set_printoptions": lambda *_, **__: None,
        **{name: dropout(name, what) for name, what in DROPOUTS.items()},
    }
    return {
        "torch": functions,
        "torch.nn.functional": {name: functions[name] for name in DROPOUTS},
        "torch.random": {"manual_seed": manual_seed},
        "numpy": {"set_printoptions": lambda *_, **__: None},
        "numpy.random": _of_numpy(torch, seed, arrays=arrays),
    }
