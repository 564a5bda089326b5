"""Labels and options with which Traefik does something else than they seem to say. None of them opens a route."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli.errors import Refused
from app.cli.init.answers import Answers
from app.cli.init.command import Written, write_stack_file
from app.config.stack_file import load_stack

WEB, DOCKER = "--entrypoints.web.address=:80", "--providers.docker=true"
FILES = "--providers.file.directory=/dynamic"
R, S = "traefik.http.routers.", "traefik.http.services."
SHOP = {f"{R}shop.rule": "Host(`a.b`)", f"{R}shop.entrypoints": "web"}
LOGIN = {"image": "oauth2-proxy", "labels": {f"{R}o.rule": "Host(`a.b`)", f"{S}o.loadbalancer.server.port": "4180"}}


def init(
    project: Path,
    labels: dict[str, str],
    *flags: str,
    traefik: dict[str, Any] | None = None,
    deploy: dict[str, Any] | None = None,
    **others: dict[str, Any],
) -> Written:
    """`deploy`: more of the definition of each color."""
    proxy = {"image": "traefik:v3", "command": list(flags), "volumes": ["./dynamic:/dynamic"], **(traefik or {})}
    shop = {"image": "shop", "expose": [8000], "labels": labels, **(deploy or {})}
    services = {"shop-blue": shop, "shop-green": shop, "proxy": proxy, **others}
    (project / "compose.yaml").write_text(yaml.safe_dump({"name": "p", "services": services}, sort_keys=False))
    (project / "dynamic").mkdir(exist_ok=True)
    environ: dict[str, str] = {"UPDATER_COMPOSE": "false"}
    return write_stack_file(project, project / "stack.yml", force=True, environ=environ, answers=Answers())


@pytest.mark.parametrize("flags", [(DOCKER, "--providers.docker.exposedbydefault=false"), ()], ids=["hidden", "off"])
def test_labels_that_traefik_does_not_read_open_nothing(tmp_path: Path, flags: tuple[str, ...]) -> None:
    """Another proxy serves the name, with a password."""
    with pytest.raises(Refused, match="it does not read the labels of shop-blue and shop-green"):
        init(tmp_path, SHOP, WEB, FILES, *flags, login=LOGIN)


def test_constraints_are_named(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"providers\.docker\.constraints chooses the containers"):
        init(tmp_path, SHOP, WEB, DOCKER, "--providers.docker.constraints=Label(`zone`,`public`)", login=LOGIN)


def test_label_with_the_url_of_another_service_leads_there(tmp_path: Path) -> None:
    labels = {**SHOP, f"{S}shop.loadbalancer.server.url": "http://login:4180"}
    with pytest.raises(Refused, match=r"No router .* leads to routed/shop"):
        init(tmp_path, labels, WEB, DOCKER, login=LOGIN)


def test_doubled_dollar_is_one(tmp_path: Path) -> None:
    """Compose's escape: with two, the closed rule would match nothing, and the open one everything."""
    rule = "Host(`a.b`) && PathPrefix(`/$$batch`)"
    closed = {f"{R}batch.rule": rule, f"{R}batch.entrypoints": "web", f"{R}batch.middlewares": "auth@file"}
    written = init(tmp_path, {**SHOP, **closed}, WEB, DOCKER)
    found = {route.rule: route.middlewares for route in load_stack(written.path).routed[0].routes}
    assert found == {"Host(`a.b`) && PathPrefix(`/$batch`)": ("auth@file",), "Host(`a.b`)": ()}


def test_rule_in_old_syntax_is_refused(tmp_path: Path) -> None:
    labels = {f"{R}adm.rule": "Host(`a.b`) && PathPrefix(`/{p:adm|root}`)", f"{R}adm.ruleSyntax": "v2", **SHOP}
    with pytest.raises(Refused, match=r"router adm .* has ruleSyntax"):
        init(tmp_path, labels, WEB, DOCKER)


def test_router_without_a_rule_beside_others_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"router bare .* has no rule"):
        init(tmp_path, {**SHOP, f"{R}bare.entrypoints": "web"}, WEB, DOCKER)


def test_case_of_an_entrypoint_does_not_count(tmp_path: Path) -> None:
    flags = ("--entryPoints.webSecure.address=:8443", "--entrypoints.websecure.http.tls=true", DOCKER)
    written = init(tmp_path, {**SHOP, f"{R}shop.entrypoints": "websecure"}, *flags)
    (url,) = [point.url for point in load_stack(written.path).traefik.entrypoints.values()]
    assert url == "https://proxy:8443"


def test_static_file_in_a_built_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"traefik\.yml may be in the image"):
        init(tmp_path, SHOP, WEB, DOCKER, traefik={"image": "traefik:v3", "build": "./traefik"})


SWARM = "--providers.swarm=true"
CLOSED = {f"{R}adm.rule": "Host(`a.b`) && PathPrefix(`/adm`)", f"{R}adm.middlewares": "auth"}


@pytest.mark.parametrize("flags", [(SWARM,), (DOCKER, "--providers.docker.swarmMode=true")])
def test_labels_of_containers_are_not_read_by_swarm(tmp_path: Path, flags: tuple[str, ...]) -> None:
    with pytest.raises(Refused, match="it does not read the labels of shop-blue and shop-green"):
        init(tmp_path, {**SHOP, f"{R}shop.middlewares": "auth"}, WEB, *flags, login=LOGIN)


@pytest.mark.parametrize("labels", [CLOSED, [f"{name}={value}" for name, value in CLOSED.items()]])
def test_labels_of_swarm_services_are_named_if_traefik_reads_them(tmp_path: Path, labels: Any) -> None:
    deploy = {"deploy": {"labels": labels}}
    named = r"deploy\.labels of shop-blue may be routers of a Swarm service.*; deploy\.labels of shop-green"
    for flags in ((DOCKER, SWARM), ("--providers.docker.swarmmode", DOCKER)):
        with pytest.raises(Refused, match=named):
            init(tmp_path, SHOP, WEB, *flags, deploy=deploy)
    written = init(tmp_path, SHOP, WEB, DOCKER, deploy=deploy)
    assert [route.rule for route in load_stack(written.path).routed[0].routes] == ["Host(`a.b`)"]


def test_service_of_swarm_is_not_the_containers_own(tmp_path: Path) -> None:
    labels = {**SHOP, f"{R}shop.service": "shop@swarm", f"{S}shop.loadbalancer.server.port": "8000"}
    with pytest.raises(Refused, match=r"No router .* leads to routed/shop"):
        init(tmp_path, labels, WEB, DOCKER, SWARM)


@pytest.mark.parametrize("name", ["api", "metrics", "dashboard", "ping"])
def test_any_entrypoint_is_a_default_one(tmp_path: Path, name: str) -> None:
    """Except `traefik`: https://doc.traefik.io/traefik/reference/install-configuration/entrypoints/"""
    labels = {f"{R}shop.rule": "Host(`a.b`)"}
    own, internal = f"--entrypoints.{name}.address=:8443", "--entrypoints.traefik.address=:8080"
    written = init(tmp_path, labels, WEB, own, internal, DOCKER)
    assert {route.entrypoint for route in load_stack(written.path).routed[0].routes} == {"web", name}
    written = init(tmp_path, labels, WEB, own, "--entrypoints.web.asdefault=true", DOCKER)
    assert [route.entrypoint for route in load_stack(written.path).routed[0].routes] == ["web"]
    (only,) = load_stack(init(tmp_path, labels, own, DOCKER).path).routed[0].routes
    assert only.entrypoint == name


def test_redirection_with_a_priority_leaves_requests(tmp_path: Path) -> None:
    """By default its priority is the highest one."""
    to = "--entrypoints.web.http.redirections.entrypoint"
    flags = (WEB, "--entrypoints.websecure.address=:443", f"{to}.to=websecure", DOCKER)
    labels = {f"{R}shop.rule": "Host(`a.b`)"}
    found = load_stack(init(tmp_path, labels, *flags).path).routed[0].routes
    assert [route.entrypoint for route in found] == ["websecure"]
    found = load_stack(init(tmp_path, labels, *flags, f"{to}.priority=1").path).routed[0].routes
    assert {route.entrypoint for route in found} == {"web", "websecure"}
