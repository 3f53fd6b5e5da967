"""A script is run by gradcli itself before anyone sees it: a wrong one is never written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from gradcli.errors import GradcliError, InputFault, Source
from gradcli.export.lines import Line, refused
from gradcli.export.names import Names
from gradcli.formula.points import close
from gradcli.graph import Node
from gradcli.rule.dtypes import Array
from gradcli.session import Session
from gradcli.syntax import parse
from gradcli.trace import Options, Tracer

LOADED = 'data = load("data.npz")'
TOLERANCE = {"float16": 1e-2, "bfloat16": 1e-1}  # of dtypes of which few digits are known


def run(session: Session, text: str, data: Mapping[str, Array]) -> Tracer:
    """Return a run of a script, with the session's dtype and limits.

    Raises: a GradcliError where it is not in the language.
    """
    given = session.tracer.options
    with TemporaryDirectory() as folder:
        if data:
            np.savez(Path(folder) / "data.npz", **dict(data))  # type: ignore[arg-type]
        # a script that sets the default begins as the file did, another has what that ends with
        sets = "set_default_dtype" in text
        default = session.tracer.default_dtype if sets else session.graph.default_dtype
        options = Options(default, limits=given.limits, folder=Path(folder))
        tracer = Tracer(parse(Source("script", text)), options)
        tracer.run()
    return tracer


def settle(
    names: Names, library: str, head: Sequence[str], lines: Sequence[Line],
    data: Mapping[str, Array],
) -> None:  # fmt: skip
    """Leave each line the first of its ways that gives its value.

    Raises: InputFault where one has none.
    """
    while True:
        wrong, why = _first_wrong(names, head, lines, data)
        if wrong is None:
            return
        text = " ".join(str(wrong).split())
        del wrong.ways[0]
        if not wrong.ways:
            raise refused(names, wrong.where, library, f"`{text}`: {why}")


def _first_wrong(
    names: Names, head: Sequence[str], lines: Sequence[Line], data: Mapping[str, Array]
) -> tuple[Line | None, str]:
    texts = [*head, *([LOADED] if data else [])]
    starts, count = list[int](), sum(t.count("\n") + 1 for t in texts) + 1
    for one in lines:
        starts.append(count)
        count += str(one).count("\n") + 1
    source = "\n".join([*texts, *map(str, lines), ""])
    try:
        found = run(names.session, source, data).scope
    except GradcliError as error:
        if error.span is None:
            raise
        at = source.count("\n", 0, error.span.start) + 1
        place = max(k for k, start in enumerate(starts) if start <= at)
        return lines[place], error.message
    for one in lines:
        if not same(array_of(found.get(one.name)), one.value):
            return one, "its formula does not give its value"
    return None, ""


def array_of(value: object) -> Array | None:
    """Return a value of a run as an array, None where it is none."""
    if isinstance(value, Node):
        return np.asarray(value.value)
    return np.asarray(value) if isinstance(value, int | float | complex) else None


def same(found: Array | None, expected: Array | None) -> bool:
    """Say whether two arrays are the same but for rounding."""
    if found is None or expected is None:
        return found is expected
    if found.shape != expected.shape:
        return False
    kind = expected.dtype.name
    if expected.dtype.kind in "biu" or kind in TOLERANCE:
        rtol = TOLERANCE.get(kind, 0.0)
        return np.allclose(found.astype(float), expected.astype(float), rtol, rtol, equal_nan=True)
    return close(np.asarray(found, expected.dtype), expected)


def whole(session: Session, text: str, data: Mapping[str, Array], expected: Mapping[str, Array],
          grads: Mapping[str, Array | None] | None = None) -> None:  # fmt: skip
    """Compare a script with a run: values by name, and `.grad` where it is given.

    Raises: InputFault where they differ.
    """
    try:
        tracer = run(session, text, data)
    except GradcliError as error:
        raise InputFault(
            f"{session.source.name} is not exported: the script would not run: {error.message}",
            hint="--to torch and --to numpy write in different ways: one of them may do",
        ) from None
    wrong = [n for n, value in expected.items() if not same(array_of(tracer.scope.get(n)), value)]
    for name, grad in (grads or {}).items():
        node = tracer.scope.get(name)
        held = tracer.graph.grad(tracer.graph.current(node.id)) if isinstance(node, Node) else None
        if not same(held, grad):
            wrong.append(f"{name}.grad")
    if wrong:
        raise InputFault(
            f"{session.source.name} is not exported: the script would give another `{wrong[0]}`",
            hint="--to torch and --to numpy write in different ways: one of them may do",
        )
