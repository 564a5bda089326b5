from dataclasses import replace

from app.cli.init.notes import Notes
from app.cli.init.pairs import Pair
from app.cli.init.routing import (
    Way,
    best_ways,
    guessed_entrypoint,
)
from app.cli.init.traefik.entrypoints import EntryPoint
from app.cli.init.traefik.routes import FoundRoute
from app.domain.routes import CATCH_ALL

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
    assert best_ways(PAIR, (other, spaced), POINTS, Notes()) == (other,)
    assert notes.questions == {}
    assert notes.found[-1] == "routed/api/routes: also router r in f.yml says web with PathPrefix(`/`)"


def test_label_differing_from_file_is_a_question() -> None:
    label = Way(FoundRoute("label of api-blue", "r", (), rule=CATCH_ALL), "web")
    notes = Notes()
    (best,) = best_ways(PAIR, (Way(ROUTE, "api"), label), POINTS, notes)
    assert (best.entrypoint, "label of api-blue says web" in notes.questions["routed/api/entrypoint"]) == ("api", True)
    assert best_ways(PAIR, (Way(ROUTE, "web"), label), POINTS, again := Notes())
    assert again.questions == {}


def test_password_in_one_of_two_equal_routes_is_a_question() -> None:
    """Traefik takes either, so leaving one out may open the site."""
    closed = Way(replace(ROUTE, options={"middlewares": ["auth@file"]}), "web")
    notes = Notes()
    assert len(best_ways(PAIR, (Way(ROUTE, "web"), closed), POINTS, notes)) == 1
    assert "left out" in notes.questions["routed/api/entrypoint"]


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
