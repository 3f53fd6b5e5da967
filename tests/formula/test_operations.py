"""Operations of every family are derived, or refused in words; what is claimed holds."""

from __future__ import annotations

import numpy as np
import pytest

from gradcli.errors import GradcliError, Source
from gradcli.formula.claims import tried
from gradcli.formula.derive import derived
from gradcli.ops import FUNCTIONS
from gradcli.reference import SHAPES
from gradcli.render import DERIVE
from gradcli.session import Session, run
from gradcli.trace import Binding, Options

EVERY = 9  # of the operations: all of them take half a minute
ROWS = {row.name: row for row in FUNCTIONS.values() if row.examples}
NAMES = sorted(ROWS)[::EVERY]


def options() -> Options:
    generator = np.random.default_rng(0)
    return Options(bindings={
        name: Binding(generator.uniform(0.2, 0.9, shape), parameter=True, optional=True)
        for name, shape in SHAPES.items()
    })  # fmt: skip


def session(source: Source) -> Session | None:
    try:
        found = run(source, options())
    except GradcliError:  # the example gives no tensor, or no gradient
        return None
    return None if found.root is None else found


@pytest.mark.parametrize("name", NAMES)
def test_an_operation_is_derived_or_refused_in_words(name: str) -> None:
    source = Source(name, f"out = {ROWS[name].examples[0]}\nloss = sum(out * out)")
    of = session(source)
    if of is None:
        return
    found = derived(of)
    assert all(one.why for one in found.refused)
    for kind in DERIVE:
        assert DERIVE[kind](found)
    claims = DERIVE["claim"](found)
    assert tried(source, options(), claims) == claims


def test_most_operations_are_derived() -> None:
    """Of those that are tried, so that a rule that is lost is noticed."""
    counts = [0, 0]
    for name in NAMES:
        of = session(Source(name, f"out = {ROWS[name].examples[0]}\nloss = sum(out * out)"))
        if of is not None:
            found = derived(of)
            counts[0] += len(found.found)
            counts[1] += sum(not one.constant for one in found.refused)
    assert counts[0] > 4 * counts[1]
