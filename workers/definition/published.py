"""Makes a model valid for a plain `docker compose`, which activates no profile. Pure functions.

Compose refuses a whole project in which one service needs another that is missing or whose profile is inactive: by
`depends_on`, `links`, `volumes_from`, by a namespace (`service:<name>`), or by a build's `additional_contexts`.
"""

import copy
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from workers.definition.images.built_with import CONTEXTS, SERVICE
from workers.definition.services.colors import CONTAINER, lead, lead_waits
from workers.definition.services.retired import SHARED

IDLE_PROFILE = "updater-idle"
IMAGE = "docker-image://"

Model = dict[str, Any]


def startable(model: Mapping[str, Any], idle: Mapping[str, str | None]) -> Model:
    """`model`, in which the services `idle` do not start, and everything else can.

    `idle` maps each to the service that runs in its place, if one does: what needs the idle one then needs that. One
    that is idle only waits for what runs: what else two idle ones share, they share with each other. What
    cannot run without an idle service for which none runs does not start either. A dependency on a service in another
    profile only counts while that profile is active; a service that another one cannot run without has no profile.
    """
    result: Model = copy.deepcopy(dict(model))
    services: dict[str, Model] = result.get("services") or {}
    stopped = {**idle}
    for name, service in services.items():
        _lead(name, service, {old: new for old, new in stopped.items() if new}, services, waits_only=name in idle)
    while left := [n for n in services if n not in stopped and set(required(services[n])) & _without_place(stopped)]:
        stopped |= dict.fromkeys(left)
    for name in (name for name in stopped if name in services):
        services[name]["profiles"] = [IDLE_PROFILE]
    _activate(services)
    for service in services.values():
        _loosen(service, services)
    return result


def jobs_in(model: Mapping[str, Any], of_release: Collection[str], of_today: Collection[str]) -> list[str]:
    """The services of `model` that only a rollout runs: the release's jobs, and those that are jobs since.

    Not one that is a job since and that another service cannot run without: the release ran it like any other.
    """
    services: Mapping[str, Mapping[str, Any]] = model.get("services") or {}
    others = {needed for name, service in services.items() if name not in of_today for needed in _shares_with(service)}
    return [name for name in services if name in of_release or name in {*of_today} - others]


def without_jobs(model: Mapping[str, Any], jobs: Collection[str]) -> Model:
    """`model`, in which nothing waits for `jobs`, and what is built from a job's image names that image.

    A service can be built from an image at any time, and from a service only if that is started too.
    https://docs.docker.com/reference/compose-file/build/#additional_contexts
    """
    result: Model = copy.deepcopy(dict(model))
    services: dict[str, Model] = result.get("services") or {}
    images = {f"{SERVICE}{job}": services[job].get("image") or f"{model.get('name')}-{job}" for job in jobs}
    for service in services.values():
        waits = service.pop("depends_on", None) or {}
        if left := {needed: how for needed, how in waits.items() if needed not in jobs}:
            service["depends_on"] = left
        contexts = (service.get("build") or {}).get(CONTEXTS) or {}
        for key, value in contexts.items():
            contexts[key] = f"{IMAGE}{images[value]}" if value in images else value
    return result


def _without_place(stopped: Mapping[str, str | None]) -> set[str]:
    return {name for name, instead in stopped.items() if instead is None}


def _lead(
    name: str, service: Model, live: Mapping[str, str], services: Mapping[str, Model], *, waits_only: bool
) -> None:
    """Replaces what leads to idle services. A service that would need itself does not."""
    if waits_only:
        lead_waits(service, live)
    else:
        lead(service, live, {}, keep_links=True)
        _drop_missing(name, service, services)
    if waits := service.get("depends_on"):
        service["depends_on"] = {needed: how for needed, how in waits.items() if needed != name and needed in services}


def _drop_missing(name: str, service: Model, services: Mapping[str, Model]) -> None:
    if links := service.get("links"):
        service["links"] = [link for link in links if link.partition(":")[0] in {*services} - {name}]
    if contexts := (service.get("build") or {}).get(CONTEXTS):
        service["build"][CONTEXTS] = {key: value for key, value in contexts.items() if _is_built(str(value), services)}


def _is_built(context: str, services: Mapping[str, Model]) -> bool:
    """Compose refuses the whole project if a build's context is a service that it cannot build."""
    return not context.startswith(SERVICE) or "build" in services.get(context.removeprefix(SERVICE), {})


def required(service: Mapping[str, Any]) -> Iterator[str]:
    """The services without which the service cannot be created."""
    yield from _shares_with(service)
    contexts = [str(each) for each in ((service.get("build") or {}).get(CONTEXTS) or {}).values()]
    yield from (each.removeprefix(SERVICE) for each in contexts if each.startswith(SERVICE))


def _shares_with(service: Mapping[str, Any]) -> Iterator[str]:
    """The services whose containers have to exist before that of the service."""
    yield from (str(link).partition(":")[0] for link in service.get("links") or ())
    sources = [str(each) for each in service.get("volumes_from") or ()]
    yield from (each.partition(":")[0] for each in sources if not each.startswith(CONTAINER))
    shared = [str(service.get(key) or "") for key in SHARED]
    yield from (each.removeprefix(SERVICE) for each in shared if each.startswith(SERVICE))


def _activate(services: Mapping[str, Model]) -> None:
    """Takes the profile of services that one without a profile cannot run without."""
    left = [name for name, service in services.items() if not service.get("profiles")]
    while left:
        for needed in required(services[left.pop()]):
            if services.get(needed, {}).get("profiles") not in (None, [], [IDLE_PROFILE]):
                del services[needed]["profiles"]
                left.append(needed)


def _loosen(service: Model, services: Mapping[str, Model]) -> None:
    for needed, how in (service.get("depends_on") or {}).items():
        if services[needed].get("profiles"):
            service["depends_on"][needed] = {**how, "required": False}
