"""The release itself is bad, or the old color dies during its rollout."""

import asyncio
import os
import signal

from deploy.demo.client_access import TIMES
from deploy.demo.repository import Variant
from tests.faults.kill_points import until
from tests.faults.releases import bad as releases
from tests.faults.scenario import GOES_BACK, NEVER_FLIPPED, Scenario, row

BAKE_SECONDS = 8.0
SLOW_STOP_SECONDS = 10
"""Shorter than the grace period, and long enough for a rollback to begin meanwhile."""

GRACE_SECONDS = 4.0
"""Instead of 15: a container that ignores SIGTERM is killed after this time."""

SEEN_SECONDS = 7.0
"""Time for the guard to look at the containers once, so that the old color counts as live."""


@row(15, "the new color: never healthy; flapping; not routed; dies 5 s after the flip; 5xx to clients",
     "A before the flip; then D, rolled back, paused", quiet=False, minutes=1.8)  # fmt: skip
async def bad_color(scenario: Scenario) -> None:
    await fails_in_each_way(scenario)


async def fails_in_each_way(scenario: Scenario) -> None:
    """Publishes a release for each way in which the new color can be bad, and checks that each goes back."""
    report = scenario.watch.load.report
    old = await scenario.live_tag()
    await scenario.publish(Variant.UNHEALTHY)
    await scenario.went_back(old, "the new color was never healthy", **NEVER_FLIPPED)
    await scenario.publish(edit=releases.flapping)
    await scenario.went_back(old, "flapping", **NEVER_FLIPPED)
    scenario.result.expect(
        report.failed == 0, f"{report.failed} requests failed before any flip: {report.failures[:3]}"
    )
    scenario.stage.configure(times={"bake": BAKE_SECONDS})
    try:
        await scenario.publish(edit=releases.healthy_but_not_routed)
        await scenario.went_back(old, "the new color was healthy but not routed", **GOES_BACK)
        await scenario.publish(edit=releases.dies_after_the_flip(5))
        await scenario.went_back(old, "the new color died 5 s after the flip", **GOES_BACK)
        await scenario.publish(edit=releases.wrong_for_clients)
        await scenario.went_back(old, "the new color was healthy and answered 503 to every client", **GOES_BACK)
    finally:
        scenario.stage.configure(times={"bake": 1})


@row(16, "the old color dies during the build", "an alarm; the rollout goes on", quiet=False, minutes=0.4)
async def old_color_dies(scenario: Scenario) -> None:
    await asyncio.sleep(SEEN_SECONDS)
    tag = await scenario.publish(edit=releases.slow_build(15))
    await scenario.reach(tag, "docker_build")
    active = (await scenario.stage.home.get("/status"))["active_color"]
    os.kill(scenario.stage.process_of(f"skills-{active}"), signal.SIGKILL)
    alarms: list[object] = []
    while (await scenario.stage.home.get("/status"))["state"] != "idle":
        alarms += (await scenario.stage.home.get("/status")).get("alarms") or []
    scenario.result.expect(bool(alarms), "no alarm was raised: `alarms` in /status is empty")
    await scenario.went_live(tag, "the old color died during the build")


@row(17, "the new bot: never ready; crash-loops; ignores SIGTERM; the old one is slow to stop",
     "A B; the old bot is back; paused", minutes=2.8)  # fmt: skip
async def bad_bot(scenario: Scenario) -> None:
    old = await scenario.live_tag()
    scenario.stage.configure(times={"stop_grace": GRACE_SECONDS})
    try:
        await _bad_bots(scenario, old)
    finally:
        scenario.stage.configure(times={"stop_grace": TIMES["stop_grace"]})
    await _slow_bot(scenario)


async def _bad_bots(scenario: Scenario, old: str) -> None:
    await scenario.publish(Variant.BOT_FAILS)
    await scenario.went_back(old, "the bot was never ready")
    await scenario.publish(edit=releases.crashing_bot)
    await scenario.went_back(old, "the bot crash-looped")
    await scenario.publish(edit=releases.deaf_bot)
    await scenario.went_back(old, "the bot was never ready and ignored SIGTERM")
    deaf = await scenario.publish(edit=releases.good_but_deaf_bot)
    await scenario.went_live(deaf, "a good bot that ignores SIGTERM")
    await scenario.went_live(await scenario.publish(), "the old bot ignored SIGTERM")


async def _slow_bot(scenario: Scenario) -> None:
    """The rollback begins while the old bot is still shutting down: a start of it would do nothing."""
    slow = await scenario.publish(edit=releases.slow_to_stop(SLOW_STOP_SECONDS))
    await scenario.went_live(slow, f"a good bot that takes {SLOW_STOP_SECONDS} s to stop")
    tag = await scenario.publish()
    reached = await until(scenario.stage, tag, lambda state: bool(state["rollout"]["replaced"]))
    scenario.result.expect(reached, f"{tag} ended before it stopped the old bot")
    answer = await scenario.stage.home.post("/update/rollback")
    scenario.result.expect(answer.is_success, f"rollback: {answer.status_code} {answer.text[:200]}")
    await scenario.went_back(slow, "rolled back while the old bot was shutting down")
    await scenario.went_live(await scenario.publish(), "the next release after that")
