"""Gives each route of a proposed stack file requests of its own: two equal ones would make the file invalid."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain, count
from typing import Any

from app.cli.init.notes import Notes
from app.cli.init.routes.routed import RoutedFound
from app.domain.routing.matchers import RuleInvalid
from app.domain.routing.routes import CATCH_ALL
from app.domain.routing.rule_form import form_of

LAST: Mapping[str, int] = {"priority": 1}
"""Of a route for all requests: without it, Traefik would ask it before a router with a shorter rule, of any service."""

Claims = dict[tuple[object, object], str]
"""Entrypoint and rule → the service that has them: the one to which Traefik sends the requests now, or the first."""


def resolve_equal_rules(routed: Sequence[RoutedFound], notes: Notes) -> tuple[RoutedFound, ...]:
    """`routed`, with a placeholder rule and a question for each service that claims the requests of another one."""
    claims: Claims = {}
    every = [(found, route) for found in routed for route in _routes(found)]
    for found, route in sorted(every, key=lambda each: _precedence(*each)):
        claims.setdefault(_claim(route), found.name)
    return tuple(_last(_resolved(found, claims, notes)) for found in routed)


def _last(found: RoutedFound) -> RoutedFound:
    return replace(found, options={**LAST, **found.options}) if found.rule is None and not found.routes else found


def _resolved(found: RoutedFound, claims: Claims, notes: Notes) -> RoutedFound:
    own = _routes(found)
    first = [claims[_claim(route)] for route in own]
    if set(first) == {found.name}:
        return found
    rule = _placeholder(found.name)
    for other in dict.fromkeys(name for name in first if name != found.name):
        question = "has the same entrypoint and rule: how do they share the requests?"
        notes.ask(f"routed/{other}/rule", f"{found.name} {question}")
        notes.ask(f"routed/{found.name}/rule", f"{other} {question} {rule} is a placeholder")
    routes: dict[tuple[object, object], Mapping[str, Any]] = {}
    for route, name in zip(own, first, strict=True):
        free = route if name == found.name else _apart(route, found.name, routes)
        routes[_claim(free)] = free
    best = next(iter(routes.values()))
    return replace(found, rule=str(best["rule"]), routes=tuple(routes.values()) if found.routes else ())


def _routes(found: RoutedFound) -> Sequence[Mapping[str, Any]]:
    alone = {"entrypoint": found.entrypoint, "rule": found.rule or CATCH_ALL, **found.options}
    return found.routes or (alone,)


def _precedence(found: RoutedFound, route: Mapping[str, Any]) -> tuple[bool, int, int]:
    """Sort key: routes with a rule first, then as Traefik does, then the most middlewares."""
    priority = int(route.get("priority") or len(str(route["rule"])))
    return found.rule is None and not found.routes, -priority, -len(route.get("middlewares", ()))


def _apart(route: Mapping[str, Any], name: str, others: Mapping[tuple[object, object], object]) -> Mapping[str, Any]:
    """`route` with a placeholder rule that no route of `others` has, except an equal one."""
    free = ({**route, "rule": _placeholder(f"{name}{n}")} for n in chain([""], map("-{}".format, count(2))))
    return next(each for each in free if others.get(_claim(each), each) == each)


def _placeholder(name: str) -> str:
    return f"Host(`{name}.example.org`)"


def _claim(route: Mapping[str, Any]) -> tuple[object, object]:
    try:
        return route["entrypoint"], form_of(str(route["rule"]))
    except RuleInvalid:
        return route["entrypoint"], route["rule"]
