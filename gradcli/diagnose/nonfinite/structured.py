"""The rows of findings: nan and infinity of rows, reductions, norms, matrices and losses."""

from __future__ import annotations

from gradcli.diagnose.findings import Group, Kind, Severity
from gradcli.diagnose.nonfinite import (
    divisions,
    elsewhere,
    hidden,
    likelihoods,
    losses,
    masked,
    matrices,
    roots,
)
from gradcli.diagnose.nonfinite.closeness import beside, either, nearly
from gradcli.diagnose.nonfinite.judges import restores
from gradcli.diagnose.nonfinite.kinds import jointly, where
from gradcli.diagnose.trial import heals

DIVISIONS = (
    Kind(
        "zero-norm", Group.NONFINITE, Severity.ERROR,
        "a division by a norm that is 0",
        "A vector of zeros has no direction: divided by its norm it is 0 / 0. The library's "
        "`normalize` and `cosine_similarity` divide by the norm or by a small eps, whichever is "
        "larger.",
        "divide by clamp(norm, min=eps), or use normalize or cosine_similarity",
        "v = param([0.0, 0.0])\nu = v / v.norm()\nloss = sum(u)",
        where(divisions.divides_by("norm", "largest", "error")),
        jointly(divisions.divides_by("norm", "largest", "error"), divisions.rewrites),
    ),
    Kind(
        "zero-spread", Group.NONFINITE, Severity.ERROR,
        "a division by a spread that is 0",
        "Where all elements are the same, their standard deviation and their range are 0, and the "
        "standard score is 0 / 0. Layers that normalise add eps to the variance, below the root.",
        "add eps to the variance below the root, or leave the constant columns out",
        "x = param([5.0, 5.0])\nz = (x - mean(x)) / std(x)\nloss = sum(z)",
        where(divisions.divides_by("spread", "range")),
        jointly(divisions.divides_by("spread", "range"), divisions.rewrites),
        either(heals, nearly),
    ),
    Kind(
        "zero-count", Group.NONFINITE, Severity.ERROR,
        "a division by a sum or count that is 0",
        "A mean over what a mask selects, a weighted mean, a share, a precision or an overlap "
        "divides by a sum. Where nothing is selected, or all weights are 0, that is 0 / 0.",
        "divide by clamp(count, min=1), or leave out what has no elements",
        "x = param([1.0, 2.0])\nm = tensor([0.0, 0.0])\nloss = sum(x*m) / m.sum()",
        where(divisions.divides_by("count", "total")),
        jointly(divisions.divides_by("count", "total"), divisions.rewrites),
    ),
)  # fmt: skip

REDUCTIONS = (
    Kind(
        "fully-masked-row", Group.NONFINITE, Severity.ERROR,
        "a softmax or logsumexp of a row that is all -inf",
        "A mask puts -inf where nothing may be attended to. Where it leaves nothing of a row, as "
        "for padding alone, the row has no largest element to start from: softmax gives 0 / 0, "
        "and logsumexp -inf, whose derivative is nan.",
        "leave one element of each row, or give such rows 0 afterwards",
        "s = param([[1.0, 2.0]])\nm = tensor([[True, True]])\n"
        "p = softmax(s.masked_fill(m, -inf), dim=1)\nloss = sum(p**2)",
        where(masked.fully_masked), masked.unmask, either(heals, beside),
    ),
    Kind(
        "mean-of-nothing", Group.NONFINITE, Severity.ERROR,
        "a mean of no elements",
        "A mask, a slice or an ignored class has left nothing, and the mean of nothing is 0 / 0. "
        "So are its variance, its median, and a loss whose targets are all ignored.",
        "divide the sum by max(count, 1), or skip the batch",
        "x = param([1.0, 2.0])\nloss = x[x > 5].mean()",
        where(masked.nothing_to_average), masked.average,
    ),
    Kind(
        "spread-of-one", Group.NONFINITE, Severity.ERROR,
        "a standard deviation of one element",
        "Unless told otherwise, `std` and `var` divide by the count less 1, so that of one "
        "element they are 0 / 0.",
        "use correction=0, or more than one element",
        "x = param([[3.0], [1.0]])\nloss = x.std(dim=1).sum()",
        where(masked.lone),
    ),
)  # fmt: skip

ROOTS = (
    Kind(
        "root-of-error", Group.NONFINITE, Severity.ERROR,
        "the root of an error that is 0",
        "The root mean square error has no derivative where the error is 0: the root's is inf, "
        "the square's 0, and their product nan. It happens when a model fits exactly.",
        "minimise the squared error, or add a small number below the root",
        "w = param(2.0)\nloss = sqrt(mse_loss(w, tensor(2.0)))",
        where(roots.error_root),
        jointly(roots.error_root, roots.rewrites), either(heals, nearly),
    ),
    Kind(
        "root-of-variance", Group.NONFINITE, Severity.ERROR,
        "the root of a variance that is 0",
        "The standard deviation, written as the root of the variance, has the derivative "
        "inf times 0 where all elements are the same. `std` itself takes 0.",
        "use std, or add eps to the variance below the root",
        "x = param([2.0, 2.0])\nloss = sqrt(var(x))",
        where(roots.spread_root),
        jointly(roots.spread_root, roots.rewrites), either(heals, nearly),
    ),
)  # fmt: skip

MATRICES = (
    Kind(
        "equal-eigenvalues", Group.NONFINITE, Severity.ERROR,
        "eigenvectors or singular vectors of equal values",
        "Vectors that belong to equal eigenvalues or singular values are not determined: any "
        "rotation of them will do. Their derivatives divide by the differences of the values.",
        "use the values alone (eigvalsh, svdvals), or break the tie: A + diag(small, different)",
        "A = param([[2.0, 0.0], [0.0, 2.0]])\nw, V = linalg.eigh(A)\nloss = V[0, 0] + sum(w)",
        where(matrices.equal_values),
    ),
    Kind(
        "singular-matrix", Group.NONFINITE, Severity.ERROR,
        "a determinant or inverse of a singular matrix",
        "A matrix whose rows depend on each other has the determinant 0 and no inverse; the "
        "logarithm of the determinant is -inf. A determinant may also be too small for a number "
        "though the matrix is a good one: slogdet sums logarithms instead.",
        "use slogdet, or add a small number to the diagonal",
        "A = param([[1.0, 2.0], [2.0, 4.0]])\nloss = log(det(A))",
        where(matrices.singular),
        jointly(matrices.singular, matrices.determinants), either(heals, nearly),
    ),
    Kind(
        "refused-matrix", Group.NONFINITE, Severity.ERROR,
        "a matrix that cannot be factorised or inverted",
        "Cholesky needs a matrix that is positive definite, and an inverse one that is not "
        "singular. Kernels of points that are alike, and covariances of few samples, are so only "
        "up to rounding, or not at all.",
        "add a small number to the diagonal, or use eigh or pinv",
        "A = param([[1.0, 2.0], [2.0, 1.0]])\nL = linalg.cholesky(A)\nloss = L.sum()",
        matrices.refused_matrix, matrices.refused_rewrites, nearly,
    ),
    Kind(
        "rank-deficient", Group.NONFINITE, Severity.WARNING,
        "a factorisation or inverse of a matrix without full rank",
        "Inverses, and the derivatives of QR and of least squares, exist for matrices of full "
        "rank alone. Of others the last pivot is a rounding error, and gradients are divided by "
        "it.",
        "leave out the columns that depend on others, or add a small number to the diagonal",
        "A = param([[1.0, 2.0], [2.0, 4.0]])\nQ, R = linalg.qr(A)\nloss = Q.sum()",
        matrices.deficient,
    ),
)  # fmt: skip

LIKELIHOODS = (
    Kind(
        "log-of-softmax", Group.NONFINITE, Severity.ERROR,
        "the logarithm of a class's probability, which softmax has rounded to 0",
        "Softmax takes exponentials, and one of a number 745 below the largest is 0 in double "
        "precision, 104 below in single. The probability of the class is picked after that, and "
        "its logarithm taken. `log_softmax` subtracts a logarithm, and picks then.",
        "use log_softmax and pick from it, or cross_entropy on the logits",
        "z = param([0.0, 900.0])\nloss = -log(softmax(z, dim=0)[0])",
        where(likelihoods.of_softmax),
        jointly(likelihoods.of_softmax, likelihoods.as_log_softmax), either(restores, nearly),
    ),
    Kind(
        "zero-scale", Group.NONFINITE, Severity.ERROR,
        "a distribution whose scale is 0",
        "The log density of a normal or Laplace distribution divides by its scale and takes the "
        "scale's logarithm: where the scale is 0 both are infinite.",
        "keep the scale above 0: softplus(s) + 1e-6, or gaussian_nll_loss, which has an eps",
        "m = param(1.0)\ns = param(0.0)\nloss = log(s) + ((2.0 - m)/s)**2/2",
        where(likelihoods.zero_scale),
        jointly(likelihoods.zero_scale, likelihoods.bounded), either(heals, nearly),
    ),
)  # fmt: skip

LOSSES = (
    Kind(
        "ctc-without-alignment", Group.NONFINITE, Severity.ERROR,
        "a CTC loss whose target does not fit",
        "CTC sums over the ways to spread the labels over the time steps, with a blank between "
        "equal neighbours. A sequence with fewer steps than that has no way: its loss is inf, and "
        "its gradient nan.",
        "use zero_infinity=True, or leave out the sequences that are too short",
        "z = param([[[0.1, 0.2]], [[0.3, 0.1]]])\nt = tensor([[1, 1]])\n"
        "loss = F.ctc_loss(log_softmax(z, 2), t, tensor([2]), tensor([2]))",
        where(losses.no_alignment), losses.without_infinity, either(heals, beside),
    ),
    Kind(
        "complex-zero", Group.NONFINITE, Severity.ERROR,
        "a complex root, power or logarithm at 0",
        "Roots and logarithms of complex numbers have a branch point at 0: there is no value or "
        "no derivative there, in whichever direction.",
        "add a small number, or treat 0 separately",
        "z = param(0j)\nloss = abs(sqrt(z))",
        where(losses.complex_zero), losses.off_zero, either(heals, nearly),
    ),
)  # fmt: skip

ELSEWHERE = (
    Kind(
        "other-convention", Group.NONFINITE, Severity.WARNING,
        "a point where the file's own library has the gradient nan",
        "Where a function has no derivative, PyTorch often takes one of the slopes, or 0. JAX and "
        "HIPS autograd multiply what their rules give there: inf times 0 is nan. It is said only "
        "of files that import one of them.",
        "write it so that it is smooth there: a small number below the root",
        "import jax.numpy as jnp\nx = param([0.0, 0.0])\nloss = jnp.linalg.norm(x)",
        elsewhere.no_gradient, elsewhere.below_the_root, either(heals, nearly),
    ),
)  # fmt: skip

HIDDEN = (
    Kind(
        "hidden-nan", Group.NONFINITE, Severity.NOTE,
        "nan that something hides",
        "A comparison with nan is false, and sorting and counting go on with it. No result has it "
        "and no gradient meets it, so that no number is wrong; whether the choice that was made is "
        "the one that was meant is another question. Where the file itself puts a number in its "
        "place (`where`, `nan_to_num`, a mask) nothing is said.",
        "make sure that the comparison is meant",
        "x = digamma(tensor([-1.0, 3.0]))\nw = param([2.0, 1.0])\nloss = sum(where(x > 0, w, 2*w))",
        where(hidden.value),
    ),
    Kind(
        "trains-on-nan", Group.NONFINITE, Severity.WARNING,
        "a result of nan or infinity whose gradients are finite",
        "What makes a result nan or infinite may be added to it: its derivative is 1 or 0, and "
        "the gradients are finite. An optimiser goes on, and only the printed loss shows it.",
        "find what makes the result nan: it is shown above",
        "x = param([2.0, 1.0])\nc = tensor([0.0, 1.0])\nloss = sum(3*x + log(c))",
        hidden.trains_on,
    ),
)  # fmt: skip

KINDS: tuple[Kind, ...] = (
    *REDUCTIONS, *DIVISIONS, *ROOTS, *MATRICES, *LIKELIHOODS, *LOSSES, *ELSEWHERE,
)  # fmt: skip
