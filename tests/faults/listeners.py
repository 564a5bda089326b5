"""Servers that do not serve: connections that hang and connections that break."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

ACCEPTED = 64


@dataclass
class Listener:
    """Where it listens, and the connections that it has taken so far."""

    port: int
    taken: list[socket.socket] = field(default_factory=list)

    @property
    def connections(self) -> int:
        return len(self.taken)


@contextlib.contextmanager
def black_hole(host: str = "127.0.0.1") -> Iterator[Listener]:
    """A port that takes connections and never says a word."""
    with _listening(host, b"", hangs=True) as listener:
        yield listener


@contextlib.contextmanager
def broken_off(host: str) -> Iterator[Listener]:
    """A port whose HTTP answer promises a long body and breaks off after its first bytes."""
    with _listening(
        host, b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nthe first bytes", hangs=False
    ) as listener:
        yield listener


@contextlib.contextmanager
def _listening(host: str, says: bytes, *, hangs: bool) -> Iterator[Listener]:
    with socket.create_server((host, 0)) as server:
        listener = Listener(server.getsockname()[1])

        def accept() -> None:
            with contextlib.suppress(OSError):
                while listener.connections < ACCEPTED:
                    connection, _ = server.accept()
                    listener.taken.append(connection)
                    connection.sendall(says)
                    if not hangs:
                        connection.recv(4096)
                        connection.close()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for connection in listener.taken:
                connection.close()
