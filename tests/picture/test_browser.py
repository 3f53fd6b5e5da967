"""The page in a browser: it plays, it is found, sorted and copied, and no file takes it over.

These run where Chromium and Playwright are installed.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

from tests.picture.hostile import FILES, NAMES
from tests.picture.runs import FUNCTIONS, LINEAR, LOOP, MLP, NAN, NO_LEAF, page_of

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Locator, Page

# the steps back in the order of the engine, with what each passes on, by hand: the chain rule from
# sum((w·x + b - y)²) with w·x + b - y = (-4, -5)
BACKWARD = [
    ("loss2", "[1, 1]"), ("loss", "[-8, -10]"), ("wx_b", "[-8, -10]"), ("wx", "[-8, -10]"),
    ("b", "-18"), ("w", "-28"),
]  # fmt: skip

LONG = [
    f"x = param(2.0)  # {'long ' * 400}\ny = x**2\n",
    f"{'w' * 300} = param(2.0)\ny = {'w' * 300}**2\n",
]


class Opened:
    """A page that was opened: what it has said and asked for, and short ways to look at it."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page, self.said, self.asked = page, list[str](), list[str]()
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", self._dismissed)
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(path.as_uri())

    def _dismissed(self, dialog: Dialog) -> None:
        self.said.append("a dialog")
        dialog.dismiss()

    def card(self, name: str) -> Locator:
        """Return the card of a name."""
        return self.page.locator(".card", has=self.page.locator(
            ".title", has_text=re.compile(rf"^\S {re.escape(name)}$")))  # fmt: skip

    def text(self, selector: str) -> str:
        """Return a text that is shown, its white space folded."""
        return " ".join(str(self.page.locator(selector).inner_text()).split())

    def count(self, selector: str) -> int:
        """Return how many elements there are."""
        return int(self.page.locator(selector).count())


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_api.sync_playwright() as play:
        found = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def opened(browser: Browser, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Opened]:
    """Open the page of a file, LINEAR where the test names none, and end it without a word said."""
    source = getattr(request, "param", LINEAR)
    path = tmp_path / "page.html"
    path.write_text(page_of(source), encoding="utf-8")
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    found = Opened(context.new_page(), path)
    yield found
    assert found.said == []
    assert found.asked == [path.as_uri()]
    context.close()


def step(opened: Opened) -> str:
    return opened.text("#caption .head")


# ---- the player ----------------------------------------------------------------------------


def test_the_player_goes_forward_and_then_back_in_the_order_of_the_engine(opened: Opened) -> None:
    opened.page.keyboard.press("Home")
    assert opened.text("#count") == "1 / 16"
    for _ in range(8):
        opened.page.keyboard.press("ArrowRight")
    assert opened.text("#caption .pair:last-child b") == "41"
    opened.page.keyboard.press("ArrowRight")
    assert step(opened) == "backward begins at loss2_sum"
    seen = []
    for _ in BACKWARD:
        opened.page.keyboard.press("ArrowRight")
        to, going = step(opened).split(" → ")[1], opened.text("#caption .pair:last-child b")
        seen.append((to, going))
    assert seen == BACKWARD
    assert opened.text("#count") == "16 / 16"


def test_a_step_back_has_three_parts_its_edge_lit_and_the_sum_written_out(opened: Opened) -> None:
    opened.page.keyboard.press("Home")
    opened.page.keyboard.press("End")
    parts = [" ".join(x.split()) for x in opened.page.locator("#caption .part").all_inner_texts()]
    assert parts == ["incoming ∂loss2_sum/∂wx [-8, -10]", "local ∂wx/∂w x = [1, 2]", "outgoing -28"]
    working = opened.page.locator("#caption .working").all_inner_texts()
    assert working == ["(-8)·1 + (-10)·2 = -28", "2·sum(loss·x) = 2·(-4)·1 + 2·(-5)·2 = -28"]
    lit = opened.page.locator(".edge.on")
    w = opened.card("w").get_attribute("id")
    assert lit.count() == 1
    assert f"n{lit.get_attribute('data-from')}" == w


def test_what_has_not_come_yet_is_not_shown(opened: Opened) -> None:
    number = opened.card("w").locator(".gradient.number")
    assert number.is_visible()
    opened.page.click("[data-do=first]")
    assert not number.is_visible()
    assert opened.count(".card.off") == 8
    opened.page.click("[data-do=last]")
    assert number.is_visible()
    assert opened.count(".card.off") == 0


def test_it_plays_by_itself_until_it_is_told_to_pause(opened: Opened) -> None:
    opened.page.clock.install()
    opened.page.keyboard.press("Home")
    opened.page.keyboard.press("Space")
    opened.page.clock.run_for(3500)
    assert opened.text("#count") == "4 / 16"
    opened.page.keyboard.press("Space")
    opened.page.clock.run_for(5000)
    assert opened.text("#count") == "4 / 16"


@pytest.mark.parametrize("opened", [LOOP], indirect=True)
def test_the_turns_of_a_loop_are_scrubbed_through_and_cards_follow(opened: Opened) -> None:
    slider = opened.page.locator("[data-turn]")
    # by hand: the gradient of w² is 2w, so that a step of 0.25 halves w: 8, 4, 2, 1 before each
    for turn, before in ((1, 8.0), (2, 4.0), (3, 2.0), (4, 1.0)):
        slider.fill(str(turn))
        assert f"loss = {before**2:g}" in opened.text(".turns output")
        assert opened.card("loss").locator(".value.number").text_content() == f"{before**2:g}"


# ---- looking at one thing ------------------------------------------------------------------


@pytest.mark.parametrize("opened", [LOOP], indirect=True)
def test_what_does_not_follow_the_slider_of_a_loop_says_of_which_turn_it_is(opened: Opened) -> None:
    opened.page.locator("[data-turn]").fill("3")
    assert opened.text("#caption .turn") == "turn 20"
    opened.card("loss").click()
    assert "turn 20 of 20 of the loop in line 2" in opened.text("#details")
    assert "w after the update = 1" in opened.text(".turns output")  # 8 halved three times


def test_hovering_over_a_card_says_its_gradient_and_shows_its_line(opened: Opened) -> None:
    opened.card("w").hover()
    assert ".grad -28 2·sum(loss·x) = 2·(-4)·1 + 2·(-5)·2 = -28" in opened.text("#details")
    assert opened.text(".listing li.on") == "w = tensor(1.0, requires_grad=True)"
    opened.card("x").hover()
    assert ".grad None" in opened.text("#details")
    assert "made without requires_grad=True" in opened.text("#details")
    opened.card("wx").hover()
    assert "wx.retain_grad() keeps it" in opened.text("#details")


def test_a_line_of_the_source_shows_its_cards(opened: Opened) -> None:
    opened.page.locator(".listing li", has_text="wx_b = wx + b").hover()
    assert opened.count(".card.on") == 1
    assert "on" in (opened.card("wx_b").get_attribute("class") or "").split()
    opened.page.locator(".listing li", has_text="loss2 = loss**2").click()
    assert opened.text("#details h3").startswith("loss2 (intermediate)")


def test_a_search_finds_a_node_by_its_name_first(opened: Opened) -> None:
    opened.page.keyboard.press("/")
    opened.page.keyboard.type("w")
    assert opened.text("#details h3").startswith("w (parameter)")
    assert opened.text("#said") == "4 found"
    opened.page.keyboard.press("Enter")
    assert not opened.text("#details h3").startswith("w (parameter)")
    opened.page.keyboard.press("Escape")
    assert opened.count(".card.found") == 0


def test_what_is_behind_a_card_can_be_hidden(opened: Opened) -> None:
    opened.card("wx_b").click()
    opened.page.keyboard.press("c")
    assert opened.text("#said") == "4 cards are hidden"
    assert not opened.card("w").is_visible()
    assert opened.card("y").is_visible()
    opened.page.keyboard.press("c")
    assert opened.card("w").is_visible()


def test_the_keyboard_alone_is_enough(opened: Opened) -> None:
    press, page = opened.page.keyboard.press, opened.page
    page.locator(".card").first.focus()
    assert opened.text("#details h3").startswith("x (data)")
    press("Tab")
    press("Tab")
    assert opened.text("#details h3").startswith("w (parameter)")
    box = page.locator(".canvas > svg").get_attribute("viewBox")
    press("+")
    assert page.locator(".canvas > svg").get_attribute("viewBox") != box
    press("?")
    assert page.locator("#help").is_visible()
    press("Escape")
    assert not page.locator("#help").is_visible()
    page.focus("#tab-steps")
    press("ArrowRight")
    assert page.locator("#panel-table").is_visible()
    assert opened.text("#count") == "16 / 16"  # the arrow was the tabs', not the player's
    for divider in ("columns", "rows"):
        page.focus(f"[data-divides={divider}]")
        before = page.locator(".canvas").bounding_box()
        press("ArrowRight" if divider == "columns" else "ArrowUp")
        assert page.locator(".canvas").bounding_box() != before


def test_cards_say_to_a_screen_reader_what_they_show(opened: Opened) -> None:
    label = opened.card("w").get_attribute("aria-label")
    assert label == "w, parameter, leaf, value 1, gradient -28"
    assert opened.page.get_by_role("button", name="Step back").count() == 1
    assert opened.page.get_by_role("tab", selected=True).count() == 1


@pytest.mark.parametrize("opened", LONG, indirect=True, ids=["comment", "name"])
@pytest.mark.parametrize("width", [1280, 500])
def test_a_long_line_does_not_push_the_graph_off_the_screen(opened: Opened, width: int) -> None:
    opened.page.set_viewport_size({"width": width, "height": 800})
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    box = opened.page.locator(".canvas").bounding_box()
    assert box is not None
    assert box["width"] > 100
    assert box["x"] + box["width"] <= width


def test_light_becomes_dark_and_dark_light(opened: Opened, browser: Browser) -> None:
    def ground() -> str:
        return str(opened.page.evaluate("getComputedStyle(document.body).backgroundColor"))

    light = ground()
    opened.page.keyboard.press("t")
    dark = ground()
    opened.page.click("[data-do=theme]")
    assert ground() == light != dark
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(opened.page.url)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    context.close()


@pytest.mark.parametrize("asked", [{"backward": True}, {"functions": "closed"}], ids=str)
def test_cards_that_are_no_nodes_say_what_they_stand_for(
    browser: Browser, tmp_path: Path, asked: dict[str, Any]
) -> None:
    path = tmp_path / "page.html"
    path.write_text(page_of(FUNCTIONS, **asked), encoding="utf-8")
    context = browser.new_context()
    opened = Opened(context.new_page(), path)
    for card in opened.page.locator(".card").all():
        card.focus()
        assert opened.text("#details")
    opened.page.keyboard.press("Home")
    for _ in range(opened.count(".steps li")):
        opened.page.keyboard.press("ArrowRight")
        if "functions" in asked:  # each step has a card
            assert opened.count(".card.on") == 1
    assert opened.count(".card.unseen") == 0
    assert opened.said == []
    context.close()


# ---- lists ---------------------------------------------------------------------------------


def test_the_table_is_sorted_and_filtered(opened: Opened) -> None:
    opened.page.click("#tab-table")
    names = opened.page.locator("#nodes td:first-child")
    opened.page.click("#nodes th:nth-child(6) button")  # grad: -28, -18, -8 …, None last
    assert names.all_inner_texts()[:2] == ["w", "b"]
    opened.page.click("#nodes th:nth-child(5) button")
    opened.page.click("#nodes th:nth-child(5) button")  # value, the largest first
    assert names.first.inner_text() == "loss2_sum"
    opened.page.fill("#filter", "MulBackward")
    assert names.all_inner_texts() == ["wx"]


def test_rows_that_a_table_has_no_room_for_are_found_by_the_filter(
    browser: Browser, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    lines = ["a0 = param(1.)", *(f"a{k} = a{k - 1}*2" for k in range(1, 900)), "loss = a899*0"]
    path.write_text(page_of("\n".join(lines)), encoding="utf-8")
    context = browser.new_context()
    opened = Opened(context.new_page(), path)
    opened.page.click("#tab-table")
    assert opened.count("#nodes tbody tr") == 400
    assert opened.text("#more").startswith("501 rows more")
    opened.page.fill("#filter", "a777")
    assert opened.page.locator("#nodes td:first-child").all_inner_texts() == ["a777"]
    context.close()


@pytest.mark.parametrize("opened", [NAN], indirect=True)
def test_problems_come_first_and_lead_to_their_card(opened: Opened) -> None:
    tab = opened.page.get_by_role("tab", selected=True)
    assert tab.inner_text() == "Problems (1)"
    opened.page.click("#panel-problems a[data-line]")
    assert opened.count(".card.on") >= 1
    assert opened.text(".listing li.on") == "y = where(x > 0, sqrt(x), 0.0)"


@pytest.mark.parametrize("opened", [MLP], indirect=True)
def test_gradients_have_bars_histograms_and_heat_maps(opened: Opened) -> None:
    opened.page.click("#tab-gradients")
    for kind in ("bar", "histogram", "heat"):
        assert opened.page.locator(f"#panel-gradients .{kind}").first.is_visible()


# ---- copies --------------------------------------------------------------------------------


def test_a_copy_that_is_refused_can_be_taken_by_hand(opened: Opened) -> None:
    opened.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    opened.page.click("[data-do=copy-torch]")
    copied = opened.page.locator("#details textarea").input_value()
    assert "import torch" in copied
    assert "loss2_sum.backward()" in copied
    opened.page.click("[data-do=copy-latex]")
    assert "\\" in opened.page.locator("#details textarea").input_value()


@pytest.mark.parametrize("opened", [NO_LEAF], indirect=True)
def test_the_lines_to_write_instead_are_copied_without_their_numbers(opened: Opened) -> None:
    opened.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    opened.page.click("[data-do=copy-remedy]")
    copied = opened.page.locator("#details textarea").input_value()
    assert copied == "w = (tensor([1.0, 2.0]) * 0.1).requires_grad_()"
    assert opened.count("del") == 1


def test_the_copied_picture_is_whole(opened: Opened) -> None:
    opened.page.evaluate("() => { navigator.clipboard.writeText = (x) => { window.copied = x; }; }")
    opened.page.keyboard.press("Home")  # most of it is dim now, and a card is chosen
    opened.page.click("[data-do=copy-svg]")
    opened.page.wait_for_function("window.copied")
    copied = opened.page.evaluate("window.copied")
    root = ElementTree.fromstring(copied)
    kinds = " ".join(e.get("class") or "" for e in root.iter()).split()
    assert kinds.count("card") == 9
    assert not {"off", "on", "unseen"} & set(kinds)
    assert "var(" not in copied
    assert "#fff3cd" in copied
    resvg = pytest.importorskip("resvg_py")
    assert bytes(resvg.svg_to_bytes(svg_string=copied)).startswith(b"\x89PNG")


# ---- strangers -----------------------------------------------------------------------------


@pytest.mark.parametrize("place", range(len(FILES)))
def test_no_file_takes_the_page_over(browser: Browser, tmp_path: Path, place: int) -> None:
    path = tmp_path / "page.html"
    path.write_text(page_of(FILES[place], NAMES[place % len(NAMES)]), encoding="utf-8")
    context = browser.new_context()
    opened = Opened(context.new_page(), path)
    for tab in opened.page.get_by_role("tab").all():
        tab.click()
    opened.page.keyboard.press("Home")
    for card in opened.page.locator(".card").all()[:3]:
        card.focus()
    assert opened.page.evaluate("window.pwned") is None
    assert opened.count("script") == 2
    assert opened.count("img, iframe, object, [onerror]") == 0
    assert opened.said == []
    assert opened.asked == [path.as_uri()]
    context.close()


def test_the_policy_lets_no_other_script_and_no_request_through(opened: Opened) -> None:
    opened.page.evaluate(
        """() => { const made = document.createElement("script");
        made.textContent = "window.pwned = 1"; document.body.append(made);
        fetch("https://example.org/").catch(() => { window.refused = 1; }); }"""
    )
    opened.page.wait_for_function("window.refused")
    assert opened.page.evaluate("window.pwned") is None
    assert all("Content Security Policy" in said or "example.org" in said for said in opened.said)
    opened.said.clear()
    opened.asked[:] = [opened.page.url]


# ---- without a script, and on paper --------------------------------------------------------


def test_without_scripts_it_is_lists(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(page_of(LINEAR), encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    said = page.locator("body").inner_text()
    for words in ("loss2_sum = sum(loss2)", "backward begins at", "outgoing -28", "SumBackward0"):
        assert words in " ".join(said.split())
    assert page.locator(".card").first.is_visible()
    assert not page.locator("#slider").is_visible()
    assert not page.locator("#search").is_visible()
    context.close()


def test_on_paper_every_list_is_there(opened: Opened) -> None:
    opened.page.emulate_media(media="print")
    for panel in ("steps", "table", "gradients", "claims", "problems"):
        assert opened.page.locator(f"#panel-{panel}").is_visible()
    assert not opened.page.locator(".tools").is_visible()
    assert opened.page.pdf().startswith(b"%PDF")


@pytest.mark.parametrize("width", [420, 1000])
def test_nothing_is_wider_than_the_window(opened: Opened, width: int) -> None:
    opened.page.set_viewport_size({"width": width, "height": 700})
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert json.loads(opened.page.locator("#data").text_content() or "")["torch"]
