"""The rows of findings about parameters to which no gradient comes back."""

from __future__ import annotations

from gradcli.diagnose.findings import Group, Kind, Severity
from gradcli.diagnose.silent import leaves
from gradcli.diagnose.silent.judges import flows, runs
from gradcli.diagnose.silent.repairs import begins
from gradcli.diagnose.silent.told import cut, kept_tensors, opened, underivable
from gradcli.diagnose.silent.unused import unused

CUTS = (
    Kind(
        "integer-parameter", Group.SILENT, Severity.ERROR,
        "a parameter of integers",
        "A derivative asks how a result changes with a small step, and integers have none. A "
        "tensor of numbers without a decimal point is one of integers.",
        "write 1.0 for 1, or give dtype=float64",
        "x = tensor([0.5, 2.0])\nw = tensor([1, 2], requires_grad=True)\nloss = sum(w*x)",
        leaves.integers, leaves.with_floats, runs,
    ),
    Kind(
        "no-parameter", Group.SILENT, Severity.ERROR,
        "a plain tensor whose gradient is wanted",
        "Operations are recorded where one of their operands requires a gradient. A tensor that "
        "was made without requires_grad=True does not, nor does what is computed from it: "
        "backward() has nothing to go through, and `.grad` stays None.",
        "make it with requires_grad=True",
        "x = tensor([1.0, 2.0])\nw = tensor([0.5, -0.5])\nloss = sum((w*x - 1.0)**2)\n"
        "loss.backward()\nprint(w.grad)",
        leaves.plain, leaves.required, begins,
    ),
    Kind(
        "detached", Group.SILENT, Severity.ERROR,
        "a parameter behind detach() or .data",
        "detach() and .data give the values of a tensor without its history: for backward they are "
        "constants. A parameter gets no gradient where each way from it goes through one.",
        "leave detach() out, or make it a plain tensor if it is to stay as it is",
        "w = param(0.5)\nx = tensor([1.0, 2.0])\nloss = sum((w*x).detach()**2)",
        cut("detached"), opened, flows,
    ),
    Kind(
        "under-no-grad", Group.SILENT, Severity.ERROR,
        "a parameter used under no_grad() alone",
        "Under no_grad() and inference_mode() nothing is recorded: what is computed there is a "
        "constant for backward.",
        "compute it outside of no_grad(), which is for updates and for evaluation",
        "w = param(0.5)\nx = tensor([1.0, 2.0])\nwith no_grad():\n    h = w*x\nloss = sum(h**2)",
        cut("under-no-grad"), opened, flows,
    ),
    Kind(
        "copied-values", Group.SILENT, Severity.ERROR,
        "a tensor made anew from another's values",
        "tensor(x) copies numbers: the new tensor is a leaf of its own, and no gradient comes back "
        "from it to x.",
        "use the tensor itself, or stack() of tensors",
        "w = param(0.5)\nx = tensor([1.0, 2.0])\nh = tensor(w*x)\nloss = sum(h**2)",
        cut("copied-values"), opened, flows,
    ),
    Kind(
        "read-as-number", Group.SILENT, Severity.ERROR,
        "a tensor that was read as a Python number",
        "item(), float(), tolist() and an index give Python numbers, which have no history: what "
        "is computed from them is a constant for backward.",
        "compute with the tensor, and read it as a number to print it",
        "w = param(0.5)\nb = param(1.0)\nx = tensor([1.0, 2.0])\ns = (w*x).sum()\n"
        "loss = (s.item() + b)**2",
        cut("read-as-number"), kept_tensors, flows,
    ),
    Kind(
        "through-comparison", Group.SILENT, Severity.ERROR,
        "a parameter that only a comparison depends on",
        "True and false do not change by small steps: a comparison has no derivative. A loss that "
        "counts right answers cannot be trained.",
        "use a smooth stand-in: sigmoid((a - b)/t) for a > b, a cross-entropy for an accuracy",
        "w = param(0.5)\nx = tensor([1.0, 3.0])\nloss = mean((w*x > 1.0).double())",
        cut("through-comparison"),
    ),
    Kind(
        "through-branch", Group.SILENT, Severity.ERROR,
        "a parameter that only decides which branch is taken",
        "An `if` looks at a value and takes one way or another. What is computed there does not "
        "depend on the value any more, and a jump from one way to the other has no derivative.",
        "use a smooth stand-in: s*a + (1 - s)*b with s = sigmoid((x - edge)/t)",
        "w = param(0.7)\nif w > 0.5:\n    y = 1.0\nelse:\n    y = 0.0\nloss = (y - 0.3)**2",
        cut("through-branch"),
    ),
    Kind(
        "through-indices", Group.SILENT, Severity.ERROR,
        "a parameter that only indices depend on",
        "argmax, argsort, topk's indices and the like are integers that jump: they have no "
        "derivative.",
        "use weights that add up to 1: sum(softmax(x/t) * values) for values[argmax(x)]",
        "w = param([0.5, 2.0])\nvalues = tensor([1.0, 4.0])\nloss = (values[argmax(w)] - 3.0)**2",
        cut("through-indices"),
    ),
    Kind(
        "through-integers", Group.SILENT, Severity.ERROR,
        "a parameter that was turned into integers",
        "Integers have no derivative: where a value is converted to them, its history ends.",
        "keep floats; to round on the way forward alone: x + (round(x) - x).detach()",
        "w = param([1.2, 2.7])\nloss = sum((w.long() - 1.5)**2)",
        cut("through-integers"), opened, flows,
    ),
    Kind(
        "no-derivative", Group.SILENT, Severity.ERROR,
        "a parameter behind an operation without a derivative",
        "Some operations have no derivative by any of their arguments, or by the one that a "
        "parameter is given as.",
        "use another operation, or take the parameter around it",
        "w = param([1.2, 2.7])\nloss = sum(heaviside(w, tensor(0.5)) * 2.0)",
        underivable,
    ),
    Kind(
        "unused-parameter", Group.SILENT, Severity.WARNING,
        "a parameter that is never used",
        "Backward visits what the result was computed from, and nothing else. A parameter that "
        "nothing was computed from keeps the `.grad` None, and no optimiser moves it.",
        "use it, or make it a plain tensor",
        "w = param(2.0)\nb = param(1.0)\nx = tensor([1.0, 2.0])\nloss = sum((w*x)**2)",
        unused,
    ),
)  # fmt: skip
