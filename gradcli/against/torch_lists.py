"""Lists of numbers, which stand for tensors where the language needs one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def numbers_type(torch: Any) -> type:
    """Return the type of a list of numbers: a list, and a tensor beside a tensor."""

    def plain(x: Any) -> Any:
        if isinstance(x, tuple) and not hasattr(x, "_fields"):
            return tuple(map(plain, x))
        return list(map(plain, x)) if isinstance(x, list) else x

    def tensor(x: Any) -> Any:
        return torch.tensor(x) if isinstance(x, Numbers) else x

    def beside(name: str) -> Callable[..., Any]:
        def operator(self: Any, other: Any) -> Any:
            of = torch.tensor(self) if isinstance(other, torch.Tensor) else self
            found = getattr(super(Numbers, self), name, None) if of is self else getattr(of, name)
            return NotImplemented if found is None else found(other)

        return operator

    class Numbers(list):  # type: ignore[type-arg]
        """A list whose operators take tensors, and which PyTorch's functions take for one."""

        __slots__ = ()

        @classmethod
        def __torch_function__(
            cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            for taken in (plain, tensor):  # sizes and dims stay lists
                try:
                    given = {word: taken(x) for word, x in (kwargs or {}).items()}
                    return function(*map(taken, args), **given)
                except TypeError:
                    if taken is tensor:
                        raise
            return NotImplemented

    for name in ("add", "sub", "mul", "truediv", "pow", "matmul", "mod", "floordiv"):
        setattr(Numbers, f"__{name}__", beside(f"__{name}__"))
        setattr(Numbers, f"__r{name}__", beside(f"__r{name}__"))
    for name in ("lt", "le", "gt", "ge"):
        setattr(Numbers, f"__{name}__", beside(f"__{name}__"))
    return Numbers
