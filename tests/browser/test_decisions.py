"""A person approves a release on the dashboard, or cancels it before its flip."""

import pytest

from app.config.release_policy import ReleasePolicy
from app.domain.acceptance.withdrawn import moved
from deploy.demo.clients import plain_client
from tests.browser.conftest import HeldClock
from tests.browser.looking import Visitor
from tests.examples import sha_of
from tests.fakes.world import World
from tests.integration.web.conftest import Listening, running
from tests.integration.web.deliveries import headers, release_body
from workers.control.reconcile import Reconciler

pytestmark = [pytest.mark.redis, pytest.mark.usefixtures("worker")]

MOVED = "b" * 40
APPROVAL = pytest.mark.parametrize("policy", [ReleasePolicy(approval=True)], ids=["approval"])


async def announce(web: Listening, tag: str = "v1.1.0") -> None:
    """Announces a release as GitHub does."""
    body = release_body(tag)
    async with plain_client(base_url=web.public, timeout=30) as github:
        answer = await github.post("/webhooks/github", content=body, headers=headers(body))
    assert answer.status_code == 202, answer.text


async def confirm(visitor: Visitor, action: str) -> None:
    await visitor.page.get_by_role("dialog").get_by_role("button", name=action, exact=True).click()


async def outcome(visitor: Visitor, tag: str = "v1.1.0") -> str:
    """The outcome in the row of `tag` on the History view."""
    await visitor.go("History")
    row = visitor.page.get_by_role("row").filter(has_text=tag).first
    return await row.locator(".result").inner_text()


@APPROVAL
async def test_held_release_is_approved_and_begins(visitor: Visitor, web: Listening) -> None:
    await announce(web)
    await visitor.go("Waiting")
    await visitor.sees("is waiting for approval. Traffic stays on the live release.")
    await visitor.press("Approve v1.1.0")
    await confirm(visitor, "Approve v1.1.0")
    await visitor.sees("No release is waiting.")
    await visitor.go("Now")
    await visitor.sees("v1.1.0 is live on green.")
    assert await outcome(visitor) == "went live"


@APPROVAL
async def test_commit_that_the_page_shows_is_the_only_one_approved(
    visitor: Visitor, web: Listening, world: World, worker: Reconciler
) -> None:
    await announce(web)
    await visitor.go("Waiting")
    await visitor.sees(sha_of("v1.1.0")[:12])
    await visitor.press("Approve v1.1.0")
    key = world.state.accepted[0].key
    await world.journal.update(lambda s: moved(s, key, MOVED))
    await confirm(visitor, "Approve v1.1.0")
    await visitor.sees(f"v1.1.0 points to {MOVED[:12]} now, and not to {sha_of('v1.1.0')[:12]}.")
    assert not world.state.accepted[0].approved
    visitor.forgives("409")


async def test_commit_that_the_plan_shows_is_the_only_one_deployed(visitor: Visitor, world: World) -> None:
    await visitor.go("Plan")
    await visitor.page.get_by_label("Tag", exact=True).fill("v1.1.0")
    await visitor.press("Show what would happen")
    await visitor.sees("replaces v1.0.0")
    world.source.tags["v1.1.0"] = MOVED
    await visitor.press("Deploy v1.1.0")
    await confirm(visitor, "Deploy v1.1.0")
    await visitor.sees(f"v1.1.0 points to {MOVED[:12]} now, and not to {sha_of('v1.1.0')[:12]}.")
    assert (world.state.accepted, world.state.rollout) == ((), None)
    visitor.forgives("409")


@APPROVAL
async def test_approval_can_be_thought_over(visitor: Visitor, web: Listening, world: World) -> None:
    await announce(web)
    await visitor.go("Waiting")
    await visitor.press("Approve v1.1.0")
    await confirm(visitor, "Keep as it is")
    await visitor.page.get_by_role("dialog").wait_for(state="hidden")
    assert await visitor.page.get_by_role("button", name="Approve v1.1.0").is_visible()
    assert world.state.current is not None
    assert world.state.current.tag == "v1.0.0"


@APPROVAL
async def test_held_release_is_canceled(visitor: Visitor, web: Listening) -> None:
    await announce(web)
    await visitor.go("Waiting")
    await visitor.press("Cancel v1.1.0")
    await confirm(visitor, "Cancel v1.1.0")
    await visitor.sees("No release is waiting.")
    assert await outcome(visitor) == "canceled"


async def test_rollout_is_canceled_before_its_flip(visitor: Visitor, web: Listening, clock: HeldClock) -> None:
    clock.hold("health_skills")
    await announce(web)
    await running(web, "v1.1.0")
    await visitor.sees("v1.1.0 is going live")
    await visitor.press("Cancel")
    await confirm(visitor, "Cancel v1.1.0")
    await visitor.sees("v1.0.0 is live on blue.")
    await visitor.page.get_by_text("v1.1.0 is going live").wait_for(state="detached")
    assert await outcome(visitor) == "canceled"
