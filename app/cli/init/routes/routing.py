"""Finds the entrypoint and rule by which a pair of colors gets its traffic now. Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from app.cli.errors import Refused
from app.cli.init.notes import Notes
from app.cli.init.services.pairs import Pair
from app.cli.init.sources import Copy, Sources
from app.cli.init.traefik.dynamic.labels import label_routes
from app.cli.init.traefik.dynamic.options import part
from app.cli.init.traefik.dynamic.routes import FoundRoute
from app.cli.init.traefik.entrypoints import DEFAULT, UNKNOWN, EntryPoint
from app.domain.routing.matchers import RuleInvalid
from app.domain.routing.routes import CATCH_ALL, precedence
from app.domain.routing.rule_form import form_of

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

    @property
    def priority(self) -> int:
        """Traefik's own: see `precedence`."""
        return precedence(self.rule, int(self.route.options.get("priority") or 0))

    @property
    def guards(self) -> frozenset[str]:
        """What may keep a client out: its middlewares, and TLS options (they may require a client certificate)."""
        options = str(part(self.route.options.get("tls"), "options") or "")
        tls = [f"TLS options {options}"] if options.partition("@")[0] not in {"", "default"} else []
        return frozenset([*self.route.options.get("middlewares", ()), *tls])

    def is_secure(self, points: Points) -> bool:
        """Whether it takes TLS connections. Those without TLS have routers of their own."""
        return self.route.tls or (self.entrypoint in points and points[self.entrypoint].tls)


def ways_to(pair: Pair, both: tuple[Copy, Copy], sources: Sources, points: Points) -> tuple[Way, ...]:
    """Routes to `pair` in the dynamic files, then in labels; `points` are all of Traefik's entrypoints.

    Labels that Traefik does not read are no routes: what serves their names now may ask for a password.
    """
    in_files = tuple(way for route in sources.leading_to(pair) for way in ways_of(route, points))
    read = [copy for copy in both if copy.name not in sources.unread_labels]
    labels = (route for copy in read for route in label_routes(copy.name, copy.service))
    return (*in_files, *(way for route in labels for way in ways_of(route, points)))


def best_ways(pair: Pair, ways: tuple[Way, ...], points: Points, notes: Notes) -> tuple[Way, ...]:
    """The routes for the stack file, the best one first; none if no router leads to the pair.

    Raises Refused if one that is left out has a middleware that its requests would lose.
    """
    distinct = _distinct(pair, ways, points)
    if not distinct:
        return ()
    _refuse_to_drop(pair, distinct, ways, points)
    _refuse_to_widen(pair, distinct, points)
    best = distinct[0]
    notes.found.append(f"routed/{pair.name}/entrypoint: {best.entrypoint} ({best.route.where})")
    notes.found.append(f"routed/{pair.name}/rule: {best.rule} ({best.route.where})")
    notes.found += [f"routed/{pair.name}/routes: also {way.text}" for way in distinct[1:]]
    _ask_what_differs(pair, distinct, ways, notes)
    for way in distinct:
        _ask_what_is_lost(pair, way, notes)
    return distinct


def _distinct(pair: Pair, ways: Collection[Way], points: Points) -> tuple[Way, ...]:
    """One way for each entrypoint and rule: the one that Traefik uses, as far as that can be known.

    A label without a rule has Traefik's default one: beside routers in files it is left out, because the catch-all
    rule in its place would take more requests.
    """
    in_files = any(way.route.file for way in ways)
    equal: dict[tuple[str, object], list[Way]] = {}
    for way in ways:
        if way.route.file or way.route.rule or not in_files:
            equal.setdefault((way.entrypoint, form_of_rule(way.rule)), []).append(way)
    best = [min(group, key=lambda way: _precedence(way, points)) for group in equal.values()]
    return tuple(sorted(best, key=lambda way: _rank(way, pair, points)))


def _precedence(way: Way, points: Points) -> tuple[bool, int, int, bool, int]:
    """Sort key of ways with equal rules: TLS, the priority, the most guards (if Traefik may take either), files."""
    return not way.is_secure(points), -way.priority, -len(way.guards), not way.route.file, len(way.route.lost)


def _refuse_to_drop(pair: Pair, taken: Collection[Way], ways: Collection[Way], points: Points) -> None:
    for way in (each for each in ways if each not in taken):
        heir = _heir(way, taken, points)
        if heir is None or heir.priority > way.priority or not (gone := sorted(way.guards - heir.guards)):
            continue
        raise Refused(
            f"routed/{pair.name}: {named_router(way)} has {', '.join(gone)} at {way.entrypoint} with {way.rule}. "
            f"{named_router(heir)} takes the same requests without it, and the stack file can have only one of them: "
            "these requests might be open.",
            "Give the right router all middlewares and TLS options that these requests need, remove the other one, "
            "then run this again.",
        )


def _refuse_to_widen(pair: Pair, taken: Collection[Way], points: Points) -> None:
    """A router without a rule gets the catch-all rule, with which it may come before one that lets in fewer clients."""
    for wide in (each for each in taken if each.route.rule is None):
        for way in taken:
            same = (way.entrypoint, way.is_secure(points)) == (wide.entrypoint, wide.is_secure(points))
            if same and wide.priority >= way.priority and (gone := sorted(way.guards - wide.guards)):
                raise Refused(
                    f"routed/{pair.name}: {named_router(wide)} has no rule. Traefik's default rule cannot be "
                    f"written; with {CATCH_ALL} it would take the requests of {named_router(way)} without "
                    f"{', '.join(gone)}.",
                    "Give the first router a rule, then run this again.",
                )


def _heir(way: Way, taken: Collection[Way], points: Points) -> Way | None:
    """The one of `taken` that gets the requests of `way`, which is left out."""
    secure = way.is_secure(points)
    able = [w for w in taken if (w.entrypoint, w.is_secure(points)) == (way.entrypoint, secure) and _covers(w, way)]
    return max(able, key=lambda w: w.priority, default=None)


def _covers(wide: Way, way: Way) -> bool:
    """Whether `wide` surely takes all requests of `way`: its rule is equal, the catch-all, or has fewer conditions."""
    form = form_of_rule(wide.rule)
    return form == form_of_rule(CATCH_ALL) or _conditions(form) <= _conditions(form_of_rule(way.rule))


def _conditions(form: object) -> frozenset[object]:
    match form:
        case ("Both", frozenset() as parts):
            return parts
    return frozenset({form})


def named_router(way: Way) -> str:
    return way.route.where if way.route.file else f"router {way.route.router} ({way.route.where})"


def form_of_rule(rule: str) -> object:
    """What equal rules have in common, whatever their spelling."""
    try:
        return form_of(rule)
    except RuleInvalid:
        return rule


def guessed_entrypoint(pair: Pair, points: Points, port: int | None, *, others_routed: bool, notes: Notes) -> str:
    """The entrypoint of a pair without a router: the one with its name, or the only one.

    Adds a question if that is not certain, or if other services have routers (`others_routed`).
    """
    path, nothing = f"routed/{pair.name}/entrypoint", f"no router leads to {' or '.join(pair.services)}"
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
    """The entrypoints of a router that names none: those with `asDefault`, else all; never Traefik's internal one.

    Of one that redirects, only clients that are redirected come there.
    https://doc.traefik.io/traefik/reference/install-configuration/entrypoints/
    """
    marked = any(point.as_default for point in points.values())
    every = [name for name, point in points.items() if point.as_default or not marked]
    return [name for name in every if name.lower() != DEFAULT and not points[name].redirects]


def ways_of(route: FoundRoute, points: Points) -> Iterator[Way]:
    """One way for each entrypoint of `route`. Entrypoints that only redirect are skipped if there is another."""
    if not route.router:
        return
    cased = {name.lower(): name for name in points}
    named = [cased.get(name.lower(), name) for name in route.entrypoints]
    names = named or default_points(points) or [UNKNOWN.name]
    serving = [name for name in names if name not in points or not points[name].redirects]
    yield from (Way(route, name) for name in serving or names)


def _rank(way: Way, pair: Pair, points: Points) -> tuple[bool, bool, bool, int]:
    """Sort key: TLS first (a router without it often only redirects), then the pair's own entrypoint, the catch-all
    rule, and the fewest lost options."""
    return (
        not way.is_secure(points),
        way.entrypoint.lower() != pair.name.lower(),
        way.rule != CATCH_ALL,
        len(way.route.lost),
    )


def _ask_what_differs(pair: Pair, taken: Collection[Way], every: Collection[Way], notes: Notes) -> None:
    """Adds a question about the routers that are left out: others with the same rule, or those in labels."""
    seen = {(way.entrypoint, way.rule, _options(way)) for way in taken}
    others = dict.fromkeys(w.text for w in every if (w.entrypoint, w.rule, _options(w)) not in seen)
    if others:
        left_out = "; ".join(others)
        notes.ask(f"routed/{pair.name}/entrypoint", f"left out, because other routers come before them: {left_out}")


def _options(way: Way) -> str:
    return repr((way.route.options, way.route.of_service))


def _ask_what_is_lost(pair: Pair, way: Way, notes: Notes) -> None:
    lost = list(way.route.lost)
    if way.route.rule is None:
        lost.append("no rule: Traefik's default rule applies")
    if lost:
        what = f"{way.route.where} has options that this file cannot express: {'; '.join(lost)}"
        notes.ask(f"routed/{pair.name}/rule", what)
