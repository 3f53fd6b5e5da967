"""The rows of findings: digits that a formula loses."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator

import numpy as np

from gradcli.diagnose.findings import Find, Group, Kind, Rewrite, Severity, Sighting
from gradcli.diagnose.nonfinite.kinds import events_of
from gradcli.diagnose.precision.exact import Exact
from gradcli.diagnose.precision.gradients import GradientLoss, Gradients
from gradcli.diagnose.precision.judge import gradients_kept, keeps
from gradcli.diagnose.precision.losses import How, Loss
from gradcli.diagnose.precision.remedies import Analysis
from gradcli.diagnose.precision.roundoff import digits, digits_of
from gradcli.diagnose.subject import Subject
from gradcli.diagnose.trial import Comparison, Trials, rewritten

GONE = 0.05  # relative error of a result of which no digit is right


def _found(how: How) -> Find:
    def find(subject: Subject) -> Iterator[Sighting]:
        analysis = subject.once(Analysis)
        for loss in analysis.of(how):
            if _is_doubtful(loss) and not _is_mended(subject, loss):
                continue
            yield Sighting(
                _WORDS[how](subject, loss) + " " + _result(subject, loss), row=loss.row,
                index=loss.index or None, spoils=(subject.label(loss.target),),
                severity=_weight_of_value(subject, loss),
                key=_key(subject, loss),
            )  # fmt: skip

    return find


def _is_doubtful(loss: Loss) -> bool:
    """Say whether nobody may mind a loss: a logarithm near 0 that is as good as 0, say."""
    return loss.inherent or (loss.how is How.SMALL_TERM and loss.error <= GONE)


def _weight_of_value(subject: Subject, loss: Loss) -> Severity | None:
    """Return how much a loss matters: little where terms cancel to what is as good as 0 either way.

    Not where the file itself has numbers as small, or as large, as that.
    """
    eps = float(np.finfo(subject.graph.metas[loss.target].dtype).eps)
    here = float(np.abs(subject.value(loss.row)[loss.index]))
    size, graph = max(abs(loss.got), abs(loss.exact), here), subject.graph
    if size < eps**2 and loss.how in (How.CANCELLATION, How.SMALL_TERM):
        read = subject.session.tracer.grad_owners  # a `.grad` that the file reads is no input
        leaves = [i for i in subject.rows if graph.ops[i] is None and i not in read]
        sizes = [float(np.abs(subject.value(i)).max(initial=0.0)) for i in leaves]
        if size < eps**2 * min([1.0, *(min(x, 1 / x) for x in sizes if x)]):
            return Severity.NOTE
    return Severity.ERROR if loss.error > GONE else None


def _is_mended(subject: Subject, loss: Loss) -> bool:
    trials = Trials(subject)
    for rewrite in subject.once(Analysis).rewrites(loss.row):
        source = rewritten(subject.source, rewrite)
        after = None if source is None else trials.run(source)
        if after is not None and keeps(Comparison(trials, after)):
            return True
    return False


def _key(subject: Subject, loss: Loss) -> Hashable:
    """Return what a loss is the same as: of a result that is inf or nan, where that begins."""
    if np.isfinite(loss.got):
        return "digits", subject.span(loss.row)
    began = next((e for e in events_of(subject).values.get(loss.target, ())), None)
    return "event", subject.span(loss.target if began is None else began.row)


def _rewrites(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    yield from subject.once(Analysis).rewrites(sighting.row)


def _result(subject: Subject, loss: Loss) -> str:
    """Say what is left of the result."""
    dtype = subject.graph.metas[loss.target].dtype
    kept = digits(loss.error, dtype)
    count = f"{kept} of {digits_of(dtype)} digits" if kept else "no digit"
    return (
        f"`{subject.label(loss.target)}` keeps {count}: {loss.got:.10g}, exactly {loss.exact:.10g}."
    )


def _cancelled(subject: Subject, loss: Loss) -> str:
    numbers = [f"{x:.10g}" for x in loss.operands]
    label = subject.text(loss.row)
    if len(numbers) != 2:
        return f"The terms of `{label}` cancel, and their round-off is left."
    return (
        f"`{label}` is made of {numbers[0]} and {numbers[1]}, which cancel: what is left is mostly "
        "their round-off."
    )


def _rounded(subject: Subject, loss: Loss) -> str:
    numbers = " and ".join(f"{x!r}" for x in loss.operands)
    return (
        f"`{subject.text(loss.row)}` is taken of {numbers}, in which a small term has been rounded "
        "off, and depends on just that."
    )


def _overflowed(subject: Subject, loss: Loss) -> str:
    return (
        f"`{subject.text(loss.row)}` is too large for {subject.graph.metas[loss.row].dtype} and "
        f"becomes {loss.operands[0]:g}, where the result itself is not too large."
    )


def _underflowed(subject: Subject, loss: Loss) -> str:
    return (
        f"`{subject.text(loss.row)}` is too small for {subject.graph.metas[loss.row].dtype} and "
        f"becomes {loss.operands[0]:g}, where the result itself is not too small."
    )


_WORDS: dict[How, Callable[[Subject, Loss], str]] = {
    How.CANCELLATION: _cancelled, How.SMALL_TERM: _rounded,
    How.OVERFLOW: _overflowed, How.UNDERFLOW: _underflowed,
}  # fmt: skip


def _gradients(subject: Subject) -> Iterator[Sighting]:
    for loss in subject.once(Gradients).found:
        dtype, label = subject.graph.metas[loss.parameter].dtype, subject.label(loss.parameter)
        kept = digits(loss.error, dtype)
        yield Sighting(
            f"The gradient of `{subject.text(loss.row)}` is made of terms that cancel, while its "
            f"value keeps its digits. That by `{label}` keeps {kept} of {digits_of(dtype)} digits: "
            f"{loss.got:.10g}, exactly {loss.exact:.10g}.",
            row=loss.row, index=loss.element or None, spoils=(label,), moment=(1, loss.row),
            severity=_weight(subject, loss),
        )  # fmt: skip


def _weight(subject: Subject, loss: GradientLoss) -> Severity | None:
    """Return how much a loss matters: little where the gradient is as good as 0 either way."""
    value = subject.value(loss.parameter)[loss.element] if loss.element else (
        subject.value(loss.parameter)
    )  # fmt: skip
    change = abs(loss.exact) * max(float(np.abs(value).max(initial=0.0)), 1.0)
    root = 0.0 if subject.root is None else float(np.abs(subject.value(subject.root)).max())
    if change < float(np.finfo(subject.graph.metas[loss.parameter].dtype).eps) ** 2 * root:
        return Severity.NOTE
    return Severity.ERROR if loss.error > GONE else None


def _of_gradients(subject: Subject, _: Sighting) -> Iterator[Rewrite]:
    yield from (loss.rewrite for loss in subject.once(Gradients).found)


def _judged(comparison: Comparison) -> str:
    before = comparison.before
    assert before.root is not None, "a gradient is that of a root"
    return gradients_kept(comparison, Exact(before, [before.root]))


def _kind(how: How, title: str, mechanism: str, advice: str, example: str) -> Kind:
    return Kind(how.value, Group.PRECISION, Severity.WARNING, title, mechanism, advice, example,
                _found(how), _rewrites, keeps)  # fmt: skip


KINDS: tuple[Kind, ...] = (
    _kind(
        How.CANCELLATION, "nearly equal numbers are subtracted",
        "Each number on the way is rounded to 16 digits in float64, to 7 in float32. Where two "
        "that agree in most of them are subtracted, those digits vanish, and what is left is "
        "mostly the rounding. The difference itself is exact; what it is made of was not. A loss "
        "is shown where it reaches a result, and where the inputs, taken as they are, would allow "
        "many more digits. Digits are counted with mpmath (`pip install 'gradcli[digits]'`); "
        "without it only dtypes below float64 are looked at, beside float64.",
        "write the difference so that the large terms cancel in the formula",
        "x = param(1e10)\ny = sqrt(x + 1) - sqrt(x)",
    ),
    _kind(
        How.SMALL_TERM, "a small term is rounded off",
        "1 + x keeps of a small x only the digits that fit behind those of the 1. A function that "
        "depends on just that small term, such as log, acos or a large power, has no others. "
        "log1p, expm1 and their like take the small term itself.",
        "use the function that takes the small term itself",
        "x = param(1e-10)\ny = log(1 + x)",
    ),
    _kind(
        How.OVERFLOW, "a number on the way is too large",
        "A square, a power or an exponential on the way leaves the range of the dtype, although "
        "the result does not: float64 ends at 1.8e308, float32 at 3.4e38, float16 at 65504.",
        "scale the numbers, or use the function that never makes the large one",
        "x = param(1e200)\ny = x / sqrt(x**2 + 1)",
    ),
    _kind(
        How.UNDERFLOW, "a number on the way is too small",
        "A square, a product or an exponential on the way is below the smallest number of the "
        "dtype and loses its digits or becomes 0, although the result does not: float64 ends at "
        "2.2e-308, float32 at 1.2e-38.",
        "scale the numbers, or use the function that never makes the small one",
        "a = param(3e-200)\nb = param(4e-200)\ny = sqrt(a**2 + b**2)",
    ),
    Kind(
        "gradient-loses-digits", Group.PRECISION, Severity.WARNING,
        "a gradient loses digits that the value keeps",
        "A gradient is computed by a formula of its own, which the rules of the operations make. "
        "That of x/(1 + x) is 1/(1 + x) - x/(1 + x)², two terms that cancel where x is large, "
        "while the value has all its digits. It is shown only where another way to write the "
        "formula was run whose gradient keeps them.",
        "write the formula so that its derivative has no large terms that cancel",
        "x = param(1e10)\ny = x/(1 + x)", _gradients, _of_gradients, _judged,
    ),
)  # fmt: skip
