"""Each call of PyTorch that a program makes, and the row that it becomes.

A function that gradcli computes too is one row. A function of PyTorch that is written in Python,
and that gradcli does not know, is opened: it runs again with what it calls recorded. What stays
unknown is an opaque row. What depends on no parameter is no row at all, but data where it is used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from gradcli.errors import InputFault
from gradcli.record import special
from gradcli.record.gradients import Watch
from gradcli.record.listing import Opaque, Row
from gradcli.record.openings import OPENINGS, foreach
from gradcli.record.spelling import UnspelledError, name_of, spelled
from gradcli.record.tape import Tape, array, tensors, version
from gradcli.record.trial import Tried, agree, tried
from gradcli.rule.dtypes import Array

# attributes that are tensors; all others are facts
_ATTRIBUTES = {f"torch.Tensor.{name}.__get__" for name in
               ("T", "mT", "H", "mH", "data", "real", "imag")}  # fmt: skip
_FACTS = {f"torch.Tensor.{name}" for name in (
    "size", "dim", "stride", "numel", "item", "tolist", "numpy", "__len__", "__float__", "__int__",
    "__bool__", "__index__", "__repr__", "__format__", "__hash__", "is_floating_point",
    "is_contiguous", "element_size", "data_ptr", "storage_offset", "untyped_storage", "ndimension",
    "get_device", "is_complex", "__contains__", "__array__", "nelement",
    "__deepcopy__")}  # fmt: skip
_LABELS = {"getitem": "part", "rtruediv": "div", "rdiv": "div", "rsub": "sub", "rpow": "pow",
           "T": "transposed", "mT": "transposed", "H": "transposed"}  # fmt: skip
_MEMORY = 1 << 32  # bytes that a trial may take


class Recorder(TorchFunctionMode):
    """Records the calls of PyTorch on a tape, while it has one and is not `paused`."""

    def __init__(self) -> None:
        super().__init__()
        self.tape: Tape | None = None
        self.paused = 0
        self.watch = Watch()
        self.refusal: InputFault | None = None
        self.opened: list[Any] = []
        self.known: dict[tuple[Any, ...], bool] = {}
        # who is told of a backward pass, of a row that begins, and of a pass after the record
        self.on_backward: Callable[[Any], None] = lambda _: None
        self.on_row: Callable[[bool], Tape | None] = lambda _: self.tape
        self.waiting: Callable[[], None] | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.tape is None or self.paused:
            if self.waiting is not None and func in special.PASSES:
                return self._awaited(func, args, kwargs)
            return func(*args, **kwargs)
        if torch._C._functorch.peek_interpreter_stack() is not None:
            self.refuse(
                InputFault(
                    "vmap and the other transforms of torch.func cannot be recorded: their "
                    "tensors are batches of tensors",
                    hint="record a part of the program without them: --function",
                )
            )
            return func(*args, **kwargs)
        return self._handled(self.tape, func, args, kwargs)

    def _awaited(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Run a pass that may come through what has been recorded, and tell who waits for it."""
        self.watch.passing = True
        try:
            result = func(*args, **kwargs)
        finally:
            self.watch.passing = False
        if self.waiting is not None:
            self.waiting()
        return result

    def refuse(self, why: InputFault) -> None:
        """Record no more: what follows would not be what the program has computed."""
        self.tape, self.refusal = None, self.refusal or why

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Let PyTorch run without being recorded."""
        self.paused += 1
        try:
            yield
        finally:
            self.paused -= 1

    def _handled(self, tape: Tape, func: Any, args: Any, kwargs: Any) -> Any:
        name = name_of(func)
        is_attribute = name.endswith((".__get__", ".__set__"))
        if name.startswith("torch.nn.init."):  # what it has made is seen where it is used
            return func(*args, **kwargs)
        if name in _FACTS or (is_attribute and name not in _ATTRIBUTES):
            handle = special.ATTRIBUTES.get(name)
            return func(*args, **kwargs) if handle is None else handle(tape, func, args)
        if (handle := special.CALLS.get(func)) is not None:
            return handle(self, tape, func, args, kwargs)
        opening = OPENINGS.get(func)
        last = name.rpartition(".")[2]
        if last.startswith("_foreach_"):
            opening = foreach(last)
        operands = tensors((args, kwargs))
        differentiated = torch.is_grad_enabled() and last not in ("__get__", "detach")
        if not any(tape.moves(x, differentiated=differentiated) for x in operands):
            result = func(*args, **kwargs)
            tape.hint(result, last.strip("_"))
            return result
        now = self.on_row(differentiated and any(x.requires_grad for x in operands))
        if now is None:
            return func(*args, **kwargs)
        tape = now
        if opening is not None:
            tape.drawing = "mask" if "dropout" in last else ""
            with self:
                result = opening(*args, **kwargs)
            tape.drawing = ""
            if result is not NotImplemented:
                return result
        try:
            return _Call(self, tape, func, args, kwargs, operands).run()
        except InputFault as fault:
            self.refuse(fault)
            return func(*args, **kwargs)

    @contextmanager
    def opening(self, func: Any) -> Iterator[None]:
        """Record what a function in Python calls: it itself takes its arguments as they are."""
        scope = func.__globals__
        checks = {n: f for n, f in scope.items() if n.startswith("has_torch_function")}

        def first(*_: Any) -> bool:
            scope.update(checks)
            return False

        scope.update(dict.fromkeys(checks, first))
        self.opened.append(func)
        try:
            with self:
                yield
        finally:
            self.opened.pop()
            scope.update(checks)


class _Call:
    """A call of a function that depends on a parameter."""

    def __init__(self, recorder: Recorder, tape: Tape, func: Any, args: Any, kwargs: Any,
                 operands: list[torch.Tensor]) -> None:  # fmt: skip
        self.recorder, self.tape, self.func = recorder, tape, func
        self.args, self.kwargs = args, kwargs
        self.operands = list({id(x): x for x in operands}.values())
        label = name_of(func).removesuffix(".__get__").rpartition(".")[2].strip("_")
        self.label = _LABELS.get(label, label)

    def run(self) -> Any:
        """Make the call, record it, and return its result.

        Raises: InputFault where a tensor cannot be recorded.
        """
        tape, func = self.tape, self.func
        is_python = isinstance(func, FunctionType) and func not in self.recorder.opened
        if is_python and self.kwargs.get("inplace"):
            return self._open()
        self.entries = [tape.operand(x) for x in self.operands]
        self.before = [version(x) for x in self.operands]
        no_grad = not torch.is_grad_enabled()
        found = self._attempt()
        if found is None and is_python:
            return self._open()
        at = tape.spot()
        result = func(*self.args, **self.kwargs)
        made = [x for x in tensors(result) if not any(x is y for y in self.operands)]
        changed = [x for x, v in zip(self.operands, self.before, strict=True) if version(x) != v]
        if not made and not changed:
            return result
        text = self._agreed(found, made, changed)
        if text is None and torch.is_autocast_enabled("cpu") and not changed:
            text = self._cast(made)
        if text is not None:
            self._row(text, result, made, changed, at, no_grad)
        else:
            self._unknown(made, changed, at)
        return result

    def _open(self) -> Any:
        with self.recorder.opening(self.func):
            return self.func(*self.args, **self.kwargs)

    # ---- is it known? ------------------------------------------------------------------------

    def _texts(self, names: dict[int, str], cast: str = "") -> list[str]:
        def named(x: torch.Tensor) -> str:
            inexact = x.dtype.is_floating_point and cast and str(x.dtype) != cast
            return names[id(x)] + (f".to({cast})" if inexact else "")

        try:
            return spelled(self.func, self.args, self.kwargs, named)
        except (UnspelledError, KeyError):
            return []

    def _attempt(self, cast: str = "") -> tuple[int, str, tuple[Any, ...], Tried | None] | None:
        """Return which text gradcli takes, how it reads on a trial, and what it gives then.

        A call whose like has been held against PyTorch before is not tried again.
        """
        names = {id(x): f"a{i}" for i, x in enumerate(self.operands)}
        shapes = tuple((tuple(x.shape), x.dtype) for x in self.operands)
        values: dict[str, Array] | None = None
        for place, text in enumerate(self._texts(names, cast)):
            key = (text, shapes)
            known = self.recorder.known.get(key)
            if known:
                return place, text, key, None
            if known is None:
                values = values or {names[id(x)]: array(x) for x in self.operands}
                outcome = tried(text, values, _MEMORY)
                if outcome is not None:
                    return place, text, key, outcome
                self.recorder.known[key] = False
        return None

    def _agreed(
        self, found: Any, made: list[Any], changed: list[Any], cast: str = ""
    ) -> str | None:
        """Return the row's text, where gradcli computes what PyTorch does."""
        if found is None:
            return None
        place: int = found[0]
        key, outcome = found[2:]
        if outcome is not None:
            theirs = [array(x) for x in made]
            results = outcome.results if made else ()
            size = max((_size(x) for x in self.operands), default=0.0)
            same = len(results) == len(theirs) and all(
                agree(a, b, size) for a, b in zip(results, theirs, strict=True)
            )
            for i, x in enumerate(self.operands):
                if any(x is y for y in changed):
                    same = same and agree(outcome.operands[f"a{i}"], array(x))
            self.recorder.known[key] = same
            if not same:
                return None
        names = {id(x): e.name for x, e in zip(self.operands, self.entries, strict=True)}
        return self._texts(names, cast)[place]

    def _cast(self, made: list[Any]) -> str | None:
        """Return the text with the casts that autocast has made."""
        for dtype in (torch.get_autocast_dtype("cpu"), torch.float32):
            text = self._agreed(self._attempt(str(dtype)), made, [], str(dtype))
            if text is not None:
                return text
        return None

    # ---- what it becomes -----------------------------------------------------------------------

    def _row(self, text: str, result: Any, made: list[Any], changed: list[Any], at: Any,
             no_grad: bool) -> None:  # fmt: skip
        tape = self.tape
        needs = no_grad and any(x.requires_grad for x in self.operands)
        own = [x for x in changed if x is result]
        names = tuple(tape.name(at, self.label, i) for i in range(len(made)))
        outputs = list(zip(names, made, strict=True))
        if not made and own and self.entries[self._place(own[0])].leaf is None:
            name = tape.listing.name(self.entries[self._place(own[0])].name)
            outputs, names = [(name, own[0])], (name,)
        if len(tensors(result)) > 1 or isinstance(result, tuple | list):
            names = tuple(names)
            text = f"({text})[0]" if len(names) == 1 else text
        for x in changed:
            tape.settled(x)
        row = Row(names, text, no_grad=needs, place=at.place)
        tape.append(row)
        for name, x in outputs:
            known = tape.find(x) or tape.enter(x, name, moves=True)
            known.name, known.row = name, row
            self._truth(row, name, x)

    def _place(self, tensor: torch.Tensor) -> int:
        return next(i for i, x in enumerate(self.operands) if x is tensor)

    def _truth(self, row: Row, name: str, x: torch.Tensor) -> None:
        if x.grad_fn is not None:
            row.grad_fn[name] = type(x.grad_fn).__name__
            self.recorder.watch.row(self.tape, x, name, always=isinstance(row, Opaque))
        known = self.tape.find(x)
        is_gradient = known is not None and known.owner is not None  # which passes change
        if self.tape.settings.keeps(x.numel(), truth=True) and not (
            is_gradient or self._cancels(x)
        ):
            self.tape.listing.values[name] = array(x)

    def _cancels(self, x: torch.Tensor) -> bool:
        """Say whether a sum is 0 but for rounding, so that no two ways to add give the same."""
        size = max((_size(y) for y in self.operands if y.numel() > x.numel()), default=0.0)
        return bool(size) and float(x.detach().abs().max()) < 1e4 * size

    def _unknown(self, made: list[Any], changed: list[Any], at: Any) -> None:
        """Record results as opaque rows; what needs no gradient is data where it is used."""
        for x in changed:
            if x.requires_grad and not x.is_leaf:
                raise InputFault(
                    f"{at.place}: {self.label} changes a tensor in place, which gradcli does not "
                    "know", hint="use the function that makes a new tensor")  # fmt: skip
        inputs = dict(zip((e.name for e in self.entries), self.operands, strict=True))
        for place, x in enumerate(made):
            if x.requires_grad:
                opaque(self.recorder, self.tape, self.label, x, inputs,
                       self.tape.name(at, self.label, place), at)  # fmt: skip
            else:
                self.tape.hint(x, self.label)


def _size(x: torch.Tensor) -> float:
    """Return how large an operand's part in a sum may be, by the size of rounding errors."""
    if not x.numel() or not x.dtype.is_floating_point:
        return 0.0
    largest = float(x.detach().nan_to_num(0, 0, 0).abs().max())
    return float(largest * torch.finfo(x.dtype).eps * math.sqrt(x.numel()))


def opaque(recorder: Recorder, tape: Tape, label: str, result: torch.Tensor,
           inputs: dict[str, torch.Tensor], name: str, at: Any) -> None:  # fmt: skip
    """Record a result that gradcli does not compute: its value, and what backward gives."""
    assert result.grad_fn is not None, "what needs no gradient is data"
    row = Opaque((name,), label, place=at.place, inputs=(*inputs,), value=array(result),
                 grad_fn={name: type(result.grad_fn).__name__})  # fmt: skip
    recorder.watch.opaque(row, result, inputs)
    recorder.watch.row(tape, result, name, always=True)
    tape.append(row)
    tape.enter(result, name, moves=True)
