"""Servers that do not serve: connections that hang and connections that break."""

import contextlib
import socket
import threading
from collections.abc import Iterator

ACCEPTED = 64


@contextlib.contextmanager
def black_hole(host: str = "127.0.0.1") -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with _listening(host, b"", hangs=True) as port:
        yield port


@contextlib.contextmanager
def broken_off(host: str) -> Iterator[int]:
    """A port whose HTTP answer promises a long body and breaks off after its first bytes."""
    with _listening(host, b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nthe first bytes", hangs=False) as port:
        yield port


@contextlib.contextmanager
def _listening(host: str, says: bytes, *, hangs: bool) -> Iterator[int]:
    taken: list[socket.socket] = []
    with socket.create_server((host, 0)) as server:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while len(taken) < ACCEPTED:
                    connection, _ = server.accept()
                    connection.sendall(says)
                    taken.append(connection)
                    if not hangs:
                        connection.recv(4096)
                        connection.close()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for connection in taken:
                connection.close()
