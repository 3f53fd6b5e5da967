"""The rows of findings about loops of training and what they do to leaves."""

from __future__ import annotations

from gradcli.diagnose.findings import Group, Kind, Severity
from gradcli.diagnose.silent import leaves, order, repairs, training
from gradcli.diagnose.silent.judges import runs

LOOP = (
    "x = tensor([1.0, 2.0])\ny = tensor([2.0, 4.0])\nw = param(0.5)\nfor i in range(3):\n"
    "    loss = mean((w*x - y)**2)\n    loss.backward()\n"
)

TRAINING = (
    Kind(
        "rebound-parameter", Group.SILENT, Severity.ERROR,
        "a parameter that an update has made a result",
        "`w = w - rate*w.grad` computes another tensor and gives it the name of the parameter. "
        "Outside of no_grad() that is recorded: the name stands for a result, which is no leaf and "
        "keeps no gradient, and the next pass goes back through all the updates.",
        "update in place: with no_grad(): w -= rate*w.grad",
        LOOP + "    w = w - 0.1*w.grad",
        training.no_leaf_any_more, repairs.under_no_grad, repairs.trains,
    ),
    Kind(
        "plain-update", Group.SILENT, Severity.ERROR,
        "a parameter that an update has made a plain tensor",
        "`w = w - rate*w.grad` under no_grad(), or of detached values, makes a new tensor of which "
        "nothing is recorded, and gives it the name of the parameter. It requires no gradient.",
        "update in place: w -= rate*w.grad",
        LOOP + "    with no_grad():\n        w = w - 0.1*w.grad",
        training.no_parameter_any_more, repairs.under_no_grad, repairs.trains,
    ),
    Kind(
        "recorded-update", Group.SILENT, Severity.ERROR,
        "an update in place outside of no_grad()",
        "A leaf that requires a gradient cannot be changed in place where operations are recorded: "
        "it would become the result of one, and the graph would have lost its beginning.",
        "put the update under no_grad()",
        LOOP + "    w -= 0.1*w.grad\n    w.grad.zero_()",
        training.leaf_in_place, repairs.under_no_grad, repairs.updates,
    ),
    Kind(
        "no-leaf-parameter", Group.SILENT, Severity.ERROR,
        "a parameter that was changed as it was made",
        "`randn(3, requires_grad=True) / 10` makes a parameter without a name and divides it. The "
        "name gets the result, which is no leaf: backward() puts the gradient elsewhere.",
        "compute the first value, and then say requires_grad_()",
        "w = tensor([1.0, 2.0], requires_grad=True) * 0.1\nloss = sum(w**2)\nloss.backward()\n"
        "print(w.grad)",
        leaves.no_leaf, leaves.as_leaf, repairs.leads,
    ),
    Kind(
        "grad-of-result", Group.SILENT, Severity.WARNING,
        "the .grad of a result",
        "backward() keeps gradients in the `.grad` of leaves alone. Those of results flow on and "
        "are forgotten, unless retain_grad() was called before.",
        "call retain_grad() on it before backward()",
        "w = param(2.0)\nh = w**2\nloss = h*3.0\nloss.backward()\nprint(h.grad)",
        leaves.of_result, leaves.retained, leaves.keeps,
    ),
    Kind(
        "no-backward", Group.SILENT, Severity.ERROR,
        "a gradient that is used before a pass",
        "`.grad` is None until a backward pass has put something there.",
        "call backward() on the loss first",
        "w = param(0.5)\nloss = (w - 3.0)**2\nwith no_grad():\n    w -= 0.1*w.grad",
        order.no_pass, order.with_pass, runs,
    ),
    Kind(
        "early-reset", Group.SILENT, Severity.ERROR,
        "a gradient that is reset before the update",
        "A pass puts the gradient into `.grad`, and the update goes along what is there. A reset "
        "between the two leaves nothing: the parameter stays where it is.",
        "reset after the update, or before the pass",
        LOOP + "    w.grad.zero_()\n    with no_grad():\n        w -= 0.1*w.grad",
        order.too_early, order.after_update, order.moves,
    ),
    Kind(
        "no-create-graph", Group.SILENT, Severity.ERROR,
        "a gradient without a history in the result",
        "autograd.grad() gives a gradient that is a constant for backward, unless it is told to "
        "record how it was computed: a penalty on it adds to the loss and not to the gradients.",
        "say create_graph=True",
        "import torch\nw = torch.tensor([0.5, 1.5], requires_grad=True)\n"
        "out = (w**3).sum()\n(g,) = torch.autograd.grad(out, w, retain_graph=True)\n"
        "loss = out + (g.norm() - 1.0)**2\nloss.backward()",
        order.unrecorded, order.with_history, order.has_history,
    ),
    Kind(
        "forgotten-reset", Group.SILENT, Severity.ERROR,
        "gradients that add up over updates",
        "backward() adds to what is in `.grad`. Where nothing resets it after an update, the next "
        "step goes along the sum of all gradients since the beginning, most of them at values that "
        "the parameter no longer has.",
        "reset it after each update: w.grad = None",
        LOOP + "    with no_grad():\n        w -= 0.01*w.grad",
        training.adds_up, repairs.reset, repairs.resets,
    ),
    Kind(
        "left-out-parameter", Group.SILENT, Severity.WARNING,
        "a parameter that the updates leave out",
        "backward() gives every parameter its gradient, and an update moves those that it names. "
        "One that it does not name stays as it is, and its gradients add up.",
        "update it with the others, or make it a plain tensor",
        "x = tensor([1.0, 2.0])\nw = param(0.5)\nb = param(0.0)\nfor i in range(3):\n"
        "    loss = mean((w*x + b - 1.0)**2)\n    loss.backward()\n    with no_grad():\n"
        "        w -= 0.1*w.grad\n        w.grad.zero_()",
        training.left_out, repairs.taken_in, repairs.takes_in,
    ),
    Kind(
        "second-backward", Group.SILENT, Severity.ERROR,
        "a graph that two passes go through",
        "A pass frees what operations have saved as it goes. Where something was computed before "
        "and the next pass depends on it too, that pass would go through it again. "
        "retain_graph=True silences the error; in a loop that updates parameters it is the wrong "
        "answer, since what is kept was computed with the old values.",
        "compute in each turn what the turn differentiates, or detach what is handed on",
        "x = tensor([1.0, 2.0])\nw = param(0.5)\nh = (w*x)**2\nfor i in range(3):\n"
        "    loss = mean((h - 1.0)**2)\n    loss.backward()\n    with no_grad():\n"
        "        w -= 0.01*w.grad\n        w.grad.zero_()",
        training.second_time, repairs.computed_anew, repairs.is_fresh,
    ),
    Kind(
        "stale-graph", Group.SILENT, Severity.ERROR,
        "a pass through values of before an update",
        "retain_graph=True keeps a graph for a further pass. Where parameters were updated in the "
        "meantime, what it holds was computed with their old values, and so are the gradients.",
        "compute it anew in each turn, and leave retain_graph out",
        "x = tensor([1.0, 2.0])\nw = param(0.5)\nh = w*x\nfor i in range(3):\n"
        "    loss = mean((h - 1.0)**2)\n    loss.backward(retain_graph=True)\n"
        "    w.data -= 0.1*w.grad\n    w.grad = None",
        training.stale, repairs.computed_anew, repairs.is_fresh,
    ),
)  # fmt: skip
