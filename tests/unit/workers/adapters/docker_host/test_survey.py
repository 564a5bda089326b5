import socket
from collections.abc import Mapping
from typing import Any, cast

import docker

from tests.examples import a_stack
from tests.unit.workers.engine_http import http_engine
from workers.adapters.docker_host.client import Docker
from workers.adapters.docker_host.compose import Compose
from workers.adapters.docker_host.survey import seen_of, survey
from workers.ports import Survey

OWN = socket.gethostname()
MOUNTS = [{"Destination": "/etc/dynamic", "Source": "/routes"}]


class NoCompose:
    """A host without Docker Compose."""

    async def by_hand(self, _: str) -> None:
        return None

    async def version(self) -> str:
        return ""


def container(name: str, project: str | None, **networks: str) -> dict[str, Any]:
    labels = {"com.docker.compose.service": name, "com.docker.compose.project": project} if project else None
    return {
        "Id": name,
        "Name": f"/{name}",
        "Config": {"Labels": labels, "Image": name, "Entrypoint": None, "Cmd": ["serve"]},
        "State": {"Status": "running"},
        "Mounts": MOUNTS,
        "NetworkSettings": {"Networks": {name: {"IPAddress": address} for name, address in networks.items()}},
    }


async def surveyed(*containers: Mapping[str, Any]) -> Survey:
    answers: dict[str, tuple[int, object]] = {
        "GET /containers/json": (200, [{"Id": c["Id"]} for c in containers]),
        "GET /system/df": (200, {}),
        "GET /version": (200, {}),
    }
    answers |= {f"GET /containers/{c['Id']}/json": (200, c) for c in containers}
    with http_engine(answers) as engine:
        client = docker.DockerClient(base_url=engine.host, version="1.41")
        try:
            return await survey(Docker(client, engine.host), cast("Compose", NoCompose()), a_stack())
        finally:
            client.close()


def test_networks_with_an_address_are_seen() -> None:
    seen = seen_of(container("web", "shop", shop_b="10.0.0.2", shop_a="10.0.1.2", left=""))
    assert (seen.name, seen.networks, seen.mounts) == ("web", ("shop_a", "shop_b"), {"/etc/dynamic": "/routes"})
    assert seen_of(container("web", "shop", host="")).networks == ("host",)


async def test_containers_of_other_projects_are_apart() -> None:
    found = await surveyed(container("web", "shop"), container("edge", "proxy"), container("alone", None))
    assert [seen.name for seen in found.others] == ["edge", "alone"]
    assert (found.own_name, found.own_networks, found.own_mounts) == (None, None, None)


async def test_networks_of_the_own_container_are_known() -> None:
    found = await surveyed(container(OWN, "shop", ops="10.0.0.2"))
    assert (found.own_name, found.own_networks) == (OWN, frozenset({"ops"}))
    assert found.own_mounts == {"/etc/dynamic": "/routes"}
