"""The public listener's answers; raw bytes send what a normal client cannot."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from app.config.settings import WebSettings
from app.queue import open_pool
from app.web.body import BODY_SECONDS
from app.web.webhook.headers import FORM
from app.web.webhook.receiver import RECORD_SECONDS
from deploy.demo.clients import plain_client
from tests.examples import a_live
from tests.integration.redis.redis_servers import OwnRedis
from tests.integration.waiting import until
from tests.integration.web.conftest import OLD_WEBHOOK_SECRET, Listening, environ, listening
from tests.integration.web.deliveries import form, head, headers, raw, release_body, signature

pytestmark = pytest.mark.redis

BODY = release_body()
PATH = "/webhooks/github"
ANOTHER = "another repository: octo/other, and `repository` in the stack file is octo/shop"
UNMATCHED = "the tag does not match `tags` of the stack file (v*)."
CHARACTERS = "The updater accepts only letters, digits and `. _ + - @ /` in a tag"
BY_DATE = 'If it is a release of this stack, write `tags: {pattern: "*", order: published}` in the stack file'
PAUSE = 0.5
"""Seconds between the parts of a slow body, which as a whole takes minutes."""

GITHUB_SECONDS = 10.0
"""Within this time a webhook has to be answered."""

DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.fixture
async def github(web: Listening) -> AsyncIterator[httpx.AsyncClient]:
    async with plain_client(base_url=web.public, timeout=30) as client:
        yield client


async def post(github: httpx.AsyncClient, body: bytes, **change: str) -> httpx.Response:
    return await github.post(PATH, content=body, headers=headers(body, **change))


def fields(body: bytes = BODY, *extra: tuple[str, str], without: str = "") -> list[tuple[str, str]]:
    common = {**headers(body), "Content-Length": str(len(body))}
    return [*((n, v) for n, v in common.items() if n.lower() != without.lower()), *extra]


async def test_release_is_recorded_before_the_answer(web: Listening, github: httpx.AsyncClient) -> None:
    answer = await post(github, BODY)
    assert answer.status_code == 202
    content = answer.json()
    assert (content["status"], content["release"]) == ("accepted", {"key": "1:2", "tag": "v1.1.0"})
    assert [r.rollout_id for r in await web.ledger.pending()] == [content["rollout_id"]]


@pytest.mark.parametrize("kind", [FORM, f"{FORM}; charset=utf-8", FORM.upper()])
async def test_form_is_the_same_release(web: Listening, github: httpx.AsyncClient, kind: str) -> None:
    """GitHub's default content type. The signature covers the form as it is sent."""
    body = form(release_body(release_id=7, text="ä & payload=%7B%7D + ?"))
    answer = await post(github, body, **{"Content-Type": kind})
    assert (answer.status_code, answer.json()["release"]) == (202, {"key": "1:7", "tag": "v1.1.0"})
    again = await post(github, release_body(release_id=7))
    assert (again.status_code, again.json()["status"]) == (200, "duplicate")


async def test_ping_as_a_form_is_answered(github: httpx.AsyncClient) -> None:
    answer = await post(github, form(b'{"zen": "x"}'), **{"Content-Type": FORM, "X-GitHub-Event": "ping"})
    assert answer.json() == {"status": "pong"}


async def test_signature_of_the_decoded_form_is_refused(github: httpx.AsyncClient) -> None:
    change = {"Content-Type": FORM, "X-Hub-Signature-256": signature(BODY)}
    assert (await post(github, form(BODY), **change)).status_code == 401


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (BODY, FORM),
        (form(BODY), "application/json"),
        (b"more=1&" + form(BODY), FORM),
        (form(BODY) + b"&" + form(BODY), FORM),
        (b"payload=", FORM),
        (b"payload=%7B", FORM),
        (b"payload=%ff", FORM),
        (release_body(note="&payload=" + form(BODY).decode().removeprefix("payload=") + "&"), FORM),
    ],
)
async def test_other_form_is_a_400(web: Listening, github: httpx.AsyncClient, body: bytes, kind: str) -> None:
    """The content type is not signed: a text in the signed JSON is never taken for the payload."""
    assert (await post(github, body, **{"Content-Type": kind})).status_code == 400
    assert await web.ledger.pending() == []


async def test_repeated_release_is_a_duplicate(github: httpx.AsyncClient) -> None:
    first = (await post(github, BODY)).json()
    for body in (BODY, release_body(action="released")):
        answer = await post(github, body)
        assert (answer.status_code, answer.json()) == (200, {**first, "status": "duplicate"})


async def test_configured_older_secret_is_accepted(github: httpx.AsyncClient) -> None:
    assert (await post(github, BODY, secret=OLD_WEBHOOK_SECRET)).status_code == 202
    assert (await post(github, BODY, secret="another")).status_code == 401


async def test_ping_needs_a_valid_signature(github: httpx.AsyncClient) -> None:
    assert (await post(github, b"{}", event="ping")).json() == {"status": "pong"}
    assert (await post(github, b"{}", event="ping", secret="another")).status_code == 401


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (release_body(action="edited"), "the action is not published or released"),
        (release_body(repository={"id": 1, "full_name": "octo/other"}), ANOTHER),
        (
            release_body(tag="latest"),
            f"{UNMATCHED} {BY_DATE}",
        ),
        (release_body(tag="--upload-pack=x"), f"{UNMATCHED} {CHARACTERS}"),
        (release_body(tag="x\u0000;rm -rf"), f"{UNMATCHED} {CHARACTERS}"),
        (release_body(tag="v0.9.0"), "not newer than the live release"),
        (release_body(tag="v1.0.0"), "not newer than the live release"),
    ],
)
async def test_unwanted_release_is_ignored_with_reason(
    web: Listening, github: httpx.AsyncClient, body: bytes, reason: str
) -> None:
    await web.ledger.publish_status({"current": {"tag": a_live().tag}})
    answer = await post(github, body)
    assert (answer.status_code, answer.json()) == (200, {"status": "ignored", "reason": reason})
    assert await web.ledger.pending() == []


async def test_release_is_judged_by_the_newest_status(web: Listening, github: httpx.AsyncClient) -> None:
    """The receiver remembers a status, and Redis says whether it is still the published one."""
    decisions = []
    for live, tag, id_ in (("v1.0.0", "v1.1.0", 11), ("v1.5.0", "v1.2.0", 12), ("v1.0.0", "v1.3.0", 13)):
        await web.ledger.publish_status({"current": {"tag": live}})
        answer = await post(github, release_body(tag=tag, release_id=id_))
        decisions.append(answer.json()["status"])
    assert decisions == ["accepted", "ignored", "accepted"]
    assert [release.tag for release in await web.ledger.pending()] == ["v1.1.0", "v1.3.0"]


async def test_ignored_release_is_in_the_status(web: Listening, github: httpx.AsyncClient) -> None:
    for tag in ("2024.01.05", "2024.02.01"):
        await post(github, release_body(tag=tag))
    async with web.client() as client:
        shown = (await client.get("/status")).json()["ignored"]
    assert [(each["tag"], each["cause"], each["repository"]) for each in shown] == [
        ("2024.02.01", "tag", "octo/shop"),
        ("2024.01.05", "tag", "octo/shop"),
    ]
    assert 'write `tags: {pattern: "*", order: numbers}` in the stack file' in shown[0]["reason"]
    assert shown[0]["delivery"]
    events = [event for _, event in await web.ledger.events_after("0-0", block=0)]
    assert [(event["type"], event["data"]["tag"]) for event in events] == [("release.ignored", "2024.01.05")]


async def test_another_event_is_ignored(github: httpx.AsyncClient) -> None:
    assert (await post(github, BODY, event="push")).json()["status"] == "ignored"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"payload=%7B%7D",
        b"\xff\xfe\x00",
        BODY.replace(b"octo", b"oct\xff"),
        BODY.replace(b"octo", b"oct\x00"),
        BODY[:-1],
        BODY + b"x",
        DEEP,
        b'{"a":' * 100_000,
        b'{"release":' + DEEP + b"}",
        release_body(release_id=10**400),
        release_body(release_id=-1),
        release_body(release_id=0),
        b'{"action":"published","release":null,"release":[]}',
        b"NaN",
        b'"\\ud800"',
    ],
    ids=lambda body: repr(body[:16]),
)
async def test_invalid_signed_body_is_a_400(github: httpx.AsyncClient, body: bytes) -> None:
    answer = await post(github, body)
    assert answer.status_code == 400, answer.text
    assert answer.json().keys() == {"error", "code"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Hub-Signature-256", ""),
        ("X-Hub-Signature-256", signature(BODY).replace("sha256=", "sha1=")),
        ("X-Hub-Signature-256", signature(BODY)[:-1]),
        ("X-Hub-Signature-256", signature(BODY)[:-1] + "é"),
        ("X-Hub-Signature-256", signature(BODY, "another")),
        ("X-Hub-Signature-256", f"{signature(BODY)}, {signature(BODY)}"),
        ("X-Hub-Signature", signature(BODY).replace("sha256=", "sha1=")),
    ],
)
async def test_malformed_signature_is_a_401(web: Listening, name: str, value: str) -> None:
    assert await raw(web.public, head(fields(BODY, (name, value), without="X-Hub-Signature-256")), BODY) == 401


@pytest.mark.parametrize("second", [signature(BODY), "sha256=" + "0" * 64])
async def test_a_doubled_signature_is_a_401(web: Listening, second: str) -> None:
    assert await raw(web.public, head(fields(BODY, ("X-Hub-Signature-256", second))), BODY) == 401


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ((("Content-Type", "multipart/form-data; boundary=x"), "Content-Type"), 415),
        ((("Content-Type", "text/plain; application/json"), "Content-Type"), 415),
        ((("X-Nothing", ""), "Content-Type"), 415),
        ((("Content-Encoding", "gzip"), ""), 415),
        ((("Content-Length", str(100 * 1024 * 1024)), "Content-Length"), 413),
        ((("Content-Length", "9" * 15), "Content-Length"), 413),
        ((("Content-Length", "-5"), "Content-Length"), 400),
        ((("Content-Length", "abc"), "Content-Length"), 400),
        ((("Content-Length", "12, 13"), "Content-Length"), 400),
        ((("Transfer-Encoding", "gzip"), "Content-Length"), 501),
    ],
    ids=str,
)
async def test_bad_headers_are_refused_before_the_body(
    web: Listening, change: tuple[tuple[str, str], str], status: int
) -> None:
    extra, without = change
    # No body follows: the answer to a request whose body is waited for is a 408.
    assert await raw(web.public, head(fields(BODY, extra, without=without))) == status


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
async def test_another_method_is_a_405(github: httpx.AsyncClient, method: str) -> None:
    answer = await github.request(method, PATH)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def chunked(body: bytes, size: int = 40) -> list[bytes]:
    parts = [body[n : n + size] for n in range(0, len(body), size)]
    return [*(b"%x\r\n%s\r\n" % (len(p), p) for p in parts), b"0\r\n\r\n"]


CHUNKED = ("Transfer-Encoding", "chunked")


async def test_chunked_signed_body_is_accepted(web: Listening) -> None:
    assert await raw(web.public, head(fields(BODY, CHUNKED, without="Content-Length")), *chunked(BODY)) == 202


async def test_slow_body_times_out_with_408(web: Listening) -> None:
    started = asyncio.get_running_loop().time()
    whole = head(fields(BODY))
    assert await raw(web.public, whole, *(BODY[n : n + 1] for n in range(len(BODY))), pause=PAUSE) == 408
    assert BODY_SECONDS < asyncio.get_running_loop().time() - started < PAUSE * len(BODY) / 2, "before its end"


async def test_slow_chunks_time_out_with_408(web: Listening) -> None:
    whole = head(fields(BODY, CHUNKED, without="Content-Length"))
    assert await raw(web.public, whole, *chunked(BODY, size=1), pause=PAUSE) == 408


async def test_chunks_beyond_the_cap_are_a_413(web: Listening) -> None:
    megabyte = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    whole = head(fields(BODY, CHUNKED, without="Content-Length"))
    assert await raw(web.public, whole, *[megabyte] * 100) in {413, 0}


PATHS = [
    "/", "/health", "/ready", "/status", "/update/status", "/update/apply", "/metrics", "/openapi.json",
    "/webhooks", "/webhooks/", "/webhooks/github/", "//webhooks/github", "/webhooks/../status", "/%2e%2e/status",
    "/webhooks/github/../../status", "http://updater/status",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_other_paths_are_404_despite_any_headers(web: Listening, path: str, method: str) -> None:
    spoofed = [
        ("X-Forwarded-Host", "localhost:9090"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Prefix", "/internal"),
        ("X-Original-URL", "/status"),
        ("Forwarded", "for=127.0.0.1;host=localhost:9090"),
        ("X-Updater-Secret", web.secret),
        ("Content-Length", "0"),
    ]
    assert await raw(web.public, head(spoofed, f"{method} {path} HTTP/1.1")) == 404


async def test_websocket_is_a_404(web: Listening) -> None:
    upgrade = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ]
    assert await raw(web.public, head(upgrade, "GET /update/events HTTP/1.1")) == 404


async def test_client_disconnect_logs_no_error(web: Listening) -> None:
    with capture_logs() as lines:
        address = httpx.URL(web.public)
        _, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(head(fields(BODY)) + BODY[:10])
        await writer.drain()
        writer.close()
        await until(lambda: bool(lines))
    (line,) = lines
    assert (line["status"], line["decision"], line["log_level"]) == (400, "refused", "info")
    assert "disconnected" in line["reason"]


async def test_delivery_logs_one_unforgeable_line(github: httpx.AsyncClient) -> None:
    body = release_body(tag="v1\n{}", action="x\u2028\r\n" + "y" * 500)
    with capture_logs() as lines:
        await post(github, body, event="release", **{"X-GitHub-Delivery": "d\x1b[2J"})
    (line,) = [entry for entry in lines if entry["event"] == "delivery"]
    assert (line["delivery"], line["decision"], line["status"]) == ("d?[2J", "ignored", 200)
    assert (line["tag"], len(line["action"])) == ("v1?{}", 64)
    assert all(character.isprintable() for character in json.dumps(line))
    assert isinstance(line["ms"], float)


@asynccontextmanager
async def stopped(server: OwnRedis) -> AsyncIterator[None]:
    await asyncio.to_thread(server.stop)
    yield
    await asyncio.to_thread(server.start)


@asynccontextmanager
async def suspended(server: OwnRedis) -> AsyncIterator[None]:
    async with Redis.from_url(server.url) as operator:
        await operator.client_pause(60_000, all=False)  # writes only, so that the pause can be ended
        yield
        await operator.client_unpause()


@pytest.mark.parametrize("away", [stopped, suspended])
async def test_unavailable_redis_is_a_503_in_time(
    own_server: OwnRedis, tmp_path: Path, away: Callable[[OwnRedis], AbstractAsyncContextManager[None]]
) -> None:
    pool = open_pool(own_server.url, "x")
    settings = WebSettings.from_environ(environ(own_server.url, "x", tmp_path))
    async with (
        listening(settings, pool) as web,
        plain_client(base_url=web.public, timeout=30) as github,
    ):
        assert (await post(github, BODY)).status_code == 202
        async with away(own_server):
            answer = await post(github, release_body(release_id=3))
        assert (answer.status_code, answer.json()["code"]) == (503, "ledger_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert RECORD_SECONDS < GITHUB_SECONDS
        assert answer.elapsed.total_seconds() < GITHUB_SECONDS
        assert (await post(github, release_body("v1.2.0", release_id=4))).status_code == 202
    await pool.aclose()
