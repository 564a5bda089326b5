"""`bin/demo`: a GitHub release goes live before your eyes, while clients load the routes."""

import asyncio
import json
import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.demo.client_access import SECURE_SKILLS
from deploy.demo.docker.engine import EngineUnavailable, docker_engine, exit_on_sigterm
from deploy.demo.docker.images import ensure_base, ensure_traefik
from deploy.demo.environment import Environment, environment, logs_of
from deploy.demo.load import Load, Report
from deploy.demo.own_stack.place import Asked, path_where_called
from deploy.demo.own_stack.play import play_own
from deploy.demo.pictures.camera import Camera, camera
from deploy.demo.pictures.chromium import chromium_program
from deploy.demo.repository import Variant
from deploy.demo.show import Show, keep_running, shown, summary

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
GREEN = ("skills-green", "api-green")

Json = dict[str, Any]


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


@dataclass(frozen=True)
class Sample:
    """How the sample stack is played. `pictures`: the directory for pictures of the dashboard; None: none."""

    variant: Variant
    rps: float
    pictures: Path | None = None


async def play(
    home: Environment, variant: Variant, rps: float, show: Show, camera: Camera | None = None
) -> tuple[Json, Report]:
    """Brings v1.0.0 live, starts the clients and publishes v1.1.0. Returns the outcome, and what the clients saw."""
    show.say(f"publishing {BEFORE}: the first release")
    home.release(BEFORE)
    first = await _follow(home, BEFORE, show, None)
    if first["status"] != "success":
        raise RuntimeError(f"{BEFORE} did not go live: {first['error']}")
    show.say(f"{BEFORE} is live; clients start: GET, POST, ten-second requests, websockets, {rps:g} a second")
    async with Load(home.targets.values(), rps) as load:
        await load.served(WARM_UP_REQUESTS, LOAD_SECONDS)
        show.say(f"publishing {AFTER} ({variant}): a signed release event is posted")
        route = home.route_file.read_bytes()
        home.release(AFTER, variant)
        async with camera.watching() if camera else nullcontext():
            result = await _follow(home, AFTER, show, load)
        if camera:
            await camera.rollout(result["rollout_id"])
        show.say(f"{AFTER} ended: {result['status']}; the clients continue for a moment")
        await load.served(LEAST_REQUESTS, LOAD_SECONDS)
        report = await load.stop()
    status, sessions = await home.get("/status"), await home.sessions()
    seen = {"route_moved": home.route_file.read_bytes() != route, "green_containers": len(home.containers(*GREEN))}
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


async def _follow(home: Environment, tag: str, show: Show, load: Load | None) -> Json:
    show.seen.clear()
    accepted = await home.announce(tag)
    return await home.ended(accepted["rollout_id"], ROLLOUT_SECONDS, lambda status: show.watch(tag, load, status))


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
    checks = {
        **asdict(ENDINGS[variant]),
        "failed_requests": 0,
        "max_bots": 1,
        "bots_open": 1,
    }
    wrong = [f"{name} is {outcome[name]}, expected {value}" for name, value in checks.items() if outcome[name] != value]
    if outcome["requests"] < LEAST_REQUESTS:
        wrong.append(f"only {outcome['requests']} requests were made")
    return wrong


def demo(
    *,
    release: Annotated[Variant, typer.Option(help="The defect of the published release.")] = Variant.GOOD,
    stack: Annotated[Path | None, typer.Option(help="Play your own stack, by its stack file.")] = None,
    repository: Annotated[Path | None, typer.Option(help="Its local Git repository; default: that of --stack.")] = None,
    tag: Annotated[str | None, typer.Option(help="The release to publish; default: the newest tag.")] = None,
    directory: Annotated[
        Path | None, typer.Option(help="What only the host has, such as .env; default: the stack file's `directory`.")
    ] = None,
    without: Annotated[list[str] | None, typer.Option(help="Do not start this service; may be repeated.")] = None,
    own_engine: Annotated[bool, typer.Option("--own-engine", help="Start a private Docker Engine (root).")] = False,
    rps: Annotated[
        float | None, typer.Option(min=1, max=500, help="Requests per second; default: 100, with --stack 20.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as the last line of output.")] = False,
    keep: Annotated[bool, typer.Option(help="Leave everything running until Ctrl-C.")] = False,
    record: Annotated[Path | None, typer.Option(help="Also write the display to this SVG file.")] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="Also write pictures of the dashboard to this directory, light and dark.")
    ] = None,
) -> None:
    """Brings a sample stack to v1.0.0, publishes v1.1.0 as GitHub would, and shows the rollout under load.

    With --stack, it plays your own stack in the same way, from a copy: your files and containers stay as they are.
    `bin/demo --python 3.13` uses another interpreter, chosen by version or path.
    """
    exit_on_sigterm()
    if stack is None and (repository or tag or directory or without):
        raise typer.BadParameter("--repository, --tag, --directory and --without need --stack", param_hint="--stack")
    if stack is not None and release is not Variant.GOOD:
        raise typer.BadParameter("--release is a defect of the sample stack, not of --stack", param_hint="--release")
    if stack is not None and pictures is not None:
        raise typer.BadParameter("--pictures are of the sample stack, not of --stack", param_hint="--pictures")
    with shown() as show:
        try:
            if stack is None:
                sample = Sample(release, rps or RPS, pictures and path_where_called(pictures))
                wrong = bool(_whole(sample, show, as_json=as_json, keep=keep, own_engine=own_engine))
            else:
                asked = Asked(stack, repository or stack.parent, tag, directory, without or ()).where_called()
                wrong = not play_own(asked, rps, show, as_json=as_json, keep=keep, own_engine=own_engine)
        except EngineUnavailable as missing:
            show.console.print(f"[red]The demo cannot run here.[/] {missing}", highlight=False)
            raise typer.Exit(2) from None
        if record:
            show.write_recording(record, " ".join(["bin/demo", *sys.argv[1:]]).partition(" --record")[0])
    raise typer.Exit(1 if wrong else 0)


def _whole(sample: Sample, show: Show, *, as_json: bool, keep: bool, own_engine: bool) -> list[str]:
    if sample.pictures:
        chromium_program(show.say, install=True)  # missing: known before anything starts
    with docker_engine(show.say, own=own_engine) as engine, tempfile.TemporaryDirectory(prefix="zu-demo-") as directory:
        base, traefik = ensure_base(engine.host, show.say), ensure_traefik(engine.host, show.say)
        place = Path(directory) / "environment"
        with environment(place, engine, base=base, traefik=traefik, say=show.say, access=SECURE_SKILLS) as home:
            try:
                outcome, report = asyncio.run(_played(home, sample, show))
            except Exception:
                show.console.print(logs_of(home), highlight=False, markup=False)
                raise
            status = asyncio.run(home.get("/status"))
            show.spinner.stop()
            wrong = problems(outcome, sample.variant)
            summary(
                show, f"{BEFORE} was live (blue), {AFTER} ({sample.variant}) was published", status, outcome, report
            )
            for text in (*wrong, *report.failures):
                show.console.print(f"[red]{text}[/]", highlight=False)
            if keep:
                keep_running(home, show)
    if as_json:
        print(json.dumps(outcome))
    return wrong


async def _played(home: Environment, sample: Sample, show: Show) -> tuple[Json, Report]:
    if sample.pictures is None:
        return await play(home, sample.variant, sample.rps, show)
    async with camera(home.internal_url, home.secret, sample.pictures, show.say) as taking:
        return await play(home, sample.variant, sample.rps, show, taking)


if __name__ == "__main__":
    typer.run(demo)
