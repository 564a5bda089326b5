"""Gives each route of a proposed stack file requests of its own: two equal ones would make the file invalid."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.cli.init.notes import Notes
from app.cli.init.routed import RoutedFound
from app.domain.routes import CATCH_ALL
from app.domain.rule import RuleInvalid
from app.domain.rule_form import form_of

Claims = dict[tuple[object, object], str]
"""Entrypoint and rule → the service that has them first."""


def resolve_equal_rules(routed: Sequence[RoutedFound], notes: Notes) -> tuple[RoutedFound, ...]:
    """`routed`, with a placeholder rule and a question for each service that claims the requests of another one."""
    claims: Claims = {}
    return tuple(_resolved(found, claims, notes) for found in routed)


def _resolved(found: RoutedFound, claims: Claims, notes: Notes) -> RoutedFound:
    own = found.routes or ({"entrypoint": found.entrypoint, "rule": found.rule or CATCH_ALL},)
    first = [claims.setdefault(_claim(route), found.name) for route in own]
    if set(first) == {found.name}:
        return found
    rule = f"Host(`{found.name}.example.org`)"
    for other in dict.fromkeys(name for name in first if name != found.name):
        question = "has the same entrypoint and rule: how do they share the requests?"
        notes.ask(f"routed/{other}/rule", f"{found.name} {question}")
        notes.ask(f"routed/{found.name}/rule", f"{other} {question} {rule} is a placeholder")
    changed = [r if name == found.name else {**r, "rule": rule} for r, name in zip(own, first, strict=True)]
    routes = {_claim(route): route for route in changed}
    claims.update(dict.fromkeys(routes, found.name))
    best = next(iter(routes.values()))
    return replace(found, rule=str(best["rule"]), routes=tuple(routes.values()) if found.routes else ())


def _claim(route: Mapping[str, Any]) -> tuple[object, object]:
    try:
        return route["entrypoint"], form_of(str(route["rule"]))
    except RuleInvalid:
        return route["entrypoint"], route["rule"]
