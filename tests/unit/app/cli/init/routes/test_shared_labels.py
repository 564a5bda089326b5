"""Labels and routers of other services that get the requests of the colors, or a part of them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli.errors import Refused
from app.cli.init.command import Written, write_stack_file
from app.config.stack_file import load_stack

FLAGS = ["--entrypoints.web.address=:80", "--providers.file.directory=/dynamic", "--providers.docker=true"]
R, S = "traefik.http.routers.", "traefik.http.services."
RULE = "Host(`a.b`)"
SHOP = {f"{R}shop.rule": RULE, f"{S}shop.loadbalancer.server.port": "8000"}

Labels = dict[str, str]


def init(project: Path, labels: Labels, waf: Labels, file: dict[str, Any] | None = None) -> Written:
    """Writes the stack file for `shop`; `waf` are the labels of a service without colors."""
    shop = {"image": "shop", "expose": [8000], "labels": labels}
    proxy = {"image": "traefik:v3", "command": FLAGS, "volumes": ["./dynamic:/dynamic"]}
    services = {"shop-blue": shop, "shop-green": shop, "waf": {"image": "waf", "labels": waf}, "proxy": proxy}
    (project / "compose.yaml").write_text(yaml.safe_dump({"name": "p", "services": services}))
    (project / "dynamic" / "a.yml").write_text(yaml.safe_dump({"http": file or {}}))
    return write_stack_file(project, project / "s.yml", force=True, environ={"UPDATER_COMPOSE": "false"})


def rules(written: Written) -> list[str]:
    return [route.rule for route in load_stack(written.path).routed[0].routes]


@pytest.mark.parametrize(
    ("labels", "waf"),
    [
        (SHOP, {f"{S}shop.loadbalancer.server.port": "9000"}),
        ({**SHOP, f"{R}shop.service": "shop@docker"}, {f"{S}shop.loadbalancer.server.port": "9000"}),
        (SHOP, {f"{R}shop.rule": RULE, f"{S}shop.loadbalancer.server.port": "80"}),
        ({f"{R}shop.rule": RULE}, {f"{S}shop-blue-p.loadbalancer.server.port": "80"}),
    ],
    ids=["service", "named service", "router and service", "default service"],
)
def test_service_that_other_labels_define_too_is_refused(project: Path, labels: Labels, waf: Labels) -> None:
    """Traefik sends each request to one of the containers."""
    with pytest.raises(Refused, match=r"routed/shop: router shop .* sends requests to waf too"):
        init(project, labels, waf)
    assert not (project / "s.yml").exists()
    assert rules(init(project, labels, {**waf, "traefik.enable": "false"})) == [RULE]


def test_router_that_other_labels_define_otherwise_is_refused(project: Path) -> None:
    waf = {f"{R}shop.rule": "Host(`c.d`)", f"{S}waf.loadbalancer.server.port": "80"}
    with pytest.raises(Refused, match=r"router shop is in labels of shop-blue and, with other settings, in labels of"):
        init(project, SHOP, waf)
    with pytest.raises(Refused, match=r"router shop is in labels of shop-blue"):
        init(project, SHOP, {f"{R}shop.rule": RULE, f"{S}waf.loadbalancer.server.port": "80"})


WAF = {f"{R}waf.rule": "Host( `a.b` )", f"{R}waf.priority": "11", f"{S}waf.loadbalancer.server.port": "80"}


def test_equal_router_of_another_service_is_refused(project: Path) -> None:
    what = r"router shop .* and router waf \(label of waf\), which leads to another service, have the same rule and pr"
    with pytest.raises(Refused, match=what):
        init(project, SHOP, WAF)
    for different in ({f"{R}waf.priority": "12"}, {f"{R}waf.rule": "Host(`c.d`)"}, {f"{R}waf.tls": "true"}):
        assert rules(init(project, SHOP, {**WAF, **different})) == [RULE]


@pytest.mark.parametrize("target", ["waf", "api@internal"])
def test_equal_router_of_a_file_is_refused(project: Path, target: str) -> None:
    services = {"waf": {"loadBalancer": {"servers": [{"url": "http://waf:80"}]}}}
    file: dict[str, Any] = {"routers": {"w": {"rule": RULE, "service": target}}, "services": services}
    with pytest.raises(Refused, match=r"router w in dynamic/a\.yml, which leads to another service, have the same"):
        init(project, SHOP, {}, file)
    file["routers"]["w"].pop("service")  # Traefik drops a router without one
    assert rules(init(project, SHOP, {}, file)) == [RULE]
