from pathlib import Path, PurePosixPath
from typing import Any

from app.cli.init.project.compose_file import Project
from app.cli.init.project.mounts import (
    mount_of,
    mounts,
    mounts_the_engine,
    on_host,
)

ROUTES = PurePosixPath("/etc/traefik/dynamic/routes.yml")


def host(tmp_path: Path, service: dict[str, Any], **model: Any) -> Path | None:
    project = Project(tmp_path, "compose.yaml", {"services": {"t": service}, **model}, resolved=False)
    return on_host(mounts(project, service), ROUTES)


def test_bind_mount_is_read_in_both_forms(tmp_path: Path) -> None:
    short = {"volumes": ["./config:/etc/traefik:ro"]}
    long = {"volumes": [{"type": "bind", "source": f"{tmp_path}/config", "target": "/etc/traefik"}]}
    for service in (short, long):
        assert host(tmp_path, service) == tmp_path / "config" / "dynamic" / "routes.yml"


def test_closest_mount_wins(tmp_path: Path) -> None:
    service = {"volumes": ["./a:/etc/traefik", "./b:/etc/traefik/dynamic"]}
    assert host(tmp_path, service) == tmp_path / "b" / "routes.yml"
    assert host(tmp_path, {"volumes": ["./a:/etc/traefik", "routes:/etc/traefik/dynamic"]}) is None


def test_volume_bound_to_a_host_path_is_a_mount(tmp_path: Path) -> None:
    service = {"volumes": ["routes:/etc/traefik/dynamic"]}
    options = {"type": "none", "o": "bind", "device": "/srv/routes"}
    assert host(tmp_path, service, volumes={"routes": {"driver_opts": options}}) == Path("/srv/routes/routes.yml")
    assert host(tmp_path, service, volumes={"routes": {}}) is None


def test_config_counts_as_a_mount(tmp_path: Path) -> None:
    service = {"configs": [{"source": "routes", "target": str(ROUTES)}]}
    assert host(tmp_path, service, configs={"routes": {"file": "./r.yml"}}) == tmp_path / "r.yml"


def test_volume_is_named_without_a_host_path(tmp_path: Path) -> None:
    service = {"volumes": ["routes:/etc/traefik"]}
    project = Project(tmp_path, "compose.yaml", {"services": {"t": service}}, resolved=False)
    mount = mount_of(mounts(project, service), ROUTES)
    assert mount is not None
    assert (mount.volume, mount.source) == ("routes", None)


def test_engine_socket_is_found_from_any_source() -> None:
    for volume in ("/run/docker.sock:/run/docker.sock", "${S}:/var/run/docker.sock:ro", {"target": "/x/docker.sock"}):
        assert mounts_the_engine({"volumes": [volume]})
    assert not mounts_the_engine({"volumes": ["./data:/data"]})


def test_home_of_an_unknown_user_is_not_on_this_machine(tmp_path: Path) -> None:
    service = {"volumes": ["~nosuchuser/x:/etc/traefik"], "configs": [{"source": "c", "target": "/c"}]}
    project = Project(tmp_path, "compose.yaml", {"configs": {"c": {"file": "~nosuchuser/y"}}}, resolved=False)
    volume, config = mounts(project, service)
    assert (volume.source, config.source) == (None, None)
    assert (
        volume.place
        == "is in an invalid path, or the home directory of an unknown user, which is not on this machine's disk"
    )


def test_path_with_a_null_character_is_not_on_this_machine(tmp_path: Path) -> None:
    assert host(tmp_path, {"volumes": ["./a\0b:/etc/traefik"]}) is None


def test_volume_options_of_a_wrong_type_are_ignored(tmp_path: Path) -> None:
    service = {"volumes": [{"type": "volume", "source": "routes", "target": "/etc/traefik", "volume": 3}]}
    assert host(tmp_path, service) is None
