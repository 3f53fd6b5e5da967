"""The rows of findings about gradients that are 0 everywhere."""

from __future__ import annotations

from gradcli.diagnose.findings import Group, Kind, Severity
from gradcli.diagnose.silent.told import zero

ZEROS = (
    Kind(
        "softmax-of-one", Group.SILENT, Severity.ERROR,
        "a softmax over a single element",
        "A softmax makes the elements along its dimension add up to 1. Where that dimension has "
        "one element, the result is 1 (that of log_softmax 0) whatever it is given: it says "
        "nothing, and its derivative is 0.",
        "take the dimension of the classes, or sigmoid for a single logit",
        "w = param([[0.5], [-1.0]])\nloss = sum((softmax(w, 1) - 0.3)**2)",
        zero("softmax-of-one"),
    ),
    Kind(
        "step-function", Group.SILENT, Severity.ERROR,
        "a function that is constant between jumps",
        "round, floor, ceil, trunc and sign are constant between their jumps. Their derivative is "
        "0 there, and at a jump there is none; PyTorch gives 0 everywhere. Nothing that is "
        "computed from them alone can be trained.",
        "let the gradient pass as if it were not there: x + (round(x) - x).detach()",
        "w = param(1.7)\nloss = (round(w) - 3.0)**2",
        zero("step-function"),
    ),
    Kind(
        "dead-relu", Group.SILENT, Severity.WARNING,
        "a rectifier that is off everywhere",
        "relu is 0, with the slope 0, for whatever is below 0. Where that is so for every element "
        "that a parameter leads to, the parameter gets the gradient 0 and stays where it is, and "
        "so does the rectifier. It is the same with clamp(min=0), maximum(x, 0) and a mask that is "
        "made by a comparison.",
        "start from other values, or use leaky_relu, elu or softplus",
        "w = param([0.5, -1.0])\nx = tensor([[1.0, 2.0], [0.5, 3.0]])\nh = relu(x @ w - 1.0)\n"
        "loss = sum((h - 1.0)**2)",
        zero("dead-relu"),
    ),
    Kind(
        "clamped", Group.SILENT, Severity.WARNING,
        "values that are all cut off",
        "clamp, hardtanh, relu6 and the like are constant beyond their limits, and so have the "
        "slope 0 there. Where all elements lie beyond, what they were computed from gets the "
        "gradient 0, and cannot come back.",
        "widen the limits, or use a function with a slope everywhere",
        "w = param([4.0, 5.0])\nloss = sum((clamp(w, 0.0, 1.0) - 0.5)**2)",
        zero("clamped"),
    ),
    Kind(
        "saturated", Group.SILENT, Severity.WARNING,
        "a function far out, where it is flat",
        "sigmoid, tanh, softmax and erf come so close to their limits that the numbers of the "
        "dtype cannot tell them apart: the derivative, s(1 - s) or 1 - t², is 0 or next to it, and "
        "no gradient comes through.",
        "make the arguments smaller (scale the inputs and weights), or work with logits",
        "w = param(30.0)\nx = tensor([2.0, 3.0])\nloss = sum((tanh(w*x) + 1.0)**2)",
        zero("saturated"),
    ),
    Kind(
        "masked-out", Group.SILENT, Severity.WARNING,
        "a mask that leaves nothing",
        "What a mask leaves out has the derivative 0. A mask that is false everywhere leaves out "
        "everything.",
        "see what the mask is made from",
        "w = param([1.0, 2.0])\nx = tensor([3.0, 4.0])\nkept = where(x > 5.0, w*x, 0.0)\n"
        "loss = sum((kept - 1.0)**2)",
        zero("masked-out"),
    ),
    Kind(
        "underflow", Group.SILENT, Severity.ERROR,
        "numbers that are too small for their dtype",
        "A number below the smallest of its dtype (1e-45 in float32, 5e-324 in float64) is 0, and "
        "whatever is multiplied with it. Products of many probabilities, and exp of numbers far "
        "below 0, come there.",
        "add logarithms where numbers are multiplied",
        "w = param(900.0)\nloss = exp(-w) * 3.0 + 1.0",
        zero("underflow"),
    ),
    Kind(
        "zero-factor", Group.SILENT, Severity.WARNING,
        "a product with 0",
        "The derivative of a product by one factor is the other one. Where that is 0, the gradient "
        "is, whatever else there is. Two factors that are 0 both get no gradient and so stay: "
        "weights of several layers must not all begin at 0.",
        "see where the 0 comes from; begin with small random weights",
        "w = param([1.0, 2.0])\nb = param(0.5)\nweight = tensor(0.0)\n"
        "loss = (b - 2.0)**2 + weight * sum(w**2)",
        zero("zero-factor"),
    ),
)  # fmt: skip
