"""The rows of findings: gradients that vanish or explode on their way."""

from __future__ import annotations

from gradcli.diagnose.findings import Group, Kind, Severity
from gradcli.diagnose.scale.epsilon import bounded, epsilon_gradient, only_where
from gradcli.diagnose.scale.saturated import felt, saturated_loss, stable
from gradcli.diagnose.scale.stages import exploding, vanishing
from gradcli.diagnose.scale.training import diverging, goes_down, shorter

KINDS: tuple[Kind, ...] = (
    Kind(
        "vanishing-gradient", Group.SCALE, Severity.WARNING,
        "the gradient vanishes on its way back",
        "Each layer, and each turn of a loop, multiplies the gradient by its weight and by the "
        "derivative of its activation. Where the product is below 1 it falls geometrically, and "
        "the first layers, or the first turns, have next to no part in what is learned.",
        "make the factor of a stage about 1: a residual `h + f(h)`, gates, relu for sigmoid, "
        "orthogonal weights, normalisation",
        "h = param([1.0, 0.5])\nU = param([[0.4, 0.0], [0.0, 0.3]])\nfor i in range(20):\n"
        "    h = tanh(U @ h)\nloss = sum(h)",
        vanishing,
    ),
    Kind(
        "exploding-gradient", Group.SCALE, Severity.WARNING,
        "the gradient explodes on its way back",
        "Where weight and activation of a layer or a turn multiply the gradient by more than 1, it "
        "grows geometrically. A step with it throws the first layers, or the weight that all turns "
        "share, far away.",
        "make the factor of a stage about 1: smaller or orthogonal weights, normalisation; clip "
        "the gradient's norm before a step",
        "U = param([[2.0, 0.0], [0.0, 1.5]])\nh = param([1.0, 0.5])\nfor i in range(30):\n"
        "    h = U @ h\nloss = sum(h)",
        exploding,
    ),
    Kind(
        "diverging-training", Group.SCALE, Severity.WARNING,
        "the loss grows at every step",
        "A step against the gradient goes down only as long as it is short: where the loss curves "
        "by c, one of more than 2/c times the gradient ends higher on the other side. The gradient "
        "is larger there, the next step longer, and the loss grows geometrically.",
        "take a smaller learning rate",
        "w = param(0.0)\nfor i in range(5):\n    loss = (3*w - 6)**2\n    loss.backward()\n"
        "    with no_grad():\n        w -= 0.2 * w.grad\n    w.grad = None",
        diverging, shorter, goes_down,
    ),
    Kind(
        "epsilon-gradient", Group.SCALE, Severity.WARNING,
        "a gradient that an epsilon makes",
        "`x / (norm + 1e-12)`, `log(p + 1e-12)` and `sqrt(x + 1e-12)` are finite where something "
        "is 0, and their derivatives there are 1e12 or 5e5: as large as the epsilon is small. One "
        "such element outweighs all others in a step.",
        "leave such elements out with where, or take an epsilon of the size of the data",
        "x = param([[3.0, 4.0], [0.0, 0.0]])\n"
        "unit = x / (x.norm(dim=1, keepdim=True) + 1e-12)\nloss = sum(unit)",
        epsilon_gradient, only_where, bounded,
    ),
    Kind(
        "saturated-loss", Group.SCALE, Severity.ERROR,
        "a gradient that is lost behind an epsilon",
        "The logarithm undoes the exponential of a sigmoid or a softmax: the gradient of the two "
        "is p - y, up to 1 where a prediction is as wrong as can be. Computed one after the other "
        "with an epsilon between them it is 0 there, since p is rounded to 0 or 1: what is most "
        "wrong is never corrected. `binary_cross_entropy` has such an epsilon of its own.",
        "use binary_cross_entropy_with_logits, logsigmoid or log_softmax",
        "z = param([40.0, -2.0])\nloss = binary_cross_entropy(sigmoid(z), tensor([0.0, 1.0]))",
        saturated_loss, stable, felt,
    ),
)  # fmt: skip
