"""Routers of others with a rule of the stack."""

from dataclasses import replace

import pytest

from app.domain.errors import AdoptionRefused
from app.domain.stack import Color
from tests.examples import a_stack
from tests.unit.workers.adoption.test_serving import EVERYTHING, FILE, refusal, running, serves
from workers.adoption.reach import hosts_of
from workers.adoption.serving import Serving, serving_color
from workers.routing.routers import read_routing

SORRY = """
http:
  routers:
    sorry: {entryPoints: [api], rule: "PathPrefix(`/api`)", service: sorry, priority: PRIORITY}
  services:
    sorry: {loadBalancer: {servers: [{url: "http://sorry:80"}]}}
"""
LENGTH = len("PathPrefix(`/api`)")
"""Traefik's own priority of the stack's router."""


def with_sorry(priority: object, *, routes: str = FILE, more: tuple[str, str] = ("", "")) -> dict[str, str]:
    return {"routes.yml": routes, "sorry.yml": SORRY.replace("PRIORITY", str(priority)).replace(*more)}


@pytest.mark.parametrize("priority", [1, LENGTH - 1, -5, "'1'"])
def test_router_that_traefik_never_chooses_is_accepted(priority: object) -> None:
    found = serves(with_sorry(priority), running(*EVERYTHING))
    assert found is not None
    assert (found.color, found.files) == (Color.BLUE, ("routes.yml",))


@pytest.mark.parametrize("priority", [0, LENGTH, LENGTH + 1, 1000, "'1000'", "'+1000'"])
def test_router_that_traefik_may_choose_is_refused(priority: object) -> None:
    detail = refusal(with_sorry(priority), running(*EVERYTHING))
    assert "router sorry in sorry.yml takes requests of the stack, but leads to http://sorry:80: remove it" in detail


def test_router_at_every_entrypoint_counts() -> None:
    assert serves(with_sorry(1, more=("entryPoints: [api], ", "")), running(*EVERYTHING)) is not None
    detail = refusal(with_sorry(99, more=("entryPoints: [api], ", "")), running(*EVERYTHING))
    assert "router sorry in sorry.yml takes requests" in detail


def adopted(routes: str, rule: str, sorry: object) -> Serving | None:
    """The stack file has `rule` for the same requests."""
    stack = a_stack()
    api = next(s for s in stack.routed if s.name == "api")
    other = replace(api, routes=(replace(api.routes[0], rule=rule),))
    stack = replace(stack, routed=tuple(other if s.name == "api" else s for s in stack.routed))
    found = {name: running(name) for name in EVERYTHING}
    return serving_color(stack, read_routing(with_sorry(sorry, routes=routes), hosts_of(stack, found)), found)


def test_both_the_old_and_the_new_router_must_go_first() -> None:
    """One is there before the other; the same rule may be written longer."""
    assert adopted(FILE, "PathPrefix(`/api`)", LENGTH - 1) is not None
    spaced = FILE.replace("PathPrefix(`/api`)", "PathPrefix( `/api` )")
    assert adopted(spaced, "PathPrefix(`/api`)", LENGTH - 1) is not None
    for routes, rule in ((spaced, "PathPrefix(`/api`)"), (FILE, "PathPrefix( `/api` )")):
        with pytest.raises(AdoptionRefused, match=r"router sorry in sorry\.yml takes requests of the stack"):
            adopted(routes, rule, LENGTH + 1)


def test_sorry_page_in_the_route_file_itself_is_refused() -> None:
    """The file is replaced, and the page would be lost."""
    routes, services = SORRY.replace("PRIORITY", "1").split("  services:")
    router = routes.strip().splitlines()[-1].strip()
    both = FILE.replace("  services:\n", f"    {router}\n  services:\n    {services.strip()}\n")
    detail = refusal({"routes.yml": both}, running(*EVERYTHING))
    assert "routes.yml has http/routers/sorry, http/services/sorry beside the routes" in detail
