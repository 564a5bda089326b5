"""The worker is killed, ended, frozen, doubled."""

import asyncio
import random
import subprocess
import time

from tests.faults.kill_points import DISCARD, ROLLBACK, Point, pairs, schedule, until, until_point
from tests.faults.observers import converge
from tests.faults.releases import Edit, crashing_bot, never_healthy
from tests.faults.stage import Json
from tests.faults.trial import GOES_BACK, NEVER_FLIPPED, Trial, row

UNDISTURBED_SECONDS = 15.0
"""How long a rollout takes here: within it a random moment is chosen."""

STALE_SECONDS = 30.0

ENDED_AT = ("docker_build", "health_skills", "route_switch", "bake", "restart_bot", "stop_old_color")
"""The quick pass has every other one of them."""


@row(1, "the worker is killed (-9) at each step, and at random moments", "A B C D E; it ends as an undisturbed run",
     counts=True, minutes=1.8)  # fmt: skip
async def killed_at_each_step(trial: Trial) -> None:
    for points in schedule(both=trial.repeat > 1):
        await _killed(trial, points)
    for _ in range(trial.repeat - 1):
        await _killed_after(trial, random.uniform(0, UNDISTURBED_SECONDS))  # noqa: S311 - nothing secret


async def _killed(trial: Trial, points: list[Point]) -> None:
    tag = await trial.publish()
    for point in points:
        if await until_point(trial.stage, tag, point):
            trial.stage.restart()
            trial.result.repeats += 1
    trial.result.repeats -= 1  # the end counts one
    await trial.went_live(tag, f"{tag} killed at {', '.join(map(str, points))}")


async def _killed_after(trial: Trial, seconds: float) -> None:
    tag = await trial.publish()
    await asyncio.sleep(seconds)
    step = (trial.stage.journal().get("rollout") or {}).get("steps", [])
    trial.stage.restart()
    await trial.went_live(tag, f"{tag} killed {seconds:.2f} s after it was published ({step[-1:]})")


@row(
    2,
    "the worker is killed (-9) at each step of a rollback, twice in a row",
    "B D E F; the last good release is whole",
    minutes=1,
)
async def killed_while_going_back(trial: Trial) -> None:
    for edit, steps in ((crashing_bot, ROLLBACK), (never_healthy, DISCARD)):
        for first, second in pairs(steps, both=not trial.quick):
            await _killed_twice_going_back(trial, edit, first, second)


async def _killed_twice_going_back(trial: Trial, edit: Edit, first: Point, second: Point) -> None:
    old, tag = await trial.live_tag(), await trial.publish(edit=edit)
    for point in (first, second):
        reached = await until_point(trial.stage, tag, point)
        trial.result.expect(reached, f"{tag} was over before {point}: it was not killed there")
        if reached:
            trial.stage.restart()
    kept = GOES_BACK if edit is crashing_bot else NEVER_FLIPPED
    await trial.went_back(old, f"{tag} killed at {first} and {second}", **kept)


@row(3, "SIGTERM of the worker in mid-step", "A–E; it stops within its grace, the next start goes on", minutes=1.6)
async def ended_in_mid_step(trial: Trial) -> None:
    slowest = 0.0
    for step in ENDED_AT[:: 2 if trial.quick else 1]:
        tag = await trial.publish()
        await trial.reach(tag, step)
        asked = time.monotonic()
        code = await asyncio.to_thread(trial.stage.terminate)
        slowest = max(slowest, time.monotonic() - asked)
        trial.result.expect(code is not None, f"SIGTERM in {step}: it did not stop within its grace")
        if code is None:
            trial.stage.kill()
        trial.stage.home.start("worker")
        await trial.went_live(tag, f"{tag} ended by SIGTERM in {step}")
    trial.result.notes.append(f"it stopped within {slowest:.1f} s")


@row(
    4,
    "two workers; one suspended past its turn, then continued",
    "B D; the stale one is refused",
    counts=True,
    minutes=0.8,
)
async def doubled(trial: Trial) -> None:
    for step in ("restart_bot", "docker_build", "route_switch")[: 1 if trial.quick else None]:
        await _suspended(trial, step)


async def _suspended(trial: Trial, step: str) -> None:
    stage, tag = trial.stage, await trial.publish()
    await trial.reach(tag, step)
    stage.freeze(stage.worker.pid)
    epoch = stage.journal()["epoch"]
    stale = stage.second_worker()
    await until(stage, tag, lambda state: _taken_over(state, epoch))
    stage.thaw(stale.pid)
    await trial.went_live(tag, f"{tag}: a worker was suspended in {step}, another took over, the first woke up")
    ended = await asyncio.to_thread(_wait_for_end, stale)
    trial.result.expect(ended, f"suspended in {step}: the stale worker still runs")
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
