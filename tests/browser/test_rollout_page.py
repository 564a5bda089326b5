"""The page of one rollout, as its record has it."""

import pytest

from app.api.rollout import RecordedStep
from tests.browser.looking import Visitor
from tests.browser.scenes import Scene
from tests.browser.shop import a_record, ago
from tests.integration.web.conftest import Listening

pytestmark = pytest.mark.redis


@pytest.fixture
async def scene(web: Listening) -> Scene:
    """v2.13.4 is live, and 13 releases were decided."""
    scene = Scene(web.ledger, web.pool)
    await scene.idle()
    return scene


@pytest.mark.usefixtures("scene")
async def test_incomplete_traffic_counts_as_none(visitor: Visitor, web: Listening) -> None:
    """One service's counts lack the errors: the sum has those of the others, and is a number."""
    counted = {"web": {"requests": 1_200, "errors": 7}, "api": {"requests": 34}}
    bake = RecordedStep(name="bake", started_at=ago(90), seconds=60.0, evidence={"traffic": counted})
    record = a_record("success", begun=100, completed_at=ago(20), steps=(bake,))
    await web.ledger.publish_record(record.as_json())
    await visitor.open(f"/rollouts/{record.rollout_id}")
    failed = visitor.page.locator(".figures").get_by_title("Of clients to the new color").locator("dd")
    assert await failed.inner_text() == "7 of 1,234"
