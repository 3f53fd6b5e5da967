"""The page as it is written: whole without a browser, strict, and of what was run."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gradcli.picture.themes import THEMES, Theme
from tests.picture.hostile import FILES, NAMES
from tests.picture.runs import FAN_IN, FUNCTIONS, LINEAR, LOOP, MLP, NAN, page_of

VOID = frozenset({"meta", "input", "br"})
# what a page is made of; whatever else there is came out of a file
TAGS = frozenset(re.findall(r"\w+", """
    html head meta title style body header main section div h1 h2 h3 p ol li code pre dl dt dd
    table thead tbody tr th td button input output label dialog kbd small span b i a del ins
    article figure br script svg defs marker path g rect text tspan
"""))  # fmt: skip
NODES_ONLY = "a0 = param(1.)\n" + "".join(f"a{k} = a{k - 1}*0.5 + 1\n" for k in range(1, 2000))


class Parsed(HTMLParser):
    """A page taken apart: its tags with attributes, its texts by tag, and what was left open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.open[-1] if self.open else "", []).append(data)

    def with_class(self, name: str) -> int:
        """Return how many tags have a class."""
        return sum(name in (a.get("class") or "").split() for _, a in self.tags)


def data_of(page: str) -> dict[str, object]:
    """Return what the script of a page reads."""
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    found: dict[str, object] = json.loads(text)
    return found


def plain(page: str) -> str:
    """Return the texts of a page, in a line."""
    texts = Parsed(re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL))
    return " ".join(" ".join(t for ts in texts.texts.values() for t in ts).split())


# ---- strict --------------------------------------------------------------------------------


def test_the_policy_allows_the_script_and_the_styles_that_are_there_and_nothing_else() -> None:
    parsed = Parsed(page_of(LINEAR))
    (policy,) = (a["content"] for t, a in parsed.tags if a.get("http-equiv"))
    rules = dict(rule.strip().split(" ", 1) for rule in (policy or "").split(";"))

    def hashes(texts: list[str]) -> set[str]:
        return {f"'sha256-{b64encode(sha256(t.encode()).digest()).decode()}'" for t in texts}

    _, script = parsed.texts["script"]
    assert set(rules["script-src"].split()) == hashes([script])
    assert set(rules["style-src"].split()) == hashes(parsed.texts["style"])
    del rules["script-src"], rules["style-src"]
    assert rules == {"default-src": "'none'", "base-uri": "'none'", "form-action": "'none'"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", FILES)
def test_no_text_of_a_file_is_markup(text: str, name: str) -> None:
    page = page_of(text, name)
    parsed = Parsed(page)
    assert parsed.open == []
    assert {tag for tag, _ in parsed.tags} <= TAGS
    assert [tag for tag, _ in parsed.tags].count("script") == 2
    for _, attributes in parsed.tags:
        assert not any(name.startswith("on") or name in ("style", "src") for name in attributes)
        assert (attributes.get("href") or "#").startswith("#")
    assert page.replace("\n", "").isprintable()
    assert "\u2028" not in page


def test_the_page_names_no_host_but_the_one_of_svg() -> None:
    hosts = set(re.findall(r"https?://[^\s\"'<)]+", page_of(MLP)))
    assert hosts == {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("text", [LINEAR, LOOP, MLP, FUNCTIONS, NAN, "", "x = 3", "x = ones(2)"])
def test_the_same_run_is_the_same_page_and_is_whole(text: str) -> None:
    page = page_of(text)
    assert page == page_of(text)
    parsed = Parsed(page)
    assert parsed.open == []
    ids = [a["id"] for _, a in parsed.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {"data", "details", "search", "nodes"} <= set(ids)
    labels = {a.get("aria-controls") for _, a in parsed.tags} - {None}
    assert labels <= set(ids)


def test_the_page_of_a_small_file_is_small() -> None:
    assert len(page_of(LINEAR).encode()) < 100_000


# ---- what it says --------------------------------------------------------------------------


def test_without_a_script_it_has_the_steps_the_table_and_the_claims() -> None:
    said = plain(page_of(LINEAR))
    assert "loss2_sum = 41" in said
    for words in ("wx = w * x → w", "local ∂wx/∂w", "x = [1, 2]", "(-8)·1 + (-10)·2 = -28",
                  "2·sum(loss·x) = 2·(-4)·1 + 2·(-5)·2 = -28", "MulBackward0"):  # fmt: skip
        assert words in said
    assert "✓" in said


def test_where_ways_meet_all_of_them_are_added_up() -> None:
    # by hand, at x = 2: y = x²·3x + relu(x - 2) + x has the derivative 9x² + 0 + 1 = 37; from
    # the sum it gets 1, from relu's kink 0, from b = 3x 4·3, from a = x² 6·4
    said = plain(page_of(FAN_IN))
    assert "4 ways meet in x" in said
    assert "1 + 0 + 12 + 24" in said
    assert "so far 1 + 0 + 12 = 13" in said
    assert "a kink of relu; the convention: 0 at 0" in said


def test_where_nan_begins_and_why_is_said_first() -> None:
    page = page_of(NAN)
    assert page.index('id="panel-problems"') < page.index('id="panel-steps"')
    assert "nan begins here" in plain(page)
    assert "a branch that is not taken spoils the gradient" in plain(page)


def test_why_there_is_no_gradient_is_said_of_each_node() -> None:
    nodes = data_of(page_of("x = ones(2)\nw = param(2.)\nu = param(3.)\nz = w.detach()\n"
                            "loss = sum(w*x*z)"))["nodes"]  # fmt: skip
    assert isinstance(nodes, dict)
    said = " ".join(node.get("why", "") for node in nodes.values())
    for words in ("made without requires_grad=True", "`loss` does not depend on it", "detach()"):
        assert words in said


def test_the_turns_of_a_loop_are_those_that_were_run() -> None:
    turns = data_of(page_of(LOOP))["turns"]
    assert isinstance(turns, list)
    (loop,) = turns
    series = {s["name"]: s["values"] for s in loop["series"]}
    # by hand: a step of 0.25 along 2w halves w
    assert series["loss"] == [(8.0 / 2**k) ** 2 for k in range(20)]
    assert series["w after the update"] == [8.0 / 2 ** (k + 1) for k in range(20)]
    assert len(loop["starts"]) == 21
    values = [frames["value"][0] for frames in loop["cards"].values()]
    assert {"64", "8", "4"} <= set(values)  # the loss, w before the first turn and after it


def test_cards_that_stand_for_several_nodes_are_known() -> None:
    data = data_of(page_of(FUNCTIONS, functions="closed"))
    shown, cards = data["shown"], data["cards"]
    assert isinstance(shown, dict)
    assert isinstance(cards, dict)
    assert len(cards) == 2
    assert set(shown.values()) == {int(card) for card in cards}


def test_the_picture_lies_down_where_only_that_fits_unless_its_direction_is_asked_for() -> None:
    def wide(across: bool | None) -> bool:
        width, height = re.findall(r'class="gradcli" width="(\d+)" height="(\d+)"',
                                   page_of(LINEAR, across=across))[0]  # fmt: skip
        return int(width) > int(height)

    assert wide(None)
    assert not wide(across=False)
    assert wide(across=True)


def test_a_large_graph_has_all_its_rows_and_says_what_it_has_not() -> None:
    page = page_of(NODES_ONLY)
    assert page.count("<tr class=") == 3999
    said = plain(page)
    assert "The graph is too large" not in said
    assert "gradcli explain NAME shows the way to one gradient" in said


def test_the_keys_in_the_docs_are_those_of_the_page() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", docs, re.MULTILINE)
    keys = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page_of(LINEAR))
    shown = [(" ".join(re.findall(r"<kbd>(.*?)</kbd>", key)), does) for key, does in keys]
    assert rows == shown


def test_formulas_of_large_matrices_are_left_out_for_they_would_take_minutes() -> None:
    small, large = (page_of(f"W = param(ones({n}, {n}))\nloss = sum(tanh(W @ W))") for n in (2, 40))
    assert "formula" in str(data_of(small)["nodes"])
    assert "formula" not in str(data_of(large)["nodes"])
    assert "too large" in str(data_of(large)["latex"])
    assert "too large" not in str(data_of(small)["latex"])


# ---- what is drawn -------------------------------------------------------------------------


def test_a_gradient_is_a_bar_by_its_logarithm_a_histogram_and_a_heat_map() -> None:
    text = "a = param([[1., -2.], [3., 4.]])\nb = param(1.)\nc = param(1.)\n"
    page = page_of(f"{text}loss = sum(a*a) + 1e3*b + 1e-3*c")
    bars = re.findall(r'class="bar" role="img" aria-label="(\S+)"><rect width="(\d+)"', page)
    # ‖2a‖ = 2·√30 = 10.95; on a scale from 1e-3 to 1e3 that is 0.1 + 0.9 · 4.04/6 of 140
    assert bars == [("10.95", "99"), ("1000", "140"), ("0.001", "14")]
    heat = re.findall(r'<path class="([^"]+)" d="M(\d+) (\d+)h', page)
    # 2a = [[2, -4], [6, 8]] in eighths of 8, each at its place of 14 pixels
    assert sorted(heat) == [("down l4", "14", "0"), ("up l2", "0", "0"), ("up l6", "0", "14"),
                            ("up l8", "14", "14")]  # fmt: skip


RESET = (
    "w = param(8.0)\nfor i in range(20):\n    loss = w**2\n    loss.backward()\n"
    "    with no_grad():\n        w -= 0.25*w.grad\n"
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{RESET}    w.grad.zero_()\n", "This flowed in turn 20; `.grad` was reset to 0 since."),
        (f"{RESET}    w.grad = None\n", "This flowed in turn 20; `.grad` was reset to None since."),
        ("w = param(8.0)\n(w**2).backward()\nw.grad.zero_()\n",
         "This flowed; `.grad` was reset to 0 since."),
    ],
)  # fmt: skip
def test_a_gradient_of_a_leaf_that_is_not_in_grad_any_more_is_shown_and_why(
    text: str, said: str
) -> None:
    page = page_of(text)
    flowed = 16 * 0.5**19 if "range" in text else 16.0  # 2w, and a step of 0.25 halves w
    row = re.search(r'<th scope="row">w<br><small>(.*?)</small></th><td>(.*?)</td>', page)
    assert row is not None
    assert row[1] == said
    assert float(row[2]) == pytest.approx(flowed, rel=1e-3)
    nodes = data_of(page)["nodes"]
    assert isinstance(nodes, dict)
    assert said in [node.get("why") for node in nodes.values()]


def test_a_page_without_steps_says_whether_there_are_none_or_too_many() -> None:
    none, many = page_of(""), page_of("x = param(1.0)\nfor i in range(1300):\n    x = x*1.0\n")
    assert "There is nothing to step through: no nodes: the file computes nothing." in none
    assert "There are more than 1,200 rows to step through" in many
    assert "nothing to step" not in many
    assert "more than" not in none


def test_a_local_factor_of_complex_numbers_is_called_the_conjugate_that_it_is() -> None:
    page = page_of("z = tensor(3.0+4.0j, requires_grad=True)\nw = z**2\nloss = abs(w)\n")
    said = dict(re.findall(r"<small>local (.*?)</small> <b>(.*?)</b>", page))
    # by hand: d(z²)/dz = 2z = 6+8j; d|w|/dw = conj(w)/(2|w|), and w/|w| = (-7+24j)/25
    assert said["conj(∂w/∂z)"].endswith("6-8j")
    assert said["2·conj(∂loss/∂w)"].endswith("-0.28+0.96j")
    assert "local ∂" in page_of(LINEAR)
    assert "conj" not in page_of(LINEAR)


def luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb` (WCAG 2.2)."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return sum(w * x for w, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.2)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_every_text_and_every_border_stands_out_from_its_ground(theme: Theme) -> None:
    grounds = {"page": theme.page, "card": theme.card, "gradient": theme.gradient}
    for name, ground in grounds.items():
        for text in ("text", "pale", "gradient_text"):
            assert contrast(getattr(theme, text), ground) >= 4.5, (text, name)
    for ground in (theme.page, theme.card):
        assert contrast(theme.bad, ground) >= 4.5
        assert contrast(theme.edge, ground) >= 3
        for kind, colour in theme.kinds.items():
            least = 3 if kind == "intermediate" else 4.5  # the others are colours of texts too
            assert contrast(colour, ground) >= least, kind
