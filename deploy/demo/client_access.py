"""The sample stack in the stack file: its services, how clients reach them, and its time limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deploy.demo.http1 import Target

TIMES = {
    "fetch": 30,
    "build": 300,
    "retry": 5,
    "start": 180,
    "health": 15,
    "route": 20,
    "ready": 15,
    "bake": 5,
    "drain": 11,
    "stop_grace": 15,
}
"""As short as the sample stack allows. The drain is longer than the longest request, which takes ten seconds."""

PLAIN: dict[str, dict[str, Any]] = {
    "skills": {
        **{"blue": "skills-blue", "green": "skills-green"},
        **{"port": 8080, "health": "/health", "entrypoint": "skills"},
    },
    "api": {
        **{"blue": "api-blue", "green": "api-green"},
        **{"port": 8443, "health": "/api/v1/health", "entrypoint": "api"},
    },
}


@dataclass(frozen=True)
class ClientAccess:
    """How clients reach a sample service that needs a host name, TLS or headers.

    `keys`: replace those of the service in the stack file; None removes one. `entrypoint`: whose address clients use.
    `host`, `headers`: what they send. `websocket`: whether they open one. `strict`: the service answers only that host,
    and only by HTTPS. `more_hosts`: those of its other routes there, which need no headers.
    """

    keys: Mapping[str, Any]
    entrypoint: str
    secure: bool = False
    strict: bool = False
    host: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    websocket: bool = True
    more_hosts: tuple[str, ...] = ()

    def target(self, url: str) -> Target:
        """What clients send to `url`, the entrypoint's."""
        return Target(self.address(url), self.host, self.headers, self.websocket)

    def more_targets(self, url: str) -> list[Target]:
        """What clients of the other routes send to `url`."""
        return [Target(self.address(url), host, websocket=self.websocket) for host in self.more_hosts]

    def address(self, url: str) -> str:
        return url.replace("http:", "https:") if self.secure else url


SECURE_SKILLS = {
    "skills": ClientAccess(
        {"rule": "Host(`skills.demo.example`)", "tls": True},
        "skills",
        secure=True,
        strict=True,
        host="skills.demo.example",
    )
}
"""The skills service as in production: a host name, TLS, and a redirect from plain HTTP."""

TWO_ROUTES = {
    "api": ClientAccess(
        {
            "entrypoint": None,
            "routes": [
                {"entrypoint": "api", "rule": "Host(`api.demo.example`)", "tls": True},
                {"entrypoint": "api", "rule": "Host(`open.demo.example`) && PathPrefix(`/`)", "tls": True},
            ],
        },
        "api",
        secure=True,
        host="api.demo.example",
        more_hosts=("open.demo.example",),
    )
}
"""The API service by two host names, each of which has a route of its own."""


def hosts_of_stack(name: str) -> dict[str, ClientAccess]:
    """Both services by host names of their own, by plain HTTP, so that several stacks can share the entrypoints."""
    hosts = {each: f"{each}.{name}.example" for each in PLAIN}
    return {each: ClientAccess({"rule": f"Host(`{host}`)"}, each, host=host) for each, host in hosts.items()}


def routed_part(access: Mapping[str, ClientAccess]) -> dict[str, dict[str, Any]]:
    """The part `routed` of the stack file."""
    changed = {name: {**keys, **(access[name].keys if name in access else {})} for name, keys in PLAIN.items()}
    return {name: {k: v for k, v in keys.items() if v is not None} for name, keys in changed.items()}


def strict_host(access: Mapping[str, ClientAccess], name: str) -> str:
    """The only host that the service answers; empty if it answers every one."""
    way = access.get(name)
    return (way.host or "") if way and way.strict else ""
