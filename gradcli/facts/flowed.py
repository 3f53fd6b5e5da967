"""The gradients that flowed to nodes in backward passes, whether `.grad` has kept them or not."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from functools import cached_property

import numpy as np

from gradcli.autodiff import pull_values, reachable, saw_uncounted, towards
from gradcli.errors import LimitFault
from gradcli.execute import is_large
from gradcli.graph import Graph
from gradcli.inspection import Array
from gradcli.session import Session

WINDOW = 1 << 16  # rows whose gradients are held at once
_NONE, _SEVERAL = -1, -2


class Flowed:
    """What each pass of a run carried back, computed when it is asked for.

    There is nothing for a row that several passes reached: no single gradient is its own. Nor is
    there where a pass saw other values than the tape has, as after a write to `.data`, and where
    the run is so large that its intermediates are not stored.
    """

    def __init__(self, session: Session) -> None:
        self._graph, self._passes = session.graph, session.passes
        self._held: tuple[int, int] = (_NONE, _NONE)
        self._gradients: Mapping[int, Array] = {}

    def at(self, id: int) -> Array | None:
        """Return the gradient that flowed to a row, None where none did or none is its own."""
        which = self._pass_of[id] if id < len(self._pass_of) else _NONE
        if which < 0:
            return None
        if (which, id // WINDOW) != self._held:
            self._held = which, id // WINDOW
            self._gradients = self._pulled(which, id // WINDOW)
        return self._gradients.get(id)

    @cached_property
    def _pass_of(self) -> array[int]:
        """For each row the number of the only pass that reached it."""
        graph = self._graph
        if is_large(graph):
            return array("l")
        found = array("l", [_NONE]) * len(graph)
        for k, start in enumerate(self._passes):
            for id in _order(graph, start.root, start.inputs):
                found[id] = k if found[id] == _NONE else _SEVERAL
        return found

    def _pulled(self, which: int, window: int) -> Mapping[int, Array]:
        graph, start = self._graph, self._passes[which]
        order = _order(graph, start.root, start.inputs)
        if saw_uncounted(graph, order, start.at):
            return {}
        meta = graph.metas[start.root]
        given = np.ones(meta.shape) if start.cotangent is None else start.cotangent
        wanted = [i for i in order if i // WINDOW == window and not graph.is_tuple(i)]
        steps = graph.steps
        cotangents = {start.root: np.asarray(given, meta.dtype)}
        try:
            return pull_values(graph, cotangents, order, wanted, graph.value)
        except LimitFault:  # the run was within its limits: this, which is beside it, is not
            return {}
        finally:
            graph.steps = steps


def _order(graph: Graph, root: int, inputs: tuple[int, ...]) -> list[int]:
    order = reachable(graph, (root,))
    return towards(graph, order, inputs) if inputs else order
