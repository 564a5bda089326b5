"""Finds the ports and the paths in the command of a health check. Pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.cli.init.project.health_commands import programs
from app.cli.init.project.health_options import HealthOptions
from app.cli.init.project.service_facts import HTTP, HTTPS, port_number

_LOCAL = ("localhost", "127.0.0.1", "0.0.0.0", "[::1]", "[::]")
_URL = r"(?:(?P<scheme>https?)://)?(?<![\w.-])(?<!/dev/tcp/)(?:{hosts})(?::(?P<port>[^/\s'\"),\]]+))?(?P<path>/[^\s'\"),?#\]|;&\\]*)?"
_QUERY = r"(?P<query>\?(?:[^\s'\"),#\]|;&\\]|&(?!&))*)?"
_SOCKET = r"(?:/dev/tcp/(?:{hosts})/|(?:{hosts})['\"]?(?:\s*,\s*|\s+))(?P<port>\d+)\b"
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)(?::?-(?P<default>[^{}]*))?\}|(?P<bare>\w+))")
_UNKNOWN = re.compile(r"[$`{}]")


@dataclass(frozen=True)
class ProbeAddress:
    """The address of a health check; None for a part that its command does not contain. `path` has the query.

    `unknown`: the path as written, if it has a variable without a known value; `path` is None then.
    """

    port: int | None = None
    path: str | None = None
    options: HealthOptions = field(default_factory=HealthOptions)
    unknown: str = ""


def asked(test: object, environment: Mapping[str, str], names: Collection[str] = ()) -> tuple[ProbeAddress, ...]:
    """The addresses on its own host that `test` requests, each once; `names` are further names of that host.

    `test` is a health check's list or line. Variables have their values in `environment`, as in the container.
    """
    hosts = "|".join(re.escape(host) for host in (*_LOCAL, *names))
    found: list[ProbeAddress] = []
    for program in programs(test):
        text = _resolved(program.text, environment)
        urls = [m for m in re.finditer(_URL.format(hosts=hosts) + _QUERY, text) if m["port"] or m["path"]]
        found += [_address(match, program.options) for match in urls]
        if not urls and (socket := re.search(_SOCKET.format(hosts=hosts), text)):
            found.append(ProbeAddress(port_number(socket["port"])))
    return tuple(each for n, each in enumerate(found) if each not in found[:n])


def compose_check(service: Mapping[str, Any]) -> object:
    """The command of `healthcheck`; None if there is none or it is disabled."""
    check = service.get("healthcheck")
    return check.get("test") if isinstance(check, Mapping) and not check.get("disable") else None


def _resolved(text: str, environment: Mapping[str, str]) -> str:
    """`text` with its variables replaced."""

    def value(match: re.Match[str]) -> str:
        found = environment.get(match["braced"] or match["bare"]) or match["default"]
        return match[0] if found is None else found

    return _VARIABLE.sub(value, text)


def _address(match: re.Match[str], options: HealthOptions) -> ProbeAddress:
    path = f"{match['path']}{match['query'] or ''}" if match["path"] else None
    if path and _UNKNOWN.search(path):
        return ProbeAddress(_url_port(match), None, options, path)
    return ProbeAddress(_url_port(match), path, options)


def _url_port(match: re.Match[str]) -> int | None:
    if match["port"]:
        return port_number(match["port"])
    return HTTPS if match["scheme"] == "https" else HTTP
