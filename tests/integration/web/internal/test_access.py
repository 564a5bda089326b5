"""Access to the internal listener with each kind of authentication."""

import asyncio
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from app.auth.callers import make_token
from app.auth.scope import Scope
from app.auth.tokens import SESSION, sign_token
from app.web.calls.dashboard import HTML, PAGE
from app.web.internal.caller import COOKIE
from app.web.internal.table import FILES
from deploy.demo.clients import plain_client
from tests.integration.web.conftest import Listening
from tests.integration.web.deliveries import head, raw

pytestmark = pytest.mark.redis

GUARD = {"X-Updater-Request": "dashboard"}
PAUSE = {"reason": "a test"}


@pytest.fixture
async def stranger(web: Listening) -> AsyncIterator[httpx.AsyncClient]:
    async with plain_client(base_url=web.internal, timeout=30) as client:
        yield client


def bearer(web: Listening, scope: Scope, ttl: float = 60) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_token(web.secret_path, scope, ttl)}"}


async def calls(stranger: httpx.AsyncClient) -> list[tuple[str, str, bool]]:
    """The method and path of every call in the OpenAPI document, and whether it needs authentication."""
    paths = (await stranger.get("/openapi.json")).json()["paths"]
    found = [(method.upper(), path, bool(call["security"])) for path in paths for method, call in paths[path].items()]
    return [(method, path.replace("{rollout_id}", "r-1"), guarded) for method, path, guarded in found]


async def test_guarded_calls_require_authentication(stranger: httpx.AsyncClient) -> None:
    opened = set()
    for method, path, guarded in await calls(stranger):
        answer = await stranger.request(method, path, json={} if method == "POST" else None)
        if guarded:
            assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized", "code": "unauthorized"})
        else:
            opened.add(path)
    page = {"/", "/history", "/waiting", "/plan", "/rollouts/r-1", *FILES}
    assert opened == {"/health", "/ready", "/login", "/session", "/openapi.json", *page}


async def test_wrong_secret_fails_despite_a_valid_token(web: Listening, stranger: httpx.AsyncClient) -> None:
    right = bearer(web, Scope.OPERATE)
    assert (await stranger.get("/status", headers=right)).status_code == 200
    for wrong in ("", "x", web.secret[:-1], web.secret + "0"):
        answer = await stranger.get("/status", headers={**right, "X-Updater-Secret": wrong})
        assert answer.status_code == 401


async def test_read_token_cannot_operate(web: Listening, stranger: httpx.AsyncClient) -> None:
    read = bearer(web, Scope.READ)
    assert (await stranger.get("/status", headers=read)).status_code == 200
    for path in ("apply", "rollback", "pause", "unpause", "cancel"):
        answer = await stranger.post(f"/update/{path}", json={}, headers=read)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_operate_token_can_read(web: Listening, stranger: httpx.AsyncClient) -> None:
    operate = bearer(web, Scope.OPERATE)
    assert (await stranger.get("/update/history", headers=operate)).status_code == 200
    assert (await stranger.post("/update/apply", json={}, headers=operate)).status_code == 400


async def test_token_expires_with_its_key_or_time(web: Listening, stranger: httpx.AsyncClient) -> None:
    expired = {"Authorization": f"Bearer {sign_token([web.secret.encode()], Scope.READ, -1)}"}
    assert (await stranger.get("/status", headers=expired)).status_code == 401
    token = bearer(web, Scope.READ)
    web.secret_path.write_text(f"another\n{web.secret}\n")
    assert (await stranger.get("/status", headers=token)).status_code == 200
    web.secret_path.write_text("another\n")
    assert (await stranger.get("/status", headers=token)).status_code == 401


async def test_unreadable_secret_file_is_503_for_all(web: Listening, stranger: httpx.AsyncClient) -> None:
    secret, content = web.secret, web.secret_path.read_text()
    proofs = [{"X-Updater-Secret": secret}, bearer(web, Scope.READ), {"X-Updater-Secret": "wrong"}]
    web.secret_path.unlink()
    for headers in proofs:
        answer = await stranger.get("/status", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (503, "secret_unavailable")
        assert answer.headers["Retry-After"]
    login = await stranger.post("/login", json={"secret": secret}, headers=GUARD)
    assert login.status_code == 503
    web.secret_path.write_text(content)
    statuses = [(await stranger.get("/status", headers=headers)).status_code for headers in proofs]
    assert statuses == [200, 200, 401]


@pytest.mark.parametrize("value", ["", "Bearer", "Basic eDp5", "bearer x.y.z", "Bearer \xff", "Bearer a b"])
async def test_malformed_authorization_is_refused(stranger: httpx.AsyncClient, value: str) -> None:
    headers = [(b"Authorization", value.encode("latin-1"))]
    assert (await stranger.get("/status", headers=headers)).status_code == 401


async def test_non_ascii_secret_is_accepted(web: Listening, stranger: httpx.AsyncClient) -> None:
    web.secret_path.write_text("größe-im-geheimen\n", encoding="utf-8")
    headers = [(b"X-Updater-Secret", "größe-im-geheimen".encode())]
    assert (await stranger.get("/status", headers=headers)).status_code == 200


async def log_in(web: Listening, stranger: httpx.AsyncClient) -> None:
    answer = await stranger.post("/login", json={"secret": web.secret}, headers=GUARD)
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"))
    assert web.secret not in answer.text + cookie


async def test_login_session_can_read_and_operate(web: Listening, stranger: httpx.AsyncClient) -> None:
    await log_in(web, stranger)
    assert (await stranger.get("/status")).status_code == 200
    assert (await stranger.post("/update/apply", json={}, headers=GUARD)).status_code == 400
    assert (await stranger.post("/logout", headers=GUARD)).status_code == 200
    assert (await stranger.get("/status")).status_code == 401


async def test_other_origin_cannot_use_the_session(web: Listening, stranger: httpx.AsyncClient) -> None:
    await log_in(web, stranger)
    for path in ("/update/pause", "/update/unpause", "/update/apply"):
        answer = await stranger.post(path, json=PAUSE, headers={"Origin": "https://evil.example"})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    preflight = await stranger.options(
        "/update/pause",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Headers": "x-updater-request"},
    )
    assert preflight.status_code == 405
    assert not [name for name in preflight.headers if name.startswith("access-control")]


async def test_a_wrong_secret_does_not_log_in(stranger: httpx.AsyncClient) -> None:
    assert (await stranger.post("/login", json={"secret": "x"}, headers=GUARD)).status_code == 401
    assert (await stranger.post("/login", json={"secret": "x"})).status_code == 403
    assert not stranger.cookies


async def test_a_bearer_token_is_no_session(web: Listening, stranger: httpx.AsyncClient) -> None:
    token = make_token(web.secret_path, Scope.OPERATE, 60)
    stranger.cookies.set(COOKIE, token)
    assert (await stranger.get("/status")).status_code == 401
    session = sign_token([web.secret.encode()], Scope.OPERATE, 60, SESSION)
    assert (await stranger.get("/status", headers={"Authorization": f"Bearer {session}"})).status_code == 401


async def test_dashboard_runs_only_its_own_code(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert {"script-src 'self'", "style-src 'self'", "connect-src 'self'"} <= set(policy.split("; "))
    assert (answer.headers["x-frame-options"], answer.headers["x-content-type-options"]) == ("DENY", "nosniff")
    assert "http://" not in answer.text
    assert "https://" not in answer.text
    assert "<style" not in answer.text
    assert not re.search(r"<script[^>]*>[^<]|\son[a-z]+=|\sstyle=", answer.text), "the policy refuses what is inline"


async def test_dashboard_files_are_kept_by_browsers_and_found_by_version(stranger: httpx.AsyncClient) -> None:
    version = re.findall(r"/page/([0-9a-f]{16})/main.js", (await stranger.get("/")).text)[0]
    names = {path.relative_to(PAGE).as_posix() for path in PAGE.rglob("*.*")} - {HTML}
    assert {name.partition("/")[0] for name in names} >= {"base", "parts", "views"}
    for name in names:
        answer = await stranger.get(f"/page/{version}/{name}")
        assert (answer.status_code, answer.headers["x-content-type-options"]) == (200, "nosniff")
        assert "immutable" in answer.headers["cache-control"]
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(", answer.text), name
    for path in (
        f"/page/{version}/page.html",
        f"/page/{version}/nothing.js",
        f"/page/{version}/views/main.js",
        "/page/0000000000000000/main.js",
    ):
        assert (await stranger.get(path)).status_code == 404
    for outside in ("..%2F..%2Fmain.py", "base/..%2F..%2F..%2Fmain.py", "..%2Fcalls/dashboard.py"):
        assert (await stranger.get(f"/page/{version}/{outside}")).status_code == 404


async def test_each_view_of_the_dashboard_has_an_address(stranger: httpx.AsyncClient) -> None:
    page = (await stranger.get("/")).text
    for path in ("/history", "/waiting", "/plan", "/rollouts/r-1"):
        assert (await stranger.get(path)).text == page


async def test_invalid_body_is_a_400(web: Listening) -> None:
    async with web.client() as client:
        for content in (b"", b"[]", b"\xff", b'{"tag": 1}', b'{"tag": "--latest"}', b"[" * 50_000):
            answer = await client.post("/update/apply", content=content, headers={"Content-Type": "application/json"})
            assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
        unknown = await client.post("/update/pause", json={"reason": "a test", "more": 1})
        assert (unknown.status_code, unknown.json()["error"][:5]) == (400, "more:")
        assert (await client.post("/update/apply", content=b"{}")).status_code == 415
        large = await client.post("/update/apply", json={"tag": "v" * 100_000})
        assert large.status_code == 413


async def test_concurrent_strangers_are_all_refused(web: Listening) -> None:
    whole = head([("Content-Length", "2"), ("Content-Type", "application/json")], "POST /update/pause HTTP/1.1")
    answers = await asyncio.gather(*(raw(web.internal, whole, b"{}") for _ in range(50)))
    assert set(answers) == {401}
