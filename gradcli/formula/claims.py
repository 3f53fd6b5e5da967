"""Claims tried in the file that they are for: what does not hold there is no claim."""

from __future__ import annotations

from collections.abc import Sequence

from gradcli.errors import GradcliError, Source
from gradcli.session import Request, run
from gradcli.trace import Options


def tried(source: Source, options: Options, claims: str) -> str:
    """Return lines of claims, those that do not hold at the end of a file as comments that say why.

    A file's own backward() may have freed what `grad` needs, or a name may be of a function.
    """
    lines = claims.splitlines()
    if not _fault(source, options, lines):
        return claims
    kept = []
    for line in lines:
        fault = "" if line.startswith("#") else _fault(source, options, [line])
        kept.append(f"# {line}: {fault}" if fault else line)
    return "\n".join(kept) + "\n"


def _fault(source: Source, options: Options, lines: Sequence[str]) -> str:
    """Return why claims at the end of a file do not hold, "" where they do."""
    count = sum(not line.startswith("#") for line in lines)
    longer = Source(source.name, "\n".join([source.text, *lines]))
    try:
        claims = run(longer, options, Request(backward=False)).tracer.claims
    except GradcliError as error:
        return error.message.partition(". ")[0]
    own = claims[len(claims) - count :]
    return "" if all(claim.holds for claim in own) else "it does not hold at the end of the file"
