"""The backward pass as a derivation, step by step and path by path."""

from __future__ import annotations

from gradcli.explain.concepts import CONCEPTS, Concept, concept
from gradcli.explain.derivation import Derivation, Step
from gradcli.explain.explanation import Explanation, Passed, explained
from gradcli.explain.follow import Place, element_of

__all__ = [
    "CONCEPTS",
    "Concept",
    "Derivation",
    "Explanation",
    "Passed",
    "Place",
    "Step",
    "concept",
    "element_of",
    "explained",
]
