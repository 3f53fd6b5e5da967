"""What a program calls its tensors and modules: `blocks.0.attn.qkv.weight`, `x`."""

from __future__ import annotations

from collections.abc import Iterator
from types import FrameType

import torch
from torch import nn


class Labels:
    """Paths of the modules, parameters and buffers that a program's variables hold.

    Where several models hold tensors, paths begin with the variable's name: `generator.0.weight`.
    """

    def __init__(self) -> None:
        self.tensors: dict[int, str] = {}
        self.modules: dict[int, str] = {}
        self.kept: list[nn.Module] = []  # their ids stay theirs
        self.roots: dict[int, tuple[str, nn.Module]] = {}

    def of(self, tensor: torch.Tensor, frames: list[FrameType]) -> tuple[str, bool]:
        """Return a tensor's name and whether it is a path in a model; "" where it has none."""
        if id(tensor) not in self.tensors and isinstance(tensor, nn.Parameter):
            self._look(frames)
        if id(tensor) in self.tensors:
            return self.tensors[id(tensor)], True
        for frame in frames:
            for name, value in frame.f_locals.items():
                if value is tensor:
                    return name, False
        for frame in frames:
            for name, value in _held(frame):
                if value is tensor:
                    return name, False
        self._look(frames)
        return (self.tensors[id(tensor)], True) if id(tensor) in self.tensors else ("", False)

    def path(self, module: nn.Module, frames: list[FrameType]) -> str:
        """Return the path of a module, "" of the only model itself."""
        if id(module) not in self.modules:
            self._look(frames, module)
        return self.modules.get(id(module), type(module).__name__)

    def _look(self, frames: list[FrameType], called: nn.Module | None = None) -> None:
        found = {id(root): (name, root) for name, root in self.roots.values()}
        for frame in frames:  # the innermost first: its `self` is in what an outer variable holds
            for name, value in (*frame.f_locals.items(), *_held(frame)):
                if isinstance(value, nn.Module):
                    found[id(value)] = (name, value)
            if frame.f_globals is not frame.f_locals:
                for name, value in list(frame.f_globals.items()):
                    if isinstance(value, nn.Module):
                        found[id(value)] = (name, value)
        if called is not None:
            found.setdefault(id(called), (type(called).__name__, called))
        inside = {id(part) for _, root in found.values() for part in root.modules()
                  if part is not root}  # fmt: skip
        self.roots = {key: root for key, root in found.items() if key not in inside}
        self.kept = [root for _, root in self.roots.values()]
        holding = [key for key, (_, root) in self.roots.items() if _holds(root)]
        for key, (name, root) in self.roots.items():
            alone = holding == [key]
            self._name(root, "" if alone else name)

    def _name(self, root: nn.Module, start: str) -> None:
        def joined(path: str) -> str:
            return ".".join(filter(None, (start, path)))

        for path, part in root.named_modules():
            self.modules.setdefault(id(part), joined(path))
        for path, tensor in (*root.named_parameters(), *root.named_buffers()):
            self.tensors.setdefault(id(tensor), joined(path))


def _holds(root: nn.Module) -> bool:
    return next(root.parameters(), None) is not None or next(root.buffers(), None) is not None


def _held(frame: FrameType) -> Iterator[tuple[str, object]]:
    """Yield the attributes of what a method is called on: a trainer has its model there."""
    owner = frame.f_locals.get("self")
    if owner is not None and not isinstance(owner, nn.Module):
        yield from list(getattr(owner, "__dict__", {}).items())
