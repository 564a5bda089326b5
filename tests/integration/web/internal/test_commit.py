"""A caller names the commit that a tag has to point to."""

from typing import Any

import httpx
import pytest

from tests.examples import sha_of
from tests.fakes.world import World
from tests.integration.web.conftest import Listening, running, settled
from workers.control.reconcile import Reconciler

pytestmark = [pytest.mark.redis]

NEW, OTHER = sha_of("v1.1.0"), "b" * 40
WAIT = {"Prefer": "wait=90"}


async def apply(client: httpx.AsyncClient, commit: str, **more: Any) -> httpx.Response:
    return await client.post("/update/apply", json={"tag": "v1.1.0", "commit": commit, **more}, headers=WAIT)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("digits", [7, 40])
async def test_named_commit_goes_live(client: httpx.AsyncClient, worker: Reconciler, digits: int) -> None:
    answer = await apply(client, NEW[:digits].upper())
    assert (answer.status_code, answer.json()["new_sha"]) == (200, NEW)
    again = await apply(client, NEW)
    assert (again.json()["status"], again.json()["steps_completed"]) == ("success", [])


@pytest.mark.parametrize("force", [False, True])
async def test_moved_tag_starts_nothing(
    client: httpx.AsyncClient, worker: Reconciler, world: World, force: bool
) -> None:
    world.source.tags["v1.1.0"] = OTHER
    answer = await apply(client, NEW, force=force)
    assert refusal(answer) == (409, "tag_moved")
    assert f"v1.1.0 points to {OTHER[:12]} now, and not to {NEW[:12]}" in answer.json()["error"]
    assert (world.effects, world.state.accepted) == ([], ())


async def test_tag_that_is_live_at_another_commit_is_refused(
    web: Listening, client: httpx.AsyncClient, worker: Reconciler
) -> None:
    await apply(client, NEW)
    await settled(web, "v1.1.0")
    answer = await apply(client, OTHER)
    assert refusal(answer) == (409, "tag_moved")
    assert f"v1.1.0 is live at commit {NEW[:12]}, and not at {OTHER[:12]}" in answer.json()["error"]


async def test_rollout_of_another_commit_does_not_count_as_the_answer(
    web: Listening, client: httpx.AsyncClient, worker: Reconciler, world: World
) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=3)
    await client.post("/update/apply", json={"tag": "v1.1.0"})
    await running(web, "v1.1.0")
    answer = await apply(client, OTHER)
    assert answer.status_code == 409
    assert answer.json()["code"] in {"tag_moved", "rollout_running"}


@pytest.mark.parametrize("commit", ["abc", "not hex", "a" * 65])
async def test_text_that_is_no_commit_is_a_400(client: httpx.AsyncClient, commit: str) -> None:
    assert refusal(await apply(client, commit)) == (400, "bad_request")
