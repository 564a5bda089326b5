from pathlib import Path
from typing import Any

from app.cli.init.evidence import Statement, weigh
from app.cli.init.images.facts import FindImage, ImageFacts, no_images
from app.cli.init.project.compose_file import Project
from app.cli.init.project.url_lists import listed_urls
from app.cli.init.services.pairs import color_pairs, colored_hosts
from app.cli.init.sources import (
    Sources,
    copies,
    health_statements,
    port_statements,
)

IMAGE = ImageFacts((4000,), {"PORT": "4000"}, ("CMD-SHELL", "curl localhost:$PORT/alive"))


def read_statements(
    directory: Path, blue: dict[str, Any], green: dict[str, Any] | None = None, find: FindImage = no_images, **more: Any
) -> tuple[list[Statement[int]], list[Statement[str]]]:
    services = {"web-blue": blue, "web-green": blue if green is None else green, **more}
    project = Project(directory, "compose.yaml", {"name": "shop", "services": services}, resolved=False)
    (pair,) = color_pairs(services, "shop")
    hosts = colored_hosts(services, [pair])
    sources = Sources(project, hosts, (), tuple(listed_urls(services, hosts)), find)
    both = copies(pair, sources)
    return list(port_statements(pair, both, sources)), list(health_statements(pair, both, sources))


def test_dockerfile_yields_ports_and_health_check(tmp_path: Path) -> None:
    check = "HEALTHCHECK CMD curl localhost:${WEB_PORT}/up"
    (tmp_path / "Dockerfile").write_text(f"FROM x\nENV WEB_PORT=8000\nEXPOSE $WEB_PORT\n{check}\n")
    ports, health = read_statements(tmp_path, {"build": "."})
    assert [(s.values, s.where) for s in ports] == [
        ((8000,), "WEB_PORT in Dockerfile"),
        ((8000,), "EXPOSE in Dockerfile"),
        ((8000,), "HEALTHCHECK in Dockerfile"),
    ]
    assert health == [Statement(("/up",), "HEALTHCHECK in Dockerfile")]


def test_service_environment_overrides_the_images(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM x\nENV PORT=8000\nHEALTHCHECK CMD curl localhost:$PORT/up\n")
    ports, _ = read_statements(tmp_path, {"build": ".", "environment": {"PORT": "9000"}})
    assert [(s.values, s.where) for s in ports] == [
        ((9000,), "PORT in its environment"),
        ((9000,), "HEALTHCHECK in Dockerfile"),
    ]


def test_compose_check_overrides_the_images(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM x\nHEALTHCHECK CMD curl localhost:1/old\n")
    ports, health = read_statements(tmp_path, {"build": ".", "healthcheck": {"test": "curl localhost:2/new"}})
    assert [s.values for s in ports] == [(2,)]
    assert [s.values for s in health] == [("/new",)]


def test_local_image_is_the_last_source(tmp_path: Path) -> None:
    built, named = {"shop-web-blue": IMAGE, "shop-web-green": IMAGE}, {"example.org/web:1": IMAGE}
    for find, service in ((built.get, {"build": "."}), (named.get, {"image": "example.org/web:1"})):
        ports, health = read_statements(tmp_path, service, find=find)
        assert ports == [Statement((4000,), "EXPOSE of the local image")]
        assert health == [Statement(("/alive",), "HEALTHCHECK of the local image")]


def test_color_differences_name_each_service(tmp_path: Path) -> None:
    ports, _ = read_statements(tmp_path, {"expose": ["1"]}, {"expose": ["2"]})
    assert weigh(ports).question == "expose or ports of web-blue says 1; expose or ports of web-green says 2"
    ports, _ = read_statements(tmp_path, {"expose": ["1"]}, {})
    assert weigh(ports).sources == ("expose or ports of web-blue",)


def test_url_list_is_sure_of_port_but_not_of_path(tmp_path: Path) -> None:
    checker = {"environment": {"CHECK": "http://web-blue:8000/status http://web-green:8000/status"}}
    ports, health = read_statements(tmp_path, {}, checker=checker)
    assert ports == [Statement((8000,), "CHECK of checker")]
    assert health == [Statement(("/status",), "CHECK of checker", sure=False)]
