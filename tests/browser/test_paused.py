"""The banner while rollouts are paused."""

import pytest

from app.api.status import RolloutProgress
from tests.browser.looking import Visitor
from tests.browser.scenes import Scene
from tests.browser.shop import a_page
from tests.integration.web.conftest import Listening

pytestmark = pytest.mark.redis


async def test_banner_says_why_unpause_is_disabled(visitor: Visitor, web: Listening) -> None:
    rollout = await Scene(web.ledger, web.pool).baking()
    running = RolloutProgress(id=rollout, tag="v2.14.0", status="running", step="bake")
    page = a_page(paused=True, pause_reason="A migration by hand.", rollout=running)
    await web.ledger.publish_status(page.as_json())
    await visitor.open()
    unpause = visitor.page.get_by_role("button", name="Unpause", exact=True)
    await unpause.wait_for()
    assert await unpause.is_disabled()
    assert await unpause.get_attribute("aria-describedby") == "unpause-why"
    reason = await visitor.page.locator("#unpause-why").inner_text()
    assert reason == "A rollout of v2.14.0 is running. You can unpause when it has ended."
    banner = visitor.page.get_by_label("Paused", exact=True)
    assert "Traffic stays on" not in await banner.inner_text()  # the release that is watched has it
    assert await visitor.violations() == []
