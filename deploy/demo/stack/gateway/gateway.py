"""A stand-in for Discord's gateway: it counts exactly how many bot sessions are open, and for how long none was.

Sessions are lines of JSON over TCP (port 7000): the gateway sends `hello`, the bot `identify`, the gateway `ready`.
Then the bot sends a `heartbeat` every HEARTBEAT_SECONDS, answered with `ack`. A session is open from `ready` to its
end. The gateway closes it after MISSED_HEARTBEATS. It answers a wrong token with `refused` and opens no session.

`GET /sessions` (port 7001) answers `open`, `max` (the most that were open at once), `opened` (the total), `gaps` (the
seconds of each gap without a session), `gap_seconds` (the last gap, or null) and the bots' `versions` in order.
`POST /reset` resets `max` and `gaps`.
"""

import asyncio
import contextlib
import json
import os
import signal
import time

SESSION_PORT = int(os.environ.get("SESSION_PORT", "7000"))
HTTP_PORT = int(os.environ.get("HTTP_PORT", "7001"))
HEARTBEAT_SECONDS = float(os.environ.get("HEARTBEAT_SECONDS", "5"))
MISSED_HEARTBEATS = 3
TOKEN = "sample"


class Sessions:
    """Counts at each open and each close, without sampling."""

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

    def reset(self):
        self.max = self.open
        self.gaps = []
        if self.empty_since is not None:
            self.empty_since = self.clock()

    def report(self):
        return {
            "open": self.open,
            "max": self.max,
            "opened": self.opened,
            "gaps": self.gaps,
            "gap_seconds": self.gaps[-1] if self.gaps else None,
            "versions": self.versions,
        }


class Gateway:
    def __init__(self):
        self.sessions = Sessions()

    async def connected(self, reader, writer):
        with contextlib.suppress(ConnectionError, TimeoutError, ValueError):
            await self.session(reader, writer)
        writer.close()

    async def session(self, reader, writer):
        await say(writer, op="hello", heartbeat_seconds=HEARTBEAT_SECONDS)
        identify = json.loads(await heard(reader))
        if identify.get("token") != TOKEN:
            await say(writer, op="refused", reason="the token is wrong")
            return
        self.sessions.opens(identify.get("version"))
        try:
            await say(writer, op="ready")
            while await heard(reader):
                await say(writer, op="ack")
        finally:
            self.sessions.closes()

    async def http(self, reader, writer):
        """Answers until the client closes: the observers ask twenty times a second."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                status, answer = self.answer(*head.decode("latin-1").split(" ", 2)[:2])
                body = json.dumps(answer).encode()
                head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        writer.close()

    def answer(self, method, path):
        if (method, path) == ("POST", "/reset"):
            self.sessions.reset()
        elif (method, path) != ("GET", "/sessions"):
            return "404 Not Found", {"error": "not found"}
        return "200 OK", self.sessions.report()


async def say(writer, **message):
    writer.write(json.dumps(message).encode() + b"\n")
    await writer.drain()


async def heard(reader):
    """Reads the next line; empty at the end. Raises TimeoutError after MISSED_HEARTBEATS."""
    return await asyncio.wait_for(reader.readline(), MISSED_HEARTBEATS * HEARTBEAT_SECONDS)


async def main():
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    gateway = Gateway()
    servers = [
        await asyncio.start_server(gateway.connected, "0.0.0.0", SESSION_PORT),
        await asyncio.start_server(gateway.http, "0.0.0.0", HTTP_PORT),
    ]
    print(json.dumps({"listening": [s.sockets[0].getsockname()[1] for s in servers]}), flush=True)
    await stopping.wait()


if __name__ == "__main__":
    asyncio.run(main())
