from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from gradcli.play.runs import AT_ONCE
from gradcli.play.server import KEPT, MAX_BODY
from tests.play.playing import ENDLESS, GOOD, JSON, Playing, played

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def play() -> Iterator[Playing]:
    with played() as playing:
        yield playing


# ---- who is answered -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/", "", "//", "/wrong/", "/wrong/start", "/start", "/page.js", "http://example.org/",
     "/%C3%A9/", "/%00/", "/../../etc/passwd", "/wrong/run"],
)  # fmt: skip
@pytest.mark.parametrize("body", [None, b"{}"])
def test_who_has_not_the_token_gets_nothing(play: Playing, path: str, body: bytes | None) -> None:
    answer = play.ask(path, body, JSON)
    assert answer.status == 403
    assert play.server.play.token.encode() not in answer.body


@pytest.mark.parametrize(
    "path",
    ["nothing", "../start", "%2e%2e/start", "page.html", "/start", "start/", "start?", "page.css/",
     "../../../../etc/passwd", "//etc/passwd", "\\..\\start", "run", "save", "playing.py"],
)  # fmt: skip
def test_with_the_token_there_is_nothing_but_the_page(play: Playing, path: str) -> None:
    assert play.ask(play.inside(path)).status == 404


@pytest.mark.parametrize(
    "host", ["example.org", "example.org:{port}", "127.0.0.1", "127.0.0.1:1", "", "[::1]:{port}"]
)
def test_an_address_of_another_host_is_refused_though_it_leads_here(
    play: Playing, host: str
) -> None:
    named = {"Host": host.format(port=play.server.server_port)}
    assert play.ask(play.inside(""), headers=named).status == 403
    assert play.ask(play.inside("run"), b"{}", JSON | named).status == 403


def test_localhost_is_this_machine_too(play: Playing) -> None:
    named = {"Host": f"localhost:{play.server.server_port}"}
    assert play.ask(play.inside(""), headers=named).status == 200


def test_a_request_without_a_host_or_with_two_is_refused(play: Playing) -> None:
    for hosts in ("", f"Host: {play.host}\r\nHost: example.org\r\n"):
        with socket.create_connection(("127.0.0.1", play.server.server_port)) as peer:
            peer.sendall(f"GET {play.inside('')} HTTP/1.1\r\n{hosts}\r\n".encode())
            assert peer.makefile("rb").readline().split()[1] == b"403"


@pytest.mark.parametrize("origin", ["http://example.org", "null", "https://{host}"])
def test_another_site_cannot_post(play: Playing, origin: str) -> None:
    headers = {**JSON, "Origin": origin.format(host=play.host)}
    assert play.ask(play.inside("run"), b'{"text": "1"}', headers).status == 403


def test_the_server_is_bound_to_this_machine_alone(play: Playing) -> None:
    assert play.server.socket.getsockname()[0] == "127.0.0.1"


# ---- what is answered ----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "page.js", "page.css", "start"])
def test_nothing_is_kept_shared_or_framed(play: Playing, path: str) -> None:
    answer = play.ask(play.inside(path))
    assert answer.status == 200
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= set(policy)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert not [name for name in answer.headers if name.startswith("Access-Control")]


def test_the_page_names_no_other_host_and_has_no_script_of_its_own(play: Playing) -> None:
    page = play.ask(play.inside("")).body.decode()
    assert "://" not in page
    assert page.count("<script") == page.count('<script src="page.js"') == 1
    assert " style=" not in page


def test_a_run_gives_a_report_without_an_origin(play: Playing) -> None:
    found = play.run(GOOD)
    assert found["nodes"] == 2
    report = play.ask(f"/{found['report']}/")
    assert "loss = 9" in report.body.decode()
    assert report.headers["Content-Security-Policy"].startswith("sandbox allow-scripts; ")
    assert play.server.play.token not in report.body.decode()


def test_only_the_newest_reports_are_kept(play: Playing) -> None:
    first = play.run(GOOD)["report"]
    for _ in range(KEPT):
        last = play.run(GOOD)["report"]
    assert play.ask(f"/{first}/").status == 403
    assert play.ask(f"/{last}/").status == 200


# a text, and what the terminal says of it, with the lines that are marked
ERRORS: dict[str, tuple[str, list[int]]] = {
    "x = (": ("<play>:1:5: error: ", [1]),
    "a = 1\n\nb = q": ("<play>:3:5: error: ", [3]),
    "x = zeros(10**9)": ("hint: make it smaller, or allow more with --max-memory", [1]),
    "open('/etc/passwd')": ("<play>:1:1: error: ", [1]),
    'load("../../etc/passwd.json")': ("error: ", [1]),
    "\0": ("<play>:1:1: error: ", [1]),
}


@pytest.mark.parametrize("text", ERRORS)
def test_an_error_is_the_terminals_with_its_lines(play: Playing, text: str) -> None:
    found = play.run(text)
    said, lines = ERRORS[text]
    assert said in found["error"]
    assert found["lines"] == lines


@pytest.mark.parametrize("text", ["", "# nothing", "x = 3", "s = 'text'"])
def test_a_text_without_a_tensor_has_a_report_or_an_error(play: Playing, text: str) -> None:
    found = play.run(text)
    assert "report" in found or found["error"].startswith("<play>")


def test_options_are_those_of_a_command_line(play: Playing) -> None:
    found = play.run("y = w * x\nz = y * 2", line="-p w=2.0 -s 'x=[1., 2.]' --of y --dtype float32")
    assert "error" in found
    assert "scalar" in found["error"]
    found = play.run("y = w * x", line="-p w=2.0 -s x=3.0")
    assert "y = 6" in play.ask(f"/{found['report']}/").body.decode()


@pytest.mark.parametrize(
    "line", ["-p", "-p w", "--data x.npz", "'", "file.expr", "--dtype int64", "--help", "-p 'w=('"]
)
def test_wrong_options_are_an_error(play: Playing, line: str) -> None:
    assert "error: " in play.run(GOOD, line=line)["error"]


@pytest.mark.parametrize("name", sorted(path.stem for path in ROOT.glob("samples/*.expr")))
def test_every_sample_of_the_menu_runs(play: Playing, name: str) -> None:
    samples = play.ask(play.inside("start")).data["samples"]
    sample = next(sample for sample in samples if sample["name"] == name)
    assert sample["text"] == (ROOT / "samples" / f"{name}.expr").read_text("utf-8")
    assert "report" in play.run(sample["text"], sample=name, line=sample["line"])


def test_what_a_file_prints_is_shown_without_what_moves_a_cursor(play: Playing) -> None:
    assert play.run("print('a\\x1b[2J')\nprint(2)")["printed"] == "a␛[2J\n2"


def test_a_hostile_text_is_only_text_in_the_report(play: Playing) -> None:
    text = "# </script><script>alert(1)</script>\ns = '</title><img src=x onerror=alert(1)>'\n"
    found = play.run(f"{text}w = param(1.0)\nloss = w * 2")
    report = play.ask(f"/{found['report']}/").body.decode()
    assert "<script>alert" not in report
    assert "<img" not in report


# ---- what is no request --------------------------------------------------------------------

WRONG: dict[str, tuple[bytes, Mapping[str, str], int]] = {
    "no UTF-8": (b'{"text": "\xff\xfe"}', JSON, 400),
    "no JSON": (b"text=1", JSON, 400),
    "no object": (b"[1]", JSON, 400),
    "nested too deeply": (b"[" * 100_000, JSON, 400),
    "a number": (b'{"text": 1}', JSON, 400),
    "half of a character": (b'{"text": "\\ud800"}', JSON, 400),
    "a form": (b'{"text": "1"}', {"Content-Type": "text/plain"}, 415),
    "without a type": (b"{}", {}, 415),
    "too large": (b" " * (MAX_BODY + 1), JSON, 413),
    "of no length": (b"{}", {**JSON, "Content-Length": "-1"}, 411),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("path", ["run", "save"])
def test_a_body_that_is_none_is_refused(play: Playing, case: str, path: str) -> None:
    body, headers, status = WRONG[case]
    assert play.ask(play.inside(path), body, headers).status == status
    assert play.run(GOOD)["nodes"] == 2


def test_a_body_that_never_comes_harms_nobody(play: Playing) -> None:
    with socket.create_connection(("127.0.0.1", play.server.server_port)) as peer:
        peer.sendall(
            f"POST {play.inside('run')} HTTP/1.1\r\nHost: {play.host}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {'9' * 30}\r\n\r\n".encode()
        )
        assert play.run(GOOD)["nodes"] == 2


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "HEAD", "<b>"])
def test_other_methods_are_not_known(play: Playing, method: str) -> None:
    answer = play.ask(play.inside(""), method=method)
    assert answer.status in (400, 501)
    assert b"<" not in answer.body


# ---- runs that end -------------------------------------------------------------------------


def test_a_change_ends_the_run_before_it(play: Playing) -> None:
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(play.run, ENDLESS) for _ in range(3)]
        while not all(run.done() for run in runs):  # one may have come after this one
            play.run(GOOD)
        assert [run.result() for run in runs] == [{"cancelled": True}] * 3
    assert play.run(GOOD)["nodes"] == 2


def test_two_tabs_do_not_end_each_other(play: Playing) -> None:
    with ThreadPoolExecutor() as pool:
        other = pool.submit(play.run, ENDLESS, page="another")
        for _ in range(3):
            assert play.run(GOOD)["nodes"] == 2
        assert not other.done()
        while not other.done():
            play.run(GOOD, page="another")
        assert other.result() == {"cancelled": True}


def test_a_tab_that_is_closed_ends_its_run(play: Playing) -> None:
    pages = count()
    for _ in range(2 * AT_ONCE):  # would they not end, the next one would wait for its turn
        body = json.dumps({"page": f"tab {next(pages)}", "text": ENDLESS}).encode()
        with socket.create_connection(("127.0.0.1", play.server.server_port)) as peer:
            peer.sendall(
                f"POST {play.inside('run')} HTTP/1.1\r\nHost: {play.host}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
    assert play.run(GOOD)["nodes"] == 2


# ---- the file ------------------------------------------------------------------------------


def test_a_file_is_written_only_when_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.expr"
    path.write_bytes(b"x = 1\r\ny = 2\r\n")
    with played(path.read_bytes().decode(), path) as play:
        start = play.ask(play.inside("start")).data
        assert (start["text"], start["file"]) == ("x = 1\ny = 2\n", True)
        play.run("x = 3")
        assert path.read_bytes() == b"x = 1\r\ny = 2\r\n"
        done = play.post("save", text="x = 3\ny = 2\n", mark=start["mark"])
        assert done["done"] == "saved"
        assert path.read_bytes() == b"x = 3\r\ny = 2\r\n", "its ends of lines are what they were"
        assert play.post("save", text="x = 4", mark=done["mark"])["done"] == "saved"
        assert play.ask(play.inside("start")).data["text"] == "x = 4"


def test_what_another_program_has_written_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "a.expr"
    path.write_text("x = 1\n")
    with played("x = 1\n", path) as play:
        mark = play.ask(play.inside("start")).data["mark"]
        path.write_text("x = 5\n")
        asked = play.post("save", text="x = 2\n", mark=mark)
        assert asked["done"] == "changed"
        assert path.read_text() == "x = 5\n"
        assert play.post("save", text="x = 2\n", mark=asked["mark"])["done"] == "saved"
        path.unlink()
        asked = play.post("save", text="x = 3\n", mark=asked["mark"])
        assert asked["done"] == "changed"
        assert play.post("save", text="x = 3\n", mark=asked["mark"])["done"] == "saved"
        assert path.read_text() == "x = 3\n"


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    path = folder / "a.expr"
    path.write_text("x = 1\n")
    with played("x = 1\n", path) as play:
        path.unlink()
        folder.rmdir()
        assert "cannot write" in play.post("save", text="x = 2\n", mark="")["error"]


def test_without_a_file_there_is_nothing_to_save(play: Playing) -> None:
    body = json.dumps({"text": "x = 1"}).encode()
    assert play.ask(play.inside("save"), body, JSON).status == 404


def test_data_are_read_in_the_folder_of_the_file_alone(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("in/a.json", "b.json"):
        (tmp_path / name).write_text("[1.0, 2.0]")
    path = tmp_path / "in" / "a.expr"
    path.write_text("")
    with played("", path) as play:
        assert "report" in play.run('x = load("a.json")')
        for other in ("../b.json", str(tmp_path / "b.json"), "iris.json"):
            assert "error" in play.run(f'x = load("{other}")')
        assert "error" in play.run('x = load("a.json")', sample="mlp")
        assert "report" in play.run('x = load("a.json")', sample="../in")
