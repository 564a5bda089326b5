"""What the tests do with a real worker in a swarm, its Traefiks and their clients: see rollout_lab.py."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.domain.release import Release, Trigger, new_rollout_id
from app.domain.stack import Color, Stack
from app.ledger import Ledger
from app.queue import Queue, open_pool
from deploy.demo.docker.engine import connected
from deploy.demo.docker.swarm import SwarmLab
from deploy.demo.processes import end_group, started
from deploy.demo.swarm.edge import TRAEFIK_SERVICE
from deploy.demo.swarm.place import WorkerPlace, worker_command
from deploy.demo.swarm.worker import stack_written
from tests.integration.engine.sample_stack import BLUE, BOT, GREEN
from tests.integration.swarm.lab_bots import Bots, bots_of
from tests.integration.swarm.lab_clients import Seen, clients_of
from tests.integration.swarm.swarm_sample import SwarmSample
from tests.integration.waiting import until

COLORS = {Color.BLUE: BLUE, Color.GREEN: GREEN}
NAMESPACE = "swarm-test"
Worker = subprocess.Popen[bytes]
PAST = {"live_color_restarted"}
"""Alarms of what was: this one is reported for a minute."""

STEP_SECONDS = 600.0
"""For each wait of the tests: nodes and worker share two busy cores."""


def say(text: str) -> None:
    print(f"[lab] {text}", file=sys.stderr, flush=True)


def kill(worker: Worker) -> None:
    """At once, with all that it started."""
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


@dataclass
class RolloutLab:
    """`directory`: all files of the worker. `urls`: of the Traefiks of the first two nodes."""

    swarm: SwarmLab
    sample: SwarmSample
    stack: Stack
    directory: Path
    redis_url: str
    urls: tuple[str, ...]
    place: WorkerPlace

    @contextlib.contextmanager
    def worker(self, name: str = "worker", data: str = "data", place: int = 0) -> Iterator[Worker]:
        """Runs a worker in the network of a container in the stack's overlay, as a worker's container would be.

        `place`: the number of its node, from 0 on.
        """
        node, pickled = self.swarm.nodes[place], self.directory / "stack.pickle"
        stack_written(pickled, self.stack)
        env = {
            "REDIS_URL": self.redis_url,
            "UPDATER_NAMESPACE": NAMESPACE,
            "UPDATER_DATA_DIR": str(self.directory / data),
            "DOCKER_HOST": node.host,
            "AUTO_UPDATE_CHECK_INTERVAL_MINUTES": "0",
        }
        process = started(worker_command(self.place.on(node.host), pickled), env, self.directory / f"{name}.log")
        try:
            yield process
        finally:
            end_group(process)

    @contextlib.asynccontextmanager
    async def ledger(self) -> AsyncIterator[tuple[Ledger, Queue]]:
        async with contextlib.aclosing(open_pool(self.redis_url, NAMESPACE)) as pool:
            yield Ledger(pool, NAMESPACE), Queue(pool)

    async def deploy(self, tag: str) -> dict[str, Any]:
        """Accepts the release, as web does, and returns the result of its rollout."""
        rollout_id = new_rollout_id()
        release = Release(f"manual:{rollout_id}", tag, rollout_id, Trigger.MANUAL, datetime.now(UTC))
        async with self.ledger() as (ledger, queue):
            await ledger.accept(release)
            await queue.nudge()
            return await self._result(ledger, release.rollout_id)

    async def roll_back(self) -> dict[str, Any]:
        async with self.ledger() as (ledger, queue):
            answer = await queue.ask("rollback", None, False)
            await queue.nudge()
            return await self._result(ledger, answer["rollout_id"])

    async def ask(self, question: str) -> dict[str, Any]:
        async with self.ledger() as (_, queue):
            return await queue.ask(question)

    def with_times(self, **seconds: float) -> None:
        """For workers that are started later."""
        self.stack = replace(self.stack, times=replace(self.stack.times, **seconds))

    def with_bot_on(self, node: str) -> None:
        """Keeps the bot on that node, and lets flips need the first Traefik alone."""
        singletons = tuple(replace(each, node=node) for each in self.stack.singletons)
        points = {name: replace(point, others=()) for name, point in self.stack.traefik.entrypoints.items()}
        traefik = replace(self.stack.traefik, entrypoints=points)
        self.stack = replace(self.stack, singletons=singletons, traefik=traefik)

    async def status(self) -> dict[str, Any]:
        async with self.ledger() as (ledger, _):
            return await ledger.status() or {}

    async def until_reached(self, tag: str, step: str) -> None:
        """Waits until the rollout of `tag` is at that step, or past it."""

        async def is_there() -> bool:
            rollout = (await self.status()).get("rollout") or {}
            steps = list(rollout.get("steps") or ())
            if rollout.get("tag") != tag or rollout["step"] not in steps:
                return False
            return steps.index(rollout["step"]) >= steps.index(step)

        await until(is_there, STEP_SECONDS)

    async def converged(self, tag: str, copies: int) -> float:
        """Waits until `tag` is live with all copies, one bot runs and nothing is under way. Returns the seconds."""
        began = time.monotonic()

        async def is_over() -> bool:
            status = await self.status()
            if status.get("state") != "idle" or (status.get("current") or {}).get("tag") != tag:
                return False
            if {each["kind"] for each in status["alarms"]} - PAST:
                return False
            engine, live = self.sample.engine, COLORS[Color(status["active_color"])]
            found = {name: [i for i in await engine.find(name) if i.running] for name in (live, BOT)}
            return (len(found[live]), len(found[BOT])) == (copies, 1)

        await until(is_over, STEP_SECONDS)
        return time.monotonic() - began

    async def until_paused(self) -> None:
        async def is_paused() -> bool:
            status = await self.status()
            return bool(status.get("paused")) and status.get("state") == "idle"

        await until(is_paused, STEP_SECONDS)

    async def until_alarm(self, kind: str | None) -> None:
        """Waits for that alarm; None: for none of a singleton."""

        async def is_raised() -> bool:
            alarms = {each["kind"] for each in (await self.status()).get("alarms", ())}
            return kind in alarms if kind else not any(each.startswith("singleton") for each in alarms)

        await until(is_raised, STEP_SECONDS)

    @contextlib.contextmanager
    def frozen_traefik(self, number: int) -> Iterator[None]:
        """The Traefik of that node, from 0 on, answers nothing meanwhile."""
        with connected(self.swarm.nodes[number].host) as client:
            (container,) = client.containers.list(filters={"label": f"com.docker.swarm.service.name={TRAEFIK_SERVICE}"})
            container.pause()
            try:
                yield
            finally:
                container.unpause()

    async def _result(self, ledger: Ledger, rollout_id: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = []

        async def has_ended() -> bool:
            found[:] = [result] if (result := await ledger.result(rollout_id)) else []
            return bool(found)

        await until(has_ended, STEP_SECONDS)
        return found[0]

    @contextlib.asynccontextmanager
    async def watched(self, what: str) -> AsyncIterator[tuple[list[Seen], Bots]]:
        """Asks each Traefik and counts bots all the time. At the end it says what was seen."""
        began = time.monotonic()
        async with self.clients() as seen, bots_of(self.swarm.nodes, f"{self.stack.project}_{BOT}") as bots:
            yield seen, bots
            assert bots.looks > 0
        requests, failed = sum(s.requests for s in seen), [len(s.failures) for s in seen]
        say(f"{what}: {time.monotonic() - began:.1f} s, {requests} requests, {failed} failed, bots {bots.most}")

    def clients(self) -> contextlib.AbstractAsyncContextManager[list[Seen]]:
        """Asks each Traefik all the time."""
        return clients_of(self.urls)
