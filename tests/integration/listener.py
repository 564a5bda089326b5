"""HTTP servers that accept what is posted to them, refuse it, or never answer; one of them is for messages."""

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any, TypeVar


class PostServer(http.server.ThreadingHTTPServer):
    """`status` is its answer; None: no answer until it is closed. `location`: where its answer redirects to."""

    daemon_threads = True

    def __init__(self, handler: type["PostHandler"]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.status: int | None = 200
        self.location: str | None = None
        self.closing = threading.Event()


class PostHandler(http.server.BaseHTTPRequestHandler):
    """Takes each post with `take`, then answers as the server says."""

    server: PostServer

    def take(self, body: bytes) -> None:
        raise NotImplementedError

    def do_POST(self) -> None:
        self.take(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.status is None:
            self.server.closing.wait()
            return
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


_Server = TypeVar("_Server", bound=PostServer)


@contextlib.contextmanager
def serving(server: _Server) -> Iterator[_Server]:
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


class Listener(PostServer):
    """Keeps the messages that it gets."""

    def __init__(self) -> None:
        super().__init__(_Post)
        self.got: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server_address[1]}/canary-canary-canary"

    def titles(self) -> list[str]:
        return [message["title"] for message in self.got]


class _Post(PostHandler):
    server: Listener

    def take(self, body: bytes) -> None:
        self.server.got.append(json.loads(body))

    def do_GET(self) -> None:
        """Answers a client that followed a redirect and made a GET of its POST."""
        self.server.got.append({"title": "a GET"})
        self.send_response(200)
        self.end_headers()


def listening() -> contextlib.AbstractContextManager[Listener]:
    return serving(Listener())
