"""Finds the entrypoint and rule by which a pair of colors gets its traffic now. Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from app.cli.init.notes import Notes
from app.cli.init.pairs import Pair
from app.cli.init.sources import Copy, Sources
from app.cli.init.traefik.entrypoints import OWN, EntryPoint
from app.cli.init.traefik.labels import label_routes
from app.cli.init.traefik.routes import FoundRoute
from app.domain.routes import CATCH_ALL
from app.domain.rule import RuleInvalid
from app.domain.rule_form import form_of

Points = Mapping[str, EntryPoint]


@dataclass(frozen=True)
class Way:
    """One router at one of its entrypoints."""

    route: FoundRoute
    entrypoint: str

    @property
    def rule(self) -> str:
        return self.route.rule or CATCH_ALL

    @property
    def text(self) -> str:
        return f"{self.route.where} says {self.entrypoint} with {self.rule}"


def ways_to(pair: Pair, both: tuple[Copy, Copy], sources: Sources, points: Points) -> tuple[Way, ...]:
    """Routes to `pair` in the dynamic files, then in labels; `points` are all of Traefik's entrypoints."""
    labels = (route for copy in both for route in label_routes(copy.name, copy.service))
    return tuple(way for route in (*sources.leading_to(pair), *labels) for way in _ways(route, points))


def best_ways(pair: Pair, ways: tuple[Way, ...], points: Points, notes: Notes) -> tuple[Way, ...]:
    """The routes for the stack file, the best one first; none if no router leads to the pair.

    Routers in files come before those in labels, because the labels are to be removed.
    """
    every = [way for way in ways if way.route.file] or list(ways)
    ranked = sorted(every, key=lambda way: _rank(way, pair, points))
    distinct = tuple({(way.entrypoint, _form(way.rule)): way for way in reversed(ranked)}.values())[::-1]
    if not distinct:
        return ()
    best = distinct[0]
    notes.found.append(f"routed/{pair.name}/entrypoint: {best.entrypoint} ({best.route.where})")
    notes.found.append(f"routed/{pair.name}/rule: {best.rule} ({best.route.where})")
    notes.found += [f"routed/{pair.name}/routes: also {way.text}" for way in distinct[1:]]
    _ask_what_differs(pair, distinct, ways, notes)
    for way in distinct:
        _ask_what_is_lost(pair, way, notes)
    return distinct


def _form(rule: str) -> object:
    try:
        return form_of(rule)
    except RuleInvalid:
        return rule


def guessed_entrypoint(pair: Pair, points: Points, port: int | None, *, others_routed: bool, notes: Notes) -> str:
    """The entrypoint of a pair without a router: the one with its name, or the only one.

    Adds a question if that is not certain, or if other services have routers (`others_routed`).
    """
    path, nothing = f"routed/{pair.name}/entrypoint", f"no router leads to {pair.blue} or {pair.green}"
    same_port = [name for name, point in points.items() if point.port == port]
    found = next(iter(points)) if len(same_port) != 1 else same_port[0]
    why = "the only one" if len(points) == 1 else ""
    if pair.name in points:
        found, why = pair.name, "it has the service's name"
    if why and not others_routed:
        notes.found.append(f"{path}: {found} ({why}; no router was found)")
    else:
        notes.ask(path, f"{nothing}: which of {', '.join(points)}, by which rule?")
    return found


def default_points(points: Points) -> list[str]:
    """The entrypoints of a router that names none: all except Traefik's own."""
    return [name for name, point in points.items() if name.lower() not in OWN and not point.redirects]


def _ways(route: FoundRoute, points: Points) -> Iterator[Way]:
    """One way for each entrypoint of `route`. Entrypoints that only redirect are skipped if there is another."""
    if not route.router:
        return
    cased = {name.lower(): name for name in points}
    names = [cased.get(name.lower(), name) for name in route.entrypoints] or default_points(points)
    serving = [name for name in names if name not in points or not points[name].redirects]
    yield from (Way(route, name) for name in serving or names)


def _rank(way: Way, pair: Pair, points: Points) -> tuple[bool, bool, bool, int]:
    """Sort key: TLS first (a router without it often only redirects), then the pair's own entrypoint, the catch-all
    rule, and the fewest lost options."""
    secure = way.route.tls or (way.entrypoint in points and points[way.entrypoint].tls)
    return not secure, way.entrypoint.lower() != pair.name.lower(), way.rule != CATCH_ALL, len(way.route.lost)


def _ask_what_differs(pair: Pair, taken: Collection[Way], every: Collection[Way], notes: Notes) -> None:
    """Adds a question about the routers that are left out: others with the same rule, or those in labels."""
    seen = {(way.entrypoint, way.rule, _options(way)) for way in taken}
    others = dict.fromkeys(w.text for w in every if (w.entrypoint, w.rule, _options(w)) not in seen)
    if others:
        left_out = "; ".join(others)
        notes.ask(f"routed/{pair.name}/entrypoint", f"left out, because other routers come before them: {left_out}")


def _options(way: Way) -> str:
    return repr(way.route.options)


def _ask_what_is_lost(pair: Pair, way: Way, notes: Notes) -> None:
    lost = list(way.route.lost)
    if way.route.rule is None:
        lost.append("no rule: Traefik's default rule applies")
    if lost:
        what = f"{way.route.where} has options that this file cannot express: {'; '.join(lost)}"
        notes.ask(f"routed/{pair.name}/rule", what)
