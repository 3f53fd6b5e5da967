"""A replay and its record in words: in one line, and row by row."""

from __future__ import annotations

from gradcli.inspection import FrameFacts, Inspection, NodeFacts, RecordedRow, RecordFacts
from gradcli.render.words import harmless, one_line, plural

_NAMED = 5  # rows that the file no longer has, named in the line


def replayed(inspection: Inspection) -> str:
    """Return in one line how a replay compares with its record, "" of a run that is none."""
    record = inspection.record
    if record is None:
        return ""
    differing = record.differing
    parts = []
    if differing:
        first = inspection.node(differing[0])
        words = " and ".join(d.words for d in record.rows[first.id].differs)
        count = f"{plural(len(differing), 'row')} differ{'s' * (len(differing) == 1)}"
        parts.append(f"{count}, first {first.label} (line {first.line}): {words}")
    else:
        if record.compared.get("grad_fn"):
            parts.append("all grad_fn equal")
        for kind in ("value", "gradient"):
            if record.compared.get(kind):
                gap = record.gaps.get(kind, 0.0)
                parts.append(f"{kind}s within {gap:.1g} of their largest element" if gap else
                             f"{kind}s equal")  # fmt: skip
    if not record.own:
        parts.append("gradients of the recorded pass not compared")
    if record.absent:
        some = ", ".join(record.absent[:_NAMED])
        more = ", …" if len(record.absent) > _NAMED else ""
        parts.append(f"not in the file: {some}{more}")
    return f"replayed {plural(len(record.rows), 'row')} of {record.file}: {', '.join(parts)}"


def differs(record: RecordFacts, id: int, mark: str = "✗") -> str:
    """Return in what a row differs from its record, "" where it does not: `✗ gradient 0.2`."""
    row = record.rows.get(id)
    found: dict[str, str] = {}
    for one in () if row is None else row.differs:
        gap = f" {one.gap:.1g}" if one.gap < float("inf") else ""
        found.setdefault(one.kind, f"{one.kind}{gap}")
    return f"{mark} {', '.join(found.values())}" if found else ""


def place(record: RecordFacts, node: NodeFacts) -> str:
    """Return where the program has a row, "" where that is not known: `model.py:12:6`."""
    row = _row(record, node)
    return "" if row is None else harmless(row.place)


def where(record: RecordFacts | None, node: NodeFacts) -> str:
    """Return where the program has a row, with its text there, and in which module it was made.

    "model.py:12:6 `F.relu(h)`, in net.fc1 (Linear)"; "" where nothing is known.
    """
    parts = []
    row = None if record is None else _row(record, node)
    if row is not None and row.place:
        parts.append(f"{row.place} `{row.source}`" if row.source else row.place)
    if (module := module_of(node)) is not None:
        parts.append(f"in {module_text(module)}")
    return one_line(", ".join(parts))


def module_text(module: FrameFacts) -> str:
    """Return the path and the class of a model's module; the model itself has no path."""
    return f"{module.name} ({module.module})" if module.name else module.module


def module_of(node: NodeFacts) -> FrameFacts | None:
    """Return the innermost module of a model in which a row was made, None where it was in none."""
    return next((frame for frame in reversed(node.frames) if frame.module), None)


def _row(record: RecordFacts, node: NodeFacts) -> RecordedRow | None:
    """Return what is recorded of a row; of one without a name, of the row that it is a part of."""
    return record.rows.get(node.id) or (None if node.is_leaf else record.lines.get(node.line))
