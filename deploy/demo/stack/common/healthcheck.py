"""The container's own health check: exit 0 when the URL in the first argument answers 2xx.

It uses a bare socket, because each check starts a new Python and importing an HTTP library would take most of the time.
"""

import os
import socket
import sys

LIMIT = 2.0

address, _, path = sys.argv[1].removeprefix("http://").partition("/")
host, _, port = address.partition(":")
with socket.create_connection((host, int(port)), LIMIT) as asking:
    asked = f"Host: {os.environ.get('ONLY_HOST') or address}\r\nX-Forwarded-Proto: https\r\n"
    asking.sendall(f"GET /{path} HTTP/1.0\r\n{asked}\r\n".encode())
    status = asking.makefile("rb").readline().split()
sys.exit(0 if status[1:2] and status[1].startswith(b"2") else 1)
