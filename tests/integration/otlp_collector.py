"""A collector of traces: it decodes what it gets with OpenTelemetry's own messages, refuses it, or never answers."""

import contextlib
import threading
from collections.abc import Iterable

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.integration.listener import PostHandler, PostServer, serving


class Collector(PostServer):
    """Keeps the requests that it accepts, and the headers of all."""

    def __init__(self) -> None:
        super().__init__(_Post)
        self.requests: list[ExportTraceServiceRequest] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.got = threading.Semaphore(0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def spans(self) -> list[Span]:
        resources = (resource for request in self.requests for resource in request.resource_spans)
        return [span for resource in resources for scope in resource.scope_spans for span in scope.spans]

    @property
    def resource(self) -> dict[str, object]:
        return attributes(self.requests[-1].resource_spans[0].resource.attributes)


def attributes(pairs: Iterable[KeyValue]) -> dict[str, object]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, str(kind))


class _Post(PostHandler):
    server: Collector

    def take(self, body: bytes) -> None:
        self.server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        request = ExportTraceServiceRequest()
        request.ParseFromString(body)
        if self.server.status == 200:
            self.server.requests.append(request)
        self.server.got.release()


def collecting() -> contextlib.AbstractContextManager[Collector]:
    return serving(Collector())
