"""Finds services that would keep calling the old color of a routed one, and what to write instead. Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.callers.compose import DEPENDS_ON, LINKS, NETWORK_MODE, Services, calls, services_of
from app.domain.callers.inner_route import NEW_ENTRYPOINT, InnerRoute, inner_route
from app.domain.callers.names import FORMER_NAMES, CallTarget, known_ports, targets, traefik_of
from app.domain.stack import Stack

_VARIABLE = "variable "


@dataclass(frozen=True)
class CallerAdvice:
    """`text`: who calls which name, and what to do. `lines`: what to add to the Compose file and the stack file."""

    text: str
    lines: tuple[str, ...] = ()


def advise(model: Mapping[str, Any], stack: Stack) -> list[CallerAdvice]:
    """One for each name that a service calls, if that name is a color's or does not lead to the live color.

    `model` is a Compose model. Routed services may call the same color of each other, because both change in one step.
    A service that calls both colors knows of them; it is a monitor, for example. No variable's value is in the advice.
    """
    services = services_of(model)
    traefik = traefik_of(services, stack)
    own = (*(stack.updater.services if stack.updater else ()), *stack.retired, traefik)
    known = targets(services, stack, traefik, model.get(FORMER_NAMES) or {})
    ports = known_ports(services, stack, traefik)
    found = (
        (caller, called)
        for caller in services
        if caller not in own
        for called in _called(caller, services, known, ports, stack)
    )
    advice = (
        _advice(caller, places, inner_route(services, stack, traefik, caller, called))
        for caller, (called, places) in found
    )
    return [each for each in advice if each]


def _called(
    caller: str, services: Services, known: Mapping[str, CallTarget], ports: Collection[int], stack: Stack
) -> list[tuple[CallTarget, list[str]]]:
    """Each name that `caller` calls and the places where it does, without the calls that are right in any case."""
    color, found = stack.moved_services().get(caller), dict[str, list[str]]()
    for call in calls(services[caller], ports):
        target = known.get(call.name)
        if target is None or caller in target.routed.colors.values() or (color and target.color is color):
            continue
        found.setdefault(call.name, []).append(call.place)
    really = [known[name] for name, places in found.items() if set(places) != {DEPENDS_ON}]
    return [(known[name], places) for name, places in found.items() if not _has_both_colors(known[name], really)]


def _has_both_colors(target: CallTarget, called: list[CallTarget]) -> bool:
    colors = {each.color for each in called if each.routed is target.routed and each.color}
    return target.color is not None and len(colors) > 1


def _advice(caller: str, places: list[str], way: InnerRoute) -> CallerAdvice | None:
    if set(places) == {DEPENDS_ON}:
        written = way.target.color and not way.target.routed.made_from
        return CallerAdvice(_only_depends(caller, way)) if written else None
    steps = [*_missing(way), *_instead(caller, places, way)]
    if not steps:
        return None
    return CallerAdvice(f"{_problem(caller, places, way)} {_sentence(steps)}", tuple(way.lines()))


def _only_depends(caller: str, way: InnerRoute) -> str:
    instead = f"let it depend on `{way.traefik}`" if way.traefik else "let it wait for Traefik"
    return (
        f"`{caller}` has `{way.target.name}` in its depends_on: `docker compose up {caller}` with the release's own "
        f"file would start that color, live or not. Remove that, or {instead} instead."
    )


def _missing(way: InnerRoute) -> Iterator[str]:
    """What Traefik lacks. If its service is not in the model, an alias of a name with a route is taken as given."""
    if way.has_alias is False:
        yield f"give Traefik's container the network alias `{way.alias}` in the network `{way.network}`"
    elif way.has_alias is None and not (way.target.plain and way.route):
        yield f"give Traefik's container the network alias `{way.alias}`"
    if way.route is None:
        if way.entrypoint is None:
            added = f"an entrypoint `{NEW_ENTRYPOINT}` on port {way.port}"
            yield f"give Traefik {added}, with its URL in traefik/entrypoints"
        routed = way.target.routed
        present = " (together with its present route)" if len(routed.routes) == 1 else ""
        yield f"add the route {way.new_route} to routed/{routed.name}/routes{present}"


def _instead(caller: str, places: list[str], way: InnerRoute) -> Iterator[str]:
    name = way.target.name
    if way.target.shared:
        yield f"remove the alias `{name}` from {' and '.join(way.target.routed.colors.values())}"
    if NETWORK_MODE in places:
        yield f"give `{caller}` a network of its own"
    if kept := [key for key in (DEPENDS_ON, LINKS) if key in places and way.target.color]:
        yield f"remove `{name}` from its {' and '.join(kept)}"
    if way.target.color:
        yield f"let `{caller}` call {way.url}"


def _problem(caller: str, places: list[str], way: InnerRoute) -> str:
    name = way.target.name
    if places == [NETWORK_MODE]:
        return f"`{caller}` uses the network of `{name}` ({NETWORK_MODE}): it loses its network when that color stops."
    if way.target.shared:
        why = "both colors have that name, so the old one may answer after a flip"
    elif way.target.color:
        why = "after a flip it would still call the old color"
    elif way.route:
        why = "a route serves that name, but Traefik's container does not have it"
    else:
        why = "no route of the stack file serves that name"
    verb = "names" if set(places) <= {DEPENDS_ON, LINKS} else "calls"
    return f"`{caller}` {verb} `{name}` in {_and(_shown(places))}: {why}."


def _shown(places: list[str]) -> list[str]:
    variables = list(dict.fromkeys(place.removeprefix(_VARIABLE) for place in places if place.startswith(_VARIABLE)))
    keys = dict.fromkeys(place for place in places if not place.startswith(_VARIABLE))
    shown = [f"its variable{'s' if len(variables) > 1 else ''} {_and(variables)}"] if variables else []
    return [*shown, *(f"its {key}" for key in keys)]


def _and(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _sentence(steps: list[str]) -> str:
    *first, last = steps
    text = f"{', '.join(first)}, and {last}" if len(first) > 1 else " and ".join(steps)
    return f"{text[0].upper()}{text[1:]}."
