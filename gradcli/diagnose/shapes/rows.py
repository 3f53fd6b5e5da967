"""The rows of findings about shapes, targets and memory that do not fit."""

from __future__ import annotations

from gradcli.diagnose.findings import Group, Kind, Severity
from gradcli.diagnose.shapes.broadcasts import across, align, aligned, crossed, fits, keep_axis
from gradcli.diagnose.shapes.classes import (
    leave_out,
    log_missing,
    log_softmax_twice,
    logged,
    once,
    sigmoid_twice,
    softmax_twice,
    take_log,
)
from gradcli.diagnose.shapes.labels import in_range, label_range, relabelled
from gradcli.diagnose.shapes.memory import (
    aliased,
    apart,
    keep_copy,
    kept,
    moved_along,
    own_memory,
)
from gradcli.diagnose.shapes.samples import (
    each_alone,
    in_rows,
    over_batch,
    put_behind,
    turn_dim,
    weight_in_front,
)
from gradcli.diagnose.shapes.targets import (
    as_indices,
    bce_of_logits,
    class_indices,
    indexed,
    of_logits,
    uneven,
    with_logits,
)
from gradcli.diagnose.shapes.terms import as_mean, evened, mixed_reductions

KINDS: tuple[Kind, ...] = (
    Kind(
        "crossed-broadcast", Group.SHAPE, Severity.ERROR,
        "each prediction meets every target",
        "A tensor of shape (n, 1) beside one of shape (n,) is no pair of columns: broadcasting "
        "makes n × n elements of them, all pairs, and the reduction that follows averages over "
        "those. There is no error, and the loss falls, towards the mean of the targets.",
        "give both the same shape",
        "x = tensor([[1.0], [2.0], [4.0]])\ny = tensor([2.0, 3.0, 7.0])\nw = param([[1.0]])\n"
        "loss = mean((x @ w - y)**2)",
        crossed, align, aligned,
    ),
    Kind(
        "lost-axis", Group.SHAPE, Severity.WARNING,
        "a reduction lies along another axis",
        "Without keepdim a reduction over rows has one axis less, and broadcasting lines up what "
        "is left from the right: with the columns. With a square tensor there is no error, and "
        "each column is shifted or scaled by what belongs to a row.",
        "reduce with keepdim=True",
        "x = param([[1.0, 2.0], [3.0, 5.0]])\nloss = sum((x / x.sum(1))**2)",
        across, keep_axis, fits,
    ),
    Kind(
        "softmax-twice", Group.SHAPE, Severity.ERROR,
        "a softmax of probabilities",
        "`cross_entropy` and `log_softmax` take logits, and normalise them. Probabilities lie "
        "between 0 and 1, so that their softmax is nearly uniform: the loss has a floor far above "
        "0, and gradients are small where they should be large.",
        "give the loss the logits",
        "z = param([[2.0, -1.0, 0.5]])\nloss = cross_entropy(softmax(z, dim=1), tensor([0]))",
        softmax_twice, leave_out, once,
    ),
    Kind(
        "sigmoid-twice", Group.SHAPE, Severity.ERROR,
        "a sigmoid of probabilities",
        "`binary_cross_entropy_with_logits` has the sigmoid in it, and `binary_cross_entropy` "
        "takes what one sigmoid gives. A second one maps 0 to 1 into 0.5 to 0.731: nothing is ever "
        "unlikely, and the loss stays far above 0.",
        "give the loss the logits",
        "z = param([2.0, -1.0])\n"
        "loss = binary_cross_entropy_with_logits(sigmoid(z), tensor([1.0, 0.0]))",
        sigmoid_twice, leave_out, once,
    ),
    Kind(
        "log-missing", Group.SHAPE, Severity.ERROR,
        "a loss of log-probabilities is given none",
        "`nll_loss` and `kl_div` take logarithms of probabilities and compute none themselves. Of "
        "probabilities `nll_loss` is their negative mean; of logits it has no lower bound.",
        "give it log_softmax of the logits",
        "z = param([[2.0, -1.0, 0.5]])\nloss = nll_loss(softmax(z, dim=1), tensor([0]))",
        log_missing, take_log, logged,
    ),
    Kind(
        "softmax-over-batch", Group.SHAPE, Severity.ERROR,
        "a softmax over the samples",
        "A matrix of logits has a row for each sample. A softmax over dim 0 compares the samples "
        "of a batch with each other, and not the classes of a sample: results depend on who else "
        "is in the batch.",
        "take it over the dimension of the classes, dim=1 or dim=-1",
        "z = param([[2.0, -1.0], [0.5, 0.1], [1.0, 3.0]])\n"
        "loss = nll_loss(log_softmax(z, dim=0), tensor([0, 1, 1]))",
        over_batch, turn_dim, in_rows,
    ),
    Kind(
        "weight-in-front", Group.SHAPE, Severity.WARNING,
        "a square weight mixes the samples",
        "With samples in rows a linear layer is `x @ W.T`. `W @ x` adds up samples instead of "
        "features; it has a shape that fits only where there are as many samples as features.",
        "write x @ W.T",
        "x = tensor([[2.0, -1.0], [0.5, 0.1]])\nW = param([[1.0, 0.5], [-0.5, 2.0]])\n"
        "loss = cross_entropy(W @ x, tensor([0, 1]))",
        weight_in_front, put_behind, each_alone,
    ),
    Kind(
        "log-softmax-twice", Group.SHAPE, Severity.NOTE,
        "log_softmax of log-probabilities",
        "`cross_entropy` is `nll_loss` of `log_softmax`. What has been through `log_softmax` once "
        "is normalised, and a second pass changes no number: it takes time, and hides what the "
        "loss is given.",
        "use nll_loss, or leave log_softmax out",
        "z = param([[2.0, -1.0, 0.5]])\nloss = cross_entropy(log_softmax(z, dim=1), tensor([0]))",
        log_softmax_twice,
    ),
    Kind(
        "class-indices", Group.SHAPE, Severity.ERROR,
        "targets are no class indices",
        "`cross_entropy` takes a class for each sample as an integer from 0, or a probability for "
        "each class as floats of the logits' own shape. Labels that were read as floats, or that "
        "count from 1, are neither.",
        "convert them with .long(), and count from 0",
        "z = param([[2.0, -1.0], [0.5, 1.0]])\nt = tensor([0.0, 1.0])\nloss = cross_entropy(z, t)",
        class_indices, as_indices, indexed,
    ),
    Kind(
        "bce-of-logits", Group.SHAPE, Severity.ERROR,
        "a loss of probabilities is given logits",
        "`binary_cross_entropy` takes probabilities from 0 to 1. What a linear layer gives is a "
        "logit, of any size: PyTorch refuses it, as soon as one is outside of 0 to 1.",
        "use binary_cross_entropy_with_logits",
        "z = param([2.0, -1.0])\nloss = binary_cross_entropy(z, tensor([1.0, 0.0]))",
        bce_of_logits, with_logits, of_logits,
    ),
    Kind(
        "label-range", Group.SHAPE, Severity.ERROR,
        "labels of another convention",
        "Some losses of two classes take 0 and 1 (`binary_cross_entropy_with_logits`), others -1 "
        "and 1 (`soft_margin_loss`, `hinge_embedding_loss`, `margin_ranking_loss`). With the "
        "labels of the other ones there is no error, and one class is lost or "
        "its loss has no minimum.",
        "convert the labels: 2*y - 1, or (y + 1)/2",
        "z = param([2.0, -1.0])\nloss = binary_cross_entropy_with_logits(z, tensor([1.0, -1.0]))",
        label_range, relabelled, in_range,
    ),
    Kind(
        "target-sums", Group.SHAPE, Severity.WARNING,
        "target probabilities do not add up to 1",
        "`cross_entropy` and `kl_div` take floats as the probabilities of the classes. Where "
        "several classes can be right at once, or where targets are counts, their sum is "
        "another.",
        "divide them by their sum; for several labels at once, binary_cross_entropy_with_logits",
        "z = param([[2.0, -1.0, 0.5]])\nloss = cross_entropy(z, tensor([[1.0, 0.0, 1.0]]))",
        uneven,
    ),
    Kind(
        "mixed-reductions", Group.SHAPE, Severity.WARNING,
        "a sum over the batch beside a mean",
        "A sum over a batch grows with the batch, a mean does not. Where a loss adds one to the "
        "other, the batch size is a hidden weight between them, and gradients follow the sum.",
        "reduce both terms alike, or divide the sum by the batch size",
        "x = tensor([1.0, 2.0, 3.0])\ny = tensor([2.0, 4.0, 7.0])\nw = param(1.0)\n"
        "loss = sum((w*x - y)**2) + mean(abs(w*x - y))",
        mixed_reductions, as_mean, evened,
    ),
    Kind(
        "aliased-parameters", Group.SHAPE, Severity.ERROR,
        "two parameters are one",
        "`b = a`, `a.detach()`, `a.data` and views copy nothing: two names, or two leaves, lie "
        "in one memory, and an update in place of either moves both. Neither is where its gradient "
        "was taken.",
        "copy it: a.detach().clone().requires_grad_()",
        "a = param([1.0, 2.0])\nb = a.detach().requires_grad_()\nloss = sum((a + 2*b)**2)\n"
        "loss.backward()\nwith no_grad():\n    a -= 0.1 * a.grad\n    b -= 0.1 * b.grad",
        aliased, apart, own_memory,
    ),
    Kind(
        "moved-along", Group.SHAPE, Severity.WARNING,
        "earlier values that are the new ones",
        "`old = w.detach()`, `w.data` or `w` itself shares the memory of `w`. An update in place "
        "of `w` changes it as well, and what compares the two finds no difference.",
        "keep a copy: w.detach().clone()",
        "w = param([1.0, 2.0])\nold = w.detach()\nloss = sum(w**2)\nloss.backward()\n"
        "with no_grad():\n    w -= 0.1 * w.grad\nchange = w - old",
        moved_along, keep_copy, kept,
    ),
)  # fmt: skip
