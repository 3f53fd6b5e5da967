"""The calls of one function of a program are recorded, in the place of steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch

from gradcli.record.listing import Leaf, Place, Row
from gradcli.record.steps import Steps
from gradcli.record.tape import Tape, array


def recorded(steps: Steps, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose calls are recorded.

    Where a call runs no backward pass itself, the record waits for the one that comes through its
    results: what arrives there is what the file's `backward()` begins with. Calls until then are
    not recorded.
    """
    recorder = steps.recorder

    @wraps(function)
    def run(*args: Any, **keywords: Any) -> Any:
        if not (recorder.tape is None and recorder.waiting is None and not steps.done):
            return function(*args, **keywords)
        steps.begin()
        try:
            result = function(*args, **keywords)
            tape: Tape | None = recorder.tape
            if not (tape is None or steps.passed):
                with recorder.pause():
                    result = _Awaited(steps, tape).through(result)
        finally:
            if recorder.waiting is None:
                steps.ended()
        return result

    return run


class _Awaited:
    """Waits for the gradients of a call's results."""

    def __init__(self, steps: Steps, tape: Tape) -> None:
        self.steps, self.tape = steps, tape
        self.results: list[str] = []
        self.gradients: dict[str, torch.Tensor] = {}

    def through(self, result: Any) -> Any:
        """Return the same results as tensors of their own, which only the caller uses."""
        passed = self._passed(result)
        if self.results:
            recorder = self.steps.recorder
            self.steps.between, recorder.tape = self.tape, None
            recorder.waiting = self.arrived
        return passed

    def _passed(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor) and value.requires_grad and value.grad_fn is not None:
            name = self.tape.operand(value).name
            self.results.append(name)
            own: Any = value.view_as(value)
            own.register_hook(lambda gradient: self.gradients.update({name: gradient}))
            return own
        if type(value) in (list, tuple):
            return type(value)(self._passed(x) for x in value)
        return value

    def arrived(self) -> None:
        """Write the pass that has come through, if it has."""
        if not self.gradients:
            return
        steps, tape = self.steps, self.tape
        steps.recorder.waiting = None
        steps.recorder.tape, steps.between = tape, None
        listed = []
        for name, gradient in self.gradients.items():
            key = tape.listing.name(f"{name}_gradient")
            values = array(gradient)
            tape.listing.items.append(Leaf(key, values, values.shape, values.dtype.name,
                place=Place(f"what the program's backward() gave to {name}")))  # fmt: skip
            listed.append(key)
        names = [*self.gradients]
        if len(names) == 1:
            tape.append(Row((), f"{names[0]}.backward({listed[0]})"))
        else:
            both = f"[{', '.join(names)}], [{', '.join(listed)}]"
            tape.append(Row((), f"torch.autograd.backward({both})"))
        tape.is_part = True
        steps.passed = True
        steps.ended()
