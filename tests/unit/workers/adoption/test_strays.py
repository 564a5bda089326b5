"""Files beside the route file that lead to the stack by any name of its containers."""

from pathlib import Path

import pytest

from app.domain.stack import Color
from tests.examples import a_stack
from tests.unit.workers.adoption.test_serving import FILE
from workers.adapters.traefik.route_file import RouteFile
from workers.adoption.reach import hosts_of
from workers.adoption.strays import strays_in
from workers.ports import Instance
from workers.routing import route_file
from workers.routing.servers import Hosts

STACK = a_stack()
OWN = "updater-shop.yml"
COPIES = {Color.BLUE: {"api": ("old-api",)}, Color.GREEN: {"api": ("shop-api-green-1",)}}
ELSEWHERE = """
http:
  routers:
    old: {entryPoints: [api], rule: "PathPrefix(`/api`)", service: old}
  services:
    old: {loadBalancer: {servers: [{url: "http://HOST:8090"}]}}
"""
FOUND = {"api-blue": [Instance("1", "api-blue", "exited", names=("api-blue", "backend"), every_address=("10.9.0.7",))]}


def file(host: str, more: str = "") -> str:
    return ELSEWHERE.replace("HOST", host).replace("service: old}", f"service: old{more}}}")


def strays(host: str, hosts: Hosts | None = None) -> tuple[list[str], bool]:
    files = {OWN: route_file.render(STACK, Color.GREEN, "r-1", COPIES), "old.yml": file(host)}
    found = strays_in(files, OWN, STACK, hosts or {})
    return found.files, found.unclear


@pytest.mark.parametrize("host", ["old-api", "OLD-API", "shop-api-green-1", "api-blue"])
def test_names_in_the_route_file_are_known(host: str) -> None:
    """Also while the engine is away."""
    assert strays(host) == (["old.yml"], False)


@pytest.mark.parametrize("host", ["backend", "10.9.0.7"])
def test_other_names_are_unclear_without_the_engine(host: str) -> None:
    assert strays(host) == ([], True)
    assert strays(host, hosts_of(STACK, FOUND)) == (["old.yml"], False)


def test_files_of_others_stay() -> None:
    assert strays("blog", hosts_of(STACK, FOUND)) == ([], True)


@pytest.mark.parametrize("more", [", priority: 1", ", priority: -1"])
def test_router_that_traefik_never_chooses_is_clear(more: str) -> None:
    files = {OWN: route_file.render(STACK, Color.GREEN, "r-1"), "sorry.yml": file("sorry", more)}
    assert not strays_in(files, OWN, STACK, {}).unclear


async def test_engine_is_asked_only_for_an_unclear_file(tmp_path: Path) -> None:
    asked: list[str] = []

    async def reached() -> Hosts:
        asked.append("once")
        return hosts_of(STACK, FOUND)

    (tmp_path / "dynamic").mkdir()
    route = RouteFile(tmp_path / "dynamic", STACK)
    await route.flip(Color.GREEN, "r-1")
    (tmp_path / "dynamic" / "old.yml").write_text(FILE)
    assert (await route.strays(reached), asked) == (["old.yml"], [])
    (tmp_path / "dynamic" / "old.yml").write_text(file("backend"))
    assert (await route.strays(reached), asked) == (["old.yml"], ["once"])
    assert await route.strays() == []
