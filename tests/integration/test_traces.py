"""Real traces: OpenTelemetry's own SDK, and a real collector that takes them, refuses them, or never answers."""

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import structlog

from app.config.settings import WorkerSettings
from app.domain.json_value import with_strings
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.step import BAKE, PREFLIGHT
from app.domain.trace import trace_id_of
from tests.examples import NOW, a_release, a_rollout, a_stack
from tests.integration.otlp_collector import Collector, attributes, collecting
from tests.integration.waiting import until
from tests.integration.web.conftest import a_world
from workers.adapters.tracing.otlp import EXPORT_SECONDS, NOT_INSTALLED, otlp_sender
from workers.adapters.tracing.trace_export import CLOSE_SECONDS, WAITING_MOST, TraceExport
from workers.wiring import tracing_of

AT_ONCE = 1.0
"""The limit of what only puts a rollout into a queue, on a busy machine."""

NEEDED = {"REDIS_URL": "redis://h", "UPDATER_TRAEFIK_DYNAMIC_PATH": "/routes"}
ERROR = 2
"""https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as one:
        yield one


def exporting(collector: Collector, **headers: str) -> TraceExport:
    return TraceExport(partial(otlp_sender, collector.url, headers, "shop"), hide=hide)


def hide(value: Any) -> Any:
    return with_strings(value, lambda text: text.replace('can"ary', "[hidden]"))


@asynccontextmanager
async def closing(tracing: TraceExport) -> AsyncIterator[TraceExport]:
    async with aclosing(tracing):
        yield tracing


def ended(number: int = 1) -> Rollout:
    rollout_id = f"r-{number}"
    release = replace(a_release(), rollout_id=rollout_id)
    rollout = a_rollout(release=release, trace_id=trace_id_of(rollout_id))
    rollout = rollout.begin(PREFLIGHT, NOW).end(
        PREFLIGHT, 0.5, {"disk_gb": 40, "seen": ["web"], "api": {"said": 'can"ary'}}
    )
    rollout = rollout.begin(BAKE, NOW).fail(BAKE, 2.0, 'HTTP 500 can"ary')
    return rollout.finish(RolloutStatus.ROLLED_BACK, NOW)


async def test_a_rollout_arrives_as_one_trace(collector: Collector) -> None:
    async with closing(exporting(collector, authorization="Bearer t")) as tracing:
        tracing.ended(ended())
        await until(lambda: bool(collector.requests))
    root, preflight, bake = collector.spans
    assert {span.trace_id.hex() for span in collector.spans} == {trace_id_of("r-1")}
    assert (root.name, root.parent_span_id) == ("rollout", b"")
    assert {preflight.parent_span_id, bake.parent_span_id} == {root.span_id}
    assert attributes(preflight.attributes) == {
        "updater.step": "preflight",
        "updater.evidence.disk_gb": 40,
        "updater.evidence.seen": ["web"],
        "updater.evidence.api": '{"said": "[hidden]"}',
    }
    assert preflight.end_time_unix_nano - preflight.start_time_unix_nano == 500_000_000
    assert (bake.status.code, bake.status.message) == (ERROR, "HTTP 500 [hidden]")
    assert attributes(root.attributes)["updater.result"] == "rolled_back"
    assert (collector.resource["service.name"], collector.resource["updater.project"]) == ("zetherion-updater", "shop")
    ((path, headers),) = collector.asked
    assert (path, headers["authorization"]) == ("/v1/traces", "Bearer t")


async def test_the_operators_service_name_wins(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop-updater")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=production")
    async with closing(exporting(collector)) as tracing:
        tracing.ended(ended())
        await until(lambda: bool(collector.requests))
    assert collector.resource["service.name"] == "shop-updater"
    assert collector.resource["deployment.environment.name"] == "production"


async def test_a_collector_that_hangs_delays_no_rollout(collector: Collector) -> None:
    collector.status = None
    world, began = a_world(), time.monotonic()
    await world.live("v1.0.0")
    async with closing(exporting(collector)) as tracing:
        world.tracing = tracing
        for tag in ("v1.1.0", "v1.2.0"):
            world.inbox.put(a_release(tag))
            await world.worker().reconcile()
            assert world.state.current is not None
            assert world.state.current.tag == tag
        assert time.monotonic() - began < EXPORT_SECONDS
        await asyncio.to_thread(collector.got.acquire)
    assert collector.requests == []


async def test_beyond_the_limit_traces_are_dropped(collector: Collector) -> None:
    collector.status = None
    began = time.monotonic()
    async with closing(exporting(collector)) as tracing:
        tracing.ended(ended())
        await asyncio.to_thread(collector.got.acquire)
        began = time.monotonic()
        with structlog.testing.capture_logs() as lines:
            for number in range(WAITING_MOST + 3):
                tracing.ended(ended(number))
        assert time.monotonic() - began < AT_ONCE
    assert [line["reason"] for line in lines] == ["too many traces wait for the collector"] * 3
    assert lines[0]["trace_id"] == trace_id_of(f"r-{WAITING_MOST}")


async def test_the_end_of_the_worker_waits_for_the_last_trace(collector: Collector) -> None:
    async with closing(exporting(collector)) as tracing:
        tracing.ended(ended())
    assert len(collector.requests) == 1


async def test_the_end_of_the_worker_does_not_wait_for_long(collector: Collector) -> None:
    collector.status = None
    async with closing(exporting(collector)) as tracing:
        tracing.ended(ended())
        await asyncio.to_thread(collector.got.acquire)
        began = time.monotonic()
    assert time.monotonic() - began < CLOSE_SECONDS + AT_ONCE


@pytest.mark.parametrize("status", [400, 401, 404])
async def test_a_refused_trace_is_named_and_the_next_one_is_sent(collector: Collector, status: int) -> None:
    collector.status = status
    with structlog.testing.capture_logs() as lines:
        async with closing(exporting(collector)) as tracing:
            tracing.ended(ended(1))
            await until(lambda: bool(lines))
            collector.status = 200
            tracing.ended(ended(2))
            await until(lambda: bool(collector.requests))
    assert [(line["rollout_id"], line["reason"]) for line in lines] == [("r-1", "the collector did not take it")]
    assert attributes(collector.spans[0].attributes)["updater.rollout_id"] == "r-2"


async def test_a_redirect_gets_no_headers(collector: Collector) -> None:
    with collecting() as other, structlog.testing.capture_logs() as lines:
        collector.status, collector.location = 307, f"{other.url}/v1/traces"
        async with closing(exporting(collector, x_key="secret")) as tracing:
            tracing.ended(ended())
            await until(lambda: bool(lines))
        assert other.asked == []
    assert {line["reason"] for line in lines} == {"the collector did not take it"}


async def test_a_sender_that_cannot_be_opened_fails_nothing() -> None:
    def broken() -> None:
        raise RuntimeError("an SDK of another version")

    with structlog.testing.capture_logs() as lines:
        async with closing(TraceExport(broken)) as tracing:  # type: ignore[arg-type]
            tracing.ended(ended(1))
            tracing.ended(ended(2))
            await until(lambda: len(lines) == 2)
    assert {line["reason"] for line in lines} == {"RuntimeError: an SDK of another version"}


async def test_a_machine_without_threads_fails_no_rollout(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async with closing(exporting(collector)) as tracing:
        with monkeypatch.context() as full, structlog.testing.capture_logs() as lines:
            full.setattr(threading.Thread, "start", refused)
            tracing.ended(ended(1))
        assert [(line["rollout_id"], line["reason"]) for line in lines] == [("r-1", "can't start new thread")]
        tracing.ended(ended(2))
        await until(lambda: bool(collector.requests))
    assert attributes(collector.spans[0].attributes)["updater.rollout_id"] == "r-2"


def test_without_an_endpoint_nothing_is_traced() -> None:
    assert tracing_of(WorkerSettings.from_environ(NEEDED), a_stack(), hide) is None


def test_a_missing_sdk_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = WorkerSettings.from_environ(NEEDED | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"})
    assert tracing_of(settings, a_stack(), hide) is not None
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with structlog.testing.capture_logs() as lines:
        assert tracing_of(settings, a_stack(), hide) is None
    assert lines == [{"event": NOT_INSTALLED, "log_level": "warning"}]
    assert "requirements/otel.txt" in NOT_INSTALLED
