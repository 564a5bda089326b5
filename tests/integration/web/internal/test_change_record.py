"""Who asked for a change is in the log, in the events and in the history."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from app.auth.callers import make_token
from app.auth.scope import Scope
from app.web.internal.change_record import EVENT
from tests.fakes.world import World
from tests.integration.waiting import until
from tests.integration.web.conftest import Listening
from workers.control.reconcile import Reconciler

pytestmark = pytest.mark.redis

WAIT = {"Prefer": "wait=90"}
ADDRESS = "127.0.0.1"
BY_SECRET, BY_TOKEN, BY_SESSION = (f"{kind} from {ADDRESS}" for kind in ("shared secret", "token nightly", "session"))


@pytest.fixture
async def nightly(web: Listening) -> AsyncIterator[httpx.AsyncClient]:
    """A script with a named token."""
    token = make_token(web.secret_path, Scope.OPERATE, 600, "nightly")
    async with web.client(Authorization=f"Bearer {token}") as client:
        yield client


@pytest.fixture
async def dashboard(web: Listening) -> AsyncIterator[httpx.AsyncClient]:
    async with web.client(**{"X-Updater-Request": "dashboard"}) as client:
        assert (await client.post("/login", json={"secret": web.secret})).status_code == 200
        yield client


async def events(web: Listening, kind: str) -> list[dict[str, Any]]:
    """The data of the ledger's events of that kind, oldest first."""
    return [event["data"] for _, event in await web.ledger.events_after("0-0", block=0) if event["type"] == kind]


async def test_every_changing_call_records_its_caller(
    web: Listening, nightly: httpx.AsyncClient, worker: Reconciler
) -> None:
    paths = (await nightly.get("/openapi.json")).json()["paths"]
    changing = {path for path in paths if "post" in paths[path] and "operate" in str(paths[path]["post"]["security"])}
    bodies: dict[str, dict[str, Any]] = {
        "/update/pause": {"reason": "the password is hunter2"},
        "/update/apply": {"tag": "v1.1.0", "version": "a version", "force": True},
        "/update/rollback": {"previous_sha": "a" * 40},
        "/update/approve": {"tag": "v1.1.0"},
        "/update/cancel": {"rollout_id": "r-none"},
        "/update/unpause": {},
        "/notify/test": {},
    }
    assert changing == bodies.keys()
    with capture_logs() as lines:
        for path, body in bodies.items():
            await nightly.post(path, json=body)
    shown = {"tag", "previous_sha", "rollout_id", "force"}
    expected = [
        {"call": path, "by": BY_TOKEN, **{name: value for name, value in body.items() if name in shown}}
        for path, body in bodies.items()
    ]
    assert await events(web, EVENT) == expected
    requested = [line for line in lines if line["event"] == "change requested"]
    assert [{name: line[name] for name in line if name not in {"event", "log_level"}} for line in requested] == expected
    assert "hunter2" not in str(lines)


async def test_refused_change_is_logged_with_its_code(nightly: httpx.AsyncClient, worker: Reconciler) -> None:
    with capture_logs() as lines:
        await nightly.post("/update/cancel", json={"rollout_id": "r-none"})
    (line,) = (line for line in lines if line["event"] == "change refused")
    assert (line["by"], line["status"], line["code"]) == (BY_TOKEN, 404, "unknown_rollout")


async def test_reading_and_refused_callers_record_no_change(web: Listening, nightly: httpx.AsyncClient) -> None:
    read = {"Authorization": f"Bearer {make_token(web.secret_path, Scope.READ, 60, 'reader')}"}
    with capture_logs() as lines:
        assert (await nightly.get("/status")).status_code == 200
        assert (await nightly.post("/update/apply", json={"tag": "--latest"})).status_code == 400
        async with web.client(**read) as reader:
            assert (await reader.post("/update/pause", json={"reason": "x"})).status_code == 403
        async with web.client(X_Nothing="x") as stranger:
            assert (await stranger.post("/update/pause", json={"reason": "x"})).status_code == 401
    assert await events(web, EVENT) == []
    assert not [line for line in lines if line["event"] == "change requested"]


async def test_history_shows_who_asked(
    web: Listening, nightly: httpx.AsyncClient, dashboard: httpx.AsyncClient, worker: Reconciler, world: World
) -> None:
    """For an apply with a token, a rollback from the dashboard, and an apply with the secret."""
    applied = (await nightly.post("/update/apply", json={"tag": "v1.1.0"}, headers=WAIT)).json()
    rolled_back = (await dashboard.post("/update/rollback", headers=WAIT)).json()
    async with web.client() as skills:
        await skills.post("/update/pause", json={"reason": "a test"})
        queued = (await skills.post("/update/apply", json={"tag": "v1.2.0", "force": True})).json()
        await until(lambda: _has_ended(skills, queued["rollout_id"]))
        entries = (await skills.get("/update/history")).json()["entries"]
        record = (await skills.get(f"/update/rollouts/{rolled_back['rollout_id']}")).json()
    by = {entry["rollout_id"]: (entry["by"], entry["trigger"]) for entry in entries}
    assert by == {
        applied["rollout_id"]: (BY_TOKEN, "manual"),
        rolled_back["rollout_id"]: (BY_SESSION, "manual"),
        queued["rollout_id"]: (BY_SECRET, "manual"),
    }
    assert record["by"] == BY_SESSION
    assert [event["by"] for event in await events(web, "release.accepted")] == [BY_TOKEN, BY_SECRET]


async def _has_ended(client: httpx.AsyncClient, rollout_id: str) -> bool:
    entries = (await client.get("/update/history")).json()["entries"]
    return any(entry["rollout_id"] == rollout_id for entry in entries)
