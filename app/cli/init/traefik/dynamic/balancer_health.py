"""Reads the health check of one of Traefik's load balancers. Pure.

https://doc.traefik.io/traefik/reference/routing-configuration/http/load-balancing/service/#health-check
"""

from collections.abc import Iterator, Mapping
from typing import Any

from app.cli.init.project.health_checks import ProbeAddress
from app.cli.init.project.health_options import health_options
from app.cli.init.project.service_facts import port_number
from app.cli.init.traefik.dynamic.options import part


def balancer_health(balancer: Mapping[str, Any]) -> ProbeAddress | None:
    """What the health check of `balancer` asks; None without a path. Its port is None if it is the server's."""
    check = part(balancer, "healthcheck")
    path = str(part(check, "path") or "")
    if not path.startswith("/"):
        return None
    headers = part(check, "headers")
    sent = [(str(n), str(v)) for n, v in headers.items()] if isinstance(headers, Mapping) else []
    host = part(check, "hostname")
    options = health_options(
        [*sent, *([("Host", str(host))] if host else [])], str(part(check, "status") or ""), _doubts(check)
    )
    return ProbeAddress(port_number(str(part(check, "port") or "")), path, options)


def _doubts(check: object) -> Iterator[str]:
    for option, usual in (("method", "get"), ("mode", "http")):
        if (value := str(part(check, option) or usual)).lower() != usual:
            yield f"has the {option} {value}"
    if scheme := part(check, "scheme"):
        yield f"has the scheme {scheme}"
