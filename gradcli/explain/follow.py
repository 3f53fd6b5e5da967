"""One element of a tensor on its way to the root: what moves with it, and what it is worth."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcli.autodiff import push
from gradcli.autodiff.saved import in_memory
from gradcli.errors import InputFault
from gradcli.explain.derivation import Derivation
from gradcli.graph import Graph
from gradcli.inspection import Array

ELEMENT = re.compile(r"\s*([^\[\]]+?)\s*\[\s*(-?\d+(?:\s*,\s*-?\d+)*)\s*\]\s*")


@dataclass(frozen=True)
class Place:
    """A node on the way of an element.

    `moved` is which of its elements move with it, `tangent` how fast, `gradient` the root's
    gradient by the node. `share` is the sum of their products: what of the element's gradient comes
    this way, which is all of it where every way leads through here.
    """

    node: int
    moved: Array
    tangent: Array
    gradient: Array
    share: float


def element_of(text: str) -> tuple[str, tuple[int, ...]]:
    """Return the name and the index of an element such as `w[0,2]`.

    Raises: InputFault where a text is none.
    """
    found = ELEMENT.fullmatch(text)
    if found is None:
        raise InputFault(f"--element {text}: expected a name and an index", hint="'w[0,2]'")
    return found[1], tuple(int(k) for k in found[2].split(","))


def followed(graph: Graph, derivation: Derivation, index: tuple[int, ...]) -> list[Place]:
    """Return the nodes through which an element of the target acts on the root, the root first.

    Raises: InputFault where the target has no such element.
    """
    target, cotangents = derivation.target, derivation.cotangents
    shape = graph.metas[target].shape
    tangent = np.zeros(shape, graph.metas[target].dtype)
    try:
        np.empty(shape)[index].item()
    except (IndexError, ValueError):
        raise InputFault(
            f"there is no element {list(index)} in a tensor of shape {list(shape)}",
            hint="an index for each dimension, counted from 0",
        ) from None
    tangent[index] = 1
    tangents: dict[int, Any] = {target: tangent}
    order = sorted((i for i in cotangents if not graph.is_tuple(i)), reverse=True)
    with np.errstate(all="ignore"):
        push(graph, tangents, (derivation.root,), in_memory(graph, order))
    found = []
    for id in order:
        t = np.asarray(tangents[id]) if tangents.get(id) is not None else None
        if t is not None:
            g = np.asarray(cotangents[id])
            share = float(np.real(np.vdot(g, t)))
            found.append(Place(id, t != 0, t, g, share))
    return found
