"""Plays the sample stack in a swarm: one release goes live, and a node dies while the next one rolls out."""

import asyncio
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from deploy.demo import play as sample
from deploy.demo.clients import Json
from deploy.demo.docker.images import ensure_base, ensure_traefik
from deploy.demo.docker.swarm import docker_swarm
from deploy.demo.environment import logs_of
from deploy.demo.load import Load, Report
from deploy.demo.processes import ROOT
from deploy.demo.repository import Variant
from deploy.demo.show import Show, keep_running, summary
from deploy.demo.swarm.environment import SwarmEnvironment, swarm_environment
from deploy.demo.swarm.nodes import until_lost

HOME = ROOT / ".cache" / "swarm-demo"
"""Not that of the tests, whose swarm may run meanwhile."""

NEXT = "v1.2.0"
KILL_STEP = "start_skills"
"""The node dies while the new color starts: it never gets the copy that Swarm gave to that node."""

LATER_REQUESTS = 1_000
MOST_LOST = 20
"""Requests that may be under way to the lost node: those of the clients, and one for each connection Traefik kept.

The first run lost 3.
"""


@dataclass(frozen=True)
class PlayedRelease:
    """A release that was played. `status`: that of the updater at its end."""

    title: str
    outcome: Json
    report: Report
    status: Json


async def play(home: SwarmEnvironment, rps: float, show: Show) -> tuple[list[PlayedRelease], list[Json]]:
    """Plays both releases. Returns them, and the rows of the nodes at the end."""
    outcome, report = await sample.play(home, Variant.GOOD, rps, show)
    title = f"{sample.BEFORE} was live, {sample.AFTER} was published; clients of {' and '.join(home.routes)}"
    live = PlayedRelease(title, outcome, report, await home.get("/status"))
    lost = home.swarm.nodes[-1]
    loss = await play_loss(home, rps, show)
    return [live, loss], await until_lost(home.engine.host, lost.name)


async def play_loss(home: SwarmEnvironment, rps: float, show: Show) -> PlayedRelease:
    """Publishes NEXT and powers the last node off during KILL_STEP. The clients use the manager's Traefik.

    A load balancer would move the clients of the other one. The clients during the rollout may lose requests that are
    under way; those after it must lose none. The copy of the lost node leaves the routes while the color stays.
    """
    lost, target = home.swarm.nodes[-1], home.targets[home.swarm.manager.name]
    async with Load([target], rps) as load:
        await load.served(sample.WARM_UP_REQUESTS, sample.LOAD_SECONDS)
        show.say(f"publishing {NEXT}: {lost.name} is going to die in {KILL_STEP}")
        home.release(NEXT)
        result = await _followed_with_loss(home, show, load)
        report = await load.stop()
    show.say(f"{NEXT} ended: {result['status']}; new clients come")
    async with Load([target], rps) as load:
        await load.served(LATER_REQUESTS, sample.LOAD_SECONDS)
        later = await load.stop()
    status, sessions = await home.get("/status"), await home.sessions()
    outcome = {
        "node": lost.name,
        **sample.outcome_of(result, status, sessions, report),
        "reason_code": result["reason_code"],
        "error": result["error"],
        "later_requests": later.requests,
        "later_failed": later.failed,
        "deployment_states": await sample.states_at_github(home, NEXT),
    }
    report.failures.extend(later.failures)
    return PlayedRelease(f"{sample.AFTER} was live, {lost.name} died while {NEXT} rolled out", outcome, report, status)


async def _followed_with_loss(home: SwarmEnvironment, show: Show, load: Load) -> Json:
    """Follows the rollout of NEXT, and powers the last node off once it is at KILL_STEP. Raises RuntimeError."""
    reached = asyncio.Event()

    async def lose() -> None:
        await reached.wait()
        show.say(f"{home.swarm.nodes[-1].name} loses its power")
        await asyncio.to_thread(home.swarm.power_off, home.swarm.nodes[-1])

    def watch(status: Json) -> None:
        if is_at(status, NEXT, KILL_STEP):
            reached.set()

    losing = asyncio.create_task(lose())
    try:
        result = await sample.follow(home, NEXT, show, load, watch)
        if not reached.is_set():
            raise RuntimeError(f"{NEXT} ended before {KILL_STEP}: {result['error']}")
        await losing
    finally:
        losing.cancel()
    return result


def is_at(status: Mapping[str, Any], tag: str, step: str) -> bool:
    """Whether the rollout of `tag` is at that step."""
    rollout = status["rollout"] or {}
    return (rollout.get("tag"), rollout.get("step")) == (tag, step)


def outcome_in_swarm(releases: Sequence[PlayedRelease], nodes: list[Json]) -> Json:
    """The outcome of a demo on one host, with `node_loss`, which has the same of NEXT, and `nodes`."""
    live, loss = releases
    return {**live.outcome, "node_loss": loss.outcome, "nodes": nodes}


def problems(outcome: Json) -> list[str]:
    """Returns the differences from the expected ending."""
    loss, states = outcome["node_loss"], {row["name"]: (row["state"], row["tasks"] > 0) for row in outcome["nodes"]}
    expected = {
        **{"result": "failed", "tag_live": sample.AFTER, "active_color": "green", "paused": True},
        **{"later_failed": 0, "max_bots": 1, "bots_open": 1, "deployment_states": sample.BAD},
    }
    wrong = [f"{NEXT}: {text}" for text in sample.differences(loss, expected)]
    if loss["failed_requests"] > MOST_LOST:
        wrong.append(f"{NEXT}: {loss['failed_requests']} requests failed, more than were under way")
    if any(state != (("down", False) if name == loss["node"] else ("ready", True)) for name, state in states.items()):
        wrong.append(f"the nodes are {outcome['nodes']}, expected {loss['node']} alone to be down")
    return [*sample.problems(outcome, Variant.GOOD), *wrong]


def play_swarm(rps: float, show: Show, *, as_json: bool, keep: bool) -> list[str]:
    """Plays the whole demo and shows it. Returns what was not as expected. Raises EngineUnavailable."""
    with docker_swarm(HOME, show.say) as swarm, tempfile.TemporaryDirectory(prefix="zu-demo-") as directory:
        host = swarm.manager.host
        base, traefik = ensure_base(host, show.say), ensure_traefik(host, show.say)
        place = Path(directory) / "environment"
        with swarm_environment(place, swarm, base=base, traefik=traefik, say=show.say) as home:
            releases, nodes = _played(home, rps, show)
            outcome = outcome_in_swarm(releases, nodes)
            wrong = problems(outcome)
            _report(show, releases, nodes, wrong)
            if keep:
                keep_running(home, show)
    if as_json:
        print(json.dumps(outcome))
    return wrong


def _played(home: SwarmEnvironment, rps: float, show: Show) -> tuple[list[PlayedRelease], list[Json]]:
    try:
        return asyncio.run(play(home, rps, show))
    except Exception:
        show.console.print(logs_of(home), highlight=False, markup=False)
        raise


def _report(show: Show, releases: Sequence[PlayedRelease], nodes: Sequence[Json], wrong: Sequence[str]) -> None:
    show.spinner.stop()
    for each in releases:
        summary(show, each.title, each.status, each.outcome, each.report)
    show.print(node_table(nodes))
    for text in (*wrong, *(failure for each in releases for failure in each.report.failures)):
        show.console.print(f"[red]{text}[/]", highlight=False)


def node_table(nodes: Sequence[Json]) -> Table:
    """A line for each node."""
    table = Table.grid(padding=(0, 2))
    for row in nodes:
        table.add_row(row["name"], row["role"], row["state"], f"{row['tasks']} tasks")
    return table
