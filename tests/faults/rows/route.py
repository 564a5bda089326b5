"""The route file is damaged, or Traefik stops."""

import asyncio
import contextlib
import functools
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from deploy.demo.client_access import SECURE_SKILLS, TWO_ROUTES
from tests.faults.observers import answers, converge, end_of
from tests.faults.scenario import Scenario, row
from tests.faults.stage import Json, Stage

TAKEN_SECONDS = 1.0
"""Time for Traefik to load a changed file."""

RESTORED_SECONDS = 20.0

AS_IN_PRODUCTION = SECURE_SKILLS | TWO_ROUTES
"""Routes by host names and TLS, of which one service has two. The other rows play routes for any host by plain HTTP."""

STRAY = """http:
  routers:
    stray: {{rule: "{rule}", priority: 100000, entryPoints: [skills, api], service: stray, tls: {{}}}}
  services:
    stray: {{loadBalancer: {{servers: [{{url: "http://127.0.0.1:9"}}]}}}}
"""
STRAYS = {"every route": "PathPrefix(`/`)", "the second route of a service": "Host(`open.demo.example`)"}

BROKEN = "http: ["


@contextlib.contextmanager
def unwritable(route_file: Path) -> Iterator[None]:
    """The route file cannot be replaced: no rename replaces a file that another is mounted on. Only root can mount."""
    subprocess.run(["mount", "--bind", str(route_file), str(route_file)], check=True, timeout=300)
    try:
        yield
    finally:
        subprocess.run(["umount", str(route_file)], check=True, timeout=300)


@contextlib.contextmanager
def suspended(stage: Stage) -> Iterator[None]:
    """The worker is suspended."""
    worker = stage.worker.pid
    stage.freeze(worker)
    try:
        yield
    finally:
        stage.thaw(worker)


def _wrong_server(file: Path) -> None:
    file.write_text(re.sub(r"http://[\w.-]*skills-(blue|green)", "http://nowhere", file.read_text()))


def _without_second_route(file: Path) -> None:
    head = [line for line in file.read_text().splitlines() if line.startswith("#")]
    content = yaml.safe_load(file.read_text())
    (second,) = [name for name in content["http"]["routers"] if name.endswith(".api.2")]
    del content["http"]["routers"][second]
    file.write_text("\n".join([*head, yaml.safe_dump(content, sort_keys=False)]))


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda file: file.write_text(""),
    "half": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "pointing to a wrong server": _wrong_server,
    "without the second route of a service": _without_second_route,
    "deleted": lambda file: file.unlink(),
}


@row(
    12,
    "the route file empty, half, wrong, deleted, without a route; a stray .yml beside it",
    "noticed and restored; D",
    quiet=False,
    minutes=0.3,
    access=AS_IN_PRODUCTION,
)
async def spoilt_route_file(scenario: Scenario) -> None:
    file = scenario.stage.home.route_file
    for what, damage in DAMAGE.items():
        good = file.read_bytes()
        with suspended(scenario.stage):  # it may notice the damage within this moment
            damage(file)
            scenario.result.expect(not _whole(file, good), f"the route file was not damaged: {what}")
        await asyncio.sleep(TAKEN_SECONDS)
        await _restored(scenario, f"the route file was {what}", functools.partial(_same_routes, file, good))
        if not _whole(file, good):
            file.write_bytes(good)
    stray = file.with_name("stray.yml")
    for what, rule in STRAYS.items():
        stray.write_text(STRAY.format(rule=rule))
        await _alarms(scenario, f"a stray file took {what}", {"route_not_served"})
        stray.unlink()
        scenario.result.converged(await converge(scenario.stage))
        await _alarms(scenario, f"the file that took {what} is gone", set())


def _whole(file: Path, good: bytes) -> bool:
    return file.exists() and file.read_bytes() == good


def _same_routes(file: Path, good: bytes) -> bool:
    """Whether Traefik reads the same from the file, down to its servers.

    Comments may differ: a worker that starts while the file is damaged never saw the names of the idle copies.
    """
    try:
        return file.exists() and bool(yaml.safe_load(file.read_bytes()) == yaml.safe_load(good))
    except yaml.YAMLError:
        return False


async def _alarms(scenario: Scenario, what: str, kinds: set[str]) -> None:
    """Waits for alarms of exactly those kinds: the updater does not own a foreign file, so it only reports it."""
    scenario.result.repeats += 1
    alarms: list[Json] = []
    started, limit = time.monotonic(), RESTORED_SECONDS * scenario.stage.patience
    while time.monotonic() - started < limit:
        alarms = (await scenario.stage.home.get("/status")).get("alarms") or []
        if {alarm["kind"] for alarm in alarms} == kinds:
            return
        await asyncio.sleep(0.2)
    scenario.result.expect(False, f"{what}: not noticed within {limit:.0f} s; alarms: {alarms}")


async def _restored(scenario: Scenario, what: str, is_restored: Callable[[], bool]) -> None:
    """Waits until the live release serves the routes again."""
    scenario.result.repeats += 1
    started, limit = time.monotonic(), RESTORED_SECONDS * scenario.stage.patience
    while time.monotonic() - started < limit:
        versions = {answer.get("version") for answer in await answers(scenario.stage)}
        if is_restored() and len(versions) == 1 and None not in versions:
            scenario.result.converged(time.monotonic() - started)
            return
        await asyncio.sleep(0.2)
    scenario.result.expect(False, f"{what}: not restored within {limit:.0f} s")


@row(
    13,
    "Traefik stopped before the flip; restarted in mid-flip",
    "no release is reported live before it is confirmed",
    quiet=False,
    minutes=0.6,
    access=AS_IN_PRODUCTION,
)
async def traefik_away(scenario: Scenario) -> None:
    tag = await scenario.publish()
    await scenario.reach(tag, "health_api")
    scenario.stage.docker("traefik", "kill")
    entry = await scenario.ended(tag)
    scenario.result.expect(entry["result"] != "success", f"{tag} was reported live without Traefik")
    scenario.stage.docker("traefik", "start")
    await agreed(scenario, "Traefik was stopped before the flip")
    tag = await scenario.publish()
    await scenario.reach(tag, "route_switch")
    scenario.stage.docker("traefik", "kill")
    scenario.stage.docker("traefik", "start")
    await agreed(scenario, "Traefik was restarted in mid-flip")
    await _traefik_ignores_the_file(scenario)


async def _traefik_ignores_the_file(scenario: Scenario) -> None:
    """A broken file beside the route file: Traefik keeps serving its last configuration and ignores the new route."""
    broken = scenario.stage.home.route_file.with_name("broken.yml")
    tag = await scenario.publish()
    await scenario.reach(tag, "health_api")
    broken.write_text(BROKEN)
    try:
        entry = await scenario.ended(tag)
    finally:
        broken.unlink(missing_ok=True)  # the guard may have moved it away already
    scenario.result.expect(entry["result"] != "success", f"{tag} was reported live, but Traefik never loaded its route")
    await agreed(scenario, "Traefik did not load the route file")


async def agreed(scenario: Scenario, what: str, *, before_the_flip: bool = False) -> None:
    """Checks that the release reported live answers, on the color that the file names, with one bot; paused or not.

    `before_the_flip`: the idle color must not run. After the flip a color keeps running if the updater could not
    confirm that Traefik has left it.
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
    scenario.result.expect(whole, f"{what}: the stack ended as {end}")
    if status["paused"]:
        await scenario.unpause(what)


async def _color(stage: Stage) -> str | None:
    return str((await answers(stage))[0].get("color"))


@row(14, "Traefik's API off", "the routed identity suffices", minutes=0.3, access=AS_IN_PRODUCTION)
async def no_api(scenario: Scenario) -> None:
    (traefik,) = scenario.stage.home.containers("traefik")
    options = traefik["Config"]["Cmd"]
    scenario.result.expect(not [o for o in options if o.startswith("--api")], f"Traefik's API is on: {options}")
    await scenario.went_live(await scenario.publish(), "an undisturbed rollout without Traefik's API")
