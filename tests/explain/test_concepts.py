"""The pages on concepts say what PyTorch does."""

from __future__ import annotations

import io
import warnings
from contextlib import redirect_stdout
from textwrap import dedent
from typing import Any

import pytest

from gradcli.errors import InputFault
from gradcli.explain import CONCEPTS, concept
from gradcli.explain.concept_pages import PAGES
from gradcli.explain.concepts import Example

WORDS = """
    is_leaf grad_fn requires_grad retain_grad accumulation detach no_grad broadcasting in-place
    kinks complex second-backward dtype
"""
ASKED = WORDS.split()
MISSPELT = {"detatch": "detach", "is_leave": "is_leaf", "broadcast": "broadcasting"}


def examples(name: str) -> list[Example]:
    return [part for part in concept(name).parts if isinstance(part, Example)]


def test_there_is_a_page_on_each_word_that_learners_ask_for() -> None:
    assert sorted(CONCEPTS) == sorted(ASKED)
    assert all(len(title) <= 70 for title in CONCEPTS.values())


@pytest.mark.parametrize("name", ASKED)
def test_a_page_shows_what_its_examples_gave_when_it_was_asked_for(name: str) -> None:
    shown = examples(name)
    assert shown
    assert all(e.printed or e.error or e.explained for e in shown)


@pytest.mark.parametrize("name", ["no-grad", "IN_PLACE", "second_backward"])
def test_a_page_is_found_by_other_spellings_of_its_name(name: str) -> None:
    assert concept(name).name in PAGES


@pytest.mark.parametrize("name", MISSPELT)
def test_a_misspelt_name_is_refused_with_the_one_that_was_meant(name: str) -> None:
    with pytest.raises(InputFault) as refused:
        concept(name)
    assert refused.value.hint is not None
    assert f"did you mean `{MISSPELT[name]}`?" in refused.value.hint


@pytest.mark.parametrize("name", ASKED)
def test_pytorch_prints_what_a_page_says(name: str) -> None:
    torch = pytest.importorskip("torch")
    torch.set_default_dtype(torch.float64)
    try:
        for example in examples(name):
            printed, error = in_pytorch(torch, example.program)
            if example.error:
                first = example.error.splitlines()[0].partition("error: ")[2]
                assert error.splitlines()[0].startswith(first.split(": [")[0])
            else:
                assert error == ""
                assert printed == "".join(f"{line}\n" for line in example.printed)
    finally:
        torch.set_default_dtype(torch.float32)


def in_pytorch(torch: Any, program: str) -> tuple[str, str]:
    """Return what PyTorch prints for a program, and the error that it ends with."""
    names = {n: getattr(torch, n) for n in dir(torch) if not n.startswith("_")}
    text = io.StringIO()
    try:
        with redirect_stdout(text), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of `.grad` of what is no leaf, which is the point
            exec(dedent(program), names | {"torch": torch})
    except RuntimeError as error:
        return text.getvalue(), str(error)
    return text.getvalue(), ""
