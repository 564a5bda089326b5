"""Plays one release of the sample stack under load, and says what came of it."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

from deploy.demo.clients import Json
from deploy.demo.environment import Environment
from deploy.demo.load import Load, Report
from deploy.demo.pictures.camera import Camera
from deploy.demo.repository import Variant
from deploy.demo.show import Show

BEFORE, AFTER = "v1.0.0", "v1.1.0"
ROLLOUT_SECONDS = 400.0
LEAST_REQUESTS = 2_000
LOAD_SECONDS = 180.0
"""How long the clients continue at most after the rollout, until they have sent LEAST_REQUESTS requests."""

REPORT_SECONDS = 120.0
"""How long the report to GitHub may take after the rollout."""

POLL_SECONDS = 0.1
WARM_UP_REQUESTS = 200
RPS = 100.0


@dataclass(frozen=True)
class Ending:
    """The expected end of a variant's demo."""

    result: str
    tag_live: str
    active_color: str
    paused: bool
    route_moved: bool
    green_containers: int
    deployment_states: list[str]


LIVE, BAD = ["queued", "in_progress", "success"], ["queued", "in_progress", "failure"]
NOT_MOVED: Json = {"paused": True, "route_moved": False, "green_containers": 0, "deployment_states": BAD}
ENDINGS = {
    Variant.GOOD: Ending(
        *("success", AFTER, "green"), paused=False, route_moved=True, green_containers=2, deployment_states=LIVE
    ),
    Variant.UNHEALTHY: Ending("failed", BEFORE, "blue", **NOT_MOVED),
    Variant.BROKEN_BUILD: Ending("failed", BEFORE, "blue", **NOT_MOVED),
    Variant.BOT_FAILS: Ending(
        *("rolled_back", BEFORE, "blue"), paused=True, route_moved=True, green_containers=2, deployment_states=BAD
    ),
}


async def play(
    home: Environment, variant: Variant, rps: float, show: Show, camera: Camera | None = None
) -> tuple[Json, Report]:
    """Brings v1.0.0 live, starts the clients and publishes v1.1.0. Returns the outcome, and what the clients saw."""
    show.say(f"publishing {BEFORE}: the first release")
    home.release(BEFORE)
    first = await follow(home, BEFORE, show, None)
    if first["status"] != "success":
        raise RuntimeError(f"{BEFORE} did not go live: {first['error']}")
    show.say(f"{BEFORE} is live; clients start: GET, POST, ten-second requests, websockets, {rps:g} a second")
    async with Load(home.targets.values(), rps) as load:
        await load.served(WARM_UP_REQUESTS, LOAD_SECONDS)
        show.say(f"publishing {AFTER} ({variant}): a signed release event is posted")
        route = home.routes_now()
        home.release(AFTER, variant)
        async with camera.watching() if camera else nullcontext():
            result = await follow(home, AFTER, show, load)
        if camera:
            await camera.rollout(result["rollout_id"])
        show.say(f"{AFTER} ended: {result['status']}; the clients continue for a moment")
        await load.served(LEAST_REQUESTS, LOAD_SECONDS)
        report = await load.stop()
    status, sessions = await home.get("/status"), await home.sessions()
    seen = {"route_moved": home.routes_now() != route, "green_containers": home.green_containers()}
    deployment = {"deployment_states": await states_at_github(home, AFTER)}
    return outcome_of(result, status, sessions, report) | seen | deployment, report


async def states_at_github(home: Environment, tag: str) -> list[str]:
    """Returns the states of the tag's deployment as soon as one is final, at the latest after REPORT_SECONDS."""
    deadline = time.monotonic() + REPORT_SECONDS
    while True:
        states = (await asyncio.to_thread(home.github.states)).get(tag, [])
        if states[-1:] not in ([], ["queued"], ["in_progress"]) or time.monotonic() > deadline:
            return states
        await asyncio.sleep(POLL_SECONDS)


async def follow(
    home: Environment, tag: str, show: Show, load: Load | None, watch: Callable[[Json], None] = lambda _: None
) -> Json:
    """Sends the release event of `tag` and shows its rollout. Returns the result. `watch` gets each status too."""
    show.seen.clear()
    accepted = await home.announce(tag)

    def seen(status: Json) -> None:
        show.watch(tag, load, status)
        watch(status)

    return await home.ended(accepted["rollout_id"], ROLLOUT_SECONDS, seen)


def outcome_of(result: Json, status: Json, sessions: Json, report: Report) -> Json:
    """Combines the results of the updater, the gateway and the clients into the outcome."""
    evidence = result["evidence"]
    return {
        "result": result["status"],
        "tag_live": status["current"]["tag"],
        "active_color": status["active_color"],
        "paused": status["paused"],
        "requests": report.requests,
        "failed_requests": report.failed,
        "flip_ms": evidence.get("route_switch", {}).get("flip_ms"),
        "rollback_ms": evidence.get("rollback_route", {}).get("rollback_ms"),
        "bot_gap_s": sessions["gaps"][-1] if sessions["gaps"] else None,
        "max_bots": sessions["max"],
        "bots_open": sessions["open"],
        "duration_s": result["duration_seconds"],
        "steps_completed": result["steps_completed"],
    }


def problems(outcome: Json, variant: Variant) -> list[str]:
    """Returns the differences from the expected ending."""
    expected = {**asdict(ENDINGS[variant]), "failed_requests": 0, "max_bots": 1, "bots_open": 1}
    wrong = differences(outcome, expected)
    if outcome["requests"] < LEAST_REQUESTS:
        wrong.append(f"only {outcome['requests']} requests were made")
    return wrong


def differences(outcome: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """Names every value of `outcome` that is not the expected one."""
    return [
        f"{name} is {outcome[name]}, expected {value}" for name, value in expected.items() if outcome[name] != value
    ]
