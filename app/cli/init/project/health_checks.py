"""Finds the port and the path in the command of a health check. Pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from app.cli.init.project.service_facts import HTTP, HTTPS, port_number

_LOCAL = ("localhost", "127.0.0.1", "0.0.0.0", "[::1]", "[::]")
_URL = r"(?:(?P<scheme>https?)://)?(?<![\w.-])(?<!/dev/tcp/)(?:{hosts})(?::(?P<port>[^/\s'\"),\]]+))?(?P<path>/[^\s'\"),?#\]|;&]*)?"
_SOCKET = r"(?:/dev/tcp/(?:{hosts})/|(?:{hosts})['\"]?(?:\s*,\s*|\s+))(?P<port>\d+)\b"
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)(?::?-(?P<default>[^{}]*))?\}|(?P<bare>\w+))")


@dataclass(frozen=True)
class ProbeAddress:
    """The address of a health check; None for a part that its command does not contain."""

    port: int | None = None
    path: str | None = None


def asked(test: object, environment: Mapping[str, str], names: Collection[str] = ()) -> ProbeAddress:
    """The address on its own host that `test` requests; `names` are further names of that host.

    `test` is a health check's list or line. Variables have their values in `environment`, as in the container.
    """
    text = _resolved(_words(test), environment)
    hosts = "|".join(re.escape(host) for host in (*_LOCAL, *names))
    if (match := re.search(_URL.format(hosts=hosts), text)) and (match["port"] or match["path"]):
        return ProbeAddress(_url_port(match), match["path"])
    socket = re.search(_SOCKET.format(hosts=hosts), text)
    return ProbeAddress(port_number(socket["port"])) if socket else ProbeAddress()


def compose_check(service: Mapping[str, Any]) -> object:
    """The command of `healthcheck`; None if there is none or it is disabled."""
    check = service.get("healthcheck")
    return check.get("test") if isinstance(check, Mapping) and not check.get("disable") else None


def _words(test: object) -> str:
    return " ".join(str(each) for each in test) if isinstance(test, list) else str(test or "")


def _resolved(text: str, environment: Mapping[str, str]) -> str:
    """`text` with its variables replaced; Compose writes a dollar as `$$`."""

    def value(match: re.Match[str]) -> str:
        found = environment.get(match["braced"] or match["bare"]) or match["default"]
        return match[0] if found is None else found

    return _VARIABLE.sub(value, text.replace("$$", "$"))


def _url_port(match: re.Match[str]) -> int | None:
    if match["port"]:
        return port_number(match["port"])
    return HTTPS if match["scheme"] == "https" else HTTP
