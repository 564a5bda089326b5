"""An HTTP server that answers like a Docker Engine, as far as a test tells it."""

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

Answers = Mapping[str, tuple[int, object]]
"""Status and JSON content by method and end of the path, such as `GET /images/json`. Everything else is 404.

Listed containers that have `Labels` (`key=value` texts) are filtered by them, as the engine does.
"""


class HttpEngine(ThreadingHTTPServer):
    """`asked`: the method and path of each request; `queries`: those that it has. `connections`: how many are open."""

    daemon_threads = True

    def __init__(self, answers: Answers) -> None:
        super().__init__(("127.0.0.1", 0), _Api)
        self.answers = answers
        self.asked: list[str] = []
        self.queries: list[str] = []
        self.connections = 0
        self.counted = threading.Condition()

    def wait_until_closed(self, seconds: float) -> bool:
        """Waits in real time until no connection is open. Returns whether that is so after `seconds`."""
        with self.counted:
            return self.counted.wait_for(lambda: self.connections == 0, seconds)

    @property
    def host(self) -> str:
        return f"tcp://127.0.0.1:{self.server_address[1]}"


class _Api(BaseHTTPRequestHandler):
    server: HttpEngine
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        with self.server.counted:
            self.server.connections += 1

    def finish(self) -> None:
        super().finish()
        with self.server.counted:
            self.server.connections -= 1
            self.server.counted.notify_all()

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        asked = f"{self.command} {path}"
        self.server.queries += [query] if query else []
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.asked.append(asked)
        status, content = self._answer(asked)
        if isinstance(content, list):
            content = [each for each in content if _has_all(each, query)]
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_DELETE = do_POST = do_GET

    def _answer(self, asked: str) -> tuple[int, object]:
        for ending, answer in self.server.answers.items():
            method, end = ending.split()
            if asked.startswith(f"{method} ") and asked.endswith(end):
                return answer
        return 404, {"message": "no such object"}

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


def _has_all(listed: object, query: str) -> bool:
    """Whether the listed object has all labels that the query asks for; one whose labels are not given has."""
    if not isinstance(listed, dict) or "Labels" not in listed:
        return True
    filters = json.loads(parse_qs(query).get("filters", ["{}"])[0])
    return set(filters.get("label", ())) <= set(listed["Labels"])


@contextlib.contextmanager
def http_engine(answers: Answers) -> Iterator[HttpEngine]:
    with HttpEngine(answers) as engine:
        serving = threading.Thread(target=engine.serve_forever, args=(0.02,))
        serving.start()
        try:
            yield engine
        finally:
            engine.shutdown()
            serving.join()
