"""What a health request says beside its path: the part that a stack file can have, and doubts about the rest. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_SECRET = re.compile(r"auth|cookie|token|key|secret|passw|session|signature", re.IGNORECASE)
_UNKNOWN = re.compile(r"[$`]")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VALUE = re.compile(r"[\x20-\x7e]{0,1000}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:\d{1,5})?")
_STATUS = re.compile(r"[234]\d\d")


@dataclass(frozen=True)
class HealthOptions:
    """`values`: `host`, `headers` and `status` as in the stack file; `doubts`: what it cannot or should not say."""

    values: Mapping[str, Any] = field(default_factory=dict, hash=False)
    doubts: tuple[str, ...] = ()


def health_options(headers: Iterable[tuple[str, str]], status: str = "", doubts: Iterable[str] = ()) -> HealthOptions:
    """The options for `headers`, of which `Host` is the host. A value that is secret or not known becomes a doubt."""
    kept: dict[str, str] = {}
    values: dict[str, Any] = {}
    asked = list(doubts)
    for name, value in ((each.strip(), text.strip()) for each, text in headers):
        if name.lower() == "host" and _HOST.fullmatch(value):
            values["host"] = value
        elif name.lower() == "host" or not _is_kept(name, value):
            asked.append(f"sends the header {name}")
        else:
            kept[name] = value
    if kept:
        values["headers"] = kept
    if _STATUS.fullmatch(status):
        values["status"] = [int(status)]
    elif status:
        asked.append(f"expects the status {status}")
    return HealthOptions(values, tuple(dict.fromkeys(asked)))


def _is_kept(name: str, value: str) -> bool:
    known = not _UNKNOWN.search(value) and not _SECRET.search(name)
    return known and bool(_NAME.fullmatch(name) and _VALUE.fullmatch(value))


def without_secret(path: str) -> tuple[str, tuple[str, ...]]:
    """`path` without a query that has a secret's name, and the doubt about it."""
    plain, _, query = path.partition("?")
    if any(_SECRET.search(each.partition("=")[0]) for each in query.split("&")):
        return plain, ("sends a query that may be secret",)
    return path, ()
