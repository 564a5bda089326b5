"""A collector of traces: it decodes what it gets with OpenTelemetry's own messages, refuses it, or never answers."""

import contextlib
import http.server
import threading
from collections.abc import Iterable, Iterator

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Collector(http.server.ThreadingHTTPServer):
    """`status` is its answer; None: no answer until it is closed. `location`: where its answer redirects to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Post)
        self.status: int | None = 200
        self.location: str | None = None
        self.requests: list[ExportTraceServiceRequest] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.got = threading.Semaphore(0)
        self.closing = threading.Event()

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


class _Post(http.server.BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        request = ExportTraceServiceRequest()
        request.ParseFromString(body)
        if self.server.status == 200:
            self.server.requests.append(request)
        self.server.got.release()
        if self.server.status is None:
            self.server.closing.wait()
            return
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def collecting() -> Iterator[Collector]:
    with Collector() as collector:
        serving = threading.Thread(target=collector.serve_forever, args=(0.02,))
        serving.start()
        yield collector
        collector.closing.set()
        collector.shutdown()
        serving.join()
