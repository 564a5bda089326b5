"""What others use of the colors' labels, which are to be removed."""

from pathlib import Path

import pytest
import yaml

from app.cli.init.command import Written, write_stack_file

FLAGS = ("--entrypoints.web.address=:80", "--providers.file.directory=/dynamic", "--providers.docker=true")
R, S, M = (f"traefik.http.{kind}." for kind in ("routers", "services", "middlewares"))
SHOP = {f"{R}shop.rule": "Host(`a.b`)", f"{S}shop.loadbalancer.server.port": "8000"}
AUTH = {f"{M}auth.basicauth.users": "a:b"}
ADMIN = {f"{R}admin.rule": "Host(`c.d`)", f"{R}admin.middlewares": "auth"}

Labels = dict[str, str]


def init(project: Path, labels: Labels, admin: Labels, *flags: str, chain: str = "") -> Written:
    """Writes the stack file for `shop`; `chain`: the middleware in the file's chain of that name."""
    shop = {"image": "shop", "labels": labels}
    proxy = {"image": "traefik:v3", "command": [*FLAGS, *flags], "volumes": ["./dynamic:/dynamic"]}
    services = {"shop-blue": shop, "shop-green": shop, "admin": {"image": "x", "labels": admin}, "proxy": proxy}
    (project / "compose.yaml").write_text(yaml.safe_dump({"name": "p", "services": services}))
    chains = {"http": {"middlewares": {"closed": {"chain": {"middlewares": [chain]}}}}} if chain else {}
    (project / "dynamic" / "a.yml").write_text(yaml.safe_dump(chains))
    return write_stack_file(project, project / "s.yml", force=True, environ={"UPDATER_COMPOSE": "false"})


def kept(written: Written) -> list[str]:
    return [line for line in written.notes.check if "keep the labels" in line]


@pytest.mark.parametrize("chain", ["", "auth@docker"])
def test_middleware_of_another_services_router_stays(project: Path, chain: str) -> None:
    admin = {**ADMIN, f"{R}admin.middlewares": "closed@file" if chain else "auth"}
    (line,) = kept(init(project, {**SHOP, **AUTH}, admin, chain=chain))
    assert line.startswith(
        "routed/shop: keep the labels of shop-blue that define auth: router admin (label of admin) uses them. "
    )
    assert kept(init(project, {**SHOP, **AUTH}, {**admin, **AUTH}, chain=chain)) == [], "its own labels have it too"


def test_middleware_of_an_entrypoint_stays(project: Path) -> None:
    (line,) = kept(init(project, {**SHOP, **AUTH}, {}, "--entrypoints.web.http.middlewares=auth@docker"))
    assert "define auth: entrypoint web uses them" in line


def test_router_to_another_service_stays(project: Path) -> None:
    callback = {f"{R}login.rule": "Host(`a.b`) && PathPrefix(`/oauth2`)", f"{R}login.service": "login@docker"}
    login = {f"{S}login.loadbalancer.server.port": "4180"}
    assert kept(init(project, {**SHOP, f"{R}shop.service": "shop", **callback}, login)) == [
        f"routed/shop: keep the labels of router login (label of {name}), or move them: it leads to another service."
        for name in ("shop-blue", "shop-green")
    ]


def test_middleware_that_nobody_else_uses_goes(project: Path) -> None:
    assert kept(init(project, {**SHOP, **AUTH, f"{R}shop.middlewares": "auth"}, {})) == []
