"""Services of Traefik whose requests the colors share with another service."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli.errors import Refused
from app.cli.init.command import Written, write_stack_file
from app.config.stack_file import load_stack

FLAGS = ["--entrypoints.web.address=:80", "--providers.file.directory=/dynamic", "--providers.docker=true"]
RULE = "Host(`a.b`)"


def balancer(*urls: str) -> dict[str, Any]:
    return {"loadBalancer": {"servers": [{"url": url} for url in urls]}}


BLUE, GREEN, OTHER = (balancer(f"http://{host}:8000") for host in ("shop-blue", "shop-green", "waf"))
MEMBERS = {"blue": BLUE, "green": GREEN, "waf": OTHER}


def init(tmp_path: Path, service: dict[str, Any]) -> Written:
    """Writes the stack file for `shop`, with a router that leads to `service`."""
    (tmp_path / "dynamic").mkdir(exist_ok=True)
    colors = {f"shop-{color}": {"image": "shop", "expose": [8000]} for color in ("blue", "green")}
    proxy = {"image": "traefik:v3", "command": FLAGS, "volumes": ["./dynamic:/dynamic"]}
    services = {**colors, "waf": {"image": "waf"}, "proxy": proxy}
    (tmp_path / "compose.yaml").write_text(yaml.safe_dump({"name": "p", "services": services}))
    http = {"routers": {"r": {"rule": RULE, "service": "s"}}, "services": {**MEMBERS, "s": service}}
    (tmp_path / "dynamic" / "a.yml").write_text(yaml.safe_dump({"http": http}))
    return write_stack_file(tmp_path, tmp_path / "s.yml", force=True, environ={"UPDATER_COMPOSE": "false"})


def weighted(**weights: int) -> dict[str, Any]:
    return {"weighted": {"services": [{"name": name, "weight": weight} for name, weight in weights.items()]}}


@pytest.mark.parametrize(
    ("service", "other"),
    [
        ({"failover": {"service": "waf", "fallback": "blue"}}, "waf:8000"),
        (weighted(blue=1, waf=9), "waf:8000"),
        ({"weighted": {"services": [{"name": "blue"}, {"name": "gone@docker"}]}}, "the service gone@docker"),
        ({"highestRandomWeight": {"services": [{"name": "waf"}, {"name": "green"}]}}, "waf:8000"),
        (balancer("http://waf:8000", "http://shop-blue:8000"), "waf:8000"),
        ({"failover": {"service": "gone", "fallback": "blue"}}, "the service gone"),
    ],
)
def test_service_shared_with_another_is_refused(tmp_path: Path, service: dict[str, Any], other: str) -> None:
    with pytest.raises(Refused, match=f"router r in dynamic/a.yml sends requests to {other} too, with Host"):
        init(tmp_path, service)
    assert not (tmp_path / "s.yml").exists()


@pytest.mark.parametrize(
    "service",
    [weighted(blue=1, green=0), weighted(blue=1, waf=0), {"failover": {"service": "blue", "fallback": "green"}}],
)
def test_service_of_the_colors_alone_is_carried_over(tmp_path: Path, service: dict[str, Any]) -> None:
    written = init(tmp_path, service)
    assert [route.rule for route in load_stack(written.path).routed[0].routes] == [RULE]
    assert "routed/shop/rule" not in written.notes.questions


def test_page_for_failures_and_mirrors_are_questions(tmp_path: Path) -> None:
    failing = init(tmp_path, {"failover": {"service": "blue", "fallback": "waf"}})
    assert "failover to waf:8000 cannot be expressed" in failing.notes.questions["routed/shop/rule"]
    mirrored = init(tmp_path, {"mirroring": {"service": "blue", "mirrors": [{"name": "waf", "percent": 10}]}})
    assert "mirroring to waf" in mirrored.notes.questions["routed/shop/rule"]


def test_mirror_and_member_without_weight_are_no_routes(tmp_path: Path) -> None:
    for service in ({"mirroring": {"service": "waf", "mirrors": [{"name": "blue"}]}}, weighted(waf=1, blue=0)):
        with pytest.raises(Refused, match=r"No router .* leads to routed/shop"):
            init(tmp_path, service)


def servers(*each: dict[str, Any]) -> dict[str, Any]:
    return {"loadBalancer": {"servers": list(each)}}


BLUE_SERVER, WAF_SERVER = {"url": "http://shop-blue:8000"}, {"url": "http://waf:80"}


def test_server_below_another_path_is_refused(tmp_path: Path) -> None:
    below = {"url": "http://shop-blue:8000/public", "preservePath": True}
    with pytest.raises(Refused, match=r"router r in dynamic/a\.yml has a server with preservePath: its requests reach"):
        init(tmp_path, servers(below))
    assert not (tmp_path / "s.yml").exists()
    for harmless in ({**below, "preservePath": False}, {**BLUE_SERVER, "preservePath": True}):
        assert "routed/shop/rule" not in init(tmp_path, servers(harmless)).notes.questions


@pytest.mark.parametrize("weight", [0, -1, "0"])
def test_server_without_weight_gets_no_requests(tmp_path: Path, weight: object) -> None:
    with pytest.raises(Refused, match=r"No router .* leads to routed/shop"):
        init(tmp_path, servers({**BLUE_SERVER, "weight": weight}, WAF_SERVER))
    assert init(tmp_path, servers({**BLUE_SERVER, "weight": 3}, {**WAF_SERVER, "weight": weight})).path.exists()
    with pytest.raises(Refused, match="sends requests to waf:80 too"):
        init(tmp_path, servers(BLUE_SERVER, {**WAF_SERVER, "weight": 1}))


def test_middlewares_of_a_service_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"router r .* has a service with middlewares of its own"):
        init(tmp_path, {**BLUE, "middlewares": ["auth"]})
    with pytest.raises(Refused, match=r"router r .* has a service with middlewares of its own"):
        init(tmp_path, {**weighted(blue=1), "middlewares": ["auth"]})


def test_sessions_above_the_colors_are_questions(tmp_path: Path) -> None:
    sticky = {"weighted": {"services": [{"name": "blue"}, {"name": "green"}], "sticky": {"cookie": {}}}}
    assert "sticky sessions of the weighted service s" in init(tmp_path, sticky).notes.questions["routed/shop/rule"]
    hashed = {"highestRandomWeight": {"services": [{"name": "blue"}, {"name": "green"}]}}
    assert "by highestRandomWeight of s" in init(tmp_path, hashed).notes.questions["routed/shop/rule"]
