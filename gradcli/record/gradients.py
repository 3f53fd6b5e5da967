"""What backward gives in the recorded run: to rows, and to the inputs of opaque rows."""

from __future__ import annotations

from typing import Any

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
        """Keep the gradients that an opaque row gives to its inputs."""
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

    def _kept(self, row: Opaque, slots: dict[int, str]) -> Any:
        def flowed(grad_inputs: Any, _: Any) -> None:
            if self.passing:
                for slot, name in slots.items():
                    if grad_inputs[slot] is not None:
                        found = array(grad_inputs[slot])
                        known = row.gradients.get(name)
                        row.gradients[name] = found if known is None else known + found

        return flowed


def jacobians(tensor: torch.Tensor, inputs: dict[str, torch.Tensor]) -> dict[str, Array]:
    """Return the derivatives of a small result by each input, none where they are too large.

    An input that nothing flows to has zeros; what cannot be differentiated has none.
    """
    wanted = {name: x for name, x in inputs.items() if x.requires_grad}
    count, rows = SMALL
    if tensor.numel() > rows or any(tensor.numel() * x.numel() > count for x in wanted.values()):
        return {}
    parts: list[tuple[torch.Tensor | None, ...]] = []
    for place in range(tensor.numel()):
        basis = torch.zeros(tensor.numel(), dtype=tensor.dtype)
        basis[place] = 1
        try:
            parts.append(torch.autograd.grad(
                tensor, [*wanted.values()], basis.reshape(tensor.shape), retain_graph=True,
                allow_unused=True,
            ))  # fmt: skip
        except (RuntimeError, NotImplementedError, ValueError, TypeError):
            return {}  # its backward takes no such gradient, or runs once
    found = {}
    for at, (name, x) in enumerate(wanted.items()):
        rows_ = [torch.zeros_like(x) if p[at] is None else p[at] for p in parts]
        stacked = torch.stack([r.detach() for r in rows_ if r is not None])
        found[name] = array(stacked.reshape(*tensor.shape, *x.shape))
    return found
