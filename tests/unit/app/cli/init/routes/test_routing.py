from dataclasses import replace
from typing import Any

import pytest

from app.cli.errors import Refused
from app.cli.init.notes import Notes
from app.cli.init.routes.routing import (
    Way,
    best_ways,
    default_points,
    guessed_entrypoint,
)
from app.cli.init.services.pairs import Pair
from app.cli.init.traefik.dynamic.routes import FoundRoute
from app.cli.init.traefik.entrypoints import EntryPoint
from app.domain.routing.routes import CATCH_ALL

PAIR = Pair("api", "api", "api-blue", "api-green")
POINTS = {name: EntryPoint(name, port) for port, name in ((80, "web"), (8443, "api"), (9000, "metrics"))}
ROUTE = FoundRoute("router r in f.yml", "r", (), rule=CATCH_ALL, file="f.yml")


def test_best_way_prefers_tls_then_own_entrypoint() -> None:
    own = Way(replace(ROUTE, rule="Path(`/x`)"), "api")
    whole, part = Way(ROUTE, "web"), Way(replace(ROUTE, rule="Path(`/y`)"), "web")
    lossy = Way(replace(ROUTE, lost=("middlewares auth",)), "web")
    secure = Way(replace(ROUTE, rule="Host(`x`)", tls=True), "web")
    for ways, best in (
        ((own, secure), secure),
        ((part, whole, own), own),
        ((part, whole), whole),
        ((lossy, whole), whole),
    ):
        assert best_ways(PAIR, ways, POINTS, Notes())[0] is best


def test_each_route_is_taken_once() -> None:
    notes, other = Notes(), Way(replace(ROUTE, rule="Path(`/y`)"), "api")
    assert best_ways(PAIR, (Way(ROUTE, "web"), other, other), POINTS, notes) == (other, Way(ROUTE, "web"))
    spaced = Way(replace(ROUTE, rule="Path( `/y` )"), "api")
    assert best_ways(PAIR, (other, spaced), POINTS, Notes()) == (spaced,), "the longer one has priority"
    assert notes.questions == {}
    assert notes.found[-1] == "routed/api/routes: also router r in f.yml says web with PathPrefix(`/`)"


LABEL = FoundRoute("label of api-blue", "r", (), rule=CATCH_ALL)
CLOSED: dict[str, Any] = {"middlewares": ["auth@file"]}
HOST = replace(ROUTE, rule="Host(`a.b`)")


def test_label_with_requests_of_its_own_is_taken_beside_files() -> None:
    label = Way(replace(LABEL, rule="Host(`a.b`) && PathPrefix(`/admin`)", options=CLOSED), "web")
    assert best_ways(PAIR, (Way(HOST, "web"), label), POINTS, Notes()) == (Way(HOST, "web"), label)
    assert best_ways(PAIR, (Way(ROUTE, "api"), Way(LABEL, "web")), POINTS, Notes())[1].route == LABEL
    assert best_ways(PAIR, (Way(ROUTE, "web"), Way(LABEL, "web")), POINTS, again := Notes())[0].route == ROUTE
    assert again.questions == {}


def test_label_without_a_rule_does_not_widen_the_routes_of_files() -> None:
    label, notes = Way(replace(LABEL, rule=None), "web"), Notes()
    assert best_ways(PAIR, (Way(HOST, "web"), label), POINTS, notes) == (Way(HOST, "web"),)
    assert "left out, because other routers" in notes.questions["routed/api/entrypoint"]


def test_priority_decides_between_equal_rules() -> None:
    closed = Way(replace(ROUTE, options={**CLOSED, "priority": 100}), "web")
    low = Way(replace(ROUTE, options={**CLOSED, "priority": 1}), "web")
    for ways, best in (((Way(ROUTE, "web"), closed), closed), ((low, Way(ROUTE, "web")), Way(ROUTE, "web"))):
        notes = Notes()
        assert best_ways(PAIR, ways, POINTS, notes) == (best,)
        assert "left out" in notes.questions["routed/api/entrypoint"]


def test_password_in_one_of_two_equal_routes_is_taken() -> None:
    """Traefik takes either, so leaving it out may open the site."""
    blue, green = Way(LABEL, "web"), Way(replace(LABEL, where="label of api-green", options=CLOSED), "web")
    mtls = Way(replace(ROUTE, tls=True, options={"tls": {"options": "mtls@file"}}), "web")
    for ways, best in (
        ((blue, green), green),
        ((Way(ROUTE, "web"), green), green),
        ((Way(replace(ROUTE, tls=True, options={"tls": True}), "web"), mtls), mtls),
    ):
        assert best_ways(PAIR, ways, POINTS, Notes()) == (best,)


def test_route_that_would_lose_its_password_is_refused() -> None:
    several = Way(replace(ROUTE, options={"middlewares": ["limit@file", "zip@file"]}), "web")
    closed = Way(replace(LABEL, options=CLOSED), "web")
    with pytest.raises(
        Refused, match=r"routed/api: router r \(label of api-blue\) has auth@file at web .* router r in f"
    ):
        best_ways(PAIR, (several, closed), POINTS, Notes())
    without_rule = Way(replace(LABEL, rule=None, options=CLOSED), "web")
    with pytest.raises(Refused, match="auth@file"):
        best_ways(PAIR, (Way(ROUTE, "web"), without_rule), POINTS, Notes())


def test_route_without_tls_hands_no_requests_to_one_with_tls() -> None:
    secure, plain = Way(replace(ROUTE, tls=True), "web"), Way(replace(LABEL, options=CLOSED), "web")
    assert best_ways(PAIR, (secure, plain), POINTS, notes := Notes()) == (secure,)
    assert "left out" in notes.questions["routed/api/entrypoint"]


def test_router_without_entrypoints_has_the_default_ones() -> None:
    points = {**POINTS, "http": EntryPoint("http", 81, redirects=True), "websecure": EntryPoint("websecure", 443)}
    points["traefik"] = EntryPoint("traefik", 8080)
    assert default_points(points) == ["web", "api", "metrics", "websecure"]
    marked = {name: replace(point, as_default=name in {"websecure", "metrics"}) for name, point in points.items()}
    assert default_points(marked) == ["metrics", "websecure"]


def guessed(
    name: str, points: dict[str, EntryPoint], port: int | None = None, *, others: bool = False
) -> tuple[str, str]:
    notes = Notes()
    pair = Pair(name, name, f"{name}-blue", f"{name}-green")
    found = guessed_entrypoint(pair, points, port, others_routed=others, notes=notes)
    return found, notes.questions.get(f"routed/{name}/entrypoint", "")


def test_guess_takes_own_name_or_only_entrypoint() -> None:
    assert guessed("api", POINTS) == ("api", "")
    assert guessed("gateway", {"web": POINTS["web"]}) == ("web", "")


def test_same_port_is_a_guess_with_a_question() -> None:
    asked = "no router leads to gateway-blue or gateway-green: which of web, api, metrics, by which rule?"
    assert guessed("gateway", POINTS, 8443) == ("api", asked)


def test_pair_missing_from_routes_is_a_question() -> None:
    asked = "no router leads to api-blue or api-green: which of web, by which rule?"
    assert guessed("api", {"web": POINTS["web"]}, others=True) == ("web", asked)
    assert guessed("api", POINTS, others=True)[1].startswith("no router leads to api-blue")
