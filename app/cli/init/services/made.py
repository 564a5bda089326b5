"""Notes on services of which the updater makes both colors: what the two would share. Pure."""

from collections.abc import Iterator, Mapping

from app.cli.errors import Refused
from app.cli.init.notes import Notes
from app.cli.init.project.service_facts import Service, entries, listening, pairs, publishes
from app.cli.init.services.infrastructure import PROXIES
from app.cli.init.services.pairs import Pair

_OTHER_PROXIES = ("caddy", "virtual.host", "com.github.nginx-proxy", "swag")
"""First parts of labels that lead other proxies to a container."""

_VARIABLES = ("VIRTUAL_HOST", "LETSENCRYPT_HOST")
"""https://github.com/nginx-proxy/nginx-proxy/tree/main/docs"""


def note_made(pair: Pair, port: int, services: Mapping[str, Service], notes: Notes, *, traefik: str | None) -> None:
    """Adds questions and notes about `pair`, of which both colors are made. `port`: its own, `traefik`: the service."""
    path, service = f"routed/{pair.name}/service", services[pair.blue]
    for source in alone_on(pair.blue, services):
        notes.ask(
            path,
            f"both colors would write to {source} at the same time, for the length of a rollout. That is right for "
            "uploads, and wrong for a database file such as SQLite: move that into a database service first",
        )
    for proxy in _other_proxies(service):
        notes.ask(path, f"{proxy} leads another proxy to both colors, also to the idle one: move it to Traefik")
    others = [each for each in listening({"ports": service.get("ports")}) if each != port]
    if others:
        notes.ask(
            f"routed/{pair.name}/port",
            f"{pair.blue} also publishes {' and '.join(map(str, others))}, and a routed service has one port: clients "
            "of the others would lose them. If they need them, let another service answer there",
        )
    if traefik and publishes(service):
        notes.check.append(
            f"routed/{pair.name}: {pair.blue} publishes a port of the host, and its colors do not: clients reach them "
            f"through {traefik}."
        )


def refuse_one_network(pair: Pair, services: Mapping[str, Service]) -> None:
    """Raises Refused for a service whose colors would listen on one port of the same network interfaces."""
    mode = str(services[pair.blue].get("network_mode") or "")
    if mode and pair.made:
        raise Refused(
            f"{pair.blue} has network_mode: {mode}, where both of its colors would listen on one port, or on none.",
            f"Give {pair.blue} networks of its own, where Traefik reaches it, then run this again.",
        )


def note_proxies(services: Mapping[str, Service], images: Mapping[str, str], notes: Notes) -> None:
    """Adds what stays true of the project's own proxies; `images`: their names without registry and tag."""
    for name in services:
        if images.get(name) in PROXIES:
            notes.check.append(
                f"{name} is left alone. It calls the routed services by names that Traefik takes over: restart it once "
                "after Traefik has started, because a proxy may keep the addresses that it found first."
            )


def alone_on(name: str, services: Mapping[str, Service]) -> list[str]:
    """The volumes and directories that `name` may write to, and no other service does: both colors would share them."""
    others = {source for other, each in services.items() if other != name for source in _writable(each)}
    return [source for source in dict.fromkeys(_writable(services[name])) if source not in others]


def _writable(service: Service) -> Iterator[str]:
    """The sources of its writable mounts, without anonymous volumes: each color has its own."""
    for each in entries(service.get("volumes")):
        if isinstance(each, Mapping):
            source, writes = str(each.get("source") or ""), not each.get("read_only")
            if each.get("type") in {"volume", "bind"} and source and writes:
                yield source
        else:
            source, *rest = str(each).split(":")
            if rest and "ro" not in ",".join(rest[1:]).split(","):
                yield source


def _other_proxies(service: Service) -> Iterator[str]:
    for label in pairs(service.get("labels")):
        if any(label == each or label.startswith((f"{each}.", f"{each}_")) for each in _OTHER_PROXIES):
            yield f"its label {label}"
            break
    yield from (f"its variable {name}" for name in _VARIABLES if pairs(service.get("environment")).get(name))
