"""What a service of a Compose model says of itself, in either of the forms that Compose takes. Pure.

https://docs.docker.com/reference/compose-file/services/
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

Service = Mapping[str, Any]

HIGHEST_PORT = 65_535
HTTP = 80

_PROBE = re.compile(
    r"(?:https?://)?(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\])(?::(?P<port>[^/\s'\"),\]]+))?(?P<path>/[^\s'\"),?#\]]*)?"
)
_LABEL_PORT = re.compile(r"traefik\.http\.services\.[^.]+\.loadbalancer\.server\.port", re.IGNORECASE)
_LABEL_HEALTH = re.compile(r"traefik\.http\.services\.[^.]+\.loadbalancer\.healthcheck\.path", re.IGNORECASE)
_LABEL_RULE = re.compile(r"traefik\.http\.routers\.[^.]+\.rule", re.IGNORECASE)
_LABEL_ENTRYPOINTS = re.compile(r"traefik\.http\.routers\.[^.]+\.entrypoints", re.IGNORECASE)
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")


def pairs(value: object) -> dict[str, str]:
    """`environment` or `labels`, a mapping or a list of `NAME=value`."""
    if isinstance(value, Mapping):
        return {str(k): "" if v is None else str(v) for k, v in value.items()}
    if isinstance(value, list):
        split = (str(each).partition("=") for each in value)
        return {name: text for name, _, text in split}
    return {}


def words(value: object) -> list[str]:
    """`command`, a list or a line."""
    if isinstance(value, list):
        return [str(each) for each in value]
    try:
        return shlex.split(value) if isinstance(value, str) else []
    except ValueError:
        return []


def volumes(service: Service) -> Iterator[tuple[str, str]]:
    """Where on the host, where in the container."""
    for volume in service.get("volumes") or ():
        if isinstance(volume, Mapping):
            yield str(volume.get("source") or ""), str(volume.get("target") or "")
        else:
            source, _, rest = str(volume).partition(":")
            yield source, rest.partition(":")[0]


def listening(service: Service) -> list[int]:
    """The ports of the container that are exposed or published."""
    found = [_port(str(each).partition("/")[0]) for each in service.get("expose") or ()]
    for each in service.get("ports") or ():
        target = each.get("target") if isinstance(each, Mapping) else str(each).partition("/")[0].rpartition(":")[2]
        found.append(_port(str(target)))
    return list(dict.fromkeys(port for port in found if port))


def publishes(service: Service) -> bool:
    return bool(service.get("ports"))


def probe(service: Service) -> tuple[int | None, str | None]:
    """Port and path of the URL that the health check asks on its own host; None for what it does not say."""
    test = (service.get("healthcheck") or {}).get("test")
    text = " ".join(str(each) for each in test) if isinstance(test, list) else str(test or "")
    match = _PROBE.search(text)
    if match is None:
        return None, None
    port = HTTP if match["port"] is None and match["path"] else _port(match["port"] or "")
    return port, match["path"]


def label_port(service: Service) -> int | None:
    return _port(_label(service, _LABEL_PORT) or "")


def label_health(service: Service) -> str | None:
    return _label(service, _LABEL_HEALTH)


def label_rule(service: Service) -> str | None:
    return _label(service, _LABEL_RULE)


def label_entrypoints(service: Service) -> list[str]:
    return [name.strip() for name in (_label(service, _LABEL_ENTRYPOINTS) or "").split(",") if name.strip()]


def stop_seconds(service: Service) -> float:
    """`stop_grace_period`; 0 where it is not written."""
    match = _DURATION.fullmatch(str(service.get("stop_grace_period") or ""))
    hours, minutes, rest = (float(part or 0) for part in match.groups()) if match else (0.0, 0.0, 0.0)
    return hours * 3600 + minutes * 60 + rest


def image_name(service: Service) -> str:
    """The image without registry, owner and tag: `traefik` of `docker.io/library/traefik:v3`."""
    return str(service.get("image") or "").rpartition("/")[2].partition("@")[0].partition(":")[0]


def _label(service: Service, name: re.Pattern[str]) -> str | None:
    return next((value for key, value in pairs(service.get("labels")).items() if name.fullmatch(key)), None)


def _port(text: str) -> int | None:
    return int(text) if text.isdecimal() and 0 < int(text) <= HIGHEST_PORT else None
