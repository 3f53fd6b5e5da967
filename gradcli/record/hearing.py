"""How it is heard of a program's modules, optimizers, checkpoints and functions of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
import torch.utils.checkpoint
from torch import nn
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from gradcli.record.mode import opaque
from gradcli.record.places import frames, reread
from gradcli.record.steps import Steps
from gradcli.record.tape import LIBRARY, tensors


@contextmanager
def recording(steps: Steps) -> Iterator[None]:
    """Record what runs within; the record is written at the latest when it ends."""
    reread()
    with ExitStack() as stack:
        _modules(steps, stack)
        _optimizers(steps, stack)
        _functions(steps, stack)
        _whole(stack)
        stack.enter_context(steps.recorder)
        if not steps.of_calls:
            steps.begin()
        try:
            yield
        finally:
            steps.finish()


def _modules(steps: Steps, stack: ExitStack) -> None:
    """Know which modules are being run."""
    modules = nn.modules.module

    def entered(module: nn.Module, _: Any) -> None:
        path = ""
        if steps.recorder.tape is not None and not steps.recorder.paused:
            path = steps.labels.path(module, [frame for frame, _ in frames(LIBRARY)])
        steps.modules.append((path, type(module).__name__))

    def left(*_: Any) -> None:
        steps.modules.pop()

    for handle in (
        modules.register_module_forward_pre_hook(entered),
        modules.register_module_forward_hook(left, always_call=True),
    ):
        stack.callback(handle.remove)


def _whole(stack: ExitStack) -> None:
    """Let PyTorch run as it stands in the program: not compiled, and no part of it twice."""
    stack.enter_context(torch.compiler.set_stance("force_eager"))
    # a checkpoint is recorded as what it computes; it is run once
    checkpoint: Any = torch.utils.checkpoint
    name = "_checkpoint_without_reentrant_generator"
    stack.callback(setattr, checkpoint, name, getattr(checkpoint, name))
    setattr(checkpoint, name, lambda *_, **__: iter((None,)))


def _optimizers(steps: Steps, stack: ExitStack) -> None:
    """Let optimizers run unrecorded, but for the closures that they call; each ends a step."""
    recorder = steps.recorder

    def resumed(closure: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> Any:
            paused, recorder.paused = recorder.paused, 0
            try:
                return closure()
            finally:
                recorder.paused = paused

        return run

    def begins(_: Any, args: Any, kwargs: Any) -> Any:
        recorder.paused += 1
        steps.optimized = True
        args = (args[0], *(resumed(x) if callable(x) else x for x in args[1:]))
        return args, {n: resumed(x) if n == "closure" and x else x for n, x in kwargs.items()}

    def ends(*_: Any) -> None:
        recorder.paused -= 1
        if not steps.of_calls:
            steps.ended()

    stack.callback(register_optimizer_step_pre_hook(begins).remove)
    stack.callback(register_optimizer_step_post_hook(ends).remove)


def _functions(steps: Steps, stack: ExitStack) -> None:
    """Record a `torch.autograd.Function` as an opaque row, under its own name."""
    recorder = steps.recorder
    function: Any = torch.autograd.Function
    original = function.__dict__["apply"]

    def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
        tape, call = recorder.tape, original.__get__(None, cls)
        if tape is None or recorder.paused:
            return call(*args, **kwargs)
        if cls.__name__ == "CheckpointFunction":
            return args[0](*args[2:])
        at = tape.spot()
        with recorder.pause():
            given = [x for x in tensors((args, kwargs)) if x.requires_grad]
            inputs = {tape.operand(x).name: x for x in given}
            result = call(*args, **kwargs)
            for place, x in enumerate(tensors(result)):
                if x.requires_grad and x.grad_fn is not None:
                    name = tape.name(at, cls.__name__, place)
                    opaque(recorder, tape, cls.__name__, x, inputs, name, at)
        return result

    stack.callback(setattr, function, "apply", original)
    function.apply = classmethod(apply)
