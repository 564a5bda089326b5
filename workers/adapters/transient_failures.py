"""Transient failures of other programs: the network, or a server that is busy or restarts.

Git, the Docker Engine, BuildKit and the package managers that run in builds say it only in words.
"""

import re
from collections.abc import Iterable

_NAMES = (
    r"could ?n[o']t resolve (?:host|proxy)",  # curl, and so git
    r"could not resolve hostname",  # ssh
    r"temporary failure (?:in name resolution|resolving)",  # glibc, apt
    r"unable to resolve host address",  # wget
    r"wget: bad address",  # BusyBox
    r"lookup \S+.*: (?:no such host|server misbehaving|i/o timeout)",  # Go: the engine, BuildKit
    r"\bEAI_AGAIN\b",  # Node.js
)
_CONNECTIONS = (
    r"connection (?:refused|timed out|reset)",
    r"operation (?:timed out|too slow)",
    r"couldn't connect to server",
    r"(?:network is unreachable|no route to host|host is (?:unreachable|down))",
    r"(?:recv|send) failure",
    r"empty reply from server",
    r"the remote end hung up unexpectedly|unexpected disconnect while reading|\bearly EOF\b|\bRPC failed\b",  # git
    r"connection closed by (?:remote host|\S+ port \d+)",  # ssh
    r"TLS handshake timeout|GnuTLS (?:recv|send) error|non-properly terminated|Error in the pull function",
    r"SSL_ERROR_SYSCALL|unexpected eof while reading",
    r"i/o timeout|net/http: request canceled|Client\.Timeout exceeded|https?://\S+\"?: (?:unexpected )?EOF",  # Go
    r"\b(?:ETIMEDOUT|ECONNRESET|ENETUNREACH|EHOSTUNREACH)\b|socket hang up",  # Node.js
    r"\b(?:NewConnectionError|ConnectTimeoutError|ReadTimeoutError|IncompleteRead|RemoteDisconnected)\b",  # Python
    r"temporary error \(try again later\)",  # apk
    r"spurious network error",  # Cargo
)
_SERVERS = (
    r"returned error: (?:429|5\d\d)\b",  # curl, and so git
    r"unexpected (?:HTTP )?status(?: code)?:? .*\b(?:429|5\d\d)\b",  # the engine, BuildKit
    r"\b(?:429 Too Many Requests|50[0234] (?:Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time-?out))",
    r"toomanyrequests",  # registries
    r"HTTP Error 50[0234]\b",
)
_TRANSIENT = re.compile("|".join((*_NAMES, *_CONNECTIONS, *_SERVERS)), re.IGNORECASE)
_ENGINE_AWAY = re.compile(r"dial unix", re.IGNORECASE)
_OWN_TEST = re.compile(r"^#\d+ \d+\.\d+ .*(?:localhost|\b127\.\d+\.\d+\.\d+\b|\[?::1\b)", re.IGNORECASE)
"""What a command of the build says of a server that it started itself. BuildKit puts step and seconds before it."""


def is_transient(lines: Iterable[str]) -> bool:
    """Whether a program that said `lines` before it failed may succeed later."""
    return any(_TRANSIENT.search(line) and not (_ENGINE_AWAY.search(line) or _OWN_TEST.search(line)) for line in lines)
