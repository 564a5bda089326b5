"""What a release of the benchmark has: its Compose files, the stack file, and Traefik's routes. Pure, but for `write`.

Every service is the demo's API service, and answers with the version of its release.
"""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from deploy.bench.method.deployed import as_installed
from deploy.demo.environment import Environment

FILE, BY_HAND_FILE, COMPOSE_FILE = "docker-compose.yml", "by-hand.yml", "compose-alone.yml"
PORT, HEALTH, ENTRYPOINT = 8443, "/api/v1/health", "api"
COLORS = ("blue", "green")
PLAIN, SCALED, EDGE = "plain", "scaled", "edge"
EDGE_PORT = 8000
DRAINING = "/tmp/draining"  # noqa: S108 - inside a container
SOCKET_VARIABLE, PORT_VARIABLE = "BENCH_SOCKET", "BENCH_PORT"

Json = dict[str, Any]


def names(count: int, prefix: str = "app") -> tuple[str, ...]:
    """The services. Those by hand have another prefix: all are in one network, where a name must be one service."""
    return tuple(f"{prefix}{number:02}" for number in range(1, count + 1))


def host_of(name: str) -> str:
    return f"{name}.bench.example"


def write(count: int) -> Callable[[Path], None]:
    """For the demo's repository: replaces the sample stack's services in a release by `count` others."""

    def edit(tree: Path) -> None:
        sample = yaml.safe_load((tree / FILE).read_text())
        for name, model in (
            (FILE, release_model(sample, names(count))),
            (BY_HAND_FILE, by_hand_model(sample, names(count, "hand"))),
            (COMPOSE_FILE, compose_model(sample)),
        ):
            (tree / name).write_text(yaml.safe_dump(model, sort_keys=False))

    return edit


def release_model(sample: Json, services: Sequence[str]) -> Json:
    """The sample stack's file with `services` in place of those that move; the updater makes two colors of each."""
    kept = {name: sample["services"][name] for name in ("traefik", "gateway")}
    return {**_networks(sample), "services": kept | {name: _service(sample) for name in services}}


def by_hand_model(sample: Json, services: Sequence[str]) -> Json:
    """Both colors of `services`, as people write them who have no updater."""
    pairs = [f"{name}-{color}" for name in services for color in COLORS]
    return {**_networks(sample), "services": {name: _service(sample) for name in pairs}}


def compose_model(sample: Json) -> Json:
    """Two services behind a Traefik that follows their containers, for rollouts with Compose alone.

    A copy counts as healthy after a second, and as draining one second after its DRAINING exists.
    """
    draining = f"test ! -e {DRAINING} && python3 -IS healthcheck.py http://127.0.0.1:{PORT}{HEALTH}"
    check = {"test": ["CMD-SHELL", draining], "interval": "1s", "timeout": "5s", "retries": 1}
    services = {name: _service(sample) | {"healthcheck": check, "labels": labels_of(name)} for name in (PLAIN, SCALED)}
    edge = {
        "image": sample["services"]["traefik"]["image"],
        "command": [
            f"--entrypoints.{ENTRYPOINT}.address=:{EDGE_PORT}",
            "--providers.docker.endpoint=unix:///docker.sock",
            "--providers.docker.exposedByDefault=false",
            "--providers.docker.constraints=Label(`com.docker.compose.project`, `${COMPOSE_PROJECT_NAME}`)",
            "--providers.providersThrottleDuration=100ms",
            "--log.level=WARN",
            "--global.checkNewVersion=false",
            "--global.sendAnonymousUsage=false",
        ],
        "volumes": [f"${{{SOCKET_VARIABLE}}}:/docker.sock"],
        "ports": [f"127.0.0.1:${{{PORT_VARIABLE}}}:{EDGE_PORT}"],
    }
    return {"services": {**services, EDGE: edge}}


def labels_of(name: str) -> dict[str, str]:
    """The labels by which Traefik's Docker provider leads clients to the healthy copies of a service."""
    return {
        "traefik.enable": "true",
        f"traefik.http.routers.{name}.rule": f"Host(`{host_of(name)}`)",
        f"traefik.http.routers.{name}.entrypoints": ENTRYPOINT,
        f"traefik.http.services.{name}.loadbalancer.server.port": str(PORT),
    }


def _service(sample: Json) -> Json:
    service: Json = copy.deepcopy(sample["services"]["api-blue"])
    del service["environment"]
    return service


def _networks(sample: Json) -> Json:
    return {"networks": copy.deepcopy(sample["networks"])}


def routed(services: Sequence[str]) -> Json:
    """The part `routed` of the stack file."""
    common = {"port": PORT, "health": HEALTH, "entrypoint": ENTRYPOINT}
    return {name: {"service": name, **common, "rule": f"Host(`{host_of(name)}`)"} for name in services}


def routes(services: Sequence[str], color: str) -> Json:
    """The dynamic file of Traefik for the services by hand."""
    routers = {n: {"rule": f"Host(`{host_of(n)}`)", "entryPoints": [ENTRYPOINT], "service": n} for n in services}
    servers = {n: {"loadBalancer": {"servers": [{"url": f"http://{n}-{color}:{PORT}"}]}} for n in services}
    return {"http": {"routers": routers, "services": servers}}


def with_services(count: int) -> Callable[[Environment], None]:
    """For `deployed`: the stack file has `count` routed services and no bot."""

    def prepare(home: Environment) -> None:
        as_installed(home)
        file = home.directory / "stack.yml"
        stack = yaml.safe_load(file.read_text()) | {"routed": routed(names(count)), "singletons": {}}
        stack["traefik"]["entrypoints"] = {ENTRYPOINT: home.routes[ENTRYPOINT]}
        file.write_text(yaml.safe_dump(stack, sort_keys=False))

    return prepare
