"""A rollout is one trace, whatever happens to its workers, and its log lines carry the id."""

import pytest
import structlog

from app.api.rollout import Record, Result
from app.domain.history import HistoryEntry
from app.domain.rollout import Rollout
from app.domain.trace import trace_id_of, trace_of
from tests.examples import a_release
from tests.fakes.tracing import FakeTracing
from tests.fakes.world import World
from tests.unit.workers.rollout.test_recovery import crash_after, start_again

RELEASE = a_release()
TRACE = trace_id_of(RELEASE.rollout_id)


@pytest.fixture
def tracing(world: World) -> FakeTracing:
    world.tracing = tracing = FakeTracing()
    return tracing


def names(rollout: Rollout) -> list[str]:
    trace = trace_of(rollout)
    assert trace is not None
    return [span.name for span in trace.steps]


async def test_an_ended_rollout_is_traced_once(world: World, tracing: FakeTracing) -> None:
    world.inbox.put(RELEASE)
    await world.worker().reconcile()
    (rollout,) = tracing.rollouts
    assert (rollout.trace_id, names(rollout)[0], names(rollout)[-1]) == (TRACE, "preflight", "prune")


async def test_history_record_and_result_carry_the_id(world: World, tracing: FakeTracing) -> None:
    world.inbox.put(RELEASE)
    await world.worker().reconcile()
    ((rollout, state),) = world.publisher.results
    shown = (HistoryEntry.of(rollout), Record.of(rollout), Result.of(rollout, state))
    assert {each.trace_id for each in shown} == {TRACE}


async def test_a_rollout_that_another_worker_continues_is_one_trace(world: World, tracing: FakeTracing) -> None:
    await crash_after(world, "bake")
    assert tracing.rollouts == []
    await start_again(world)
    (rollout,) = tracing.rollouts
    assert rollout.trace_id == TRACE
    assert {"preflight", "route_switch", "resume_check", "bake"} <= set(names(rollout))


async def test_a_release_that_begins_again_stays_in_its_trace(world: World, tracing: FakeTracing) -> None:
    await crash_after(world, "docker_build")
    await start_again(world)
    interrupted, second = tracing.rollouts
    assert interrupted.trace_id == second.trace_id == TRACE
    first, again = trace_of(interrupted), trace_of(second)
    assert first is not None
    assert again is not None
    assert first.rollout.id != again.rollout.id


async def test_without_tracing_nothing_has_a_trace_id(world: World) -> None:
    world.inbox.put(RELEASE)
    await world.worker().reconcile()
    ((rollout, _),) = world.publisher.results
    assert rollout.trace_id is None


async def test_log_lines_carry_the_id(world: World, tracing: FakeTracing) -> None:
    world.inbox.put(RELEASE)
    ids = [structlog.contextvars.merge_contextvars]
    with structlog.testing.capture_logs(processors=ids) as lines:
        await world.worker().reconcile()
    ended = next(line for line in lines if line["event"] == "rollout ended")
    assert (ended["trace_id"], ended["rollout_id"]) == (TRACE, RELEASE.rollout_id)
    assert structlog.contextvars.get_contextvars() == {}


async def test_log_lines_of_a_recovery_carry_the_id(world: World, tracing: FakeTracing) -> None:
    await crash_after(world, "bake")
    seen: list[dict[str, object]] = []
    world.publisher.heard = lambda *_: seen.append(structlog.contextvars.get_contextvars())
    await start_again(world)
    assert {"rollout_id": RELEASE.rollout_id, "trace_id": TRACE} in seen
