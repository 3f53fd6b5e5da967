"""What JAX calls the table's operations: calls that no gradient flows through, and odd arguments.

Those that one flows through are calls of the table, in `test_against_jax.py`.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.against.test_against_jax import comparisons

pytestmark = pytest.mark.usefixtures("jax")

WHOLE = "i = tensor([12, -7, 5, 0])\nj = tensor([8, 3, -5, 4])\n"
TRUTH = "p = tensor([True, True, False, False])\nq = tensor([True, False, True, False])\n"
REAL = "a = tensor([[1.5, -0., inf], [-inf, nan, 2.]])\n"
KNOWN = "s = tensor([1., 3., 3., 4.])\nt = tensor([3., 0., 9., 1.5])\n"
PLAIN = {  # operations, and the tensors that they are called with
    WHOLE: (
        "gcd(i, j)", "lcm(i, j)", "i & j", "i | j", "i ^ j", "~i", "i << abs(j)", "i >> abs(j)",
        "i // j", "i // 2.", "div(i, j, rounding_mode='trunc')",
        "div(i/2, j, rounding_mode='trunc')", "7 % j", "i.abs().bincount()",
        "bincount(abs(j), weights=j/3, minlength=12)", "sign(i)", "count_nonzero(i)",
        "F.one_hot(abs(j))", "F.one_hot(abs(j), 9)", "heaviside(i/2, j/3)",
        "where(i > 0, 1.5, 0.)", "i.to(bool)",
        "i.to(bool).sign()", "i[i > 0]", "i**2", "sum(i)", "i.to(float32)",
    ),
    TRUTH: (
        "logical_and(p, q)", "logical_or(p, q)", "logical_xor(p, q)", "~p", "all(p)", "any(p, 0)",
        "p & q", "p.to(float64)",
    ),
    REAL: (
        "isinf(a)", "isposinf(a)", "isneginf(a)", "isreal(a)", "signbit(a)", "sgn(a[1, 2])",
        "isnan(a)", "isclose(a, a + 1e-9, equal_nan=True)", "isfinite(a)",
        "nan_to_num(a, 5., 6., -7.)", "median(a, 1).values", "nanmedian(a)",
        "nanmedian(a, 1).values", "a >= 1.5", "cummax(a, 1)[1]", "zeros_like(a, dtype=int64)",
        "a.squeeze()", "nonzero(a)",
    ),
    KNOWN: (
        "argmax(s)", "argmin(t)", "argmax(t, 0, keepdim=True)", "argmax(t[0])", "argsort(t)",
        "searchsorted(s, t)", "searchsorted(s, t, right=True)", "bucketize(t, s, out_int32=True)",
        "searchsorted(stack([s, t.sort().values]), stack([t, s]))", "unique(s)",
        "unique(s, return_inverse=True, return_counts=True)[1]", "histc(s, 4)", "mode(s).indices",
        "histc(s, 3, 1., 4.)", "histc(s*0, 3)", "unique(stack([s, s]), dim=0)",
        "kthvalue(t[0], 1)[0]", "bessel_j0(s)", "bessel_j1(s)", "special.modified_bessel_i0(s)",
        "t.sort(descending=True)[1]", "special.modified_bessel_i1(s)",
        "special.spherical_bessel_j0(s)", "topk(t, 2, largest=False)[1]",
        "linalg.matrix_rank(diag(s))", "linalg.matrix_rank(diag(t), tol=2.)", "topk(t, 2)[1]",
        "linalg.matrix_rank(diag(t), atol=1., rtol=0.25)", "t.unfold(0, 2, 1)",
        "s[0].unfold(0, 1, 1)", "s.view(2, 2).unfold(1, 2, 1)", "s.roll(1)",
        "s.view(2, 2).roll((1, 1), (0, 1))", "polygamma(0, s)", "logit(t/10, eps=0.2)",
        "F.selu(-s)", "F.elu(-s, 0.5)", "multigammaln(s, 1)",
        "linalg.qr(s.view(2, 2), 'r').R.abs()",
        "linalg.lu_solve(*linalg.lu_factor(s.view(2, 2)), t.view(2, 2), left=False)",
        "addmm(s.view(2, 2), t.view(2, 2), t.view(2, 2), beta=0)", "split(s, 3)[1]",
        "split(s, [1, 3])[1]", "s.view(2, 2).gather(0, tensor([[0, 1]]))",
        "s[0].gather(0, tensor([0, 0, 0]))", "s[0].index_select(0, tensor([0]))",
        "F.pad(s.view(1, 2, 2), (-1, 2, 1, -1), mode='replicate')", "F.pad(s, (1, -2), value=7.)",
        "s.expand(2, -1)", "put(s, tensor([0, 2, 0]), t[:3], True)",
        "index_put(s, (tensor([0, 2, 0]),), t[:3], accumulate=True)", "s.masked_fill(t > 2, 1.)",
        "index_put(s, (t > 2,), tensor(8.))",
        "scatter_reduce(s, 0, tensor([0, 1, 0, 1]), t, 'mean')",
        "scatter_reduce(s, 0, tensor([0, 1, 0, 1]), t, 'prod')",
        "scatter_reduce(s, 0, tensor([0, 1, 0, 1]), t, 'amax', include_self=False)",
        "scatter_reduce(s, 0, tensor([0, 1, 0, 1]), t, 'amin')",
        "s[0].scatter_add(0, tensor([0, 0]), t[:2])", "scatter(s, 0, tensor([3, 1]), 5.)",
        "masked_select(s, t > 2)", "s[0].flip(0)", "s[0].t()",
        "F.multilabel_margin_loss(s, tensor([2, 0, -1, 1]))",
        "F.multi_margin_loss(s, tensor(2), weight=t)", "F.smooth_l1_loss(s, t, beta=0.)",
        "F.binary_cross_entropy(s/5, t/9, weight=t, reduction='none')",
        "F.binary_cross_entropy_with_logits(s, t/9, weight=t, pos_weight=s)",
        "renorm(s.view(2, 2), 2, 0, 4.)", "F.nll_loss(s, tensor(1), weight=t)",
        "F.nll_loss(s.view(2, 2), tensor([1, -100]), reduction='none')",
        "F.adaptive_max_pool1d(s.view(1, 4), 3)", "F.avg_pool2d(s.view(1, 2, 2), 2)",
        "F.avg_pool2d(s.view(1, 2, 2), 2, divisor_override=3)",
        "F.max_pool1d(s.view(1, 4), 2, 1, 0, 2)",
        "F.avg_pool1d(s.view(1, 4), 3, 3, 1, ceil_mode=True, count_include_pad=False)",
        "F.max_pool1d(s.view(1, 4).to(int64).double(), 3, 3, 1, ceil_mode=True)",
        "F.interpolate(s.view(1, 1, 4), 7)",
        "F.interpolate(s.view(1, 1, 4), 7, mode='nearest-exact')",
        "F.interpolate(s.view(1, 1, 4), 1, mode='linear', align_corners=True)",
        "F.interpolate(s.view(1, 1, 4), scale_factor=1.7, mode='nearest')",
        "F.affine_grid(eye(3)[None, :2], (1, 1, 1, 3), align_corners=True)",
        "s.view(1, 1, 2, 2).pixel_shuffle(1)",
        "F.conv_transpose1d(s.view(1, 2, 2), t.view(2, 1, 2), tensor([1., 2.]), 2, 1, 1, 2, 2)",
        "F.scaled_dot_product_attention(s.view(2, 2), t.view(2, 2), s.view(2, 2), is_causal=True)",
        "F.scaled_dot_product_attention(s.view(2, 2), t.view(2, 2), s.view(2, 2), t.view(2, 2))",
        "F.scaled_dot_product_attention(s.view(2, 2), t.view(2, 2), s.view(2, 2), "
        "t.view(2, 2) > 2)", "F.gelu(s, approximate='tanh')", "linalg.svd(s.view(1, 4)).S",
        "dist(s, t, 3.)",
        # arguments that take another way
        "elu(-s, 1.5, 2., 0.5)", "mode(s.view(2, 2), 1, keepdim=True).values",
        "linalg.solve(s.view(2, 2), t.view(2, 2), left=False)", "(s + 2j*t).to(float64)",
        "F.batch_norm(s.view(2, 2), s[:2], t[2:], s[1:3], t[:2])",
        "F.avg_pool1d(s[:3].view(1, 3), 1, 3, ceil_mode=True)",
        "F.scaled_dot_product_attention(*(s.view(1, 1, 2, 2),)*3, is_causal=True)",
        "F.scaled_dot_product_attention(*(s.view(1, 1, 2, 2),)*3, t.view(2, 2) > 2)",
        "F.scaled_dot_product_attention(*(s.view(1, 1, 2, 2),)*3, t.view(2, 2))",
    ),
}  # fmt: skip
WEIGHTED = "w = param([[1., 2.], [3., 4.], [5., -6.]])\n"
GRADIENTS = (  # what a gradient flows through in another way than through a call of the table
    "y = sum(F.embedding(tensor([0, 2, 0]), w, padding_idx=0)**2)",
    "m = zeros(2)\nv = ones(2)\ny = sum(F.batch_norm(w, m, v, training=True)**3)",
    "y = sum(F.instance_norm(w.view(1, 2, 3))**3)",
    "y = w[1].clone().norm()\ny.backward(retain_graph=True)\ny.backward()",
)
REFUSED = {  # what JAX does not have, and how that is said
    "y = sum(F.embedding(tensor([0, 2, 0]), w, scale_grad_by_freq=True))":
        "no gradient that is scaled by frequency",
    "y = sum(linalg.pinv(w, atol=0.5))": "pinv has no absolute tolerance",
    "y = sum(F.interpolate(w[None, None], 4, mode='bicubic'))": "cubic is another one",
    "y = sum(F.grid_sample(w[None, None], zeros(1, 1, 3, 2), mode='bicubic', align_corners=True))":
        "samples between elements linearly alone",
    "k = tensor([2, 3])**tensor(2)\ny = sum(w) * k[0]": "",
}  # fmt: skip
CALLS = [(text, call) for text, calls in PLAIN.items() for call in calls]


@pytest.mark.parametrize(("text", "call"), CALLS, ids=[call for _, call in CALLS])
def test_a_call_without_a_gradient_has_jaxs_value(text: str, call: str) -> None:
    found = comparisons(f"{text}y = {call}\n")
    assert found.unstated == ()
    assert {c.name: c.differs for c in found.tensors if c.differs} == {}
    assert "y" in {c.name for c in found.tensors}


@pytest.mark.parametrize("text", GRADIENTS)
def test_a_gradient_is_jaxs(text: str) -> None:
    found = comparisons(WEIGHTED + text)
    assert found.unstated == ()
    assert {c.name: c.differs for c in found.tensors if c.differs} == {}
    w = next(c for c in found.tensors if c.name == "w")
    assert w.theirs.grad is not None
    assert np.any(w.theirs.grad)


@pytest.mark.parametrize("text", REFUSED)
def test_what_jax_does_not_have_is_said(text: str) -> None:
    found = comparisons(WEIGHTED + text)
    why = [u.why for u in found.unstated]
    assert len(why) == (2 if REFUSED[text] else 0)  # the value, and the gradient
    assert all(REFUSED[text] in line for line in why)
    assert [c.name for c in found.tensors if c.differs] == []
