"""Routers in the labels of a color that lead to another service."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli.errors import Refused
from app.cli.init.answers import Answers
from app.cli.init.command import Written, write_stack_file
from app.cli.init.traefik.dynamic.labels import label_routes
from app.config.stack_file import load_stack

FLAGS = ["--entrypoints.web.address=:80", "--providers.docker=true"]
R, S = "traefik.http.routers.", "traefik.http.services."
ROUTER = {f"{R}shop.rule": "Host(`a.b`)"}
PORT = {f"{S}shop.loadbalancer.server.port": "8000"}
PROXY = {"image": "oauth2-proxy", "labels": {f"{S}login.loadbalancer.server.port": "4180"}}


def init(
    project: Path, labels: dict[str, str], green: dict[str, str] | None = None, *nothing_in: str, **others: Any
) -> Written:
    colors = {"shop-blue": labels, "shop-green": labels if green is None else green}
    services = {name: {"image": "shop", "labels": each} for name, each in colors.items()}
    others = others or {"proxy": {"image": "traefik:v3", "command": FLAGS}, "login": PROXY}
    (project / "compose.yaml").write_text(yaml.safe_dump({"name": "p", "services": {**services, **others}}))
    given = Answers(nothing_in)
    return write_stack_file(project, project / "s.yml", force=True, environ={"UPDATER_COMPOSE": "false"}, answers=given)


@pytest.mark.parametrize("service", ["login@docker", "login", "api@internal", "login@swarm", "gone@file"])
def test_router_to_another_service_is_not_the_colors(tmp_path: Path, service: str) -> None:
    with pytest.raises(Refused, match=r"No router .* leads to routed/shop"):
        init(tmp_path, {**ROUTER, **PORT, f"{R}shop.service": service})
    assert not (tmp_path / "s.yml").exists()


def test_router_without_a_service_beside_several_is_none(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"No router .* leads to routed/shop"):
        init(tmp_path, {**ROUTER, **PORT, f"{S}console.loadbalancer.server.port": "9001"})


@pytest.mark.parametrize("others", [{}, {"other": {"image": "x"}}])
def test_router_may_name_the_service_of_its_own_color(tmp_path: Path, others: dict[str, Any]) -> None:
    green = {f"{R}green.rule": "Host(`c.d`)", f"{R}green.service": "shop@docker"}
    written = init(tmp_path, {**ROUTER, **PORT, f"{R}shop.service": "shop@docker"}, green, "traefik", **others)
    assert {route.rule for route in load_stack(written.path).routed[0].routes} == {"Host(`a.b`)", "Host(`c.d`)"}


def test_labels_of_a_disabled_container_are_not_read(tmp_path: Path) -> None:
    admin = {f"{R}admin.rule": "Host(`c.d`)", f"{R}admin.service": "shop@docker", "traefik.enable": "false"}
    traefik = {"image": "traefik:v3", "command": FLAGS}
    written = init(tmp_path, {**ROUTER, **PORT}, proxy=traefik, login={**PROXY, "labels": admin})
    assert [route.rule for route in load_stack(written.path).routed[0].routes] == ["Host(`a.b`)"]
    assert label_routes("x", {"labels": {**ROUTER, "traefik.enable": "0"}}) == []


def test_password_of_a_router_in_other_case_is_kept(tmp_path: Path) -> None:
    traefik = {"image": "traefik:v3", "command": FLAGS}
    written = init(tmp_path, {**ROUTER, **PORT, f"{R}SHOP.middlewares": "auth@file"}, proxy=traefik)
    assert load_stack(written.path).routed[0].routes[0].middlewares == ("auth@file",)


def test_report_with_a_surrogate_can_be_printed(tmp_path: Path) -> None:
    router = {"rule": "Host(`a.b`)", "service": "s"}
    balancer = {"loadBalancer": {"servers": [{"url": "http://shop-blue:8000"}]}}
    (tmp_path / "dynamic").mkdir()
    text = json.dumps({"http": {"routers": {"r\ud800": router}, "services": {"s": balancer}}})
    (tmp_path / "dynamic" / "a.yml").write_text(text)
    flags = [*FLAGS, "--providers.file.directory=/dynamic"]
    traefik = {"image": "traefik:v3", "command": flags, "volumes": ["./dynamic:/dynamic"]}
    written = init(tmp_path, {}, proxy=traefik)
    assert "router r in dynamic/a.yml" in "\n".join(written.lines()).encode().decode()
