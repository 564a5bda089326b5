#!/usr/bin/env python3
"""Stands in for a program that is unavailable on this machine; it answers on its port with its purpose.

It serves `PORT` and ignores its arguments. If the last one is `ready`, it checks itself instead, like cloudflared.
"""

import os
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = int(os.environ["STAND_IN_PORT"])


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"a stand-in for {os.environ['STAND_IN_FOR']}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Logs nothing: health checks come every five seconds."""


if sys.argv[-1] == "ready":
    urllib.request.urlopen(f"http://127.0.0.1:{PORT}/ready", timeout=4).close()
else:
    print(f"this is a stand-in for {os.environ['STAND_IN_FOR']}, on port {PORT}", flush=True)
    ThreadingHTTPServer(("0.0.0.0", PORT), Answer).serve_forever()
