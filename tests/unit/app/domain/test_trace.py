import re
from datetime import timedelta

from app.domain.errors import BakeFailed
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.step import BAKE, PREFLIGHT, ROUTE_SWITCH
from app.domain.trace import Trace, trace_id_of, trace_of
from tests.examples import NOW, a_rollout

SECOND = timedelta(seconds=1)


def traced(rollout: Rollout) -> Trace:
    trace = trace_of(rollout)
    assert trace is not None
    return trace


def begun() -> Rollout:
    return a_rollout(trace_id=trace_id_of("r-v1.1.0"))


def test_each_step_is_a_span_with_its_evidence() -> None:
    rollout = begun().begin(ROUTE_SWITCH, NOW + SECOND)
    traffic = {"api": {"requests": 9, "errors": 0}}
    rollout = rollout.end(ROUTE_SWITCH, 0.25, {"flip_ms": 142.5, "color": "green"}).begin(BAKE, NOW + 2 * SECOND)
    rollout = rollout.end(BAKE, 5.0, {"requests": 310, "traffic": traffic, "seen": ["api", "web"]})
    trace = traced(rollout.finish(RolloutStatus.SUCCESS, NOW + 7 * SECOND))
    flip, bake = trace.steps
    assert (flip.name, flip.started_at, flip.ended_at) == (
        "route_switch",
        NOW + SECOND,
        NOW + timedelta(seconds=1.25),
    )
    assert flip.attributes == {
        "updater.step": "route_switch",
        "updater.evidence.flip_ms": 142.5,
        "updater.evidence.color": "green",
    }
    assert bake.attributes["updater.evidence.traffic"] == '{"api": {"errors": 0, "requests": 9}}'
    assert bake.attributes["updater.evidence.seen"] == ("api", "web")
    assert (trace.rollout.started_at, trace.rollout.ended_at, trace.rollout.error) == (NOW, NOW + 7 * SECOND, None)
    assert trace.rollout.attributes["updater.result"] == "success"
    assert trace.rollout.attributes["updater.tag"] == "v1.1.0"


def test_a_failed_step_and_its_rollout_say_why() -> None:
    rollout = begun().begin(BAKE, NOW).fail(BAKE, 3.0, "HTTP 500").roll_back(BakeFailed("HTTP 500"), "bake: HTTP 500")
    trace = traced(rollout.finish(RolloutStatus.ROLLED_BACK, NOW + 9 * SECOND))
    assert (trace.steps[0].error, trace.rollout.error) == ("HTTP 500", "bake: HTTP 500")
    assert trace.rollout.attributes["updater.reason_code"] == BakeFailed.code


def test_an_interrupted_step_ends_where_the_next_one_begins() -> None:
    rollout = begun().begin(PREFLIGHT, NOW).begin(BAKE, NOW + 4 * SECOND)
    first, last = traced(rollout.finish(RolloutStatus.FAILED, NOW + 6 * SECOND)).steps
    assert (first.ended_at, last.ended_at) == (NOW + 4 * SECOND, NOW + 6 * SECOND)
    assert first.attributes["updater.interrupted"] is True


def test_no_span_ends_before_it_begins() -> None:
    """The clock may be set back while a rollout runs."""
    rollout = begun().begin(PREFLIGHT, NOW).begin(BAKE, NOW - 100 * SECOND).end(BAKE, 5.0, {})
    trace = traced(rollout.finish(RolloutStatus.SUCCESS, NOW - 90 * SECOND))
    spans = (trace.rollout, *trace.steps)
    assert all(span.ended_at >= span.started_at for span in spans)


def test_ids_derive_from_the_rollout() -> None:
    ended = begun().begin(PREFLIGHT, NOW).begin(BAKE, NOW).finish(RolloutStatus.FAILED, NOW)
    trace = traced(ended)
    assert trace == traced(ended)
    assert re.fullmatch("[0-9a-f]{32}", trace.id)
    ids = {span.id for span in (trace.rollout, *trace.steps)}
    assert len(ids) == 3
    assert all(re.fullmatch("[0-9a-f]{16}", span_id) for span_id in ids)
    again = traced(a_rollout(trace_id=trace.id, started_at=NOW + SECOND).finish(RolloutStatus.SUCCESS, NOW + SECOND))
    assert (again.id, again.rollout.id in ids) == (trace.id, False)


def test_a_rollout_without_a_trace_id_has_no_trace() -> None:
    assert trace_of(a_rollout().finish(RolloutStatus.SUCCESS, NOW)) is None
    assert trace_of(begun()) is None
