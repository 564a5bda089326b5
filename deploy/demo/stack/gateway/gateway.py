"""A stand-in for Discord's gateway: it knows, exactly, how many bot sessions are open and for how long none was.

Sessions: lines of JSON over TCP (port 7000). `GET /sessions` (port 7001) answers `open`, `max` (the most that were
open at once), `opened` (all there ever were), `gaps` (seconds in which none was open, one number each) and
`versions` of the bots in order.
"""

import asyncio
import contextlib
import json
import os
import time

SESSION_PORT = int(os.environ.get("SESSION_PORT", "7000"))
HTTP_PORT = int(os.environ.get("HTTP_PORT", "7001"))
TOKEN = "sample"


class Sessions:
    """Counted at each open and each close, not sampled."""

    def __init__(self, clock=time.monotonic):
        self.clock = clock
        self.open = self.max = self.opened = 0
        self.gaps = []
        self.versions = []
        self.empty_since = None

    def opens(self, version):
        self.open += 1
        self.opened += 1
        self.max = max(self.max, self.open)
        self.versions.append(version)
        if self.empty_since is not None:
            self.gaps.append(round(self.clock() - self.empty_since, 3))
            self.empty_since = None

    def closes(self):
        self.open -= 1
        if self.open == 0:
            self.empty_since = self.clock()

    def report(self):
        return {
            "open": self.open,
            "max": self.max,
            "opened": self.opened,
            "gaps": self.gaps,
            "versions": self.versions,
        }


class Gateway:
    def __init__(self):
        self.sessions = Sessions()

    async def session(self, reader, writer):
        try:
            hello = json.loads(await reader.readline())
            if hello.get("token") != TOKEN:
                writer.write(b'{"op": "refused", "reason": "the token is wrong"}\n')
                await writer.drain()
                return
            self.sessions.opens(hello.get("version"))
            try:
                writer.write(b'{"op": "ready"}\n')
                await writer.drain()
                while await reader.readline():
                    pass
            finally:
                self.sessions.closes()
        except (ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    async def http(self, reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            body = json.dumps(self.sessions.report()).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
            await writer.drain()
        writer.close()


async def main():
    gateway = Gateway()
    await asyncio.start_server(gateway.session, "0.0.0.0", SESSION_PORT)
    server = await asyncio.start_server(gateway.http, "0.0.0.0", HTTP_PORT)
    print(json.dumps({"listening": [SESSION_PORT, HTTP_PORT]}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
