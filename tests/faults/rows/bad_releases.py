"""The release itself is bad, or what it replaces dies meanwhile."""

import asyncio
import os
import signal

from deploy.demo.house import TIMES
from deploy.demo.repository import Variant
from tests.faults import releases
from tests.faults.trial import GOES_BACK, NEVER_FLIPPED, Trial, row

BAKE_SECONDS = 8.0
GRACE_SECONDS = 4.0
"""Instead of 15: what does not end when it is asked to is killed after as long."""

SEEN_SECONDS = 7.0
"""In which the guard has looked at the containers once: one that was live for a while."""


@row(15, "the new color: never healthy; flapping; not routed; dies 5 s after the flip; 5xx to clients",
     "A before the flip; then D, rolled back, paused", quiet=False, minutes=1.8)  # fmt: skip
async def bad_color(trial: Trial) -> None:
    report = trial.watch.load.report
    old = await trial.live_tag()
    await trial.publish(Variant.UNHEALTHY)
    await trial.went_back(old, "never healthy", **NEVER_FLIPPED)
    await trial.publish(edit=releases.flapping)
    await trial.went_back(old, "flapping", **NEVER_FLIPPED)
    trial.result.expect(report.failed == 0, f"{report.failed} requests failed before any flip: {report.failures[:3]}")
    trial.stage.configure(times={"bake": BAKE_SECONDS})
    try:
        await trial.publish(edit=releases.healthy_but_not_routed)
        await trial.went_back(old, "healthy but not routed", **GOES_BACK)
        await trial.publish(edit=releases.dies_after_the_flip(5))
        await trial.went_back(old, "died 5 s after the flip", **GOES_BACK)
        await trial.publish(edit=releases.wrong_for_clients)
        await trial.went_back(old, "healthy, and 503 to every client", **GOES_BACK)
    finally:
        trial.stage.configure(times={"bake": 1})


@row(16, "the old color dies during the build", "an alarm; the rollout goes on", quiet=False, minutes=0.4)
async def old_color_dies(trial: Trial) -> None:
    await asyncio.sleep(SEEN_SECONDS)
    tag = await trial.publish(edit=releases.slow_build(5))
    await trial.reach(tag, "docker_build")
    active = (await trial.stage.home.get("/status"))["active_color"]
    os.kill(trial.stage.process_of(f"skills-{active}"), signal.SIGKILL)
    alarms: list[object] = []
    while (await trial.stage.home.get("/status"))["state"] != "idle":
        alarms += (await trial.stage.home.get("/status")).get("alarms") or []
    trial.result.expect(bool(alarms), "no alarm was raised (`alarms` in /status)")
    await trial.went_live(tag, "the old color died during the build")


@row(17, "the new bot: never ready; crash-loops; ignores SIGTERM", "A B; the old bot is back; paused", minutes=1.8)
async def bad_bot(trial: Trial) -> None:
    old = await trial.live_tag()
    trial.stage.configure(times={"stop_grace": GRACE_SECONDS})
    try:
        await _bad_bots(trial, old)
    finally:
        trial.stage.configure(times={"stop_grace": TIMES["stop_grace"]})


async def _bad_bots(trial: Trial, old: str) -> None:
    await trial.publish(Variant.BOT_FAILS)
    await trial.went_back(old, "the bot was never ready")
    await trial.publish(edit=releases.crashing_bot)
    await trial.went_back(old, "the bot crash-looped")
    await trial.publish(edit=releases.deaf_bot)
    await trial.went_back(old, "the bot was never ready and ignored SIGTERM")
    deaf = await trial.publish(edit=releases.good_but_deaf_bot)
    await trial.went_live(deaf, "a good bot that will ignore SIGTERM")
    await trial.went_live(await trial.publish(), "the old bot ignored SIGTERM")
