from typing import Any

from app.cli.init.notes import Notes
from app.cli.init.routes.routed import RoutedFound
from app.cli.init.routes.shared_rules import LAST, resolve_equal_rules


def found(name: str, entrypoint: str = "web", rule: str | None = None, *routes: dict[str, Any]) -> RoutedFound:
    return RoutedFound(name, f"{name}-blue", f"{name}-green", 80, "/", entrypoint, rule, routes=routes)


def test_services_with_the_same_route_are_set_apart() -> None:
    notes = Notes()
    one, other = "PathPrefix(`/`)", "PathPrefix( `/` )"
    given = [found("a", rule=other), found("b", rule=one), found("c", "api"), found("d")]
    a, b, c, d = resolve_equal_rules(given, notes)
    assert (a, c.rule, c.options) == (given[0], None, LAST)
    assert (b.rule, d.rule) == ("Host(`b.example.org`)", "Host(`d.example.org`)")
    asked = "has the same entrypoint and rule: how do they share the requests?"
    assert notes.questions == {
        "routed/a/rule": f"b {asked}; d {asked}",
        "routed/b/rule": f"a {asked} Host(`b.example.org`) is a placeholder",
        "routed/d/rule": f"a {asked} Host(`d.example.org`) is a placeholder",
    }


def test_each_of_several_routes_is_set_apart() -> None:
    first, second, third = ({"entrypoint": "web", "rule": f"Path(`/{n}`)"} for n in range(3))
    a, b = found("a", "web", None, first, second), found("b", "web", None, first, second, third)
    _, both = resolve_equal_rules([a, b], Notes())
    assert both.routes == ({"entrypoint": "web", "rule": "Host(`b.example.org`)"}, third)
    assert both.rule == "Host(`b.example.org`)"


def test_rule_that_traefik_rejects_is_compared_as_text() -> None:
    odd = "Host(`a`, `b`)"
    assert resolve_equal_rules([found("a", rule=odd), found("b", rule=odd)], Notes())[1].rule == "Host(`b.example.org`)"
    assert resolve_equal_rules([found("a", rule=odd), found("b")], Notes())[1].rule is None


def test_service_that_has_the_requests_now_keeps_them() -> None:
    """With the rule of a closed service, an open one would take its requests."""
    closed = ["auth@file"]
    for a, b in (
        (found("a", rule="Path(`/x`)"), RoutedFound("b", "", "", 80, "/", "web", "Path(`/x`)", {"priority": 100})),
        (
            found("a", rule="Path(`/x`)"),
            RoutedFound("b", "", "", 80, "/", "web", "Path(`/x`)", {"middlewares": closed}),
        ),
        (found("a"), found("b", rule="PathPrefix(`/`)")),
    ):
        changed, kept = resolve_equal_rules([a, b], Notes())
        assert (changed.rule, kept) == ("Host(`a.example.org`)", b)


def test_routes_with_other_middlewares_get_other_placeholders() -> None:
    first, second = ({"entrypoint": "web", "rule": f"Path(`/{n}`)"} for n in range(2))
    closed = {**second, "middlewares": ["auth@file"]}
    both = resolve_equal_rules(
        [found("a", "web", None, first, second), found("b", "web", None, first, closed)], Notes()
    )
    assert [route["rule"] for route in both[0].routes] == ["Path(`/0`)", "Host(`a.example.org`)"]
    given = [found("a", "web", None, first, {**closed, "priority": 99}), found("b", "web", None, first, closed)]
    _, b = resolve_equal_rules(given, Notes())
    assert b.routes == (
        {**first, "rule": "Host(`b.example.org`)"},
        {**closed, "rule": "Host(`b-2.example.org`)"},
    )
