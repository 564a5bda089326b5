"""Where a health check asks: the port and the path in its command. Pure."""

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
    """None for what the command does not say."""

    port: int | None = None
    path: str | None = None


def asked(test: object, environment: Mapping[str, str], names: Collection[str] = ()) -> ProbeAddress:
    """What `test`, a health check's list or line, asks on its own host; `names` are further names of that host.

    A variable has its value of `environment`, as in the container.
    """
    text = _resolved(_words(test), environment)
    hosts = "|".join(re.escape(host) for host in (*_LOCAL, *names))
    if (match := re.search(_URL.format(hosts=hosts), text)) and (match["port"] or match["path"]):
        return ProbeAddress(_url_port(match), match["path"])
    socket = re.search(_SOCKET.format(hosts=hosts), text)
    return ProbeAddress(port_number(socket["port"])) if socket else ProbeAddress()


def compose_check(service: Mapping[str, Any]) -> object:
    """The command of `healthcheck`, None without one; `disable: true` has none."""
    check = service.get("healthcheck")
    return check.get("test") if isinstance(check, Mapping) and not check.get("disable") else None


def _words(test: object) -> str:
    return " ".join(str(each) for each in test) if isinstance(test, list) else str(test or "")


def _resolved(text: str, environment: Mapping[str, str]) -> str:
    """With the values of the variables; `$$` is how Compose writes a dollar."""

    def value(match: re.Match[str]) -> str:
        found = environment.get(match["braced"] or match["bare"]) or match["default"]
        return match[0] if found is None else found

    return _VARIABLE.sub(value, text.replace("$$", "$"))


def _url_port(match: re.Match[str]) -> int | None:
    if match["port"]:
        return port_number(match["port"])
    return HTTPS if match["scheme"] == "https" else HTTP
