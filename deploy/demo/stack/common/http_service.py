"""A small HTTP/1.1 and websocket server on asyncio streams, which the sample services share.

With ONLY_HOST in its environment it is as strict as web frameworks are in production: another host gets 400, and plain
HTTP is redirected to HTTPS.

It stops gracefully: on SIGTERM it accepts no new connection, answers the requests that it has begun, closes websockets
with a close frame (1001, going away) and exits 0. Idle connections stay open for IDLE_SECONDS.
"""

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import signal
import struct
from pathlib import Path
from urllib.parse import parse_qsl

IDLE_SECONDS = 5.0
LONGEST_SECONDS = 60.0
LARGEST_BODY = 1024 * 1024
WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
GOING_AWAY = 1001
REASONS = {
    200: "OK",
    301: "Moved Permanently",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    413: "Content Too Large",
    503: "Service Unavailable",
}


class Service:
    """One service: its name, its port (0: any free one), and its health path.

    Its first line of output is a JSON object with the port in `listening`.
    """

    def __init__(self, name, port, health_path, healthy=lambda: True):
        self.name = name
        self.port = int(os.environ.get("PORT", port))
        self.health_path = health_path
        self.healthy = healthy
        self.version = Path(os.environ.get("VERSION_FILE", "/srv/VERSION")).read_text().strip()
        self.color = os.environ.get("COLOR", "none")
        self.only_host = os.environ.get("ONLY_HOST", "")
        self.stopping = asyncio.Event()
        self.connections = set()

    def about(self, **more):
        return {"service": self.name, "version": self.version, "color": self.color, **more}

    async def run(self):
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        server = await asyncio.start_server(self.connected, "0.0.0.0", self.port)
        print(json.dumps(self.about(listening=server.sockets[0].getsockname()[1])), flush=True)
        await self.stopping.wait()
        server.close()
        if self.connections:
            await asyncio.wait(self.connections)
        print(json.dumps(self.about(stopped=True)), flush=True)

    async def connected(self, reader, writer):
        task = asyncio.current_task()
        self.connections.add(task)
        try:
            await self.serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError, ValueError):
            pass
        finally:
            self.connections.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def serve(self, reader, writer):
        while True:
            head = await self.next_head(reader)
            if head is None:
                return
            method, path, headers = parse_head(head)
            if refused := self.refused(path, headers):
                writer.write(refused)
                await writer.drain()
                return
            if headers.get("upgrade", "").lower() == "websocket":
                await self.websocket(reader, writer, headers)
                return
            length = int(headers.get("content-length", 0))
            if length > LARGEST_BODY:
                writer.write(response(413, self.about(error="the body is too large"), last=True))
                await writer.drain()
                return
            status, answer = await self.answer(method, path, await reader.readexactly(length))
            last = self.stopping.is_set() or headers.get("connection", "").lower() == "close"
            writer.write(response(status, answer, last))
            await writer.drain()
            if last:
                return

    def refused(self, path, headers):
        """The answer to a request for another host, or by plain HTTP; None if the request is accepted."""
        if not self.only_host:
            return None
        if headers.get("host") != self.only_host:
            return response(400, self.about(error="this host is not served here"), last=True)
        if headers.get("x-forwarded-proto") not in ("https", "wss"):
            location = f"https://{self.only_host}{path}"
            return response(301, self.about(error=f"moved to {location}"), True, f"Location: {location}\r\n")
        return None

    async def next_head(self, reader):
        """Reads the next request's head. Returns None if the client is done or idle too long, or the service stops."""
        reading = asyncio.ensure_future(reader.readuntil(b"\r\n\r\n"))
        stopping = asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait({reading, stopping}, timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                return None
            return reading.result()
        except asyncio.IncompleteReadError:
            return None
        finally:
            for task in (reading, stopping):
                task.cancel()
            await asyncio.gather(reading, stopping, return_exceptions=True)

    async def answer(self, method, path, body):
        path, _, query = path.partition("?")
        if path == self.health_path:
            return (200, self.about(status="ok")) if self.healthy() else (503, self.about(status="unhealthy"))
        if path == "/health":
            return 401, self.about(error="this is not the health path of this service")
        if path == "/slow":
            try:
                seconds = min(float(dict(parse_qsl(query)).get("seconds", 10)), LONGEST_SECONDS)
            except ValueError:
                return 400, self.about(error="seconds is not a number")
            await asyncio.sleep(seconds)
            return 200, self.about(slept=seconds)
        if path == "/echo" and method == "POST":
            return 200, self.about(echo=body.decode("utf-8", "replace"))
        return (200, self.about()) if path in ("/", "/version") else (404, self.about(error="not found"))

    async def websocket(self, reader, writer, headers):
        """Echoes text frames until either side closes."""
        digest = hashlib.sha1((headers["sec-websocket-key"] + WEBSOCKET_GUID).encode()).digest()  # noqa: S324
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
        )
        stopping = asyncio.ensure_future(self.stopping.wait())
        try:
            while True:
                frame = asyncio.ensure_future(read_frame(reader))
                await asyncio.wait({frame, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if not frame.done():
                    frame.cancel()
                    await asyncio.wait({frame})
                    writer.write(make_frame(CLOSE, struct.pack(">H", GOING_AWAY)))
                    await writer.drain()
                    await self.closed(reader)
                    return
                opcode, payload = frame.result()
                if opcode == CLOSE:
                    writer.write(make_frame(CLOSE, payload))
                    await writer.drain()
                    return
                if opcode == PING:
                    writer.write(make_frame(PONG, payload))
                elif opcode == TEXT:
                    text = json.dumps(self.about(echo=payload.decode()))
                    writer.write(make_frame(TEXT, text.encode()))
                await writer.drain()
        finally:
            stopping.cancel()

    async def closed(self, reader):
        """Waits at most a second for the client's close frame, or the end of the connection."""

        async def until_close():
            while (await read_frame(reader))[0] != CLOSE:
                pass

        with contextlib.suppress(asyncio.TimeoutError, asyncio.IncompleteReadError):
            await asyncio.wait_for(until_close(), 1.0)


def parse_head(head):
    lines = head.decode("latin-1").split("\r\n")
    method, path, _ = lines[0].split(" ", 2)
    headers = dict(line.split(":", 1) for line in lines[1:] if ":" in line)
    return method, path, {name.strip().lower(): value.strip() for name, value in headers.items()}


def response(status, answer, last, more=""):
    body = json.dumps(answer).encode()
    head = (
        f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: application/json\r\n{more}"
        f"Content-Length: {len(body)}\r\nConnection: {'close' if last else 'keep-alive'}\r\n\r\n"
    )
    return head.encode() + body


def make_frame(opcode, payload):
    length = len(payload)
    head = bytes([0x80 | opcode, length]) if length < 126 else bytes([0x80 | opcode, 126]) + struct.pack(">H", length)
    return head + payload


async def read_frame(reader):
    """Reads one unfragmented client frame. Returns its opcode and its unmasked payload."""
    first, second = await reader.readexactly(2)
    length = second & 0x7F
    if length == 126:
        (length,) = struct.unpack(">H", await reader.readexactly(2))
    elif length == 127:
        raise ValueError("a frame of more than 64 KiB")
    mask = await reader.readexactly(4) if second & 0x80 else bytes(4)
    payload = await reader.readexactly(length)
    return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
