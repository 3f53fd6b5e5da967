"""Optimisers and schedules beside PyTorch: parameters and rates to the last bit, and words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcli.errors import GradcliError, Source
from gradcli.session import Request, Session, run
from gradcli.trace import Options
from gradcli.trace.faults import class_of
from tests.prelude.make_optim import digest, numbers
from tests.prelude.optim_cases import REFUSED, SHOWN, schedules, trainings

DATA = json.loads((Path(__file__).parent / "optim.json").read_text("utf-8"))
TRAININGS, SCHEDULES = trainings(), schedules()
# MKL's square root of a float64 is the nearest one but for 1 in 100, NumPy's always; norms and
# dot products are added in another order
CLOSE = ("LBFGS", "Adafactor", "Muon", "Adadelta(params) on sometimes in float64")


def ran(text: str) -> Session:
    return run(Source("<test>", text), Options(), Request(backward=False))


def found(text: str) -> list[Any]:
    values = ran(text).tracer.scope["found"]
    return [getattr(x, "value", x) for x in values]


def test_the_table_has_every_case() -> None:
    assert DATA["trainings"].keys() == TRAININGS.keys()
    assert DATA["schedules"].keys() == SCHEDULES.keys()
    assert DATA["shown"].keys() == SHOWN.keys()
    assert DATA["refused"].keys() == REFUSED.keys()


@pytest.mark.parametrize("name", TRAININGS)
def test_parameters_are_pytorchs_after_ten_steps(name: str) -> None:
    values, wanted = numbers(found(TRAININGS[name])), DATA["trainings"][name]
    if not name.startswith(CLOSE):
        assert values == wanted
        return
    a, b = ([float.fromhex(x) for x in each] for each in (values, wanted))
    rtol = 1e-5 if name.endswith("float32") else 1e-9
    np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_and_momentums_are_pytorchs_for_fifty_epochs(name: str) -> None:
    assert digest(found(SCHEDULES[name])) == DATA["schedules"][name]


@pytest.mark.parametrize("name", SHOWN)
def test_a_file_prints_what_it_prints_in_pytorch(name: str) -> None:
    assert "".join(ran(SHOWN[name]).tracer.output) == DATA["shown"][name]


@pytest.mark.parametrize("name", REFUSED)
def test_what_pytorch_refuses_is_refused_in_its_words(name: str) -> None:
    with pytest.raises(GradcliError) as caught:
        ran(REFUSED[name])
    kind, words = DATA["refused"][name]
    assert class_of(caught.value) == kind or caught.value.message.startswith(kind)
    assert caught.value.message.removeprefix(f"{kind}: ") == words
