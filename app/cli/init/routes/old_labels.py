"""Notes on Traefik's labels of the colors, which are to be removed, and on what others still need of them."""

from collections.abc import Iterable, Iterator, Sequence

from app.cli.init.notes import Notes
from app.cli.init.routes.routing import Points, Way, named_router
from app.cli.init.routes.shared_services import every_route
from app.cli.init.services.pairs import Pair
from app.cli.init.sources import Sources
from app.cli.init.traefik.dynamic.labels import label_routes
from app.cli.init.traefik.dynamic.middlewares import used_middlewares

INTO_A_FILE = "write them into a file of the watched directory, and name them"


def note_labels(pair: Pair, taken: Sequence[Way], sources: Sources, points: Points, notes: Notes) -> None:
    """Adds what to do with the labels of `pair`; `taken` are its routes, `points` all of Traefik's entrypoints."""
    path = f"routed/{pair.name}"
    if pair.made:
        notes.check += [f"{path}: {what}" for what in _lost_with_the_labels(pair, sources)]
        _ask_about_own(pair, taken, sources, notes)
        return
    if any(label_routes(name, sources.project.services[name]) for name in pair.services):
        notes.check.append(f"{path}: remove Traefik's labels from {pair.text}: they add other routes.")
        notes.check += [f"{path}: {what}" for what in dict.fromkeys(_still_needed(pair, sources, points))]
    own = [name for way in taken for name in way.route.options.get("middlewares", ())]
    for service, names in _defined(own, sources).items():
        what = f"labels of {service} define {', '.join(names)}, and these labels are to be removed"
        notes.ask(f"{path}/middlewares", f"{what}: {INTO_A_FILE} here with @file")


def _ask_about_own(pair: Pair, taken: Sequence[Way], sources: Sources, notes: Notes) -> None:
    """Adds a question about middlewares that the labels of the colors would define: Traefik drops them in each flip."""
    own = [name for way in taken for name in way.route.options.get("middlewares", ())]
    for service, names in _defined(own, sources).items():
        what = f"labels of {service} define {', '.join(names)}, and Traefik drops what two different containers define"
        notes.ask(f"routed/{pair.name}/middlewares", f"{what}: {INTO_A_FILE} here with @file")


def _lost_with_the_labels(pair: Pair, sources: Sources) -> Iterator[str]:
    """Made colors are without the routers of their labels."""
    for route in sources.routes:
        if route.container in pair.services and route.router and not sources.leads_to_colors(route):
            yield f"move the labels of {named_router(Way(route, ''))}: it leads to another service."


def _still_needed(pair: Pair, sources: Sources, points: Points) -> Iterator[str]:
    """Which labels of the colors stay: Traefik does not serve a router without its middlewares."""
    for user, named in _others_middlewares(sources, points):
        for service, names in _defined(named, sources).items():
            if service in pair.services:
                yield (
                    f"keep the labels of {service} that define {', '.join(names)}: {user} uses them. "
                    f"Or {INTO_A_FILE} there with @file."
                )
    for route in sources.routes:
        if route.container in pair.services and route.router and not sources.leads_to_colors(route):
            yield f"keep the labels of {named_router(Way(route, ''))}, or move them: it leads to another service."


def _others_middlewares(sources: Sources, points: Points) -> Iterator[tuple[str, Iterable[str]]]:
    """The entrypoints and the routers of services without colors, each with its middlewares."""
    for point in points.values():
        yield f"entrypoint {point.name}", point.middlewares
    for route in every_route(sources):
        if route.router and not sources.leads_to_colors(route):
            yield named_router(Way(route, "")), route.options.get("middlewares", ())


def _defined(named: Iterable[str], sources: Sources) -> dict[str, list[str]]:
    """Service → those of the middlewares `named`, and of their chains, that only its labels define."""
    found: dict[str, list[str]] = {}
    for name in sorted(used_middlewares(named, sources.chains) & set(sources.label_middlewares)):
        found.setdefault(sources.label_middlewares[name], []).append(name.removesuffix("@docker"))
    return found
