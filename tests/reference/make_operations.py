"""Write operations.json: what PyTorch computes for calls at the edges of what its operations take.

Run it in the checkout with PyTorch 2.13: `python tests/reference/make_operations.py`.

A row has the form of those in expressions.json, and more: `again` says of the gradient of each leaf
whether it requires a gradient and what its grad_fn is, and `second` is the gradient of
sum(gradients * G) by the leaves, null where PyTorch has none. Where a gradient of PyTorch's is not
the derivative, `wrong` says so, and the tests compare with differences instead.
"""

from __future__ import annotations

import json
import re
from math import isfinite
from pathlib import Path
from typing import Any

import torch

FILE = Path(__file__).parent / "operations.json"
ABOUT = (
    "PyTorch 2.13.0 (CPU) on fixed float64 inputs, in the form of expressions.json: grads are of "
    "sum(result * G) with G = 1 + arange(numel)/numel in the result's shape."
)
SHAPES = {"s": (), "v": (3,), "w": (3,), "M": (2, 3), "A": (3, 3), "T": (2, 3, 3), "E": (0,),
          "C": (2, 3, 4), "I": (1, 2, 4, 4)}  # fmt: skip

# gradients by the weights of an average; of what is written twice, or where a factor is 0
WEIGHTS = [
    "cov(M, aweights=w.abs())",
    "cov(M, aweights=w.abs(), correction=0)",
    "cov(M, fweights=tensor([1, 2, 3]), aweights=w.abs())",
    "cov(v, aweights=w.abs())",
    "cov(M, fweights=tensor([1, 2, 3]))",
    "index_fill(v, 0, tensor([0, 0]), s)",
    "index_fill(M, 1, tensor([2, 0, 2]), s)",
    "index_add(v, 0, tensor([0, 0]), v[:2] ** 2)",
    "index_put(v, (tensor([0, 0]),), v[:2] ** 2, accumulate=True)",
    "put(M, tensor([4, 4]), v[:2], accumulate=True)",
    "masked_scatter(M, tensor([True, False, True]), C ** 2)",
    "masked_fill(M, tensor([True, False, True]), s)",
    *(f"scatter_reduce({a}, 0, tensor([0, 0, 1]), {b}, 'prod', include_self={own})"
      for a in ("v", "v * tensor([0., 1., 1.])")
      for b in ("w", "w * tensor([0., 1., 1.])", "w * tensor([0., 0., 1.])")
      for own in (True, False)),
    "scatter_reduce(M, 1, tensor([[0, 1], [1, 1]]), (T * (T > 0))[0, :2, :2], 'prod')",
]  # fmt: skip
# PyTorch has the gradient of every element that is written, of one that is written over as well
TWICE = [
    "index_copy(v, 0, tensor([0, 0]), w[:2] ** 2)",
    "index_copy(M, 1, tensor([0, 0]), A[:2, :2])",
    "index_put(v, (tensor([0, 0]),), w[:2] ** 2)",
    "index_put(v, (tensor([0, 0]),), s)",
    "index_put(A, (tensor([0, 0]), tensor([1, -2])), w[:2])",
    "put(M, tensor([4, -2]), v[:2])",
    "scatter(v, 0, tensor([0, 0]), w[:2] ** 2)",
]
# one triangle is read, or symmetry is assumed: the matrices are neither triangular nor symmetric
TRIANGLES = [
    *(f"linalg.eigh({a}){part}" for a in ("A", "A, UPLO='U'", "T")
      for part in ("[0]", "[1] ** 2")),
    "linalg.eigvalsh(A)",
    "linalg.eigvalsh(T, UPLO='U')",
    *(f"{name}(A + 4 * eye(3), upper={up})" for name in ("linalg.cholesky", "cholesky")
      for up in (False, True)),
    *(f"linalg.cholesky_ex(A + 4 * eye(3), upper={up})[0]" for up in (False, True)),
    *(f"cholesky_inverse({a}, upper={up})" for a in ("A", "T") for up in (False, True)),
    *(f"cholesky_solve({b}, {a}, upper={up})" for b, a in (("M.T", "A"), ("A", "T"))
      for up in (False, True)),
    "linalg.pinv(A, hermitian=True)",
    "linalg.pinv(T + T.mT, hermitian=True)",
    "linalg.matrix_rank(A, hermitian=True)",
    *(f"linalg.solve_triangular(A, M.T, upper={up}, unitriangular={unit})"
      for up in (False, True) for unit in (False, True)),
    "triangular_solve(M.T, A)[0]",
    "triangular_solve(M.T, A, upper=False, transpose=True, unitriangular=True)[0]",
    "linalg.inv_ex(A)[0]",
    "linalg.lu_solve(*linalg.lu_factor(A), M.T)",
]  # fmt: skip
# pieces of lines, and what has its gradient as one operation: the gradient has a gradient
_POOLED = ("max_pool1d(C, 2)", "max_pool2d(I, 2, 1, 1)", "max_pool3d(I[None], (1, 2, 2))",
           "avg_pool1d(C, 2)", "avg_pool2d(I, 2, count_include_pad=False)",
           "avg_pool3d(I[None], (1, 2, 2))", "adaptive_avg_pool1d(C, 2)",
           "adaptive_avg_pool2d(I, (2, 3))", "adaptive_max_pool1d(C, 2)",
           "adaptive_max_pool2d(I, 2)", "adaptive_max_pool3d(I[None], 2)")  # fmt: skip
ONE_NODE = [
    *(f"{name}(M)" for name in (
        "relu", "F.relu6", "F.leaky_relu", "F.hardtanh", "F.hardshrink", "F.softshrink",
        "F.hardswish", "F.elu", "F.celu", "F.selu", "F.gelu", "F.silu", "F.mish", "F.softplus",
        "F.logsigmoid", "F.softsign", "F.tanhshrink", "tanh", "sigmoid", "abs", "exp2",
        "frac", "deg2rad", "square", "max", "min", "median", "amax", "std", "mean")),
    "F.threshold(M, 0.1, 0.5)", "F.rrelu(M)", "F.prelu(M, w)", "F.glu(T, 0)",
    "F.gelu(M, approximate='tanh')", "F.softplus(M, 2.0, 1.0)",
    "softmax(M, 1)", "log_softmax(M, 0)", "F.softmin(M, 1)",
    "clamp(M, -0.5, 0.5)", "clamp_min(M, w)", "clamp_max(M, w)", "clamp_min(M, 0.1)",
    "maximum(M, w)", "minimum(M, w)", "fmax(M, w)", "fmin(M, w)", "where(M > 0, M, w)",
    *(f"F.{call}" for call in _POOLED),
    "F.nll_loss(M, tensor([0, 2]))", "F.nll_loss(I, zeros(1, 4, 4).long())",
    "F.cross_entropy(M, tensor([0, 2]))",
    *(f"F.{name}(M, A[:2])" for name in ("mse_loss", "smooth_l1_loss", "huber_loss", "l1_loss")),
    "F.mse_loss(M, A[:2], reduction='none')", "F.soft_margin_loss(M, A[:2].detach().sign())",
    "F.binary_cross_entropy(sigmoid(M), sigmoid(A[:2]))",
    "F.multi_margin_loss(M, tensor([0, 2]), p=2)",
    "F.layer_norm(T, (3,), w, v)", "F.batch_norm(T, None, None, w, v, training=True)",
    "F.batch_norm(T, zeros(3), ones(3), w, v)", "F.group_norm(T, 3, w, v)",
    "F.conv1d(C, T[:, :, :2], v[:2])", "F.conv2d(I, I[:, :, :2, :2], padding=1)",
    "F.conv_transpose1d(C, A[:, :, None], v, stride=2)",
    *(f"F.pad(I, (1, 1, 1, 1), mode='{mode}')" for mode in ("reflect", "replicate", "circular")),
    "cdist(M, A)", "F.pdist(A)", "F.embedding(tensor([0, 2, 2]), A)",
    "sort(v).values", "topk(M, 2).values", "M.max(1).values", "masked_select(M, M > w)",
    "index_select(M, 1, tensor([2, 0, 0]))", "M.unsqueeze(1)", "T[:1].squeeze(0)", "M.repeat(2, 1)",
]  # fmt: skip
# what was refused, or had another name
EDGES = [
    "cat([M, E])", "cat([E, M], 1)", "cat([E, M, E], dim=-1)", "cat([E, E])", "cat([E, v])",
    "hsplit(v, 3)[1]", "hsplit(v, [1, 2])[2]", "hsplit(M, 3)[0]",
    "take_along_dim(M, tensor([[-1], [0]]), 1)", "take_along_dim(v, tensor([-1, -3]), 0)",
    "gather(M, 0, tensor([]).long())", "gather(M, 1, zeros((0, 3)).long())",
    "gather(M, 1, tensor([[]]).long())", "gather(M, 0, zeros((0, 0)).long())",
    *(f"F.pad({a}, {pad}, mode='{mode}')"
      for mode in ("constant", "reflect", "replicate", "circular")
      for a, pad in (("C", (-1, 1)), ("I", (-1, 1, 1, -1)), ("I[:0]", (1, 1, 1, 1)),
                     ("C[:0]", (1, 1)))),
    "F.pad(v, (-1, -2))",
    *(f"F.multi_margin_loss({a}, {t}, reduction='{r}')" for r in ("mean", "none")
      for a, t in (("s", "tensor(0)"), ("s", "tensor([0])"), ("v", "tensor(1)"),
                   ("v", "tensor([1])"), ("M[:1]", "tensor(2)"), ("M", "tensor([0, 2])"))),
    "F.multi_margin_loss(v, tensor(1), p=2, margin=0.5, weight=tensor([1., 2., 3.]))",
    "F.multilabel_margin_loss(s, tensor(0))", "F.multilabel_margin_loss(v, tensor([0, 2, -1]))",
    "F.multilabel_margin_loss(v[:1], tensor(0), reduction='none')",
    "F.feature_alpha_dropout(v, 0.5, training=False)", "F.feature_alpha_dropout(v, 0.0, True)",
    *(f"F.{name}(s, 0.5, training=False)"
      for name in ("dropout", "alpha_dropout", "feature_alpha_dropout")),
    "F.dropout(s, 0.0)", "F.dropout1d(M, 0.5, training=False)",
    *(f"native_layer_norm(C, (3, 4), None, None, 1e-5)[{k}]" for k in range(3)),
    "native_layer_norm(M, (3,), w, v, 1e-5)[0]",
    *(f"native_batch_norm(T, w, v, None, None, True, 0.1, 1e-5)[{k}]" for k in range(3)),
    *(f"native_batch_norm(M, w, v, zeros(3), ones(3), False, 0.1, 1e-5)[{k}]" for k in range(3)),
    "native_group_norm(I, w[:2], v[:2], 1, 2, 16, 2, 1e-5)[0]",
    "torch.batch_norm(T, w, v, None, None, True, 0.1, 1e-5, False)",
    "torch.instance_norm(C, None, None, None, None, True, 0.1, 1e-5, False)",
    "torch.layer_norm(M, (3,), w, v, 1e-5, False)", "torch.group_norm(T, 3)",
    "torch.embedding(A, tensor([0, 2, 2]))",
    *(f"torch.kl_div(v, softmax(w, 0){more})" for more in ("", ", 0", ", 1", ", 2",
                                                           ", 1, log_target=True")),
    "F.kl_div(v, softmax(w, 0))", "F.kl_div(M, softmax(A[:2], 1), reduction='batchmean')",
    "torch.hinge_embedding_loss(v, tensor([1., -1., 1.]))",
    "torch.margin_ranking_loss(v, w, tensor([1., -1., 1.]), 0.2, 2)",
    "torch.binary_cross_entropy_with_logits(v, w.detach().sigmoid(), reduction=1)",
    "torch.triplet_margin_loss(M, A[:2], A[1:])",
    "torch.poisson_nll_loss(v, w, True, False, 1e-8, 1)",
    "clamp_min(v, s)", "clamp_max(v, M)", "v.clamp_min(w)", "clamp(v, w)",
    "round(v, decimals=0)", "v.round(decimals=1)", "v.round()",
    "diff(v, n=0)", "diff(M, n=0, dim=0)", "diff(v, n=0, prepend=w)", "diff(v, n=2)",
    "M.sum_to_size(())", "M.sum_to_size(1, 3)", "M.sum_to_size(3)", "T.sum_to_size(1, 3, 1)",
    "M.sum_to_size(2, 3)", "prod(s)", "linalg.inv_ex(A)[1]",
]  # fmt: skip
CALLS = list(dict.fromkeys([*WEIGHTS, *TRIANGLES, *ONE_NODE, *EDGES]))


class Names(dict[str, Any]):
    """PyTorch's names, wherever they live."""

    def __missing__(self, name: str) -> Any:
        for home in (torch, torch.nn.functional, torch.special):
            if hasattr(home, name):
                return getattr(home, name)
        raise NameError(name)


def inputs() -> dict[str, torch.Tensor]:
    """Return the leaves, drawn from a seed."""
    generator = torch.Generator().manual_seed(3)
    return {name: torch.randn(shape, generator=generator).requires_grad_()
            for name, shape in SHAPES.items()}  # fmt: skip


def cotangent(y: torch.Tensor) -> torch.Tensor:
    """Return 1 + arange(numel)/numel in the shape of a tensor."""
    return (1 + torch.arange(y.numel()) / max(y.numel(), 1)).reshape(y.shape)


def chain(node: Any, depth: int = 9) -> Any:
    """Return a grad_fn and the chains of its next_functions, down to a depth."""
    if node is None:
        return None
    edges = node.next_functions if depth > 1 else ()
    return [type(node).__name__, *(chain(edge, depth - 1) for edge, _ in edges)]


def listed(x: Any) -> Any:
    """Return numbers as JSON has them: NaN and infinities are strings."""
    if isinstance(x, list):
        return [listed(item) for item in x]
    return x if isfinite(x) else str(x)


def row(text: str, leaves: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Run one call and say everything of its result, and of the gradient of its gradient."""
    y = eval(text, {}, Names({"torch": torch, "F": torch.nn.functional, **leaves}))
    used = {name: x for name, x in leaves.items() if re.search(rf"(?<![.\w]){name}\b", text)}
    found = {
        "expr": text,
        "deterministic": True,
        "dtype": str(y.dtype)[6:],
        "shape": list(y.shape),
        "requires_grad": y.requires_grad,
        "is_leaf": y.is_leaf,
        "grad_fn": None if y.grad_fn is None else type(y.grad_fn).__name__,
        "chain": chain(y.grad_fn),
        "value": listed(y.tolist()),
    }
    if not y.requires_grad:
        return found
    start = cotangent(y)
    grads = torch.autograd.grad(y, tuple(used.values()), start, create_graph=True,
                                allow_unused=True)  # fmt: skip
    named = dict(zip(used, grads, strict=True))
    found["grads"] = {n: None if g is None else listed(g.tolist()) for n, g in named.items()}
    found["again"] = {
        n: None if g is None or g.grad_fn is None else type(g.grad_fn).__name__
        for n, g in named.items()
    }
    found["second"] = second(named, used)
    return found


def second(
    gradients: dict[str, torch.Tensor | None], leaves: dict[str, torch.Tensor]
) -> dict[str, Any] | None:
    """Return the gradients of sum(gradients * G), null where PyTorch has no derivative of them."""
    parts = [g for g in gradients.values() if g is not None and g.requires_grad]
    if not parts:
        return {}
    try:
        again = torch.autograd.grad(parts, tuple(leaves.values()), [cotangent(g) for g in parts],
                                    allow_unused=True)  # fmt: skip
    except RuntimeError:
        return None
    filled = [torch.zeros(()) if g is None else g + 0 for g in again]  # + 0: no ZeroTensor
    return {n: listed(g.tolist()) for n, g in zip(leaves, filled, strict=True)}


def main() -> None:
    """Run every call and write the file."""
    torch.set_default_dtype(torch.float64)
    leaves = inputs()
    given = {
        name: {"value": x.tolist(), "dtype": "float64", "shape": list(x.shape),
               "requires_grad": True}
        for name, x in leaves.items()
    }  # fmt: skip
    rows = [row(text, leaves) for text in CALLS]
    parts = {"about": ABOUT, "inputs": given, "twice": [row(text, leaves) for text in TWICE]}
    lines = ",\n".join(json.dumps(r) for r in rows)
    FILE.write_text(f'{json.dumps(parts)[:-1]}, "rows": [\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
