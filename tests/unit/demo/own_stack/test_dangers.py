import socket
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.own_stack.dangers import Surroundings, dangers, outside_networks, outside_volumes
from deploy.demo.own_stack.home import _is_free
from tests.unit.demo.own_stack.stacks import content, stack

OWN: dict[str, Any] = {"name": "zu-demo-1_data"}
BOTH_COLORS = {"blue": "web-blue", "green": "web-green", "port": 8000, "health": "/", "entrypoint": "web"}


def model(db: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return {"name": "zu-demo-1", "services": {"web": {}, "db": db, "idle": {"pid": "host"}}, **parts}


def bind(source: object, *, read_only: bool = False) -> dict[str, Any]:
    return {"volumes": [{"type": "bind", "source": str(source), "target": "/x", "read_only": read_only}]}


def found(given: dict[str, Any], place: Path, *, owned: bool = False, **more: Any) -> list[str]:
    return dangers(given, stack(), ["web", "db"], Surroundings(place, owned, **more))


def mounting(**volume: Any) -> dict[str, Any]:
    return model({"volumes": [{"type": "volume", "source": "data", "target": "/x"}]}, volumes={"data": volume})


def joining(**network: Any) -> dict[str, Any]:
    return model({"networks": {"net": None}}, networks={"net": network})


def test_own_stack_is_safe(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert found(model(bind(tmp_path / "data")), tmp_path) == []
    assert found(mounting(**OWN), tmp_path) == []
    assert found(joining(name="zu-demo-1_net"), tmp_path) == []
    assert found(model(bind("/etc/hosts", read_only=True)), tmp_path) == []


@pytest.mark.parametrize("owned", [False, True])
def test_writable_path_of_the_host_is_refused_on_every_engine(tmp_path: Path, owned: bool) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "link").symlink_to(tmp_path)
    for source in (tmp_path, place / "link", place / ".." / "other"):
        assert f"db may write to {source}" in "".join(found(model(bind(source)), place, owned=owned))


@pytest.mark.parametrize("source", ["/var/run/docker.sock", "/var/run", "/"])
def test_engine_s_socket_is_refused_even_read_only(tmp_path: Path, source: str) -> None:
    assert "would control the Docker Engine" in "".join(found(model(bind(source, read_only=True)), tmp_path))


def test_socket_of_the_used_engine_is_refused(tmp_path: Path) -> None:
    given = model(bind("/run/other/docker.sock", read_only=True))
    assert "would control" in "".join(found(given, tmp_path, sockets=("/run/other/docker.sock",)))


@pytest.mark.parametrize("part", [{"name": "shop_data", "external": True}, {"name": "shop-data"}])
def test_data_of_another_project_is_refused_on_a_shared_engine(tmp_path: Path, part: dict[str, Any]) -> None:
    for given in (mounting(**part), joining(**part)):
        assert len(found(given, tmp_path)) == 1
        assert found(given, tmp_path, owned=True) == []


@pytest.mark.parametrize("part", [{"driver_opts": {"type": "none", "device": "/srv"}}, {"driver": "nfs"}])
def test_volume_that_leads_elsewhere_is_refused(tmp_path: Path, part: dict[str, Any]) -> None:
    assert "the volume data has a driver" in "".join(found(mounting(**OWN, **part), tmp_path, owned=True))


@pytest.mark.parametrize(
    "service",
    [
        {"network_mode": "host"},
        {"network_mode": "container:prod"},
        {"pid": "host"},
        {"volumes_from": ["container:prod"]},
        {"external_links": ["prod"]},
        {"use_api_socket": True},
    ],
)
def test_what_is_another_s_is_refused_by_name(tmp_path: Path, service: dict[str, Any]) -> None:
    assert [each.startswith("db ") for each in found(model(service), tmp_path)] == [True]


def test_taken_name_or_port_of_a_moved_service_is_refused(tmp_path: Path) -> None:
    service = {"container_name": "shop", "ports": [{"published": "80", "target": 80}]}
    given = {"name": "zu-demo-1", "services": {"web-blue": service, "web": service, "db": service}}
    around = Surroundings(tmp_path, owned=False, names={"shop"}, port_is_free=lambda *_: False)
    made = dangers(given, stack(), ["web", "db"], around)
    assert made == [], "the colors that are made from web have neither, and db is started without both"
    pair = content()["routed"] | {"web": BOTH_COLORS}
    assert len(dangers(given, stack(routed=pair), ["web-blue"], around)) == 2


def test_only_what_runs_counts(tmp_path: Path) -> None:
    assert dangers(model({}), stack(), ["web", "db"], Surroundings(tmp_path, owned=False)) == []


def test_outside_parts_are_those_in_use() -> None:
    external = {"name": "prod", "external": True}
    assert outside_volumes(mounting(**external), ["db"]) == ["prod"]
    assert outside_volumes(mounting(**external), ["web"]) == []
    assert outside_networks(joining(**external), ["db"]) == ["prod"]


def test_used_port_is_not_free() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert not _is_free("127.0.0.1", listener.getsockname()[1])
