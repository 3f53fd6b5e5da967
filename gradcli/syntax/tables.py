"""The tables that the lexer and the parser run on: made from the grammar by lark, and kept.

To make them takes some tenths of a second and to read them a millisecond, so they are kept in
`tables.json`, with the checksum of the grammar that they were made from. Where that is another
one, they are made anew. After a change to the grammar, write the file:

    python -m gradcli.syntax.tables
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from zlib import crc32

SAVED = Path(__file__).with_name("tables.json")
STARTS = ("program", "value")

State: TypeAlias = dict[str, int]  # what to do at a symbol: n >= 0 enter state n, n < 0 use rule n


class Rule(NamedTuple):
    """A rule: how many parts it takes, what they make, and the callback for it.

    Where there is no callback, the parts stay a list, whose items take its place among the parts
    of another rule; `spreads` says that some part may be such a list.
    """

    size: int
    origin: str
    callback: str | None
    spreads: bool


class States(dict[int, State]):
    """The states by number, each read from its line when the parser first comes to it."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self.lines = lines

    def __missing__(self, number: int) -> State:
        words = self.lines[number].split()
        state = self[number] = dict(zip(words[::2], map(int, words[1::2]), strict=True))
        return state


class Tables(NamedTuple):
    """Plain data: see `Lexer` for the pattern and the literals, `Parser` for the rest."""

    grammar: int  # its checksum
    pattern: str
    literals: dict[str, str]
    rules: list[Rule]  # the last is number -1
    states: States
    starts: dict[str, int]


@cache
def tables() -> Tables:
    """Return the tables that were kept, or new ones where those are of another grammar."""
    text = grammar()
    try:
        kept = json.loads(SAVED.read_bytes())
        if kept["grammar"] == _checksum(text):
            kept["rules"] = [Rule(*rule) for rule in kept["rules"]]
            return Tables(**kept | {"states": States(kept["states"])})
    except (OSError, ValueError, KeyError, TypeError):
        pass  # there are none, or of another version
    return made(text)


def grammar() -> str:
    """Return the text of the grammar, from the wheel or from the top of the checkout."""
    package = Path(__file__).parents[1]
    for top in (package, package.parent):
        path = top / "grammar" / "expr.lark"
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise FileNotFoundError("grammar/expr.lark")


def made(text: str) -> Tables:
    """Return the tables of a grammar."""
    from lark import Lark
    from lark.grammar import Rule as LarkRule
    from lark.lexer import TerminalDef

    lark = Lark(text, parser="lalr", lexer="basic", start=list(STARTS), keep_all_tokens=True)
    data, memo = lark.memo_serialize([TerminalDef, LarkRule])
    table = data["parser"]["parser"]
    numbers = [number for number, item in memo.items() if item["__type__"] == "Rule"]
    numbers.sort(key=lambda number: json.dumps(memo[number]))
    rule_of = {number: at - len(numbers) for at, number in enumerate(numbers)}
    states = {
        name: {
            table["tokens"][symbol]: rule_of[target["@"]] if reduces else target
            for symbol, (reduces, target) in row.items()
        }
        for name, row in table["states"].items()
    }
    for end in table["end_states"].values():
        states[end]["$END"] = end
    rules = [_rule(memo[number]) for number in numbers]
    rows, starts = _without_passes(states, rules, table["start_states"])
    pattern, literals = _lexical(lark.terminals, set(lark.ignore_tokens))
    numbered, begins = _numbered(*_merged(rows, starts))
    lines = [" ".join(f"{symbol} {to}" for symbol, to in row.items()) for row in numbered]
    return Tables(_checksum(text), pattern, literals, rules, States(lines), begins)


def _checksum(text: str) -> int:
    return crc32(text.encode())


def _rule(rule: dict[str, Any]) -> Rule:
    size, origin = len(rule["expansion"]), str(rule["origin"]["name"])
    callback = rule["alias"] or (None if origin.startswith("_") else origin)
    if rule["options"]["expand1"] and not rule["alias"] and size == 1:
        callback = "pass"
    names = [origin, *(part["name"] for part in rule["expansion"] if not part["name"].isupper())]
    return Rule(size, origin, callback, any(name.startswith("_") for name in names))


def _lexical(terminals: Iterable[Any], ignored: set[str]) -> tuple[str, dict[str, str]]:
    """Return one pattern for any token, and the terminals of those that are always the same.

    The pattern takes blanks and comments with it. Its groups are the terminals, in lark's order;
    `LITERAL` for operators and the like; `END`; and `STRAY`, a character that begins no token.
    """
    order = sorted(terminals, key=lambda t: (-t.priority, -t.pattern.max_width, t.name))
    patterns = [t for t in order if t.pattern.type == "re"]
    literals = {str(t.pattern.value): str(t.name) for t in order if t.pattern.type == "str"}
    skip = "|".join(t.pattern.to_regexp() for t in patterns if t.name in ignored)
    groups = {t.name: t.pattern.to_regexp() for t in patterns if t.name not in ignored}
    operators = sorted((text for text in literals if not text.isalpha()), key=len, reverse=True)
    groups["LITERAL"] = "|".join("".join(f"\\{sign}" for sign in text) for text in operators)
    groups |= {"END": r"\Z", "STRAY": "(?s:.)"}
    choice = "|".join(f"(?P<{name}>{regexp})" for name, regexp in groups.items())
    return f"(?:{skip})*+(?:{choice})", literals


# ---- fewer steps ---------------------------------------------------------------------------
#
# A name is an atom, a primary, a power, … an expression: a dozen reductions that change nothing,
# at each operand. They are done here, once and for all. What a state does at a token, after such
# reductions, is what the state does that they lead to; so it is given that state's entries.

_Key: TypeAlias = tuple[frozenset[Any], frozenset[tuple[str, int]]]


def _without_passes(
    states: dict[int, State], rules: list[Rule], starts: dict[str, int]
) -> tuple[dict[_Key, dict[str, _Key | int]], dict[str, _Key]]:
    """Return states that make no reductions by rules that pass on their only part.

    A state is known by the states it stands for, and by what it does at each token.
    """

    def entered(state: int, below: State) -> _Key:
        """Return the state to be in on top of another, given the latter's entries."""
        stands_for, row = {state}, {}
        for symbol, action in states[state].items():
            now: int | None = action
            while now is not None and now < 0 and rules[now].callback == "pass":
                passed_to = below[rules[now].origin]
                stands_for.add(passed_to)
                now = states[passed_to].get(symbol)
            if now is not None:
                row[symbol] = now
        return frozenset(stands_for), frozenset(row.items())

    first = {name: entered(state, {}) for name, state in starts.items()}
    found: dict[_Key, dict[str, _Key | int]] = {}
    pending = list(first.values())
    while pending:
        key = pending.pop()
        if key in found:
            continue
        row = dict(key[1])
        for state in key[0]:
            for symbol, target in states[state].items():
                if not (symbol.isupper() or row.setdefault(symbol, target) == target):
                    raise ValueError(f"after {symbol} there are two ways to go on")
        found[key] = {
            symbol: action if action < 0 else entered(action, row) for symbol, action in row.items()
        }
        pending += [target for target in found[key].values() if not isinstance(target, int)]
    return found, first


def _merged(
    states: dict[_Key, dict[str, _Key | int]], starts: dict[str, _Key]
) -> tuple[list[State], dict[str, int]]:
    """Return states of which no two do the same."""
    group = dict.fromkeys(states, 0)
    count = 0
    while True:
        seen: dict[Any, int] = {}
        rows = [
            {s: group[to] if isinstance(to, tuple) else to for s, to in row.items()}
            for row in states.values()
        ]
        numbers = [seen.setdefault(frozenset(row.items()), len(seen)) for row in rows]
        group = dict(zip(states, numbers, strict=True))
        if len(seen) == count:
            representative = dict(zip(numbers, rows, strict=True))
            merged = [representative[number] for number in range(count)]
            return merged, {name: group[key] for name, key in starts.items()}
        count = len(seen)


def _numbered(states: list[State], starts: dict[str, int]) -> tuple[list[State], dict[str, int]]:
    """Return the same states, numbered and sorted in the order in which they are reached."""
    order = dict.fromkeys(starts.values())
    for state in (pending := list(order)):
        for _, target in sorted(states[state].items()):
            if target >= 0 and target not in order:
                order[target] = None
                pending.append(target)
    number = {state: at for at, state in enumerate(order)}
    rows = [
        {s: number[to] if to >= 0 else to for s, to in sorted(states[state].items())}
        for state in order
    ]
    return rows, {name: number[state] for name, state in starts.items()}


def as_text(kept: Tables) -> str:
    """Return tables as they are kept: a line for each rule and state."""
    fields = []
    for name, value in (kept._asdict() | {"states": kept.states.lines}).items():
        text = json.dumps(value)
        if isinstance(value, list):
            text = "[\n" + ",\n".join(map(json.dumps, value)) + "\n]"
        fields.append(f"{json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(fields) + "\n}\n"


if __name__ == "__main__":
    SAVED.write_text(as_text(made(grammar())), encoding="utf-8")
