"""A day on which GitHub and the network fail a third of the time: no person is needed, and nothing is lost."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from app.domain.rollout import RolloutStatus
from app.domain.stack import Resume
from tests.examples import a_release, a_stack, sha_of
from tests.fakes.github_api import FakeGitHubApi, a_published
from tests.fakes.world import World
from workers.control.reconcile import Reconciler
from workers.watchdogs.backoff import Backoff
from workers.watchdogs.missed_releases import MissedReleases

DAY, LOOK, CHECK = 24 * 3600.0, 60.0, 900.0
RELEASES = 200
UP, DOWN = 1200.0, 600.0
"""The mean seconds of a time in which GitHub, or the network, works, and of one in which it fails."""

AFTERWARDS = 2 * 3600.0


class Day:
    """The host, GitHub, and what became of the releases that were published."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.chance = world, random.Random(seed)  # noqa: S311 - a repeatable day
        self.github = FakeGitHubApi(world.clock, world.fuse)
        self.accepted: set[str] = set()
        self.seconds_down = 0.0

    def network(self, *, fails: bool) -> None:
        self.world.source.away = self.world.engine.network_away = fails

    def api(self, *, fails: bool) -> None:
        self.github.away = fails

    async def failures(self, of: Callable[..., None]) -> None:
        while True:
            await self.world.clock.sleep(self.chance.expovariate(1 / UP))
            down = self.chance.expovariate(1 / DOWN)
            of(fails=True)
            await self.world.clock.sleep(down)
            self.seconds_down += down
            of(fails=False)

    async def publish(self, worker: Reconciler) -> None:
        """A webhook of a release that is published while GitHub fails does not arrive."""
        began = self.world.clock.monotonic()
        moments = sorted(began + self.chance.uniform(0, DAY) for _ in range(RELEASES))
        for number, moment in enumerate(moments, 1):
            await self.world.clock.sleep(max(0.0, moment - self.world.clock.monotonic()))
            tag = f"v1.{number}.0"
            self.world.source.tags[tag] = sha_of(tag)
            published = a_published(tag, number, at=self.world.clock.now())
            self.github.published.insert(0, published)
            if not self.github.away:
                self.world.inbox.put(a_release(tag, key=published.event.key, accepted_at=self.world.clock.now()))
                worker.look_again()

    async def look(self, worker: Reconciler) -> None:
        while True:
            await worker.reconcile()
            self.accepted |= self.world.inbox.keys | {r.key for r in self.world.state.accepted}
            await self.world.clock.sleep(LOOK)


async def test_a_day_of_failures_needs_no_person() -> None:
    stack = replace(a_stack(), resume=Resume.TRANSIENT)
    world = World(stack)
    await world.live("v1.0.0")
    day, worker = Day(world, seed=19), world.worker()
    missed = MissedReleases(stack, world.ports, day.github, worker, every=CHECK, backoff=Backoff(lambda: 0.5))
    troubles = [asyncio.create_task(day.failures(each)) for each in (day.network, day.api)]
    working = [asyncio.create_task(each) for each in (day.look(worker), missed.run())]
    await day.publish(worker)
    for trouble in troubles:
        trouble.cancel()
    day.network(fails=False)
    day.api(fails=False)
    await world.clock.sleep(AFTERWARDS)
    for task in working:
        task.cancel()
    await asyncio.gather(*troubles, *working, return_exceptions=True)

    assert 2 / 3 - 0.2 < day.seconds_down / DAY < 2 / 3 + 0.2, "each of the two for a third of the day"
    assert (world.state.paused, world.state.accepted, world.state.rollout) == (False, (), None)
    assert world.state.current is not None
    assert (world.state.current.tag, world.outages) == (f"v1.{RELEASES}.0", [])
    successes = Counter(r.release.key for r, _ in world.publisher.results if r.status is RolloutStatus.SUCCESS)
    assert max(successes.values()) == 1, "no release is rolled out twice"
    ends = {entry.key for entry in world.publisher.entries if not entry.undecided}
    assert len(day.accepted) > RELEASES / 2
    assert day.accepted <= ends, "each accepted release has an end"
    retried = [data for kind, data in world.publisher.events if kind == "step.retrying"]
    assert len(retried) > RELEASES / 4, "the failures happened during rollouts"
