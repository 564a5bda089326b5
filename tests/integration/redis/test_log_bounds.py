"""What a release prints stays within bounds, on disk and in a real Redis as the production stack runs it."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import yaml
from redis.asyncio import Redis

from app.domain.long_lines import LINE_BYTES
from app.domain.rollout import RolloutStatus
from app.domain.state import State
from app.ledger import HISTORY_KEPT, LOG_LINES_KEPT, Ledger
from app.ledger.streams import LOG_BYTES_KEPT, LOGS_BYTES_KEPT
from deploy.demo.processes import ROOT
from tests.examples import NOW, a_history_entry, a_release, a_rollout, a_stack
from tests.integration.redis.redis_servers import OwnRedis
from tests.integration.waiting import until
from tests.running import running
from workers.adapters.disk.history_file import HistoryFile
from workers.adapters.disk.rollout_logs import RolloutLogs
from workers.adapters.machine import SystemClock
from workers.adapters.publisher import GAP, WAITING_BYTES, LedgerPublisher
from workers.ports.storage import LOG_BYTES
from workers.rollout.pipeline import step_ids

pytestmark = pytest.mark.redis

LONG = "x" * 100_000
TEN_TIMES = 20_000
"""Ten times the 2,000 lines of 100 kB with which Redis once grew by 169 MiB."""

OVERHEAD = 1.3
"""How much more memory Redis uses than the bytes that the ledger counts. 1.01 was measured with the C library's malloc,
1.26 to 1.29 with jemalloc (the distribution's Redis, and the image's), which gives a line of 4 KiB 5 KiB."""

MOST_BYTES = 160 * 1024**2


@pytest.fixture
async def client(own_server: OwnRedis) -> AsyncIterator[Redis]:
    """Redis with the memory limit of the production stack."""
    client = Redis.from_url(own_server.url)
    await client.config_set("maxmemory", str(MOST_BYTES))
    yield client
    await client.aclose()


@pytest.fixture
def ledger(client: Redis) -> Ledger:
    return Ledger(client, "x")


@pytest.fixture
def publisher(ledger: Ledger, tmp_path: Path) -> LedgerPublisher:
    history, logs = HistoryFile(tmp_path / "history.jsonl"), RolloutLogs(tmp_path / "logs")
    return LedgerPublisher(ledger, partial(step_ids, a_stack()), history, logs, SystemClock())


async def memory(client: Redis) -> int:
    """Without the buffers of connections and of the append-only file, which Redis frees when it has time."""
    found = await client.info("memory")
    return int(found["used_memory"]) - int(found["mem_clients_normal"]) - int(found["mem_aof_buffer"])


async def falls_to(client: Redis, most: float) -> None:
    """Waits until Redis uses no more than `most` bytes: it frees its buffers when it has time. Raises TimeoutError."""

    async def fits() -> bool:
        return await memory(client) <= most

    await until(fits)


async def lines_of(client: Redis, rollout: str) -> list[str]:
    return [fields[b"line"].decode() for _, fields in await client.xrange(f"x:log:{rollout}")]


def test_measured_limit_is_the_production_stacks() -> None:
    command = yaml.safe_load((ROOT / "deploy" / "docker-compose.yml").read_text())["services"]["redis"]["command"]
    assert f"--maxmemory {MOST_BYTES // 1024**2}mb" in command


async def test_one_log_is_bounded_at_ten_times_the_load(
    publisher: LedgerPublisher, ledger: Ledger, client: Redis, tmp_path: Path
) -> None:
    async with running(publisher):
        publisher.line("r-0", "the first line")
        await publisher.flush()
        before = await memory(client)  # with the scripts, which Redis keeps once
        for number in range(TEN_TIMES):
            publisher.line("r-1", f"{number:05} {LONG}")
            if number % 500 == 0:
                await publisher.flush()
        publisher.line("r-1", "the end")
        await publisher.flush()
    await falls_to(client, before + OVERHEAD * LOG_BYTES_KEPT)
    kept = await lines_of(client, "r-1")
    assert (kept[-1], kept[-2][:5]) == ("the end", f"{TEN_TIMES - 1:05}")
    assert kept[-2].endswith("[cut: the line had 100006 bytes]")
    assert sum(len(line.encode()) for line in kept) <= LOG_BYTES_KEPT
    assert max(len(line.encode()) for line in kept) <= LINE_BYTES
    assert await ledger.lines_dropped("r-1") == TEN_TIMES + 1 - len(kept)
    files = list((tmp_path / "logs").iterdir())
    assert sum(file.stat().st_size for file in files) <= LOG_BYTES
    assert (tmp_path / "logs" / "r-1.log").read_text().endswith(" the end\n")


async def test_all_logs_are_bounded_at_ten_times_the_load(publisher: LedgerPublisher, client: Redis) -> None:
    before, rollouts = await memory(client), 40
    async with running(publisher):
        for number in range(TEN_TIMES):
            publisher.line(f"r-{number * rollouts // TEN_TIMES}", LONG)
            if number % 500 == 0:
                await publisher.flush()
        await publisher.flush()
    await falls_to(client, before + OVERHEAD * LOGS_BYTES_KEPT)
    kept = {n for n in range(rollouts) if await client.exists(f"x:log:r-{n}")}
    assert kept == set(range(min(kept), rollouts)), "the oldest logs went first"
    assert 10 < len(kept) < rollouts
    assert {key.decode() for key in await client.zrange("x:logs", 0, -1)} == {f"r-{n}" for n in kept}


async def test_short_lines_are_bounded_by_their_number(ledger: Ledger, client: Redis) -> None:
    for start in range(0, LOG_LINES_KEPT + 400, 200):
        await ledger.append_log("r-1", [f"line {start + n}" for n in range(200)])
    kept = await lines_of(client, "r-1")
    assert (len(kept), kept[0], kept[-1]) == (LOG_LINES_KEPT, "line 400", f"line {LOG_LINES_KEPT + 399}")
    assert await ledger.lines_dropped("r-1") == 400


async def test_oldest_log_goes_first_also_within_one_second(ledger: Ledger, client: Redis) -> None:
    """Their ids sort in the other order."""
    ledger.logs_bytes_kept = 10_000
    for rollout in ("r-9", "r-10", "r-11"):
        await ledger.append_log(rollout, ["x" * 4000])
    assert [key.decode() for key in await client.zrange("x:logs", 0, -1)] == ["r-10", "r-11"]


async def test_expired_log_frees_its_share(ledger: Ledger, client: Redis) -> None:
    ledger.logs_bytes_kept = 10_000
    await ledger.append_log("r-old", ["x" * 4000] * 2)
    await client.delete("x:log:r-old")
    await client.zadd("x:logs", {"r-old": 0})
    await ledger.append_log("r-1", ["x" * 4000])
    await ledger.append_log("r-2", ["x" * 4000])
    assert [len(await lines_of(client, f"r-{n}")) for n in (1, 2)] == [1, 1]
    assert await client.hkeys("x:logs:bytes") == [b"r-1", b"r-2"]  # type: ignore[misc]


async def test_waiting_lines_are_bounded_while_redis_is_away(
    publisher: LedgerPublisher, own_server: OwnRedis, client: Redis, tmp_path: Path
) -> None:
    """Nothing is written before the publisher runs, as while Redis hangs."""
    count = 2 * WAITING_BYTES // LINE_BYTES
    for number in range(count):
        publisher.line("r-1", f"{number:05} {LONG}")
    async with running(publisher):
        await publisher.flush()
        publisher.line("r-1", "again")
        await publisher.flush()
    kept = await lines_of(client, "r-1")
    assert kept[-2:] == [GAP, "again"]
    assert kept.count(GAP) == 1
    assert (tmp_path / "logs" / "r-1.log").read_text().endswith(" again\n")


async def test_record_of_a_failed_release_is_brief(publisher: LedgerPublisher, ledger: Ledger, client: Redis) -> None:
    failed = a_rollout(error=f"docker_build: it failed\n  | {LONG}\n  | {LONG}", warnings=(LONG,))
    ended = failed.finish(RolloutStatus.FAILED, NOW)
    state = State(paused=True, pause_reason=f"v1.1.0 is not live. {ended.error}\nUnpause then.")
    before = await memory(client)
    async with running(publisher):
        publisher.status(state)
        publisher.event("step.failed", rollout_id=ended.id, error=ended.error)
        publisher.keep(ended, state)
        publisher.result(ended, state)
        await publisher.flush()
    await falls_to(client, before + 500_000)  # the output is 2 MB as it was printed
    status = await ledger.status()
    assert status is not None
    assert status["pause_reason"].endswith("Unpause then.")
    assert "[cut: the line had 100004 bytes]" in status["pause_reason"]


async def test_oldest_entry_takes_its_record_and_log_along(ledger: Ledger, client: Redis) -> None:
    ledger.history_kept = 3
    for n in range(5):
        await ledger.publish_record({"rollout_id": f"r-{n}"})
        await ledger.append_log(f"r-{n}", ["a line"])
        await ledger.record_result({"rollout_id": f"r-{n}"}, a_history_entry(f"r-{n}"))
    assert [entry.rollout_id for entry in await ledger.history(10)] == ["r-4", "r-3", "r-2"]
    left = {key.decode() for kind in ("rollout", "result", "log") for key in await client.keys(f"x:{kind}:*")}
    assert left == {f"x:{kind}:r-{n}" for kind in ("rollout", "result", "log") for n in (2, 3, 4)}
    assert {key.decode() for key in await client.zrange("x:logs", 0, -1)} == {"r-2", "r-3", "r-4"}


async def test_full_history_of_failures_leaves_room(publisher: LedgerPublisher, client: Redis) -> None:
    """Every release that the history keeps failed with long output, and all logs are full."""
    before, measured = await memory(client), 100
    error = "\n".join(["docker_build: it failed", *(f"  | {LONG}" for _ in range(8))])
    async with running(publisher):
        for n in range(measured):
            ended = a_rollout(release=a_release(rollout_id=f"r-{n}"), error=error).finish(RolloutStatus.FAILED, NOW)
            publisher.event("step.failed", rollout_id=ended.id, error=error)
            publisher.result(ended, State(paused=True, pause_reason=error))
            await publisher.flush()
    of_all = (await memory(client) - before) * HISTORY_KEPT // measured
    assert of_all + OVERHEAD * LOGS_BYTES_KEPT < MOST_BYTES
