"""An HTTP server for messages: it accepts them, refuses them, or never answers."""

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any


class Listener(http.server.ThreadingHTTPServer):
    """Keeps the messages that it gets. `status` is its answer; None: no answer until it is closed.

    `location`: where its answer redirects to.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Post)
        self.status: int | None = 200
        self.location: str | None = None
        self.got: list[dict[str, Any]] = []
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server_address[1]}/canary-canary-canary"

    def titles(self) -> list[str]:
        return [message["title"] for message in self.got]


class _Post(http.server.BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(json.loads(body))
        if self.server.status is None:
            self.server.closing.wait()
            return
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.end_headers()

    def do_GET(self) -> None:
        """Answers a client that followed a redirect and made a GET of its POST."""
        self.server.got.append({"title": "a GET"})
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def listening() -> Iterator[Listener]:
    with Listener() as listener:
        serving = threading.Thread(target=listener.serve_forever, args=(0.02,))
        serving.start()
        yield listener
        listener.closing.set()
        listener.shutdown()
        serving.join()
