"""Stands in for the old updater: it holds the name, the socket and the files, says that it is idle, and does nothing.

It runs as root, as the old one did, and listens on port 9090: `GET /health`, and `GET /status` with the secret.
"""

import json
import os
import signal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/health":
            self.reply(200, {"status": "ok"})
        elif self.headers.get("X-Updater-Secret") != Path(os.environ["UPDATER_SECRET_PATH"]).read_text().strip():
            self.reply(401, {"error": "Unauthorized"})
        else:
            self.reply(200, {"state": "idle", "current_operation": None})

    def reply(self, status: int, answer: dict[str, object]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Its health checks are no news."""


def leave(*_: object) -> None:
    raise SystemExit


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, leave)  # the first process of a container ignores what it has no handler for
    print("this is a stand-in for the old updater; it never changes anything", flush=True)
    ThreadingHTTPServer(("0.0.0.0", 9090), Answer).serve_forever()
