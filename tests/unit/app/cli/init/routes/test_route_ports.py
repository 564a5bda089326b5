"""The ports and addresses that the routers of a color lead to."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli.errors import Refused
from app.cli.init.answers import NO_ANSWERS, Answers
from app.cli.init.command import Written, write_stack_file
from app.config.stack_file import load_stack

FLAGS = ["--entrypoints.web.address=:80", "--providers.file.directory=/dynamic", "--providers.docker=true"]
R, S = "traefik.http.routers.", "traefik.http.services."
SHOP = {f"{R}shop.rule": "Host(`a.b`)", f"{R}shop.service": "shop", f"{S}shop.loadbalancer.server.port": "8000"}
CONSOLE = {f"{R}admin.rule": "Host(`c.d`)", f"{R}admin.service": "admin", f"{S}admin.loadbalancer.server.port": "9001"}


def init(
    tmp_path: Path, shop: dict[str, Any], url: str = "", given: Answers = NO_ANSWERS, *, traefik: bool = True
) -> Written:
    """Writes the stack file for `shop`; a router `nas` leads to `url`."""
    (tmp_path / "dynamic").mkdir(exist_ok=True)
    services: dict[str, Any] = {"shop-blue": {"image": "shop", **shop}, "shop-green": {"image": "shop"}}
    if traefik:
        services["proxy"] = {"image": "traefik:v3", "command": FLAGS, "volumes": ["./dynamic:/dynamic"]}
    (tmp_path / "compose.yaml").write_text(yaml.safe_dump({"name": "p", "services": services}))
    balancers = {"s": {"loadBalancer": {"servers": [{"url": url}]}}}
    http = {"routers": {"nas": {"rule": "Host(`nas.b`)", "service": "s"}}, "services": balancers}
    (tmp_path / "dynamic" / "a.yml").write_text(yaml.safe_dump({"http": http} if url else {}))
    environ = {"UPDATER_COMPOSE": "false"}
    return write_stack_file(tmp_path, tmp_path / "s.yml", force=True, environ=environ, answers=given)


def rules(written: Written) -> set[str]:
    return {route.rule for route in load_stack(written.path).routed[0].routes}


def test_routers_to_two_ports_are_refused(tmp_path: Path) -> None:
    ports = r"router (admin|shop) .* leads to port (8000|9001), and router (admin|shop) .* to port (8000|9001)\."
    with pytest.raises(Refused, match=ports):
        init(tmp_path, {"labels": {**SHOP, **CONSOLE}})
    assert not (tmp_path / "s.yml").exists()
    assert rules(init(tmp_path, {"labels": SHOP})) == {"Host(`a.b`)"}


@pytest.mark.parametrize(
    ("ports", "url"),
    [
        ("127.0.0.1:8080:8000", "http://192.168.1.20:8080"),
        ({"host_ip": "127.0.0.1", "published": "8080", "target": 8000}, "http://nas:8080"),
        ("192.168.1.2:8080:8000", "http://192.168.1.20:8080"),
    ],
)
def test_port_that_is_published_elsewhere_is_another_service(tmp_path: Path, ports: object, url: str) -> None:
    assert rules(init(tmp_path, {"ports": [ports], "labels": SHOP}, url)) == {"Host(`a.b`)"}


@pytest.mark.parametrize(
    ("host", "asked"), [("192.168.1.20", True), ("127.0.0.1", True), ("host.docker.internal", False)]
)
def test_address_that_may_be_this_machine_is_a_question(tmp_path: Path, host: str, *, asked: bool) -> None:
    written = init(tmp_path, {"ports": ["8080:8000"], "labels": SHOP}, f"http://{host}:8080")
    assert rules(written) == {"Host(`a.b`)", "Host(`nas.b`)"}
    assert (f"leads to {host}:8080: is that this machine" in str(written.notes.questions)) is asked


def test_router_without_a_rule_is_not_opened(tmp_path: Path) -> None:
    bare = {"labels": {f"{R}shop.entrypoints": "web"}}
    with pytest.raises(Refused, match=r"routed/shop: router shop .* has no rule, and Traefik's default .*--open shop"):
        init(tmp_path, bare)
    assert "default rule applies" in str(init(tmp_path, bare, given=Answers(opened=("shop",))).notes.questions)


def test_traefik_of_another_project_may_have_more_routers(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"traefik is no service of this project.*--nothing-in traefik"):
        init(tmp_path, {"labels": SHOP}, traefik=False)
    assert rules(init(tmp_path, {"labels": SHOP}, given=Answers(("traefik",)), traefik=False)) == {"Host(`a.b`)"}


@pytest.mark.parametrize(
    "ports",
    [
        ["127.0.0.1:8001:4180"],
        [{"host_ip": "127.0.0.1", "published": "8001", "target": 4180}],
        ["9001:9000", "8001:4180/tcp", "127.0.0.1:8001:5353/udp"],
    ],
)
def test_published_port_leads_to_the_port_behind_it(tmp_path: Path, ports: list[Any]) -> None:
    """The other port of the container may be open, while the one that the router leads to asks for a password."""
    written = init(tmp_path, {"ports": ports, "expose": [8000]}, "http://host.docker.internal:8001")
    assert load_stack(written.path).routed[0].port == 4180


def test_ports_of_one_number_at_two_addresses_are_a_question(tmp_path: Path) -> None:
    ports = ["127.0.0.1:8001:4180", "10.0.0.1:8001:8000"]
    exact = init(tmp_path, {"ports": ports}, "http://10.0.0.1:8001")
    assert load_stack(exact.path).routed[0].port == 8000
    written = init(tmp_path, {"ports": ports, "expose": [8000]}, "http://localhost:8001")
    assert "router nas in dynamic/a.yml says 4180" in written.notes.questions["routed/shop/port"]


def test_published_port_is_compared_by_the_port_behind_it(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"leads to port (4180|8000), and router .* to port (4180|8000)\."):
        init(tmp_path, {"ports": ["8001:4180"], "labels": SHOP}, "http://host.docker.internal:8001")
