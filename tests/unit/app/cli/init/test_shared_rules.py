from typing import Any

from app.cli.init.notes import Notes
from app.cli.init.routed import RoutedFound
from app.cli.init.shared_rules import resolve_equal_rules


def found(name: str, entrypoint: str = "web", rule: str | None = None, *routes: dict[str, Any]) -> RoutedFound:
    return RoutedFound(name, f"{name}-blue", f"{name}-green", 80, "/", entrypoint, rule, routes=routes)


def test_services_with_the_same_route_are_set_apart() -> None:
    notes = Notes()
    whole = "PathPrefix( `/` )"
    a, b, c, d = resolve_equal_rules([found("a"), found("b", rule=whole), found("c", "api"), found("d")], notes)
    assert (a, c) == (found("a"), found("c", "api"))
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
