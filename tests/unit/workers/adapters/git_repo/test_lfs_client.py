"""Who gets the credential, whatever the addresses are; the server's side is tested in tests/integration."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from app.domain.errors import GitFailed
from workers.adapters.git_repo.credentials import ServerCredential
from workers.adapters.git_repo.lfs.batch import Download
from workers.adapters.git_repo.lfs.client import LfsClient
from workers.adapters.git_repo.lfs.large_file import LargeFile

FILE = LargeFile("a.bin", "0" * 64, 1, "https://git.example/shop.git/info/lfs")
FOUND = {"objects": [{"oid": FILE.oid, "actions": {"download": {"href": "https://storage.example/a"}}}]}


class Sent:
    """Answers each request, and keeps it."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(json.dumps(FOUND).encode()))


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
async def http(sent: Sent) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(sent)) as client:
        yield client


@pytest.mark.parametrize(
    ("server", "given"),
    [
        ("git.example", True),
        ("git.example:8443", False),
        ("example", False),
        ("storage.example", False),
    ],
)
async def test_only_the_repositorys_server_gets_the_credential(
    http: httpx.AsyncClient, sent: Sent, server: str, given: bool
) -> None:
    (download,) = await LfsClient(http, ServerCredential(server, "Basic abc")).locate([FILE])
    (request,) = sent.requests
    assert request.headers.get("Authorization") == ("Basic abc" if given else None)
    assert str(request.url) == f"{FILE.server}/objects/batch"
    assert download == Download(FILE, "https://storage.example/a", {})
    assert "storage.example" not in repr(download), "an address may be signed"


@pytest.mark.parametrize(
    "href", ["http://localhost:1/a", "http://127.0.0.9/a", "http://[::1]/a", "https://any.example/a"]
)
async def test_addresses_that_are_read(http: httpx.AsyncClient, sent: Sent, href: str) -> None:
    await LfsClient(http, None).read(Download(FILE, href, {}), _ignored)
    assert [str(request.url) for request in sent.requests] == [href]


@pytest.mark.parametrize(
    "href", ["http://any.example/a", "http://localhost.example/a", "http://10.0.0.1/a", "/a", "ftp://a/b"]
)
async def test_addresses_that_others_could_read(http: httpx.AsyncClient, sent: Sent, href: str) -> None:
    with pytest.raises(GitFailed, match="an address without TLS"):
        await LfsClient(http, None).read(Download(FILE, href, {}), _ignored)
    assert sent.requests == []


async def _ignored(_: bytes) -> None:
    """Takes a piece."""
