"""The page of one rollout, as its record has it."""

import pytest

from app.api.rollout import RecordedStep, Result
from tests.browser.looking import Visitor
from tests.browser.scenes import Scene
from tests.browser.shop import OLD, a_record, ago
from tests.examples import a_history_entry
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


@pytest.mark.usefixtures("scene")
async def test_images_of_an_old_rollout_are_compared(visitor: Visitor, web: Listening) -> None:
    """The entries that the page has read lack the release before: more than 30 were decided since."""
    record = a_record("success", begun=100, completed_at=ago(20))
    await web.ledger.publish_record(a_record("success", begun=9_000, rollout_id=f"r-{OLD}", tag=OLD).as_json())
    await web.ledger.publish_record(record.as_json())
    for number in range(40):
        entry = a_history_entry(f"r-{number}", f"v3.{number}.0", "superseded")
        await web.ledger.record_result(Result(rollout_id=entry.rollout_id, status="superseded").as_json(), entry)
    await visitor.open(f"/rollouts/{record.rollout_id}")
    await visitor.sees("What changed against v2.13.4")
    await visitor.sees("unchanged: web-green, api-green, bot")
