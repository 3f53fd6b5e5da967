"""The server of the page: for this machine, for who has its address, and for nothing else."""

from __future__ import annotations

import json
import secrets
import select
import socket
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from hmac import compare_digest
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import Lock
from typing import Any

from gradcli.errors import GradcliError, cropped, visible
from gradcli.play.document import Document, mark_of
from gradcli.play.evaluation import Failed, Text
from gradcli.play.files import KINDS, page_file, samples, samples_folder
from gradcli.play.runs import Runs

HOST = "127.0.0.1"
MAX_BODY = 1 << 20  # bytes of a request
KEPT = 16  # reports that can still be fetched
_DRAINED = 16 << 20  # bytes of a body that is too large, read so that the answer is
_PATIENCE = 30  # seconds for a request to come
_PRINTED = 20_000  # characters of what a file has printed
_WORDS = 64  # characters of the name of a page

_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "frame-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# a report says more strictly itself which script and style it has; it has no origin, and no way out
_REPORT = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
_ALWAYS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Refused(Exception):
    """A request that is answered with a status and a line."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


@dataclass
class Play:
    """All that the page is about: the document, its options as a line of words, and the runs."""

    document: Document
    line: str
    runs: Runs
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    reports: OrderedDict[str, str] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)

    def start(self) -> dict[str, Any]:
        """Return what the page begins with."""
        document = self.document
        text = document.read()
        return {
            "name": document.name, "text": text, "mark": mark_of(text),
            "line": self.line, "file": document.path is not None,
            "samples": [sample._asdict() for sample in samples()],
        }  # fmt: skip

    def run(self, asked: Mapping[str, Any], here: Callable[[], bool]) -> dict[str, Any]:
        """Run what the editor holds.

        Raises: CancelledError where a newer run of the same page has begun, or nobody waits.
        """
        sample, theme = _text(asked, "sample"), _text(asked, "theme")
        known = sample in {s.name for s in samples()}
        folder = samples_folder() if known else None
        what = Text(
            f"{sample}.expr" if known else self.document.name, _text(asked, "text"),
            _text(asked, "line"), folder or self.document.folder,
            "dark" if theme == "dark" else "light",
        )  # fmt: skip
        found = self.runs.run(_text(asked, "page")[:_WORDS], what, here)
        if isinstance(found, Failed):
            return {"error": found.message, "lines": found.lines}
        key = secrets.token_urlsafe(24)  # so that nothing in a report can learn the page's own
        with self.lock:
            self.reports[key] = found.page
            while len(self.reports) > KEPT:
                self.reports.popitem(last=False)
        printed = "\n".join(visible(x) for text in found.printed for x in text.split("\n"))
        return {
            "report": key, "seconds": found.seconds, "nodes": found.nodes,
            "printed": cropped(printed, _PRINTED),
        }  # fmt: skip

    def save(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Write the text to the file: where somebody else has changed it, say so first."""
        document, text = self.document, _text(asked, "text")
        if document.path is None:
            raise Refused(HTTPStatus.NOT_FOUND, "no FILE was given")
        try:
            with self.lock:
                done = document.save(text, _text(asked, "mark"))
        except GradcliError as error:
            return {"error": str(error)}
        return {"done": done, "mark": document.mark()}


class Server(ThreadingHTTPServer):
    """The server, bound to this machine alone; `port` 0 takes any that is free."""

    daemon_threads = True

    def __init__(self, play: Play, port: int = 0) -> None:
        self.play = play
        super().__init__((HOST, port), Handler)

    def server_bind(self) -> None:
        """Take the port; what this machine is called need not be asked of others."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    @property
    def address(self) -> str:
        """The address of the page."""
        return f"http://{HOST}:{self.server_port}/{self.play.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a browser that has gone is no error, and faults have been answered."""


class Handler(BaseHTTPRequestHandler):
    """The answer to a request."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE
    error_message_format, error_content_type = "%(code)d\n", "text/plain"

    def do_GET(self) -> None:
        self._answered(self._get)

    def do_POST(self) -> None:
        self._answered(self._post)

    def version_string(self) -> str:
        return "gradcli"

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: the terminal is for the address."""

    # ---- routes --------------------------------------------------------------------------

    def _get(self) -> None:
        key, path = self._place()
        if path == "" and (report := self.server.play.reports.get(key)) is not None:
            self._send(report.encode("utf-8", "backslashreplace"), "text/html", _REPORT)
            return
        self._check(key)
        if path == "start":
            self._send_json(self.server.play.start())
            return
        kind = {"": "html", "page.css": "css", "page.js": "js"}.get(path)
        if kind is None:
            raise Refused(HTTPStatus.NOT_FOUND, "there is nothing here")
        self._send(page_file(kind), KINDS[kind], _PAGE)

    def _post(self) -> None:
        key, path = self._place()
        self._check(key)
        origin = f"http://{self.headers.get('Host', '')}"
        if self.headers.get("Origin", origin) != origin:
            raise Refused(HTTPStatus.FORBIDDEN, "another site asks")
        if path not in ("run", "save"):
            raise Refused(HTTPStatus.NOT_FOUND, "there is nothing here")
        asked = self._body()
        if path == "save":
            self._send_json(self.server.play.save(asked))
            return
        try:
            found = self.server.play.run(asked, self._is_here)
        except CancelledError:
            found = {"cancelled": True}
        self._send_json(found)

    # ---- what is asked -------------------------------------------------------------------

    def _place(self) -> tuple[str, str]:
        """Return the token of the address and what follows it.

        Raises: Refused where the address is of another host: a name may be made to lead here.
        """
        port = self.server.server_port
        if self.headers.get_all("Host") not in ([f"{HOST}:{port}"], [f"localhost:{port}"]):
            raise Refused(HTTPStatus.FORBIDDEN, "another host is asked for")
        key, _, path = self.path.removeprefix("/").partition("/")
        return key, path

    def _check(self, key: str) -> None:
        if not compare_digest(key.encode("utf-8", "replace"), self.server.play.token.encode()):
            raise Refused(HTTPStatus.FORBIDDEN, "the address is not the one that gradcli printed")

    def _body(self) -> dict[str, Any]:
        """Return the body, which is JSON: an object whose values are texts.

        Raises: Refused.
        """
        if self.headers.get_content_type() != "application/json":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "JSON is taken")
        length = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "how long it is is not said")
        if len(length) > 12 or int(length) > MAX_BODY:
            self._drain(int(length[:12]))
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {MAX_BODY:,} bytes")
        try:
            found = json.loads(self.rfile.read(int(length)).decode("utf-8"))
        except (ValueError, RecursionError):
            raise Refused(HTTPStatus.BAD_REQUEST, "no JSON in UTF-8") from None
        if not isinstance(found, dict):
            raise Refused(HTTPStatus.BAD_REQUEST, "no object")
        return found

    def _drain(self, length: int) -> None:
        """Read what was sent in vain: who still sends does not hear an answer."""
        left = min(length, _DRAINED)
        while left > 0 and (data := self.rfile.read(min(left, 1 << 16))):
            left -= len(data)

    def _is_here(self) -> bool:
        """Say whether the other end still waits; what it sends meanwhile is left where it is."""
        try:
            if not select.select([self.connection], [], [], 0)[0]:
                return True
            return bool(self.connection.recv(1, socket.MSG_PEEK))
        except (OSError, ValueError):
            return False

    # ---- what is answered ----------------------------------------------------------------

    def _answered(self, answer: Callable[[], None]) -> None:
        """Answer a request, or say why not; after that the rest of it is not looked at."""
        try:
            answer()
        except Refused as refused:
            self.close_connection = True
            self._send(f"{refused.why}\n".encode(), "text/plain", _PAGE, refused.status)

    def _send_json(self, found: Mapping[str, Any]) -> None:
        self._send(json.dumps(found).encode(), "application/json", _PAGE)

    def _send(
        self, body: bytes, kind: str, policy: str, status: HTTPStatus = HTTPStatus.OK
    ) -> None:
        self.send_response(status)
        for name, value in _ALWAYS.items():
            self.send_header(name, value)
        self.send_header("Content-Security-Policy", policy)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


def _text(asked: Mapping[str, Any], name: str) -> str:
    """Return a text of a request; one that is not given is empty.

    Raises: Refused where it is none, or no text that a file could hold.
    """
    found = asked.get(name, "")
    try:
        if isinstance(found, str):
            found.encode("utf-8")  # no half of a character
            return found
    except UnicodeEncodeError:
        pass
    raise Refused(HTTPStatus.BAD_REQUEST, f"{name} is no text")
