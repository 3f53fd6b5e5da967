"""What every operation saves for backward, against what PyTorch saves: saved.json."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.storage.saved import FILE, MODIFIED, by_gradcli, calls, program

CALLS = calls()
KNOWN: dict[str, dict[str, Any]] = json.loads(FILE.read_text())
# a view with elements that overlap is never written here, so that this cannot be tried
OVERLAPPING = {("v.unfold(0, 2, 1)", "y"), ("v.as_strided((2, 2), (1, 1))", "y")}


@pytest.mark.parametrize("text", KNOWN)
def test_backward_refuses_what_was_changed_where_pytorch_does(text: str) -> None:
    case, facts = CALLS[text], KNOWN[text]
    for changed, saved in facts["saved"].items():
        if (text, changed) in OVERLAPPING:
            continue
        error = by_gradcli(program(text, case, facts["results"], changed))
        found = error is not None and MODIFIED in error
        assert found == saved, f"{changed} is changed: {error}"


def test_nearly_every_call_of_the_table_is_known() -> None:
    assert len(KNOWN) > 0.8 * len(CALLS)
    changes = [saved for facts in KNOWN.values() for saved in facts["saved"].values()]
    assert min(changes.count(True), changes.count(False)) > 500
