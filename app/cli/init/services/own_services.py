"""Finds updaters among the services: this one by its commands, and older ones that it replaces. Pure."""

import re
from collections.abc import Mapping

from app.cli.init.project.mounts import mounts_the_engine
from app.cli.init.project.service_facts import (
    Service,
    image_name,
    pairs,
    words,
)

WEB, WORKER = "app.main", "workers.main"
IMAGE = "zetherion-updater"

_UPDATER = re.compile(r"(?:^|[-_.])updater(?:$|[-_.])", re.IGNORECASE)
_OLD_VARIABLES = frozenset({"UPDATER_STATE_PATH", "UPDATER_SECRET_PATH"})


def own_services(services: Mapping[str, Service]) -> tuple[str, str] | None:
    """This updater's web and worker; None unless both exist."""
    web, worker = (_that_runs(module, services) for module in (WEB, WORKER))
    return (web, worker) if web and worker else None


def old_updaters(services: Mapping[str, Service]) -> dict[str, str]:
    """Service → reason. Each mounts the engine's socket and has an updater's name or variables."""
    reasons = {n: _why_old(n, s) for n, s in services.items() if mounts_the_engine(s) and not _is_ours(s)}
    return {name: f"{why}, and it has the Docker socket" for name, why in reasons.items() if why}


def named_updater(name: str) -> bool:
    return _UPDATER.search(name) is not None


def _why_old(name: str, service: Service) -> str:
    variables = sorted(_OLD_VARIABLES & pairs(service.get("environment")).keys())
    if variables:
        return f"its environment has {', '.join(variables)}"
    names = (name, str(service.get("container_name") or ""), image_name(service))
    return "its name" if any(named_updater(each) for each in names) else ""


def _is_ours(service: Service) -> bool:
    return image_name(service) == IMAGE or bool({WEB, WORKER} & set(words(service.get("command"))))


def _that_runs(module: str, services: Mapping[str, Service]) -> str | None:
    return next((name for name, service in services.items() if module in words(service.get("command"))), None)
