"""The sweep over steps as bars: a decade is as long everywhere, a difference of 0 has no bar."""

from math import inf, nan

from gradcli.render.check_plot import plot
from gradcli.verify.report import Trial


def bars(*differences: float, width: int = 91) -> list[int]:
    trials = [Trial(10.0**-k, 1.0, d, 0.0) for k, d in enumerate(differences)]
    lines = list(plot(trials, width, ascii_only=True))
    return [line.count("#") for line in lines[1:]]


def test_the_length_of_a_bar_is_the_logarithm_of_the_difference() -> None:
    assert bars(1e-6, 1e-3, 1.0) == [1, 21, 41]  # of 91 columns 50 are the numbers'
    assert bars(1.0, 1e-3, 1e-6) == [41, 21, 1]
    assert bars(1e-8, 1e-6, 1e-4, width=20) == [1, 5, 8]  # 8 at least; 4.5 is rounded to 4


def test_what_is_zero_or_not_finite_has_no_bar() -> None:
    assert bars(1e-4, 0.0, inf, nan, 1e-2) == [1, 0, 0, 0, 41]
    assert list(plot([Trial(0.1, 1.0, 0.0, 0.0)], 80)) == ["  the same at every step"]


def test_one_size_alone_has_the_shortest_bar() -> None:
    assert bars(1e-3, 1e-3) == [1, 1]


def test_a_line_has_the_step_the_estimate_and_the_difference() -> None:
    lines = list(plot([Trial(0.5, 2.25, 1e-3, 0.0), Trial(0.25, 2.125, 1e-6, 0.0)], 58))
    assert lines[0].split() == ["step", "estimate", "difference"]
    assert lines[1].split() == ["5.0e-01", "2.25", "1.0e-03", "▇" * 8]
    assert lines[2].split() == ["2.5e-01", "2.125", "1.0e-06", "▇"]


def test_many_steps_are_thinned_out() -> None:
    lines = list(plot([Trial(2.0**-k, 1.0, 1e-3, 0.0) for k in range(100)], 80))
    assert [line.split()[0] for line in lines[1:]] == [f"{2.0**-k:.1e}" for k in range(0, 100, 5)]
