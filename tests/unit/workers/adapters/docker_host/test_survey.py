import asyncio
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import docker
import pytest
from docker.models.containers import Container

from app.domain.routing.routes import ClientRoute
from app.domain.stack import Stack
from tests.examples import a_routed, a_stack
from tests.unit.workers.engine_http import http_engine
from workers.adapters.docker_host.addresses import Addresses
from workers.adapters.docker_host.client import Docker, instance_of
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.own_services import container as own_container
from workers.adapters.docker_host.stored.host_file_states import record
from workers.adapters.docker_host.stored.value_marks import ValueMarks
from workers.adapters.docker_host.survey import seen_of, survey
from workers.definition.files.live_files import LiveFile, with_record
from workers.ports import Survey

WEB_STACK = a_stack(routed=(a_routed("web", 80, "/", ClientRoute("web")),))
CREATED = "2026-11-27T00:00:00Z"
ROUTE = Path("/etc/dynamic/updater-shop.yml")
"""As the worker sees it: below /routes on the host if it runs in a container."""
OWN = socket.gethostname()
ID = "3f" * 32
MOUNTS = [{"Destination": "/etc/dynamic", "Source": "/routes"}]


class NoCompose:
    """A host without Docker Compose."""

    async def by_hand(self, _: str) -> None:
        return None

    async def version(self) -> str:
        return ""


@pytest.fixture(autouse=True)
def mounts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """What the kernel says of this process's mounts: nothing of a container."""
    monkeypatch.setattr(own_container, "MOUNTS", tmp_path / "mountinfo")
    return tmp_path / "mountinfo"


def container(name: str, project: str | None, mode: str = "shop_default", **networks: str) -> dict[str, Any]:
    labels = {"com.docker.compose.service": name, "com.docker.compose.project": project} if project else None
    return {
        "Id": name,
        "Name": f"/{name}",
        "Config": {"Hostname": name, "Labels": labels, "Image": name, "Entrypoint": None, "Cmd": ["serve"]},
        "State": {"Status": "running"},
        "Mounts": MOUNTS,
        "HostConfig": {"NetworkMode": mode},
        "NetworkSettings": {"Networks": {name: {"IPAddress": address} for name, address in networks.items()}},
    }


NETWORKS = [
    {"Id": "1", "Name": "shop_back", "Driver": "bridge", "Internal": True, "Options": {}},
    {"Id": "2", "Name": "shop_front", "Driver": "bridge", "Options": None},
    {"Id": "3", "Name": "lan", "Driver": "macvlan", "Options": {"parent": "eth0"}},
]


def answers_of(*containers: Mapping[str, Any]) -> dict[str, tuple[int, object]]:
    answers: dict[str, tuple[int, object]] = {
        "GET /containers/json": (200, [{"Id": c["Id"]} for c in containers]),
        "GET /system/df": (200, {}),
        "GET /version": (200, {}),
        "GET /networks": (200, NETWORKS),
    }
    return answers | {f"GET /containers/{c['Id']}/json": (200, c) for c in containers}


@contextmanager
def engine_with(*containers: Mapping[str, Any]) -> Iterator[Docker]:
    with engine_of(answers_of(*containers)) as docker:
        yield docker


@contextmanager
def engine_of(answers: dict[str, tuple[int, object]]) -> Iterator[Docker]:
    with http_engine(answers) as engine:
        client = docker.DockerClient(base_url=engine.host, version="1.41")
        try:
            yield Docker(client, engine.host)
        finally:
            client.close()


async def surveyed(*containers: Mapping[str, Any], marks: ValueMarks | None = None) -> Survey:
    with engine_with(*containers) as engine:
        known = marks or ValueMarks(Path("/dev/null/marks.key"))
        return await survey(engine, cast("Compose", NoCompose()), a_stack(), known)


async def address(*containers: Mapping[str, Any], stack: Stack | None = None) -> str | None:
    """The address at which the worker reaches the first of `containers`."""
    first = SimpleNamespace(id="c1", attrs={**containers[0], "Created": CREATED})
    with engine_with(*containers) as engine:
        chosen = await Addresses(engine, stack or WEB_STACK, ROUTE).choose(instance_of(cast("Container", first)))
        return chosen.address


def test_networks_with_an_address_are_seen() -> None:
    seen = seen_of(container("web", "shop", shop_b="10.0.0.2", shop_a="10.0.1.2", left=""))
    assert (seen.name, seen.networks, seen.mounts) == ("web", ("shop_a", "shop_b"), {"/etc/dynamic": "/routes"})
    assert seen_of(container("web", "shop", host="")).networks == ("host",)


async def test_containers_of_other_projects_are_apart() -> None:
    found = await surveyed(container("web", "shop"), container("edge", "proxy"), container("alone", None))
    assert [seen.name for seen in found.others] == ["edge", "alone"]
    assert (found.own_name, found.own_networks, found.own_mounts) == (None, None, None)


async def test_copies_that_refuse_a_release_are_found_in_the_live_directory() -> None:
    class LiveCompose(NoCompose):
        async def by_hand(self, _: str) -> Any:
            return {"services": {"api-blue": {"scale": 0}, "bot": {}}}

    with engine_with() as engine:
        known = ValueMarks(Path("/dev/null/marks.key"))
        found = await survey(engine, cast("Compose", LiveCompose()), a_stack(), known)
    assert [text.partition(",")[0] for text in found.clashes] == ["api-blue has scale 0"]


async def test_networks_of_the_own_container_are_known() -> None:
    found = await surveyed(container(OWN, "shop", ops="10.0.0.2"))
    assert (found.own_name, found.own_networks) == (OWN, frozenset({"ops"}))
    assert found.own_mounts == {"/etc/dynamic": "/routes"}


@pytest.mark.parametrize(
    ("content", "minutes", "state", "expected"),
    [
        ("one", 1, "running", ((), ())),
        ("two", 1, "running", (("token.txt",), ())),
        ("two", -1, "running", ((), ("token.txt",))),
        ("two", 1, "exited", ((), ())),
    ],
    ids=["same", "restarted", "not-restarted", "stopped"],
)
async def test_other_version_of_a_mounted_file_is_seen(
    tmp_path: Path, content: str, minutes: int, state: str, expected: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    """The engine mounts today's file when it starts a container, also when it does so by itself."""
    file, marks = tmp_path / "token.txt", ValueMarks(tmp_path / "marks.key")
    file.write_text("one")
    bot = container("bot", "shop")
    made_with = with_record({"labels": {}}, record(marks, [LiveFile(str(file))]))["labels"]
    bot["Config"]["Labels"] |= {key: value.replace("$$", "$") for key, value in made_with.items()}
    started = datetime.now(UTC) + timedelta(minutes=minutes)
    bot["State"] = {"Status": state, "StartedAt": f"{started:%Y-%m-%dT%H:%M:%S}.123456789Z"}
    file.write_text(content)
    (seen,) = (await surveyed(bot, marks=marks)).containers
    assert (seen.new_files, seen.old_files) == tuple(tuple(str(tmp_path / n) for n in names) for names in expected)


WEB = container("web-blue", "shop", shop_back="10.0.1.2", shop_front="10.0.2.2")


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (container(OWN, "shop", shop_front="10.0.2.9", ops="10.0.3.9"), "10.0.2.2"),
        (container(OWN, "shop", ops="10.0.3.9"), None),
        (container(OWN, "shop", mode="host", host=""), "10.0.1.2"),
        (container(OWN, "shop", mode="container:proxy"), "10.0.2.2"),
        (container("another", "shop", shop_front="10.0.2.9"), "10.0.1.2"),
    ],
    ids=["shares-one", "shares-none", "of-the-host", "of-another-container", "outside-containers"],
)
async def test_address_is_in_a_network_of_the_worker(own: Mapping[str, Any], expected: str | None) -> None:
    assert await address(WEB, own, container("proxy", "edge", shop_front="10.0.2.8")) == expected


def traefik(mounted: str = "/etc/dynamic", **networks: str) -> dict[str, Any]:
    mounts = [{"Destination": "/etc/traefik/dynamic", "Source": mounted}]
    return container("traefik", "shop", **networks) | {"Mounts": mounts}


HERE = container(OWN, "shop", shop_front="10.0.2.9", shop_back="10.0.1.9")


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([traefik(shop_front="10.0.2.3")], "10.0.2.2"),
        ([traefik(shop_front="10.0.2.3", shop_back="10.0.1.3")], "10.0.1.2"),
        ([traefik(ops="10.0.3.3")], "10.0.1.2"),
        ([traefik("/elsewhere", shop_front="10.0.2.3")], "10.0.1.2"),
        ([traefik(shop_front="10.0.2.3") | {"State": {"Status": "exited"}}], "10.0.1.2"),
        ([traefik("/routes", shop_front="10.0.2.3"), HERE], "10.0.2.2"),
        ([traefik("/routes", shop_front="10.0.2.3"), container(OWN, "shop", shop_back="10.0.1.9")], "10.0.1.2"),
    ],
    ids=["shares-one", "shares-two", "shares-none", "another-traefik", "stopped", "worker-in-both", "worker-in-one"],
)
async def test_address_is_in_a_network_of_traefik_too(others: list[Mapping[str, Any]], expected: str) -> None:
    assert await address(WEB, *others) == expected


async def test_address_is_in_a_network_that_the_host_reaches() -> None:
    """The kernel drops what the host sends to a macvlan; an internal bridge has the host in it."""
    web = container("web-blue", "shop", lan="192.168.1.2", shop_back="10.0.1.2")
    assert await address(web, traefik(lan="192.168.1.3")) == "10.0.1.2"
    assert await address(web) == "10.0.1.2"
    assert await address(container("web-blue", "shop", lan="192.168.1.2")) == "192.168.1.2", "tried all the same"
    inside = container(OWN, "shop", lan="192.168.1.9", shop_back="10.0.1.9")
    assert await address(web, inside, traefik("/routes", lan="192.168.1.3")) == "192.168.1.2"


async def test_traefik_that_comes_later_is_found() -> None:
    edge = traefik(shop_front="10.0.2.3")
    with engine_of(answers := answers_of(WEB)) as engine:
        found = Addresses(engine, WEB_STACK, ROUTE, look_seconds=0)
        first = instance_of(cast("Container", SimpleNamespace(id="c1", attrs=WEB | {"Created": CREATED})))
        assert (await found.choose(first)).address == "10.0.1.2"
        answers |= answers_of(WEB, edge)
        assert (await found.choose(first)).address == "10.0.2.2"


async def test_stack_file_decides_on_the_network() -> None:
    stack = a_stack(routed=(a_routed("web", 80, "/", ClientRoute("web"), network="back"),))
    assert await address(WEB, traefik(shop_front="10.0.2.3"), stack=stack) == "10.0.1.2"


async def test_networks_off_the_host_are_seen() -> None:
    assert (await surveyed(container("web", "shop"))).off_host == {"lan"}


async def test_worker_in_the_hosts_network_has_no_networks_of_its_own() -> None:
    found = await surveyed(container(OWN, "shop", mode="host", host=""))
    assert (found.own_name, found.own_networks) == (OWN, None)


async def test_own_container_is_found_by_its_mounts(mounts: Path) -> None:
    """It has another hostname than its id."""
    await asyncio.to_thread(
        mounts.write_text, f"690 612 8:1 /containers/{ID}/hostname /etc/hostname rw - ext4 /dev/sda1\n"
    )
    assert await address(WEB, container(ID, "shop", shop_front="10.0.2.9")) == "10.0.2.2"


async def test_container_with_only_an_ipv6_address_is_reached() -> None:
    web = container("web", "shop", shop_back="")
    web["NetworkSettings"]["Networks"]["shop_back"]["GlobalIPv6Address"] = "fd00::2"
    assert await address(web) == "fd00::2"


def test_tmpfs_is_a_mount_without_a_place_on_the_host() -> None:
    """The engine lists the one of `--mount`, and not that of `--tmpfs`."""
    attrs = container("traefik", None) | {"HostConfig": {"Tmpfs": {"/etc/dynamic/own": "", "/etc/dynamic": "size=1m"}}}
    assert seen_of(attrs).mounts == {"/etc/dynamic/own": "", "/etc/dynamic": "/routes"}
