"""The rows of findings: nan and infinity made element by element."""

from __future__ import annotations

from gradcli.diagnose.findings import Group, Judge, Kind, Rewrites, Severity, no_rewrites
from gradcli.diagnose.nonfinite import quotients, ranges, singular
from gradcli.diagnose.nonfinite.approach import in_the_limit
from gradcli.diagnose.nonfinite.judges import continues, defines, eases, leaves_out, restores
from gradcli.diagnose.nonfinite.kinds import jointly, where
from gradcli.diagnose.nonfinite.mending import avoided, hidden
from gradcli.diagnose.nonfinite.singular import Words, about
from gradcli.diagnose.trial import heals


def _kind(
    name: str, title: str, words: Words, rewrites: Rewrites, mechanism: str, advice: str,
    example: str, judge: Judge | None = None,
) -> Kind:  # fmt: skip
    match = about(words)
    return Kind(name, Group.NONFINITE, Severity.ERROR, title, mechanism, advice, example,
                where(match), jointly(match, rewrites), in_the_limit(judge or heals))  # fmt: skip


KINDS: tuple[Kind, ...] = (
    _kind(
        "hidden-branch", "a branch that is not taken spoils the gradient",
        singular.masked_branch, hidden,
        "Both branches of `where` are computed, and differentiated. The gradient of the one that "
        "is not taken is 0, but where its derivative is infinite, 0 · inf is nan, and that is "
        "added to the gradient of the other. So it is with masks, indices, clamps and relu "
        "that come after the operation.",
        "choose the operand before the operation: sqrt(where(x > 0, x, 1.0)) inside the where",
        "x = param([0.0, 4.0])\nloss = sum(where(x > 0, sqrt(x), 0.0))",
        leaves_out,
    ),
    _kind(
        "removable-singularity", "0/0 where the function has a limit",
        quotients.removable, quotients.with_limit,
        "A quotient whose two parts vanish at the same point may have a limit there, as "
        "sin(x)/x has; computed as it is written, it is 0/0.",
        "use a function that has the limit in it (sinc, expm1), or put it in with where",
        "x = param([0.0, 1.0])\nloss = sum(sin(x)/x)", continues,
    ),
    _kind(
        "underflowed-divisor", "a divisor, or a root, of what was too small",
        ranges.underflow, ranges.wider,
        "A product, power or exponential of numbers that are not 0 is 0 where it is smaller than "
        "the smallest number of its dtype. What divides by it, or takes its root, sees a 0.",
        "take a constant factor out first, work with logarithms, or use a wider dtype",
        "x = param([3e-200, 4e-200])\nloss = sqrt(sum(x**2))", restores,
    ),
    _kind(
        "log-of-underflow", "a logarithm of what was too small",
        ranges.log_of_underflow, ranges.wider,
        "exp, sigmoid, softmax and products of many factors are above 0, but become 0 where they "
        "are smaller than the smallest number of their dtype, and 1 - p becomes 0 where p is near "
        "1. The logarithm is then -inf, though it is a moderate number.",
        "take the logarithm in one step: logsigmoid, log_softmax, logsumexp, a sum of logarithms",
        "x = param(-800.0)\nloss = -log(sigmoid(x))", restores,
    ),
    _kind(
        "zero-times-log", "0 · log 0",
        singular.zero_times_log, avoided,
        "x·log x goes to 0 with x, but computed it is 0 · (-inf), nan. It comes up in entropies, "
        "and in likelihoods with a probability of 0.",
        "use xlogy(t, p), or -entr(p); or choose the operand of the logarithm with where",
        "p = param([0.0, 1.0])\nloss = -sum(p*log(p))",
        restores,
    ),
    _kind(
        "entropy-at-zero",
        "the slope of x·log x at 0",
        singular.entropy_at_zero,
        avoided,
        "xlogy and entr have the value 0 at 0, but x·log x falls vertically there: its derivative "
        "is infinite, and that of t·log p by p is t/p = 0/0.",
        "choose the operand with where, or keep it above 0 with a clamp",
        "p = param([0.0, 1.0])\nloss = sum(special.entr(p))",
    ),
    _kind(
        "zero-times-infinity", "0 · inf",
        singular.zero_times_infinity, avoided,
        "A factor 0 does not take out what is infinite: 0 · inf is nan, in forward and in "
        "backward. A mask that multiplies is no choice.",
        "choose with where instead of multiplying, and keep the operand safe inside",
        "x = param([0.0, 1.0])\nm = tensor([0.0, 1.0])\nloss = sum(m*x**-1.0)",
        leaves_out,
    ),
    _kind(
        "norm-of-zero", "the length of a zero vector, written out",
        singular.norm_of_zero, avoided,
        "The root of a sum of squares has no derivative where all of them are 0: inf · 0 is nan. "
        "The gradient of norm is 0 there, which is a subgradient.",
        "use linalg.norm, or leave the point out with where",
        "x = param([0.0, 0.0])\nloss = sqrt(sum(x**2))",
    ),
    _kind(
        "root-of-zero", "a root at 0",
        singular.root_of_zero, avoided,
        "A power between 0 and 1 rises vertically at 0: its derivative there is infinite.",
        "keep away from 0, or choose the operand with where",
        "x = param([0.0, 4.0])\nloss = sum(sqrt(x))",
    ),
    _kind(
        "root-of-negative", "a root of a negative number",
        singular.root_of_negative, avoided,
        "A negative number has no real root, and no real power that is not whole.",
        "clamp the operand, take its abs, or look why it is negative",
        "x = param([-2.0, 4.0])\nloss = sum(sqrt(x))", defines,
    ),
    _kind(
        "power-by-exponent", "a power differentiated by its exponent",
        singular.power_by_exponent, no_rewrites,
        "The derivative of a**b by b is a**b · log(a), which is no number where a is negative, "
        "even where a**b itself is one.",
        "keep the base above 0, or detach the exponent",
        "b = param(2.0)\nloss = sum(tensor([-2.0, 3.0])**b)",
    ),
    _kind(
        "zero-over-zero", "0/0",
        quotients.zero_over_zero, avoided,
        "Where divisor and dividend are both 0 the quotient has no value.",
        "choose the divisor: x/where(y != 0, y, 1.0), or keep it above 0",
        "x = param([0.0, 3.0])\nloss = sum(x/x)",
    ),
    _kind(
        "division-by-zero", "a division by 0",
        quotients.division_by_zero, avoided,
        "A number divided by 0 is infinite, and so is a negative power of 0.",
        "keep the divisor away from 0, or choose with where",
        "x = param([0.0, 3.0])\nloss = sum(1/x)",
    ),
    _kind(
        "infinite-difference", "inf - inf",
        quotients.infinite_difference, avoided,
        "The difference of two infinities has no value.",
        "look where the infinities come from; subtract before they arise",
        "x = param([1.0, 2.0])\na = tensor([inf, 0.0])\nloss = sum(x*a - a)",
    ),
    _kind(
        "log-of-zero", "a logarithm of 0",
        singular.log_of_zero, avoided,
        "The logarithm goes to -inf at 0, and its derivative 1/x to inf.",
        "clamp the operand from below, or choose it with where",
        "x = param([0.0, 1.0])\nloss = sum(log(x))",
    ),
    _kind(
        "log-of-negative", "a logarithm of a negative number",
        singular.log_of_negative, avoided,
        "A negative number has no real logarithm.",
        "clamp the operand from below, or look why it is negative",
        "x = param([-1.0, 1.0])\nloss = sum(log(x))", defines,
    ),
    _kind(
        "inverse-at-edge", "an inverse function at the end of its domain",
        singular.inverse_at_edge, avoided,
        "acos, asin, atanh, erfinv and logit rise vertically at the ends of their domain: the "
        "slope there is infinite, also where a clamp has brought the operand to the end.",
        "clamp to -1 + eps and 1 - eps; for an angle use atan2",
        "x = param([1.0, 0.5])\nloss = sum(acos(x))", eases,
    ),
    _kind(
        "inverse-outside", "an inverse function outside its domain",
        singular.inverse_outside, avoided,
        "acos and asin have values on [-1, 1] only; a cosine that was computed may be larger by a "
        "rounding.",
        "clamp to -1 + eps and 1 - eps; for an angle use atan2",
        "x = param([1.0000000000000002, 0.5])\nloss = sum(acos(x))", eases,
    ),
    _kind(
        "exp-overflow", "an exponential that is too large",
        ranges.exp_overflow, ranges.wider,
        "exp(x) is infinite from 709.8 in float64, 88.7 in float32 and 11.1 in float16. Forward "
        "may get over it (1/(1 + inf) is 0), backward multiplies by it: 0 · inf is nan.",
        "use the function that is stable: sigmoid, softplus, softmax, logsumexp, tanh",
        "x = param([1.0, -800.0])\nloss = sum(1/(1 + exp(-x)))", restores,
    ),
    _kind(
        "overflow", "a number that is too large for its dtype",
        ranges.overflow, ranges.wider,
        "A product, power or sum is larger than the largest number of its dtype: 1.8e308 in "
        "float64, 3.4e38 in float32, 65504 in float16.",
        "scale first, work with logarithms, or use a wider dtype",
        "x = param([1e200, 2.0])\nloss = log(prod(x**2))", restores,
    ),
)  # fmt: skip
