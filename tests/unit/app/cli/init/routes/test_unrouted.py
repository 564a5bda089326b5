"""A service that no router leads to is not written as an open one, unless the operator says so."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli.errors import Refused
from app.cli.init.answers import Answers
from app.cli.init.command import Written, write_stack_file
from app.config.stack_file import load_stack

FLAGS = ["--entrypoints.web.address=:80", "--providers.file.directory=/dynamic", "--providers.docker=true"]
R = "traefik.http.routers."
PROXY = {
    "image": "oauth2-proxy",
    "environment": {"OAUTH2_PROXY_UPSTREAMS": "http://shop-blue:8000"},
    "labels": {f"{R}login.rule": "Host(`a.b`)"},
}
CLOSED = {"rule": "Host(`a.b`)", "middlewares": ["auth"], "service": "s"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "dynamic").mkdir()
    return tmp_path


def init(project: Path, *opened: str, url: str = "", shop: dict[str, Any] | None = None, **others: Any) -> Written:
    """Writes the stack file for `shop`; a router with a password leads to `url`."""
    colors = {f"shop-{color}": {"image": "shop", "expose": [8000], **(shop or {})} for color in ("blue", "green")}
    traefik = {"image": "traefik:v3", "command": FLAGS, "volumes": ["./dynamic:/dynamic"]}
    services = {**colors, "proxy": traefik, **others}
    (project / "compose.yaml").write_text(yaml.safe_dump({"name": "p", "services": services}))
    balancers = {"s": {"loadBalancer": {"servers": [{"url": url}]}}}
    http = {"http": {"routers": {"r": CLOSED}, "services": balancers}} if url else {}
    (project / "dynamic" / "a.yml").write_text(yaml.safe_dump(http))
    given = Answers(opened=opened)
    return write_stack_file(project, project / "s.yml", force=True, environ={"UPDATER_COMPOSE": "false"}, answers=given)


def refused(project: Path, **given: Any) -> str:
    with pytest.raises(Refused) as caught:
        init(project, **given)
    assert not (project / "s.yml").exists()
    return str(caught.value)


def test_service_behind_another_proxy_is_not_opened(project: Path) -> None:
    text = refused(project, login=PROXY)
    assert (
        "No router of Traefik that can be followed leads to routed/shop (shop-blue and shop-green); another proxy"
        in text
    )
    assert "such as http://shop-blue:8000" in text
    assert "add --open shop," in text
    assert "routed/shop" in refused(project, url="http://host.docker.internal:8000")
    assert "routed/shop" in refused(project, shop={"labels": {"traefik.enable": "false", f"{R}r.rule": "Host(`a.b`)"}})


def test_operator_may_open_a_service(project: Path) -> None:
    written = init(project, "shop", "gone", login=PROXY)
    assert load_stack(written.path).routed[0].routes[0].middlewares == ()
    assert "routed/shop: is open to all clients, because of --open." in written.notes.check
    assert "--open gone: there is no such service without a router." in written.notes.check


@pytest.mark.parametrize("host", ["shop-blue.p_default", "p-shop-blue-1.p_default", "shop-blue.default"])
def test_server_may_have_the_name_of_its_network(project: Path, host: str) -> None:
    (route,) = load_stack(init(project, url=f"http://{host}:8000").path).routed[0].routes
    assert (route.rule, route.middlewares) == ("Host(`a.b`)", ("auth@file",))
