"""Traces as OpenTelemetry spans, sent over OTLP/HTTP. https://opentelemetry.io/docs/specs/otlp/#otlphttp"""

import importlib.util
from collections.abc import Mapping
from datetime import datetime

from app.domain.trace import Span, Trace
from workers.adapters.tracing.trace_export import Send

EXPORT_SECONDS = 10.0
"""The limit to send one trace, with the SDK's own retries."""

SERVICE = "zetherion-updater"
PATH = "/v1/traces"

NOT_INSTALLED = (
    "OTEL_EXPORTER_OTLP_ENDPOINT is set, but the OpenTelemetry SDK is not installed: no traces are sent. Rollouts and "
    "traffic are not affected. Install requirements/otel.txt (pip: zetherion-updater[otel]; image: --build-arg "
    "REQUIREMENTS=otel), then restart the worker."
)


def is_installed() -> bool:
    """Whether the packages of the extra `otel` are installed. Does not import them."""
    try:
        return importlib.util.find_spec("opentelemetry.exporter.otlp.proto.http.trace_exporter") is not None
    except ModuleNotFoundError:
        return False


def otlp_sender(endpoint: str, headers: Mapping[str, str], project: str) -> Send:
    """Sends to the collector at `endpoint`, the base URL. Imports the SDK."""
    # The SDK is an optional extra, and takes half a second to import.
    import requests  # noqa: PLC0415
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import SpanExportResult  # noqa: PLC0415
    from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags  # noqa: PLC0415

    session = requests.Session()
    session.max_redirects = 0  # another server would get the headers
    address = endpoint.rstrip("/") + PATH
    exporter = OTLPSpanExporter(address, headers=dict(headers), timeout=EXPORT_SECONDS, session=session)
    # What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say wins.
    own = Resource({"service.name": SERVICE, "updater.project": project})
    resource = Resource.create().merge(own).merge(OTELResourceDetector().detect())

    def context(trace: Trace, span: Span) -> SpanContext:
        return SpanContext(int(trace.id, 16), int(span.id, 16), is_remote=False, trace_flags=TraceFlags(1))

    def read(trace: Trace, span: Span) -> ReadableSpan:
        return ReadableSpan(
            span.name,
            context=context(trace, span),
            parent=None if span is trace.rollout else context(trace, trace.rollout),
            resource=resource,
            attributes=span.attributes,
            kind=SpanKind.INTERNAL,
            status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.UNSET),
            start_time=_nanoseconds(span.started_at),
            end_time=_nanoseconds(span.ended_at),
        )

    def send(trace: Trace) -> bool:
        spans = [read(trace, span) for span in (trace.rollout, *trace.steps)]
        return exporter.export(spans) is SpanExportResult.SUCCESS

    return send


def _nanoseconds(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000) * 1000
