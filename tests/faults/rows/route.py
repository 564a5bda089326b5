"""The route file is spoilt, Traefik goes away."""

import asyncio
import functools
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.observers import answers, converge, end_of
from tests.faults.scenario import Scenario, row
from tests.faults.stage import Stage

TAKEN_SECONDS = 1.0
"""Until Traefik has taken a changed file over."""

MENDED_SECONDS = 20.0

STRAY = """http:
  routers:
    stray: {rule: "PathPrefix(`/`)", priority: 100000, entryPoints: [skills, api], service: stray}
  services:
    stray: {loadBalancer: {servers: [{url: "http://127.0.0.1:9"}]}}
"""

BROKEN = "http: ["


def _wrong_service(file: Path) -> None:
    file.write_text(file.read_text().replace("http://skills-", "http://nowhere-"))


SPOILT: dict[str, Callable[[Path], object]] = {
    "empty": lambda file: file.write_text(""),
    "half": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "pointing to a wrong service": _wrong_service,
    "deleted": lambda file: file.unlink(),
}


@row(
    12,
    "the route file empty, half, wrong, deleted; a stray .yml beside it",
    "noticed and put right; D",
    quiet=False,
    minutes=0.2,
)
async def spoilt_route_file(scenario: Scenario) -> None:
    file = scenario.stage.home.route_file
    for what, spoil in SPOILT.items():
        good = file.read_bytes()
        spoil(file)
        await asyncio.sleep(TAKEN_SECONDS)
        await _put_right(scenario, f"the route file was {what}", functools.partial(_whole, file, good))
        if not _whole(file, good):
            file.write_bytes(good)
    stray = file.with_name("stray.yml")
    stray.write_text(STRAY)
    await asyncio.sleep(TAKEN_SECONDS)
    await _put_right(scenario, "a stray file took the routes", lambda: True)
    stray.unlink(missing_ok=True)
    scenario.result.converged(await converge(scenario.stage))


def _whole(file: Path, good: bytes) -> bool:
    return file.exists() and file.read_bytes() == good


async def _put_right(scenario: Scenario, what: str, is_mended: Callable[[], bool]) -> None:
    """The routes are served by what was live, or an alarm says why not: a foreign file is not the updater's."""
    scenario.result.repeats += 1
    started = time.monotonic()
    alarms: list[str] = []
    while time.monotonic() - started < MENDED_SECONDS:
        alarms = (await scenario.stage.home.get("/status")).get("alarms") or []
        end = await end_of(scenario.stage)
        if is_mended() and (alarms or end.tag is not None):
            scenario.result.converged(time.monotonic() - started)
            return
        await asyncio.sleep(0.2)
    scenario.result.expect(False, f"{what}: not put right within {MENDED_SECONDS:.0f} s, alarms: {alarms}")


@row(
    13,
    "Traefik stopped before the flip; restarted in mid-flip",
    "nothing is called live until confirmed",
    quiet=False,
    minutes=0.6,
)
async def traefik_away(scenario: Scenario) -> None:
    tag = await scenario.publish()
    await scenario.reach(tag, "health_api")
    scenario.stage.docker("traefik", "kill")
    entry = await scenario.ended(tag)
    scenario.result.expect(entry["result"] != "success", f"{tag} was called live without Traefik")
    scenario.stage.docker("traefik", "start")
    await agreed(scenario, "Traefik was stopped before the flip")
    tag = await scenario.publish()
    await scenario.reach(tag, "route_switch")
    scenario.stage.docker("traefik", "kill")
    scenario.stage.docker("traefik", "start")
    await agreed(scenario, "Traefik was restarted in mid-flip")
    await _traefik_takes_nothing(scenario)


async def _traefik_takes_nothing(scenario: Scenario) -> None:
    """It answers, and well, by what it read before: a broken file beside the route file keeps it from the new one."""
    broken = scenario.stage.home.route_file.with_name("broken.yml")
    tag = await scenario.publish()
    await scenario.reach(tag, "health_api")
    broken.write_text(BROKEN)
    try:
        entry = await scenario.ended(tag)
    finally:
        broken.unlink(missing_ok=True)  # the guard may have set it aside already
    scenario.result.expect(entry["result"] != "success", f"{tag} was called live, and Traefik never took its route")
    await agreed(scenario, "Traefik did not take the file")


async def agreed(scenario: Scenario, what: str, *, before_the_flip: bool = False) -> None:
    """What is called live is what answers, on the color that the file names, with one bot; paused or not.

    `before_the_flip`: nothing was moved, so nothing may be left running. Past it a color stays up where Traefik was not
    seen to have left it.
    """
    scenario.result.repeats += 1
    try:
        scenario.result.converged(await converge(scenario.stage, decided=scenario.last_tag))
    except TimeoutError as late:
        scenario.result.expect(False, f"{what}: {late}")
        return
    end, status = await end_of(scenario.stage), await scenario.stage.home.get("/status")
    scenario.result.end = str(end)
    same = (status["current"]["tag"], status["active_color"]) == (end.tag, await _color(scenario.stage))
    scenario.result.expect(same, f"{what}: /status says {status['current']['tag']} is live, {end.tag} answers")
    whole = (
        end.route_file_agrees and end.active_running and end.bots == 1 and not (before_the_flip and end.idle_running)
    )
    scenario.result.expect(whole, f"{what}: it ended as {end}")
    if status["paused"]:
        await scenario.unpause(what)


async def _color(stage: Stage) -> str | None:
    return str((await answers(stage))[0].get("color"))


@row(14, "Traefik's API off", "the routed identity suffices", minutes=0.3)
async def no_api(scenario: Scenario) -> None:
    (traefik,) = scenario.stage.home.containers("traefik")
    options = traefik["Config"]["Cmd"]
    scenario.result.expect(not [o for o in options if o.startswith("--api")], f"Traefik's API is on: {options}")
    await scenario.went_live(await scenario.publish(), "an undisturbed rollout without Traefik's API")
