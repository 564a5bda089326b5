"""Redis over TLS: the server has to prove the name in REDIS_URL. A TLS proxy stands before the real server."""

import asyncio
import contextlib
import shutil
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.domain.errors import LedgerUnavailable
from app.ledger import Ledger
from app.queue import open_pool
from tests.integration.git.private_git import certificate

pytestmark = [
    pytest.mark.redis,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="not available here: openssl"),
]

OTHER_NAME = "redis.example.org"


async def relay(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while part := await source.read(65_536):
            target.write(part)
            await target.drain()
    target.close()


@contextlib.asynccontextmanager
async def tls_before(redis_url: str, made: Path) -> AsyncIterator[str]:
    """The URL of a TLS proxy with the certificate `made` before the server at `redis_url`; it trusts `made`."""
    port = urlsplit(redis_url).port

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_redis, to_redis = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(relay(reader, to_redis), relay(from_redis, writer))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made)
    server = await asyncio.start_server(connect, "127.0.0.1", 0, ssl=context)
    try:
        yield f"rediss://localhost:{server.sockets[0].getsockname()[1]}/0?ssl_ca_certs={made}"
    finally:
        server.close()


async def ping(url: str, namespace: str) -> None:
    pool = open_pool(url, namespace)
    try:
        await Ledger(pool, namespace).ping()
    finally:
        await pool.aclose()


async def test_right_name_is_accepted(redis_url: str, namespace: str, tmp_path: Path) -> None:
    async with tls_before(redis_url, certificate(tmp_path)) as url:
        await ping(url, namespace)


async def test_another_name_is_refused(redis_url: str, namespace: str, tmp_path: Path) -> None:
    async with tls_before(redis_url, certificate(tmp_path, OTHER_NAME)) as url:
        with pytest.raises(LedgerUnavailable, match="Hostname mismatch"):
            await ping(url, namespace)


@pytest.mark.parametrize("option", ["ssl_check_hostname=false", "ssl_cert_reqs=none"])
async def test_check_can_be_turned_off_in_the_url(redis_url: str, namespace: str, tmp_path: Path, option: str) -> None:
    async with tls_before(redis_url, certificate(tmp_path, OTHER_NAME)) as url:
        await ping(f"{url}&{option}", namespace)


async def test_unknown_certificate_is_refused(redis_url: str, namespace: str, tmp_path: Path) -> None:
    async with tls_before(redis_url, certificate(tmp_path)) as url:
        with pytest.raises(LedgerUnavailable, match="self-signed"):
            await ping(url.partition("?")[0], namespace)
