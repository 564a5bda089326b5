"""Reads a service of a Compose model, in every form that Compose accepts. Pure.

https://docs.docker.com/reference/compose-file/services/
"""

import re
import shlex
from collections.abc import Mapping
from typing import Any

Service = Mapping[str, Any]

HIGHEST_PORT = 65_535
HTTP, HTTPS = 80, 443
MOST_COPIES = 9

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")


def pairs(value: object) -> dict[str, str]:
    """The pairs of `environment` or `labels`: a mapping, or a list of `NAME=value`."""
    if isinstance(value, Mapping):
        return {str(k): "" if v is None else str(v) for k, v in value.items()}
    if isinstance(value, list):
        split = (str(each).partition("=") for each in value)
        return {name: text for name, _, text in split}
    return {}


def words(value: object) -> list[str]:
    """The words of `command`: a list or a line."""
    if isinstance(value, list):
        return [str(each) for each in value]
    try:
        return shlex.split(value) if isinstance(value, str) else []
    except ValueError:
        return []


def entries(value: object) -> list[Any]:
    """`value` if it is a list, else an empty list."""
    return value if isinstance(value, list) else []


def listening(service: Service) -> list[int]:
    """The container ports that are exposed or published."""
    found = [port_number(str(each).partition("/")[0]) for each in entries(service.get("expose"))]
    for each in entries(service.get("ports")):
        target = each.get("target") if isinstance(each, Mapping) else str(each).partition("/")[0].rpartition(":")[2]
        found.append(port_number(str(target)))
    return list(dict.fromkeys(port for port in found if port))


def publishes(service: Service) -> bool:
    return bool(service.get("ports"))


def host_names(name: str, service: Service) -> set[str]:
    """The names by which other containers reach it: its own, the container's, and its aliases."""
    networks = service.get("networks")
    attached = [each for each in networks.values() if isinstance(each, Mapping)] if isinstance(networks, dict) else []
    aliases = {str(alias) for each in attached for alias in entries(each.get("aliases"))}
    return {name, *aliases, *(str(service[key]) for key in ("container_name", "hostname") if service.get(key))}


def addresses(service: Service) -> set[str]:
    """The fixed IP addresses in its networks."""
    networks = service.get("networks")
    attached = [each for each in networks.values() if isinstance(each, Mapping)] if isinstance(networks, dict) else []
    keys = ("ipv4_address", "ipv6_address")
    return {str(each[key]) for each in attached for key in keys if each.get(key)}


def container_names(project: str, name: str, service: Service) -> set[str]:
    """The names that Compose gives to its first containers, as Compose 2 and as Compose 1 wrote them."""
    copies = range(1, MOST_COPIES + 1)
    return set() if service.get("container_name") else {s.join((project, name, str(n))) for n in copies for s in "-_"}


def stop_seconds(service: Service) -> float:
    """`stop_grace_period` in seconds; 0 if it is not set."""
    match = _DURATION.fullmatch(str(service.get("stop_grace_period") or ""))
    hours, minutes, rest = (float(part or 0) for part in match.groups()) if match else (0.0, 0.0, 0.0)
    return hours * 3600 + minutes * 60 + rest


def image_name(service: Service) -> str:
    """The image without registry, owner and tag: `traefik` for `docker.io/library/traefik:v3`."""
    return str(service.get("image") or "").rpartition("/")[2].partition("@")[0].partition(":")[0]


def port_number(text: str) -> int | None:
    """The port in `text`; None if it is not a port."""
    return int(text) if text.isdecimal() and 0 < int(text) <= HIGHEST_PORT else None
