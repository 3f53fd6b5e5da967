"""The gradients of textbooks: right by value, and written as one reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from gradcli.errors import Source
from gradcli.formula.naming import naming
from gradcli.formula.text import text
from gradcli.graph import Node
from gradcli.render import derive
from gradcli.session import run
from gradcli.trace import Options
from tests.formula.cookbook import ENTRIES, derivatives, session

SEEDS = (1, 2)
# What has no function in a library: the script says so instead of a formula.
WITHOUT = {
    "numpy": {"cholesky", "focal", "matrix exponential trace"},
    "torch": set[str](),
    "jax": {"cholesky", "matrix exponential trace"},
}


def test_the_cookbook_is_large_enough() -> None:
    assert sum(len(e.printed) for e in ENTRIES.values()) >= 60
    assert all(e.by_hand.keys() == e.printed.keys() for e in ENTRIES.values())


@pytest.mark.parametrize("title", ENTRIES)
def test_a_gradient_is_printed_as_one_writes_it(title: str) -> None:
    assert {d.target: text(d.formula) for d in derivatives(title).found} == ENTRIES[title].printed


@pytest.mark.parametrize("title", ENTRIES)
def test_a_gradient_is_what_the_literature_says(title: str) -> None:
    """At points that the formula has not been compared at: other random numbers."""
    entry = ENTRIES[title]
    root = derivatives(title).found[0].root
    lines = [entry.program]
    for name, by_hand in entry.by_hand.items():
        lines.append(f"true_{name} = grad({root}, {name})")
        lines += [f"hand_{name} = {by_hand}", f"text_{name} = {entry.printed[name]}"]
    for seed in SEEDS:
        scope = run(Source(title, "\n".join(lines)), Options(seed=seed)).tracer.scope
        for name in entry.by_hand:
            true, hand, printed = (_array(scope[f"{x}_{name}"]) for x in ("true", "hand", "text"))
            np.testing.assert_allclose(hand, true, rtol=1e-8, atol=1e-10)
            np.testing.assert_allclose(printed, true, rtol=1e-8, atol=1e-10)


def _array(value: Any) -> Any:
    return np.asarray(value.value if isinstance(value, Node) else value)


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("title", ENTRIES)
def test_the_lines_of_a_library_compute_the_gradient(title: str, library: str) -> None:
    pytest.importorskip("scipy" if library == "numpy" else library)
    found = derivatives(title)
    lines = getattr(derive, library)(found)
    said = [d for d in found.found if library in d.dialects]
    assert (len(said) < len(found.found)) == (title in WITHOUT[library]), lines
    run_ = session(title)
    assert run_.root is not None
    names = naming(run_, run_.root).names
    computed = dict(found.definitions)
    given = {name.name: _of(library, run_.graph.value(i)) for i, name in names.items()
             if name.name not in computed}  # fmt: skip
    with _digits(library):
        exec(lines, given)
    gradients = {d.target: d for d in said}
    tolerance = 1e-3 if library == "jax" else 1e-9
    for name in gradients:
        row = next(i for i, n in names.items() if n.name == name)
        true = run_.graph.grad(row)
        assert true is not None
        result = np.asarray(given[f"grad_{name}"])
        assert result.shape == true.shape
        np.testing.assert_allclose(result, true, rtol=tolerance, atol=tolerance)


@contextmanager
def _digits(library: str) -> Iterator[None]:
    """Let the tensors that PyTorch makes have 64 bits, as those that are given."""
    if library != "torch":
        yield
        return
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _of(library: str, value: Any) -> Any:
    if library == "numpy":
        return value
    if library == "torch":
        import torch

        return torch.tensor(value)
    import jax.numpy as jnp

    return jnp.asarray(value)


def unbalanced(page: str) -> list[str]:
    """Return the braces, and `\\left` and `\\right`, that have no partner."""
    open_ = list[str]()
    for sign in re.findall(r"\\\\|\\left|\\right|\\[{}]|[{}]", page):
        if sign in ("{", "\\left"):
            open_.append(sign)
        elif sign in ("}", "\\right"):
            partner = "{" if sign == "}" else "\\left"
            if not open_ or open_.pop() != partner:
                return [sign]
    return open_


@pytest.mark.parametrize("title", ENTRIES)
def test_latex_opens_and_closes_what_it_should(title: str) -> None:
    page = derive.tex(derivatives(title))
    assert page.startswith("\\begin{align*}\n")
    assert page.endswith("\n\\end{align*}\n")
    assert unbalanced(page) == []
    assert not re.search(r"(?<!\\)[#$%_^]{2}|\*|@", page.replace("align*", ""))
