"""Transient failures of other programs: the network, or a server that is busy or restarts.

Git, the Docker Engine, BuildKit and the package managers that run in builds say it only in words.
"""

import re
from collections.abc import Iterable

_NAMES = (
    r"could ?n[o']t resolve (?:host|proxy)",  # curl, and so git
    r"could not resolve hostname",  # ssh
    r"temporary failure (?:in name resolution|resolving)",  # glibc, apt
    r"name or service not known|name does not resolve",  # glibc, musl
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
_STEP = re.compile(r"(?:#\d+ )?\d+\.\d+ ")
"""What BuildKit puts before a line of a command: the step (not in its summary), and the seconds since its start."""

_OWN_SERVER = re.compile(r"localhost|\b127\.\d+\.\d+\.\d+\b|\[?::1\b", re.IGNORECASE)
_REFUSED = re.compile(r"connection refused", re.IGNORECASE)
_FAR = re.compile(r"dial tcp|\bport \d+|https?://", re.IGNORECASE)


def transient_line(lines: Iterable[str]) -> str:
    """The last of the `lines` of a failed program that says why it may succeed later; empty if none does."""
    found = [line for line in lines if _TRANSIENT.search(line) and not _ENGINE_AWAY.search(line)]
    return next((line.strip() for line in reversed(found) if not _is_of_own_server(line)), "")


def _is_of_own_server(line: str) -> bool:
    """Whether a command of a build says it of a server that it started itself, such as in a test."""
    if not _STEP.match(line):
        return False
    return bool(_OWN_SERVER.search(line)) or (bool(_REFUSED.search(line)) and not _FAR.search(line))
