"""The table of a check, at any width and in ASCII, as golden files."""

from collections.abc import Callable
from dataclasses import replace
from math import isfinite

import pytest

from gradcli.render import CHECK
from gradcli.verify import Element, Report
from tests.render.printing import printed
from tests.verify.checking import checked

MIXED = """x = tensor([[1., 2.], [3., 4.], [5., 7.]])
w = param([0.5, -0.3])
unused_parameter_with_a_long_name = param(1.0)
b = param(0.0)
s = param([1.0, -1.0])
r = x @ w - tensor([1., 2., 4.])
loss = mean(r**2) + relu(b) + sum(where(s > 0, sqrt(s), s))
assert allclose(grad(loss, w), x.T @ r)
assert allclose(grad(loss, w), 2*x.T @ r/3)
assert allclose(grad(loss, b), b**2), "the bias"
assert allclose(grad(mean(r**2), w), 2*x*r[:, None]/3)
"""


def steady(report: Report) -> Report:
    """Return a report without the last digits, which are the machine's."""

    def element(e: Element) -> Element:
        if not isfinite(e.error) or not e.error:
            return replace(e, step=2.0**-10)
        return replace(e, numeric=round(e.numeric, 6) + 2.0**-40, error=1e-11, step=2.0**-10)

    findings = tuple(
        replace(f, worst=tuple(map(element, f.worst)), mean=1e-12, cosine=1.0, ratio=1.0)
        for f in report.findings
    )
    return replace(report, findings=findings)


@pytest.mark.parametrize("width", [80, 200])
def test_every_verdict_has_its_mark_and_its_reason(
    width: int, golden: Callable[[str, str], None]
) -> None:
    golden(f"mixed_{width}.txt", printed(CHECK["table"](steady(checked(MIXED))), width))


def test_a_terminal_without_unicode_shows_the_same(golden: Callable[[str, str], None]) -> None:
    golden("mixed_ascii.txt", printed(CHECK["table"](steady(checked(MIXED))), 80, encoding="ascii"))


def test_no_line_is_wider_than_the_terminal() -> None:
    for width in (60, 80, 120):
        text = printed(CHECK["table"](checked(MIXED)), width)
        assert max(map(len, text.splitlines())) <= width


def test_verbose_shows_the_sweep() -> None:
    report = checked("w = param([0.5, 2.])\nloss = sum(exp(w))", verbose=True)
    text = printed(CHECK["table"](report, verbose=True), 80)
    assert "central differences, step by step" in text
    assert "▇" in text


WORST_FIRST = """a = param([1., 2.])
w = param([1., 0., 2., 0.])
k = param([0.5, 0.])
y = (a**2).sum() + (w*sqrt(w)).sum() + relu(k).sum()
"""


def verbose_lines(text: str) -> list[str]:
    return printed(CHECK["table"](checked(text, verbose=True), verbose=True), 110).splitlines()


def test_verbose_lists_what_is_wrong_first_and_every_element_once() -> None:
    lines = verbose_lines(WORST_FIRST)
    elements = [line.split()[0] for line in lines if line.startswith(("  a[", "  w[", "  k["))]
    assert elements[:2] == ["w[1]", "w[3]"]
    assert sorted(elements[2:4]) == ["w[0]", "w[2]"]
    assert elements[4:6] == ["k[1]", "k[0]"]
    assert sorted(elements[6:]) == ["a[0]", "a[1]"]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        (WORST_FIRST, "w[1]"),
        ("a = param([1., 2.])\nb = param([3., 0.])\ny = a.sum() + relu(b).sum()", "b[1]"),
        ("a = param(1.)\nb = param([4., 0.])\ny = a**2 + sqrt(b).sum()", "b[1]"),
        ("a = param(2.)\nw = param(0.)\ny = a**3 + w*sqrt(w)", "w"),
        ("a = param([[1., 2.], [0., 3.]])\ny = relu(a).sum()", "a[1, 0]"),
    ],
)
def test_the_first_sweep_is_of_the_worst_element(text: str, first: str) -> None:
    lines = verbose_lines(text)
    sweeps = [k for k, line in enumerate(lines) if "central differences, step by step" in line]
    assert lines[sweeps[0]].startswith(f"{first}: ")
    assert "the same at every step" not in lines[sweeps[0] + 1]
