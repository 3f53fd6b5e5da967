"""The page in headless Chromium, where that and Playwright are installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.play.playing import ENDLESS, PATIENCE, Playing, played

api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
    pytest.mark.filterwarnings("default"),  # Playwright's own
]
FIRST = "x = tensor([1.0, 2.0])\nw = param(1.0)\nloss = ((w * x - 5)**2).sum()"
HOSTILE = (
    "# </textarea></script><script>document.title='owned'</script>\n"
    "s = '</script><img src=x onerror=\"document.title=1\">'\nprint(s)\n"
    "w = param(1.0)\nloss = w * 3\n"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with api.sync_playwright() as made:
        found = made.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


class Page:
    """The page in a tab: what it says, what it has asked for, what went wrong."""

    def __init__(self, browser: Any, play: Playing, scheme: str = "light") -> None:
        self.context = browser.new_context(color_scheme=scheme, accept_downloads=True)
        self.context.set_default_timeout(PATIENCE * 1000)
        self.tab = self.context.new_page()
        self.faults: list[str] = []
        self.hosts: set[str] = set()
        self.tab.on("console", lambda said: self.faults.append(said.text))
        self.tab.on("pageerror", lambda error: self.faults.append(str(error)))
        self.tab.on("request", lambda asked: self.hosts.add(asked.url.split("/")[2]))
        self.tab.goto(play.server.address)
        self.shows("ran in")

    def type(self, text: str) -> None:
        self.tab.locator("#text").fill(text)

    def shows(self, status: str) -> None:
        api.expect(self.tab.locator("#status")).to_contain_text(status, timeout=PATIENCE * 1000)

    def reports(self, answer: str) -> None:
        frame = self.tab.frame_locator("#report iframe:not(.next)")
        api.expect(frame.locator("h1")).to_contain_text(answer, timeout=PATIENCE * 1000)

    def stale(self) -> bool:
        return "stale" in self.tab.locator("#report").get_attribute("class")


@pytest.fixture
def page(browser: Any, play: Playing) -> Iterator[Page]:
    made = Page(browser, play)
    yield made
    hosts = {host for host in made.hosts if host}  # of a blob there is none
    assert (made.faults, hosts) == ([], {play.host})
    made.context.close()


@pytest.fixture(scope="module")
def play() -> Iterator[Playing]:
    with played(FIRST) as playing:
        yield playing


def test_a_change_is_shown_and_an_error_leaves_the_last_report(page: Page) -> None:
    page.reports("loss = 25")
    page.type("w = param(3.0)\nloss = w**2")
    page.reports("loss = 9")
    assert not page.stale()
    page.type("w = param(3.0)\n\nloss = w**2 + q")
    page.shows("there is an error")
    assert page.stale()
    assert "the input `q` is not bound" in page.tab.locator("#error").inner_text()
    assert page.tab.locator("#numbers .bad").all_inner_texts() == ["3"]
    page.reports("loss = 9")
    page.tab.locator("#line").fill("-p q=1.0")
    page.reports("loss = 10")
    assert not page.tab.locator("#error").is_visible()


def test_many_edits_and_an_endless_loop_end_with_what_was_typed_last(page: Page) -> None:
    page.type(ENDLESS)
    page.shows("running")
    page.tab.locator("#text").fill("")
    page.tab.locator("#text").press_sequentially("w = param(2.0)\nloss = w**3", delay=10)
    page.reports("loss = 8")


def test_a_tab_that_is_closed_while_it_runs_disturbs_no_other(browser: Any, play: Playing) -> None:
    one, other = Page(browser, play), Page(browser, play)
    one.type(ENDLESS)
    one.shows("running")
    one.context.close()
    other.type("w = param(4.0)\nloss = w**2")
    other.reports("loss = 16")
    other.context.close()


def test_a_hostile_text_injects_nothing(page: Page) -> None:
    page.type(HOSTILE)
    page.reports("loss = 3")
    assert "onerror" in page.tab.locator("#printed").inner_text()
    assert page.tab.title() == "gradcli play"
    for frame in page.tab.frames:
        assert frame.locator("img, script:not([src]):not([type])").count() <= 1
        assert frame.title() != "owned"
    with pytest.raises(api.Error):  # the report has no origin: it cannot reach the page
        page.tab.frames[-1].locator("body").evaluate("body => parent.document.title")


def test_keys_indent_and_the_browser_can_undo_that(page: Page) -> None:
    page.type("")
    text = page.tab.locator("#text")
    text.press_sequentially("for i in range(2):\nx = i\n")
    assert text.input_value() == "for i in range(2):\n    x = i\n    "
    text.press("Shift+Tab")
    text.press("Tab")
    text.press("Tab")
    assert text.input_value().endswith("\n        ")
    text.press("Control+z")
    assert text.input_value() == "for i in range(2):\n    x = i\n"
    text.press("Control+a")
    text.press("Shift+Tab")
    assert text.input_value() == "for i in range(2):\nx = i\n"
    text.press("Escape")
    text.press("Tab")
    assert page.tab.evaluate("() => document.activeElement.id") != "text"


def test_the_text_survives_a_reload_and_can_be_downloaded(page: Page) -> None:
    page.type("w = param(6.0)\nloss = w**2")
    page.reports("loss = 36")
    page.tab.reload()
    page.reports("loss = 36")
    assert page.tab.locator("#text").input_value() == "w = param(6.0)\nloss = w**2"
    with page.tab.expect_download() as got:
        page.tab.locator("#download").click()
    assert Path(got.value.path()).read_text() == "w = param(6.0)\nloss = w**2"


def test_a_sample_is_chosen_with_its_data_and_its_options(page: Page) -> None:
    for name, answer in (("gaussian_mixture", "log_likelihood = -216"), ("one_liner", "loss = 41")):
        page.tab.locator("#samples").select_option(name)
        page.reports(answer)


def test_it_is_dark_where_the_system_is(browser: Any, play: Playing) -> None:
    page = Page(browser, play, "dark")
    page.reports("loss = 25")
    frame = page.tab.frames[-1]
    for place in (page.tab, frame):
        ground = "body => getComputedStyle(body).backgroundColor"
        assert place.locator("body").evaluate(ground) == "rgb(15, 20, 26)"
    page.context.close()


def test_a_file_is_saved_when_asked(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.expr"
    path.write_text("w = param(1.0)\n")
    with played("w = param(1.0)\n", path) as play:
        page = Page(browser, play)
        save = page.tab.locator("#save")
        assert save.is_disabled()
        page.type("w = param(2.0)\n")
        save.click()
        api.expect(page.tab.locator("#said")).to_contain_text("saved at")
        assert path.read_text() == "w = param(2.0)\n"
        path.write_text("w = param(7.0)\n")
        page.tab.once("dialog", lambda dialog: dialog.dismiss())
        page.type("w = param(3.0)\n")
        save.click()
        api.expect(page.tab.locator("#said")).to_have_text("not saved")
        assert path.read_text() == "w = param(7.0)\n"
        page.tab.once("dialog", lambda dialog: dialog.accept())
        page.tab.locator("#text").press("Control+s")
        api.expect(page.tab.locator("#said")).to_contain_text("saved at")
        assert path.read_text() == "w = param(3.0)\n"
        page.context.close()
