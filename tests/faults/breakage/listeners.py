"""Broken servers: connections hang, or break off."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

ACCEPTED = 64


@dataclass
class Listener:
    """The port of a broken server, and the connections that it has accepted so far."""

    port: int
    taken: list[socket.socket] = field(default_factory=list)

    @property
    def connections(self) -> int:
        return len(self.taken)


@contextlib.contextmanager
def black_hole(host: str = "127.0.0.1") -> Iterator[Listener]:
    """Listens on a port that accepts connections and never answers."""
    with _listening(host, b"", hangs=True) as listener:
        yield listener


@contextlib.contextmanager
def broken_off(host: str) -> Iterator[Listener]:
    """Listens on a port whose HTTP answer announces a long body and breaks off after the first bytes."""
    with _listening(
        host, b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nthe first bytes", hangs=False
    ) as listener:
        yield listener


@contextlib.contextmanager
def _listening(host: str, answer: bytes, *, hangs: bool) -> Iterator[Listener]:
    with socket.create_server((host, 0)) as server:
        listener = Listener(server.getsockname()[1])

        def accept() -> None:
            with contextlib.suppress(OSError):
                while listener.connections < ACCEPTED:
                    connection, _ = server.accept()
                    listener.taken.append(connection)
                    connection.sendall(answer)
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
