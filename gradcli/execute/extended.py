"""The tape's values to any number of digits: the same rows, on other numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from gradcli.errors import GradcliError
from gradcli.execute.functions import ROWS
from gradcli.execute.numbers import Arithmetic, Extended
from gradcli.execute.plain import missing
from gradcli.graph import Graph
from gradcli.rule.dtypes import is_complex, is_floating


class DigitsFault(GradcliError):
    """Something cannot be computed to more digits than double precision has."""


class ExtendedTape:
    """The values of a tape in an arithmetic of `digits` decimal digits.

    Leaves are the doubles that they are; whatever follows from them is computed anew, as the rows
    compute it. Constants that an operation has in double precision stay so.

    Raises: DigitsFault where mpmath is not installed.
    """

    def __init__(self, graph: Graph, digits: int) -> None:
        try:
            self.arithmetic = Arithmetic(digits)
        except ImportError:
            raise DigitsFault(
                "more digits than double precision has need mpmath, which is not installed",
                hint="pip install 'gradcli[digits]'",
            ) from None
        self.graph = graph
        self.values: dict[int, Any] = {}

    def base(self, ids: Iterable[int]) -> list[Any]:
        """Return the values of rows for the leaves' own values.

        Raises: DigitsFault, with the row's place.
        """
        wanted = list(ids)
        for id in missing(self.graph, wanted, self.values.get):
            self.values[id] = self._value(id, self.values)
        return [self.values[i] for i in wanted]

    def run(self, plan: Iterable[int], moved: Mapping[int, Any], row: Any = None) -> dict[int, Any]:
        """Return the values of the rows of a plan when some leaves have other values.

        `row`, where it is given, computes a row from its id, operands and attributes.

        Raises: DigitsFault, with the row's place.
        """
        now = {**self.values, **moved}
        for id in plan:
            now[id] = self._value(id, now, row)
        return now

    def _value(self, id: int, values: Mapping[int, Any], row: Any = None) -> Any:
        graph, op = self.graph, self.graph.ops[id]
        if op is None:
            return self._exact(graph.values[id], id)
        operands = [values[i] if i >= 0 else graph.scalars[~i] for i in graph.inputs[id]]
        try:
            return self._exact((row or self.computed)(id, operands, graph.attrs[id]), id)
        except DigitsFault:
            raise
        except Exception as error:  # whatever a function says of numbers that it does not know
            raise DigitsFault(
                f"{op.label} cannot be computed to more digits than double precision has",
                graph.notes.spans[id],
                "without --digits it is checked by differences",
            ) from error

    def computed(self, id: int, operands: list[Any], attrs: dict[str, Any]) -> Any:
        """Return the value of one row, by its own forward function."""
        op = self.graph.ops[id]
        assert op is not None, "a leaf brings its value"
        if op.promotes and is_floating(self.graph.metas[id].dtype):
            operands = [self._lifted(x) for x in operands]
        own = ROWS.get(op.name)
        with np.errstate(all="ignore"):
            if own is not None:
                return own(self.arithmetic, *operands, **attrs)
            return op.forward(*operands, **attrs)

    def _lifted(self, x: Any) -> Any:
        return self.arithmetic.array(x) if isinstance(x, np.ndarray) else x

    def _exact(self, value: Any, id: int) -> Any:
        """Return what a row gave as exact numbers where it is floating; a tuple, each of them."""
        if isinstance(value, tuple):
            return tuple(self._exact(x, id + 1 + k) for k, x in enumerate(value))
        dtype = self.graph.metas[id].dtype
        if is_complex(dtype):
            raise DigitsFault(
                "complex numbers cannot be computed to more digits than double precision has",
                self.graph.notes.spans[id],
            )
        if is_floating(dtype):
            return self.arithmetic.array(value)
        if isinstance(value, Extended):
            return value.astype(dtype)
        array = np.asarray(value)
        return array if array.dtype == dtype else array.astype(dtype)
