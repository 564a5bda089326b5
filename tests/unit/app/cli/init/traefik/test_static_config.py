from pathlib import Path
from typing import Any

import pytest

from app.cli.init.project.compose_file import Project
from app.cli.init.project.mounts import mounts
from app.cli.init.project.service_facts import Service
from app.cli.init.traefik.entrypoints import EntryPoint, entrypoints
from app.cli.init.traefik.static.static_config import (
    Form,
    StaticConfig,
    find_traefik,
    static_config,
)

COMMITTED = Path(__file__).parents[6] / "config" / "traefik"


def config(service: dict[str, Any], directory: Path = Path("/nowhere")) -> StaticConfig:
    project = Project(directory, "compose.yaml", {"services": {"t": service}}, resolved=False)
    return static_config(service, mounts(project, service))


def ports(service: dict[str, Any], directory: Path = Path("/nowhere")) -> dict[str, int]:
    return {name: point.port for name, point in entrypoints(config(service, directory)).items()}


@pytest.mark.parametrize(
    "command",
    [
        ["--entryPoints.web.address=:80", "--entrypoints.dns.address=:53/udp", "--log.level=WARN"],
        ["traefik", "-entrypoints.web.address", ":80"],
        "--entrypoints.web.address=:80 --api",
        ["sh", "-c", "exec traefik --entrypoints.web.address=:80 --api"],
    ],
)
def test_command_line_is_read_in_every_form(command: object) -> None:
    assert ports({"command": command}) == {"web": 80}
    assert config({"command": command}).form is Form.FLAGS


def test_environment_counts_only_without_flags() -> None:
    environment = ["TRAEFIK_ENTRYPOINTS_SKILLS_ADDRESS=:8080", "TRAEFIK_DASHBOARD_PORT=1"]
    assert ports({"environment": environment}) == {"skills": 8080}
    assert config({"environment": environment}).form is Form.ENVIRONMENT
    assert ports({"environment": environment, "command": ["--entrypoints.web.address=:80"]}) == {"web": 80}


@pytest.mark.parametrize(
    "service",
    [
        {"volumes": ["./traefik.yml:/etc/traefik/traefik.yml:ro"]},
        {"volumes": [{"type": "bind", "source": str(COMMITTED), "target": "/etc/traefik"}]},
        {"volumes": [".:/config"], "command": ["--configFile=/config/traefik.yml"]},
        {"volumes": [".:/config"], "command": ["--configfile", "/config/traefik.yml"]},
    ],
)
def test_static_file_is_found_at_any_mount(service: dict[str, Any]) -> None:
    assert ports(service, COMMITTED) == {"skills": 8080, "api": 8443, "metrics": 8082, "traefik": 8083}
    assert (config(service, COMMITTED).file, config(service, COMMITTED).ignored) == (COMMITTED / "traefik.yml", False)


def test_static_file_overrides_flags(tmp_path: Path) -> None:
    (tmp_path / "traefik.toml").write_text('[entryPoints.web]\naddress = ":80"\n[entryPoints.broken]\n')
    (tmp_path / "traefik.yml").write_text("entryPoints: {later: {address: ':81'}}\n")
    service = {"volumes": [".:/etc/traefik"], "command": ["--entrypoints.flag.address=:82"]}
    assert ports(service, tmp_path) == {"web": 80}
    assert config(service, tmp_path).ignored


def test_unreadable_static_file_is_named(tmp_path: Path) -> None:
    flags = ["--configFile=/baked/in.yml", "--entrypoints.web.address=:80"]
    assert config({"command": flags}) == StaticConfig(Form.FILE, file=Path("/baked/in.yml"), ignored=True, unread=True)
    mounted = {"volumes": ["./traefik.toml:/etc/traefik/traefik.toml"]}
    expected = StaticConfig(Form.FILE, file=tmp_path / "traefik.toml", unread=True)
    assert config(mounted, tmp_path) == expected
    (tmp_path / "traefik.toml").write_text("[")
    assert config(mounted, tmp_path) == expected


def test_options_match_in_any_case_and_can_be_off() -> None:
    on = config({"command": ["--metrics.prometheus.ENTRYPOINT=m"]})
    assert (on.get("metrics", "prometheus", "entrypoint"), on.has("metrics", "prometheus")) == ("m", True)
    assert not config({"command": ["--metrics.prometheus=false"]}).has("metrics", "prometheus")
    assert not config({"command": ["--api"]}).has("metrics", "prometheus")


def test_entrypoint_reports_tls_and_redirects() -> None:
    command = [
        "--entrypoints.web.address=:80",
        "--entrypoints.web.http.redirections.entrypoint.to=websecure",
        "--entrypoints.websecure.address=0.0.0.0:443/tcp",
        "--entrypoints.websecure.http.tls=true",
        "--entrypoints.plain.address=:81",
        "--entrypoints.plain.http.tls=false",
        "--entrypoints.unknown.address=:${PORT}",
    ]
    assert entrypoints(config({"command": command})) == {
        "web": EntryPoint("web", 80, redirects=True),
        "websecure": EntryPoint("websecure", 443, tls=True),
        "plain": EntryPoint("plain", 81),
    }


def test_traefik_is_found_by_image_command_or_name() -> None:
    by_image: dict[str, Service] = {"traefik-helper": {"image": "x"}, "proxy": {"image": "traefik:v3"}}
    by_command: dict[str, Service] = {
        "traefik-helper": {},
        "proxy": {"image": "${X}", "command": ["--entrypoints.web.address=:80"]},
    }
    assert (find_traefik(by_image), find_traefik(by_command)) == ("proxy", "proxy")
    assert (find_traefik({"my-traefik": {}}), find_traefik({"web": {}})) == ("my-traefik", None)


@pytest.mark.parametrize("form", ["flags", "indexed", "environment", "file"])
def test_defaults_and_middlewares_of_entrypoints_are_read_in_every_form(form: str, tmp_path: Path) -> None:
    (tmp_path / "t.yml").write_text(
        "entryPoints: {websecure: {address: ':443', asDefault: true, http: {middlewares: [a@file, b@file]}}, "
        "web: {address: ':80', asDefault: false}}"
    )
    flags = [
        "--entrypoints.web.address=:80",
        "--entryPoints.websecure.address=:443",
        "--entrypoints.websecure.asDefault",
    ]
    some = "--entrypoints.websecure.http.middlewares"
    services: dict[str, dict[str, Any]] = {
        "flags": {"command": [*flags, f"{some}=a@file", f"{some}=b@file"]},
        "indexed": {"command": [*flags, f"{some}[0]=a@file", f"{some}[1]=b@file"]},
        "environment": {
            "environment": {
                "TRAEFIK_ENTRYPOINTS_WEB_ADDRESS": ":80",
                "TRAEFIK_ENTRYPOINTS_WEBSECURE_ADDRESS": ":443",
                "TRAEFIK_ENTRYPOINTS_WEBSECURE_ASDEFAULT": "true",
                "TRAEFIK_ENTRYPOINTS_WEBSECURE_HTTP_MIDDLEWARES": "a@file, b@file",
            }
        },
        "file": {"volumes": [f"{tmp_path}/t.yml:/etc/traefik/traefik.yml"]},
    }
    assert entrypoints(config(services[form])) == {
        "web": EntryPoint("web", 80),
        "websecure": EntryPoint("websecure", 443, as_default=True, middlewares=("a@file", "b@file")),
    }
