"""Finds the network at which Traefik reaches a service that has several. Pure."""

from collections.abc import Mapping

from app.cli.init.notes import Notes
from app.cli.init.project.compose_file import Project
from app.cli.init.project.service_facts import pairs
from app.cli.init.services.pairs import Pair
from app.cli.init.sources import Sources
from app.cli.init.traefik.static.static_config import find_traefik
from app.domain.callers.compose import networks

LABEL = "traefik.docker.network"


def network_of(pair: Pair, sources: Sources, notes: Notes) -> Mapping[str, str]:
    """The key `network`, if the colors of `pair` are made and several networks are possible."""
    project = sources.project
    mine = networks(project.services[pair.blue])
    if not pair.made or len(mine) <= 1:
        return {}
    if labeled := _labeled(pair, project):
        return {"network": labeled}
    traefik = find_traefik(project.services)
    there = networks(project.services[traefik]) if traefik else mine
    shared = [name for name in mine if name in there] or list(mine)
    if traefik and len(shared) > 1:
        notes.ask(
            f"routed/{pair.name}/network", f"Traefik reaches it in {' and '.join(shared)}: which does the worker?"
        )
    outside = [name for name in shared if not project.part("networks").get(name, {}).get("internal")]
    return {"network": (outside or shared)[0]}


def _labeled(pair: Pair, project: Project) -> str | None:
    """The Compose network that the service's label names by its name in the engine."""
    wanted = pairs(project.services[pair.blue].get("labels")).get(LABEL)
    for name in networks(project.services[pair.blue]):
        known = project.part("networks").get(name, {}).get("name") or f"{project.name}_{name}"
        if wanted in {name, known}:
            return name
    return None
