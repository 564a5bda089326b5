"""The dashboard's sessions: a logout ends them, failed logins are limited and logged."""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from app.auth.callers import make_login, make_token
from app.auth.failures import BY_ADDRESS, OVERALL
from app.auth.scope import Scope
from app.config.settings import WebSettings
from app.ledger import Ledger
from app.queue import open_pool
from app.web.calls.streams import CHECK_SECONDS
from app.web.internal.caller import COOKIE
from deploy.demo.clients import plain_client
from tests.integration.redis.redis_servers import OwnRedis
from tests.integration.waiting import until
from tests.integration.web.conftest import Listening, environ, listening
from tests.integration.web.server.process import web_process

pytestmark = pytest.mark.redis

GUARD = {"X-Updater-Request": "dashboard"}
LOOPBACK = (ip_network("127.0.0.1"),)


@pytest.fixture
async def behind_proxy(settings: WebSettings, web: Listening) -> AsyncIterator[Listening]:
    """A web process that trusts the test's own address as a reverse proxy."""
    async with listening(settings.model_copy(update={"trusted_proxies": LOOPBACK}), web.pool) as both:
        yield both


def browser(url: str, **headers: str) -> httpx.AsyncClient:
    return plain_client(base_url=url, headers=GUARD | headers, timeout=30)


async def log_in(client: httpx.AsyncClient, secret: str) -> str:
    """Logs in; returns the cookie."""
    answer = await client.post("/login", json={"secret": secret})
    assert answer.status_code == 200, answer.text
    return cookie_in(answer)


def cookie_in(answer: httpx.Response) -> str:
    return answer.cookies[f"{COOKIE}_{answer.url.port}"]


async def log_in_wrongly(client: httpx.AsyncClient, address: str = "") -> httpx.Response:
    return await client.post("/login", json={"secret": "wrong"}, headers={"X-Forwarded-For": address})


def copied(cookie: str) -> dict[str, str]:
    """The cookie as another program sends it that has a copy."""
    return {"Cookie": f"{COOKIE}={cookie}"}


async def test_logout_ends_the_session_for_every_copy(web: Listening) -> None:
    async with browser(web.internal) as client, browser(web.internal) as thief, browser(web.internal) as other:
        cookie, _ = await log_in(client, web.secret), await log_in(other, web.secret)
        assert (await thief.get("/status", headers=copied(cookie))).status_code == 200
        assert (await client.post("/logout")).status_code == 200
        assert (await thief.get("/status", headers=copied(cookie))).status_code == 401
        assert (await thief.post("/update/pause", json={"reason": "x"}, headers=copied(cookie))).status_code == 401
        assert (await other.get("/status")).status_code == 200, "another session stays open"


async def test_logout_with_the_secret_ends_the_cookies_session(web: Listening) -> None:
    """A proxy may add the secret to every call of the browser."""
    async with browser(web.internal) as client, browser(web.internal) as thief:
        cookie = await log_in(client, web.secret)
        assert (await client.post("/logout", headers={"X-Updater-Secret": web.secret})).status_code == 200
        assert (await thief.get("/status", headers=copied(cookie))).status_code == 401


async def test_ended_session_stays_ended_in_a_new_process(redis_url: str, namespace: str, tmp_path: Path) -> None:
    cookies = []
    with web_process(redis_url, namespace, tmp_path) as process:
        secret = (tmp_path / "secret").read_text().strip()
        for _ in range(2):
            async with browser(process.internal) as client:
                cookies.append(await log_in(client, secret))
        async with browser(process.internal) as client:
            assert (await client.post("/logout", headers=copied(cookies[0]))).status_code == 200
    with web_process(redis_url, namespace, tmp_path) as process:
        async with browser(process.internal) as client:
            seen = [(await client.get("/status", headers=copied(cookie))).status_code for cookie in cookies]
    assert seen == [401, 200]


async def test_logout_ends_open_streams(web: Listening) -> None:
    async with browser(web.internal) as client, browser(web.internal) as thief, web.client() as operator:
        cookie = await log_in(client, web.secret)
        streams = ("/update/events", "/update/rollouts/r-1/log?follow=1")
        async with (
            operator.stream("GET", streams[0]) as stays,
            thief.stream("GET", streams[0], headers=copied(cookie)) as events,
            thief.stream("GET", streams[1], headers=copied(cookie)) as log,
        ):
            lines = stays.aiter_lines()
            assert (await anext(lines)).startswith("retry")
            assert (await client.post("/logout")).status_code == 200
            async with asyncio.timeout(12 * CHECK_SECONDS):
                await asyncio.gather(events.aread(), log.aread())
            await web.ledger.publish_event("paused", {"reason": "x"})
            async with asyncio.timeout(60):
                while not (await anext(lines)).startswith("data:"):
                    pass


async def test_secret_and_token_need_no_redis_to_be_checked(own_server: OwnRedis, tmp_path: Path) -> None:
    pool = open_pool(own_server.url, "x")
    settings = WebSettings.from_environ(environ(own_server.url, "x", tmp_path))
    async with listening(settings, pool) as web, browser(web.internal) as client, web.client() as operator:
        await log_in(client, web.secret)
        await asyncio.to_thread(own_server.stop)
        for call in (client.get("/doctor"), client.post("/logout")):
            refused = await call
            assert (refused.status_code, refused.json()["code"]) == (503, "ledger_unavailable")
        assert client.cookies, "the browser can try the logout again"
        assert (await operator.get("/doctor")).status_code == 200
        await asyncio.to_thread(own_server.start)
        await until(lambda: _works(client))
        assert (await client.post("/logout")).status_code == 200
        assert (await client.get("/status")).status_code == 401
    await pool.aclose()


async def _works(client: httpx.AsyncClient) -> bool:
    return (await client.get("/status")).status_code == 200


async def test_lost_redis_data_ends_sessions(own_server: OwnRedis, tmp_path: Path) -> None:
    pool = open_pool(own_server.url, "x")
    settings = WebSettings.from_environ(environ(own_server.url, "x", tmp_path))
    async with listening(settings, pool) as web, browser(web.internal) as client:
        await log_in(client, web.secret)
        await pool.flushall()
        assert (await client.get("/status")).status_code == 401
    await pool.aclose()


async def test_failed_logins_are_logged_and_then_blocked(web: Listening) -> None:
    async with browser(web.internal) as client:
        with capture_logs() as lines:
            answers = [await log_in_wrongly(client) for _ in range(BY_ADDRESS.many + 5)]
        blocked = await client.post("/login", json={"secret": web.secret})
    assert [answer.status_code for answer in answers] == [401] * BY_ADDRESS.many + [429] * 5
    assert (blocked.status_code, blocked.json()["code"]) == (429, "too_many_failures")
    assert 0 < int(blocked.headers["retry-after"]) <= BY_ADDRESS.seconds
    failed = [line for line in lines if line["event"] == "login failed: wrong secret"]
    assert [(line["address"], line["blocked_for_seconds"] > 0) for line in failed] == [
        *[("127.0.0.1", False)] * (BY_ADDRESS.many - 1),
        ("127.0.0.1", True),
    ]
    async with web.client() as operator:
        assert (await operator.get("/status")).status_code == 200, "the secret's header is not blocked"


async def test_failed_logins_are_limited_by_client_and_overall(behind_proxy: Listening) -> None:
    async with browser(behind_proxy.internal) as client:
        for _ in range(BY_ADDRESS.many + 1):
            last = await log_in_wrongly(client, "203.0.113.1")
        assert last.status_code == 429
        assert (await log_in_wrongly(client, "203.0.113.1, 203.0.113.2")).status_code == 401, "another client"
        seen = [(await log_in_wrongly(client, f"198.51.100.{n}")).status_code for n in range(OVERALL.many)]
        assert seen[: OVERALL.many - BY_ADDRESS.many - 1] == [401] * (OVERALL.many - BY_ADDRESS.many - 1)
        assert seen[-1] == 429


async def test_client_cannot_choose_its_address(web: Listening) -> None:
    """Without UPDATER_TRUSTED_PROXIES, X-Forwarded-For changes nothing."""
    async with browser(web.internal) as client:
        seen = [(await log_in_wrongly(client, f"198.51.100.{n}")).status_code for n in range(BY_ADDRESS.many + 1)]
    assert seen[-1] == 429


async def test_wrong_proofs_are_logged_within_a_limit(web: Listening) -> None:
    wrong = ({"X-Updater-Secret": "x"}, {"Authorization": "Bearer x.y.z"})
    async with plain_client(base_url=web.internal, timeout=30) as client:
        with capture_logs() as lines:
            for _ in range(BY_ADDRESS.many):
                for headers in wrong:
                    assert (await client.get("/status", headers=headers)).status_code == 401
            assert (await client.get("/status")).status_code == 401
    logged = [line for line in lines if line["event"] == "wrong secret or token"]
    assert len(logged) == BY_ADDRESS.many
    assert {(line["kind"], line["address"]) for line in logged} == {
        ("shared secret", "127.0.0.1"),
        ("token", "127.0.0.1"),
    }
    async with web.client() as operator:
        assert (await operator.get("/status")).status_code == 200


async def test_cookie_is_secure_behind_tls(behind_proxy: Listening, web: Listening) -> None:
    """If a trusted proxy says so: a browser would not send a secure cookie to a listener without TLS."""
    for place, proto, secure in (
        (behind_proxy, "https", True),
        (behind_proxy, "http", False),
        (web, "https", False),
    ):
        async with browser(place.internal, **{"X-Forwarded-Proto": proto}) as client:
            began = await client.post("/login", json={"secret": place.secret})
            ended = await client.post("/logout", headers=copied(cookie_in(began)))
        for answer in (began, ended):
            assert ("; Secure" in answer.headers["set-cookie"]) is secure
            assert "HttpOnly" in answer.headers["set-cookie"]


async def test_updaters_on_one_host_keep_their_sessions(settings: WebSettings, web: Listening, tmp_path: Path) -> None:
    """A browser sends a host's cookies to all of its ports."""
    (tmp_path / "other").write_text("the-secret-of-another-stack")
    other = settings.model_copy(update={"secret_path": tmp_path / "other", "namespace": f"{settings.namespace}.other"})
    async with listening(other, web.pool) as another, browser("http://unused") as client:
        for place in (web, another):
            assert (await client.post(f"{place.internal}/login", json={"secret": place.secret})).status_code == 200
        for place in (web, another):
            assert (await client.get(f"{place.internal}/status")).status_code == 200
        assert (await client.post(f"{web.internal}/logout")).status_code == 200
        assert (await client.get(f"{web.internal}/status")).status_code == 401
        assert (await client.get(f"{another.internal}/status")).status_code == 200


async def test_login_and_logout_are_logged(web: Listening) -> None:
    async with browser(web.internal) as client:
        with capture_logs() as lines:
            cookie = await log_in(client, web.secret)
            await client.post("/logout")
    assert [(line["event"].partition(":")[0], line["address"]) for line in lines] == [
        ("login", "127.0.0.1"),
        ("logout", "127.0.0.1"),
    ]
    assert cookie not in str(lines)
    assert web.secret not in str(lines)


def a_link(web: Listening, scope: Scope = Scope.OPERATE, name: str = "", seconds: float = 60) -> dict[str, str]:
    return {"link": make_login(web.secret_path, scope, seconds, name)}


async def test_login_link_works_once(web: Listening) -> None:
    link = a_link(web, name="anna")
    async with browser(web.internal) as client, browser(web.internal) as thief:
        assert (await client.post("/login", json=link)).status_code == 200
        with capture_logs() as lines:
            assert (await thief.post("/login", json=link)).status_code == 401
        assert [line["event"] for line in lines if line["log_level"] == "warning"] == ["login failed: used link"]
        assert (await client.get("/session")).json()["name"] == "anna"
        await client.post("/update/pause", json={"reason": "x"})
    requested = [e["data"]["by"] for _, e in await web.ledger.events_after("0-0", block=0.0)]
    assert requested == ["session anna from 127.0.0.1"]


async def test_login_link_stays_valid_if_its_session_cannot_be_recorded(own_server: OwnRedis, tmp_path: Path) -> None:
    pool = open_pool(own_server.url, "x")
    settings = WebSettings.from_environ(environ(own_server.url, "x", tmp_path))
    async with listening(settings, pool) as web, browser(web.internal) as client, browser(web.internal) as thief:
        link = a_link(web, name="anna")
        await pool.execute_command("ACL", "SETUSER", "default", "resetkeys", "~x:login:*")  # type: ignore[no-untyped-call]
        refused = await client.post("/login", json=link)
        assert (refused.status_code, refused.json()["code"]) == (503, "ledger_unavailable")
        await pool.execute_command("ACL", "SETUSER", "default", "allkeys")  # type: ignore[no-untyped-call]
        assert (await client.post("/login", json=link)).status_code == 200
        assert (await client.get("/session")).json()["name"] == "anna"
        assert (await thief.post("/login", json=link)).status_code == 401
    await pool.aclose()


async def test_repeated_use_for_the_same_session_is_no_second_one(ledger: Ledger) -> None:
    """The client repeats a call whose answer it did not get."""
    for session, valid in (("s-1", True), ("s-1", True), ("s-2", False)):
        assert await ledger.use_login("l-1", 60, session, 600, "anna") is valid
    assert await ledger.session_owner("s-1") == "anna"
    assert await ledger.session_owner("s-2") is None


async def test_login_of_another_kind_or_time_is_refused(web: Listening) -> None:
    async with browser(web.internal) as client:
        short = a_link(web, seconds=0.001)
        bearer = {"link": make_token(web.secret_path, Scope.OPERATE, 60)}
        for body in (short, bearer, {"link": "x"}):
            assert (await client.post("/login", json=body)).status_code == 401
        for both in ({}, {"secret": web.secret, **a_link(web)}):
            assert (await client.post("/login", json=both)).status_code == 400
        answer = await client.get("/status", headers={"Authorization": f"Bearer {a_link(web)['link']}"})
        assert answer.status_code == 401, "a login link is no token"


async def test_session_of_a_read_only_link_changes_nothing(web: Listening) -> None:
    async with browser(web.internal) as client:
        await client.post("/login", json=a_link(web, Scope.READ))
        assert (await client.get("/status")).status_code == 200
        answer = await client.post("/update/pause", json={"reason": "x"})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        shown = (await client.get("/session")).json()
        assert (shown["kind"], shown["scope"]) == ("session", "read")
        assert 0 < shown["expires_in"] <= 12 * 3600
        await client.post("/logout")
        assert (await client.get("/session")).json()["kind"] == ""


async def test_failed_logins_are_counted(web: Listening) -> None:
    async with browser(web.internal) as client, web.client() as operator:
        for _ in range(3):
            await log_in_wrongly(client)
        assert "updater_failed_logins_total 3.0" in (await operator.get("/metrics")).text
