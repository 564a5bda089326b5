from dataclasses import replace

import pytest

from app.cli.init.notes import Notes
from app.cli.init.pairs import Pair
from app.cli.init.routing import (
    CATCH_ALL,
    Way,
    ask_about_shared,
    best_way,
    default_points,
    guessed_entrypoint,
)
from app.cli.init.traefik.entrypoints import EntryPoint
from app.cli.init.traefik.routes import FoundRoute

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
        assert best_way(PAIR, ways, POINTS, Notes()) is best


def test_dropped_route_becomes_a_question() -> None:
    notes = Notes()
    best_way(PAIR, (Way(ROUTE, "web"), Way(replace(ROUTE, rule="Path(`/y`)"), "api")), POINTS, notes)
    assert notes.questions["routed/api/entrypoint"] == (
        "this file has one route: router r in f.yml says api with Path(`/y`); "
        "router r in f.yml says web with PathPrefix(`/`)"
    )


def test_label_differing_from_file_is_a_question() -> None:
    label = Way(FoundRoute("label of api-blue", "r", (), rule=CATCH_ALL), "web")
    notes = Notes()
    best = best_way(PAIR, (Way(ROUTE, "api"), label), POINTS, notes)
    assert best is not None
    assert (best.entrypoint, "label of api-blue says web" in notes.questions["routed/api/entrypoint"]) == ("api", True)
    assert best_way(PAIR, (Way(ROUTE, "web"), label), POINTS, again := Notes()) is not None
    assert again.questions == {}


@pytest.mark.parametrize(("tls", "asked"), [(True, False), (False, True)])
def test_router_tls_needs_entrypoint_tls(tls: bool, asked: bool) -> None:
    notes = Notes()
    best_way(PAIR, (Way(replace(ROUTE, tls=True), "api"),), {"api": EntryPoint("api", 1, tls=tls)}, notes)
    assert ("routed/api/rule" in notes.questions) is asked


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


def test_pairs_with_the_same_route_are_questions() -> None:
    notes = Notes()
    ask_about_shared({"a": ("web", CATCH_ALL, 15), "b": ("web", CATCH_ALL, 15), "c": ("api", CATCH_ALL, 15)}, notes)
    assert list(notes.questions) == ["routed/a/rule", "routed/b/rule"]


def test_unusual_priorities_become_questions() -> None:
    notes = Notes()
    ask_about_shared({"a": ("web", "long rule", 20), "b": ("web", "short", 10)}, notes)
    assert notes.questions == {}
    ask_about_shared({"a": ("web", "long rule", 10), "b": ("web", "short", 20)}, notes)
    assert list(notes.questions) == ["routed/a/rule", "routed/b/rule"]


def test_default_entrypoints_exclude_traefiks_own() -> None:
    points = {**POINTS, "old": EntryPoint("old", 1, redirects=True)}
    assert default_points(points) == ["web"]
