"""Stands in for the old updater: it has the same name, socket and files, reports that it is idle, and does nothing.

Like the old one it runs as root and listens on port 9090: `GET /health`, and `GET /status` with the secret.
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
        """Logs nothing: health checks are frequent."""


def leave(*_: object) -> None:
    raise SystemExit


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, leave)  # PID 1 ignores signals without a handler
    print("this is a stand-in for the old updater; it never changes anything", flush=True)
    ThreadingHTTPServer(("0.0.0.0", 9090), Answer).serve_forever()
