from pathlib import Path

import pytest

from app.cli.starting.entrypoints import entrypoints, find_traefik
from app.cli.starting.service_facts import Service

COMMITTED = Path(__file__).parents[5] / "config" / "traefik"


def test_the_command_line_names_them() -> None:
    service = {"command": ["--entryPoints.web.address=:80", "--entrypoints.dns.address=:53/udp", "--log.level=WARN"]}
    assert entrypoints(service, Path("/nowhere")) == {"web": 80}


def test_the_environment_names_them() -> None:
    service = {"environment": ["TRAEFIK_ENTRYPOINTS_SKILLS_ADDRESS=:8080"]}
    assert entrypoints(service, Path("/nowhere")) == {"skills": 8080}


@pytest.mark.parametrize(
    "service",
    [
        {"volumes": ["./traefik.yml:/etc/traefik/traefik.yml:ro"]},
        {"volumes": [{"type": "bind", "source": str(COMMITTED), "target": "/etc/traefik"}]},
        {"volumes": [".:/config"], "command": ["--configFile=/config/traefik.yml"]},
    ],
)
def test_the_static_file_names_them_wherever_it_is_mounted(service: dict[str, object]) -> None:
    assert entrypoints(service, COMMITTED) == {"skills": 8080, "api": 8443, "metrics": 8082, "traefik": 8083}


def test_a_toml_file_is_read_too_and_one_that_is_neither_says_nothing(tmp_path: Path) -> None:
    service = {"volumes": ["./traefik.toml:/etc/traefik/traefik.toml"]}
    (tmp_path / "traefik.toml").write_text('[entryPoints.web]\naddress = ":80"\n[entryPoints.broken]\n')
    assert entrypoints(service, tmp_path) == {"web": 80}
    (tmp_path / "traefik.toml").write_text("[")
    assert entrypoints(service, tmp_path) == {}


def test_one_that_only_redirects_is_none(tmp_path: Path) -> None:
    (tmp_path / "t.yml").write_text(
        "entryPoints:\n  web: {address: ':80', http: {redirections: {entryPoint: {to: s}}}}\n  s: {address: ':443'}\n"
    )
    assert entrypoints({"volumes": ["./t.yml:/etc/traefik/traefik.yml"]}, tmp_path) == {"s": 443}


def test_traefik_is_found_by_its_image_its_command_or_its_name() -> None:
    by_image: dict[str, Service] = {"traefik-helper": {"image": "x"}, "proxy": {"image": "traefik:v3"}}
    by_command: dict[str, Service] = {
        "traefik-helper": {},
        "proxy": {"image": "${X}", "command": ["--entrypoints.web.address=:80"]},
    }
    assert (find_traefik(by_image), find_traefik(by_command)) == ("proxy", "proxy")
    assert (find_traefik({"my-traefik": {}}), find_traefik({"web": {}})) == ("my-traefik", None)
