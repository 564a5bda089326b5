"""Approvals on the command line."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.config.release_policy import ReleasePolicy
from app.domain.stack import Window
from tests.examples import a_release, sha_of
from tests.fakes.clock import FakeClock
from tests.integration.cli.conftest import CHECKS, TIMES
from tests.integration.cli.front import Front, front
from tests.integration.cli.test_asking import document
from tests.integration.waiting import until

pytestmark = pytest.mark.redis

SHOWN = f"v1.1.0 ({sha_of('v1.1.0')[:12]})"
WAITS = f"{SHOWN} is waiting for approval."


@pytest.fixture
async def home(tmp_path: Path, redis_url: str, namespace: str) -> AsyncIterator[Front]:
    """An updater on which v1.1.0 waits for its approval."""
    async with front(
        tmp_path, redis_url, namespace, policy=ReleasePolicy(approval=True), times=TIMES, checks=CHECKS
    ) as home:
        await home.accept(a_release("v1.1.0"))
        yield home


async def test_a_release_waits_until_it_is_approved(home: Front) -> None:
    assert WAITS in (await home.run("status")).out
    approved = await home.run("approve", "v1.1.0")
    assert (approved.code, approved.err) == (0, "")
    assert approved.out.startswith(f"{SHOWN} is approved. It starts at once")
    await until(lambda: home.is_live("v1.1.0"))


async def test_approve_refusal_names_the_waiting_tag(home: Front) -> None:
    refused = await home.run("approve", "v9.9.9")
    assert (refused.code, refused.out) == (1, "")
    assert "v9.9.9. Waiting now: v1.1.0" in refused.err
    assert (await home.run("approve", "--", "-x")).code == 2


async def test_approved_release_waits_for_its_window(tmp_path: Path, redis_url: str, namespace: str) -> None:
    opens = FakeClock().now() + timedelta(hours=12)
    policy = ReleasePolicy(approval=True, windows=(Window(f"{opens.minute} {opens.hour} * * *", 3600),))
    async with front(tmp_path, redis_url, namespace, policy=policy) as home:
        await home.accept(a_release("v1.1.0"))
        approved = await home.run("approve", "v1.1.0", "--json")
        assert document(approved.out)["held_for"]["reason"] == "window"
        assert f"which opens at {opens:%Y-%m-%d %H:%M} UTC" in (await home.run("status")).out
        again = await home.run("approve", "v1.1.0", "--json")
        assert (again.code, document(again.out)["code"]) == (1, "approval_not_needed")
        assert (home.world.state.last_good_tag, home.world.effects) == ("v1.0.0", [])
