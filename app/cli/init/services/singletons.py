"""Finds services that must not run twice, by their names and environment variables. Pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from app.cli.init.project.mounts import mounts_the_engine
from app.cli.init.project.service_facts import (
    Service,
    image_name,
    listening,
    pairs,
)
from app.cli.init.services.own_services import named_updater
from app.cli.init.services.pairs import short_name
from app.cli.init.valid_names import unique_names

Found = dict[str, tuple[str, str]]
"""Short name → the service and the reason."""

_BOT = re.compile(r"(?:^|[-_.])(?:discord|telegram|slack)?bots?(?:$|[-_.])", re.IGNORECASE)
_SESSION = re.compile(r"(?:DISCORD|TELEGRAM|SLACK|MATRIX)\w*TOKEN(?:_FILE)?|BOT_TOKEN(?:_FILE)?")
_ONCE = re.compile(
    r"(?:^|[-_.])(?:worker|workers|scheduler|cron|beat|consumer|poller|listener|jobs?|queue)(?:$|[-_.])", re.IGNORECASE
)


@dataclass(frozen=True)
class Others:
    """The other services of the project: `moved` are the colored ones, `servers` those that listen."""

    moved: Collection[str]
    updaters: Collection[str]
    servers: Collection[str]


def likely_singletons(services: Mapping[str, Service], prefix: str, others: Others) -> tuple[Found, Found]:
    """The certain singletons, and those that an operator has to decide on.

    `prefix` is the common prefix of the stack's services. A service with a pulled image (Postgres, Redis…) must have a
    bot's name to count. A token alone does not make a service that listens or mounts the engine's socket a singleton.
    """
    sure: dict[str, str] = {}
    unsure: dict[str, str] = {}
    shared = _shared_tokens(services, others)
    for service, definition in services.items():
        if service in others.moved or service in others.updaters or named_updater(service):
            continue
        named = _is_bot(service, definition)
        serves = bool(listening(definition)) or (not named and service in others.servers)
        why, certain = _reason(service, definition, shared, serves=serves)
        if why:
            certain = certain and not serves and (named or not mounts_the_engine(definition))
            (sure if certain else unsure)[service] = why
    names = unique_names({service: short_name(service, prefix) for service in (*sure, *unsure)})
    return _named(sure, names), _named(unsure, names)


def _named(reasons: Mapping[str, str], names: Mapping[str, str]) -> Found:
    return {names[service]: (service, why) for service, why in reasons.items()}


def _shared_tokens(services: Mapping[str, Service], others: Others) -> set[str]:
    """Tokens that a colored service or a service with a bot's name has. In other services they prove nothing.

    The reason: an `env_file` gives the same token to every service.
    """
    having = [s for name, s in services.items() if name in others.moved or _is_bot(name, s)]
    return {variable for service in having for variable in _tokens(service)}


def _reason(name: str, service: Service, shared: Collection[str], *, serves: bool) -> tuple[str, bool]:
    """Why the service may be a singleton, and whether that is certain."""
    if _is_bot(name, service):
        return "its name", True
    if variable := next((each for each in _tokens(service) if each not in shared), None):
        return f"its environment has {variable}", True
    if "build" not in service or mounts_the_engine(service):
        return "", False
    if _ONCE.search(name):
        return "its name", False
    return ("", False) if serves else ("it does not listen on a port", False)


def _is_bot(name: str, service: Service) -> bool:
    return bool(_BOT.search(name) or _BOT.search(image_name(service)))


def _tokens(service: Service) -> list[str]:
    return [name for name in pairs(service.get("environment")) if _SESSION.fullmatch(name)]
