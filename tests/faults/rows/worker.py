"""The worker is killed, stopped, suspended, or runs twice."""

import asyncio
import os
import random
import subprocess
import time

from tests.faults.kill_points import DISCARD, ROLLBACK, Point, pairs, schedule, until, until_point
from tests.faults.observers import converge
from tests.faults.releases.bad import Edit, crashing_bot, never_healthy
from tests.faults.rows import route
from tests.faults.scenario import GOES_BACK, NEVER_FLIPPED, Scenario, row
from tests.faults.stage import Json, freeze_between_writes

UNDISTURBED_SECONDS = 15.0
"""The duration of a rollout; a random kill falls within it."""

STALE_SECONDS = 120.0

TRIES = 3
"""How often a release is published until both kills came in time: its last step is short."""

ENDED_AT = ("docker_build", "health_skills", "route_switch", "bake", "restart_bot", "stop_old_color")
"""The quick pass plays every other step."""


@row(1, "the worker is killed (-9) at each step, and at random moments", "A B C D E; it ends like an undisturbed run",
     counts=True, minutes=1.8)  # fmt: skip
async def killed_at_each_step(scenario: Scenario) -> None:
    for points in schedule(both=scenario.repeat > 1):
        await _killed(scenario, points)
    for _ in range(scenario.repeat - 1):
        await _killed_after(scenario, random.uniform(0, UNDISTURBED_SECONDS))  # noqa: S311 - nothing secret


async def _killed(scenario: Scenario, points: list[Point]) -> None:
    tag = await scenario.publish()
    for point in points:
        if await until_point(scenario.stage, tag, point):
            scenario.stage.restart()
            scenario.result.repeats += 1
    scenario.result.repeats -= 1  # `went_live` counts one
    await scenario.went_live(tag, f"{tag} killed at {', '.join(map(str, points))}")


async def _killed_after(scenario: Scenario, seconds: float) -> None:
    tag = await scenario.publish()
    await asyncio.sleep(seconds)
    step = (scenario.stage.journal().get("rollout") or {}).get("steps", [])
    scenario.stage.restart()
    await scenario.went_live(tag, f"{tag} killed {seconds:.2f} s after it was published ({step[-1:]})")


@row(
    2,
    "the worker is killed (-9) at each step of a rollback, twice in a row; the route file cannot be written",
    "B D E F; the last good release is intact",
    minutes=1.4,
)
async def killed_while_going_back(scenario: Scenario) -> None:
    for edit, steps in ((crashing_bot, ROLLBACK), (never_healthy, DISCARD)):
        for first, second in pairs(steps, both=not scenario.quick):
            await _killed_twice_going_back(scenario, edit, first, second)
    if os.geteuid() == 0:
        await _unwritable_route(scenario)
    else:
        scenario.result.notes.append("without an unwritable route file: only root can mount")


async def _killed_twice_going_back(scenario: Scenario, edit: Edit, first: Point, second: Point) -> None:
    kept = GOES_BACK if edit is crashing_bot else NEVER_FLIPPED
    for _ in range(TRIES):
        old, tag = await scenario.live_tag(), await scenario.publish(edit=edit)
        killed = [await _killed_at(scenario, tag, point) for point in (first, second)]
        await scenario.went_back(old, f"{tag} killed at {first} and {second}", **kept)
        if all(killed):
            return
    scenario.result.expect(False, f"{TRIES} releases ended before they were killed at {first} and {second}")


async def _killed_at(scenario: Scenario, tag: str, point: Point) -> bool:
    """Returns whether the rollout reached `point`, where the worker was killed, before this process saw its end."""
    reached = await until_point(scenario.stage, tag, point)
    if reached:
        scenario.stage.restart()
    return reached


async def _unwritable_route(scenario: Scenario) -> None:
    """The rollback's route cannot be written, and the worker is killed meanwhile: the next one must lead back."""
    stage, old = scenario.stage, await scenario.live_tag()
    tag = await scenario.publish(edit=crashing_bot)
    await scenario.reach(tag, "restart_bot")
    with route.unwritable(stage.home.route_file):
        for times in ("once", "again, after a restart"):
            refused = await until(stage, tag, _route_was_refused)
            scenario.result.expect(refused, f"{tag} ended before its route was refused {times}")
            stage.restart()
    await scenario.went_back(old, f"{tag} could not write its route back", **GOES_BACK)


def _route_was_refused(state: Json) -> bool:
    steps = (state.get("rollout") or {}).get("steps", [])
    return any(step["name"] == "rollback_route" and step["error"] for step in steps)


@row(3, "SIGTERM of the worker in mid-step", "A–E; it stops within its grace, the next start continues", minutes=1.6)
async def ended_in_mid_step(scenario: Scenario) -> None:
    slowest = 0.0
    for step in ENDED_AT[:: 2 if scenario.quick else 1]:
        tag = await scenario.publish()
        await scenario.reach(tag, step)
        signaled = time.monotonic()
        code = await asyncio.to_thread(scenario.stage.terminate)
        slowest = max(slowest, time.monotonic() - signaled)
        scenario.result.expect(code is not None, f"SIGTERM in {step}: the worker did not stop within its grace")
        if code is None:
            scenario.stage.kill()
        scenario.stage.home.start("worker")
        await scenario.went_live(tag, f"{tag}: the worker was ended by SIGTERM in {step}")
    scenario.result.notes.append(f"the worker stopped within {slowest:.1f} s")


@row(
    4,
    "two workers; one suspended past its lease, then continued",
    "B D; the stale one is refused",
    counts=True,
    minutes=0.8,
)
async def doubled(scenario: Scenario) -> None:
    for step in ("restart_bot", "docker_build", "route_switch")[: 1 if scenario.quick else None]:
        await _suspended(scenario, step)


async def _suspended(scenario: Scenario, step: str) -> None:
    stage, tag = scenario.stage, await scenario.publish()
    await scenario.reach(tag, step)
    await asyncio.to_thread(freeze_between_writes, stage.worker.pid, stage.journal_file.parent)
    epoch = stage.journal()["epoch"]
    stale = stage.second_worker()
    await until(stage, tag, lambda state: _taken_over(state, epoch))
    stage.thaw(stale.pid)
    await scenario.went_live(tag, f"{tag}: a worker was suspended in {step}, another took over, the first continued")
    ended = await asyncio.to_thread(_wait_for_end, stale)
    scenario.result.expect(ended, f"suspended in {step}: the stale worker is still running")
    if ended:
        stage.beside.remove(stale)
    await converge(stage, tag)


def _taken_over(state: Json, epoch: int) -> bool:
    return bool(state["epoch"] > epoch)


def _wait_for_end(process: "subprocess.Popen[bytes]") -> bool:
    try:
        process.wait(STALE_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True
