"""Names that are like one that is not known: for hints, so rather none than one that is far off."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches

LONGEST = 60  # characters of a name that is compared with others
_LOOKED_AT = 8  # names, of which the nearest may not be near
_LEFT_OUT = 5  # characters by which a name may be longer than what begins it


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return the known names that one may have been meant to be, the nearest first."""
    if len(name) > LONGEST:
        return []
    plain: dict[str, list[str]] = {}
    for k in known:
        if len(k) <= LONGEST:
            plain.setdefault(_plain(k), []).append(k)
    word = _plain(name)
    near = [k for k in get_close_matches(word, plain, _LOOKED_AT) if _is_near(word, k)]

    def far(k: str) -> tuple[bool, bool, float, float, str]:
        """Rank a name: a class for a class, what works in place last, then how like it is."""
        like = SequenceMatcher(None, word, _plain(k)).ratio()
        in_case = SequenceMatcher(None, name, k).ratio()
        in_place = k.endswith("_") > name.endswith("_")
        return k[:1].isupper() != name[:1].isupper(), in_place, -like, -in_case, k

    return sorted((k for key in near for k in plain[key]), key=far)


def _plain(name: str) -> str:
    return name.lower().replace("_", "")


def _is_near(a: str, b: str) -> bool:
    """Say whether one is the other with a slip or two, or its beginning."""
    short, long = sorted((a, b), key=len)
    if len(long) < 4 and (len(short) < 3 or sorted(a) != sorted(b)):
        return a == b
    if len(short) >= 4 and long.startswith(short) and len(long) - len(short) <= _LEFT_OUT:
        return True
    slips = 1 if len(long) < 8 else 2 if len(long) < 14 else 3
    return _slips(a, b) <= slips


def _slips(a: str, b: str) -> int:
    """Return how many letters are too many, missing, wrong or exchanged: Damerau's distance."""
    above: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, above, row = above, row, [i]
        for j, y in enumerate(b, 1):
            least = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                least = min(least, before[j - 2] + 1)
            row.append(least)
    return row[-1]
