"""A function of one's own, a hook that clips, a checkpoint, and an operation unknown to most."""

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


class Straight(torch.autograd.Function):
    """Rounds; its gradient goes straight through, where it is small."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.round()

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * (x.abs() < 1)


def clipped(gradient):
    return gradient.clamp(-0.01, 0.01)


torch.manual_seed(0)
layer = nn.Linear(3, 4)
x = torch.randn(5, 3)
h = checkpoint(lambda t: torch.tanh(layer(t)), x, use_reentrant=False)
h.register_hook(clipped)
q = Straight.apply(h)
grown = torch.nn.functional.rrelu(q + h, training=True)
loss = grown.square().mean()
loss.backward()
