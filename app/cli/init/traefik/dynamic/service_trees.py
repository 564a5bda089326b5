"""Follows Traefik's services to the load balancers behind them: weighted, mirroring and failover services. Pure.

https://doc.traefik.io/traefik/reference/routing-configuration/http/load-balancing/service/
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.cli.init.project.service_facts import entries
from app.cli.init.traefik.dynamic.options import named, part

Services = Mapping[str, tuple[Mapping[str, Any], str]]
"""Name → definition and file. A service of labels has a name with `@docker`, and no file."""


def all_services(documents: Mapping[str, Mapping[str, Any]], labeled: Mapping[str, Mapping[str, Any]]) -> Services:
    """The services of all files together, and those of labels. Traefik keeps the first definition of a name."""
    found: dict[str, tuple[Mapping[str, Any], str]] = {name: (each, "") for name, each in labeled.items()}
    for file, content in documents.items():
        for name, service in named(content, "http", "services"):
            found.setdefault(name, (service, file))
    return found


@dataclass(frozen=True)
class Reached:
    """What gets the requests of a service. `names`: it and all behind it; `services`: those with a load balancer.

    `spare`: more of them, which get requests only if others fail. `unknown`: names that are defined nowhere here,
    except behind spare ones. `lost`: what a stack file cannot express.
    """

    names: tuple[str, ...] = ()
    services: tuple[Mapping[str, Any], ...] = ()
    spare: tuple[Mapping[str, Any], ...] = ()
    unknown: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


def reached(name: str, services: Services) -> Reached:
    """`name` and every service behind it, each once."""
    main = _walk([name], services, [])
    spare = _walk([each for found in main for each in _fallbacks(services, found)], services, main)
    balancers = {
        each: services[each][0] for each in (*main, *spare) if part(_definition(services, each), "loadbalancer")
    }
    return Reached(
        tuple(each for each in (*main, *spare) if each in services),
        tuple(balancers[each] for each in main if each in balancers),
        tuple(balancers[each] for each in spare if each in balancers),
        tuple(each for each in main if not _is_known(_definition(services, each))),
        tuple(text for found in main for text in _lost(found, _definition(services, found))),
    )


def is_weightless(member: object) -> bool:
    """Whether a server or a service gets no requests, because its weight is 0 or less."""
    try:
        return float(str(part(member, "weight"))) <= 0
    except ValueError:
        return False


_KINDS = ("loadbalancer", "weighted", "highestrandomweight", "mirroring", "failover")


def _is_known(service: Mapping[str, Any]) -> bool:
    return any(part(service, kind) for kind in _KINDS)


def _definition(services: Services, name: str) -> Mapping[str, Any]:
    return services[name][0] if name in services else {}


def _walk(names: list[str], services: Services, known: list[str]) -> list[str]:
    """`names` and those behind them, without `known` ones and those that get requests only if others fail."""
    found: list[str] = []
    waiting = list(names)
    while waiting:
        now = waiting.pop(0)
        if now and now not in found and now not in known:
            found.append(now)
            waiting += _behind(_definition(services, now))
    return found


def _behind(service: Mapping[str, Any]) -> Iterator[str]:
    """The services that get a part of its requests. One with the weight 0 gets none."""
    for kind in ("weighted", "highestrandomweight"):
        for each in entries(part(part(service, kind), "services")):
            if not is_weightless(each):
                yield _plain(part(each, "name"))
    yield _plain(part(part(service, "mirroring"), "service"))
    yield _plain(part(part(service, "failover"), "service"))


def _fallbacks(services: Services, name: str) -> Iterator[str]:
    yield _plain(part(part(_definition(services, name), "failover"), "fallback"))


def _lost(name: str, service: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"mirroring to {each}" for each in _mirrors(service))
    if part(part(service, "weighted"), "sticky") is not None:
        yield f"sticky sessions of the weighted service {name}"
    if part(service, "highestrandomweight"):
        yield f"one server for each client, by highestRandomWeight of {name}"
    yield from (
        f"{key} of the service {name}" for key, value in service.items() if str(key).lower() not in _KINDS and value
    )


def _mirrors(service: Mapping[str, Any]) -> Iterator[str]:
    for each in entries(part(part(service, "mirroring"), "mirrors")):
        if name := _plain(part(each, "name")):
            yield name


def _plain(name: object) -> str:
    return str(name or "").removesuffix("@file")
