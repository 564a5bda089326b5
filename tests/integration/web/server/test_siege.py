"""Rows 18 and 19 in docs/reliability.md on the web process itself: its answers, latency and memory."""

import asyncio
import random
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.config.settings import WebSettings
from app.ledger import Ledger
from deploy.demo.processes import ROOT, running
from tests.examples import sha_of
from tests.fakes.world import World
from tests.integration.waiting import until
from tests.integration.web.deliveries import KeptConnection, release_body
from tests.integration.web.server.process import WebProcess, web_process
from workers.control.reconcile import Reconciler

pytestmark = pytest.mark.redis

SIEGE_SECONDS = 10.0
SERVED_SECONDS, SLOWER = 0.1, 10
"""The limit of the 95th percentile, and on a busy machine how much slower than without a siege it may be."""

FLAT_MIB = 64.0
"""The allowed growth: READERS small and LARGE_READERS large bodies, and what the allocator keeps of them."""

DELIVERIES, RELEASES, CONNECTIONS = 10_000, 200, 16
DECIDED_SECONDS = 300.0


async def served(process: WebProcess, seconds: float) -> tuple[list[float], float]:
    """Sends a steady stream of good deliveries; returns the time of each and the highest memory use."""
    took: list[float] = []
    most, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        with KeptConnection(process.public) as connection:
            began = time.perf_counter()
            status, _ = await connection.deliver(release_body(f"v1.{len(took)}.0", 100 + len(took)))
            took.append(time.perf_counter() - began)
        assert status in {200, 202}
        most = max(most, process.memory())
        await asyncio.sleep(0.02)
    return took, most


async def test_siege_leaves_latency_and_memory_flat(redis_url: str, namespace: str, tmp_path: Path) -> None:
    with web_process(redis_url, namespace, tmp_path) as process:
        quiet, _ = await served(process, 2)
        before = process.memory()
        command = [
            sys.executable,
            "-m",
            "tests.integration.web.server.attackers",
            process.public,
            str(SIEGE_SECONDS + 5),
        ]
        with running(command, {"PYTHONPATH": str(ROOT)}, tmp_path / "attackers.log"):
            await until(lambda: "refused" in process.log.read_text())
            took, most = await served(process, SIEGE_SECONDS)
        after = process.memory()
        again, _ = await served(process, 2)
        lines = process.lines()
    assert (tmp_path / "attackers.log").read_text() == ""
    of_hundred = statistics.quantiles(took, n=100)
    figures = {f"p{n}_ms": of_hundred[n - 1] * 1000 for n in (50, 95, 99)} | {"deliveries": len(took)}
    figures |= {"mib_before": before, "mib_most": most, "mib_after": after}
    print({name: round(value, 1) for name, value in figures.items()})
    unhindered = max(statistics.quantiles(each, n=20)[-1] for each in (quiet, again))
    assert of_hundred[94] < max(SERVED_SECONDS, SLOWER * unhindered)
    assert most - before < FLAT_MIB
    assert {line["level"] for line in lines} == {"info"}


def burst(tags: Sequence[str]) -> list[bytes]:
    """Several events for each release, most of them repeated, in random order."""
    bodies = [
        release_body(tag, 1000 + number, action=action)
        for number, tag in enumerate(tags)
        for action in ("created", "published", "released", "edited")
    ]
    chooser = random.Random(18)  # noqa: S311 - the same burst each time
    repeated = bodies + chooser.choices(bodies, k=DELIVERIES - len(bodies))
    chooser.shuffle(repeated)
    return repeated


async def test_burst_decides_each_release_once(
    worker: Reconciler, world: World, ledger: Ledger, settings: WebSettings, tmp_path: Path
) -> None:
    tags = [f"v2.{n}.0" for n in range(RELEASES)]
    world.source.tags |= {tag: sha_of(tag) for tag in tags}
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    queue = burst(tags)

    async def sender(process: WebProcess) -> None:
        with KeptConnection(process.public) as connection:
            while queue:
                body = queue.pop()
                status, content = await connection.deliver(body)
                assert status in {200, 202}
                if "release" in content:
                    answers[content["release"]["tag"]][content["status"]] += 1

    with web_process(settings.redis_url, settings.namespace, tmp_path) as process:
        await served_once(process)
        before, began = process.memory(), time.monotonic()
        await asyncio.gather(*(sender(process) for _ in range(CONNECTIONS)))
        took, after = time.monotonic() - began, process.memory()
        await until(lambda: is_done(ledger, tags[-1]), limit=DECIDED_SECONDS)
        assert {line["level"] for line in process.lines()} == {"info"}
    print({"seconds": round(took, 1), "per_second": round(DELIVERIES / took), "mib": (before, after)})
    assert after - before < FLAT_MIB
    assert {count["accepted"] for count in answers.values()} == {1}, "each release was accepted once"
    decided = Counter(entry.rollout_id for entry in await ledger.history(1_000))
    assert set(decided.values()) == {1}
    assert len(decided) == len(answers)


async def served_once(process: WebProcess) -> None:
    with KeptConnection(process.public) as connection:
        await connection.deliver(b"{}", event="ping")


async def is_done(ledger: Ledger, newest: str) -> bool:
    status = await ledger.status() or {}
    live = (status.get("current") or {}).get("tag")
    return live == newest and status["rollout"] is None and not status["queued"] and not await ledger.pending()
