"""The load's client sends each request once, and reuses only connections that are still open."""

import asyncio
import shutil
import ssl
import subprocess
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from deploy.demo import http1
from deploy.demo.http1 import BadAnswer, Connection, HttpClient, Target, request, status_and_length

LIMIT = 120.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LAST = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlast"


@asynccontextmanager
async def serving(
    answer: Callable[[StreamWriter], None], tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server's URL, and the head of each request with the number of its connection in front."""
    heads: list[bytes] = []
    connections = 0

    async def connected(reader: StreamReader, writer: StreamWriter) -> None:
        nonlocal connections
        connections, number = connections + 1, connections
        with suppress(EOFError), closing(writer):
            while not writer.is_closing():
                heads.append(b"%d %b" % (number, await reader.readuntil(b"\r\n\r\n")))
                answer(writer)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}", heads


def self_signed(directory: Path) -> tuple[Path, Path]:
    """A certificate for another name than a test asks for, and its key."""
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=other.example"]
    made = subprocess.run(
        [*words, "-keyout", key, "-out", certificate], check=False, capture_output=True, text=True, timeout=LIMIT
    )
    assert made.returncode == 0, made.stderr
    return certificate, key


def numbers(heads: list[bytes]) -> list[int]:
    return [int(head.split(b" ")[0]) for head in heads]


def test_request_is_encoded_exactly() -> None:
    assert request("POST", "/hook", {"X-A": "1"}, b"{}") == (
        b"POST /hook HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: 1\r\nContent-Length: 2\r\n\r\n{}"
    )


def test_answer_head_yields_status_and_length() -> None:
    assert status_and_length(b"HTTP/1.1 202 \r\nA: b\r\nCONTENT-length: 17\r\n\r\n") == (202, 17)


@pytest.mark.parametrize("head", [b"\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 OK\r\nContent-Length: 1\r\n\r\n"])
def test_incomplete_answer_head_is_refused(head: bytes) -> None:
    with pytest.raises(BadAnswer):
        status_and_length(head)


async def test_request_names_the_servers_host() -> None:
    async with serving(lambda writer: writer.write(OK)) as (url, heads):
        client = HttpClient(url, LIMIT)
        assert await client.send("GET", "/version") == (200, b"ok")
        await client.close()
    assert heads == [f"0 GET /version HTTP/1.1\r\nHost: {url[7:]}\r\nContent-Length: 0\r\n\r\n".encode()]


async def test_target_has_its_own_host_and_headers() -> None:
    async with serving(lambda writer: writer.write(OK)) as (url, heads):
        client = HttpClient(Target(url, "shop.example.org", {"Cookie": "a=b"}), LIMIT)
        await client.send("GET", "/version")
        await client.close()
    sent = "0 GET /version HTTP/1.1\r\nHost: shop.example.org\r\nCookie: a=b\r\nContent-Length: 0\r\n\r\n"
    assert heads == [sent.encode()]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="not available here: openssl")
async def test_client_asks_by_tls_for_the_targets_host(tmp_path: Path) -> None:
    """Whatever the certificate: Traefik's default one is for another name."""
    certificate, asked = self_signed(tmp_path), []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    context.sni_callback = lambda _, name, __: asked.append(name)
    async with serving(lambda writer: writer.write(OK), context) as (url, _):
        client = HttpClient(Target(url, "shop.example.org"), LIMIT)
        assert await client.send("GET", "/version") == (200, b"ok")
        await client.close()
    assert (url[:6], asked) == ("https:", ["shop.example.org"])


async def test_client_reuses_its_connection() -> None:
    async with serving(lambda writer: writer.write(OK)) as (url, heads):
        client = HttpClient(url, LIMIT)
        for _ in range(3):
            await client.send("GET", "/")
        await client.close()
    assert numbers(heads) == [0, 0, 0]


async def test_requests_at_once_use_several_connections() -> None:
    async with serving(lambda writer: writer.write(OK)) as (url, heads):
        client = HttpClient(url, LIMIT)
        await asyncio.gather(client.send("GET", "/"), client.send("GET", "/"))
        await client.close()
    assert sorted(numbers(heads)) == [0, 1]


async def test_announced_end_is_respected() -> None:
    async with serving(lambda writer: writer.write(LAST)) as (url, heads):
        client = HttpClient(url, LIMIT)
        assert [await client.send("GET", "/") for _ in range(2)] == [(200, b"last"), (200, b"last")]
        await client.close()
    assert numbers(heads) == [0, 1]


async def test_closed_connection_is_not_reused() -> None:
    """The server closes each connection after its answer without announcing it."""

    def answer(writer: StreamWriter) -> None:
        writer.write(OK)
        writer.close()

    async with serving(answer) as (url, heads):
        connection = Connection(*await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2])))
        assert await connection.ask(request("GET", "/", {})) == (200, b"ok")
        assert await connection.reader.read() == b"", "the end of the connection has arrived"
        assert not connection.reusable
        connection.writer.close()
    assert numbers(heads) == [0]


async def test_idle_connection_is_not_reused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "IDLE_SECONDS", 0.0)
    async with serving(lambda writer: writer.write(OK)) as (url, heads):
        client = HttpClient(url, LIMIT)
        await client.send("GET", "/")
        await client.send("GET", "/")
        await client.close()
    assert numbers(heads) == [0, 1]


async def test_lost_answer_is_not_asked_for_again() -> None:
    async with serving(lambda writer: writer.close()) as (url, heads):
        client = HttpClient(url, LIMIT)
        with pytest.raises(EOFError):
            await client.send("GET", "/")
        await client.close()
    assert numbers(heads) == [0]


async def test_silent_server_exceeds_the_limit() -> None:
    async with serving(lambda _: None) as (url, heads):
        client = HttpClient(url, 0.2)
        with pytest.raises(TimeoutError):
            await client.send("GET", "/")
        await client.close()
    assert numbers(heads) == [0]
