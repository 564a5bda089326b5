"""Renders Traefik's route file: a pure function of the stack, the active color and the rollout."""

from collections.abc import Mapping
from typing import Any

import yaml

from app.domain.stack import Color, RoutedService, Stack

WRITTEN_BY = "# Written by zetherion-updater"
HEADER = f"{WRITTEN_BY}: one rename moves every route. Changes by hand are overwritten.\n"
MIDDLEWARE = "updater-rollout"
COLOR_KEY = "# active color: "
ROLLOUT_KEY = "# rollout: "


def render(stack: Stack, color: Color, rollout: str) -> str:
    """The dynamic configuration that sends all routed services of `stack` to `color`.

    Every router adds the rollout header, so that an answer proves which configuration served it.
    Traefik closes idle backend connections after `backend_idle` seconds, before the backends close them.
    https://doc.traefik.io/traefik/routing/services/#serverstransport
    """
    head = f"{HEADER}{COLOR_KEY}{color}\n{ROLLOUT_KEY}{rollout}\n"
    return head + yaml.safe_dump({"http": _http(stack, color, rollout)}, sort_keys=False)


def render_empty() -> str:
    """A file without routes, for when nothing of the stack is healthy."""
    return f"{HEADER}{{}}\n"


def is_own(text: str) -> bool:
    """Whether the updater wrote the file, in this or another version."""
    return text.startswith(WRITTEN_BY)


def active_color(text: str, stack: Stack) -> Color | None:
    """The color that every route of `text` points to; None if they differ or `text` is not a route file."""
    try:
        http = yaml.safe_load(text)["http"]
        names = [http["routers"][f"updater-{s.name}"]["service"] for s in stack.routed]
        urls = [http["services"][name]["loadBalancer"]["servers"][0]["url"] for name in names]
    except (yaml.YAMLError, ValueError, KeyError, IndexError, TypeError):
        return None
    for color in Color:
        if urls == [_url(s, color) for s in stack.routed]:
            return color
    return None


def rollout_id(text: str) -> str | None:
    """The rollout id that answers through the routes of `text` carry; None if `text` is not a route file."""
    try:
        added = yaml.safe_load(text)["http"]["middlewares"][MIDDLEWARE]["headers"]["customResponseHeaders"]
        (id_,) = added.values()
    except (yaml.YAMLError, ValueError, KeyError, AttributeError, TypeError):
        return None
    return str(id_)


def metrics_name(service: RoutedService, color: Color) -> str:
    """The name of `service` in Traefik's metrics. Each color has its own, so that they are counted separately."""
    return f"{_name(service, color)}@file"


def claims_our_names(content: Mapping[str, Any], stack: Stack) -> bool:
    """Whether another file with that content defines one of our names: Traefik drops names that two files define."""
    http = content.get("http")
    parts = {str(part).lower(): named for part, named in http.items()} if isinstance(http, dict) else {}
    ours = [_http(stack, color, "") for color in Color]
    return any(set(parts.get(part.lower()) or ()) & set(names) for own in ours for part, names in own.items())


def _http(stack: Stack, color: Color, rollout: str) -> dict[str, dict[str, Any]]:
    return {
        "routers": {f"updater-{s.name}": _router(s, color) for s in stack.routed},
        "services": {_name(s, color): _service(s, color) for s in stack.routed},
        "middlewares": {MIDDLEWARE: {"headers": {"customResponseHeaders": {stack.traefik.rollout_header: rollout}}}},
        "serversTransports": {
            "updater": {"forwardingTimeouts": {"idleConnTimeout": f"{stack.traefik.backend_idle:g}s"}}
        },
    }


def _name(service: RoutedService, color: Color) -> str:
    return f"updater-{service.name}-{color}"


def _router(service: RoutedService, color: Color) -> dict[str, Any]:
    return {
        "rule": service.rule,
        "entryPoints": [service.entrypoint],
        "service": _name(service, color),
        "middlewares": [MIDDLEWARE],
    }


def _service(service: RoutedService, color: Color) -> dict[str, Any]:
    return {"loadBalancer": {"serversTransport": "updater", "servers": [{"url": _url(service, color)}]}}


def _url(service: RoutedService, color: Color) -> str:
    return f"http://{service.colors[color]}:{service.port}"
