"""A server for tests, and requests to it that a browser would not make."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

from gradcli.cli.options import Running
from gradcli.cli.output import write
from gradcli.cli.play import read_line
from gradcli.errors import Source
from gradcli.play.document import Document
from gradcli.play.evaluation import Reader
from gradcli.play.runs import Runs
from gradcli.play.server import Play, Server

PATIENCE = 60.0  # seconds: a machine may have much else to do
# as the limits of steps and nodes are in the way of it, an endless loop has none
ENDLESS = "for i in range(10**12):\n    k = i"
GOOD = "w = param(3.0)\nloss = w**2"
JSON = {"Content-Type": "application/json"}


def reader() -> Reader:
    """Return what reads options, with limits that keep no test waiting but those of the clock."""
    return partial(read_line, Running(max_steps=10**15, max_nodes=10**15, max_memory="1GB"))


class Answer(NamedTuple):
    """What a server has answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        return json.loads(self.body)


class Playing(NamedTuple):
    """A server that runs."""

    server: Server

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"

    def ask(
        self,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
    ) -> Answer:
        """Ask for an address as it stands: nothing of it is put right."""
        connection = HTTPConnection(self.host, timeout=PATIENCE)
        try:
            method = method or ("GET" if body is None else "POST")
            connection.request(method, path, body, {} if headers is None else dict(headers))
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def post(self, path: str, **asked: Any) -> Any:
        """Post what the page would, and return what comes back."""
        body = json.dumps(asked).encode()
        answer = self.ask(self.inside(path), body, JSON)
        assert answer.status == 200, answer
        return answer.data

    def run(self, text: str, **asked: Any) -> Any:
        return self.post("run", **{"page": "a page", "text": text, **asked})

    def inside(self, path: str) -> str:
        return f"/{self.server.play.token}/{path}"


@contextmanager
def played(
    text: str = GOOD, path: Path | None = None, seconds: float = 600.0, line: str = ""
) -> Iterator[Playing]:
    """Serve a text, or a file."""
    source = Source("<play>" if path is None else str(path), text)
    with closing(Runs(reader(), seconds, 1 << 30)) as runs:
        server = Server(Play(Document(source, path, write), line, runs))
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield Playing(server)
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
