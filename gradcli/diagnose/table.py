"""The table of findings: every kind, the ones that have the first word first.

The rows stand in the files of their groups; adding one is adding a row there and a case file in
`tests/diagnose/cases`.
"""

from __future__ import annotations

from difflib import get_close_matches

from gradcli.diagnose.findings import Kind
from gradcli.diagnose.nonfinite.rows import KINDS as NONFINITE
from gradcli.diagnose.precision.rows import KINDS as PRECISION
from gradcli.diagnose.scale.rows import KINDS as SCALE
from gradcli.diagnose.shapes.rows import KINDS as SHAPES
from gradcli.diagnose.silent.rows import KINDS as SILENT
from gradcli.errors import InputFault

KINDS: tuple[Kind, ...] = (*NONFINITE, *SILENT, *SCALE, *PRECISION, *SHAPES)


def kind(name: str) -> Kind:
    """Return the kind of a name.

    Raises: InputFault where there is none.
    """
    for one in KINDS:
        if one.name == name:
            return one
    near = get_close_matches(name, [one.name for one in KINDS], 1)
    hint = f"did you mean {near[0]}?" if near else "gradcli diagnose --list has them all"
    raise InputFault(f"there is no finding {name}", hint=hint)
