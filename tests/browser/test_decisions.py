"""A person approves a release on the dashboard, or cancels it before its flip."""

import pytest

from app.config.release_policy import ReleasePolicy
from deploy.demo.clients import plain_client
from tests.browser.looking import Visitor
from tests.fakes.world import World
from tests.integration.web.conftest import Listening, running
from tests.integration.web.deliveries import headers, release_body

pytestmark = [pytest.mark.redis, pytest.mark.usefixtures("worker")]

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


async def test_rollout_is_canceled_before_its_flip(visitor: Visitor, web: Listening, world: World) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=20)
    await announce(web)
    await running(web, "v1.1.0")
    await visitor.sees("v1.1.0 is going live")
    await visitor.press("Cancel")
    await confirm(visitor, "Cancel v1.1.0")
    await visitor.sees("v1.0.0 is live on blue.")
    await visitor.page.get_by_text("v1.1.0 is going live").wait_for(state="detached")
    assert await outcome(visitor) == "canceled"
