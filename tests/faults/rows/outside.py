"""Faults around the updater: a burst of deliveries, a broken network, a long pause, commands by hand."""

import asyncio
import os
import random
import re
import subprocess
import sys
from typing import Any

import redis

from deploy.demo.client_access import TIMES
from deploy.demo.compose import COMPOSE_SECONDS
from deploy.demo.processes import ROOT
from tests.downloads import downloads, seen_from_builds
from tests.faults.breakage.listeners import Listener, black_hole, broken_off
from tests.faults.kill_points import until
from tests.faults.observers import converge, history
from tests.faults.scenario import Scenario, row
from tests.faults.stage import NAMESPACE, Stage
from workers.adapters.docker_host.compose.program import find_compose

RELEASES = 12
DELIVERIES = 1_000
AT_ONCE = 20
TESTS_SECONDS = 1200.0
FETCH_SECONDS = 4.0
TRIES = (2, 3)
"""The fewest and the most attempts for a release whose network is cut, within `times/retry`."""

FINAL = {"success", "superseded", "failed", "rolled_back", "cancelled"}


@row(
    18,
    f"{DELIVERIES:,} deliveries in a burst: duplicates, replays, out of order",
    "C; each release is decided once",
    minutes=0.8,
)
async def burst(scenario: Scenario) -> None:
    stage = scenario.stage
    tags = {stage.next_tag(): next(stage.home.release_ids) for _ in range(RELEASES)}
    for tag in tags:
        stage.home.release(tag)
    chosen = [(tag, f"delivery-{tag}-{n % 3}") for n in range(DELIVERIES // RELEASES) for tag in tags]
    random.shuffle(chosen)
    turn, accepted, other = asyncio.Semaphore(AT_ONCE), [], set()

    async def deliver(tag: str, delivery: str) -> None:
        async with turn:
            answer = await stage.deliver(tag, tags[tag], delivery)
            if answer.status_code == 202:
                accepted.append(tag)
            elif answer.status_code != 200:
                other.add(answer.status_code)

    await asyncio.gather(*(deliver(tag, delivery) for tag, delivery in chosen))
    scenario.result.expect(not other, f"unexpected answers to deliveries: {sorted(other)}")
    scenario.result.expect(len(accepted) == len(set(accepted)), f"accepted twice: {sorted(accepted)}")
    newest = list(tags)[-1]
    await scenario.went_live(newest, f"{len(chosen)} deliveries of {RELEASES} releases")
    scenario.result.repeats = len(chosen)
    entries = [e for e in await history(stage) if e["result"] in FINAL]
    for tag in accepted:
        decided = [e["result"] for e in entries if e["tag"] == tag]
        scenario.result.expect(len(decided) == 1, f"{tag} was accepted with 202, and its decisions are {decided}")


@row(22, "the network is cut in mid-fetch and in mid-build", "A F; bounded retries; E", minutes=0.8)
async def network_cut(scenario: Scenario) -> None:
    stage, old, kept = scenario.stage, await scenario.live_tag(), await scenario.idle_kept()
    source = stage.home.repository.url
    with black_hole() as hole:
        stage.configure(source=f"https://127.0.0.1:{hole.port}/stack.git", times={"fetch": FETCH_SECONDS})
        await scenario.publish()
        await scenario.went_back(old, "the fetch hung", idle_kept=kept)
        _tried(scenario, hole, "the fetch")
    stage.configure(source=source, times={"fetch": TIMES["fetch"]})
    gateway = seen_from_builds(stage.home.engine.host)
    with broken_off(gateway) as broken:
        await scenario.publish(edit=lambda tree: downloads(tree, f"http://{gateway}:{broken.port}/"))
        await scenario.went_back(old, "a download in the build broke off", idle_kept=kept)
        _tried(scenario, broken, "the build")
    await scenario.went_live(await scenario.publish(), "after the network is back")


def _tried(scenario: Scenario, listener: Listener, what: str) -> None:
    """Checks the number of attempts, counted by the listener's connections."""
    tries = listener.connections
    fewest, most = TRIES
    scenario.result.expect(fewest <= tries <= most, f"{what} was tried {tries} times, expected {fewest} to {most}")
    scenario.result.notes.append(f"{what} was tried {tries} times")


@row(24, "paused for more than 24 h with releases waiting; everything restarted", "C; the pause survives", minutes=0.6)
async def long_pause(scenario: Scenario) -> None:
    stage, old = scenario.stage, await scenario.live_tag()
    reason = "an operator checks the numbers first, for longer than a day"
    await stage.home.post("/update/pause", {"reason": reason})
    older, newer = await scenario.publish(), await scenario.publish()
    await stage.home.holds({older, newer})
    with redis.Redis.from_url(stage.redis_server.url, socket_timeout=60) as client:
        client.delete(f"{NAMESPACE}:queue", *client.scan_iter("arq:*"))  # arq keeps a queued job for 24 h
    epoch = stage.journal()["epoch"]
    for name in ("worker", "web"):
        stage.kill(name)
    stage.redis_server.kill()
    stage.redis_server.start()
    for name in ("web", "worker"):
        stage.home.start(name)
    await until(stage, None, lambda state: bool(state.get("epoch", 0) > epoch))  # before, /status is the old worker's
    scenario.result.converged(await converge(stage, old))
    status = await stage.home.get("/status")
    kept = (status["paused"], status["pause_reason"], set(status["held"]))
    scenario.result.expect(kept == (True, reason, {older, newer}), f"after the restart: {kept}")
    await scenario.unpause("a long pause")
    await scenario.went_live(newer, "unpaused after a long pause")
    decided = [e["result"] for e in await history(stage) if e["tag"] == older]
    scenario.result.expect(decided == ["superseded"], f"{older} was waiting too, and its decision is {decided}")
    scenario.result.notes.append("arq keeps jobs for a day: the row deletes them instead of waiting a day")


@row(27, "`docker compose up -d` by hand; `down --remove-orphans`, then `up -d`",
     "the live color is not recreated; restored after the second", quiet=False, minutes=0.7)  # fmt: skip
async def by_hand(scenario: Scenario) -> None:
    stage = scenario.stage
    tag = await scenario.publish()
    await scenario.went_live(tag, "before commands by hand")
    env, report = stage.home.live / ".env", scenario.watch.load.report
    before, text = _live(stage), env.read_text()
    data = stage.home.directory / "data"
    env.write_text(
        f"{text}COMPOSE_PROJECT_NAME={stage.home.project}\nCOMPOSE_FILE={data}/releases/current/compose.json\n"
    )
    try:
        await asyncio.to_thread(_compose, stage, "up", "--detach")
        changed = {name for name, at in before.items() if _live(stage).get(name) != at}
        scenario.result.expect(not changed, f"`up -d` recreated or restarted {sorted(changed)}")
        scenario.result.expect(report.failed == 0, f"{report.failed} requests failed in `up -d`: {report.failures[:3]}")
        scenario.result.converged(await converge(stage, tag))
        await asyncio.to_thread(_compose, stage, "down", "--remove-orphans")
        await asyncio.to_thread(_compose, stage, "up", "--detach")
        scenario.result.converged(await converge(stage, tag))
        scenario.result.repeats += 2
    finally:
        env.write_text(text)
    await scenario.went_live(await scenario.publish(), "the release after `down` and `up -d`")


def _live(stage: Stage) -> dict[str, Any]:
    running = stage.home.containers(running_only=True)
    return {c["Config"]["Labels"]["com.docker.compose.service"]: (c["Id"], c["State"]["StartedAt"]) for c in running}


def _compose(stage: Stage, *words: str) -> None:
    """Runs `docker compose` in the live directory, as an operator does. Raises RuntimeError with Compose's output."""
    env = {"PATH": os.environ["PATH"], "DOCKER_HOST": stage.home.engine.host, "COMPOSE_BAKE": "false"}
    done = subprocess.run(
        [*find_compose(), *words],
        cwd=stage.home.live,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=COMPOSE_SECONDS,
    )
    if done.returncode:
        raise RuntimeError(f"docker compose {' '.join(words)} failed: {(done.stdout + done.stderr)[-1500:]}")


@row(
    19,
    "slow-loris, 100 MB bodies, chunks, gzip, NUL, nesting",
    "4xx or a time-out; memory flat",
    by_tests=True,
    minutes=0.6,
)
async def siege(scenario: Scenario) -> None:
    await _shown_by(scenario, "tests/integration/web/server/test_siege.py")


@row(20, "signature absent, wrong, sha1, non-ASCII, doubled", "401", by_tests=True, minutes=0.4)
async def signatures(scenario: Scenario) -> None:
    await _shown_by(scenario, "tests/integration/web/test_receiver.py")


async def _shown_by(scenario: Scenario, file: str) -> None:
    """Runs a test file on the web process itself: these faults need no stack."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", file]
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=TESTS_SECONDS
    )
    scenario.result.expect(done.returncode == 0, f"{file} failed:\n{done.stdout[-2000:]}")
    passed = re.search(r"(\d+) passed", done.stdout)
    scenario.result.repeats += int(passed[1]) if passed else 0
    scenario.result.notes.append(f"shown by {file}")
