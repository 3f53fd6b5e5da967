"""Healthy programs are healthy: finite, every parameter learns, and every gradient is right.

These are the programs in folders by theme. The files beside the folders are near misses of one
finding, in which a gradient of 0 may be what is meant.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from gradcli.api import options_for
from gradcli.diagnose.subject import examined
from gradcli.session import Request
from gradcli.source import read_source
from gradcli.verify.run import check_source
from gradcli.verify.target import Settings
from gradcli.verify.verdicts import Verdict
from tests.diagnose.corpus import HERE, healthy

PROGRAMS = sorted(HERE.glob("healthy/*/*.expr"))
FINE = Verdict.OK, Verdict.KINK, Verdict.CUT


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_healthy_program_runs_and_every_parameter_has_a_gradient_that_is_finite_and_not_0(
    path: Path,
) -> None:
    subject = examined(read_source(path), options_for(folder=path.parent), Request())
    assert subject.fault is None
    assert subject.root is not None
    assert np.isfinite(subject.value(subject.root)).all()
    assert subject.parameters
    for row in subject.parameters:
        grad = subject.graph.grad(row)
        assert grad is not None, subject.label(row)
        assert np.isfinite(grad).all(), subject.label(row)
        assert np.any(grad), subject.label(row)


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_differences_agree_with_the_gradients_of_a_healthy_program(path: Path) -> None:
    report = check_source(read_source(path), options_for(folder=path.parent), Settings(points=0))
    assert report.verdict in FINE
    assert report.status == 0


def test_every_healthy_file_says_first_what_it_is_and_has_a_name_of_its_own() -> None:
    files = healthy()
    assert [p for p in files if not p.read_text(encoding="utf-8").startswith("# ")] == []
    assert [name for name, n in Counter(p.stem for p in files).items() if n > 1] == []
