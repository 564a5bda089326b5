"""Another stack behind the same Traefik."""

import asyncio
from contextlib import ExitStack

from deploy.demo.environment import Environment
from deploy.demo.load import Load
from tests.faults.observers import RPS
from tests.faults.rows.bad_releases import fails_in_each_way
from tests.faults.scenario import Scenario, row
from tests.faults.stage import neighbor

OTHERS = "v90.0.0"
"""The other stack's release: clients see by its tag who answers."""

SLOW_SECONDS = 3.0


@row(
    29,
    "two stacks behind one Traefik; one of them fails in each way of row 15",
    "the other one is untouched; each client is served by its own stack",
    quiet=False,
    minutes=2.2,
)
async def neighbor_fails(scenario: Scenario) -> None:
    with ExitStack() as stack:
        other = await asyncio.to_thread(stack.enter_context, neighbor(scenario.stage, "other"))
        try:
            await _untouched(scenario, other)
        finally:
            await asyncio.to_thread(stack.close)


async def _untouched(scenario: Scenario, other: Environment) -> None:
    first = await other.go_live(OTHERS)
    scenario.result.expect(first["status"] == "success", f"the other stack did not go live: {first['error']}")
    before = _seen(other)
    async with Load(other.targets.values(), RPS, slow_seconds=SLOW_SECONDS) as load:
        await fails_in_each_way(scenario)
    report, own = load.report, scenario.watch.load.report
    expect = scenario.result.expect
    expect(report.failed == 0, f"{report.failed} requests to the other stack failed: {report.failures[:3]}")
    expect(set(report.versions) == {OTHERS}, f"the other stack's clients were answered by {sorted(report.versions)}")
    expect(OTHERS not in own.versions, f"the other stack answered {own.versions[OTHERS]} requests of this one")
    expect(_seen(other) == before, "the other stack's containers or routes changed")
    status = await other.get("/status")
    expect(status["current"]["tag"] == OTHERS, f"the other stack's live release is {status['current']['tag']}")
    expect(not status["paused"] and not status["alarms"], f"the other stack reports {status['alarms']}")
    scenario.result.notes.append(f"{report.requests:,} requests to the other stack, {report.failed} failed")


def _seen(other: Environment) -> tuple[dict[str, str], bytes]:
    """Its containers with the time of their start, and its route file."""
    started = {container["Id"]: container["State"]["StartedAt"] for container in other.containers()}
    return started, other.route_file.read_bytes()
