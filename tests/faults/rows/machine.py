"""Faults of the machine: the Docker Engine restarts, the power fails."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

from deploy.demo.docker.dockerd import Dockerd
from tests.faults.breakage.daemon import power_off, restart
from tests.faults.breakage.engine_proxy import EngineProxy, engine_proxy
from tests.faults.kill_points import BEFORE_THE_FLIP
from tests.faults.observers import most_at_once
from tests.faults.releases import bad as releases
from tests.faults.rows.route import agreed
from tests.faults.scenario import Scenario, Skipped, row
from tests.faults.stage import SHORT, Stage

RESTARTED_AT = ("docker_build", "health_skills", "route_switch", "restart_bot", "stop_old_color")
RESTARTED_AT_TOO = ("start_skills", "bake")
"""The quick pass omits these."""

POWERED_OFF_AT = ("docker_build", "health_skills", "route_switch", "restart_bot", "bake")

SLOW_STEP, SLOW_SECONDS = "health_skills", 30.0
"""An engine takes long to stop: the step has to last as long, also on a busy machine."""

PATIENT_HEALTH = 120.0
"""`times/health` of this row: the slow release's seconds count from the start of its process."""

NOT_OWN = "the Docker Engine that answers here is not this run's own"

HANGS_SECONDS = 35.0
"""Longer than the limit of an engine call."""

HANGS_AT = ("restart_bot", "health_skills")
"""The quick pass plays the first, in which two bots could run."""

LOST_AFTER = ("docker_build", "health_routed_api")
TRIES = 3
"""How often a release is published until this process saw the step before the create."""

ROLLOUT = "updater.rollout"
"""The label that names the rollout that created a container."""


@row(
    9,
    "the Docker API hangs longer than its timeout; loses the answer to a create",
    "no duplicate container; E",
    minutes=1.2,
)
async def engine_hangs(scenario: Scenario) -> None:
    with _through_a_proxy(scenario) as proxy:
        for step in HANGS_AT[: 1 if scenario.quick else None]:
            async with _no_duplicate(scenario, f"the Docker API hung for {HANGS_SECONDS:.0f} s in {step}") as tag:
                await scenario.reach(tag, step)
                proxy.hang()
                await asyncio.sleep(HANGS_SECONDS)
                proxy.flow()
        for step in LOST_AFTER:
            scenario.result.expect(
                await _loses_a_create(scenario, proxy, step), f"no answer to a create was lost after {step}"
            )


async def _loses_a_create(scenario: Scenario, proxy: EngineProxy, step: str) -> bool:
    """Publishes a release of which the answer to the first create after `step` is lost. Returns whether it was."""
    lost = proxy.lost
    for _ in range(TRIES):
        async with _no_duplicate(scenario, f"the answer to the first create after {step} was lost") as tag:
            await scenario.reach(tag, step)
            proxy.lose_next_create()
        proxy.lose_none()
        if proxy.lost > lost:
            break
    return proxy.lost == lost + 1


@contextlib.asynccontextmanager
async def _no_duplicate(scenario: Scenario, what: str) -> AsyncIterator[str]:
    """Publishes a release and yields its tag. No rollout may have two containers of a service at any moment."""
    with most_at_once(scenario.stage, ROLLOUT) as most:
        tag = await scenario.publish()
        yield tag
        await agreed(scenario, what)
        await decided(scenario, tag, what)
    twice = sorted({service for (service, rollout), count in most.items() if rollout and count > 1})
    scenario.result.expect(not twice, f"{what}: one rollout had two containers at once of {twice}")


@contextlib.contextmanager
def _through_a_proxy(scenario: Scenario) -> Iterator[EngineProxy]:
    """Connects the worker to the engine through a proxy that can hang."""
    home = scenario.stage.home
    with engine_proxy(home.directory / "engine.sock", home.engine.host) as proxy:
        _lead(scenario, f"unix://{proxy.path}")
        try:
            yield proxy
        finally:
            proxy.flow()
            _lead(scenario, home.engine.host)


def _lead(scenario: Scenario, host: str) -> None:
    scenario.stage.home.env["DOCKER_HOST"] = host
    scenario.stage.terminate()
    scenario.stage.home.start("worker")


@row(8, "dockerd restarted at each step", "B; E", quiet=False, own_engine=True, minutes=3)
async def dockerd_restarted(scenario: Scenario) -> None:
    dockerd = scenario.stage.dockerd
    if dockerd is None:
        raise Skipped(NOT_OWN)
    scenario.stage.configure(times={"health": PATIENT_HEALTH})
    for step in RESTARTED_AT + (() if scenario.quick else RESTARTED_AT_TOO):
        what = f"dockerd was restarted in {step}"
        async with scenario.part(what):
            slow: dict[str, Any] = {"edit": releases.healthy_after(SLOW_SECONDS)} if step == SLOW_STEP else {}
            tag = await scenario.publish(**slow)
            await scenario.reach(tag, step)
            await asyncio.to_thread(restart, dockerd)
            await agreed(scenario, what, before_the_flip=step in BEFORE_THE_FLIP)
            if step in BEFORE_THE_FLIP:
                live = await scenario.live_tag()
                scenario.result.expect(live == tag, f"{what}: {tag} was not started again; {live} is live")
            await decided(scenario, tag, what)
    scenario.stage.configure(times={"health": SHORT["health"]})


@row(26, "the power fails in mid-rollout and returns", "B D E", quiet=False, own_engine=True, minutes=2.5)
async def host_restarted(scenario: Scenario) -> None:
    stage, dockerd = scenario.stage, scenario.stage.dockerd
    if dockerd is None:
        raise Skipped(NOT_OWN)
    for step in POWERED_OFF_AT:
        what = f"the power failed in {step}"
        async with scenario.part(what):
            tag = await scenario.publish()
            await scenario.reach(tag, step)
            await asyncio.to_thread(_power_cut, stage, dockerd)
            await agreed(scenario, what)
            await decided(scenario, tag, what)


def _power_cut(stage: Stage, dockerd: Dockerd) -> None:
    """Ends everything at once, then starts everything in the order of a boot."""
    for name in ("worker", "web"):
        stage.kill(name)
    stage.redis_server.kill()
    power_off(dockerd)
    dockerd.start()
    stage.redis_server.start()
    for name in ("web", "worker"):
        stage.home.start(name)


async def decided(scenario: Scenario, tag: str, what: str) -> None:
    """Invariant C: the release went live, or its entry in the history has a reason."""
    if await scenario.live_tag() == tag:
        return
    entry = await scenario.ended(tag)
    scenario.result.expect(bool(entry["error"]), f"{what}: {tag} is not live, and its entry has no reason: {entry}")
