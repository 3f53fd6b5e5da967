"""Calls that are no operations: backward passes, hooks, gradients, and what is set of a tensor."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from gradcli.errors import InputFault
from gradcli.record.listing import Opaque, Row
from gradcli.record.spelling import text
from gradcli.record.tape import Tape, array, tensors, version

if TYPE_CHECKING:
    from gradcli.record.mode import Recorder


def _words(tape: Tape, keywords: dict[str, Any]) -> str:
    return "".join(
        f", {word}={text(value, lambda x: tape.operand(x).name)}"
        for word, value in keywords.items()
        if value is not None and value is not False
    )


def _backward(recorder: Recorder, tape: Tape, func: Any, args: Any, kwargs: Any) -> Any:
    """Record `y.backward()` and `torch.autograd.backward(ys)`."""
    of_tensor = func is torch.Tensor.backward
    names = ("gradient" if of_tensor else "grad_tensors", "retain_graph", "create_graph", "inputs")
    given = {**dict(zip(names, args[1:], strict=False)), **kwargs}
    roots = tensors(args[0] if args else kwargs.get("tensors"))
    try:
        if all(tape.find(x) is None for x in roots):
            raise InputFault("backward() runs from what was computed before the record begins",
                             hint="begin it earlier: --step, or around all of a step")  # fmt: skip
        if of_tensor or len(roots) == 1:
            gradient = tensors(given.pop(names[0], None))
            words = _words(tape, {"gradient": gradient[0] if gradient else None, **given})
            line = f"{tape.operand(roots[0]).name}.backward({words.removeprefix(', ')})"
        else:
            listed = ", ".join(tape.operand(x).name for x in roots)
            line = f"torch.autograd.backward([{listed}]{_words(tape, given)})"
        for known in tape.leaves():
            tape.sync(known)
        tape.append(Row((), line, place=tape.spot().place))
    except InputFault as fault:
        recorder.refuse(fault)
        return func(*args, **kwargs)
    recorder.watch.passing = True
    try:
        with recorder.pause():
            result = func(*args, **kwargs)
    finally:
        recorder.watch.passing = False
    tape.took()
    recorder.on_backward(roots)
    return result


def _grad(recorder: Recorder, tape: Tape, func: Any, args: Any, kwargs: Any) -> Any:
    """Record `torch.autograd.grad(ys, xs)`."""
    names = ("outputs", "inputs", "grad_outputs", "retain_graph", "create_graph", "only_inputs",
             "allow_unused", "is_grads_batched", "materialize_grads")  # fmt: skip
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    given.pop("only_inputs", None)
    if given.get("is_grads_batched"):
        recorder.refuse(InputFault("torch.autograd.grad(is_grads_batched=True) cannot be recorded",
                                   hint="one gradient at a time can be"))  # fmt: skip
        return func(*args, **kwargs)
    outputs, inputs = tensors(given.pop("outputs")), tensors(given.pop("inputs"))
    listed = [", ".join(tape.operand(x).name for x in of) for of in (outputs, inputs)]
    cotangents = tensors(given.pop("grad_outputs", None))
    words = _words(tape, {"grad_outputs": cotangents or None, **given})
    with recorder.pause():
        result = func(*args, **kwargs)
    at = tape.spot()
    made = ["_" if x is None else tape.name(at, "grad", i) for i, x in enumerate(result)]
    row = Row(tuple(made), f"torch.autograd.grad([{listed[0]}], [{listed[1]}]{words})",
              place=at.place)  # fmt: skip
    if len(made) == 1:
        row.text += "[0]"
    tape.append(row)
    for name, x in zip(made, result, strict=True):
        if x is not None:
            tape.enter(x, name, moves=True)
            if x.grad_fn is not None:
                row.grad_fn[name] = type(x.grad_fn).__name__
                recorder.watch.row(tape, x, name)
            if tape.settings.keeps(x.numel(), truth=True):
                tape.listing.values[name] = array(x)
    return result


def _register_hook(recorder: Recorder, tape: Tape, func: Any, args: Any, kwargs: Any) -> Any:
    """Record a hook: an opaque row that leaves the value, and gives what the hook has made."""
    tensor, hook = (*args, *kwargs.values())[:2]
    if not tensor.requires_grad:
        return func(*args, **kwargs)
    known = tape.operand(tensor)
    at = tape.spot()
    name = tape.listing.name(f"{known.name}_hooked")
    called = getattr(hook, "__name__", type(hook).__name__)
    row = Opaque((name,), re.sub(r"\W+", "", called), place=at.place, inputs=(known.name,),
                 value=array(tensor), is_hook=True)  # fmt: skip
    before = known.name

    def watched(gradient: torch.Tensor) -> Any:
        with recorder.pause():
            found = hook(gradient)
        if found is not None and recorder.watch.passing:
            tape.listing.cotangents[name] = array(gradient)
            row.gradients[before] = array(found)
            if before in tape.listing.cotangents:
                tape.listing.cotangents[before] = array(found)
        return found

    tape.append(row)
    known.name = name
    return func(tensor, watched)


def _requires_grad(_: Recorder, tape: Tape, func: Any, args: Any, kwargs: Any) -> Any:
    known = tape.find(args[0])
    result = func(*args, **kwargs)
    if known is not None:
        tape.append(Row((), f"{known.name}.requires_grad_({args[0].requires_grad})"))
        known.moves = known.moves or args[0].requires_grad
    return result


def _retain_grad(_: Recorder, tape: Tape, func: Any, args: Any, kwargs: Any) -> Any:
    known = tape.find(args[0])
    if known is not None:
        tape.append(Row((), f"{known.name}.retain_grad()", place=tape.spot().place))
    return func(*args, **kwargs)


def _accumulating(recorder: Recorder, _: Tape, func: Any, args: Any, kwargs: Any) -> Any:
    recorder.refuse(InputFault(
        "a hook that runs when a gradient has been accumulated cannot be recorded: it may change "
        "the gradient or the parameter within the pass",
        hint="register_hook() can be recorded"))  # fmt: skip
    return func(*args, **kwargs)


PASSES = (torch.Tensor.backward, torch.autograd.backward)

# handle(recorder, tape, function, args, keywords) makes the call
CALLS: dict[Any, Callable[..., Any]] = {
    torch.Tensor.backward: _backward,
    torch.autograd.backward: _backward,
    torch.autograd.grad: _grad,
    torch.Tensor.register_hook: _register_hook,
    torch.Tensor.register_post_accumulate_grad_hook: _accumulating,
    torch.Tensor.requires_grad_: _requires_grad,
    torch.Tensor.retain_grad: _retain_grad,
}


def _read_grad(tape: Tape, func: Any, args: Any) -> Any:
    """Record a gradient that is read, where something is computed with it."""
    gradient, known = func(*args), tape.find(args[0])
    if gradient is not None and known is not None and tape.find(gradient) is None:
        if args[0].is_leaf:
            tape.sync(known)
        at = tape.spot()
        name = tape.listing.name(f"{(known.leaf.name if known.leaf else known.name)}_grad")
        row = Row((name,), f"{known.name}.grad", place=at.place)
        tape.append(row)
        tape.unread[name] = row
        tape.enter(gradient, name, moves=True).owner = known
    return gradient


def _set_grad(tape: Tape, func: Any, args: Any) -> Any:
    """Keep what a leaf's gradient was; the file is given the new one when it matters."""
    known = tape.find(args[0])
    if known is not None and args[0].grad is not None:
        known.last = array(args[0].grad)
    return func(*args)


def _set_requires_grad(tape: Tape, func: Any, args: Any) -> Any:
    result, known = func(*args), tape.find(args[0])
    if known is not None:
        tape.append(Row((), f"{known.name}.requires_grad_({bool(args[1])})"))
        known.moves = known.moves or bool(args[1])
    return result


def _set_data(tape: Tape, func: Any, args: Any) -> Any:
    """Take a tensor's value as unknown from here on."""
    result, known = func(*args), tape.find(args[0])
    if known is not None:
        known.version = version(args[0]) - 1
    return result


# handle(tape, function, args) makes the call
ATTRIBUTES: dict[str, Callable[..., Any]] = {
    "torch.Tensor.grad.__get__": _read_grad,
    "torch.Tensor.grad.__set__": _set_grad,
    "torch.Tensor.requires_grad.__set__": _set_requires_grad,
    "torch.Tensor.data.__set__": _set_data,
}
