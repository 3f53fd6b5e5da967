"""The table of operations. Everything that gradcli knows of an operation stands in its row."""

from __future__ import annotations

from gradcli.ops import formula
from gradcli.ops.table import Functions, families
from gradcli.rule.rule import Composite, OfFormula, Primitive, Row

OfFormula.pulled, OfFormula.pushed = formula.pulled, formula.pushed

FUNCTIONS = Functions(families())

__all__ = ["FUNCTIONS", "Composite", "Primitive", "Row"]
