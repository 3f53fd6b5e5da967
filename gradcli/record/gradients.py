"""What backward gives in the recorded run: to rows, and to the inputs of opaque rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.autograd.graph import get_gradient_edge

from gradcli.record.listing import Opaque
from gradcli.record.tape import Tape, array
from gradcli.rule.dtypes import Array

WALK = 2000  # nodes of a graph between an opaque row and its inputs
SMALL = 4096, 64  # elements of a Jacobian, and of the result, up to which it is measured


class Watch:
    """Watches the gradients of rows; `passing` says that a pass of the program is under way."""

    def __init__(self) -> None:
        self.passing = False
        self.measured: dict[str, Array] | None = None  # while a Jacobian is measured

    def row(self, tape: Tape, tensor: torch.Tensor, name: str, *, always: bool = False) -> None:
        """Keep the gradient that flows through a row's result."""
        if tensor.grad_fn is None or not (
            always or tape.settings.keeps(tensor.numel(), truth=True)
        ):
            return

        def flowed(gradient: torch.Tensor) -> None:
            if self.passing:
                found = array(gradient)
                known = tape.listing.cotangents.get(name)
                tape.listing.cotangents[name] = found if known is None else known + found

        hooked: Any = tensor
        hooked.register_hook(flowed)

    def opaque(self, row: Opaque, tensor: torch.Tensor, inputs: dict[str, torch.Tensor]) -> None:
        """Keep the gradients that an opaque row gives to its inputs, and measure small Jacobians.

        What is kept is what the row gives by itself: before a hook of the input has changed it, and
        without what comes to the input on other ways.
        """
        edges = {}
        for name, x in inputs.items():
            if x.requires_grad:
                edge = get_gradient_edge(x)
                edges[edge.node, edge.output_nr] = name
        starts = [tensor.grad_fn]
        seen = set(starts)
        while starts:
            node: Any = starts.pop()
            slots = {}
            for slot, (nxt, number) in enumerate(node.next_functions):
                if (nxt, number) in edges:
                    slots[slot] = edges[nxt, number]
                elif nxt is not None and nxt not in seen and len(seen) < WALK:
                    seen.add(nxt)
                    starts.append(nxt)
            if slots:
                node.register_hook(self._kept(row, slots))
        row.jacobians = self._jacobians(tensor, inputs)

    def _kept(self, row: Opaque, slots: dict[int, str]) -> Any:
        def flowed(grad_inputs: Any, _: Any) -> None:
            into = row.gradients if self.passing else self.measured
            if into is None:
                return
            for slot, name in slots.items():
                if grad_inputs[slot] is not None:
                    found, known = array(grad_inputs[slot]), into.get(name)
                    into[name] = found if known is None else known + found

        return flowed

    def _jacobians(self, tensor: torch.Tensor, inputs: dict[str, torch.Tensor]) -> dict[str, Array]:
        """Return the derivatives of a small result by each input, none where they are too large.

        An input that nothing flows to has zeros.
        """
        wanted = {name: x for name, x in inputs.items() if x.requires_grad}
        count, rows = SMALL
        if tensor.numel() > rows or any(
            tensor.numel() * x.numel() > count for x in wanted.values()
        ):
            return {}
        parts = {name: list[Array]() for name in wanted}
        for place in range(tensor.numel()):
            basis = torch.zeros(tensor.numel(), dtype=tensor.dtype)
            basis[place] = 1
            self.measured = {}
            try:
                torch.autograd.grad(tensor, [*wanted.values()], basis.reshape(tensor.shape),
                                    retain_graph=True, allow_unused=True)  # fmt: skip
            except (RuntimeError, NotImplementedError, ValueError, TypeError):
                return {}  # its backward takes no such gradient, or runs once: gradients remain
            finally:
                found, self.measured = self.measured, None
            for name, x in wanted.items():
                parts[name].append(found[name] if name in found else array(torch.zeros_like(x)))
        return {
            name: np.reshape(np.stack(part), (*tensor.shape, *wanted[name].shape))
            for name, part in parts.items()
            if part
        }
