"""What `init` reads in labels is what Traefik itself reads: its API names the routers of real containers."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.cli.init.traefik.dynamic.labels import label_routes
from app.cli.init.traefik.dynamic.routes import FoundRoute
from deploy.demo.clients import plain_client
from deploy.demo.docker.engine import Engine, connected
from deploy.demo.processes import free_port, running
from tests.integration.waiting import once_up, until

pytestmark = pytest.mark.engine

MARK, LAST = "updater.test.labels", "last"
WAITS = ["python3", "-c", "import signal; signal.pause()"]
PORTS = {"80/tcp": ("127.0.0.1", None)}
"""Traefik skips a container without a port."""

RULE, OTHER = "Host(`a.example.org`)", "Host(`b.example.org`)"
ENTRYPOINT = "web"

ROUTER, SERVER = "traefik.http.routers", "traefik.http.services.{}.loadbalancer.server.port"
SETS: Mapping[str, Mapping[str, str]] = {
    "plain": {"plain.rule": RULE, "plain.entrypoints": ENTRYPOINT, "plain.middlewares": "auth@file, limit@file"},
    "capitals": {"Capitals.Rule": RULE, "Capitals.EntryPoints": ENTRYPOINT, "Capitals.Middlewares": "auth@file"},
    "two cases": {"Cases.rule": RULE, "cases.rule": OTHER, "cases.middlewares": "auth@file"},
    "other order": {"order.rule": RULE, "ORDER.rule": OTHER, "ORDER.priority": "7"},
    "items": {"items.rule": RULE, "items.middlewares[0]": "auth@file", "items.middlewares[1]": "limit@file"},
    "negative": {"negative.rule": RULE, "negative.priority": "-3"},
    "two routers": {"first.rule": RULE, "second.rule": OTHER, "second.entrypoints": ENTRYPOINT},
    "own service": {"own.rule": RULE, SERVER.format("own-service"): "8080"},
    "named service": {
        "named.rule": RULE,
        "named.service": "named-service",
        SERVER.format("named-service"): "8080",
        SERVER.format("second-service"): "8081",
    },
    "no service named": {"several.rule": RULE, SERVER.format("third"): "8080", SERVER.format("fourth"): "8081"},
    "disabled": {"traefik.enable": "false", "disabled.rule": RULE},
}
"""Labels of one container each; a name without `traefik` in front is below ROUTER. No two containers share a name."""

Read = tuple[str, tuple[str, ...], tuple[str, ...], int]
"""Rule, entrypoints, middlewares, priority (0: none was given)."""


def labels_of(short: Mapping[str, str]) -> dict[str, str]:
    return {key if key.lower().startswith("traefik.") else f"{ROUTER}.{key}": value for key, value in short.items()}


@pytest.fixture
def mark(engine: Engine, images: tuple[str, str]) -> Iterator[str]:
    """The value of MARK of one running container for each of SETS, and of one whose router is LAST."""
    mark = uuid4().hex
    with connected(engine.host) as client:
        try:
            for number, short in enumerate([*SETS.values(), {f"{LAST}.rule": RULE}]):
                labels = {MARK: mark, **labels_of(short)}
                options: Any = {"labels": labels, "name": f"labels-{number}-{mark}", "ports": PORTS}
                client.containers.run(images[0], WAITS, detach=True, **options)
            yield mark
        finally:
            for made in client.containers.list(all=True, filters={"label": f"{MARK}={mark}"}):
                made.remove(force=True)


async def traefiks(engine: Engine, mark: str, log: Path) -> dict[str, Read]:
    """The routers, by name, that Traefik makes of the containers with this mark."""
    api, web = free_port(), free_port()
    command = [
        str(Path(sys.executable).with_name("traefik")),
        f"--entrypoints.{ENTRYPOINT}.address=127.0.0.1:{web}",
        f"--entrypoints.traefik.address=127.0.0.1:{api}",
        "--api.insecure=true",
        f"--providers.docker.endpoint={engine.host}",
        f"--providers.docker.constraints=Label(`{MARK}`,`{mark}`)",
        *("--global.checkNewVersion=false", "--global.sendAnonymousUsage=false"),
    ]
    found: dict[str, dict[str, Any]] = {}
    with running(command, {}, log):
        async with plain_client(base_url=f"http://127.0.0.1:{api}") as client:

            async def looked() -> bool:
                if (answer := await client.get("/api/http/routers?per_page=100")).is_success:
                    found.update({each["name"]: each for each in answer.json() if each["provider"] == "docker"})
                return f"{LAST}@docker" in found

            await until(once_up(looked))
    del found[f"{LAST}@docker"]
    return {
        name.removesuffix("@docker"): (
            each["rule"],
            tuple(each["entryPoints"]),
            tuple(each.get("middlewares", ())),
            0 if each["priority"] == len(each["rule"]) else each["priority"],
        )
        for name, each in found.items()
    }


def ours(route: FoundRoute) -> Read:
    options = route.options
    return (
        route.rule or "",
        route.entrypoints or (ENTRYPOINT,),
        tuple(options.get("middlewares", ())),
        options.get("priority", 0),
    )


async def test_init_reads_labels_as_traefik_does(mark: str, engine: Engine, tmp_path: Path) -> None:
    read = [route for short in SETS.values() for route in label_routes("shop", {"labels": labels_of(short)})]
    expected = {route.router: ours(route) for route in read if route.router}
    assert await traefiks(engine, mark, tmp_path / "traefik.log") == expected
    assert {"Cases", "ORDER", "Capitals"} <= set(expected)
    assert "disabled" not in expected
