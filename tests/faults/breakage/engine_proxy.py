"""A proxy for the Docker Engine's socket; it can hang, or lose an answer after the engine has acted."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

CREATE = b"/containers/create"
BYTES = 65536


class EngineProxy:
    """`hang` stops all bytes and `flow` lets them pass. `lose_next_create` drops the answer to the next create call."""

    def __init__(self, path: Path, upstream: str) -> None:
        self.path = path
        self._upstream = upstream.removeprefix("unix://")
        self._flows = threading.Event()
        self._flows.set()
        self._lose = False
        self.lost = 0

    def hang(self) -> None:
        self._flows.clear()

    def flow(self) -> None:
        self._flows.set()

    def lose_next_create(self) -> None:
        self._lose = True

    def lose_none(self) -> None:
        """Ends what `lose_next_create` began, if no call has come."""
        self._lose = False

    def serve(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                engine = socket.socket(socket.AF_UNIX)
                engine.connect(self._upstream)
                for source, sink, is_request in ((client, engine, True), (engine, client, False)):
                    threading.Thread(target=self._pump, args=(source, sink, is_request), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, is_request: bool) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(BYTES):
                self._flows.wait()
                sink.sendall(content)
                if is_request and self._lose and CREATE in content:
                    self._lose_answer(source)
                    return
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _lose_answer(self, client: socket.socket) -> None:
        """Closes the client's connection; the engine has the whole request and continues."""
        self._lose = False
        self.lost += 1
        client.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def engine_proxy(path: Path, upstream: str) -> Iterator[EngineProxy]:
    """Listens at `path` until the `with` block ends."""
    proxy = EngineProxy(path, upstream)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(64)
        threading.Thread(target=proxy.serve, args=(server,), daemon=True).start()
        try:
            yield proxy
        finally:
            proxy.flow()
            server.shutdown(socket.SHUT_RDWR)
            path.unlink(missing_ok=True)
