"""Sockets as the kernel sees them, and clients that do not read."""

import socket
from collections import Counter
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from tests.integration.waiting import until
from tests.integration.web.deliveries import head

ESTABLISHED, CLOSE_WAIT = "01", "08"
"""https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tree/include/net/tcp_states.h"""

OPEN = (ESTABLISHED, CLOSE_WAIT)
"""The states in which a process still has the socket of a connection that it accepted."""

HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
"""What a client that knows the server sends first: https://www.rfc-editor.org/rfc/rfc9113#section-3.4"""

MANY_REQUESTS = head([], "GET /x HTTP/1.1") * 900
"""Fewer than Hypercorn answers on one connection; their answers are larger than the client's window."""


def states(url: str, process: int | str = "self") -> Counter[str]:
    """How many connections of the listener at `url`, in the network of that process, are in each state."""
    port = f":{urlsplit(url).port:04X}"
    rows = (line.split() for line in Path(f"/proc/{process}/net/tcp").read_text().splitlines()[1:])
    return Counter(state for _, local, _, state, *_ in rows if local.endswith(port))


def still_open(url: str, process: int | str = "self") -> int:
    """How many connections the listener at `url`, in the network of that process, has open."""
    found = states(url, process)
    return sum(found[state] for state in OPEN)


async def none_open(url: str, limit: float) -> None:
    """Returns when the listener at `url` has no open connection. Raises TimeoutError after `limit` seconds."""
    await until(lambda: not still_open(url), limit)


def connected(url: str) -> socket.socket:
    address = urlsplit(url)
    return socket.create_connection((address.hostname or "", address.port or 80), timeout=10)


def never_reading(url: str, sent: bytes) -> socket.socket:
    """A connection whose client sends as much of `sent` as the server takes, and reads nothing.

    Small segments keep the kernel's buffer small, so that the server cannot send the whole answer.
    """
    address = urlsplit(url)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    client.connect((address.hostname, address.port))
    client.setblocking(False)
    with suppress(BlockingIOError):
        while sent:
            sent = sent[client.send(sent) :]
    return client
